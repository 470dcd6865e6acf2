/* Properties: identities lie inside the input and are not empty; a hello that
 * is whole stays the same with more behind it, and no prefix of it is one. */
#include <assert.h>
#include "wire/tls/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello h, again;

	if (tls_hello_decode(&h, span_of(data, size)) != 0)
		return 0;
	assert(h.n <= TLS_IDENTITIES_MAX);
	for (size_t i = 0; i < h.n; i++) {
		assert(h.identity[i].n > 0 && h.identity[i].p > data);
		assert(h.identity[i].p + h.identity[i].n <= data + size);
	}
	const size_t n = TLS_RECORD_HEAD + (size_t)(data[3] << 8 | data[4]);

	assert(n <= size);
	assert(tls_hello_decode(&again, span_of(data, n)) == 0);
	assert(again.n == h.n);
	assert(tls_hello_decode(&again, span_of(data, n - 1)) == E_AGAIN);
	return 0;
}
