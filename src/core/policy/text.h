/* core/policy/text.h - characters of text that nobody has checked. Private. */
#pragma once
#include "base/span.h"

/* The bytes of the character at s.p[at] (at < s.n): its length when it is
 * well-formed UTF-8 and no NUL, else 0 (one bad byte). */
size_t policy_char(struct span s, size_t at);
/* The first `max` characters. */
struct span policy_cut(struct span s, size_t max);
/* Characters; a bad byte counts as one. */
size_t policy_chars(struct span s);
