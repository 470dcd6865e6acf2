/* wire/jpeg/jpeg.h - how large is this picture, and of how many colours?
 *
 * Reads the segments of a JPEG stream up to its first frame header (ITU-T
 * T.81, B.1 and B.2) and no further: no picture is decoded, and nothing is
 * said about what stands behind that header. For pictures that are handed on
 * from one stranger to another.
 *
 * Pure: no allocation, no state; linear in the length. Fuzz target
 * t/fuzz_jpeg.c.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

struct jpeg_head {
	uint16_t width, height;		/* pixels, never 0 */
	uint8_t components;		/* 1 = grey, 3 = colour, 4 = CMYK */
};

/* E_FORMAT: no JPEG, cut off before the frame header, or the height is left
 * to a later marker (DNL). */
int jpeg_head_read(struct jpeg_head *out, struct span in);
