#include "wire/jpeg/jpeg.h"

#include "base/rd.h"

/* T.81, table B.1. */
enum { MARK = 0xff, SOI = 0xd8, EOI = 0xd9, SOS = 0xda, TEM = 0x01,
       RST0 = 0xd0, SOF0 = 0xc0, SOF15 = 0xcf, DHT = 0xc4, JPG = 0xc8,
       DAC = 0xcc };

static bool is_frame(uint8_t marker)
{
	return marker >= SOF0 && marker <= SOF15 && marker != DHT &&
	       marker != JPG && marker != DAC;
}

/* Those without a length, and what must not come before a frame. */
static bool is_out_of_place(uint8_t marker)
{
	return marker == 0 || marker == TEM || marker == MARK ||
	       (marker >= RST0 && marker <= SOS);
}

/* B.2.2 */
static int read_frame(struct jpeg_head *out, struct span body)
{
	struct rd r = rd_of(body);
	struct jpeg_head h;

	(void)rd_u8(&r);		/* bits of a sample */
	h.height = rd_u16(&r);
	h.width = rd_u16(&r);
	h.components = rd_u8(&r);
	if (rd_span(&r, 3u * h.components).n == 0 || rd_end(&r) < 0 ||
	    !h.width || !h.height)
		return E_FORMAT;
	*out = h;
	return 0;
}

int jpeg_head_read(struct jpeg_head *out, struct span in)
{
	struct rd r = rd_of(in);
	bool is_good = rd_u8(&r) == MARK && rd_u8(&r) == SOI;

	while (is_good) {
		const bool is_marker = rd_u8(&r) == MARK;
		const uint8_t marker = rd_u8(&r);
		const uint16_t n = rd_u16(&r);
		const struct span body = rd_span(&r, n < 2 ? 0 : n - 2u);

		is_good = !r.failed && is_marker && n >= 2 &&
			  !is_out_of_place(marker);
		if (is_good && is_frame(marker))
			return read_frame(out, body);
	}
	return E_FORMAT;
}
