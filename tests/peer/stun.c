#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include "stun.h"

enum {
	HEADER = 20,
	BINDING = 0x0001, BINDING_OK = 0x0101, BINDING_ERROR = 0x0111,
	USERNAME = 0x0006, INTEGRITY = 0x0008, XOR_MAPPED = 0x0020,
	PRIORITY = 0x0024, USE_CANDIDATE = 0x0025, FINGERPRINT = 0x8028,
	CONTROLLING = 0x802a,
};
static const uint32_t cookie = 0x2112a442, crc_mask = 0x5354554e;

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

static void integrity(const char *key, const uint8_t *p, size_t n,
		      uint8_t out[20])
{
	unsigned len = 20;

	HMAC(EVP_sha1(), key, (int)strlen(key), p, n, out, &len);
}

static uint8_t *attr(uint8_t *p, uint32_t type, const void *v, size_t n)
{
	p = put16(put16(p, type), (uint32_t)n);
	if (n)
		memcpy(p, v, n);
	memset(p + n, 0, -n & 3);
	return p + n + (-n & 3);
}

static void set_length(uint8_t *msg, const uint8_t *end)
{
	put16(msg + 2, (uint32_t)(end - msg - HEADER));
}

size_t stun_request(const struct stun_peer *s, const uint8_t id[12],
		    uint8_t *out)
{
	uint8_t word[8], mac[20], *p;
	char user[330];
	int n = snprintf(user, sizeof(user), "%s:%s", s->ufrag,
			 s->local_ufrag);

	p = put32(put16(put16(out, BINDING), 0), cookie);
	memcpy(p, id, 12);
	p = attr(p + 12, USERNAME, user, (size_t)n);
	put32(put32(word, (uint32_t)(s->tie >> 32)), (uint32_t)s->tie);
	p = attr(p, CONTROLLING, word, 8);
	p = attr(p, USE_CANDIDATE, NULL, 0);
	put32(word, 1845501695);
	p = attr(p, PRIORITY, word, 4);
	set_length(out, p + 24);
	integrity(s->pwd, out, (size_t)(p - out), mac);
	p = attr(p, INTEGRITY, mac, 20);
	set_length(out, p + 8);
	put32(word, crc32(out, (size_t)(p - out)) ^ crc_mask);
	p = attr(p, FINGERPRINT, word, 4);
	return (size_t)(p - out);
}

/* An answer is signed with the server's password, a request with ours. */
static bool signed_right(const struct stun_peer *s, const uint8_t *p,
			 size_t at, bool is_request)
{
	uint8_t copy[1500], mac[20];

	memcpy(copy, p, at);
	put16(copy + 2, (uint32_t)(at + 24 - HEADER));
	integrity(is_request ? s->local_pwd : s->pwd, copy, at, mac);
	return memcmp(mac, p + at + 4, 20) == 0;
}

enum stun_seen stun_read(const struct stun_peer *s, const uint8_t *p, size_t n,
			 uint8_t id[12], uint16_t *mapped)
{
	bool is_signed = false, is_request;
	uint32_t type;

	*mapped = 0;
	if (n < HEADER || n > 1500 || get32(p + 4) != cookie ||
	    get16(p + 2) + HEADER != n)
		return STUN_BAD;
	type = get16(p);
	is_request = type == BINDING;
	memcpy(id, p + 8, 12);
	for (size_t at = HEADER; at + 4 <= n;) {
		uint32_t t = get16(p + at), len = get16(p + at + 2);

		if (at + 4 + len > n)
			return STUN_BAD;
		if (t == INTEGRITY && len == 20)
			is_signed = signed_right(s, p, at, is_request);
		if (t == XOR_MAPPED && len >= 8)
			*mapped = (uint16_t)(get16(p + at + 6) ^ cookie >> 16);
		if (t == FINGERPRINT &&
		    (len != 4 || at + 8 != n ||
		     get32(p + at + 4) != (crc32(p, at) ^ crc_mask)))
			return STUN_BAD;
		at += 4 + len + (-len & 3);
	}
	if (!is_signed)
		return STUN_BAD;
	if (type == BINDING_OK)
		return STUN_SUCCESS;
	return type == BINDING_ERROR ? STUN_ERROR
	       : is_request	     ? STUN_REQUEST : STUN_BAD;
}
