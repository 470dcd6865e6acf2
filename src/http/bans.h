/* http/bans.h - which sources core told us to refuse.
 *
 * The kernel drops most of them before we see them; this table is for those
 * it cannot (no table there, no capability, or people inside behind the same
 * address) and for requests that a proxy brings. Prefixes of any length; at
 * most BANS_MAX of them, what comes beyond is counted and not kept. Each ends
 * by itself at its time.
 *
 * A list that begins anew (reset) takes the place of the former one when its
 * last part has come: until then both are in force, so that no ban has a gap.
 *
 * Pure: monotonic time is an argument. Not thread safe.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { BANS_MAX = 65536 };

struct bans;

struct ban_row {
	uint8_t ip[16];
	unsigned prefix;	/* 1..128, of the v4-mapped address */
	uint32_t seconds;	/* 0 = remove */
};

struct bans_stats {
	uint32_t rows;		/* with those that ended and wait for a sweep */
	uint64_t dropped, malformed;
};

int  bans_new(struct bans **out);
void bans_free(struct bans **b);
/* A message: begin, its rows, end. */
void bans_begin(struct bans *b, bool reset);
/* E_FORMAT for a prefix that is none; E_FULL. */
int  bans_put(struct bans *b, const struct ban_row *row, uint64_t now_ns);
void bans_end(struct bans *b, bool last);
bool bans_have(const struct bans *b, const struct addr *a, uint64_t now_ns);
/* Frees what ended. Cost: the whole table; each minute is enough. */
void bans_sweep(struct bans *b, uint64_t now_ns);
void bans_stats(const struct bans *b, struct bans_stats *out);
