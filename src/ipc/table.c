#include <stdio.h>
#include <string.h>

#include "base/crypto/crypto.h"
#include "base/wr.h"
#include "ipc/ban.pb-c.h"
#include "ipc/build_id.h"
#include "ipc/check.h"
#include "ipc/cli.pb-c.h"
#include "ipc/courier.pb-c.h"
#include "ipc/keys.pb-c.h"
#include "ipc/media.pb-c.h"
#include "ipc/sip.pb-c.h"
#include "ipc/video.pb-c.h"
#include "ipc/web.pb-c.h"

enum { DEPTH_MAX = 6 };		/* no message nests deeper: no recursive types */

static const struct ipc_row rows[IPC_TYPE_COUNT] = {
#define X(name, prefix, type, from, to, max, queue, full)                     \
	[IPC_##name] = {#name, &prefix##__descriptor, from, to, max, queue,   \
			IPC_FULL_##full},
	IPC_TABLE(X)
#undef X
};

const struct ipc_row *ipc_row(enum ipc_type t)
{
	if (t <= IPC_NONE || t >= IPC_TYPE_COUNT)
		return NULL;
	return &rows[t];
}

const char *ipc_role_name(enum ipc_role r)
{
	static const char *const names[ROLE_COUNT] = {
		"none", "super", "keys", "core", "web", "media", "video",
		"cli", "ban", "courier", "sip",
	};

	return r >= ROLE_NONE && r < ROLE_COUNT ? names[r] : "unknown";
}

bool ipc_may_carry_fds(enum ipc_type t)
{
	return t == IPC_BOOT || t == IPC_LINK || t == IPC_CONNECTED ||
	       t == IPC_SIP_CONNECTED || t == IPC_LISTEN;
}

struct span ipc_build_id(void)
{
	return span_str(CONCLAVE_BUILD_ID);
}

/* Chained hash, so that the whole description never has to fit a buffer. */
static void mix(uint8_t h[32], const char *text, const uint64_t *nums,
		size_t n)
{
	uint8_t buf[512];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_bytes(&w, h, 32);
	wr_str(&w, text);
	for (size_t i = 0; i < n; i++)
		wr_u64(&w, nums[i]);
	(void)crypto_sha256(h, span_of(buf, wr_len(&w)));
}

static void mix_desc(uint8_t h[32], const ProtobufCMessageDescriptor *d,
		     int depth)
{
	mix(h, d->name, NULL, 0);
	for (unsigned i = 0; i < d->n_fields && depth < DEPTH_MAX; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		uint64_t nums[] = {f->id, f->label, f->type, f->flags};

		mix(h, f->name, nums, 4);
		if (f->type == PROTOBUF_C_TYPE_MESSAGE)
			mix_desc(h, f->descriptor, depth + 1);
	}
}

void ipc_proto_hash(uint8_t out[32])
{
	memset(out, 0, 32);
	for (int t = 1; t < IPC_TYPE_COUNT; t++) {
		const struct ipc_row *r = &rows[t];
		uint64_t nums[] = {(uint64_t)t, r->from, r->to, r->max_bytes,
				   r->queue, r->full};

		mix(out, r->name, nums, 6);
		mix_desc(out, r->desc, 0);
	}
}

static const ProtobufCMessage *member(const ProtobufCMessage *m,
				      const ProtobufCFieldDescriptor *f,
				      size_t i)
{
	const uint8_t *at = (const uint8_t *)m + f->offset;
	const ProtobufCMessage *sub;
	ProtobufCMessage **array;

	if (f->label != PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&sub, at, sizeof(sub));
		return sub;
	}
	memcpy(&array, at, sizeof(array));
	return array[i];
}

static size_t members(const ProtobufCMessage *m,
		      const ProtobufCFieldDescriptor *f)
{
	size_t n;

	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return 1;
	memcpy(&n, (const uint8_t *)m + f->quantifier_offset, sizeof(n));
	return n;
}

static int check_known(const ProtobufCMessage *m, int depth)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;

	if (m->n_unknown_fields || depth > DEPTH_MAX)
		return E_FORMAT;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		size_t n;

		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		n = members(m, f);
		for (size_t k = 0; k < n; k++) {
			const ProtobufCMessage *sub = member(m, f, k);

			if (sub && check_known(sub, depth + 1) < 0)
				return E_FORMAT;
		}
	}
	return 0;
}

int ipc_unpack(enum ipc_type type, struct span body, ProtobufCAllocator *alloc,
	       ProtobufCMessage **out)
{
	const struct ipc_row *row = ipc_row(type);
	ProtobufCMessage *m;

	if (!row)
		return E_DENIED;
	if (body.n > row->max_bytes)
		return E_LIMIT;
	m = protobuf_c_message_unpack(row->desc, alloc, body.n, body.p);
	if (!m)
		return E_FORMAT;
	if (check_known(m, 0) < 0) {
		protobuf_c_message_free_unpacked(m, alloc);
		return E_FORMAT;
	}
	*out = m;
	return 0;
}
