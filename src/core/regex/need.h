/* core/regex/need.h - what a text must contain for a pattern to match it.
 *
 * Characters and pairs of neighbours, without case, as bits of a small map:
 * of a text all that are there, of a pattern those that every match has. When
 * a pattern's bit is missing in the text, it cannot match, and a long list of
 * rules need not be run. Pure.
 */
#pragma once
#include "base/span.h"

enum { NEED_WORDS = 4 };

struct need {
	uint64_t bits[NEED_WORDS];
};

void need_of_text(struct need *out, struct span text);
/* Understands the everyday part of the syntax; of any other pattern it says
 * that it needs nothing. */
void need_of_pattern(struct need *out, struct span pattern);

static inline bool need_is_met(const struct need *want,
			       const struct need *have)
{
	uint64_t missing = 0;

	for (unsigned i = 0; i < NEED_WORDS; i++)
		missing |= want->bits[i] & ~have->bits[i];
	return !missing;
}
