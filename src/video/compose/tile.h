/* video/compose/tile.h - a sender's picture at the sizes the cells want.
 *
 * Scaled once per (picture, size) however many groups show it. One cache per
 * leg, TILE_SIZES_MAX sizes, the one longest unused is replaced. Views stay
 * valid until the next call with the same cache.
 */
#pragma once
#include "video/pic.h"

enum { TILE_SIZES_MAX = 4 };

struct tile_cache {
	struct {
		struct pic *pic;
		uint64_t serial;	/* of the source it was made from */
		uint64_t used;
	} at[TILE_SIZES_MAX];
	uint64_t uses, scaled;
	bool is_whole;			/* nothing is cut off */
};

/* `serial` names the source's content. E_NOMEM. */
int  tile_get(struct tile_cache *c, const struct pic *src, uint64_t serial,
	      unsigned w, unsigned h, struct pic_view *out);
void tile_release(struct tile_cache *c);
uint64_t tile_bytes(const struct tile_cache *c);
