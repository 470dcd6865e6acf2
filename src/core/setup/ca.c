#include "core/setup/ca.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>
#include "base/addr.h"
#include "base/rand.h"

enum { CA_DAYS = 3650, SERVER_DAYS = 820, SERIAL_LEN = 16, SAN_MAX = 20000 };

/* --- names ---------------------------------------------------------------- */

static bool is_host_name(struct span s)
{
	size_t label = 0;
	if (s.n == 0 || s.n > 253)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool is_alnum = (c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9');
		if (c == '.' ? label == 0 : !is_alnum && c != '-')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63 || (c == '-' && label == 1))
			return false;
	}
	return label > 0;
}

int ca_names_add(struct ca_names *names, const char *name)
{
	struct addr a;
	char text[ADDR_TEXT_MAX];
	if (addr_parse(&a, span_str(name), 0) == 0) {
		addr_print_ip(&a, text);	/* one spelling */
		name = text;
	} else if (!is_host_name(span_str(name))) {
		return E_FORMAT;
	}
	for (size_t i = 0; i < names->n; i++)
		if (span_eq_nocase(span_str(names->name[i]), span_str(name)))
			return 0;
	if (names->n == CA_NAMES_MAX)
		return E_FULL;
	(void)snprintf(names->name[names->n++], CA_NAME_LEN, "%s", name);
	return 0;
}

static bool is_link_local(const struct addr *a)
{
	if (addr_is_v4(a))
		return a->ip[12] == 169 && a->ip[13] == 254;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static void add_interfaces(struct ca_names *names)
{
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		struct addr a;
		char text[ADDR_TEXT_MAX];
		socklen_t n = i->ifa_addr == NULL ? 0 :
			i->ifa_addr->sa_family == AF_INET ? 16 : 28;
		if (n == 0 || addr_from_sockaddr(&a, i->ifa_addr, n) < 0 ||
		    is_link_local(&a))
			continue;
		addr_print_ip(&a, text);
		/* What does not fit any more is left out. */
		(void)ca_names_add(names, text);
	}
	freeifaddrs(all);
}

void ca_names_of_host(struct ca_names *names)
{
	char host[256] = "";
	/* A host without a proper name still has its addresses. */
	if (gethostname(host, sizeof(host) - 1) == 0)
		(void)ca_names_add(names, host);
	(void)ca_names_add(names, "localhost");
	(void)ca_names_add(names, "127.0.0.1");
	(void)ca_names_add(names, "::1");
	add_interfaces(names);
}

/* --- certificates --------------------------------------------------------- */

struct cert {
	EVP_PKEY *key;
	X509 *x;
};

static void cert_release(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x);
}

static bool set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_LEN];
	rand_bytes(bytes, sizeof(bytes));
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);	/* positive, full */
	BIGNUM *bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
	return ok;
}

static bool set_times(X509 *x, int64_t now_s, int days)
{
	/* An hour back, for clients whose clock is slow. */
	return ASN1_TIME_set(X509_getm_notBefore(x), now_s - 3600) &&
	       ASN1_TIME_adj(X509_getm_notAfter(x), now_s, days, 0);
}

static bool set_subject(X509 *x, const char *cn)
{
	char cut[64];		/* ub-common-name, RFC 5280 A.1 */
	(void)snprintf(cut, sizeof(cut), "%s", cn);
	X509_NAME *n = X509_get_subject_name(x);
	return X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC,
			(const uint8_t *)"Conclave", -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
			(const uint8_t *)cut, -1, -1, 0) == 1;
}

static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool start(struct cert *c, const char *cn, int64_t now_s, int days)
{
	c->key = EVP_EC_gen("P-256");
	c->x = X509_new();
	return c->key != NULL && c->x != NULL &&
	       X509_set_version(c->x, X509_VERSION_3) == 1 &&
	       set_serial(c->x) && set_times(c->x, now_s, days) &&
	       set_subject(c->x, cn) && X509_set_pubkey(c->x, c->key) == 1;
}

static bool sign(struct cert *c, const struct cert *issuer)
{
	return X509_set_issuer_name(c->x,
			X509_get_subject_name(issuer->x)) == 1 &&
	       X509_sign(c->x, issuer->key, EVP_sha256()) > 0;
}

static bool make_ca(struct cert *ca, int64_t now_s)
{
	char cn[64];
	/* Two installations must not have authorities of the same name. */
	(void)snprintf(cn, sizeof(cn), "Conclave CA %08x", rand_u32());
	return start(ca, cn, now_s, CA_DAYS) &&
	       add_ext(ca->x, ca->x, NID_basic_constraints,
		       "critical,CA:TRUE,pathlen:0") &&
	       add_ext(ca->x, ca->x, NID_key_usage,
		       "critical,keyCertSign,cRLSign") &&
	       add_ext(ca->x, ca->x, NID_subject_key_identifier, "hash") &&
	       sign(ca, ca);
}

static void san_text(char dst[SAN_MAX], const struct ca_names *names)
{
	size_t n = 0;
	dst[0] = 0;
	for (size_t i = 0; i < names->n; i++) {
		struct addr a;
		bool is_addr = addr_parse(&a, span_str(names->name[i]), 0) == 0;
		int w = snprintf(dst + n, SAN_MAX - n, "%s%s:%s",
				 n ? "," : "", is_addr ? "IP" : "DNS",
				 names->name[i]);
		n += (size_t)w;		/* 64 names of 254 bytes fit */
	}
}

static bool make_server(struct cert *c, struct cert *ca,
			const struct ca_names *names, int64_t now_s)
{
	char san[SAN_MAX];
	san_text(san, names);
	return names->n > 0 &&
	       start(c, names->name[0], now_s, SERVER_DAYS) &&
	       add_ext(c->x, ca->x, NID_basic_constraints,
		       "critical,CA:FALSE") &&
	       add_ext(c->x, ca->x, NID_key_usage,
		       "critical,digitalSignature") &&
	       add_ext(c->x, ca->x, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_ext(c->x, ca->x, NID_subject_key_identifier, "hash") &&
	       add_ext(c->x, ca->x, NID_authority_key_identifier, "keyid") &&
	       add_ext(c->x, ca->x, NID_subject_alt_name, san) &&
	       sign(c, ca);
}

/* --- PEM ------------------------------------------------------------------ */

static int cert_pem(char dst[CA_PEM_MAX], X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	int e = E_CRYPTO;
	if (b != NULL && PEM_write_bio_X509(b, x) == 1) {
		long n = BIO_get_mem_data(b, &p);
		if (n > 0 && n < CA_PEM_MAX) {
			memcpy(dst, p, (size_t)n);
			dst[n] = 0;
			e = 0;
		}
	}
	BIO_free(b);
	return e;
}

static int key_pem(struct secret *out, EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_secmem());
	char *p = NULL;
	int e = E_CRYPTO;
	if (b != NULL && PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL,
						  NULL) == 1) {
		long n = BIO_get_mem_data(b, &p);
		e = n > 0 ? secret_init(out, p, (size_t)n) : E_CRYPTO;
		if (n > 0)
			secret_wipe(p, (size_t)n);
	}
	BIO_free(b);
	return e;
}

void ca_pem_release(struct ca_pem *p)
{
	secret_release(&p->ca_key);
	secret_release(&p->server_key);
}

int ca_make(struct ca_pem *out, const struct ca_names *names, int64_t now_s)
{
	struct cert ca = {NULL, NULL}, server = {NULL, NULL};
	out->ca_key = out->server_key = (struct secret){NULL, 0};
	int e = E_CRYPTO;
	if (make_ca(&ca, now_s) && make_server(&server, &ca, names, now_s))
		e = cert_pem(out->ca_cert, ca.x);
	if (e == 0)
		e = cert_pem(out->server_cert, server.x);
	if (e == 0)
		e = key_pem(&out->ca_key, ca.key);
	if (e == 0)
		e = key_pem(&out->server_key, server.key);
	cert_release(&ca);
	cert_release(&server);
	if (e < 0)
		ca_pem_release(out);
	return e;
}
