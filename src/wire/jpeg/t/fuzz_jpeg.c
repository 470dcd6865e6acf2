/* What is read needs no byte behind the frame header, and is never empty. */
#include <assert.h>
#include "wire/jpeg/jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jpeg_head h, again;

	if (jpeg_head_read(&h, span_of(data, size)) < 0)
		return 0;
	assert(h.width && h.height && h.components);
	assert(size >= 2 + 4 + 6 + 3u * h.components);
	while (jpeg_head_read(&again, span_of(data, size - 1)) == 0) {
		assert(again.width == h.width && again.height == h.height &&
		       again.components == h.components);
		size--;
	}
	return 0;
}
