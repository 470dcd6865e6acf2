/* video/sprite.h - a small picture with coverage: what text/ draws and
 * compose/ lays over the canvas. Its owner is text/'s cache. */
#pragma once
#include "video/pic.h"

struct sprite {
	struct pic *pic;
	uint8_t *alpha;		/* one byte a pixel; NULL = opaque */
	int stride_alpha;
};
