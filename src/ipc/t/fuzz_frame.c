/* Datagrams of the media-video link: a stream of length-prefixed datagrams
 * through the decoder and the joiner. */
#include <stdlib.h>

#include "base/rd.h"
#include "ipc/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct frame_join *j, struct span dgram)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct frame f, whole;
	struct span again;
	bool lost;

	if (frame_decode(&f, dgram) < 0)
		return;
	if (frame_encode(&f, buf, sizeof(buf), &again) < 0 ||
	    !span_eq(again, dgram))
		abort();
	if (frame_join_add(j, &f, &whole, &lost) == 0 &&
	    (whole.data.n != whole.total || whole.data.n > FRAME_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(span_of(data, size));
	struct frame_join *j;

	if (frame_join_new(&j) < 0)
		return 0;
	while (rd_left(&r) > 2)
		one(j, rd_span(&r, rd_u16(&r)));
	frame_join_free(&j);
	return 0;
}
