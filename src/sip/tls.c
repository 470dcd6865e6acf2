#include "sip/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/wr.h"
#include "http/tls.h"

enum { NAME_MAX_LEN = 253, DEPTH_MAX = 6 };

struct sip_tls {
	struct http_tls *server;
	SSL_CTX *client;
	X509_STORE *trust;
};

static int load_trust(X509_STORE *store, struct span pem)
{
	BIO *bio = pem.n ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *cert;

	if (pem.n && !bio)
		return E_NOMEM;
	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		(void)X509_STORE_add_cert(store, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return 0;
}

/* Proxies show the certificate that they serve with: any purpose. */
static int use_trust(SSL_CTX *ctx, X509_STORE *store)
{
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);

	if (X509_STORE_up_ref(store) != 1)
		return E_NOMEM;
	SSL_CTX_set_cert_store(ctx, store);
	X509_VERIFY_PARAM_set_depth(p, DEPTH_MAX);
	/* RFC 5922 7.2: a wildcard is nobody's domain. */
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_WILDCARDS |
					X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return 0;
}

static int make_client(struct sip_tls *t, EVP_PKEY *key)
{
	SSL_CTX *server = http_tls_ctx(t->server);
	STACK_OF(X509) *chain = NULL;

	t->client = SSL_CTX_new(TLS_client_method());
	if (!t->client)
		return E_NOMEM;
	(void)SSL_CTX_get0_chain_certs(server, &chain);
	SSL_CTX_set_options(t->client, SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(t->client, SSL_MODE_RELEASE_BUFFERS |
			 SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* A peer who sends nothing but new keys would else be read for as long
	 * as he likes within one call (RFC 8446 4.6.3). */
	(void)SSL_CTX_clear_mode(t->client, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(t->client, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(t->client, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(t->client, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    SSL_CTX_use_certificate(t->client,
				    SSL_CTX_get0_certificate(server)) != 1 ||
	    SSL_CTX_use_PrivateKey(t->client, key) != 1 ||
	    (chain && SSL_CTX_set1_chain(t->client, chain) != 1))
		return E_CRYPTO;
	return use_trust(t->client, t->trust);
}

int sip_tls_new(struct sip_tls **out, struct span chain_pem, EVP_PKEY *key,
		struct span trust_pem)
{
	struct sip_tls *t = mem_zalloc(sizeof(*t));
	int r = t ? 0 : E_NOMEM;

	if (!r) {
		t->trust = X509_STORE_new();
		r = t->trust ? load_trust(t->trust, trust_pem) : E_NOMEM;
	}
	if (!r)
		r = http_tls_new(&t->server, chain_pem, key);
	if (!r) {
		/* http/1.1 is not spoken here. */
		SSL_CTX_set_alpn_select_cb(http_tls_ctx(t->server), NULL,
					   NULL);
		r = use_trust(http_tls_ctx(t->server), t->trust);
	}
	if (!r) {
		X509_VERIFY_PARAM_set_purpose(
			SSL_CTX_get0_param(http_tls_ctx(t->server)),
			X509_PURPOSE_ANY);
		r = make_client(t, key);
	}
	if (r < 0) {
		sip_tls_free(&t);
		return r;
	}
	sip_tls_verify(t, true);
	*out = t;
	return 0;
}

int sip_tls_fingerprint(const struct sip_tls *t, uint8_t out[32])
{
	const X509 *leaf = SSL_CTX_get0_certificate(http_tls_ctx(t->server));
	unsigned n = 0;

	return leaf && X509_digest(leaf, EVP_sha256(), out, &n) == 1 &&
	       n == 32 ? 0 : E_CRYPTO;
}

void sip_tls_free(struct sip_tls **tp)
{
	struct sip_tls *t = *tp;

	if (!t)
		return;
	http_tls_free(&t->server);
	SSL_CTX_free(t->client);
	X509_STORE_free(t->trust);
	mem_free(t);
	*tp = NULL;
}

void sip_tls_verify(struct sip_tls *t, bool on)
{
	SSL_CTX_set_verify(http_tls_ctx(t->server), on ? SSL_VERIFY_PEER |
			   SSL_VERIFY_CLIENT_ONCE : SSL_VERIFY_NONE, NULL);
}

static int make(SSL_CTX *ctx, SSL **out, int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return E_NOMEM;
	}
	*out = ssl;
	return 0;
}

int sip_tls_accept(struct sip_tls *t, SSL **out, int fd)
{
	int r = make(http_tls_ctx(t->server), out, fd);

	if (!r)
		SSL_set_accept_state(*out);
	return r;
}

static int expect(SSL *ssl, struct span name)
{
	char text[NAME_MAX_LEN + 1];
	struct addr a;

	if (span_cstr(name, text, sizeof(text)) < 0 || !name.n)
		return E_INVAL;
	if (addr_parse(&a, name, 0) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
						     text) == 1 ? 0 : E_INVAL;
	if (SSL_set1_host(ssl, text) != 1 ||
	    SSL_set_tlsext_host_name(ssl, text) != 1)
		return E_INVAL;
	return 0;
}

int sip_tls_connect(struct sip_tls *t, SSL **out, int fd, struct span name,
		    bool verify)
{
	SSL *ssl;
	int r = make(t->client, &ssl, fd);

	if (r < 0)
		return r;
	SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_connect_state(ssl);
	if (verify)
		r = expect(ssl, name);
	if (r < 0)
		SSL_free(ssl);
	else
		*out = ssl;
	return r;
}

static bool is_name(const unsigned char *p, int n)
{
	for (int i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') ||
		      (p[i] >= 'A' && p[i] <= 'Z') ||
		      (p[i] >= '0' && p[i] <= '9') || p[i] == '.' ||
		      p[i] == '-'))
			return false;
	return n > 0 && n <= NAME_MAX_LEN;
}

static void put_names(struct wr *w, const GENERAL_NAMES *all)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
		const unsigned char *p;
		int n;

		if (g->type != GEN_DNS && g->type != GEN_URI)
			continue;
		p = ASN1_STRING_get0_data(g->d.ia5);
		n = ASN1_STRING_length(g->d.ia5);
		if (g->type == GEN_URI) {	/* RFC 5922 7.1 */
			if (n < 5 || memcmp(p, "sip:", 4) != 0)
				continue;
			p += 4;
			n -= 4;
		}
		if (!is_name(p, n) || w->end - w->p < n + 1)
			continue;
		if (wr_len(w))
			wr_u8(w, ',');
		wr_bytes(w, p, (size_t)n);
	}
}

struct span sip_tls_names(SSL *ssl, char out[SIP_TLS_NAMES_MAX])
{
	struct wr w = wr_of(out, SIP_TLS_NAMES_MAX);
	X509 *cert = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *all;
	struct span names = SPAN_NONE;

	if (!cert || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return SPAN_NONE;
	all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	if (all)
		put_names(&w, all);
	GENERAL_NAMES_free(all);
	ERR_clear_error();
	return wr_end(&w, &names) == 0 ? names : SPAN_NONE;
}

const char *sip_tls_why(SSL *ssl)
{
	long v = SSL_get_verify_result(ssl);
	unsigned long e = ERR_peek_last_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;

	if (v != X509_V_OK)
		return X509_verify_cert_error_string(v);
	return text ? text : "closed by the other side";
}
