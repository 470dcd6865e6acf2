#include "media/audio/player.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "media/audio/pitch.h"
#include "media/audio/stretch.h"

enum {
	FRAME = AUDIO_FRAME_SAMPLES,
	NEAR = 120,		/* 2.5 ms: stamps this close are joined */
	SLACK = 240,		/* 5 ms too little delay: time to add some */
	EXCESS_SILENT = FRAME + 240,	/* too much, in silence */
	EXCESS_SPEECH = FRAME + 240,	/* too much, in speech */
	LACK_SPEECH = 240,
	COOLDOWN_TICKS = 3,
	FADE = 240,
	QUIET_PEAK = 128,	/* about -48 dBov */
	OVER_MAX = JITTER_MAX_SAMPLES + FRAME,	/* too much to catch up */
	STEPS_MAX = 16,		/* packets looked at in one tick */
};

void player_init(struct player *p, struct audio_dec *dec)
{
	p->dec = dec;
	p->level = -1;
	p->last_samples = FRAME;
	jitter_reset(&p->jitter);
}

void player_restart(struct player *p)
{
	jitter_reset(&p->jitter);
	p->is_anchored = false;
	p->starved = 0;
	p->is_dtx = false;
}

static int16_t *fifo(struct player *p)
{
	return p->pcm + PLAYER_HISTORY;
}

static int16_t *fifo_end(struct player *p)
{
	return fifo(p) + p->fifo_n;
}

int player_put(struct player *p, uint16_t seq, uint32_t ts, int level,
	       struct span payload, int64_t now)
{
	enum audio_codec codec = audio_dec_codec(p->dec);
	int samples = audio_packet_samples(codec, payload);
	bool is_resync;
	int r;

	if (samples < 0) {
		p->bad++;
		return samples;
	}
	r = jitter_put(&p->jitter, seq, ts, audio_codec_clock_hz(codec),
		       samples, audio_packet_is_dtx(codec, payload), level,
		       payload, now, &is_resync);
	if (is_resync)
		p->is_anchored = false;
	if (!p->is_playing)
		jitter_drop_before(&p->jitter, jitter_ideal(&p->jitter, now) -
						       PLAYER_KEEP_SAMPLES);
	return r;
}

/* Decodes to the end of the fifo; bad bytes become concealment. */
static void decode(struct player *p, const struct jitter_packet *k)
{
	struct span data = { k->data, k->n };
	int room = PLAYER_FIFO - p->fifo_n;
	int n = audio_dec_packet(p->dec, data, fifo_end(p), room);

	p->decoded++;
	if (n < 0) {
		p->bad++;
		n = k->samples < room ? k->samples : room;
		n -= n % NEAR;
		if (n > 0)
			audio_dec_conceal(p->dec, fifo_end(p), n);
		p->concealed += (uint64_t)n;
	} else {
		p->played += (uint64_t)n;
	}
	p->fifo_n += n;
	p->is_dtx = k->is_dtx;
	p->level = k->level;
	p->last_samples = n > 0 ? n : FRAME;
	p->play_ts = k->ts + n;
	jitter_take(&p->jitter, k);
}

static void conceal(struct player *p, int n)
{
	audio_dec_conceal(p->dec, fifo_end(p), n);
	p->fifo_n += n;
	p->play_ts += n;
}

static void silence(struct player *p)
{
	int n = FRAME - p->fifo_n;

	memset(fifo_end(p), 0, (size_t)n * sizeof(int16_t));
	p->fifo_n += n;
}

/* A packet is there and the play position is known: say what was missing while
 * nothing was. */
static void account_starvation(struct player *p, const struct jitter_packet *k)
{
	bool is_next = k->seq == p->jitter.next_seq;

	if (p->starved == 0)
		return;
	if (p->is_dtx || (is_next && k->ts >= p->play_ts - NEAR))
		p->dtx += (uint64_t)p->starved;
	else
		p->concealed += (uint64_t)p->starved;
	p->starved = 0;
}

static void starve(struct player *p)
{
	int n = p->last_samples < FRAME ? p->last_samples : FRAME;

	n -= n % NEAR;
	if (n <= 0)
		n = FRAME;
	conceal(p, n);
	p->starved += n;
	if (p->starved < PLAYER_STARVE_MAX)
		return;
	if (p->is_dtx)
		p->dtx += (uint64_t)p->starved;
	p->starved = 0;
	p->is_anchored = false;
}

/* The head begins after the play position. */
static void bridge(struct player *p, const struct jitter_packet *k,
		   int64_t gap)
{
	bool is_lost = k->seq != p->jitter.next_seq;
	int n = gap > FRAME ? FRAME : (int)(gap - gap % NEAR);

	if (is_lost && k->seq == p->jitter.next_seq + 1 &&
	    gap <= k->samples && gap % NEAR == 0) {
		struct span data = { k->data, k->n };

		n = (int)gap;
		if (audio_dec_fec(p->dec, data, fifo_end(p), n))
			p->fec += (uint64_t)n;
		else
			p->concealed += (uint64_t)n;
		p->fifo_n += n;
		p->play_ts += n;
		return;
	}
	conceal(p, n);
	if (is_lost)
		p->concealed += (uint64_t)n;
	else
		p->dtx += (uint64_t)n;
}

/* The head begins before the play position: it was given up and comes after
 * all. With nothing else waiting, going back costs delay but no sound. */
static void go_back(struct player *p, const struct jitter_packet *k,
		    int64_t now, bool was_starved)
{
	int64_t delay = now - jitter_base(&p->jitter) - k->ts;

	if (was_starved && delay <= JITTER_MAX_SAMPLES + FRAME) {
		p->inserted += (uint64_t)(p->play_ts - k->ts);
		decode(p, k);
		return;
	}
	if (k->ts + k->samples > p->play_ts + NEAR) {
		decode(p, k);
		return;
	}
	p->jitter.late++;
	jitter_take(&p->jitter, k);
}

/* After a pause: what is older than the play point is not worth the delay. */
static const struct jitter_packet *anchor(struct player *p, int64_t now)
{
	int64_t ideal = jitter_ideal(&p->jitter, now);
	const struct jitter_packet *k;

	jitter_drop_before(&p->jitter, ideal - FRAME);
	k = jitter_head(&p->jitter);
	if (k && k->ts <= ideal) {
		p->is_anchored = true;
		p->play_ts = k->ts;
	}
	return k;
}

/* Adds sound to the fifo, or takes one packet from the buffer. */
static void step(struct player *p, int64_t now)
{
	const struct jitter_packet *k = jitter_head(&p->jitter);
	bool was_starved = p->starved > 0;
	int64_t gap;

	if (!p->is_anchored)
		k = anchor(p, now);
	if (!p->is_anchored) {
		silence(p);
		return;
	}
	if (!k) {
		starve(p);
		return;
	}
	account_starvation(p, k);
	gap = k->ts - p->play_ts;
	if (gap <= -NEAR)
		go_back(p, k, now, was_starved);
	else if (gap < NEAR)
		decode(p, k);
	else
		bridge(p, k, gap);
}

static void fill(struct player *p, int64_t now)
{
	for (int i = 0; i < STEPS_MAX && p->fifo_n < FRAME; i++)
		step(p, now);
	if (p->fifo_n < FRAME)
		silence(p);
}

static bool is_quiet(const int16_t *pcm, int n)
{
	for (int i = 0; i < n; i++)
		if (abs(pcm[i]) > QUIET_PEAK)
			return false;
	return true;
}

/* How much longer than the target the next packet will have waited when it is
 * decoded. Misaligned by a part of a frame, it is needed a tick earlier. */
static int64_t excess(struct player *p, int64_t now)
{
	int rest = p->fifo_n - FRAME;
	int64_t turn = now + (int64_t)(rest / FRAME + 1) * FRAME;

	return turn - jitter_base(&p->jitter) - p->play_ts -
	       jitter_target(&p->jitter);
}

static void drop(struct player *p, int lag, int fade)
{
	audio_stretch_drop(fifo_end(p), lag, fade);
	p->fifo_n -= lag;
	p->removed += (uint64_t)lag;
}

static void repeat(struct player *p, int lag)
{
	audio_stretch_repeat(fifo_end(p), lag);
	p->fifo_n += lag;
	p->inserted += (uint64_t)lag;
}

static void scale_silence(struct player *p, int64_t over)
{
	int rest = p->fifo_n % FRAME;

	if (over >= EXCESS_SILENT)
		drop(p, FRAME - FADE, FADE);
	else if (over >= 0 && rest >= NEAR && rest <= FRAME - FADE)
		drop(p, rest, rest < FADE ? rest : FADE);
	else if (over < -SLACK && p->fifo_n + FRAME < PLAYER_FIFO)
		repeat(p, FRAME - rest);
}

/* The period is looked for in the last sound played and to be played. */
static void scale_speech(struct player *p, int64_t over)
{
	int seen = 1440, lag;

	if (p->cooldown > 0 || (over < EXCESS_SPEECH && over > -LACK_SPEECH))
		return;
	lag = audio_pitch_lag(fifo_end(p) - seen, seen, FRAME / 2);
	if (over > 0)
		drop(p, lag, lag);
	else if (p->fifo_n + lag < PLAYER_FIFO)
		repeat(p, lag);
	p->cooldown = COOLDOWN_TICKS;
}

static void scale(struct player *p, int64_t now)
{
	int64_t over;

	if (p->cooldown > 0)
		p->cooldown--;
	if (!p->is_anchored || p->starved > 0)
		return;
	over = excess(p, now);
	if (over > OVER_MAX) {
		p->is_anchored = false;
		return;
	}
	if (is_quiet(fifo(p), p->fifo_n))
		scale_silence(p, over);
	else
		scale_speech(p, over);
	fill(p, now);
}

void player_pull(struct player *p, int64_t now, int16_t out[static 960])
{
	fill(p, now);
	scale(p, now);
	memcpy(out, fifo(p), FRAME * sizeof(int16_t));
	p->fifo_n -= FRAME;
	memmove(p->pcm, p->pcm + FRAME,
		(size_t)(PLAYER_HISTORY + p->fifo_n) * sizeof(int16_t));
}

/* Decodes what lies before `ts` and throws the sound away. */
static void warm_up(struct player *p, int64_t ts)
{
	const struct jitter_packet *k;

	while ((k = jitter_head(&p->jitter)) != NULL &&
	       k->ts + k->samples <= ts) {
		p->fifo_n = 0;
		decode(p, k);
	}
	p->fifo_n = 0;
}

void player_start(struct player *p, int64_t now, bool is_late_start)
{
	const struct jitter_packet *k;
	int64_t ideal = jitter_ideal(&p->jitter, now);

	if (p->is_playing)
		return;
	p->is_playing = true;
	p->fifo_n = 0;
	p->starved = 0;
	p->cooldown = 0;
	p->is_dtx = false;
	memset(p->pcm, 0, PLAYER_HISTORY * sizeof(p->pcm[0]));
	audio_dec_reset(p->dec);
	jitter_drop_before(&p->jitter, ideal - PLAYER_KEEP_SAMPLES);
	if (!is_late_start)
		warm_up(p, ideal);
	k = jitter_head(&p->jitter);
	p->is_anchored = k != NULL && k->ts <= ideal;
	if (p->is_anchored)
		p->play_ts = k->ts;
}

void player_stop(struct player *p)
{
	p->is_playing = false;
	p->is_anchored = false;
}

static const struct jitter_packet *packet_at(const struct player *p,
					     int64_t seq)
{
	const struct jitter_packet *k =
		&p->jitter.slot[(uint64_t)seq % JITTER_SLOTS];

	return k->is_used && k->seq == seq ? k : NULL;
}

int player_probe(struct player *p, int16_t *out)
{
	int n = 0;

	if (p->is_playing || !p->jitter.is_started)
		return 0;
	audio_dec_reset(p->dec);
	for (int64_t s = p->jitter.top_seq - 1; s <= p->jitter.top_seq; s++) {
		const struct jitter_packet *k = packet_at(p, s);
		int got;

		if (!k)
			continue;
		got = audio_dec_packet(p->dec, span_of(k->data, k->n), fifo(p),
				       PLAYER_FIFO);
		p->decoded++;
		n = got > 0 ? got : n;
	}
	if (n > FRAME) {
		memcpy(out, fifo(p) + n - FRAME, FRAME * sizeof(*out));
		return FRAME;
	}
	memcpy(out, fifo(p), (size_t)n * sizeof(*out));
	return n;
}

int32_t player_delay(const struct player *p, int64_t now)
{
	int64_t playing = p->play_ts - p->fifo_n - FRAME;
	int64_t age = now - p->jitter.base - playing;

	return p->is_anchored && age > 0 ? (int32_t)age : 0;
}
