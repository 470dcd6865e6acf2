/* The hook is EC_KEY_METHOD's sign function. OpenSSL 3 marks the call as
 * deprecated but keeps it in all of 3.x; docs/keys.md names the successor. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "http/tls_key.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <poll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/p256.h"
#include "base/log.h"
#include "ipc/keys.pb-c.h"

#define MOD "tls"

enum { EX_APP_DATA = 0, INPUT_BUDGET = 16 };	/* index 0: the application's */

struct tls_key {
	EC_KEY_METHOD *method;
	EVP_PKEY *pkey;
	struct ipc_chan *ch;
	enum ipc_role self;
	uint32_t instance;
	uint32_t req;		/* of the signature being waited for */
	bool answered, ok;
	uint64_t rest_until_ns;	/* after a wait in vain: ask, but do not wait */
	uint8_t sig[P256_SIG_MAX];
	size_t sig_n;
	struct tls_key_stats stats;
};

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct tls_key *k = arg;
	const Cv__SignReply *a = (const Cv__SignReply *)msg;

	(void)ch;
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	/* A late answer to a request that was given up is not ours. */
	if (type != IPC_SIGN_REPLY)
		return;
	k->rest_until_ns = 0;	/* it answers again */
	if (a->req != k->req || k->answered)
		return;
	k->answered = true;
	k->ok = a->ok && a->signature.len > 0 &&
		a->signature.len <= sizeof(k->sig);
	if (!k->ok)
		return;
	memcpy(k->sig, a->signature.data, a->signature.len);
	k->sig_n = a->signature.len;
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	log_warn(MOD, "the link to keys is gone", LOG_E("error", error));
}

static void wait_for_answer(struct tls_key *k)
{
	uint64_t now = clock_mono_ns();
	uint64_t end = now + TLS_KEY_WAIT_MS * NS_PER_MS;

	while (!k->answered && now < end) {
		struct pollfd p = {.fd = ipc_chan_fd(k->ch), .events = POLLIN};

		if (ipc_chan_wants_write(k->ch))
			p.events |= POLLOUT;
		if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) < 0 &&
		    errno != EINTR)
			return;
		if (p.revents & POLLOUT && ipc_chan_output(k->ch) < 0)
			return;
		if (p.revents & ~POLLOUT &&
		    ipc_chan_input(k->ch, INPUT_BUDGET) < 0)
			return;
		now = clock_mono_ns();
	}
	if (k->answered)
		return;
	k->stats.timed_out++;
	k->rest_until_ns = now + TLS_KEY_REST_MS * NS_PER_MS;
}

/* A hung `keys` costs the face one wait a second, not one a handshake. */
static bool is_resting(struct tls_key *k)
{
	if (k->rest_until_ns)
		(void)ipc_chan_input(k->ch, INPUT_BUDGET);
	return clock_mono_ns() < k->rest_until_ns;
}

static int ask(struct tls_key *k, struct span digest, struct span public)
{
	Cv__SignRequest q = CV__SIGN_REQUEST__INIT;

	if (!k->ch || digest.n != P256_DIGEST_LEN) {
		k->stats.no_link++;
		return E_CLOSED;
	}
	if (is_resting(k)) {
		k->stats.rested++;
		return E_AGAIN;
	}
	q.req = ++k->req;
	q.alg = CV__SIGN_ALG__SIGN_ECDSA_P256_SHA256;
	q.digest = ipc_data(digest);
	q.public_ = ipc_data(public);
	k->answered = k->ok = false;
	k->stats.asked++;
	if (ipc_send(k->ch, SIGN_REQUEST, &q) == 0)
		wait_for_answer(k);
	return k->answered && k->ok ? 0 : E_CLOSED;
}

static int hook_sign(int type, const unsigned char *dgst, int dlen,
		     unsigned char *sig, unsigned int *siglen,
		     const BIGNUM *kinv, const BIGNUM *r, EC_KEY *eckey)
{
	struct tls_key *k = EC_KEY_get_ex_data(eckey, EX_APP_DATA);
	uint8_t public[P256_PUBLIC_LEN];
	size_t n;

	(void)type;
	(void)kinv;
	(void)r;
	/* The certificate may have been changed since this one was made. */
	n = EC_POINT_point2oct(EC_KEY_get0_group(eckey),
			       EC_KEY_get0_public_key(eckey),
			       POINT_CONVERSION_UNCOMPRESSED, public,
			       sizeof(public), NULL);
	if (!k || dlen < 0 || n != sizeof(public) ||
	    ask(k, span_of(dgst, (size_t)dlen), span_of(public, n)) < 0) {
		if (k)
			k->stats.failed++;
		log_warn(MOD, "no signature for a handshake");
		return 0;
	}
	memcpy(sig, k->sig, k->sig_n);
	*siglen = (unsigned)k->sig_n;
	return 1;
}

static int make_method(struct tls_key *k)
{
	int (*sign)(int, const unsigned char *, int, unsigned char *,
		    unsigned int *, const BIGNUM *, const BIGNUM *, EC_KEY *);
	int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);
	ECDSA_SIG *(*sign_sig)(const unsigned char *, int, const BIGNUM *,
			       const BIGNUM *, EC_KEY *);

	k->method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (!k->method)
		return E_NOMEM;
	EC_KEY_METHOD_get_sign(k->method, &sign, &setup, &sign_sig);
	EC_KEY_METHOD_set_sign(k->method, hook_sign, setup, sign_sig);
	return 0;
}

/* The certificate's public key behind our method; no private half. */
int tls_key_make(struct tls_key *k, EVP_PKEY **out, const X509 *leaf)
{
	EVP_PKEY *pub = X509_get0_pubkey(leaf), *pkey;
	char group[32] = "";
	EC_KEY *ec;

	if (!pub || EVP_PKEY_get_base_id(pub) != EVP_PKEY_EC ||
	    EVP_PKEY_get_group_name(pub, group, sizeof(group), NULL) != 1 ||
	    strcmp(group, "prime256v1") != 0)
		return E_UNSUPPORTED;
	ec = EVP_PKEY_get1_EC_KEY(pub);
	pkey = EVP_PKEY_new();
	if (ec && pkey) {
		EC_KEY *own = EC_KEY_dup(ec);

		EC_KEY_free(ec);
		ec = own;
	}
	if (!ec || !pkey || EC_KEY_set_method(ec, k->method) != 1 ||
	    EC_KEY_set_ex_data(ec, EX_APP_DATA, k) != 1 ||
	    EVP_PKEY_assign_EC_KEY(pkey, ec) != 1) {
		EC_KEY_free(ec);
		EVP_PKEY_free(pkey);
		return E_CRYPTO;
	}
	*out = pkey;
	return 0;
}

int tls_key_new(struct tls_key **out, const X509 *leaf, enum ipc_role self,
		uint32_t instance)
{
	struct tls_key *k = mem_zalloc(sizeof(*k));
	int r;

	if (!k)
		return E_NOMEM;
	k->self = self;
	k->instance = instance;
	r = make_method(k);
	if (!r)
		r = tls_key_make(k, &k->pkey, leaf);
	if (r < 0) {
		tls_key_free(&k);
		return r;
	}
	*out = k;
	return 0;
}

void tls_key_free(struct tls_key **kp)
{
	struct tls_key *k = kp ? *kp : NULL;

	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	EC_KEY_METHOD_free(k->method);
	ipc_chan_free(&k->ch);
	mem_free(k);
	*kp = NULL;
}

EVP_PKEY *tls_key_pkey(struct tls_key *k)
{
	return k->pkey;
}

int tls_key_link(struct tls_key *k, uint32_t keys_instance, int fd)
{
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = k->self, .peer = ROLE_KEYS,
		.self_instance = k->instance, .peer_instance = keys_instance,
		.on_msg = on_msg, .on_down = on_down, .arg = k,
	};

	ipc_chan_free(&k->ch);
	k->rest_until_ns = 0;
	return ipc_chan_new(&k->ch, &cfg);
}

bool tls_key_is_linked(const struct tls_key *k)
{
	return k->ch != NULL;
}

void tls_key_stats(const struct tls_key *k, struct tls_key_stats *out)
{
	*out = k->stats;
}
