/* The media role: wiring only. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "ipc/role.h"
#include "media/audio/prompts.h"
#include "media/media.h"
#include "media/sandbox.h"
#include "super.pb-c.h"

#define MOD "main"

enum { TURN_MS = 1000 };

struct app {
	struct media *media;
	struct role *role;
	struct watch watch;
	bool is_stopping;
};

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;

	if (peer == ROLE_CORE)
		control_link(a->media, fd, instance);
	else
		vlink_set(a->media, fd);
}

static void on_stop(void *arg)
{
	struct app *a = arg;

	a->is_stopping = true;
}

static void super_watch(struct app *a)
{
	(void)loop_set(&a->media->loop, &a->watch, EPOLLIN |
		       (role_wants_write(a->role) ? (uint32_t)EPOLLOUT : 0));
}

static void on_super(void *arg, uint32_t events, uint64_t now_ns)
{
	struct app *a = arg;

	a->media->now_ns = now_ns;
	if (events & EPOLLOUT)
		role_output(a->role);
	role_input(a->role);
}

/* "1.2.3.4", "1.2.3.4:5", "[2001:db8::1]", "[2001:db8::1]:5". */
static int advertised_parse(struct addr *out, struct span text)
{
	struct span host = text, port = SPAN_NONE;
	uint64_t n = 0;

	if (text.n && text.p[0] == '[') {
		host = span_of(text.p + 1, text.n - 1);
		if (!span_split(host, ']', &host, &port))
			return E_FORMAT;
		if (port.n && port.p[0] != ':')
			return E_FORMAT;
		if (port.n)
			port = span_of(port.p + 1, port.n - 1);
	} else {
		(void)span_split(text, ':', &host, &port);
	}
	if (port.n && span_u64(port, 65535, &n) < 0)
		return E_FORMAT;
	return addr_parse(out, host, (uint16_t)n);
}

/* Options of Boot: `advertise`, any number of times (none: every local
 * address), and `loopback` = "1" for tests. */
static void advertised(struct media_cfg *cfg, const struct role_boot *b)
{
	for (size_t i = 0; i < b->n_options; i++) {
		struct addr *a = &cfg->advertised[cfg->n_advertised];
		struct span value = span_str(b->options[i].value);

		if (strcmp(b->options[i].name, "advertise") != 0 ||
		    cfg->n_advertised == ICE_CANDIDATES_MAX)
			continue;
		if (advertised_parse(a, value) < 0)
			log_warn(MOD, "advertised address not understood",
				 LOG_T("value", value));
		else
			cfg->n_advertised++;
	}
}

/* The range that the firewall opens for media. */
static uint16_t port_of(const struct role_boot *b, const char *name)
{
	uint64_t n = 0;

	if (span_u64(span_str(role_boot_option(b, name, "0")), 65535, &n) < 0)
		return 0;
	return (uint16_t)n;
}

static void on_serving(void *arg, const struct addr *source)
{
	struct app *a = arg;

	if (a->role)
		role_serving(a->role, source);
}

static void prompts(struct media_cfg *cfg, int fd)
{
	int r = fd < 0 ? E_NOTFOUND : prompts_open(&cfg->prompts, fd);

	if (r < 0)
		log_warn(MOD, "no spoken prompts", LOG_E("error", r));
}

static int boot(struct app *a)
{
	struct role_boot *b = mem_zalloc(sizeof(*b));
	struct media_cfg cfg = {.serving = on_serving, .arg = a};
	int r;

	if (!b)
		return E_NOMEM;
	role_start(ROLE_MEDIA, b);
	cfg.udp_fd = role_boot_fd(b, CV__FD_NAME__FD_MEDIA_UDP, 0);
	cfg.tcp_fd = role_boot_fd(b, CV__FD_NAME__FD_MEDIA_TCP, 0);
	prompts(&cfg, role_boot_fd(b, CV__FD_NAME__FD_PROMPTS, 0));
	cfg.instance = b->instance;
	cfg.is_loopback = role_boot_option(b, "loopback", "0")[0] == '1';
	cfg.port_first = port_of(b, "media_port_first");
	cfg.port_last = port_of(b, "media_port_last");
	advertised(&cfg, b);
	r = media_new(&a->media, &cfg);
	mem_free(b);
	return r;
}

int main(void)
{
	struct app a = {.media = NULL};
	struct role_callbacks cb = {.on_link = on_link, .on_stop = on_stop,
				    .arg = &a};

	if (sandbox_early() < 0 || boot(&a) < 0 ||
	    role_attach_raw(&a.role, &cb) < 0) {
		log_error(MOD, "media did not start");
		return 1;
	}
	if (sandbox_enter(&media_sandbox) < 0) {
		log_error(MOD, "the sandbox did not close");
		return 1;
	}
	a.watch = (struct watch){.fd = role_fd(a.role), .fn = on_super,
				 .arg = &a};
	if (role_ready(a.role) < 0)
		return 1;
	while (!a.is_stopping) {
		super_watch(&a);
		media_turn(a.media, TURN_MS);
	}
	media_free(&a.media);
	return 0;
}
