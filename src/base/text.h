/* base/text.h - bytes as text: hex, base64url, UUID, escaped for a log. */
#pragma once
#include "base/span.h"

/* dst holds 2*n + 1; lower case. */
void hex_encode(char *dst, const void *p, size_t n);
/* Exactly n bytes from 2*n digits of either case: 0 or E_FORMAT. */
int  hex_decode(void *dst, size_t n, struct span text);

/* RFC 4648 section 5 without padding. dst holds B64URL_LEN(n) + 1. */
#define B64URL_LEN(n) (((n) * 4 + 2) / 3)
void b64url_encode(char *dst, const void *p, size_t n);
/* 0 and *out_n, or E_FORMAT (non-canonical tails included), E_LIMIT. */
int  b64url_decode(void *dst, size_t cap, size_t *out_n, struct span text);
/* RFC 4648 section 4 with padding. dst holds B64_LEN(n) + 1. */
#define B64_LEN(n) (((n) + 2) / 3 * 4)
void b64_encode(char *dst, const void *p, size_t n);
int  b64_decode(void *dst, size_t cap, size_t *out_n, struct span text);

enum { UUID_TEXT_LEN = 36 };
/* Version 4, lower case, with NUL. */
void uuid_make(char dst[UUID_TEXT_LEN + 1]);
bool uuid_is_valid(struct span text);

/* Printable ASCII and the space stay; everything else, and " \ =, becomes \xHH. Cuts at
 * cap and ends with "..." then. Always NUL-terminated; cap >= 8. */
void text_escape(char *dst, size_t cap, struct span s);

/* RFC 3986: all but the unreserved characters becomes %HH; fit for a path, a
 * query's value and the user part of a SIP URI. Cuts before what does not fit;
 * always NUL-terminated, cap >= 1. Bytes without the NUL. */
size_t text_percent(char *dst, size_t cap, struct span s);
