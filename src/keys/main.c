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
	int new_key;			/* waits for its certificate; -1 = none */
	const char *why;		/* what is wrong with the first pair */
	int64_t not_after_s;		/* of the one in force */
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
	r = keys_sign(l->app->keys, &(struct keys_ask){
		      q->key, q->alg, ipc_bytes(q->digest),
		      ipc_bytes(q->public_)}, clock_mono_ns(), sig, &n);
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

/* --- the pair in force ----------------------------------------------------- */

/* The whole file, which is taken over. E_FORMAT: empty, or too large. Others
 * hold the same descriptor: its offset is not ours. */
static int read_file(struct secret *out, size_t max, int fd)
{
	size_t n = 0;
	int r = fd < 0 ? E_NOTFOUND : secret_init(out, NULL, max);

	while (!r && n < max) {
		ssize_t got = pread(fd, out->p + n, max - n, (off_t)n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (!r && (n == 0 || n == max)) {
		secret_release(out);
		r = E_FORMAT;
	}
	if (!r)
		out->n = n;
	return r;
}

static int64_t wall_s(void)
{
	return clock_wall_us() / 1000000;
}

static void change(struct app *a, int key_fd, int cert_fd)
{
	struct secret key = {NULL, 0}, cert = {NULL, 0};
	const char *why = "tls/server.key cannot be read";

	if (read_file(&key, KEYS_PEM_MAX, key_fd) < 0)
		close(cert_fd);
	else if (read_file(&cert, KEYS_CHAIN_MAX, cert_fd) < 0)
		why = "tls/server.crt cannot be read";
	else
		why = keys_change(a->keys, secret_span(&key),
				  secret_span(&cert), wall_s(),
				  clock_mono_ns(), &a->not_after_s);
	secret_release(&key);
	secret_release(&cert);
	role_certificate(a->role, why, a->not_after_s, true);
}

/* Both, the key first. */
static void on_listen(void *arg, uint32_t name, int fd)
{
	struct app *a = arg;
	const int key = a->new_key;

	if (fd < 0)
		return;
	a->new_key = -1;
	if (name == CV__FD_NAME__FD_TLS_CERT && key >= 0) {
		change(a, key, fd);
		return;
	}
	if (key >= 0)
		close(key);
	if (name == CV__FD_NAME__FD_TLS_KEY)
		a->new_key = fd;
	else
		close(fd);
}

static int load_key(struct app *a, struct role_boot *boot)
{
	struct secret pem, cert;
	int r = read_file(&pem, KEYS_PEM_MAX,
			  role_boot_fd(boot, CV__FD_NAME__FD_TLS_KEY, 0));

	if (r < 0)
		return r;
	r = keys_new(&a->keys, secret_span(&pem), clock_mono_ns());
	secret_release(&pem);
	/* A pair that does not do is for the faces to refuse, and told. */
	a->why = "tls/server.crt cannot be read";
	if (!r && read_file(&cert, KEYS_CHAIN_MAX, role_boot_fd(boot,
			    CV__FD_NAME__FD_TLS_CERT, 0)) == 0) {
		a->why = keys_judge(a->keys, secret_span(&cert), wall_s(),
				    &a->not_after_s);
		secret_release(&cert);
	}
	return r;
}

/* One signature before the walls close: what the library loads late, it
 * loads now. */
static int warm(struct app *a)
{
	uint8_t digest[P256_DIGEST_LEN] = {0}, sig[P256_SIG_MAX];
	size_t n;
	int r = crypto_warm();

	return r ? r : keys_sign(a->keys, &(struct keys_ask){
				 0, CV__SIGN_ALG__SIGN_ECDSA_P256_SHA256,
				 span_of(digest, sizeof(digest)), SPAN_NONE},
				 clock_mono_ns(), sig, &n);
}

static int start(struct app *a)
{
	struct role_callbacks cb = {
		.on_link = on_link, .on_stop = on_stop,
		.on_listen = on_listen, .arg = a,
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
	if (!r)
		role_certificate(a->role, a->why, a->not_after_s, false);
	return r ? r : role_ready(a->role);
}

int main(void)
{
	struct app a = {.new_key = -1};
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
