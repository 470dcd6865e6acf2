/* courier/revoke/kept.h - verdicts that are remembered for a while, by
 * certificate and issuer. Of fixed size: the oldest gives way. Time is an
 * argument. */
#pragma once
#include "courier/revoke/says.h"

struct kept;

int  kept_new(struct kept **out, size_t max);
void kept_free(struct kept **k);
/* UNKNOWN: nothing is remembered (any more). */
enum revoke_verdict kept_get(struct kept *k, struct span cert,
			     struct span issuer, int64_t now_s);
/* Until the answer's own end, at most `max_s` from now. Memory that is not
 * there is a question asked once more. */
void kept_put(struct kept *k, struct span cert, struct span issuer,
	      const struct revoke_says *s, int64_t now_s, int64_t max_s);
size_t kept_count(const struct kept *k);
