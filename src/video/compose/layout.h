/* video/compose/layout.h - where each person stands in the picture, as data.
 *
 * A layout is named by the management API's word for it ("1:7", "1:0", "4:0",
 * "9:0", "16:0", "25:0"). What is really drawn also depends on `used`, the
 * index of the last filled slot plus one, so that two people do not sit in a
 * corner of an empty picture:
 *
 *   1:7   used 0-1   the one fills the canvas
 *         used 2-5   main at 3/4, middle left; a column of 1-4 at 1/4 to its
 *                    right, centred from top to bottom
 *         used 6-8   main at 3/4, top left; slots 1-4 down the right column,
 *                    slots 5-7 along the bottom from left to right
 *   n:0   the smallest of 1x1, 2x2, 3x3, 4x4, 5x5 that holds `used`, but
 *         never more than n; rows from left to right, top to bottom
 *
 * Whoever must know the places (the meeting page lays its own mirrored view
 * over its own tile) follows the same rule. Cells are 1, 3/4, 1/2 or 1/4 of
 * the canvas wherever the layout allows, because libyuv scales those 6-9
 * times faster; 1/3 and 1/5 cannot be.
 *
 * Pure, no allocation. Pixels; all numbers in a rectangle are even, so that
 * the half-size colour planes line up.
 */
#pragma once
#include "base/span.h"

enum { LAYOUT_SLOTS_MAX = 25, LAYOUT_NAME_MAX = 8 };

struct layout_cell {
	uint8_t x, y, w, h;		/* in 1/grid of the canvas */
};

struct layout {
	const char *view;
	uint8_t max_used;		/* this row serves up to so many */
	uint8_t grid;
	uint8_t n;			/* cells */
	const struct layout_cell *cells;	/* by slot; 0 = main */
};

struct layout_rect {
	uint16_t x, y, w, h;
};

/* NULL for a name we do not draw. `used` above the view's number of slots is
 * taken as that number. */
const struct layout *layout_find(struct span view, unsigned used);
/* The slots of a view at most: 8 for "1:7". 0 for an unknown name. */
unsigned layout_slots(struct span view);
/* Pixels of a slot (slot < l->n). The canvas is even in both directions. */
struct layout_rect layout_rect(const struct layout *l, unsigned slot,
			       uint16_t canvas_w, uint16_t canvas_h);
/* The table itself, for tests and documents: NULL past the end. */
const struct layout *layout_row(unsigned i);
