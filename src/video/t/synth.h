/* video/t/synth.h - pictures and senders made in code, for tests and bench. */
#pragma once
#include "video/codec/codec.h"
#include "video/pic.h"

/* One flat colour. */
struct pic *synth_flat(unsigned w, unsigned h, struct pic_color c);
/* Something like a person before a wall: a still, soft background of hue
 * `who`, a moving oval, camera noise. The same for equal arguments. */
void synth_person(struct pic *p, unsigned who, unsigned frame);
/* Peak signal to noise of the luma, in dB, at most 99. */
double synth_psnr(const struct pic_view *a, const struct pic_view *b);
/* Whether a pixel has that colour within `tolerance`. */
bool synth_near(const struct pic_view *v, unsigned x, unsigned y,
		struct pic_color c, int tolerance);
