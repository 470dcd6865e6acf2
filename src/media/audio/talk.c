/* Who is decoded, and who is heard.
 *
 * Three steps in each tick. talk_choose() spends the decodes: those in the
 * sum, then the most promising others by what their packets claim or a probe
 * found. talk_probe() looks into a few of the rest, in turn, so that neither a
 * missing nor a false level keeps anybody silent for good. talk_decide() then
 * moves legs in and out of the sum by decoded sound only.
 */
#include <math.h>
#include <string.h>

#include "media/audio/audio_int.h"

enum {
	DISTRUST_TICKS = 500,	/* 10 s */
	LIE_DB = 20,
	LIE_TICKS = 15,		/* longer than any jitter buffer lags the claim */
	SENDING_TICKS = 25,	/* no packet for so long: nothing to decode */
	PROBE_VALID_TICKS = 60,
	PROBES_BLIND = AUDIO_PROBES_MAX - 1,	/* without a level to go by */
	HANG_TICKS = 40,	/* speech lasts 800 ms beyond its last frame */
	STAY_DB = 3,		/* who is decoded already, stays so */
	CHALLENGE_DB = 3,	/* claimed, to be decoded when all seats are taken */
	REPLACE_DB = 6,		/* decoded, to take a seat */
	REPLACE_TICKS = 10,
	SEAT_MIN_TICKS = 50,
	FLOOR_UP_TICKS = 25,	/* the background rises 1 dB in half a second */
	FLOOR_MAX = -50,
};

int level_dbov(uint64_t energy, int n)
{
	float mean;

	if (energy == 0 || n <= 0)
		return LEVEL_MIN;
	mean = (float)energy / ((float)n * 32768.0f * 32768.0f);
	mean = 10.0f * log10f(mean);
	return mean < LEVEL_MIN ? LEVEL_MIN : (int)lrintf(mean);
}

/* Up at once, down 1 dB a packet: syllables do not count as silence. */
void talk_hint(struct talk *t, int level)
{
	int l = level > 127 ? LEVEL_MIN : -level;

	if (level < 0)
		return;
	if (!t->has_hint || l > t->hint - 1)
		t->hint = (int16_t)l;
	else
		t->hint--;
	t->has_hint = true;
}

static bool is_trusted(const struct audio_leg *leg)
{
	return leg->talk.has_hint &&
	       leg->talk.distrust_until <= leg->room->tick;
}

static bool is_worth_decoding(const struct audio_leg *leg)
{
	return leg_may_speak(leg) && leg->player.jitter.is_started &&
	       leg->room->tick - leg->packet_tick <= SENDING_TICKS;
}

/* The best that is known without spending a decode. */
static int promise(const struct audio_leg *leg)
{
	const struct talk *t = &leg->talk;

	if (is_trusted(leg))
		return t->hint;
	if (leg->player.is_playing)
		return t->level;
	return t->probe_until > leg->room->tick ? t->probe : LEVEL_MIN;
}

static void distrust(struct audio_leg *leg)
{
	leg->talk.lies++;
	leg->talk.distrust_until = leg->room->tick + DISTRUST_TICKS;
}

static int weakest_level(const struct audio_room *room)
{
	int low = 1;

	for (uint32_t i = 0; i < room->legs_n; i++) {
		const struct audio_leg *leg = room->legs[i];

		if (leg->in_sum && leg->talk.level < low)
			low = leg->talk.level;
	}
	return low;
}

struct shortlist {
	struct audio_leg *leg[AUDIO_CANDIDATES_MAX];
	int score[AUDIO_CANDIDATES_MAX];
	int n;
};

static void shortlist_add(struct shortlist *l, struct audio_leg *leg, int score)
{
	int at = l->n < AUDIO_CANDIDATES_MAX ? l->n++ : -1;

	if (at < 0) {
		if (score <= l->score[AUDIO_CANDIDATES_MAX - 1])
			return;
		at = AUDIO_CANDIDATES_MAX - 1;
	}
	for (; at > 0 && l->score[at - 1] < score; at--) {
		l->leg[at] = l->leg[at - 1];
		l->score[at] = l->score[at - 1];
	}
	l->leg[at] = leg;
	l->score[at] = score;
}

/* Legs without a usable level are decoded all the time while there is room for
 * it: their score is below every real one. */
static int score_of(const struct audio_leg *leg, int least)
{
	int score = promise(leg);

	if (leg->player.is_playing)
		score += STAY_DB;
	if (score >= least)
		return score;
	if (is_trusted(leg) || least > LEVEL_SPEECH_MIN)
		return INT32_MIN;
	return 2 * LEVEL_MIN + leg->player.is_playing;
}

void talk_choose(struct audio_room *room)
{
	bool is_full = room->talkers >= room->max_talkers;
	int least = is_full ? weakest_level(room) + CHALLENGE_DB :
			      LEVEL_SPEECH_MIN;
	struct shortlist list = { .n = 0 };

	if (least < LEVEL_SPEECH_MIN)
		least = LEVEL_SPEECH_MIN;
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];
		int score;

		leg->is_chosen = leg->in_sum || leg_is_recorded(leg);
		if (leg->in_sum || !is_worth_decoding(leg))
			continue;
		score = score_of(leg, least);
		if (score != INT32_MIN)
			shortlist_add(&list, leg, score);
	}
	for (int i = 0; i < list.n; i++)
		list.leg[i]->is_chosen = true;
}

static void track_floor(struct talk *t, uint64_t tick)
{
	if (t->now < t->floor)
		t->floor = t->now;
	else if (tick % FLOOR_UP_TICKS == 0 && t->floor < FLOOR_MAX)
		t->floor++;
}

static bool is_speech(const struct talk *t)
{
	if (t->now >= LEVEL_SPEECH_SURE)
		return true;
	return t->now >= LEVEL_SPEECH_MIN &&
	       t->now >= t->floor + LEVEL_OVER_FLOOR;
}

/* A claim of speech that decodes to nothing only costs us work; taking the
 * level from him takes that away. */
static void check_claim(struct audio_leg *leg)
{
	struct talk *t = &leg->talk;

	if (!is_trusted(leg) || t->hint < LEVEL_SPEECH_MIN ||
	    t->level >= t->hint - LIE_DB)
		t->mismatch = 0;
	else if (++t->mismatch >= LIE_TICKS)
		distrust(leg);
}

void talk_heard(struct audio_leg *leg)
{
	struct talk *t = &leg->talk;
	struct audio_room *room = leg->room;
	uint64_t e = room->pool->kernels->energy(leg->frame,
						 AUDIO_FRAME_SAMPLES);

	t->now = (int16_t)level_dbov(e, AUDIO_FRAME_SAMPLES);
	if (t->decoded_ticks++ == 0)
		t->level = t->now;
	else
		t->level = t->now > t->level - 1 ? t->now : t->level - 1;
	track_floor(t, room->tick);
	t->is_speech = is_speech(t);
	if (t->is_speech)
		t->speech_until = room->tick + HANG_TICKS;
	check_claim(leg);
}

static void probe_one(struct audio_leg *leg)
{
	struct audio_room *room = leg->room;
	int16_t pcm[AUDIO_FRAME_SAMPLES];
	int n = player_probe(&leg->player, pcm);
	uint64_t e = room->pool->kernels->energy(pcm, n);
	int level = level_dbov(e, n);

	room->stats.probes++;
	if (level < LEVEL_SPEECH_MIN)
		return;
	if (is_trusted(leg) && level > leg->talk.hint + LIE_DB)
		distrust(leg);
	leg->talk.probe = (int16_t)level;
	leg->talk.probe_until = room->tick + PROBE_VALID_TICKS;
}

/* From *at on, at most `budget` legs that have (or have not) a usable level.
 */
static void probe_round(struct audio_room *room, uint32_t *at, int budget,
			bool is_claiming)
{
	for (uint32_t i = 0; i < room->legs_n && budget > 0; i++) {
		struct audio_leg *leg = room->legs[(*at + 1) % room->legs_n];

		*at = leg->index;
		if (leg->is_chosen || !is_worth_decoding(leg) ||
		    is_trusted(leg) != is_claiming)
			continue;
		probe_one(leg);
		budget--;
	}
}

/* Somebody who claims silence is looked at in every second tick. */
void talk_probe(struct audio_room *room)
{
	if (room->legs_n == 0)
		return;
	probe_round(room, &room->probe_at, PROBES_BLIND, false);
	if (room->tick % 2 == 0)
		probe_round(room, &room->liar_at, 1, true);
}

static void enter(struct audio_leg *leg)
{
	struct audio_room *room = leg->room;

	if (!leg->own && !mix_own_take(leg)) {
		room->stats.own_refused++;
		return;
	}
	leg->in_sum = true;
	leg->is_entering = true;
	leg->sum_since = room->tick;
	leg->talk.over = 0;
	room->talkers++;
}

static struct audio_leg *weakest(struct audio_room *room)
{
	struct audio_leg *low = NULL;

	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		if (!leg->in_sum || leg->is_leaving ||
		    room->tick - leg->sum_since < SEAT_MIN_TICKS)
			continue;
		if (!low || leg->talk.level < low->talk.level)
			low = leg;
	}
	return low;
}

static struct audio_leg *loudest_waiting(struct audio_room *room)
{
	struct audio_leg *best = NULL;

	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		if (!leg->is_chosen || leg->in_sum || !leg_may_speak(leg) ||
		    leg->talk.speech_until <= room->tick)
			continue;
		if (!best || leg->talk.level > best->talk.level)
			best = leg;
	}
	return best;
}

/* A seat is given up when its holder is silent, forbidden, or gone. He fades
 * out in this tick and is out in the next. */
static void leave_silent(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		if (leg->in_sum && (!leg_may_speak(leg) ||
				    leg->talk.speech_until <= room->tick))
			leg->is_leaving = true;
	}
}

static void challenge(struct audio_room *room, struct audio_leg *best)
{
	struct audio_leg *low = weakest(room);

	if (!low || best->talk.level < low->talk.level + REPLACE_DB) {
		best->talk.over = 0;
		return;
	}
	if (++best->talk.over >= REPLACE_TICKS)
		low->is_leaving = true;
}

void talk_decide(struct audio_room *room)
{
	struct audio_leg *best;

	leave_silent(room);
	while ((best = loudest_waiting(room)) != NULL) {
		uint32_t before = room->talkers;

		if (room->talkers >= room->max_talkers) {
			challenge(room, best);
			return;
		}
		enter(best);
		if (room->talkers == before)
			return;
	}
}
