/* conclave-web: the public face. Wiring only; src/web/README.md says what it
 * hears, holds and may do. */
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "base/wr.h"
#include "http/tls_key.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"
#include "web/json/in.h"
#include "web/sandbox.h"
#include "web/sdp_leg.h"
#include "web/web.h"

#define MOD "web"

enum { TICK_MIN_MS = 10, TICK_MAX_MS = 200, HOSTS_TEXT_MAX = 16384,
       STATS_S = 300 };

struct app {
	struct web web;
	struct tls_key *key;
	struct http_tls *tls;
	struct event *tick;
	struct timer stats;
	uint64_t refused_before;
};

static void die(const char *what, int error)
{
	log_error(MOD, what, LOG_E("reason", error));
	exit(EXIT_FAILURE);
}

static void refuse(const char *what, int error)
{
	log_error(MOD, what, LOG_E("reason", error));
	exit(error == E_NOMEM ? EXIT_FAILURE : role_refuse(what));
}

/* --- the wheel ----------------------------------------------------------- */

static void tick_again(struct app *a, uint64_t now_ns)
{
	uint64_t ms = timer_wheel_wait_ns(a->web.wheel, now_ns) / NS_PER_MS;
	if (ms < TICK_MIN_MS)
		ms = TICK_MIN_MS;
	if (ms > TICK_MAX_MS)
		ms = TICK_MAX_MS;
	struct timeval tv = {.tv_usec = (suseconds_t)ms * 1000};
	(void)event_add(a->tick, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;
	uint64_t now_ns = clock_mono_ns();
	(void)fd;
	(void)what;
	(void)timer_wheel_advance(a->web.wheel, now_ns);
	tick_again(a, now_ns);
}

static void on_sweep(struct timer *t, void *arg, uint64_t now_ns)
{
	struct web *w = arg;
	link_sweep(w, now_ns);
	streams_sweep(w, now_ns);
	load_tell(w, now_ns);
	timer_set(w->wheel, t, now_ns + WEB_SWEEP_MS * NS_PER_MS);
}

static void on_bans_sweep(struct timer *t, void *arg, uint64_t now_ns)
{
	struct web *w = arg;
	bans_sweep(w->bans, now_ns);
	timer_set(w->wheel, t, now_ns + WEB_BANS_SWEEP_MS * NS_PER_MS);
}

static void on_stats(struct timer *t, void *arg, uint64_t now_ns)
{
	struct app *a = arg;
	struct http_stats h;
	struct source_stats s;
	http_server_stats(a->web.https, &h);
	sources_stats(a->web.sources, &s);
	uint64_t refused = h.refused_full + h.refused_source + h.too_fast +
			   h.refused_handshakes + h.refused_banned +
			   h.refused_proxy + h.evicted + h.bad_forwarded +
			   h.bad_requests + h.bad_hosts + h.handshake_failed;
	if (refused != a->refused_before)
		log_info(MOD, "refused so far",
			 LOG_U("conns", h.conns), LOG_U("streams", h.streams),
			 LOG_U("requests", h.requests),
			 LOG_U("full", h.refused_full),
			 LOG_U("per_source", h.refused_source),
			 LOG_U("too_fast", h.too_fast),
			 LOG_U("malformed", h.bad_requests),
			 LOG_U("host", h.bad_hosts),
			 LOG_U("handshake", h.handshake_failed),
			 LOG_U("handshakes", h.refused_handshakes),
			 LOG_U("banned", h.refused_banned),
			 LOG_U("proxy", h.refused_proxy),
			 LOG_U("forwarded", h.bad_forwarded),
			 LOG_U("made_room", h.evicted),
			 LOG_U("passed", h.passed),
			 LOG_U("evicted", s.evicted));
	a->refused_before = refused;
	timer_set(a->web.wheel, t, now_ns + STATS_S * NS_PER_S);
}

/* --- callbacks ----------------------------------------------------------- */

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;
	if (peer == ROLE_CORE) {
		link_attach(&a->web, instance, fd);
	} else if (peer == ROLE_KEYS) {
		int r = tls_key_link(a->key, instance, fd);
		if (r < 0)
			log_error(MOD, "no channel to keys",
				  LOG_E("reason", r));
	} else {
		(void)close(fd);
	}
}

/* Another certificate. `keys` has judged it; should it not do here, the former
 * stays. */
static void on_listen(void *arg, uint32_t name, int fd)
{
	struct app *a = arg;
	struct http_tls *tls = NULL;
	EVP_PKEY *key = NULL;
	uint8_t *pem = NULL;
	X509 *leaf = NULL;
	size_t n;
	if (fd < 0 || name != CV__FD_NAME__FD_TLS_CERT) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	int r = http_tls_read(&pem, &n, fd);
	if (r == 0)
		r = http_tls_leaf(&leaf, span_of(pem, n));
	if (r == 0)
		r = tls_key_make(a->key, &key, leaf);
	if (r == 0)
		r = http_tls_new(&tls, span_of(pem, n), key);
	if (r == 0) {
		http_server_set_tls(a->web.https, tls);
		http_tls_free(&a->tls);
		a->tls = tls;
		log_notice(MOD, "the certificate was changed");
	} else {
		log_error(MOD, "the certificate cannot be changed; the former "
			  "stays", LOG_E("reason", r));
	}
	EVP_PKEY_free(key);
	X509_free(leaf);
	mem_free(pem);
}

static void on_stop(void *arg)
{
	struct app *a = arg;
	(void)event_base_loopbreak(a->web.base);
}

static void on_gone(void *arg, uint64_t id)
{
	streams_on_gone(arg, id);
}

static void on_serving(void *arg, const struct addr *source)
{
	struct web *w = arg;
	role_serving(w->role, source);
}

/* --- start --------------------------------------------------------------- */

static size_t read_cert(struct role_boot *b, uint8_t *buf, size_t cap)
{
	int fd = role_boot_fd(b, CV__FD_NAME__FD_TLS_CERT, 0);
	ssize_t n = fd >= 0 ? pread(fd, buf, cap, 0) : -1;
	if (n <= 0)
		refuse("the certificate (tls/server.crt) cannot be read: restore it from a backup", E_SYS);
	(void)close(fd);
	return (size_t)n;
}

static void start_tls(struct app *a, struct role_boot *b)
{
	uint8_t *pem = mem_alloc(HTTP_TLS_PEM_MAX);
	X509 *leaf = NULL;
	if (!pem)
		die("start", E_NOMEM);
	struct span chain = span_of(pem, read_cert(b, pem, HTTP_TLS_PEM_MAX));
	int r = http_tls_leaf(&leaf, chain);
	if (r == 0)
		r = tls_key_new(&a->key, leaf, ROLE_WEB, b->instance);
	if (r == 0)
		r = http_tls_new(&a->tls, chain, tls_key_pkey(a->key));
	if (r < 0)
		refuse("the certificate (tls/server.crt) cannot be used: put a PEM chain there that fits tls/server.key, or restore it from a backup", r);
	X509_free(leaf);
	mem_free(pem);
}

static void load_files(struct web *w, struct role_boot *b)
{
	int fd = role_boot_fd(b, CV__FD_NAME__FD_STATIC_DIR, 0);
	int r = fd >= 0 ? files_load(&w->files, fd) : E_NOTFOUND;
	if (r < 0)
		die("the files of the meeting page cannot be read", r);
	(void)close(fd);
	if (!files_find(w->files, SPAN_LIT("index.html")))
		log_warn(MOD, "the meeting page is missing: only the API "
			 "is served");
}

static struct span boot_hosts(const struct role_boot *b, char *dst, size_t cap)
{
	struct wr text = wr_of(dst, cap);
	struct span out = SPAN_NONE;
	for (size_t i = 0; i < b->n_options; i++) {
		if (strcmp(b->options[i].name, "hosts") != 0)
			continue;
		wr_str(&text, b->options[i].value);
		wr_str(&text, ",");
	}
	if (wr_end(&text, &out) < 0)
		die("too many host names", E_LIMIT);
	return out;
}

static void start_settings(struct web *w, const struct role_boot *b)
{
	static char text[HOSTS_TEXT_MAX];
	uint64_t port = 443;
	(void)span_u64(span_str(role_boot_option(b, "https_port", "443")),
		       65535, &port);
	int r = settings_init(w, boot_hosts(b, text, sizeof(text)),
			      (uint16_t)port);
	if (r < 0)
		die("the list of host names cannot be read", r);
}

static void start_servers(struct app *a, struct role_boot *b)
{
	struct web *w = &a->web;
	struct http_server_cfg cfg = {
		.base = w->base, .wheel = w->wheel, .tls = a->tls,
		.hosts = w->boot_hosts, .sources = w->sources,
		.proxies = &w->set.proxies,
		.conns_max = w->set.room.conns_max,
		.proxy_conns_max = w->set.room.proxy_conns_max,
		.bytes_max = w->set.room.bytes_max,
		.grace_ms = w->set.room.grace_ms,
		.on_request = api_on_request, .on_gone = on_gone,
		.on_serving = on_serving, .on_admit = api_on_admit,
		.on_standing = api_on_standing, .on_pass = sessions_on_pass,
		.arg = w,
	};
	int r = http_server_new(&w->https, &cfg);
	cfg.tls = NULL;
	cfg.on_request = redirect_on_request;
	cfg.on_gone = NULL;
	cfg.on_standing = NULL;
	cfg.on_pass = NULL;
	cfg.conns_max /= 8;
	cfg.proxy_conns_max /= 8;
	cfg.bytes_max /= 8;
	if (r == 0)
		r = http_server_new(&w->http, &cfg);
	int fd = role_boot_fd(b, CV__FD_NAME__FD_LISTEN_HTTPS, 0);
	if (r == 0 && fd < 0)
		r = E_NOTFOUND;
	if (r == 0)
		r = http_server_listen(w->https, fd);
	fd = role_boot_fd(b, CV__FD_NAME__FD_LISTEN_HTTP, 0);
	if (r == 0 && fd >= 0)
		r = http_server_listen(w->http, fd);
	if (r < 0)
		die("the listening socket cannot be used", r);
}

static void start_web(struct app *a, const struct role_boot *b)
{
	struct web *w = &a->web;
	uint64_t now_ns = clock_mono_ns();
	w->instance = b->instance;
	w->base = http_loop_new();
	a->tick = w->base ? event_new(w->base, -1, 0, on_tick, a) : NULL;
	int r = a->tick ? timer_wheel_new(&w->wheel, now_ns) : E_NOMEM;
	if (r == 0)
		r = arena_new(&w->arena, SDP_LEG_ARENA_BYTES);
	if (r == 0)
		r = link_init(w);
	if (r == 0)
		r = streams_init(w);
	if (r == 0)
		r = sessions_init(w);
	if (r == 0)
		r = bans_new(&w->bans);
	if (r < 0)
		die("start", r);
	w->started_ns = now_ns;
	timer_init(&w->bans_sweep, on_bans_sweep, w);
	timer_set(w->wheel, &w->bans_sweep,
		  now_ns + WEB_BANS_SWEEP_MS * NS_PER_MS);
	timer_init(&w->sweep, on_sweep, w);
	timer_set(w->wheel, &w->sweep, now_ns + WEB_SWEEP_MS * NS_PER_MS);
	timer_init(&a->stats, on_stats, a);
	timer_set(w->wheel, &a->stats, now_ns + STATS_S * NS_PER_S);
	start_settings(w, b);
}

static void attach(struct app *a)
{
	struct role_callbacks cb = {.on_link = on_link, .on_stop = on_stop,
				    .on_listen = on_listen, .arg = a};
	int r = role_attach(&a->web.role, a->web.base, &cb);
	if (r == 0)
		r = sandbox_enter(&web_sandbox);
	if (r == 0)
		r = role_ready(a->web.role);
	if (r < 0)
		die("the sandbox cannot be closed", r);
}

int main(void)
{
	static struct role_boot boot;
	static struct app app;
	(void)sandbox_early();
	role_start(ROLE_WEB, &boot);
	if (crypto_warm() < 0)
		die("crypto", E_CRYPTO);
	json_in_warm();
	start_web(&app, &boot);
	start_tls(&app, &boot);
	load_files(&app.web, &boot);
	start_servers(&app, &boot);
	attach(&app);
	tick_again(&app, clock_mono_ns());
	(void)event_base_dispatch(app.web.base);
	/* Connections end with the process: nothing of theirs is stored. */
	return EXIT_SUCCESS;
}
