/* video/pic.h - one uncompressed picture, I420 (8 bit, 4:2:0, limited range).
 *
 * A struct pic has one owner; a struct pic_view borrows planes of somebody
 * else (a decoder's buffer, part of a pic). Colour planes are half size,
 * rounded up. Rows start 64-aligned. Not thread safe.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

enum { PIC_WIDTH_MAX = 1920, PIC_HEIGHT_MAX = 1088, PIC_ALIGN = 64 };

struct pic_view {
	const uint8_t *y, *u, *v;
	int stride_y, stride_uv;
	uint16_t w, h;
};

struct pic {
	uint8_t *y, *u, *v;
	int stride_y, stride_uv;
	uint16_t w, h;
	void *mem;
};

struct pic_color {
	uint8_t y, u, v;
};

/* E_LIMIT outside 1..PIC_*_MAX, E_NOMEM. The content is undefined. */
int  pic_new(struct pic **out, unsigned w, unsigned h);
void pic_free(struct pic **p);
/* Copies a view; makes *p anew when it is NULL or of another size. On failure
 * *p is as it was. */
int  pic_assign(struct pic **p, const struct pic_view *from);
void pic_fill(struct pic *p, struct pic_color c);
struct pic_view pic_view(const struct pic *p);
/* BT.601 limited range, as browsers take untagged VP8. */
struct pic_color pic_color_rgb(uint8_t r, uint8_t g, uint8_t b);
/* Memory of a picture of that size. */
uint64_t pic_bytes(unsigned w, unsigned h);
