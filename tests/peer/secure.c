#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include "sdes.h"
#include "secure.h"

enum { MTU = 1200, REPLAY_WINDOW = 8192 };

struct secure {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in;			/* one datagram at a time */
	BIO_METHOD *method;
	EVP_PKEY *key;
	X509 *cert;
	secure_send_fn send;
	void *arg;
	uint8_t expected[32];
	srtp_t tx, rx;
	bool is_up, is_closed;
	const char *suite;		/* of SDES; lives as long as the peer */
};

/* A memory BIO would glue records together; this one sends each write. */
static int out_write(BIO *b, const char *p, int n)
{
	struct secure *s = BIO_get_data(b);

	s->send(s->arg, (const uint8_t *)p, (size_t)n);
	return n;
}

static long out_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	if (cmd == BIO_CTRL_FLUSH)
		return 1;
	return cmd == BIO_CTRL_DGRAM_QUERY_MTU ? MTU : 0;
}

static int accept_any(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;	/* the fingerprint decides */
}

static bool identity(struct secure *s)
{
	X509_NAME *name;

	s->key = EVP_EC_gen("P-256");
	s->cert = X509_new();
	if (!s->key || !s->cert)
		return false;
	X509_set_version(s->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(s->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(s->cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(s->cert), 86400);
	name = X509_get_subject_name(s->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"peer", -1, -1, 0);
	X509_set_issuer_name(s->cert, name);
	X509_set_pubkey(s->cert, s->key);
	return X509_sign(s->cert, s->key, EVP_sha256()) > 0 &&
	       SSL_CTX_use_certificate(s->ctx, s->cert) == 1 &&
	       SSL_CTX_use_PrivateKey(s->ctx, s->key) == 1;
}

static bool endpoint(struct secure *s)
{
	BIO *out;

	s->ssl = SSL_new(s->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				 "peer");
	if (!s->ssl || !s->in || !s->method)
		return false;
	BIO_set_mem_eof_return(s->in, -1);
	BIO_meth_set_write(s->method, out_write);
	BIO_meth_set_ctrl(s->method, out_ctrl);
	out = BIO_new(s->method);
	BIO_set_data(out, s);
	BIO_set_init(out, 1);
	SSL_set_bio(s->ssl, s->in, out);
	SSL_set_options(s->ssl, SSL_OP_NO_QUERY_MTU);
	DTLS_set_link_mtu(s->ssl, MTU);
	return true;
}

struct secure *secure_new(const char *profiles, secure_send_fn send, void *arg)
{
	struct secure *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->send = send;
	s->arg = arg;
	if (!profiles)
		profiles = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:"
			   "SRTP_AES128_CM_SHA1_80";
	s->ctx = SSL_CTX_new(DTLS_client_method());
	if (!s->ctx || SSL_CTX_set_tlsext_use_srtp(s->ctx, profiles) != 0 ||
	    !identity(s) || srtp_init() != srtp_err_status_ok)
		goto fail;
	SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, accept_any);
	if (endpoint(s))
		return s;
fail:
	secure_free(s);
	return NULL;
}

struct secure *secure_sdes(const char *suite, uint8_t *mine, uint8_t *theirs)
{
	static bool is_ready;		/* libsrtp begins once */
	struct secure *s = calloc(1, sizeof(*s));

	is_ready = is_ready || srtp_init() == srtp_err_status_ok;
	if (!s || !is_ready ||
	    !sdes_session(&s->tx, suite, mine, false) ||
	    !sdes_session(&s->rx, suite, theirs, true)) {
		secure_free(s);
		return NULL;
	}
	s->suite = suite;
	s->is_up = true;
	return s;
}

void secure_free(struct secure *s)
{
	if (!s)
		return;
	if (s->ssl && s->is_up)
		SSL_shutdown(s->ssl);
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	X509_free(s->cert);
	EVP_PKEY_free(s->key);
	if (s->method)
		BIO_meth_free(s->method);
	if (s->tx)
		srtp_dealloc(s->tx);
	if (s->rx)
		srtp_dealloc(s->rx);
	free(s);
}

void secure_fingerprint(const struct secure *s, uint8_t out[32])
{
	unsigned n = 32;

	X509_digest(s->cert, EVP_sha256(), out, &n);
}

/* --- keys -------------------------------------------------------------- */

static bool make(srtp_t *out, srtp_profile_t profile, srtp_ssrc_type_t which,
		 uint8_t *key)
{
	srtp_policy_t p = {.ssrc.type = which, .key = key,
			   .window_size = REPLAY_WINDOW,
			   .allow_repeat_tx = 1};

	return srtp_crypto_policy_set_from_profile_for_rtp(&p.rtp, profile) ==
		       srtp_err_status_ok &&
	       srtp_crypto_policy_set_from_profile_for_rtcp(&p.rtcp, profile) ==
		       srtp_err_status_ok &&
	       srtp_create(out, &p) == srtp_err_status_ok;
}

static const char *derive(struct secure *s)
{
	SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(s->ssl);
	uint8_t m[2 * (32 + 14)], mine[46], theirs[46];
	size_t key, salt;
	srtp_profile_t p;

	if (!chosen)
		return "no SRTP profile agreed";
	p = (srtp_profile_t)chosen->id;
	key = srtp_profile_get_master_key_length(p);
	salt = srtp_profile_get_master_salt_length(p);
	if (SSL_export_keying_material(s->ssl, m, 2 * (key + salt),
				       "EXTRACTOR-dtls_srtp", 19, NULL, 0,
				       0) != 1)
		return "no keys from DTLS";
	memcpy(mine, m, key);
	memcpy(theirs, m + key, key);
	memcpy(mine + key, m + 2 * key, salt);
	memcpy(theirs + key, m + 2 * key + salt, salt);
	if (!make(&s->tx, p, ssrc_any_outbound, mine) ||
	    !make(&s->rx, p, ssrc_any_inbound, theirs))
		return "libsrtp refused the keys";
	s->is_up = true;
	return NULL;
}

static const char *verify(struct secure *s)
{
	X509 *cert = SSL_get1_peer_certificate(s->ssl);
	uint8_t md[32];
	unsigned n = 32;
	bool same = cert && X509_digest(cert, EVP_sha256(), md, &n) == 1 &&
		    memcmp(md, s->expected, 32) == 0;

	X509_free(cert);
	return same ? derive(s)
		    : "the server's certificate is not that of the answer";
}

static const char *step(struct secure *s)
{
	uint8_t sink[2048];
	int r;

	if (!s->is_up) {
		r = SSL_do_handshake(s->ssl);
		if (r == 1)
			return verify(s);
		return SSL_get_error(s->ssl, r) == SSL_ERROR_WANT_READ
			       ? NULL : "DTLS handshake failed";
	}
	while (SSL_read(s->ssl, sink, sizeof(sink)) > 0)
		;
	if (SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN)
		s->is_closed = true;
	return NULL;
}

const char *secure_start(struct secure *s, const uint8_t fingerprint[32])
{
	memcpy(s->expected, fingerprint, 32);
	SSL_set_connect_state(s->ssl);
	return step(s);
}

const char *secure_input(struct secure *s, const uint8_t *p, size_t n)
{
	BIO_write(s->in, p, (int)n);
	return step(s);
}

const char *secure_timer(struct secure *s)
{
	if (!s->is_up && DTLSv1_handle_timeout(s->ssl) < 0)
		return "DTLS timed out";
	return NULL;
}

bool secure_is_up(const struct secure *s)
{
	return !s || s->is_up;
}

bool secure_is_closed(const struct secure *s)
{
	return s && s->is_closed;
}

const char *secure_profile(const struct secure *s)
{
	SRTP_PROTECTION_PROFILE *p = s && s->ssl
		? SSL_get_selected_srtp_profile(s->ssl) : NULL;

	return p ? p->name : s && s->suite ? s->suite : "";
}

/* --- packets ----------------------------------------------------------- */

bool secure_seal(struct secure *s, uint8_t *p, size_t *n, bool is_rtcp)
{
	int len = (int)*n;
	srtp_err_status_t r;

	if (!s)
		return true;
	r = is_rtcp ? srtp_protect_rtcp(s->tx, p, &len)
		    : srtp_protect(s->tx, p, &len);
	*n = (size_t)len;
	return r == srtp_err_status_ok;
}

enum secure_result secure_open(struct secure *s, uint8_t *p, size_t *n,
			       bool is_rtcp)
{
	int len = (int)*n;
	srtp_err_status_t r;

	if (!s)
		return SECURE_OK;
	r = is_rtcp ? srtp_unprotect_rtcp(s->rx, p, &len)
		    : srtp_unprotect(s->rx, p, &len);
	*n = (size_t)len;
	if (r == srtp_err_status_ok)
		return SECURE_OK;
	if (r == srtp_err_status_replay_fail || r == srtp_err_status_replay_old)
		return SECURE_REPLAY;
	return r == srtp_err_status_auth_fail ? SECURE_AUTH : SECURE_FAIL;
}
