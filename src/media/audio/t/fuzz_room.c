/* Hostile packets and orders in any order into a room of four codecs.
 *
 * Input: a row of records, the first byte says what happens. Checked are the
 * sanitizers' own findings, and that each leg gets its packet in each tick,
 * with continuous stamps, and nobody in the sum the shared one.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/rd.h"
#include "media/audio/audio_int.h"

enum { LEGS = 4, RECORDS_MAX = 400 };

/* Made once: its comfort noise takes longer to encode than a run. */
static struct audio_pool *pool;

struct world {
	struct audio_room *room;
	struct audio_leg *leg[LEGS];
	uint32_t next_ts[LEGS];
	uint32_t emits;
	uint64_t now;
	bool leapt;		/* since the last tick */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void on_emit(void *arg, const struct audio_out *out)
{
	struct world *w = arg;
	uint32_t *next = out->user;
	uint32_t step = out->leg->want.codec == AUDIO_OPUS ? 960 : 160;

	w->emits++;
	must(out->payload.n > 0);
	/* a leap in time is whole packets, and only a leap moves the stamps */
	must(out->rtp_ts == *next ||
	     (w->leapt && (out->rtp_ts - *next) % step == 0));
	*next = out->rtp_ts + step;
	must(out->mix != AUDIO_MIX_SHARED || !out->leg->is_summed);
}

static bool build(struct world *w)
{
	if (!pool && audio_pool_new(&pool) < 0)
		return false;
	if (audio_room_new(&w->room, pool, &(struct audio_room_cfg){
			    .max_talkers = 2 }) < 0)
		return false;
	for (int i = 0; i < LEGS; i++) {
		struct audio_leg_cfg cfg = { .codec = AUDIO_OPUS + i,
					     .user = &w->next_ts[i] };

		if (audio_leg_new(&w->leg[i], w->room, &cfg) < 0)
			return false;
		audio_leg_set(w->leg[i], false, true);
	}
	return true;
}

static void packet(struct world *w, struct rd *rd, struct audio_leg *leg)
{
	struct audio_packet p = {
		.seq = rd_u16(rd),
		.ts = rd_u32(rd),
		.level = (int)rd_u8(rd) - 1,
	};
	size_t n = rd_u8(rd);

	if (n > rd_left(rd))
		n = rd_left(rd);
	p.payload = rd_span(rd, n);
	if (p.level > 127)
		p.level = AUDIO_LEVEL_NONE;
	(void)audio_leg_packet(leg, &p, w->now);
}

static void tick(struct world *w)
{
	w->now += 20000000;
	w->emits = 0;
	audio_room_tick(w->room, w->now, on_emit, w);
	w->leapt = false;
	must(w->emits == LEGS);
	must(w->room->talkers <= 2);
}

static void record(struct world *w, struct rd *rd)
{
	uint8_t what = rd_u8(rd);
	struct audio_leg *leg = w->leg[what >> 6];

	switch (what & 7) {
	case 0:
		tick(w);
		break;
	case 1:
		audio_leg_set(leg, what & 8, !(what & 16));
		break;
	case 2:
		(void)audio_leg_loss_report(leg, rd_u8(rd));
		break;
	case 3:
		w->now += rd_u32(rd);
		w->leapt = true;
		break;
	case 4:
		if (what & 8)
			audio_leg_restart(leg);
		tick(w);
		break;
	default:
		packet(w, rd, leg);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .now = 1000000000 };
	struct rd rd = rd_of(span_of(data, size));

	if (build(&w))
		for (int i = 0; i < RECORDS_MAX && rd_left(&rd) > 0; i++)
			record(&w, &rd);
	audio_room_free(&w.room);
	return 0;
}
