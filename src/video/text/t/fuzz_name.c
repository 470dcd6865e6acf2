/* Any bytes as a display name: cleaned, shaped, cut, drawn. */
#include <stdlib.h>
#include "video/text/draw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fonts *fonts;
	struct sprite s;
	struct name name;

	if (!fonts && fonts_new(&fonts) < 0)
		abort();
	name_clean(&name, span_of(data, size));
	if (name.n > NAME_CPS_MAX)
		abort();
	if (draw_card(&s, fonts, &name, 3, 160, 90) == 0)
		sprite_release(&s);
	if (name.n && draw_label(&s, fonts, &name, 13, 120) == 0) {
		if (s.pic->w > 160)
			abort();
		sprite_release(&s);
	}
	return 0;
}
