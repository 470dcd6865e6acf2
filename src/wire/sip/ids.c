/* Header names and ids, and what looks headers up in a message. */
#include "wire/sip/sip_int.h"

static const struct {
	const char *name;
	uint8_t n;
	uint8_t compact;
} names[SIP_H_COUNT] = {
	[SIP_H_OTHER] = {"", 0, 0},
#define X(id, name, compact, many) [SIP_H_##id] = {name, sizeof(name) - 1, compact},
	SIP_HEADERS_LIST(X)
#undef X
};

/* The list is sorted by name: where each first letter starts and ends. */
static const struct {
	uint8_t from, to;
} by_letter[26] = {
	['a' - 'a'] = {SIP_H_ACCEPT, SIP_H_AUTHORIZATION},
	['c' - 'a'] = {SIP_H_CALL_ID, SIP_H_CSEQ},
	['d' - 'a'] = {SIP_H_DATE, SIP_H_DIVERSION},
	['e' - 'a'] = {SIP_H_ERROR_INFO, SIP_H_EXPIRES},
	['f' - 'a'] = {SIP_H_FROM, SIP_H_FROM},
	['h' - 'a'] = {SIP_H_HISTORY_INFO, SIP_H_HISTORY_INFO},
	['i' - 'a'] = {SIP_H_IDENTITY, SIP_H_INFO_PACKAGE},
	['j' - 'a'] = {SIP_H_JOIN, SIP_H_JOIN},
	['m' - 'a'] = {SIP_H_MAX_FORWARDS, SIP_H_MIN_SE},
	['o' - 'a'] = {SIP_H_ORGANIZATION, SIP_H_ORGANIZATION},
	['p' - 'a'] = {SIP_H_P_ASSERTED_IDENTITY, SIP_H_PROXY_REQUIRE},
	['r' - 'a'] = {SIP_H_RACK, SIP_H_RSEQ},
	['s' - 'a'] = {SIP_H_SERVER, SIP_H_SUPPORTED},
	['t' - 'a'] = {SIP_H_TARGET_DIALOG, SIP_H_TO},
	['u' - 'a'] = {SIP_H_UNSUPPORTED, SIP_H_USER_AGENT},
	['v' - 'a'] = {SIP_H_VIA, SIP_H_VIA},
	['w' - 'a'] = {SIP_H_WARNING, SIP_H_WWW_AUTHENTICATE},
};

static enum sip_hdr_id compact_id(uint8_t letter)
{
	switch (letter) {
	case 'a': return SIP_H_ACCEPT_CONTACT;
	case 'b': return SIP_H_REFERRED_BY;
	case 'c': return SIP_H_CONTENT_TYPE;
	case 'd': return SIP_H_REQUEST_DISPOSITION;
	case 'e': return SIP_H_CONTENT_ENCODING;
	case 'f': return SIP_H_FROM;
	case 'i': return SIP_H_CALL_ID;
	case 'k': return SIP_H_SUPPORTED;
	case 'l': return SIP_H_CONTENT_LENGTH;
	case 'm': return SIP_H_CONTACT;
	case 'o': return SIP_H_EVENT;
	case 'r': return SIP_H_REFER_TO;
	case 's': return SIP_H_SUBJECT;
	case 't': return SIP_H_TO;
	case 'u': return SIP_H_ALLOW_EVENTS;
	case 'v': return SIP_H_VIA;
	case 'x': return SIP_H_SESSION_EXPIRES;
	case 'y': return SIP_H_IDENTITY;
	default: return SIP_H_OTHER;
	}
}

enum sip_hdr_id sip_hdr_id_of(struct span name)
{
	uint8_t c = name.n > 0 ? sip_lower(name.p[0]) : 0;

	if (c < 'a' || c > 'z')
		return SIP_H_OTHER;
	if (name.n == 1)
		return compact_id(c);
	for (unsigned i = by_letter[c - 'a'].from;
	     i > 0 && i <= by_letter[c - 'a'].to; i++)
		if (names[i].n == name.n &&
		    span_eq_nocase(name, span_of(names[i].name, name.n)))
			return (enum sip_hdr_id)i;
	return SIP_H_OTHER;
}

const char *sip_hdr_name(enum sip_hdr_id id)
{
	return id < SIP_H_COUNT ? names[id].name : "";
}

/* --- in a message --- */

const struct sip_hdr *sip_hdr(const struct sip_msg *m, enum sip_hdr_id id)
{
	if (id <= SIP_H_OTHER || id >= SIP_H_COUNT || m->first[id] == 0)
		return NULL;
	return &m->hdrs[m->first[id] - 1];
}

struct span sip_hdr_value(const struct sip_msg *m, enum sip_hdr_id id)
{
	const struct sip_hdr *h = sip_hdr(m, id);

	return h ? h->value : SPAN_NONE;
}

bool sip_has(const struct sip_msg *m, enum sip_hdr_id id)
{
	return sip_hdr(m, id) != NULL;
}

const struct sip_hdr *sip_hdr_next(const struct sip_msg *m,
				   enum sip_hdr_id id, size_t *it)
{
	if (*it == 0 && id > SIP_H_OTHER && id < SIP_H_COUNT)
		*it = m->first[id] ? (size_t)m->first[id] - 1 : m->hdrs_n;
	while (*it < m->hdrs_n) {
		const struct sip_hdr *h = &m->hdrs[(*it)++];
		if (h->id == id)
			return h;
	}
	return NULL;
}

const struct sip_hdr *sip_hdr_named(const struct sip_msg *m,
				    const char *name)
{
	struct span want = span_str(name);

	for (size_t i = 0; i < m->hdrs_n; i++)
		if (span_eq_nocase(m->hdrs[i].name, want))
			return &m->hdrs[i];
	return NULL;
}

/* --- typed lists --- */

static int list_next(struct sip_list *l, struct span *value)
{
	if (sip_list_next(l, value))
		return 1;
	return l->failed ? E_LIMIT : 0;
}

int sip_via_next(struct sip_list *l, struct sip_via *out)
{
	struct span value;
	int r = list_next(l, &value);

	if (r <= 0)
		return r;
	r = sip_via_decode(out, value);
	return r == 0 ? 1 : r;
}

int sip_addr_next(struct sip_list *l, struct sip_addr *out)
{
	struct span value;
	int r = list_next(l, &value);

	if (r <= 0)
		return r;
	r = sip_addr_decode(out, value);
	return r == 0 ? 1 : r;
}

int sip_contact_next(struct sip_list *l, struct sip_addr *out)
{
	struct sip_list rest;
	struct sip_addr a;
	struct span value;
	int r = list_next(l, &value);

	if (r <= 0)
		return r;
	r = sip_contact_decode(&a, value);
	if (r != 0)
		return r;
	rest = *l;
	if (a.star && (l->n != 1 || sip_list_next(&rest, &value)))
		return E_FORMAT;
	*out = a;
	return 1;
}

int sip_options(const struct sip_msg *m, enum sip_hdr_id id, uint32_t *bits,
		struct span *unknown)
{
	struct sip_list l = sip_list(m, id);
	struct span one, first = SPAN_NONE;
	uint32_t all = 0;
	int r;

	while ((r = list_next(&l, &one)) > 0) {
		uint32_t bit = sip_option_of(one);
		if (!sip_is_token(one))
			return E_FORMAT;
		if (bit == 0 && first.n == 0)
			first = one;
		all |= bit;
	}
	if (r < 0)
		return r;
	*bits = all;
	*unknown = first;
	return 0;
}

uint32_t sip_allow(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_ALLOW);
	struct span one;
	uint32_t bits = 0;

	while (sip_list_next(&l, &one)) {
		enum sip_method method = sip_method_of(one);
		if (method != SIP_OTHER)
			bits |= UINT32_C(1) << method;
	}
	return bits;
}

bool sip_seconds(const struct sip_msg *m, enum sip_hdr_id id, uint32_t *out)
{
	const struct sip_hdr *h = sip_hdr(m, id);

	return h && sip_seconds_decode(out, h->value) == 0;
}
