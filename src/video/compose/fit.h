/* video/compose/fit.h - how a picture of one shape fills a cell of another.
 *
 * Up to FIT_CROP_MAX_PERCENT of the picture is cut off, evenly on both sides
 * (4:3 in 16:9 loses a quarter); what differs more (a phone held upright) is
 * shown whole between bars, because a face would be lost. Pure; all results
 * are even and lie inside source and cell.
 */
#pragma once
#include <stdint.h>

enum { FIT_CROP_MAX_PERCENT = 30 };

struct fit {
	uint16_t sx, sy, sw, sh;	/* part of the source */
	uint16_t dx, dy, dw, dh;	/* part of the cell */
};

/* Nothing is cut off: text at the edge of a presentation counts. */
struct fit fit_whole(unsigned src_w, unsigned src_h, unsigned cell_w,
		     unsigned cell_h);
/* All sizes at least 2. */
struct fit fit_compute(unsigned src_w, unsigned src_h, unsigned cell_w,
		       unsigned cell_h);
