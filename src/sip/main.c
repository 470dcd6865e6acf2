/* conclave-sip: the face for SIP. Wiring only; src/sip/README.md says what it
 * hears, holds and may do. */
#include <event2/event.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "http/tls.h"
#include "ipc/super.pb-c.h"
#include "sip/app.h"
#include "sip/sandbox.h"

#define MOD "sip"

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

/* --- callbacks ----------------------------------------------------------- */

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;

	if (peer == ROLE_CORE)
		app_core(a, instance, fd);
	else if (peer != ROLE_KEYS)
		(void)close(fd);
	else if (tls_key_link(a->key, instance, fd) < 0)
		log_error(MOD, "no channel to keys");
}

static void on_stop(void *arg)
{
	struct app *a = arg;

	app_close(a);
	(void)event_base_loopbreak(a->base);
}

static void on_listen(void *arg, uint32_t name, int fd)
{
	app_listen(arg, name, fd);
}

/* --- start --------------------------------------------------------------- */

/* The whole file, at most `max` bytes; NULL when there is none. */
static uint8_t *slurp(struct role_boot *b, Cv__FdName name, size_t max,
		      size_t *n)
{
	int fd = role_boot_fd(b, name, 0);
	uint8_t *p = fd >= 0 ? mem_alloc(max) : NULL;

	*n = 0;
	while (p && *n < max) {
		ssize_t r = pread(fd, p + *n, max - *n, (off_t)*n);

		if (r <= 0)
			break;
		*n += (size_t)r;
	}
	if (fd >= 0)
		(void)close(fd);
	return p;
}

static void start_tls(struct app *a, struct role_boot *b)
{
	size_t n_pem, n_trust;
	uint8_t *pem = slurp(b, CV__FD_NAME__FD_TLS_CERT, HTTP_TLS_PEM_MAX,
			     &n_pem);
	uint8_t *trust = slurp(b, CV__FD_NAME__FD_TRUST, SIP_TLS_TRUST_MAX,
			       &n_trust);
	X509 *leaf = NULL;
	int r = pem && n_pem ? http_tls_leaf(&leaf, span_of(pem, n_pem)) :
		E_SYS;

	if (!r)
		r = tls_key_new(&a->key, leaf, ROLE_SIP, b->instance);
	if (!r)
		r = sip_tls_new(&a->tls, span_of(pem, n_pem),
				tls_key_pkey(a->key), span_of(trust, n_trust));
	if (r < 0)
		refuse("the certificate (tls/server.crt) cannot be used: put a PEM chain there that fits tls/server.key, or restore it from a backup", r);
	X509_free(leaf);
	mem_free(pem);
	mem_free(trust);
}

static void start_listening(struct app *a, struct role_boot *b)
{
	int fd = role_boot_fd(b, CV__FD_NAME__FD_LISTEN_SIP_TLS, 0);
	int r = fd >= 0 ? net_listen(a->net, true, fd) : 0;

	if (r < 0)
		die("the listening socket cannot be used", r);
}

static void attach(struct app *a)
{
	struct role_callbacks cb = {.on_link = on_link, .on_stop = on_stop,
				    .on_listen = on_listen, .arg = a};
	int r = role_attach(&a->role, a->base, &cb);

	if (r == 0)
		r = sandbox_enter(&sip_sandbox);
	if (r == 0)
		r = role_ready(a->role);
	if (r < 0)
		die("the sandbox cannot be closed", r);
}

int main(void)
{
	static struct role_boot boot;
	static struct app app;
	int r;

	(void)sandbox_early();
	role_start(ROLE_SIP, &boot);
	sip_tls_warm();
	if (crypto_warm() < 0)
		die("crypto", E_CRYPTO);
	start_tls(&app, &boot);
	r = app_open(&app, &boot);
	if (r < 0)
		die("start", r);
	start_listening(&app, &boot);
	attach(&app);
	app_tick_again(&app, clock_mono_ns());
	(void)event_base_dispatch(app.base);
	return EXIT_SUCCESS;
}
