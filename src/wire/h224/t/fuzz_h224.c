/* Properties: what was read and can be written is read again the same; no
 * number leaves its range. */
#include <assert.h>
#include <string.h>
#include "wire/h224/h224.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h224_frame f = {0}, again = {0};
	uint8_t buf[H224_FRAME_MAX];
	struct span out;

	if (h224_decode(&f, span_of(data, size)) < 0)
		return 0;
	assert(f.move.pan >= -1 && f.move.pan <= 1 && f.move.tilt >= -1 &&
	       f.move.tilt <= 1 && f.move.zoom >= -1 && f.move.zoom <= 1);
	assert(f.kind != H224_START ||
	       (f.timeout_ms >= H224_TIMEOUT_STEP_MS &&
		f.timeout_ms <= H224_TIMEOUT_MAX_MS));
	if (h224_encode(buf, sizeof(buf), &out, &f) < 0)
		return 0;
	assert(h224_decode(&again, out) == 0);
	assert(again.kind == f.kind && again.has_h281 == f.has_h281 &&
	       again.timeout_ms == f.timeout_ms &&
	       memcmp(&again.move, &f.move, sizeof(f.move)) == 0);
	return 0;
}
