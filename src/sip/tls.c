#include "sip/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>
#include <string.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/wr.h"
#include "http/tls.h"

enum { NAME_MAX_LEN = 253, DEPTH_MAX = 6 };

struct sip_tls {
	struct http_tls *server;
	SSL_CTX *client;
	X509_STORE *trust;
	struct trunks *trunks;
	bool verify;
	int session;		/* index of struct session in an SSL */
	uint8_t *staple;
	size_t n_staple;
	int64_t staple_until_s;
};

/* What a session is held against. */
struct session {
	bool is_client;
	/* The client asked for a name under which proxies come. */
	char server_name[NAME_MAX_LEN + 1];
	uint64_t wanted;	/* proxy that it should be, or says to be */
	uint64_t met;		/* whose rules it met */
	char *names;		/* in a certificate that was refused */
	size_t n_names;
};

void sip_tls_warm(void)
{
	tzset();
}

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

/* --- the policy of one session ---------------------------------------------------- */

static struct session *session_of(const struct sip_tls *t, const SSL *ssl)
{
	return SSL_get_ex_data(ssl, t->session);
}

static void session_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
			 long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (ptr)
		mem_free(((struct session *)ptr)->names);
	mem_free(ptr);
}

/* The name asked for is that of proxies: a certificate must come. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct sip_tls *t = arg;
	struct session *se = session_of(t, ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	size_t it = 0;

	(void)alert;
	if (!se || !name || strlen(name) > NAME_MAX_LEN ||
	    !trunks_next(t->trunks, &it, span_str(name)))
		return SSL_TLSEXT_ERR_OK;
	memcpy(se->server_name, name, strlen(name) + 1);
	SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE |
		       SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return SSL_TLSEXT_ERR_OK;
}

static struct span cert_names(X509 *cert, char out[SIP_TLS_NAMES_MAX]);

static const struct trunk *wanted(const struct sip_tls *t,
				  const struct session *se, X509 *cert)
{
	char names[SIP_TLS_NAMES_MAX];

	return se->is_client ? trunks_get(t->trunks, se->wanted) :
	       cert ? trunks_match(t->trunks, span_str(se->server_name),
				   cert_names(cert, names)) : NULL;
}

/* Of all who come under this name, because no name in the certificate says who
 * it is: false when one of them trusts whom we trust anyway. */
static bool add_cas(const struct sip_tls *t, struct span server_name,
		    STACK_OF(X509) *all)
{
	const struct trunk *k;
	size_t it = 0;

	while ((k = trunks_next(t->trunks, &it, server_name))) {
		if (!k->ca)
			return false;
		for (int i = 0; i < sk_X509_num(k->ca); i++)
			(void)sk_X509_push(all, sk_X509_value(k->ca, i));
	}
	return true;
}

static int verify_by(X509_STORE_CTX *ctx, STACK_OF(X509) *cas)
{
	if (cas) {
		X509_STORE_CTX_set0_trusted_stack(ctx, cas);
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
	}
	return X509_verify_cert(ctx) == 1;
}

/* A stranger under the name of proxies: what is wrong with him, in words. */
static int judge_nobody(const struct sip_tls *t, const struct session *se,
			X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *all = sk_X509_new_null();

	if (all && verify_by(ctx, add_cas(t, span_str(se->server_name), all) ?
			     all : NULL))
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
	else if (!all)
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
	X509_STORE_CTX_set0_trusted_stack(ctx, NULL);
	sk_X509_free(all);
	return 0;
}

static int judge_it(const struct sip_tls *t, struct session *se,
		    X509_STORE_CTX *ctx)
{
	const struct trunk *k = wanted(t, se, X509_STORE_CTX_get0_cert(ctx));
	int ok;

	se->met = 0;
	se->wanted = k ? k->id : 0;
	if (!k && se->server_name[0])
		return judge_nobody(t, se, ctx);
	ok = verify_by(ctx, k ? k->ca : NULL);
	if (ok && k)
		se->met = k->id;
	return ok;
}

/* The library forgets a certificate that was refused; the log wants its
 * names. */
static void note_names(struct session *se, X509 *cert)
{
	char names[SIP_TLS_NAMES_MAX];
	struct span s = cert ? cert_names(cert, names) : SPAN_NONE;

	mem_free(se->names);
	se->names = s.n ? mem_dup(s.p, s.n) : NULL;
	se->n_names = se->names ? s.n : 0;
}

static int judge(X509_STORE_CTX *ctx, void *arg)
{
	struct sip_tls *t = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx,
			SSL_get_ex_data_X509_STORE_CTX_idx());
	struct session *se = ssl ? session_of(t, ssl) : NULL;

	if (!se) {
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
		return 0;
	}
	if (judge_it(t, se, ctx))
		return 1;
	note_names(se, X509_STORE_CTX_get0_cert(ctx));
	/* Nobody is asked to be good: then a bad one proves nothing. */
	return !se->is_client && !t->verify && !se->server_name[0];
}

/* --- OCSP, ours ----------------------------------------------------------------------- */

static int on_status(SSL *ssl, void *arg)
{
	struct sip_tls *t = arg;
	uint8_t *copy;

	if (!t->n_staple || clock_wall_us() / 1000000 >= t->staple_until_s)
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(t->staple, t->n_staple);
	if (!copy || SSL_set_tlsext_status_ocsp_resp(ssl, copy,
						     (long)t->n_staple) != 1) {
		OPENSSL_free(copy);
		return SSL_TLSEXT_ERR_NOACK;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* What came is read by courier, later: nothing is decided here. */
static int on_stapled(SSL *ssl, void *arg)
{
	(void)ssl;
	(void)arg;
	return 1;
}

int sip_tls_staple(struct sip_tls *t, struct span response, int64_t until_s)
{
	uint8_t *copy = response.n ? mem_dup(response.p, response.n) : NULL;

	if (response.n && !copy)
		return E_NOMEM;
	mem_free(t->staple);
	t->staple = copy;
	t->n_staple = response.n;
	t->staple_until_s = until_s;
	return 0;
}

/* --- life -------------------------------------------------------------------------------- */

static int make_client(struct sip_tls *t, SSL_CTX **out, struct http_tls *own,
		       EVP_PKEY *key)
{
	SSL_CTX *server = http_tls_ctx(own), *ctx;
	STACK_OF(X509) *chain = NULL;

	ctx = *out = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return E_NOMEM;
	(void)SSL_CTX_get0_chain_certs(server, &chain);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
			 SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* A peer who sends nothing but new keys would else be read for as long
	 * as he likes within one call (RFC 8446 4.6.3). */
	(void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
	(void)SSL_CTX_set_tlsext_status_cb(ctx, on_stapled);
	SSL_CTX_set_cert_verify_callback(ctx, judge, t);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    SSL_CTX_use_certificate(ctx,
				    SSL_CTX_get0_certificate(server)) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    (chain && SSL_CTX_set1_chain(ctx, chain) != 1))
		return E_CRYPTO;
	return use_trust(ctx, t->trust);
}

static int make_server(struct sip_tls *t, struct http_tls **out,
		       struct span chain_pem, EVP_PKEY *key)
{
	int r = http_tls_new(out, chain_pem, key);
	SSL_CTX *ctx;

	if (r < 0)
		return r;
	ctx = http_tls_ctx(*out);
	/* http/1.1 is not spoken here. */
	SSL_CTX_set_alpn_select_cb(ctx, NULL, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, judge, t);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, t);
	(void)SSL_CTX_set_tlsext_status_cb(ctx, on_status);
	(void)SSL_CTX_set_tlsext_status_arg(ctx, t);
	X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(ctx),
				      X509_PURPOSE_ANY);
	return use_trust(ctx, t->trust);
}

int sip_tls_change(struct sip_tls *t, struct span chain_pem, EVP_PKEY *key)
{
	struct http_tls *server = NULL;
	SSL_CTX *client = NULL;
	int r = make_server(t, &server, chain_pem, key);

	if (!r)
		r = make_client(t, &client, server, key);
	if (r < 0) {
		http_tls_free(&server);
		SSL_CTX_free(client);
		ERR_clear_error();
		return r;
	}
	/* Sessions hold references to theirs. */
	http_tls_free(&t->server);
	SSL_CTX_free(t->client);
	t->server = server;
	t->client = client;
	sip_tls_verify(t, t->verify);
	return sip_tls_staple(t, SPAN_NONE, 0);
}

int sip_tls_new(struct sip_tls **out, struct span chain_pem, EVP_PKEY *key,
		struct span trust_pem)
{
	struct sip_tls *t = mem_zalloc(sizeof(*t));
	int r = t ? trunks_new(&t->trunks) : E_NOMEM;

	if (!r) {
		t->verify = true;
		t->session = SSL_get_ex_new_index(0, NULL, NULL, NULL,
						  session_free);
		t->trust = X509_STORE_new();
		r = t->trust ? load_trust(t->trust, trust_pem) : E_NOMEM;
	}
	if (!r)
		r = t->session < 0 ? E_NOMEM :
		    sip_tls_change(t, chain_pem, key);
	if (r < 0) {
		sip_tls_free(&t);
		return r;
	}
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
	trunks_free(&t->trunks);
	mem_free(t->staple);
	if (t->session > 0)
		(void)CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, t->session);
	mem_free(t);
	*tp = NULL;
}

/* Is there a proxy that comes as everybody does? Then who comes is asked. */
static bool has_trunk_without_name(const struct sip_tls *t)
{
	const struct trunk *k;
	size_t it = 0;

	while ((k = trunks_next(t->trunks, &it, SPAN_NONE)))
		if (!k->server_name.n)
			return true;
	return false;
}

void sip_tls_verify(struct sip_tls *t, bool on)
{
	t->verify = on;
	SSL_CTX_set_verify(http_tls_ctx(t->server),
			   on || has_trunk_without_name(t) ? SSL_VERIFY_PEER |
			   SSL_VERIFY_CLIENT_ONCE : SSL_VERIFY_NONE, NULL);
}

struct trunks *sip_tls_trunks(struct sip_tls *t)
{
	return t->trunks;
}

void sip_tls_trunks_changed(struct sip_tls *t)
{
	sip_tls_verify(t, t->verify);
}

/* --- sessions ------------------------------------------------------------------------------ */

static int make(struct sip_tls *t, SSL_CTX *ctx, SSL **out, int fd)
{
	struct session *se = mem_zalloc(sizeof(*se));
	SSL *ssl = se ? SSL_new(ctx) : NULL;

	if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
	    SSL_set_ex_data(ssl, t->session, se) != 1) {
		SSL_free(ssl);
		mem_free(se);
		ERR_clear_error();
		return E_NOMEM;
	}
	*out = ssl;
	return 0;
}

int sip_tls_accept(struct sip_tls *t, SSL **out, int fd)
{
	int r = make(t, http_tls_ctx(t->server), out, fd);

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
		    bool verify, uint64_t trunk)
{
	SSL *ssl;
	int r = make(t, t->client, &ssl, fd);

	if (r < 0)
		return r;
	session_of(t, ssl)->is_client = true;
	session_of(t, ssl)->wanted = trunk;
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

static struct span cert_names(X509 *cert, char out[SIP_TLS_NAMES_MAX])
{
	struct wr w = wr_of(out, SIP_TLS_NAMES_MAX);
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name,
					      NULL, NULL);
	struct span names = SPAN_NONE;

	if (all)
		put_names(&w, all);
	GENERAL_NAMES_free(all);
	return wr_end(&w, &names) == 0 ? names : SPAN_NONE;
}

/* A certificate of the other side, and it is good. */
static X509 *good_cert(SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	return cert && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
	       SSL_get_verify_result(ssl) == X509_V_OK ? cert : NULL;
}

struct span sip_tls_names(SSL *ssl, char out[SIP_TLS_NAMES_MAX])
{
	X509 *cert = good_cert(ssl);
	struct span names = cert ? cert_names(cert, out) : SPAN_NONE;

	ERR_clear_error();
	return names;
}

uint64_t sip_tls_trunk(const struct sip_tls *t, SSL *ssl)
{
	const struct session *se = session_of(t, ssl);

	return se && good_cert(ssl) ? se->met : 0;
}

static int add_der(struct span *out, const X509 *cert)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);

	if (n <= 0)
		return E_NOMEM;
	if (n > SIP_TLS_CERT_MAX) {
		OPENSSL_free(der);
		return E_LIMIT;
	}
	*out = span_of(der, (size_t)n);
	return 0;
}

void sip_tls_chain_free(struct span *chain, size_t n)
{
	for (size_t i = 0; i < n; i++)
		OPENSSL_free((void *)(uintptr_t)chain[i].p);
}

int sip_tls_chain(SSL *ssl, struct span out[SIP_TLS_CHAIN_MAX])
{
	STACK_OF(X509) *chain = good_cert(ssl) ?
				SSL_get0_verified_chain(ssl) : NULL;
	int n = sk_X509_num(chain), r = 0;

	if (n > SIP_TLS_CHAIN_MAX)
		return E_LIMIT;
	for (int i = 0; i < n && !r; i++) {
		r = add_der(&out[i], sk_X509_value(chain, i));
		if (r < 0)
			sip_tls_chain_free(out, (size_t)i);
	}
	return r < 0 ? r : n > 0 ? n : 0;
}

struct span sip_tls_stapled(SSL *ssl)
{
	const unsigned char *p = NULL;
	long n = SSL_is_server(ssl) ? 0 :
		 SSL_get_tlsext_status_ocsp_resp(ssl, &p);

	return p && n > 0 && n <= SIP_TLS_STAPLE_MAX ?
	       span_of(p, (size_t)n) : SPAN_NONE;
}

/* --- failures ---------------------------------------------------------------------------------- */

static bool is_missing(void)
{
	return ERR_GET_REASON(ERR_peek_last_error()) ==
	       SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

Cv__SipFault sip_tls_fault(SSL *ssl)
{
	switch (SSL_get_verify_result(ssl)) {
	case X509_V_OK:
		return is_missing() ? CV__SIP_FAULT__SIP_FAULT_MISSING :
		       CV__SIP_FAULT__SIP_FAULT_NONE;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return CV__SIP_FAULT__SIP_FAULT_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return CV__SIP_FAULT__SIP_FAULT_NAME;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_INVALID_CA:
		return CV__SIP_FAULT__SIP_FAULT_CA;
	default:
		return CV__SIP_FAULT__SIP_FAULT_OTHER;
	}
}

uint64_t sip_tls_claims(const struct sip_tls *t, SSL *ssl, struct span *names)
{
	const struct session *se = session_of(t, ssl);

	*names = se ? span_of(se->names, se->n_names) : SPAN_NONE;
	return se ? se->wanted : 0;
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

/* --- our own ------------------------------------------------------------------------------------- */

static X509 *issuer_in_trust(struct sip_tls *t, X509 *leaf)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *issuer = NULL;

	if (!ctx || X509_STORE_CTX_init(ctx, t->trust, leaf, NULL) != 1 ||
	    X509_STORE_CTX_get1_issuer(&issuer, ctx, leaf) != 1)
		issuer = NULL;
	X509_STORE_CTX_free(ctx);
	return issuer;
}

int sip_tls_own(struct sip_tls *t, struct span out[SIP_TLS_CHAIN_MAX])
{
	SSL_CTX *ctx = http_tls_ctx(t->server);
	X509 *leaf = SSL_CTX_get0_certificate(ctx), *issuer = NULL;
	STACK_OF(X509) *chain = NULL;
	int r = 0;

	(void)SSL_CTX_get0_chain_certs(ctx, &chain);
	if (sk_X509_num(chain) > 0) {
		issuer = sk_X509_value(chain, 0);
		(void)X509_up_ref(issuer);
	} else if (X509_check_issued(leaf, leaf) != X509_V_OK) {
		issuer = issuer_in_trust(t, leaf);
	}
	if (issuer && add_der(&out[0], leaf) == 0) {
		r = add_der(&out[1], issuer) == 0 ? 2 : 0;
		if (!r)
			sip_tls_chain_free(out, 1);
	}
	X509_free(issuer);
	ERR_clear_error();
	return r;
}
