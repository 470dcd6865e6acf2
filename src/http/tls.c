#include "http/tls.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>
#include "base/alloc.h"

static const char suites_12[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_13[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
	"TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "P-256:X25519:P-384";

enum { PASS_KEPT_S = 24 * 3600 };

struct http_tls {
	SSL_CTX *ctx;
};

int http_tls_read(uint8_t **out, size_t *n, int fd)
{
	uint8_t *p = mem_alloc(HTTP_TLS_PEM_MAX);
	ssize_t got = 1;
	size_t at = 0;
	while (p && got > 0 && at < HTTP_TLS_PEM_MAX) {
		got = pread(fd, p + at, HTTP_TLS_PEM_MAX - at, (off_t)at);
		at += got > 0 ? (size_t)got : 0;
	}
	(void)close(fd);
	if (!p || !at) {
		mem_free(p);
		return p ? E_SYS : E_NOMEM;
	}
	*out = p;
	*n = at;
	return 0;
}

int http_tls_leaf(X509 **out, struct span pem)
{
	if (pem.n == 0 || pem.n > HTTP_TLS_PEM_MAX)
		return E_FORMAT;
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!leaf)
		return E_FORMAT;
	*out = leaf;
	return 0;
}

static int use_chain(SSL_CTX *ctx, struct span pem)
{
	int r = E_FORMAT, n = 0;
	X509 *cert = NULL;
	if (pem.n == 0 || pem.n > HTTP_TLS_PEM_MAX)
		return E_FORMAT;
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!bio)
		return E_NOMEM;
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		int ok = n == 0 ? SSL_CTX_use_certificate(ctx, cert)
				: SSL_CTX_add1_chain_cert(ctx, cert);
		X509_free(cert);
		if (ok != 1 || ++n > HTTP_TLS_CHAIN_MAX)
			goto out;
	}
	r = n > 0 ? 0 : E_FORMAT;
out:
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

static int set_rules(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
			    SSL_OP_CIPHER_SERVER_PREFERENCE |
			    SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
			 SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* A peer who sends nothing but new keys would else be read for as long
	 * as he likes within one call (RFC 8446 4.6.3). */
	(void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* So long clients keep a pass; whether it is good, we decide. */
	(void)SSL_CTX_set_timeout(ctx, PASS_KEPT_S);
	if (SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, suites_12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, suites_13) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1)
		return E_CRYPTO;
	return 0;
}

/* We speak one protocol; a client that insists on another one (HTTP/2 only)
 * hears so in the handshake instead of a parse error. */
static int choose_alpn(SSL *ssl, const unsigned char **out,
		       unsigned char *out_n, const unsigned char *in,
		       unsigned int n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n,
				  ours, sizeof(ours) - 1, in, n) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

int http_tls_new(struct http_tls **out, struct span chain_pem, EVP_PKEY *key)
{
	int r = E_NOMEM;
	struct http_tls *t = mem_zalloc(sizeof(*t));
	if (!t)
		return E_NOMEM;
	t->ctx = SSL_CTX_new(TLS_server_method());
	if (!t->ctx)
		goto out;
	r = set_rules(t->ctx);
	if (r == 0)
		r = use_chain(t->ctx, chain_pem);
	if (r < 0)
		goto out;
	SSL_CTX_set_alpn_select_cb(t->ctx, choose_alpn, NULL);
	r = E_INVAL;
	if (SSL_CTX_use_PrivateKey(t->ctx, key) != 1 ||
	    SSL_CTX_check_private_key(t->ctx) != 1)
		goto out;
	*out = t;
	t = NULL;
	r = 0;
out:
	ERR_clear_error();
	http_tls_free(&t);
	return r;
}

void http_tls_free(struct http_tls **t)
{
	if (!*t)
		return;
	SSL_CTX_free((*t)->ctx);
	mem_free(*t);
	*t = NULL;
}

SSL_CTX *http_tls_ctx(struct http_tls *t)
{
	return t->ctx;
}
