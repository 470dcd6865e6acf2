/* video/text/draw.h - draws the three kinds of sprite (private to text/). */
#pragma once
#include "base/span.h"
#include "video/sprite.h"
#include "video/text/name.h"
#include "video/text/shape.h"

struct splash_text {
	const char *key, *title, *detail;
	enum { ICON_CLOCK, ICON_LOCK, ICON_PERSON } icon;
};
/* NULL for an unknown key. */
const struct splash_text *splash_find(struct span key);

/* The caller owns *out. E_NOMEM, E_LIMIT. */
int  draw_label(struct sprite *out, struct fonts *f, const struct name *name,
		unsigned px, unsigned max_w);
int  draw_card(struct sprite *out, struct fonts *f, const struct name *name,
	       unsigned color, unsigned w, unsigned h);
int  draw_splash(struct sprite *out, struct fonts *f,
		 const struct splash_text *text, unsigned w, unsigned h);
void sprite_release(struct sprite *s);

enum { DRAW_COLORS = 10 };
/* Letters' size for a cell of that height. */
unsigned draw_px(unsigned cell_h);
