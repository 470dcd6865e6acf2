#include "wire/stun/stun.h"
#include "base/crypto/crypto.h"
#include "base/rd.h"
#include "base/wr.h"

enum {
	COOKIE_HIGH = 0x2112,
	ATTR_HEADER_LEN = 4,
	FINGERPRINT_LEN = 4,
	FAMILY_4 = 1,
	FAMILY_6 = 2,
};

#define COOKIE UINT32_C(0x2112A442)
#define FINGERPRINT_XOR UINT32_C(0x5354554E)

enum attr {
	ATTR_MAPPED_ADDRESS = 0x0001,
	ATTR_USERNAME = 0x0006,
	ATTR_MESSAGE_INTEGRITY = 0x0008,
	ATTR_ERROR_CODE = 0x0009,
	ATTR_UNKNOWN_ATTRIBUTES = 0x000A,
	ATTR_REALM = 0x0014,
	ATTR_NONCE = 0x0015,
	ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001C,
	ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	ATTR_PRIORITY = 0x0024,
	ATTR_USE_CANDIDATE = 0x0025,
	ATTR_OPTIONAL = 0x8000,		/* from here on: comprehension-optional */
	ATTR_FINGERPRINT = 0x8028,
	ATTR_ICE_CONTROLLED = 0x8029,
	ATTR_ICE_CONTROLLING = 0x802A,
};

/* --- decode --- */

bool stun_is_message(struct span in)
{
	struct rd r = rd_of(in);
	uint16_t type = rd_u16(&r);
	uint16_t len = rd_u16(&r);
	uint32_t cookie = rd_u32(&r);

	return in.n >= STUN_HEADER_LEN && (type & 0xC000) == 0 &&
	       (len & 3) == 0 && cookie == COOKIE &&
	       in.n == (size_t)STUN_HEADER_LEN + len;
}

static void xor_addr(struct addr *a, bool v4, const uint8_t *txid)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xA4, 0x42};
	size_t from = v4 ? 12 : 0;

	a->port ^= COOKIE_HIGH;
	for (size_t i = 0; from + i < sizeof(a->ip); i++)
		a->ip[from + i] ^= i < 4 ? cookie[i] : txid[i - 4];
}

static int get_addr(struct addr *out, struct span v, const uint8_t *xor_txid)
{
	static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
	struct rd r = rd_of(v);
	struct addr a = {{0}, 0};

	rd_u8(&r);
	uint8_t family = rd_u8(&r);
	a.port = rd_u16(&r);
	if (family == FAMILY_4) {
		memcpy(a.ip, mapped, sizeof(mapped));
		rd_copy(&r, a.ip + 12, 4);
	} else if (family == FAMILY_6) {
		rd_copy(&r, a.ip, sizeof(a.ip));
	} else {
		return E_FORMAT;
	}
	if (rd_end(&r) != 0)
		return E_FORMAT;
	if (xor_txid)
		xor_addr(&a, family == FAMILY_4, xor_txid);
	*out = a;
	return 0;
}

static int get_mapped(struct stun_msg *m, struct span v, bool is_xor)
{
	int r;

	if (m->has_mapped)
		return 0;
	r = get_addr(&m->mapped, v, is_xor ? m->txid : NULL);
	m->has_mapped = r == 0;
	return r;
}

static int get_error(struct stun_msg *m, struct span v)
{
	struct rd r = rd_of(v);

	rd_u16(&r);
	unsigned cls = rd_u8(&r) & 7u;
	unsigned number = rd_u8(&r);
	if (r.failed || cls < 3 || cls > 6 || number > 99)
		return E_FORMAT;
	if (m->error_code == 0)
		m->error_code = (uint16_t)(cls * 100 + number);
	return 0;
}

static int get_role(struct stun_msg *m, struct span v, bool *seen)
{
	struct rd r = rd_of(v);
	uint64_t tie = rd_u64(&r);

	if (rd_end(&r) != 0)
		return E_FORMAT;
	if (!m->has_controlling && !m->has_controlled)
		m->tie_breaker = tie;
	*seen = true;
	return 0;
}

static int get_priority(struct stun_msg *m, struct span v)
{
	struct rd r = rd_of(v);
	uint32_t priority = rd_u32(&r);

	if (rd_end(&r) != 0)
		return E_FORMAT;
	if (!m->has_priority)
		m->priority = priority;
	m->has_priority = true;
	return 0;
}

static int get_username(struct stun_msg *m, struct span v)
{
	if (v.n > STUN_USERNAME_MAX)
		return E_FORMAT;
	if (!m->has_username)
		m->username = v;
	m->has_username = true;
	return 0;
}

static void note_unknown(struct stun_msg *m, uint16_t type)
{
	if (type >= ATTR_OPTIONAL)
		return;
	if (m->unknown_n < STUN_UNKNOWN_MAX)
		m->unknown[m->unknown_n] = type;
	m->unknown_n++;
}

static int get_attr(struct stun_msg *m, uint16_t type, struct span v,
		    size_t at)
{
	switch (type) {
	case ATTR_MAPPED_ADDRESS:
		return get_mapped(m, v, false);
	case ATTR_XOR_MAPPED_ADDRESS:
		return get_mapped(m, v, true);
	case ATTR_USERNAME:
		return get_username(m, v);
	case ATTR_MESSAGE_INTEGRITY:
		m->integrity_at = at;
		return v.n == SHA1_LEN ? 0 : E_FORMAT;
	case ATTR_ERROR_CODE:
		return get_error(m, v);
	case ATTR_PRIORITY:
		return get_priority(m, v);
	case ATTR_USE_CANDIDATE:
		m->use_candidate = true;
		return v.n == 0 ? 0 : E_FORMAT;
	case ATTR_ICE_CONTROLLED:
		return get_role(m, v, &m->has_controlled);
	case ATTR_ICE_CONTROLLING:
		return get_role(m, v, &m->has_controlling);
	case ATTR_UNKNOWN_ATTRIBUTES:
	case ATTR_REALM:
	case ATTR_NONCE:
	case ATTR_MESSAGE_INTEGRITY_SHA256:
		return 0;
	default:
		note_unknown(m, type);
		return 0;
	}
}

/* The CRC covers everything before the attribute; the length field already
 * counts the attribute, because it must be the last one. */
static int check_fingerprint(struct stun_msg *m, struct span v, size_t at,
			     bool is_last)
{
	struct rd r = rd_of(v);
	uint32_t want = rd_u32(&r);

	if (rd_end(&r) != 0 || !is_last)
		return E_FORMAT;
	if ((crypto_crc32(span_of(m->raw.p, at)) ^ FINGERPRINT_XOR) != want)
		return E_FORMAT;
	m->has_fingerprint = true;
	return 0;
}

static int get_attrs(struct stun_msg *m, struct rd *r)
{
	while (rd_left(r) > 0) {
		size_t at = m->raw.n - rd_left(r);
		uint16_t type = rd_u16(r);
		uint16_t len = rd_u16(r);
		struct span v = rd_span(r, len);
		int e = 0;

		rd_skip(r, (4u - (len & 3u)) & 3u);
		if (r->failed)
			return E_FORMAT;
		if (type == ATTR_FINGERPRINT)
			e = check_fingerprint(m, v, at, rd_left(r) == 0);
		else if (m->integrity_at == 0)
			e = get_attr(m, type, v, at);
		if (e != 0)
			return e;
	}
	return rd_end(r);
}

static enum stun_class class_of(uint16_t type)
{
	return (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
}

static uint16_t method_of(uint16_t type)
{
	return (uint16_t)((type & 0xF) | (type >> 1 & 0x70) |
			  (type >> 2 & 0xF80));
}

int stun_decode(struct stun_msg *out, struct span in)
{
	struct stun_msg m = {.raw = in};
	struct rd r = rd_of(in);
	int e;

	if (in.n < STUN_HEADER_LEN)
		return E_TRUNC;
	if (in.n > STUN_MSG_MAX)
		return E_LIMIT;
	if (!stun_is_message(in))
		return E_FORMAT;
	uint16_t type = rd_u16(&r);
	m.cls = class_of(type);
	m.method = method_of(type);
	rd_skip(&r, 6);
	rd_copy(&r, m.txid, sizeof(m.txid));
	e = get_attrs(&m, &r);
	if (e != 0)
		return e;
	*out = m;
	return 0;
}

int stun_username_split(const struct stun_msg *m, struct span *local,
			struct span *remote)
{
	struct span head, rest;

	if (!m->has_username || !span_split(m->username, ':', &head, &rest) ||
	    head.n == 0 || rest.n == 0)
		return E_FORMAT;
	*local = head;
	*remote = rest;
	return 0;
}

/* --- integrity --- */

/* HMAC over the first n bytes, their length field patched to end behind the
 * MESSAGE-INTEGRITY attribute that follows them (RFC 8489 14.5). */
static int hmac_upto(uint8_t mac[SHA1_LEN], const uint8_t *p, size_t n,
		     struct span key)
{
	uint8_t msg[STUN_MSG_MAX];
	size_t len = n - STUN_HEADER_LEN + ATTR_HEADER_LEN + SHA1_LEN;

	if (n > sizeof(msg) || n < STUN_HEADER_LEN)
		return E_INVAL;
	memcpy(msg, p, n);
	msg[2] = (uint8_t)(len >> 8);
	msg[3] = (uint8_t)len;
	return crypto_hmac_sha1(mac, key, span_of(msg, n));
}

int stun_check_integrity(const struct stun_msg *m, struct span key)
{
	uint8_t mac[SHA1_LEN];
	int r;

	if (m->integrity_at == 0 || key.n == 0)
		return E_AUTH;
	r = hmac_upto(mac, m->raw.p, m->integrity_at, key);
	if (r != 0)
		return r;
	const uint8_t *got = m->raw.p + m->integrity_at + ATTR_HEADER_LEN;
	if (!secret_equal(span_of(mac, sizeof(mac)),
			  span_of(got, sizeof(mac))))
		return E_AUTH;
	return 0;
}

/* --- encode --- */

static uint16_t type_of(enum stun_class cls)
{
	unsigned c = (unsigned)cls;

	return (uint16_t)(STUN_METHOD_BINDING | (c & 2) << 7 | (c & 1) << 4);
}

static void put_header(struct wr *w, enum stun_class cls, const uint8_t *txid)
{
	wr_u16(w, type_of(cls));
	wr_u16(w, 0);
	wr_u32(w, COOKIE);
	wr_bytes(w, txid, STUN_TXID_LEN);
}

static void put_attr(struct wr *w, uint16_t type, struct span v)
{
	wr_u16(w, type);
	wr_u16(w, (uint16_t)v.n);
	wr_span(w, v);
	wr_zero(w, (4u - (v.n & 3u)) & 3u);
}

/* Writes the length field: what stands there now and `more` bytes to come. */
static void put_length(struct wr *w, size_t more)
{
	if (!w->failed)
		wr_at_u16(w, 2,
			  (uint16_t)(wr_len(w) - STUN_HEADER_LEN + more));
}

static int put_integrity(struct wr *w, struct span key)
{
	uint8_t mac[SHA1_LEN];
	int r;

	if (w->failed)
		return E_FULL;
	r = hmac_upto(mac, w->begin, wr_len(w), key);
	if (r != 0)
		return r;
	put_attr(w, ATTR_MESSAGE_INTEGRITY, span_of(mac, sizeof(mac)));
	return 0;
}

static void put_fingerprint(struct wr *w)
{
	uint32_t crc;

	put_length(w, ATTR_HEADER_LEN + FINGERPRINT_LEN);
	if (w->failed)
		return;
	crc = crypto_crc32(span_of(w->begin, wr_len(w))) ^ FINGERPRINT_XOR;
	wr_u16(w, ATTR_FINGERPRINT);
	wr_u16(w, FINGERPRINT_LEN);
	wr_u32(w, crc);
}

static int finish(struct wr *w, struct span key, struct span *out)
{
	int r = 0;

	if (key.n > 0)
		r = put_integrity(w, key);
	if (r != 0)
		return r;
	put_fingerprint(w);
	return wr_end(w, out);
}

static void put_xor_mapped(struct wr *w, const struct addr *mapped,
			   const uint8_t *txid)
{
	struct addr a = *mapped;
	bool v4 = addr_is_v4(mapped);
	size_t from = v4 ? 12 : 0;

	xor_addr(&a, v4, txid);
	wr_u16(w, ATTR_XOR_MAPPED_ADDRESS);
	wr_u16(w, v4 ? 8 : 20);
	wr_u8(w, 0);
	wr_u8(w, v4 ? FAMILY_4 : FAMILY_6);
	wr_u16(w, a.port);
	wr_bytes(w, a.ip + from, sizeof(a.ip) - from);
}

int stun_encode_success(void *buf, size_t cap, struct span *out,
			const uint8_t txid[STUN_TXID_LEN],
			const struct addr *mapped, struct span key)
{
	struct wr w = wr_of(buf, cap);

	put_header(&w, STUN_SUCCESS, txid);
	put_xor_mapped(&w, mapped, txid);
	return finish(&w, key, out);
}

static const char *reason_of(unsigned code)
{
	switch (code) {
	case STUN_BAD_REQUEST:
		return "Bad Request";
	case STUN_UNAUTHENTICATED:
		return "Unauthenticated";
	case STUN_UNKNOWN_ATTRIBUTE:
		return "Unknown Attribute";
	case STUN_ROLE_CONFLICT:
		return "Role Conflict";
	default:
		return "Error";
	}
}

static void put_error_code(struct wr *w, unsigned code)
{
	struct span reason = span_str(reason_of(code));

	wr_u16(w, ATTR_ERROR_CODE);
	wr_u16(w, (uint16_t)(4 + reason.n));
	wr_u16(w, 0);
	wr_u8(w, (uint8_t)(code / 100));
	wr_u8(w, (uint8_t)(code % 100));
	wr_span(w, reason);
	wr_zero(w, (4u - (reason.n & 3u)) & 3u);
}

static void put_unknown(struct wr *w, const uint16_t *unknown, size_t n)
{
	if (n > STUN_UNKNOWN_MAX)
		n = STUN_UNKNOWN_MAX;
	wr_u16(w, ATTR_UNKNOWN_ATTRIBUTES);
	wr_u16(w, (uint16_t)(2 * n));
	for (size_t i = 0; i < n; i++)
		wr_u16(w, unknown[i]);
	wr_zero(w, n % 2 ? 2 : 0);
}

int stun_encode_error(void *buf, size_t cap, struct span *out,
		      const uint8_t txid[STUN_TXID_LEN], unsigned code,
		      const uint16_t *unknown, size_t unknown_n,
		      struct span key)
{
	struct wr w = wr_of(buf, cap);

	if (code < 300 || code > 699)
		return E_INVAL;
	put_header(&w, STUN_ERROR, txid);
	put_error_code(&w, code);
	if (code == STUN_UNKNOWN_ATTRIBUTE)
		put_unknown(&w, unknown, unknown_n);
	return finish(&w, key, out);
}

int stun_encode_request(void *buf, size_t cap, struct span *out,
			const struct stun_request *q)
{
	struct wr w = wr_of(buf, cap);

	if (q->username.n > STUN_USERNAME_MAX)
		return E_INVAL;
	put_header(&w, STUN_REQUEST, q->txid);
	put_attr(&w, ATTR_USERNAME, q->username);
	wr_u16(&w, ATTR_PRIORITY);
	wr_u16(&w, 4);
	wr_u32(&w, q->priority);
	wr_u16(&w, q->controlling ? ATTR_ICE_CONTROLLING : ATTR_ICE_CONTROLLED);
	wr_u16(&w, 8);
	wr_u64(&w, q->tie_breaker);
	if (q->use_candidate)
		put_attr(&w, ATTR_USE_CANDIDATE, SPAN_NONE);
	return finish(&w, q->key, out);
}
