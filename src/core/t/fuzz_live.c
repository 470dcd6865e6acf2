/* Journal records: whatever decodes encodes again to the same bytes, and a
 * participant that decodes can be put into a room. The first byte chooses the
 * kind. */
#include <stdio.h>
#include <stdlib.h>

#include "core/live_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same(struct span in, int e, struct span out)
{
	if (e == 0 && span_eq(in, out))
		return;
	fprintf(stderr, "a record changed on its way through\n");
	abort();
}

static void part(struct span in, uint8_t *buf)
{
	struct room_cfg cfg = {.participant_limit = UINT32_MAX, .view = "1:7"};
	struct room_out acts = {0};
	struct span out = SPAN_NONE;
	struct live_place at;
	struct room *r;
	struct part p;
	uint64_t room;
	int e = live_decode_part(&room, &at, &p, in);

	if (e < 0)
		return;
	e = live_encode_part(room, &at, &p, buf, &out);
	same(in, e, out);
	if (room_new(&r, 1, 1, &cfg) < 0)
		return;
	if (room_restore_part(r, &p) < 0)
		abort();
	(void)room_restore_done(r, 1, &acts);
	room_sweep(r);
	if (room_broken(r))
		abort();
	room_out_release(&acts);
	room_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct span in = span_of(data + (n > 0), n - (n > 0));
	uint8_t buf[LIVE_RECORD_MAX];
	struct reconnect_state c;
	struct session_state s;
	struct span out = SPAN_NONE;
	struct live_room r;
	int e;

	if (n < 2 || n > LIVE_RECORD_MAX)
		return 0;
	switch (data[0] % 4) {
	case 0:
		if (live_decode_room(&r, in) < 0)
			return 0;
		e = live_encode_room(&r, buf, &out);
		break;
	case 1:
		part(in, buf);
		return 0;
	case 2:
		if (live_decode_session(&s, in) < 0)
			return 0;
		e = live_encode_session(&s, buf, &out);
		break;
	default:
		if (live_decode_credential(&c, in) < 0)
			return 0;
		e = live_encode_credential(&c, buf, &out);
		break;
	}
	same(in, e, out);
	return 0;
}
