/* Keys that a leg presses, and keys that are sent to it (RFC 4733). */
#include "media/media.h"
#include "base/clock.h"
#include "base/log.h"

#define MOD "leg"

void leg_dtmf_packet(struct leg *leg, const struct rtp *p)
{
	struct dtmf_press press;

	if (dtmf_in_packet(&leg->dtmf_in, p->ts, p->marker, p->payload,
			   leg->nego.audio.dtmf_hz, leg->m->now_ns, &press))
		control_leg_dtmf(leg, &press);
	/* the end may be lost: look sooner than a silent leg is served */
	if (leg->dtmf_in.is_pressed)
		timer_set(leg->m->wheel, &leg->service,
			  leg->m->now_ns + MEDIA_SERVICE_MS * NS_PER_MS);
}

void leg_dtmf_service(struct leg *leg)
{
	struct dtmf_press press;

	if (leg->dtmf_in.is_pressed &&
	    dtmf_in_timer(&leg->dtmf_in, leg->nego.audio.dtmf_hz,
			  leg->m->now_ns, &press))
		control_leg_dtmf(leg, &press);
}

void leg_send_dtmf(struct leg *leg, struct span keys)
{
	int r = leg->nego.audio.dtmf_pt == NEGO_NO_PT ||
		leg->nego.audio.section < 0
		? E_UNSUPPORTED : dtmf_out_add(&leg->dtmf_out, keys);

	if (r == 0)
		return;
	leg->m->stats.dtmf_refused++;
	log_info(MOD, "keys not sent", LOG_U("leg", leg->handle),
		 LOG_E("error", r));
}

static void send_event(struct leg *leg, const struct dtmf_packet *d)
{
	struct flow *f = leg->audio_flow;
	struct rtp h = {.marker = d->marker, .pt = leg->nego.audio.dtmf_pt,
			.ts = d->ts, .seq = leg->audio_seq,
			.ssrc = leg->audio_out.ssrc,
			.payload = span_of(d->payload, DTMF_PAYLOAD)};
	uint8_t *slot = net_reserve(leg->m->net);
	struct span s;
	size_t n;

	if (rtp_encode(&h, slot, NET_PACKET_MAX, &s) < 0)
		return;
	leg->audio_seq++;
	n = s.n;
	if (flow_seal(f, slot, &n, NET_PACKET_MAX, false) < 0)
		return;
	flow_send(f, n, false);
	leg->audio_out.packets++;
	leg->audio_out.octets += DTMF_PAYLOAD;
}

bool leg_dtmf_out(struct leg *leg, const struct audio_out *o)
{
	const struct nego_stream *a = &leg->nego.audio;
	uint32_t hz = leg->audio_out.clock_hz;
	uint32_t ptime = a->codec == CV__CODEC_NAME__CODEC_OPUS &&
			 a->ptime_ms > MEDIA_TICK_MS
			 ? a->ptime_ms : MEDIA_TICK_MS;
	uint32_t ts = o->rtp_ts;
	struct dtmf_packet d;

	if (!hz || !a->dtmf_hz)
		return false;
	/* some agree on events at 8 kHz beside Opus */
	if (hz > a->dtmf_hz)
		ts = o->rtp_ts / (hz / a->dtmf_hz);
	if (!dtmf_out_tick(&leg->dtmf_out, ts, ptime, a->dtmf_hz, &d))
		return false;
	for (unsigned i = 0; i < d.copies; i++)
		send_event(leg, &d);
	return true;
}
