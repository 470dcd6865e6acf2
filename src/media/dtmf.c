#include "media/dtmf.h"
#include "base/clock.h"

enum { END_BIT = 0x80, VOLUME = 10, SEGMENT_MAX = 0xffff };

/* --- in ---------------------------------------------------------------- */

/* False when he presses too fast to be a person. */
static bool done(struct dtmf_in *d, uint32_t clock_hz, uint64_t now_ns,
		 struct dtmf_press *out)
{
	d->is_pressed = false;
	d->has_done = true;
	d->done_ts = d->ts;
	*out = (struct dtmf_press){
		.event = d->event,
		.ms = (uint32_t)((uint64_t)d->duration * 1000 / clock_hz)};
	if (!flood_bucket_take(&d->bucket, DTMF_PER_S, DTMF_BURST, now_ns)) {
		d->too_fast++;
		return false;
	}
	d->presses++;
	return true;
}

/* Goes the running press on under another stamp? A long one does so by rule
 * (RFC 4733 2.5.1.3), some senders do it in each packet. */
static bool goes_on(struct dtmf_in *d, uint32_t ts, bool marker,
		    uint8_t event, uint32_t duration, uint64_t now_ns)
{
	if (!d->is_pressed || marker || event != d->event)
		return false;
	if (ts - d->ts == SEGMENT_MAX) {
		d->segments += SEGMENT_MAX;
		return true;
	}
	return duration > d->duration &&
	       now_ns - d->heard_ns < 100 * NS_PER_MS;
}

bool dtmf_in_packet(struct dtmf_in *d, uint32_t ts, bool marker,
		    struct span payload, uint32_t clock_hz, uint64_t now_ns,
		    struct dtmf_press *out)
{
	uint32_t duration;
	uint8_t event;
	bool ended = false;

	if (payload.n < DTMF_PAYLOAD || payload.p[0] >= DTMF_EVENTS) {
		d->malformed++;
		return false;
	}
	event = payload.p[0];
	duration = (uint32_t)payload.p[2] << 8 | payload.p[3];
	/* an end again, or something older */
	if (d->has_done && (int32_t)(ts - d->done_ts) <= 0)
		return false;
	if (d->is_pressed && (int32_t)(ts - d->ts) < 0)
		return false;
	if (!d->is_pressed || ts != d->ts) {
		if (!goes_on(d, ts, marker, event, duration, now_ns)) {
			ended = d->is_pressed &&
				done(d, clock_hz, now_ns, out);
			d->is_pressed = true;
			d->event = event;
			d->duration = d->segments = 0;
		}
		d->ts = ts;
	}
	d->heard_ns = now_ns;
	if (d->segments + duration > d->duration)
		d->duration = d->segments + duration;
	/* two in one packet: the new one is told by its next packet */
	if ((payload.p[1] & END_BIT) && !ended)
		return done(d, clock_hz, now_ns, out);
	return ended;
}

bool dtmf_in_timer(struct dtmf_in *d, uint32_t clock_hz, uint64_t now_ns,
		   struct dtmf_press *out)
{
	if (!d->is_pressed || now_ns - d->heard_ns < DTMF_LOST_MS * NS_PER_MS)
		return false;
	return done(d, clock_hz, now_ns, out);
}

void dtmf_in_restart(struct dtmf_in *d)
{
	d->is_pressed = d->has_done = false;
}

/* --- out --------------------------------------------------------------- */

int dtmf_out_add(struct dtmf_out *d, struct span keys)
{
	for (size_t i = 0; i < keys.n; i++)
		if (keys.p[i] >= DTMF_EVENTS && keys.p[i] != DTMF_COMMA) {
			d->refused++;
			return E_INVAL;
		}
	if (keys.n > DTMF_QUEUE_MAX - d->n) {
		d->refused++;
		return E_FULL;
	}
	memcpy(d->queue + d->n, keys.p, keys.n);
	d->n += (unsigned)keys.n;
	return 0;
}

static void next_key(struct dtmf_out *d)
{
	memmove(d->queue, d->queue + 1, --d->n);
	d->ms = 0;
	d->is_running = false;
}

static bool tone_tick(struct dtmf_out *d, uint32_t audio_ts, unsigned ms,
		      uint32_t clock_hz, struct dtmf_packet *out)
{
	bool is_first = !d->is_running;
	bool is_end = d->ms + ms >= DTMF_TONE_MS;
	uint32_t duration;

	if (is_first) {
		d->is_running = true;
		d->ts = audio_ts;
	}
	duration = (d->ms + ms) * (clock_hz / 1000);
	*out = (struct dtmf_packet){.ts = d->ts, .marker = is_first,
				    .copies = is_end ? DTMF_ENDS : 1};
	out->payload[0] = d->queue[0];
	out->payload[1] = (uint8_t)((is_end ? END_BIT : 0) | VOLUME);
	out->payload[2] = (uint8_t)(duration >> 8);
	out->payload[3] = (uint8_t)duration;
	d->sent += is_end;
	return true;
}

bool dtmf_out_tick(struct dtmf_out *d, uint32_t audio_ts, unsigned ms,
		   uint32_t clock_hz, struct dtmf_packet *out)
{
	bool is_tone, instead = true;

	*out = (struct dtmf_packet){.copies = 0};
	if (!d->n)
		return false;
	is_tone = d->queue[0] != DTMF_COMMA && d->ms < DTMF_TONE_MS;
	if (is_tone)
		instead = tone_tick(d, audio_ts, ms, clock_hz, out);
	else
		instead = false;	/* the pause is filled with the room */
	d->ms += ms;
	if (d->ms >= (d->queue[0] == DTMF_COMMA
		      ? DTMF_COMMA_MS : DTMF_TONE_MS + DTMF_PAUSE_MS))
		next_key(d);
	return instead;
}
