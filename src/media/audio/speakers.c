/* The order of speakers. Activity climbs while a person in the sum speaks (0.8
 * s to the top) and sinks when not (2 s). One passes the person before him
 * only with a clear lead, so that the first place does not flicker. */
#include <string.h>

#include "media/audio/audio_int.h"

enum {
	ACTIVITY_MAX = 1000,
	CLIMB = 25,
	SINK = 10,
	LISTED = 200,		/* enough to be called a speaker */
	SERIOUS = 500,		/* enough to pass somebody */
	LEAD = 200,
};

static void measure(struct audio_leg *leg)
{
	if (leg->in_sum && leg->talk.is_speech)
		leg->activity += CLIMB;
	else
		leg->activity -= leg->activity < SINK ? leg->activity : SINK;
	if (leg->activity > ACTIVITY_MAX)
		leg->activity = ACTIVITY_MAX;
}

static void list(struct audio_leg *leg)
{
	struct audio_room *room = leg->room;
	struct audio_leg *last;

	if (leg->is_listed || leg->activity < LISTED)
		return;
	if (room->order_n == AUDIO_SPEAKERS_MAX) {
		last = room->order[AUDIO_SPEAKERS_MAX - 1];
		if (last->activity > 0)
			return;
		last->is_listed = false;
		room->order_n--;
	}
	room->order[room->order_n++] = leg;
	leg->is_listed = true;
}

/* A first speaker takes his place without a struggle when the others are
 * silent: LEAD over 0 is LISTED, SERIOUS follows a quarter second later. */
static void sort(struct audio_room *room)
{
	for (uint32_t i = room->order_n; i-- > 1;) {
		struct audio_leg *a = room->order[i - 1];
		struct audio_leg *b = room->order[i];

		if (b->activity < SERIOUS || b->activity < a->activity + LEAD)
			continue;
		room->order[i - 1] = b;
		room->order[i] = a;
	}
}

void speakers_update(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		if (!leg->in_sum && leg->activity == 0)
			continue;
		measure(leg);
		list(leg);
	}
	sort(room);
}

void speakers_forget(struct audio_leg *leg)
{
	struct audio_room *room = leg->room;
	uint32_t at = 0;

	if (!leg->is_listed)
		return;
	while (room->order[at] != leg)
		at++;
	memmove(room->order + at, room->order + at + 1,
		(room->order_n - at - 1) * sizeof(room->order[0]));
	room->order_n--;
	leg->is_listed = false;
}

size_t audio_room_speakers(const struct audio_room *room,
			   struct audio_speaker *out, size_t cap)
{
	size_t n = room->order_n < cap ? room->order_n : cap;

	for (size_t i = 0; i < n; i++) {
		struct audio_leg *leg = room->order[i];

		out[i].leg = leg;
		out[i].user = leg->user;
		out[i].vad = (uint8_t)(leg->activity * 100 / ACTIVITY_MAX);
	}
	return n;
}
