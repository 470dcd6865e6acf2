/* Far-end camera control of a leg without ICE: H.281 in H.224 over RTP (RFC
 * 4573). What core orders goes out; what the leg wishes goes to core, which
 * knows whose camera it may move. Lists of clients are answered here: many
 * devices move nothing, and let nothing be moved, before they had one. */
#include "media/media.h"
#include "base/clock.h"
#include "wire/h224/h224.h"

enum {
	CAMERA_PER_S = 20, CAMERA_BURST = 40,	/* frames of a leg */
	ASKS_MAX = 3, ASK_S = 5,
};

bool leg_fecc_has_camera(const struct leg *leg)
{
	const struct nego_stream *st = &leg->nego.fecc;

	return st->section >= 0 && st->we_send &&
	       (!leg->fecc.is_heard || leg->fecc.has_h281);
}

/* --- out ----------------------------------------------------------------- */

static bool frame_send(struct leg *leg, const struct h224_frame *frame)
{
	struct flow *f = leg->fecc_flow;
	uint8_t raw[H224_FRAME_MAX];
	const uint64_t ticks = leg->m->now_ns / (NS_PER_S / H224_CLOCK_HZ);
	struct rtp h = {.pt = leg->nego.fecc.pt, .seq = leg->fecc.seq,
			.ts = leg->fecc.ts_start + (uint32_t)ticks,
			.ssrc = leg->fecc.ssrc};
	uint8_t *slot;
	struct span s;
	size_t n;

	if (leg->nego.fecc.section < 0 || !leg->nego.fecc.we_send ||
	    !flow_is_open(f) ||
	    h224_encode(raw, sizeof(raw), &h.payload, frame) < 0)
		return false;
	slot = net_reserve(leg->m->net);
	if (rtp_encode(&h, slot, NET_PACKET_MAX, &s) < 0)
		return false;
	leg->fecc.seq++;
	n = s.n;
	if (flow_seal(f, slot, &n, NET_PACKET_MAX, false) < 0)
		return false;
	flow_send(f, n, false);
	return true;
}

static int8_t sign(int32_t v)
{
	return (int8_t)((v > 0) - (v < 0));
}

void leg_fecc_move(struct leg *leg, const Cv__CameraMove *move)
{
	static const enum h224_kind kinds[] = {
		[CV__CAMERA_ACTION__CAMERA_START] = H224_START,
		[CV__CAMERA_ACTION__CAMERA_CONTINUE] = H224_CONTINUE,
		[CV__CAMERA_ACTION__CAMERA_STOP] = H224_STOP,
	};
	struct h224_frame f = {
		.move = {.pan = sign(move->pan), .tilt = sign(move->tilt),
			 .zoom = sign(move->zoom)},
		.timeout_ms = move->timeout_ms < H224_TIMEOUT_MAX_MS
			      ? (uint16_t)move->timeout_ms
			      : H224_TIMEOUT_MAX_MS};

	if ((size_t)move->action < sizeof(kinds) / sizeof(kinds[0]))
		f.kind = kinds[move->action];
	if (!leg_fecc_has_camera(leg) || !frame_send(leg, &f))
		leg->m->stats.fecc_dropped++;
}

void leg_fecc_service(struct leg *leg)
{
	const struct h224_frame list = {.kind = H224_CLIENTS,
					.has_h281 = true};
	const struct h224_frame ask = {.kind = H224_CLIENTS_ASKED};

	if (leg->nego.fecc.section < 0 || leg->fecc.is_heard ||
	    leg->fecc.asks == ASKS_MAX ||
	    (leg->fecc.asks &&
	     leg->m->now_ns - leg->fecc.asked_ns < ASK_S * NS_PER_S) ||
	    !frame_send(leg, &list) || !frame_send(leg, &ask))
		return;
	leg->fecc.asks++;
	leg->fecc.asked_ns = leg->m->now_ns;
}

/* --- in ------------------------------------------------------------------ */

static void wish(struct leg *leg, const struct h224_frame *f)
{
	Cv__CameraMove move = CV__CAMERA_MOVE__INIT;

	move.action = f->kind == H224_START ? CV__CAMERA_ACTION__CAMERA_START
		    : f->kind == H224_STOP ? CV__CAMERA_ACTION__CAMERA_STOP
					   : CV__CAMERA_ACTION__CAMERA_CONTINUE;
	move.pan = f->move.pan;
	move.tilt = f->move.tilt;
	move.zoom = f->move.zoom;
	move.timeout_ms = f->timeout_ms;
	control_leg_camera(leg, &move);
}

static void take(struct leg *leg, const struct h224_frame *f)
{
	struct h224_frame reply = {.has_h281 = true};

	switch (f->kind) {
	case H224_CLIENTS_ASKED:
		reply.kind = H224_CLIENTS;
		(void)frame_send(leg, &reply);
		break;
	case H224_EXTRAS_ASKED:
		reply.kind = H224_EXTRAS;
		(void)frame_send(leg, &reply);
		break;
	case H224_CLIENTS:
		leg->fecc.is_heard = true;
		leg->fecc.has_h281 = f->has_h281;
		break;
	case H224_START:
	case H224_CONTINUE:
	case H224_STOP:
		wish(leg, f);
		break;
	default:
		/* other sources and presets: there is one camera, as it is */
		break;
	}
}

bool leg_fecc_packet(struct leg *leg, const struct rtp *p)
{
	const struct nego_stream *st = &leg->nego.fecc;
	struct h224_frame f;

	if (st->section < 0 || !st->we_receive || p->pt != st->pt ||
	    h224_decode(&f, p->payload) < 0)
		return false;
	if (!flood_bucket_take(&leg->fecc.rate, CAMERA_PER_S, CAMERA_BURST,
			       leg->m->now_ns)) {
		leg->m->stats.fecc_dropped++;
		return true;
	}
	leg->m->stats.fecc_in++;
	take(leg, &f);
	return true;
}
