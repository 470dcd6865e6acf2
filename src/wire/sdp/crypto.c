/* a=crypto. */
#include "base/secret.h"
#include "base/text.h"
#include "wire/sdp/crypto.h"
#include "wire/sdp/sdp_int.h"

static const struct {
	const char *name;
	uint8_t bytes;
} suites[SDP_SUITE_COUNT] = {
	[SDP_SUITE_NONE] = {"", 0},
	[SDP_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", 30},
	[SDP_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", 30},
	[SDP_AES_256_CM_HMAC_SHA1_80] = {"AES_256_CM_HMAC_SHA1_80", 46},
	[SDP_AEAD_AES_128_GCM] = {"AEAD_AES_128_GCM", 28},
	[SDP_AEAD_AES_256_GCM] = {"AEAD_AES_256_GCM", 44},
};

size_t sdp_suite_bytes(enum sdp_suite s)
{
	return s < SDP_SUITE_COUNT ? suites[s].bytes : 0;
}

const char *sdp_suite_name(enum sdp_suite s)
{
	return s < SDP_SUITE_COUNT ? suites[s].name : "";
}

static enum sdp_suite suite_of(struct span word)
{
	for (unsigned i = 1; i < SDP_SUITE_COUNT; i++)
		if (span_eq_nocase(word, span_str(suites[i].name)))
			return (enum sdp_suite)i;
	return SDP_SUITE_NONE;
}

/* Padding is optional: there are peers that leave it out. */
static int get_key(uint8_t key[SDP_KEY_MAX], size_t want, struct span text)
{
	uint8_t padded[B64_LEN(SDP_KEY_MAX)], plain[SDP_KEY_MAX];
	size_t n = 0;
	int r = E_FORMAT;

	while (text.n > 0 && text.p[text.n - 1] == '=')
		text.n--;
	if (text.n == 0 || text.n > sizeof(padded))
		return E_FORMAT;
	memset(padded, '=', sizeof(padded));
	memcpy(padded, text.p, text.n);
	if (b64_decode(plain, sizeof(plain), &n,
		       span_of(padded, (text.n + 3) / 4 * 4)) == 0 &&
	    n == want) {
		memcpy(key, plain, n);
		r = 0;
	}
	secret_wipe(padded, sizeof(padded));
	secret_wipe(plain, sizeof(plain));
	return r;
}

/* 2^n or a number of packets */
static int get_lifetime(uint64_t *out, struct span v)
{
	uint64_t n;

	if (span_starts(v, SPAN_LIT("2^"))) {
		if (span_u64(span_of(v.p + 2, v.n - 2), 48, &n) != 0)
			return E_FORMAT;
		*out = UINT64_C(1) << n;
		return 0;
	}
	if (span_u64(v, UINT64_C(1) << 48, &n) != 0 || n == 0)
		return E_FORMAT;
	*out = n;
	return 0;
}

static int get_mki(struct sdp_crypto *c, struct span v)
{
	struct span value, bytes;
	uint64_t n, len;

	if (!span_split(v, ':', &value, &bytes) ||
	    span_u64(bytes, 128, &len) != 0 || len == 0)
		return E_FORMAT;
	if (len > 4 || span_u64(value, UINT32_MAX, &n) != 0)
		return E_UNSUPPORTED;
	c->mki_bytes = (uint8_t)len;
	c->mki = (uint32_t)n;
	return 0;
}

/* inline:<key>[|lifetime][|mki:length] */
static int get_key_param(struct sdp_crypto *c, uint8_t key[SDP_KEY_MAX],
			 struct span v)
{
	struct span method, text, part;
	bool more;
	int r;

	if (!span_split(v, ':', &method, &v))
		return E_FORMAT;
	if (!span_eq_nocase(method, SPAN_LIT("inline")))
		return E_UNSUPPORTED;
	if (v.n > 0 && memchr(v.p, ';', v.n))
		return E_UNSUPPORTED;
	more = span_split(v, '|', &text, &v);
	r = get_key(key, sdp_suite_bytes(c->suite), text);
	for (unsigned n = 0; r == 0 && more; n++) {
		more = span_split(v, '|', &part, &v);
		if (part.n > 0 && memchr(part.p, ':', part.n))
			r = c->mki_bytes ? E_FORMAT : get_mki(c, part);
		else
			r = n > 0 ? E_FORMAT : get_lifetime(&c->lifetime, part);
	}
	return r;
}

static int check_session_params(struct span rest)
{
	struct span word;

	while (sdp_word_next(&rest, &word))
		if (word.p[0] != '-' && !span_starts(word, SPAN_LIT("WSH=")))
			return E_UNSUPPORTED;
	return 0;
}

static int decode(struct sdp_crypto *c, uint8_t key[SDP_KEY_MAX],
		  struct span v)
{
	struct span params;
	uint64_t tag;
	int r;

	if (span_u64(sdp_word(&v), 999999999, &tag) != 0 || tag == 0)
		return E_FORMAT;
	c->tag = (uint32_t)tag;
	params = sdp_word(&v);
	if (!sdp_is_token(params))
		return E_FORMAT;
	c->suite = suite_of(params);
	if (c->suite == SDP_SUITE_NONE)
		return E_UNSUPPORTED;
	c->key_n = sdp_suite_bytes(c->suite);
	r = get_key_param(c, key, sdp_word(&v));
	return r == 0 ? check_session_params(v) : r;
}

int sdp_crypto_decode(struct sdp_crypto *out, uint8_t key[SDP_KEY_MAX],
		      struct span value)
{
	struct sdp_crypto c = {.tag = 0};
	int r;

	memset(key, 0, SDP_KEY_MAX);
	r = decode(&c, key, value);
	if (r == 0)
		*out = c;
	else
		secret_wipe(key, SDP_KEY_MAX);
	return r;
}

bool sdp_crypto_next(const struct sdp_section *m, size_t *it,
		     struct sdp_crypto *out, uint8_t key[SDP_KEY_MAX])
{
	const struct sdp_attr *a;

	while ((a = sdp_attr_next(&m->attrs, "crypto", it)) != NULL)
		if (sdp_crypto_decode(out, key, a->value) == 0)
			return true;
	return false;
}

void sdp_wr_crypto(struct wr *w, uint32_t tag, enum sdp_suite suite,
		   struct span key)
{
	char text[B64_LEN(SDP_KEY_MAX) + 1];

	if (tag == 0 || tag > 999999999 || key.n == 0 ||
	    key.n != sdp_suite_bytes(suite)) {
		wr_fail(w);
		return;
	}
	b64_encode(text, key.p, key.n);
	wr_str(w, "a=crypto:");
	wr_dec(w, tag);
	wr_u8(w, ' ');
	wr_str(w, sdp_suite_name(suite));
	wr_str(w, " inline:");
	wr_str(w, text);
	wr_str(w, "\r\n");
	secret_wipe(text, sizeof(text));
}
