/* base/span.h - a view of bytes that somebody else owns. No NUL, no locale. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

#define SPAN_NONE ((struct span){NULL, 0})
/* Of a string literal, without its NUL. */
#define SPAN_LIT(s) ((struct span){(const uint8_t *)(s), sizeof(s) - 1})

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){p, n};
}

static inline struct span span_str(const char *s)
{
	return (struct span){(const uint8_t *)s, s ? strlen(s) : 0};
}

/* Byte for byte. Not for secrets: see secret_equal(). */
bool span_eq(struct span a, struct span b);
/* ASCII case is ignored, other bytes compare as they are. */
bool span_eq_nocase(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
/* Without leading and trailing SP and HTAB. */
struct span span_trim(struct span s);
/* Splits at the first `sep`. *head gets what stands before it, *rest what
 * follows. Without a separator *head is all, *rest is empty; returns false. */
bool span_split(struct span s, uint8_t sep, struct span *head,
		struct span *rest);
/* Unsigned decimal, all bytes digits, no sign, at most `max`: 0, else
 * E_FORMAT or E_LIMIT. *out is written only on success. */
int span_u64(struct span s, uint64_t max, uint64_t *out);
/* Copies with a NUL behind it: E_LIMIT when n + 1 > cap, E_FORMAT on a NUL
 * inside. On failure dst[0] is 0 (cap must be at least 1). */
int span_cstr(struct span s, char *dst, size_t cap);
/* Well-formed UTF-8 (RFC 3629), no surrogates, no overlong forms. */
bool span_is_utf8(struct span s);
