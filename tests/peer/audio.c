#include <math.h>
#include <stdlib.h>
#include "audio.h"

static const double amplitude = 0.25, heard_amplitude = 0.012;

/* --- out --------------------------------------------------------------- */

bool audio_out_open(struct audio_out *a, double hz, bool is_fec)
{
	int r;

	*a = (struct audio_out){.hz = hz};
	a->enc = opus_encoder_create(AUDIO_HZ, 1, OPUS_APPLICATION_VOIP, &r);
	if (!a->enc)
		return false;
	opus_encoder_ctl(a->enc, OPUS_SET_BITRATE(32000));
	opus_encoder_ctl(a->enc, OPUS_SET_COMPLEXITY(3));
	opus_encoder_ctl(a->enc, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	opus_encoder_ctl(a->enc, OPUS_SET_INBAND_FEC(is_fec));
	opus_encoder_ctl(a->enc, OPUS_SET_PACKET_LOSS_PERC(is_fec ? 15 : 0));
	return true;
}

/* Syllables: a steady tone would soon be noise to a voice detector. */
static double syllable(double s)
{
	return 0.65 - 0.35 * cos(2 * M_PI * 4 * s);
}

size_t audio_out_frame(struct audio_out *a, uint64_t now, uint8_t out[400])
{
	uint32_t period = a->on_ms + a->off_ms;
	opus_int16 pcm[AUDIO_FRAME];
	double sum = 0, db;
	int n;

	for (int i = 0; i < AUDIO_FRAME; i++) {
		double t = (double)a->samples++ / AUDIO_HZ, v = 0;
		uint64_t ms = now / MS + (uint64_t)i / 48;

		if (!period || ms % period < a->on_ms)
			v = amplitude * syllable(t) * sin(2 * M_PI * a->hz * t);
		sum += v * v;
		pcm[i] = (opus_int16)(v * 32767);
	}
	db = sum > 0 ? 10 * log10(sum / AUDIO_FRAME) : -127;
	a->level = db < -127 ? 127 : (int)-db;
	n = opus_encode(a->enc, pcm, AUDIO_FRAME, out, 400);
	return n > 0 ? (size_t)n : 0;
}

/* --- tones ------------------------------------------------------------- */

static double goertzel(const opus_int16 *pcm, double hz)
{
	double c = 2 * cos(2 * M_PI * hz / AUDIO_HZ), s1 = 0, s2 = 0, power;

	for (int i = 0; i < AUDIO_FRAME; i++) {
		double s = pcm[i] / 32768. + c * s1 - s2;

		s2 = s1;
		s1 = s;
	}
	power = s1 * s1 + s2 * s2 - c * s1 * s2;
	return 2 * sqrt(power > 0 ? power : 0) / AUDIO_FRAME;
}

static void onset(struct audio_in *a, uint64_t played_ns)
{
	double ms = (double)(played_ns % (a->beat_ms * MS)) / 1e6, mean = 0;

	a->onset_ring[a->onsets++ % 5] = ms;
	if (a->onsets < 5)
		return;
	for (int i = 0; i < 5; i++)
		mean += a->onset_ring[i] / 5;
	if (a->onsets == 5)
		a->onset_first_ms = mean;
	a->onset_last_ms = mean;
}

static void tone_frame(struct audio_in *a, struct tone *t, double amp,
		       uint64_t played_ns)
{
	t->power += amp * amp;
	t->mean += amp * amp;
	if (amp >= heard_amplitude) {
		if (a->beat_ms && t == a->tone && t->absent >= 5)
			onset(a, played_ns);
		if (t->first < 0)
			t->first = (int64_t)t->frames;
		else if (t->absent > t->absent_max)
			t->absent_max = t->absent;
		t->last = (int64_t)t->frames;
		t->absent = 0;
		t->heard++;
	} else {
		t->absent++;
	}
	if (++t->frames % 50 == 0) {
		double db = 10 * log10(t->power / 50 + 1e-12);

		if (db > t->second_max_db)
			t->second_max_db = db;
		t->seconds_heard += sqrt(t->power / 50) >= heard_amplitude;
		t->power = 0;
	}
}

static void listen(struct audio_in *a, const opus_int16 *pcm, uint64_t played)
{
	for (unsigned i = 0; i < a->n_tones; i++)
		tone_frame(a, &a->tone[i], goertzel(pcm, a->tone[i].hz),
			   played);
}

/* --- in ---------------------------------------------------------------- */

bool audio_in_open(struct audio_in *a, bool uses_fec)
{
	int r;

	memset(a, 0, sizeof(*a));
	a->uses_fec = uses_fec;
	a->dec = opus_decoder_create(AUDIO_HZ, 1, &r);
	for (int i = 0; i < AUDIO_RING; i++)
		a->slot[i].seq = -1;
	for (int i = 0; i < AUDIO_TONES; i++)
		a->tone[i] = (struct tone){.first = -1, .last = -1,
					   .second_max_db = -120};
	return a->dec != NULL;
}

static int64_t transit_of(int64_t ts, uint64_t now)
{
	return (int64_t)now - ts * 62500 / 3;	/* 1e9 / 48000 */
}

static void restart(struct audio_in *a, const struct rtp *r, uint64_t now)
{
	a->seq = a->next_seq = r->seq;
	a->ts = a->next_ts = r->ts;
	for (int i = 0; i < AUDIO_MINIMA; i++)
		a->minimum[i] = INT64_MAX;
	a->base = transit_of(a->ts, now);
	a->minimum[0] = a->base;
	a->at_minimum = 0;
	a->minute_ns = now;
	a->target = 60 * (int64_t)MS;
	a->n_late = 0;
	a->late_run = 0;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Late enough for all but one packet in 200, plus a frame for the copy that
 * travels in the next packet. */
static void choose_target(struct audio_in *a)
{
	int64_t sorted[AUDIO_HISTORY];
	unsigned n = a->n_late < AUDIO_HISTORY ? a->n_late : AUDIO_HISTORY;

	memcpy(sorted, a->late, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), ascending);
	a->target = sorted[n - 1 - n / 200] + 25 * (int64_t)MS;
	if (a->target > AUDIO_DELAY_MAX_MS * (int64_t)MS)
		a->target = AUDIO_DELAY_MAX_MS * (int64_t)MS;
}

static void learn(struct audio_in *a, int64_t ts, uint64_t now)
{
	int64_t transit = transit_of(ts, now);

	while (now >= a->minute_ns + SEC) {
		a->minute_ns += SEC;
		a->at_minimum = (a->at_minimum + 1) % AUDIO_MINIMA;
		a->minimum[a->at_minimum] = INT64_MAX;
	}
	if (transit < a->minimum[a->at_minimum])
		a->minimum[a->at_minimum] = transit;
	a->base = INT64_MAX;
	for (int i = 0; i < AUDIO_MINIMA; i++)
		if (a->minimum[i] < a->base)
			a->base = a->minimum[i];
	a->late[a->n_late++ % AUDIO_HISTORY] = transit - a->base;
	if (a->n_late >= 25 && a->n_late % 10 == 0)
		choose_target(a);
	if (a->n_late == 100)
		a->first_base = a->base;
}

/* Ten packets in a row that came too late: the path has changed. */
static bool is_lost_track(struct audio_in *a, int64_t ts)
{
	a->late_run = ts < a->next_ts ? a->late_run + 1 : 0;
	return a->late_run > 10 || llabs(ts - a->ts) > 10 * AUDIO_HZ;
}

void audio_in_packet(struct audio_in *a, const struct rtp *r, uint64_t now)
{
	struct audio_slot *s;
	int64_t seq, ts;

	a->packets++;
	if (!a->is_started) {
		a->is_started = true;
		restart(a, r, now);
	}
	seq = unwrap16(a->seq, r->seq);
	ts = unwrap32(a->ts, r->ts);
	if (ts - a->ts != (seq - a->seq) * AUDIO_FRAME)
		a->ts_jumps++;
	learn(a, ts, now);
	if (is_lost_track(a, ts)) {
		a->resyncs++;
		restart(a, r, now);
		seq = a->seq;
		ts = a->ts;
	}
	if (seq > a->seq) {
		a->seq = seq;
		a->ts = ts;
	}
	if (ts < a->next_ts) {
		a->too_late++;
		return;
	}
	s = &a->slot[(uint64_t)(ts / AUDIO_FRAME) % AUDIO_RING];
	if (s->seq == seq) {
		a->duplicates++;
		return;
	}
	s->seq = seq;
	s->ts = ts;
	s->n = (uint16_t)r->n;
	memcpy(s->data, r->payload, r->n);
}

static struct audio_slot *find(struct audio_in *a, int64_t ts)
{
	struct audio_slot *s =
		&a->slot[(uint64_t)(ts / AUDIO_FRAME) % AUDIO_RING];

	return s->seq >= 0 && s->ts == ts ? s : NULL;
}

/* RFC 6716 4.2.3: behind the TOC of a mono SILK or hybrid packet of 20 ms
 * come the VAD bit and the bit that tells of a low-rate copy. */
static bool has_copy(const struct audio_slot *s)
{
	return s->n > 2 && !(s->data[0] & 0x80) && !(s->data[0] & 0x04) &&
	       (s->data[1] & 0x40);
}

static void frame(struct audio_in *a)
{
	uint64_t due = (uint64_t)(a->base + a->target +
				  a->next_ts * 62500 / 3);
	struct audio_slot *s = find(a, a->next_ts);
	struct audio_slot *next = find(a, a->next_ts + AUDIO_FRAME);
	opus_int16 pcm[5760] = {0};
	bool is_missing = false;

	if (s) {
		int n = opus_decode(a->dec, s->data, s->n, pcm, 5760, 0);

		a->bad += n != AUDIO_FRAME;
		a->played++;
	} else if (a->uses_fec && next && has_copy(next)) {
		int n = opus_decode(a->dec, next->data, next->n, pcm,
				    AUDIO_FRAME, 1);

		a->bad += n != AUDIO_FRAME;
		a->fec++;
	} else {
		int n = opus_decode(a->dec, NULL, 0, pcm, AUDIO_FRAME, 0);

		a->bad += n != AUDIO_FRAME;
		a->concealed++;
		is_missing = true;
	}
	a->run = is_missing ? a->run + 1 : 0;
	if (a->run > a->gap_max)
		a->gap_max = a->run;
	a->delay_sum_ms += (double)a->target / 1e6;
	a->next_ts += AUDIO_FRAME;
	listen(a, pcm, due);
}

void audio_in_play(struct audio_in *a, uint64_t now)
{
	while (a->is_started &&
	       a->base + a->target + a->next_ts * 62500 / 3 <= (int64_t)now)
		frame(a);
}
