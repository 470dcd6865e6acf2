/* Rows of packets: flags, number step, length, bytes. Properties: a picture
 * is never larger than the buffer, pictures come in order, the work ends. */
#include <stdlib.h>
#include "base/alloc.h"
#include "media/video/assemble.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 64 * 1024 };

static void take(struct assemble *a, uint8_t *out, uint64_t *last)
{
	struct assembled pic;

	while (assemble_next(a, out, OUT_MAX, &pic) == 0) {
		if (pic.data.n > OUT_MAX || pic.first <= *last ||
		    pic.last < pic.first)
			abort();
		*last = pic.last;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assemble *a = NULL;
	uint8_t *out = mem_alloc(OUT_MAX);
	uint64_t ext = 65536, last = 0;
	uint32_t ts = 0;

	if (size < 1 || !out ||
	    assemble_new(&a, data[0] & 1 ? FRAME_VP8 : FRAME_H264) < 0) {
		mem_free(out);
		return 0;
	}
	data++;
	size--;
	while (size >= 3) {
		size_t n = data[2] < size - 3 ? data[2] : size - 3;

		ts += data[0] & 2 ? 3000 : 0;
		(void)assemble_put(a, ext, ts, data[0] & 1,
				   span_of(data + 3, n));
		ext += data[1] == 255 ? 400 : data[1] % 4;
		if (data[0] & 4 && ext > 65600)
			ext -= 7;
		if (data[0] & 8)
			assemble_lost(a);
		take(a, out, &last);
		data += 3 + n;
		size -= 3 + n;
	}
	assemble_free(&a);
	mem_free(out);
	return 0;
}
