/* Writes one seed a message type and some picture datagrams into the corpus
 * folders: make_corpus DIR-IPC DIR-FRAME. Run by hand when a contract changes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/wr.h"
#include "ipc/frame.h"
#include "ipc/ipc.h"

static void put(const char *dir, const char *name, struct span s)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(s.p, 1, s.n, f) != s.n || fclose(f) != 0)
		exit(1);
}

static void fill(ProtobufCMessage *m, int depth);

static void fill_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
		       int depth)
{
	static uint8_t bytes[] = "ab";
	uint8_t *at = (uint8_t *)m + f->offset;
	ProtobufCMessage *sub;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t one = 1;
		ProtobufCMessage **arr = calloc(1, 64);

		if (!arr)
			exit(1);
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			const ProtobufCMessageDescriptor *d = f->descriptor;

			arr[0] = calloc(1, d->sizeof_message);
			protobuf_c_message_init(d, arr[0]);
			fill(arr[0], depth + 1);
		} else if (f->type == PROTOBUF_C_TYPE_BYTES) {
			ProtobufCBinaryData b = {2, bytes};

			memcpy(arr, &b, sizeof(b));
		}
		memcpy(at, &arr, sizeof(arr));
		memcpy((uint8_t *)m + f->quantifier_offset, &one, sizeof(one));
		return;
	}
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		sub = calloc(1, ((const ProtobufCMessageDescriptor *)
				 f->descriptor)->sizeof_message);
		if (!sub)
			exit(1);
		protobuf_c_message_init(f->descriptor, sub);
		fill(sub, depth + 1);
		memcpy(at, &sub, sizeof(sub));
		break;
	case PROTOBUF_C_TYPE_BYTES: {
		ProtobufCBinaryData b = {2, bytes};

		memcpy(at, &b, sizeof(b));
		break;
	}
	case PROTOBUF_C_TYPE_STRING: {
		char *t = (char *)bytes;

		memcpy(at, &t, sizeof(t));
		break;
	}
	default:
		*at = 1;
	}
}

static void fill(ProtobufCMessage *m, int depth)
{
	for (unsigned i = 0; depth < 5 && i < m->descriptor->n_fields; i++)
		fill_field(m, &m->descriptor->fields[i], depth);
}

int main(int argc, char **argv)
{
	static uint8_t buf[65536];

	if (argc != 3)
		return 2;
	for (int t = 1; t < IPC_TYPE_COUNT; t++) {
		const struct ipc_row *row = ipc_row((enum ipc_type)t);
		ProtobufCMessage *m = calloc(1, row->desc->sizeof_message);

		if (!m)
			return 1;
		protobuf_c_message_init(row->desc, m);
		fill(m, 0);
		buf[0] = (uint8_t)t;
		put(argv[1], row->name,
		    span_of(buf, 1 + protobuf_c_message_pack(m, buf + 1)));
	}
	for (int i = 0; i < 3; i++) {
		struct frame f = {.kind = FRAME_IN, .codec = FRAME_VP8,
				  .chunks = 2, .total = 6,
				  .data = SPAN_LIT("abc")};
		struct wr w = wr_of(buf, sizeof(buf));

		for (f.chunk = 0; f.chunk < 2; f.chunk++) {
			uint8_t d[128];
			struct span s;

			f.id = (uint32_t)(i == 1 ? f.chunk : 5);
			if (frame_encode(&f, d, sizeof(d), &s) < 0)
				return 1;
			wr_u16(&w, (uint16_t)s.n);
			wr_span(&w, s);
		}
		put(argv[2], i == 0 ? "two" : i == 1 ? "mixed" : "more",
		    span_of(buf, wr_len(&w)));
	}
	return 0;
}
