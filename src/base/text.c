#include "base/text.h"

#include <stdio.h>

#include "base/err.h"
#include "base/rand.h"

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(char *dst, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = hex_digits[b[i] >> 4];
		dst[2 * i + 1] = hex_digits[b[i] & 15];
	}
	dst[2 * n] = 0;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(void *dst, size_t n, struct span text)
{
	uint8_t *out = dst;

	if (text.n % 2 || text.n / 2 != n)
		return E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(text.p[2 * i]);
		int lo = hex_value(text.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return E_FORMAT;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

static const char b64_url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char b64_std[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode64(char *dst, const uint8_t *b, size_t n,
		       const char *digits)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t k = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)b[i] << 16;

		v |= k > 1 ? (uint32_t)b[i + 1] << 8 : 0;
		v |= k > 2 ? b[i + 2] : 0;
		for (size_t d = 0; d <= k; d++)
			dst[o++] = digits[v >> (18 - 6 * d) & 63];
	}
	dst[o] = 0;
	return o;
}

static int value64(uint8_t c, const char *digits)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (uint8_t)digits[62])
		return 62;
	if (c == (uint8_t)digits[63])
		return 63;
	return -1;
}

static int decode64(uint8_t *dst, size_t cap, size_t *out_n, struct span t,
		    const char *digits)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t o = 0;

	if (t.n % 4 == 1)
		return E_FORMAT;
	for (size_t i = 0; i < t.n; i++) {
		int v = value64(t.p[i], digits);

		if (v < 0)
			return E_FORMAT;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (o == cap)
			return E_LIMIT;
		dst[o++] = (uint8_t)(acc >> bits);
		acc &= (1u << bits) - 1;
	}
	if (acc)		/* stray bits: two spellings of one value */
		return E_FORMAT;
	*out_n = o;
	return 0;
}

void b64url_encode(char *dst, const void *p, size_t n)
{
	(void)encode64(dst, p, n, b64_url);
}

int b64url_decode(void *dst, size_t cap, size_t *out_n, struct span text)
{
	return decode64(dst, cap, out_n, text, b64_url);
}

void b64_encode(char *dst, const void *p, size_t n)
{
	size_t o = encode64(dst, p, n, b64_std);

	while (o % 4)
		dst[o++] = '=';
	dst[o] = 0;
}

int b64_decode(void *dst, size_t cap, size_t *out_n, struct span text)
{
	size_t pad = 0;

	if (text.n % 4)
		return E_FORMAT;
	while (pad < 2 && text.n && text.p[text.n - 1] == '=') {
		text.n--;
		pad++;
	}
	return decode64(dst, cap, out_n, text, b64_std);
}

void uuid_make(char dst[UUID_TEXT_LEN + 1])
{
	uint8_t b[16];
	char hex[33];

	rand_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(hex, b, sizeof(b));
	(void)snprintf(dst, UUID_TEXT_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s",
		       hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

bool uuid_is_valid(struct span text)
{
	if (text.n != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text.p[i] != '-' : hex_value(text.p[i]) < 0)
			return false;
	}
	return true;
}

static bool is_plain(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

void text_escape(char *dst, size_t cap, struct span s)
{
	size_t o = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool plain = is_plain(c) || c == ' ';

		if (o + (plain ? 1 : 4) + 4 > cap) {
			memcpy(dst + o, "...", 4);
			return;
		}
		if (plain) {
			dst[o++] = (char)c;
			continue;
		}
		dst[o++] = '\\';
		dst[o++] = 'x';
		dst[o++] = hex_digits[c >> 4];
		dst[o++] = hex_digits[c & 15];
	}
	dst[o] = 0;
}

size_t text_percent(char *dst, size_t cap, struct span s)
{
	static const char keep[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		const bool stays = memchr(keep, s.p[i], sizeof(keep) - 1);

		if (n + (stays ? 1 : 3) >= cap)
			break;
		if (stays) {
			dst[n++] = (char)s.p[i];
			continue;
		}
		dst[n++] = '%';
		dst[n++] = digits[s.p[i] >> 4];
		dst[n++] = digits[s.p[i] & 15];
	}
	dst[n] = 0;
	return n;
}
