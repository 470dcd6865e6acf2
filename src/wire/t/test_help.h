/* wire/t - what the tests of this folder share: hex text to bytes, and blocks
 * of exact size, so that a sanitizer sees the first byte read past an input. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"

enum { HELP_BYTES_MAX = 2048 };

struct bytes {
	uint8_t v[HELP_BYTES_MAX];
	size_t n;
};

/* Spaces and line ends are for the reader. */
static inline struct bytes hex(const char *text)
{
	struct bytes b = {.n = 0};

	while (*text) {
		if (*text == ' ' || *text == '\n') {
			text++;
			continue;
		}
		assert_true(b.n < sizeof(b.v));
		assert_int_equal(hex_decode(&b.v[b.n++], 1, span_of(text, 2)),
				 0);
		text += 2;
	}
	return b;
}

static inline struct span bytes_span(const struct bytes *b)
{
	return span_of(b->v, b->n);
}

/* Calls fn with every proper prefix of `in`, each in a block of its own. */
static inline void each_prefix(struct span in,
			       void (*fn)(struct span prefix, void *arg),
			       void *arg)
{
	for (size_t n = 0; n < in.n; n++) {
		uint8_t *p = mem_dup(in.p, n);
		assert_non_null(p);
		fn(span_of(p, n), arg);
		mem_free(p);
	}
}

#define assert_span(s, text)                                                  \
	do {                                                                  \
		struct span got_ = (s);                                       \
		assert_int_equal(got_.n, sizeof(text) - 1);                   \
		assert_memory_equal(got_.p, text, sizeof(text) - 1);          \
	} while (0)
