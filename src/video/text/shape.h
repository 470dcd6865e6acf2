/* video/text/shape.h - one line of text into coverage.
 *
 * Own use of HarfBuzz, FriBidi and FreeType instead of pango: pango starts a
 * thread for a font look-up, reads fontconfig's files when it likes and ends
 * the process when memory is short; a closed sandbox allows none of that.
 * Fonts are mapped once, at start; nothing is opened later.
 *
 * Cost is bounded: at most SHAPE_CPS_MAX code points, a few rounds to find
 * where to cut. Not thread safe.
 */
#pragma once
#include "video/paint.h"

enum { SHAPE_CPS_MAX = 160, SHAPE_FONTS_MAX = 8, SHAPE_PX_MIN = 7,
       SHAPE_PX_MAX = 200 };

struct fonts;

/* Maps the fonts found among a fixed list of paths, the first of which must
 * be there (E_NOTFOUND), and draws once with each. Before the sandbox. */
int  fonts_new(struct fonts **out);
void fonts_free(struct fonts **f);
unsigned fonts_count(const struct fonts *f);
/* Whether any font has a picture of it. */
bool fonts_has(const struct fonts *f, uint32_t cp);

struct line;

struct line_cfg {
	const uint32_t *cps;
	unsigned n;
	unsigned px;		/* pixels to the em */
	unsigned max_w;
	bool bold;
	bool cut;		/* more was there: end with an ellipsis */
};
/* Lays out code points. A line wider than max_w ends with an ellipsis, in
 * reading order. E_NOMEM, E_LIMIT (a size). */
int  line_new(struct line **out, struct fonts *f, const struct line_cfg *cfg);
void line_free(struct line **l);
unsigned line_width(const struct line *l);
/* Adds the glyphs to the mask, the baseline at y, the left edge at x. */
void line_draw(struct line *l, struct mask *m, int x, int y);
