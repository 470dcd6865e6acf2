/* video/paint.h - draws plain shapes into a picture. No library, no
 * allocation; everything is clipped to the picture.
 *
 * A mask is coverage, 0..255 a pixel; shapes are anti-aliased. Offsets into a
 * picture are even, so that half-size colour planes line up.
 */
#pragma once
#include "video/pic.h"

struct mask {
	uint8_t *p;
	int stride;
	uint16_t w, h;
};

/* Lays one colour through a mask. */
void paint_mask(struct pic *dst, const struct mask *m, int x, int y,
		struct pic_color c);
/* A filled rectangle; all four numbers even. */
void paint_rect(struct pic *dst, int x, int y, int w, int h,
		struct pic_color c);

/* Fills the whole mask with a rectangle of rounded corners (radius at most
 * half of the smaller side; then it is a disc). */
void mask_round(struct mask *m, unsigned radius, uint8_t value);

/* Corners, in this order. */
enum { CORNER_TL = 0, CORNER_TR, CORNER_BL, CORNER_BR, CORNER_COUNT };
/* An r x r mask of what lies outside the arc of one corner... */
void mask_corner_outside(struct mask *m, unsigned corner);
/* ... and of the arc itself, `thick` pixels inwards. */
void mask_corner_ring(struct mask *m, unsigned corner, unsigned thick);
