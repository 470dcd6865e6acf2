/* base/siphash.h - SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash for
 * tables whose keys an attacker chooses. Not for authentication. Pure. */
#pragma once
#include "base/span.h"

uint64_t siphash(const uint64_t key[2], struct span in);
/* Of two words, as if they stood one after the other, little endian. */
uint64_t siphash_u64x2(const uint64_t key[2], uint64_t a, uint64_t b);
