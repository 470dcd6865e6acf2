/* video/compose/compose.h - puts one cell into the composed picture.
 *
 * The caller decides what stands where and what changed; a cell that did not
 * change is not drawn again. A cell is a picture (a sender's tile or a name
 * card, exactly of the cell's size), rounded corners in a thin gap, a name
 * label at the bottom left and, while the person speaks, a frame. libyuv is
 * used in this folder only.
 */
#pragma once
#include "video/compose/layout.h"
#include "video/pic.h"
#include "video/sprite.h"

/* Behind everything, and around a picture that does not fill its cell. Without
 * hue: a faint one drifts in large flat areas when it is encoded. */
#define COMPOSE_BACK ((struct pic_color){32, 128, 128})
#define COMPOSE_BARS ((struct pic_color){22, 128, 128})
#define COMPOSE_SPEAKING ((struct pic_color){142, 126, 70})

enum { COMPOSE_RADIUS_MAX = 16, COMPOSE_CORNERS = 4 };

/* Sizes of the ornaments, from the canvas; made once per canvas. */
struct compose_style {
	uint16_t gap, radius, ring, margin;
	uint8_t outside[COMPOSE_CORNERS]
		       [COMPOSE_RADIUS_MAX * COMPOSE_RADIUS_MAX];
	uint8_t arc[COMPOSE_CORNERS]
		   [COMPOSE_RADIUS_MAX * COMPOSE_RADIUS_MAX];
};
void compose_style_init(struct compose_style *st, unsigned canvas_w,
			unsigned canvas_h);

struct compose_cell {
	const struct pic_view *view;	/* NULL = empty cell */
	const struct sprite *label;	/* NULL = none */
	bool speaking;
	bool alone;			/* fills the canvas: no ornaments */
};
/* `r` lies inside the canvas; a view of another size is drawn at the top left
 * as far as it fits. */
void compose_cell(struct pic *canvas, const struct compose_style *st,
		  struct layout_rect r, const struct compose_cell *cell);
/* Lays a sprite over the canvas at an even place, clipped. */
void compose_sprite(struct pic *canvas, const struct sprite *s, int x, int y);
