/* Every message type: byte 0 is the type, the rest the body. What decodes must
 * pack again into something that decodes to the same bytes. */
#include <stdlib.h>

#include "base/alloc.h"
#include "ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span repack(enum ipc_type t, struct span in, uint8_t **buf)
{
	ProtobufCMessage *m = NULL;
	size_t n;

	*buf = NULL;
	if (ipc_unpack(t, in, NULL, &m) < 0)
		return SPAN_NONE;
	n = protobuf_c_message_get_packed_size(m);
	*buf = malloc(n ? n : 1);
	if (!*buf)
		abort();
	if (protobuf_c_message_pack(m, *buf) != n)
		abort();
	protobuf_c_message_free_unpacked(m, NULL);
	return span_of(*buf, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *a, *b;
	struct span once, twice;

	if (size == 0)
		return 0;
	once = repack((enum ipc_type)data[0], span_of(data + 1, size - 1), &a);
	if (a) {
		twice = repack((enum ipc_type)data[0], once, &b);
		if (b && !span_eq(once, twice))
			abort();
		free(b);
	}
	free(a);
	return 0;
}
