/* Properties: a descriptor goes round; a payload cut into packets of any size
 * comes together again. */
#include <assert.h>
#include "wire/vp8/vp8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_desc(const struct vp8_desc *d)
{
	uint8_t buf[VP8_DESC_MAX + 1];
	struct vp8_desc got;
	struct span out;

	assert(vp8_desc_encode(d, buf, VP8_DESC_MAX, &out) == 0);
	buf[out.n] = 1;
	assert(vp8_desc_decode(&got, span_of(buf, out.n + 1)) == 0);
	assert(got.start == d->start && got.pid == d->pid);
	assert(got.non_ref == d->non_ref && got.tid == d->tid);
	assert(got.has_picture_id == d->has_picture_id);
	assert(got.picture_id_long == d->picture_id_long);
	assert(got.picture_id == d->picture_id);
	assert(got.has_tl0picidx == d->has_tl0picidx);
	assert(got.tl0picidx == d->tl0picidx && got.has_tid == d->has_tid);
	assert(got.layer_sync == d->layer_sync);
	assert(got.has_keyidx == d->has_keyidx && got.keyidx == d->keyidx);
}

static void round_pack(struct span frame, size_t max_n)
{
	struct vp8_pack p;
	uint8_t buf[300];
	struct span out;
	size_t at = 0;
	bool last = false;

	assert(vp8_pack_init(&p, frame, max_n, (int)frame.n & 0x7FFF) == 0);
	while (vp8_pack_next(&p, buf, sizeof(buf), &out, &last) == 1) {
		struct vp8_desc d;
		assert(vp8_desc_decode(&d, out) == 0 && out.n <= max_n);
		assert(d.payload.n <= frame.n - at);
		assert(memcmp(frame.p + at, d.payload.p, d.payload.n) == 0);
		at += d.payload.n;
		assert(last == (at == frame.n));
	}
	assert(at == frame.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp8_frame f;
	struct vp8_desc d;

	if (vp8_desc_decode(&d, span_of(data, size)) != 0)
		return 0;
	round_desc(&d);
	if (vp8_frame_decode(&f, d.payload) == 0 && f.key)
		assert(f.width > 0 && f.height > 0);
	round_pack(d.payload, 7u + data[0]);
	return 0;
}
