/* video/text/text.h - everything with letters in it, drawn once and kept.
 *
 * Three kinds of sprite: a name label to lay over a tile, a name card for a
 * person without a camera, a splash screen for the whole picture. Each is
 * cached by (text, size, colour); the one longest unused goes when the cache
 * is full. A sprite is valid until the next call with the same struct text.
 *
 * Drawing takes milliseconds, so one turn draws at most TEXT_DRAWS_PER_TURN:
 * E_AGAIN then, and the caller tries again in its next turn. Names are peer
 * text: see name.h. Not thread safe.
 */
#pragma once
#include "base/span.h"
#include "video/sprite.h"

enum { TEXT_CACHE_MAX = 512, TEXT_CACHE_BYTES_MAX = 32 * 1024 * 1024,
       TEXT_DRAWS_PER_TURN = 6, TEXT_NAME_MAX = 250,
       TEXT_CELL_H_MIN = 60 /* below that, a cell carries no name */ };

struct text;

/* Opens and warms the fonts: before the sandbox. E_NOTFOUND without them. */
int  text_new(struct text **out);
void text_free(struct text **t);
void text_turn(struct text *t);

/* E_NOTFOUND: nothing to draw (empty name, cell too small). */
int text_label(struct text *t, struct span name, unsigned cell_w,
	       unsigned cell_h, const struct sprite **out);
/* Opaque, w x h. `leg` only chooses the colour. */
int text_card(struct text *t, struct span name, uint64_t leg, unsigned w,
	      unsigned h, const struct sprite **out);
/* Opaque, w x h. E_NOTFOUND for a key that has no text. */
int text_splash(struct text *t, struct span key, unsigned w, unsigned h,
		const struct sprite **out);
bool text_has_splash(struct span key);

struct text_stats {
	uint64_t hits, draws, evicted, put_off;
	uint64_t bytes, entries;	/* now */
};
void text_stats(const struct text *t, struct text_stats *out);
