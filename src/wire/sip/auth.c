/* Digest challenges and credentials. */
#include "wire/sip/auth.h"
#include "wire/sip/sip_int.h"

const char *sip_auth_alg_name(enum sip_auth_alg a)
{
	static const char *const names[] = {"", "MD5", "SHA-256",
					    "SHA-512-256"};

	return a <= SIP_ALG_SHA512_256 ? names[a] : "";
}

/* The parameters of one header, in any order. Which a kind of header knows is
 * a table: name, where it goes. */
struct auth_field {
	const char *name;
	struct span *at;
};

struct auth_fields {
	const struct auth_field *v;
	unsigned n;
};

static int store(const struct auth_fields *f, struct span name,
		 struct span value, uint32_t *seen)
{
	if (value.n > SIP_AUTH_VALUE_MAX)
		return E_LIMIT;
	for (unsigned i = 0; i < f->n; i++) {
		if (!span_eq_nocase(name, span_str(f->v[i].name)))
			continue;
		if (*seen & UINT32_C(1) << i)
			return E_FORMAT;
		*seen |= UINT32_C(1) << i;
		*f->v[i].at = value;
	}
	return 0;
}

/* name = token | "quoted" */
static int get_field(struct lex *l, struct span *name, struct span *value)
{
	*name = lex_run(l, C_TOKEN);
	if (name->n == 0 || !lex_mark(l, '='))
		return E_FORMAT;
	if (lex_byte(l, '"'))
		return sip_lex_quoted(l, value) ? 0 : E_FORMAT;
	*value = lex_run(l, C_VALUE);
	return value->n > 0 ? 0 : E_FORMAT;
}

static int get_fields(struct span value, const struct auth_fields *f,
		      uint32_t *seen)
{
	struct lex l = lex_of(sip_trim(value));
	struct span scheme = lex_run(&l, C_TOKEN), name, v;
	unsigned n = 0;
	int r;

	if (scheme.n == 0 || lex_run(&l, C_BLANK).n == 0)
		return E_FORMAT;
	if (!span_eq_nocase(scheme, SPAN_LIT("Digest")))
		return E_UNSUPPORTED;
	do {
		if (n++ == SIP_PARAMS_MAX)
			return E_LIMIT;
		r = get_field(&l, &name, &v);
		if (r == 0)
			r = store(f, name, v, seen);
	} while (r == 0 && lex_mark(&l, ','));
	if (r == 0 && !lex_end(&l))
		r = E_FORMAT;
	return r;
}

static void get_alg(struct span text, enum sip_auth_alg *alg, bool *sess)
{
	struct span s = text;

	*sess = s.n > 5 &&
		span_eq_nocase(span_of(s.p + s.n - 5, 5), SPAN_LIT("-sess"));
	if (*sess)
		s.n -= 5;
	*alg = SIP_ALG_OTHER;
	if (s.n == 0)
		*alg = SIP_ALG_MD5;
	for (int i = SIP_ALG_MD5; i <= SIP_ALG_SHA512_256; i++)
		if (span_eq_nocase(s, span_str(sip_auth_alg_name(
					      (enum sip_auth_alg)i))))
			*alg = (enum sip_auth_alg)i;
}

static unsigned qop_bit(struct span s)
{
	if (span_eq_nocase(s, SPAN_LIT("auth")))
		return SIP_QOP_AUTH;
	if (span_eq_nocase(s, SPAN_LIT("auth-int")))
		return SIP_QOP_AUTH_INT;
	return SIP_QOP_OTHER;
}

int sip_challenge_decode(struct sip_challenge *out, struct span value)
{
	struct sip_challenge c = {.qop = SIP_QOP_NONE};
	struct span qop = SPAN_NONE, stale = SPAN_NONE, hash = SPAN_NONE, one;
	const struct auth_field v[] = {
		{"realm", &c.realm}, {"nonce", &c.nonce},
		{"opaque", &c.opaque}, {"domain", &c.domain},
		{"algorithm", &c.alg_text}, {"qop", &qop},
		{"stale", &stale}, {"userhash", &hash}};
	const struct auth_fields f = {v, sizeof(v) / sizeof(v[0])};
	uint32_t seen = 0;
	int r = get_fields(value, &f, &seen);

	if (r != 0)
		return r;
	if (!(seen & 1) || c.nonce.n == 0)
		return E_FORMAT;
	get_alg(c.alg_text, &c.alg, &c.sess);
	while (sip_value_next(&qop, &one))
		c.qop |= qop_bit(one);
	c.stale = span_eq_nocase(stale, SPAN_LIT("true"));
	c.userhash = span_eq_nocase(hash, SPAN_LIT("true"));
	*out = c;
	return 0;
}

static bool is_hex_text(struct span s)
{
	uint32_t v;

	for (size_t i = 0; i < s.n; i++)
		if (!sip_hex(span_of(s.p + i, 1), &v))
			return false;
	return s.n >= 32 && s.n <= 64;
}

int sip_credentials_decode(struct sip_credentials *out, struct span value)
{
	struct sip_credentials c = {.qop = SIP_QOP_NONE};
	struct span hash = SPAN_NONE;
	const struct auth_field v[] = {
		{"username", &c.username}, {"realm", &c.realm},
		{"nonce", &c.nonce}, {"uri", &c.uri},
		{"response", &c.response}, {"cnonce", &c.cnonce},
		{"opaque", &c.opaque}, {"algorithm", &c.alg_text},
		{"qop", &c.qop_text}, {"nc", &c.nc_text},
		{"userhash", &hash}};
	const struct auth_fields f = {v, sizeof(v) / sizeof(v[0])};
	uint32_t seen = 0;
	int r = get_fields(value, &f, &seen);

	if (r != 0)
		return r;
	if ((seen & 3) != 3 || c.nonce.n == 0 || c.uri.n == 0 ||
	    !is_hex_text(c.response))
		return E_FORMAT;
	if (c.qop_text.n > 0)
		c.qop = qop_bit(c.qop_text);
	if (c.nc_text.n > 0 &&
	    (c.nc_text.n != 8 || !sip_hex(c.nc_text, &c.nc)))
		return E_FORMAT;
	if (c.qop != SIP_QOP_NONE && (c.cnonce.n == 0 || c.nc_text.n == 0))
		return E_FORMAT;
	get_alg(c.alg_text, &c.alg, &c.sess);
	c.userhash = span_eq_nocase(hash, SPAN_LIT("true"));
	*out = c;
	return 0;
}

/* --- writing --- */

static void put_field(struct wr *w, const char *name, struct span v)
{
	if (w->p > w->begin && w->p[-1] != ' ')
		wr_str(w, ", ");
	wr_str(w, name);
	wr_str(w, "=\"");
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f || v.p[i] == '"' ||
		    v.p[i] == '\\')
			wr_fail(w);
	wr_span(w, v);
	wr_u8(w, '"');
}

static void put_token(struct wr *w, const char *name, struct span v)
{
	if (!sip_is_token(v))
		wr_fail(w);
	wr_str(w, ", ");
	wr_str(w, name);
	wr_u8(w, '=');
	wr_span(w, v);
}

static void put_alg(struct wr *w, enum sip_auth_alg a, bool sess)
{
	if (a < SIP_ALG_MD5 || a > SIP_ALG_SHA512_256)
		wr_fail(w);
	put_token(w, "algorithm", span_str(sip_auth_alg_name(a)));
	if (sess)
		wr_str(w, "-sess");
}

void sip_wr_challenge(struct wr *w, const struct sip_challenge *c)
{
	wr_str(w, "Digest ");
	put_field(w, "realm", c->realm);
	put_field(w, "nonce", c->nonce);
	if (c->opaque.n > 0)
		put_field(w, "opaque", c->opaque);
	if (c->domain.n > 0)
		put_field(w, "domain", c->domain);
	put_alg(w, c->alg, c->sess);
	if (c->qop & (SIP_QOP_AUTH | SIP_QOP_AUTH_INT))
		put_field(w, "qop",
			  !(c->qop & SIP_QOP_AUTH_INT) ? SPAN_LIT("auth")
			  : !(c->qop & SIP_QOP_AUTH) ? SPAN_LIT("auth-int")
						     : SPAN_LIT("auth,auth-int"));
	if (c->stale)
		put_token(w, "stale", SPAN_LIT("true"));
	if (c->userhash)
		put_token(w, "userhash", SPAN_LIT("true"));
}

void sip_wr_credentials(struct wr *w, const struct sip_credentials *c)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t nc[8];

	wr_str(w, "Digest ");
	put_field(w, "username", c->username);
	put_field(w, "realm", c->realm);
	put_field(w, "nonce", c->nonce);
	put_field(w, "uri", c->uri);
	put_field(w, "response", c->response);
	put_alg(w, c->alg, c->sess);
	if (c->qop == SIP_QOP_AUTH || c->qop == SIP_QOP_AUTH_INT) {
		for (unsigned i = 0; i < 8; i++)
			nc[i] = (uint8_t)hex[c->nc >> (28 - 4 * i) & 15];
		put_field(w, "cnonce", c->cnonce);
		put_token(w, "qop", c->qop == SIP_QOP_AUTH
					    ? SPAN_LIT("auth")
					    : SPAN_LIT("auth-int"));
		put_token(w, "nc", span_of(nc, sizeof(nc)));
	}
	if (c->opaque.n > 0)
		put_field(w, "opaque", c->opaque);
	if (c->userhash)
		put_token(w, "userhash", SPAN_LIT("true"));
}
