#include "media/transport/dtls.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include "base/alloc.h"

enum {
	CERT_DAYS = 3650,		/* of the process, not of a file */
	FIRST_TIMEOUT_US = 200 * 1000,
	MAX_TIMEOUT_US = 3200 * 1000,
};

static const char ciphers[] =
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:"
	"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";
static const char profiles[] =
	"SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";

struct dtls_env {
	SSL_CTX *ctx;
	BIO_METHOD *out_method;
	uint8_t fingerprint[DTLS_FINGERPRINT_LEN];
	unsigned handshakes;
};

struct dtls {
	struct dtls_env *env;
	struct dtls_cfg cfg;
	SSL *ssl;
	BIO *in;			/* owned by ssl */
	enum dtls_state state;
	bool is_counted;		/* in env->handshakes */
	unsigned inputs;
};

/* --- output: one write is one datagram --------------------------------- */

static int out_write(BIO *b, const char *p, int n)
{
	struct dtls *d = BIO_get_data(b);

	if (n <= 0)
		return 0;
	d->cfg.send(d->cfg.arg, span_of(p, (size_t)n));
	return n;
}

static size_t mtu_of(const struct dtls *d)
{
	return d->cfg.mtu && d->cfg.mtu < DTLS_MTU ? d->cfg.mtu : DTLS_MTU;
}

static long out_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	const struct dtls *d = BIO_get_data(b);

	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return d ? (long)mtu_of(d) : DTLS_MTU;
	default:
		return 0;
	}
}

static int out_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *out_method_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				     "leg");

	if (!m)
		return NULL;
	BIO_meth_set_write(m, out_write);
	BIO_meth_set_ctrl(m, out_ctrl);
	BIO_meth_set_create(m, out_create);
	return m;
}

/* --- environment ------------------------------------------------------- */

static X509 *cert_make(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name;
	uint64_t serial;

	if (!x)
		return NULL;
	if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		goto fail;
	name = X509_get_subject_name(x);
	if (X509_set_version(x, 2) != 1 ||
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x),
				    serial >> 1) != 1 ||
	    !X509_gmtime_adj(X509_getm_notBefore(x), -24 * 3600) ||
	    !X509_gmtime_adj(X509_getm_notAfter(x), CERT_DAYS * 24L * 3600) ||
	    X509_set_pubkey(x, key) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				       (const unsigned char *)"media", -1, -1,
				       0) != 1 ||
	    X509_set_issuer_name(x, name) != 1 ||
	    X509_sign(x, key, EVP_sha256()) == 0)
		goto fail;
	return x;
fail:
	X509_free(x);
	return NULL;
}

/* Whom the certificate names does not matter, its hash is compared later. */
static int verify_any(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static SSL_CTX *ctx_make(EVP_PKEY *key, X509 *cert)
{
	SSL_CTX *c = SSL_CTX_new(DTLS_method());

	if (!c)
		return NULL;
	SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET |
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
			    SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   verify_any);
	SSL_CTX_set_verify_depth(c, 1);
	SSL_CTX_set_max_cert_list(c, 16384);
	SSL_CTX_set_read_ahead(c, 1);
	if (SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(c, ciphers) != 1 ||
	    SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") != 1 ||
	    /* answers 0 for success */
	    SSL_CTX_set_tlsext_use_srtp(c, profiles) != 0 ||
	    SSL_CTX_use_certificate(c, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(c, key) != 1) {
		SSL_CTX_free(c);
		return NULL;
	}
	return c;
}

static int warm(struct dtls_env *env);

int dtls_env_new(struct dtls_env **out)
{
	struct dtls_env *e = mem_zalloc(sizeof(*e));
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	unsigned n = 0;
	int r = E_CRYPTO;

	if (!e)
		return E_NOMEM;
	e->out_method = out_method_new();
	key = EVP_EC_gen("P-256");
	cert = key ? cert_make(key) : NULL;
	e->ctx = cert ? ctx_make(key, cert) : NULL;
	if (e->out_method && e->ctx &&
	    X509_digest(cert, EVP_sha256(), e->fingerprint, &n) == 1 &&
	    n == DTLS_FINGERPRINT_LEN)
		r = warm(e);
	X509_free(cert);
	EVP_PKEY_free(key);
	if (r < 0) {
		dtls_env_free(&e);
		return r;
	}
	*out = e;
	return 0;
}

void dtls_env_free(struct dtls_env **envp)
{
	struct dtls_env *e = *envp;

	if (!e)
		return;
	SSL_CTX_free(e->ctx);
	BIO_meth_free(e->out_method);
	mem_free(e);
	*envp = NULL;
}

void dtls_env_fingerprint(const struct dtls_env *env,
			  uint8_t out[DTLS_FINGERPRINT_LEN])
{
	memcpy(out, env->fingerprint, DTLS_FINGERPRINT_LEN);
}

/* --- association ------------------------------------------------------- */

static void count_end(struct dtls *d)
{
	if (d->is_counted)
		d->env->handshakes--;
	d->is_counted = false;
}

static unsigned next_timeout(SSL *ssl, unsigned us)
{
	(void)ssl;
	if (us == 0)
		return FIRST_TIMEOUT_US;
	return us >= MAX_TIMEOUT_US ? MAX_TIMEOUT_US : us * 2;
}

static bool peer_is_expected(const struct dtls *d)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	X509 *peer = SSL_get1_peer_certificate(d->ssl);
	unsigned n = 0;
	bool ok;

	if (!peer)
		return false;
	ok = X509_digest(peer, EVP_sha256(), digest, &n) == 1 &&
	     secret_equal(span_of(digest, n),
			  span_of(d->cfg.fingerprint, DTLS_FINGERPRINT_LEN));
	X509_free(peer);
	return ok;
}

static void finish(struct dtls *d, enum dtls_state state)
{
	count_end(d);
	d->state = state;
}

/* An association that is up says next to nothing more: its two record buffers
 * (17 KB each) go. Reading makes new ones by itself, writing does not. It may
 * refuse while something is unread; then the next input tries again. */
static void buffers_drop(struct dtls *d)
{
	(void)SSL_free_buffers(d->ssl);
}

static void step(struct dtls *d)
{
	int r, e;

	ERR_clear_error();
	r = SSL_do_handshake(d->ssl);
	if (r == 1) {
		finish(d, peer_is_expected(d) ? DTLS_UP : DTLS_FAILED);
		buffers_drop(d);
		return;
	}
	e = SSL_get_error(d->ssl, r);
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
		finish(d, DTLS_FAILED);
	ERR_clear_error();
}

static int ssl_make(struct dtls *d)
{
	BIO *out;

	d->ssl = SSL_new(d->env->ctx);
	if (!d->ssl)
		return E_NOMEM;
	d->in = BIO_new(BIO_s_mem());
	if (!d->in)
		return E_NOMEM;
	BIO_set_mem_eof_return(d->in, -1);
	out = BIO_new(d->env->out_method);
	if (!out) {
		BIO_free(d->in);
		return E_NOMEM;
	}
	BIO_set_data(out, d);
	SSL_set_bio(d->ssl, d->in, out);
	DTLS_set_link_mtu(d->ssl, (long)mtu_of(d));
	DTLS_set_timer_cb(d->ssl, next_timeout);
	if (d->cfg.is_client)
		SSL_set_connect_state(d->ssl);
	else
		SSL_set_accept_state(d->ssl);
	return 0;
}

int dtls_new(struct dtls **out, struct dtls_env *env,
	     const struct dtls_cfg *cfg)
{
	struct dtls *d;
	int r;

	if (env->handshakes >= DTLS_HANDSHAKES_MAX)
		return E_BUSY;
	d = mem_zalloc(sizeof(*d));
	if (!d)
		return E_NOMEM;
	d->env = env;
	d->cfg = *cfg;
	d->state = DTLS_HANDSHAKE;
	r = ssl_make(d);
	if (r < 0) {
		dtls_free(&d);
		return r;
	}
	env->handshakes++;
	d->is_counted = true;
	if (cfg->is_client)
		step(d);
	*out = d;
	return 0;
}

void dtls_free(struct dtls **dp)
{
	struct dtls *d = *dp;

	if (!d)
		return;
	count_end(d);
	SSL_free(d->ssl);
	mem_free(d);
	*dp = NULL;
}

void dtls_shutdown(struct dtls *d)
{
	if (d->state != DTLS_UP)
		return;
	/* the peer may be gone: no matter */
	if (SSL_alloc_buffers(d->ssl) == 1)
		(void)SSL_shutdown(d->ssl);
	ERR_clear_error();
	d->state = DTLS_CLOSED;
}

/* After the handshake alerts and retransmissions matter, and application data
 * where somebody wants it. */
static void drain(struct dtls *d)
{
	uint8_t data[DTLS_DATA_MAX];
	int r;

	ERR_clear_error();
	if (SSL_alloc_buffers(d->ssl) != 1)
		return;
	do {
		r = SSL_read(d->ssl, data, sizeof(data));
		if (r > 0 && d->cfg.take)
			d->cfg.take(d->cfg.arg, span_of(data, (size_t)r));
	} while (r > 0);
	secret_wipe(data, sizeof(data));
	if (SSL_get_error(d->ssl, r) == SSL_ERROR_ZERO_RETURN)
		d->state = DTLS_CLOSED;
	buffers_drop(d);
	ERR_clear_error();
}

int dtls_write(struct dtls *d, struct span data)
{
	/* record header, nonce, tag of GCM */
	enum { HEADS = 13 + 8 + 16 };
	int r;

	if (d->state != DTLS_UP || data.n == 0)
		return E_STATE;
	if (data.n > DTLS_DATA_MAX || data.n + HEADS > mtu_of(d))
		return E_LIMIT;
	ERR_clear_error();
	if (SSL_alloc_buffers(d->ssl) != 1)
		return E_NOMEM;
	r = SSL_write(d->ssl, data.p, (int)data.n);
	buffers_drop(d);
	ERR_clear_error();
	return r == (int)data.n ? 0 : E_CRYPTO;
}

enum dtls_state dtls_input(struct dtls *d, struct span datagram)
{
	if (d->state == DTLS_FAILED || d->state == DTLS_CLOSED)
		return d->state;
	/* what an earlier datagram left is no part of this one */
	(void)BIO_reset(d->in);
	if (BIO_write(d->in, datagram.p, (int)datagram.n) !=
	    (int)datagram.n)
		return d->state;
	if (d->state == DTLS_UP) {
		drain(d);
		return d->state;
	}
	if (++d->inputs > DTLS_INPUT_MAX)
		finish(d, DTLS_FAILED);
	else
		step(d);
	return d->state;
}

enum dtls_state dtls_timer(struct dtls *d)
{
	if (d->state != DTLS_HANDSHAKE)
		return d->state;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(d->ssl) < 0)
		finish(d, DTLS_FAILED);
	ERR_clear_error();
	return d->state;
}

enum dtls_state dtls_state(const struct dtls *d)
{
	return d->state;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
int dtls_get_keys(struct dtls *d, struct dtls_keys *out)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	uint8_t raw[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];
	const SRTP_PROTECTION_PROFILE *p;
	const uint8_t *salts;
	struct dtls_keys k = {.profile = SRTP_NONE};
	size_t us, peer;
	int r = E_CRYPTO;

	if (d->state != DTLS_UP)
		return E_STATE;
	p = SSL_get_selected_srtp_profile(d->ssl);
	if (!p || srtp_profile_lengths((enum srtp_profile)p->id, &k.key_n,
				       &k.salt_n) < 0)
		return E_UNSUPPORTED;
	k.profile = (enum srtp_profile)p->id;
	if (SSL_export_keying_material(d->ssl, raw, 2 * (k.key_n + k.salt_n),
				       label, sizeof(label) - 1, NULL, 0,
				       0) != 1)
		goto out;
	us = d->cfg.is_client ? 0 : 1;
	peer = 1 - us;
	salts = raw + 2 * k.key_n;
	memcpy(k.send_key, raw + us * k.key_n, k.key_n);
	memcpy(k.receive_key, raw + peer * k.key_n, k.key_n);
	memcpy(k.send_salt, salts + us * k.salt_n, k.salt_n);
	memcpy(k.receive_salt, salts + peer * k.salt_n, k.salt_n);
	*out = k;
	r = 0;
out:
	secret_wipe(raw, sizeof(raw));
	secret_wipe(&k, sizeof(k));
	return r;
}

/* --- a handshake with ourselves ---------------------------------------- */

struct loop {
	struct { uint8_t bytes[DTLS_MTU + 300]; size_t n; } queue[16];
	unsigned tail;
};

static void loop_send(void *arg, struct span datagram)
{
	struct loop *l = arg;

	if (l->tail == 16 || datagram.n > sizeof(l->queue[0].bytes))
		return;
	memcpy(l->queue[l->tail].bytes, datagram.p, datagram.n);
	l->queue[l->tail++].n = datagram.n;
}

static void pump(struct loop *l, struct dtls *to)
{
	for (unsigned i = 0; i < l->tail; i++)
		(void)dtls_input(to, span_of(l->queue[i].bytes,
					     l->queue[i].n));
	l->tail = 0;
}

static int warm(struct dtls_env *env)
{
	struct loop *up = mem_zalloc(sizeof(*up));
	struct loop *down = mem_zalloc(sizeof(*down));
	struct dtls *server = NULL, *client = NULL;
	struct dtls_cfg cfg = {.is_client = false, .send = loop_send,
			       .arg = down};
	struct dtls_keys keys = {.profile = SRTP_NONE};
	int r = E_NOMEM;

	if (!up || !down)
		goto out;
	memcpy(cfg.fingerprint, env->fingerprint, DTLS_FINGERPRINT_LEN);
	r = dtls_new(&server, env, &cfg);
	cfg.is_client = true;
	cfg.arg = up;
	if (r == 0)
		r = dtls_new(&client, env, &cfg);
	for (int i = 0; r == 0 && i < 8; i++) {
		pump(up, server);
		pump(down, client);
	}
	if (r == 0)
		r = dtls_state(client) == DTLS_UP ? dtls_get_keys(server, &keys)
						  : E_CRYPTO;
	secret_wipe(&keys, sizeof(keys));
out:
	dtls_free(&client);
	dtls_free(&server);
	mem_free(up);
	mem_free(down);
	return r;
}
