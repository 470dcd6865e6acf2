/* conclave-courier: what calls out. Wiring only; README.md beside this file
 * says what it hears, holds and may do. */
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "courier/courier.h"
#include "courier/sandbox.h"
#include "ipc/role.h"

#define MOD "main"

enum { TRUST_BYTES_MAX = 8 << 20, TRUST_FILES_MAX = 4 };

struct app {
	struct courier courier;
	struct role *role;
};

static void die(const char *what, int error)
{
	log_error(MOD, what, LOG_E("reason", error));
	exit(EXIT_FAILURE);
}

/* --- callbacks ---------------------------------------------------------------- */

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;
	int r = E_DENIED;

	if (peer == ROLE_CORE)
		r = courier_link(&a->courier, instance, fd);
	else
		(void)close(fd);
	if (r < 0)
		log_error(MOD, "no channel to core", LOG_E("reason", r));
}

static void on_core_lost(void *arg, uint32_t instance)
{
	role_link_lost(((struct app *)arg)->role, ROLE_CORE, instance);
}

static void on_stop(void *arg)
{
	(void)event_base_loopbreak(((struct app *)arg)->courier.base);
}

/* --- whom we trust ----------------------------------------------------------------- */

static int read_all(int fd, uint8_t *buf, size_t cap, size_t *n)
{
	ssize_t got;

	*n = 0;
	while (*n < cap && (got = pread(fd, buf + *n, cap - *n,
					(off_t)*n)) != 0) {
		if (got < 0)
			return E_SYS;
		*n += (size_t)got;
	}
	return *n < cap ? 0 : E_LIMIT;
}

static int trust_file(struct courier *c, int fd, uint8_t *buf)
{
	size_t n = 0;
	int r = fd < 0 ? E_SYS : read_all(fd, buf, TRUST_BYTES_MAX, &n);

	if (r == 0)
		r = fetcher_trust(c->fetcher, span_of(buf, n));
	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* FD_TRUST is what the operator wants; without it, the system's bundle. */
static void trust(struct courier *c, struct role_boot *b)
{
	static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
	uint8_t *buf = mem_alloc(TRUST_BYTES_MAX);
	int fd, r, total = 0;
	unsigned files = 0;

	if (!buf)
		die("start", E_NOMEM);
	while (files < TRUST_FILES_MAX &&
	       (fd = role_boot_fd(b, CV__FD_NAME__FD_TRUST, 0)) >= 0) {
		r = trust_file(c, fd, buf);
		if (r < 0)
			log_error(MOD, "a file of trusted CAs cannot be read",
				  LOG_E("reason", r));
		total += r > 0 ? r : 0;
		files++;
	}
	if (!files) {
		r = trust_file(c, open(bundle, O_RDONLY | O_CLOEXEC), buf);
		total += r > 0 ? r : 0;
	}
	mem_free(buf);
	if (!total)
		log_warn(MOD, "no trusted CA: every call out will fail");
}

/* --- start --------------------------------------------------------------------------- */

/* "1.2.3.4", "1.2.3.4:5", "2001:db8::1", "[2001:db8::1]:5" */
static int address_read(struct addr *out, struct span text)
{
	struct span host, rest;

	if (addr_parse(out, text, 0) == 0)
		return 0;
	if (text.n && text.p[0] == '[')
		(void)span_split(span_of(text.p + 1, text.n - 1), ']', &host,
				 &rest);
	else
		(void)span_split(text, ':', &host, &rest);
	return addr_parse(out, host, 0);
}

static void own_addresses(struct courier *c, const struct role_boot *b)
{
	struct addr a;

	for (size_t i = 0; i < b->n_options; i++) {
		struct span value = span_str(b->options[i].value);

		if (strcmp(b->options[i].name, "advertise") != 0)
			continue;
		if (address_read(&a, value) < 0)
			log_warn(MOD, "advertised address not understood",
				 LOG_T("value", value));
		else if (courier_own(c, &a) < 0)
			die("too many addresses of our own", E_FULL);
	}
}

static void start(struct app *a, struct role_boot *b)
{
	struct event_base *base = event_base_new();
	int r;

	if (!base)
		die("start", E_NOMEM);
	r = courier_init(&a->courier, base,
			 role_boot_option(b, "nameservers", NULL));
	if (r < 0)
		die("the libraries for calling out do not start", r);
	a->courier.on_core_lost = on_core_lost;
	a->courier.arg = a;
	trust(&a->courier, b);
	own_addresses(&a->courier, b);
}

static void attach(struct app *a)
{
	struct role_callbacks cb = {.on_link = on_link, .on_stop = on_stop,
				    .arg = a};
	int r = role_attach(&a->role, a->courier.base, &cb);

	if (r == 0)
		r = sandbox_enter(&courier_sandbox);
	if (r == 0)
		r = role_ready(a->role);
	if (r < 0)
		die("the sandbox cannot be closed", r);
}

int main(void)
{
	static struct role_boot boot;
	static struct app app;

	(void)sandbox_early();
	role_start(ROLE_COURIER, &boot);
	tzset();	/* libraries ask for local time: the file is read now */
	if (crypto_warm() < 0)
		die("crypto", E_CRYPTO);
	start(&app, &boot);
	attach(&app);
	(void)event_base_dispatch(app.courier.base);
	return EXIT_SUCCESS;
}
