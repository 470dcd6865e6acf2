/* conclave-keys: wiring only. */
#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/crypto/p256.h"
#include "base/log.h"
#include "ipc/keys.pb-c.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"
#include "keys/keys.h"
#include "keys/sandbox.h"

#define MOD "keys"

struct link {
	struct app *app;
	struct ipc_ev *ev;
	enum ipc_role peer;
	uint32_t instance;
};

struct app {
	struct event_base *base;
	struct role *role;
	struct keys *keys;
	int refusal;			/* the exit code of role_refuse */
	struct link links[KEYS_LINKS_MAX];
};

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct link *l = arg;
	const Cv__SignRequest *q = (const Cv__SignRequest *)msg;
	Cv__SignReply a = CV__SIGN_REPLY__INIT;
	uint8_t sig[P256_SIG_MAX];
	size_t n = 0;
	int r;

	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	if (type != IPC_SIGN_REQUEST)
		return;
	r = keys_sign(l->app->keys, q->key, q->alg, ipc_bytes(q->digest),
		      clock_mono_ns(), sig, &n);
	if (r < 0)
		log_warn(MOD, "not signed",
			 LOG_S("face", ipc_role_name(l->peer)),
			 LOG_E("error", r));
	a.req = q->req;
	a.ok = r == 0;
	a.signature = ipc_data(span_of(sig, n));
	(void)ipc_send(ch, SIGN_REPLY, &a);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct link *l = arg;

	(void)ch;
	if (error != E_CLOSED)
		log_warn(MOD, "link refused",
			 LOG_S("face", ipc_role_name(l->peer)),
			 LOG_E("error", error));
	ipc_ev_free(&l->ev);
	role_link_lost(l->app->role, l->peer, l->instance);
}

/* The place of the same peer's former link, else a free one. */
static struct link *place_for(struct app *a, enum ipc_role peer,
			      uint32_t instance)
{
	struct link *free_one = NULL;

	for (size_t i = 0; i < KEYS_LINKS_MAX; i++) {
		struct link *l = &a->links[i];

		if (l->ev && l->peer == peer && l->instance == instance)
			return l;
		if (!l->ev && !free_one)
			free_one = l;
	}
	return free_one;
}

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;
	struct link *l = place_for(a, peer, instance);
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = ROLE_KEYS, .peer = peer,
		.peer_instance = instance, .on_msg = on_msg,
		.on_down = on_down, .arg = l,
	};
	int r;

	if (!l) {
		close(fd);
		log_error(MOD, "too many links");
		return;
	}
	ipc_ev_free(&l->ev);
	l->app = a;
	l->peer = peer;
	l->instance = instance;
	r = ipc_ev_new(&l->ev, a->base, &cfg);
	if (r < 0)
		log_error(MOD, "no link", LOG_E("error", r));
}

static void on_stop(void *arg)
{
	struct app *a = arg;

	(void)event_base_loopbreak(a->base);
}

static int load_key(struct app *a, struct role_boot *boot)
{
	int fd = role_boot_fd(boot, CV__FD_NAME__FD_TLS_KEY, 0);
	struct secret pem;
	ssize_t n;
	int r;

	if (fd < 0)
		return E_NOTFOUND;
	r = secret_init(&pem, NULL, KEYS_PEM_MAX);
	if (r < 0)
		return r;
	n = pread(fd, pem.p, pem.n, 0);
	close(fd);
	r = n <= 0 || (size_t)n == pem.n ? E_FORMAT :
	    keys_new(&a->keys, span_of(pem.p, (size_t)n), clock_mono_ns());
	secret_release(&pem);
	return r;
}

/* One signature before the walls close: what the library loads late, it
 * loads now. */
static int warm(struct app *a)
{
	uint8_t digest[P256_DIGEST_LEN] = {0}, sig[P256_SIG_MAX];
	size_t n;
	int r = crypto_warm();

	return r ? r : keys_sign(a->keys, 0,
				 CV__SIGN_ALG__SIGN_ECDSA_P256_SHA256,
				 span_of(digest, sizeof(digest)),
				 clock_mono_ns(), sig, &n);
}

static int start(struct app *a)
{
	struct role_callbacks cb = {
		.on_link = on_link, .on_stop = on_stop, .arg = a,
	};
	struct role_boot *boot = mem_zalloc(sizeof(*boot));
	int r;

	if (!boot)
		return E_NOMEM;
	role_start(ROLE_KEYS, boot);
	r = load_key(a, boot);
	if (r < 0) {
		log_error(MOD, "the TLS key cannot be used", LOG_E("error", r));
		if (r != E_NOMEM)
			a->refusal = role_refuse("the TLS key (tls/server.key) cannot be used: put an unencrypted P-256 key in PEM there, or restore it from a backup");
	}
	if (!r)
		r = warm(a);
	if (!r) {
		a->base = event_base_new();
		r = a->base ? sandbox_enter(&keys_sandbox) : E_NOMEM;
	}
	for (size_t i = 0; i < boot->n_fds; i++)
		if (boot->fds[i].fd >= 0)
			close(boot->fds[i].fd);
	mem_free(boot);
	if (!r)
		r = role_attach(&a->role, a->base, &cb);
	return r ? r : role_ready(a->role);
}

int main(void)
{
	struct app a = {.base = NULL};
	int r;

	if (sandbox_early() < 0)
		return 1;
	r = start(&a);
	if (r < 0) {
		log_error(MOD, "cannot serve", LOG_E("error", r));
		return a.refusal ? a.refusal : 1;
	}
	(void)event_base_dispatch(a.base);
	for (size_t i = 0; i < KEYS_LINKS_MAX; i++)
		ipc_ev_free(&a.links[i].ev);
	keys_free(&a.keys);
	return 0;
}
