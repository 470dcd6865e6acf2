#include "media/audio/jitter.h"

#include <string.h>

#include "base/err.h"

enum {
	REFRESH = 16,		/* packets between two computations */
	KNOWN = 25,		/* packets until the window is believed */
	LATE_OF = 50,		/* one packet in 50 may be late */
	LATE_MAX = JITTER_WINDOW / LATE_OF + 1,
};

void jitter_reset(struct jitter *j)
{
	for (int i = 0; i < JITTER_SLOTS; i++)
		j->slot[i].is_used = false;
	j->is_started = false;
	j->has_odd = false;
	j->transits = 0;
	j->is_stale = true;
}

static struct jitter_packet *slot_of(struct jitter *j, int64_t seq)
{
	return &j->slot[(uint64_t)seq % JITTER_SLOTS];
}

const struct jitter_packet *jitter_head(const struct jitter *j)
{
	const struct jitter_packet *best = NULL;

	if (!j->is_started)
		return NULL;
	for (int64_t seq = j->next_seq; seq <= j->top_seq; seq++) {
		best = &j->slot[(uint64_t)seq % JITTER_SLOTS];
		if (best->is_used && best->seq == seq)
			return best;
	}
	return NULL;
}

static void advance(struct jitter *j, int64_t seq)
{
	int64_t stop = j->next_seq + JITTER_SLOTS;

	for (int64_t s = j->next_seq; s < seq && s < stop; s++)
		slot_of(j, s)->is_used = false;
	if (seq > j->next_seq)
		j->next_seq = seq;
}

void jitter_take(struct jitter *j, const struct jitter_packet *p)
{
	advance(j, p->seq + 1);
}

void jitter_drop_before(struct jitter *j, int64_t ts)
{
	const struct jitter_packet *p;

	while ((p = jitter_head(j)) != NULL && p->ts + p->samples <= ts)
		jitter_take(j, p);
}

/* The fastest of the window, and the one that one in LATE_OF exceeds. */
static void compute(struct jitter *j)
{
	uint32_t n = j->transits < JITTER_WINDOW ? j->transits : JITTER_WINDOW;
	uint32_t keep = n / LATE_OF + 1;
	int32_t top[LATE_MAX + 1];
	int32_t low = INT32_MAX, spread;
	uint32_t have = 0;

	for (uint32_t i = 0; i < n; i++) {
		int32_t v = j->transit[i];
		uint32_t at;

		if (v < low)
			low = v;
		if (have == keep && v <= top[have - 1])
			continue;
		at = have < keep ? have++ : keep - 1;
		for (; at > 0 && top[at - 1] < v; at--)
			top[at] = top[at - 1];
		top[at] = v;
	}
	spread = n ? top[have - 1] - low : 0;
	if (n < KNOWN && spread < JITTER_FIRST_SAMPLES)
		spread = JITTER_FIRST_SAMPLES;
	if (spread < JITTER_MIN_SAMPLES)
		spread = JITTER_MIN_SAMPLES;
	j->target = spread > JITTER_MAX_SAMPLES ? JITTER_MAX_SAMPLES : spread;
	j->base = j->transit_ref + (n ? low : 0);
	j->is_stale = false;
}

int32_t jitter_target(struct jitter *j)
{
	if (j->is_stale)
		compute(j);
	return j->target;
}

int64_t jitter_base(struct jitter *j)
{
	if (j->is_stale)
		compute(j);
	return j->base;
}

int64_t jitter_ideal(struct jitter *j, int64_t now)
{
	return now - jitter_base(j) - jitter_target(j);
}

static void note_transit(struct jitter *j, int64_t transit)
{
	if (j->transits == 0)
		j->transit_ref = transit;
	j->transit[j->transits % JITTER_WINDOW] =
		(int32_t)(transit - j->transit_ref);
	j->transits++;
	if (j->transits < KNOWN || j->transits % REFRESH == 0)
		j->is_stale = true;
}

/* How far a transit lies from what the window says is normal. */
static bool is_other_timeline(struct jitter *j, int64_t transit)
{
	int64_t off;

	if (j->transits == 0)
		return false;
	off = transit - jitter_base(j);
	return off > JITTER_JUMP_SAMPLES || off < -JITTER_JUMP_SAMPLES;
}

static void start(struct jitter *j, uint16_t seq, uint32_t ts)
{
	jitter_reset(j);
	j->is_started = true;
	/* away from zero, so that reordering at the start stays positive */
	j->next_seq = j->top_seq = seq + 65536;
	j->top_ts = (int64_t)ts + (INT64_C(1) << 33);
}

static int64_t unwrap_ts(const struct jitter *j, uint32_t ts, uint32_t mul)
{
	uint32_t top = (uint32_t)j->top_ts;

	/* top_ts counts RTP ticks; positions are ticks times mul */
	return (j->top_ts + (int32_t)(ts - top)) * mul;
}

/* A sequence number far from the stream's is believed when the next one
 * follows it (RFC 3550 A.1). */
static bool is_sequence_odd(struct jitter *j, uint16_t seq)
{
	int delta = (int16_t)(uint16_t)(seq - (uint16_t)j->top_seq);

	if (delta <= JITTER_DROPOUT_MAX && delta >= -JITTER_MISORDER_MAX) {
		j->has_odd = false;
		return false;
	}
	return true;
}

static int file(struct jitter *j, int64_t seq, int64_t ts, int samples,
		bool is_dtx, int level, struct span payload)
{
	struct jitter_packet *p = slot_of(j, seq);

	if (seq < j->next_seq) {
		j->late++;
		return E_TIMEOUT;
	}
	if (seq >= j->next_seq + JITTER_SLOTS) {
		j->overflow++;
		advance(j, seq - JITTER_SLOTS + 1);
	}
	if (p->is_used && p->seq == seq) {
		j->duplicate++;
		return E_REPLAY;
	}
	p->is_used = true;
	p->is_dtx = is_dtx;
	p->seq = seq;
	p->ts = ts;
	p->samples = samples;
	p->level = level;
	p->n = (uint32_t)payload.n;
	memcpy(p->data, payload.p, payload.n);
	return 0;
}

int jitter_put(struct jitter *j, uint16_t seq, uint32_t ts, uint32_t clock_hz,
	       int samples, bool is_dtx, int level, struct span payload,
	       int64_t now, bool *is_resync)
{
	uint32_t mul = AUDIO_RATE_HZ / clock_hz;
	int64_t full_seq, full_ts;

	*is_resync = false;
	if (payload.n > AUDIO_PACKET_MAX_BYTES)
		return E_LIMIT;
	j->received++;
	if (j->is_started && is_sequence_odd(j, seq)) {
		bool is_believed = j->has_odd && seq == j->odd_seq;

		j->has_odd = true;
		j->odd_seq = (uint16_t)(seq + 1);
		if (!is_believed)
			return E_FULL;
		*is_resync = true;
	}
	if (!j->is_started || *is_resync)
		start(j, seq, ts);
	full_ts = unwrap_ts(j, ts, mul);
	if (is_other_timeline(j, now - full_ts)) {
		*is_resync = true;
		start(j, seq, ts);
		full_ts = unwrap_ts(j, ts, mul);
	}
	j->resyncs += *is_resync;
	full_seq = j->top_seq + (int16_t)(uint16_t)(seq -
						    (uint16_t)j->top_seq);
	if (full_seq > j->top_seq) {
		j->top_seq = full_seq;
		j->top_ts = full_ts / mul;
	}
	note_transit(j, now - full_ts);
	return file(j, full_seq, full_ts, samples, is_dtx, level, payload);
}
