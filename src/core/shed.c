#include "core/shed.h"

#include "base/clock.h"

/* From which value on a signal asks for a level; 1001 = never. Late ticks are
 * what we are here to prevent, yet a few come from a neighbour's work, which
 * no refusal ends: one in twenty, over LOAD_SECONDS. A full or busy face sheds
 * strangers only: it is they who fill it. */
static const uint16_t from[SHED_SIGNAL_COUNT][SHED_LEVEL_COUNT] = {
	/*		    nothing strangers newcomers inside */
	[SHED_LATE_TICKS] = {0,	     50,      150,	400},
	[SHED_FACE_CONNS] = {0,	    800,     1001,     1001},
	[SHED_FACE_CPU] =   {0,	    900,     1001,     1001},
	[SHED_JOINS] =	    {0,	    500,      900,     1001},
	[SHED_POOL] =	    {0,	    500,      900,     1001},
	[SHED_STORE] =	    {0,	    500,      750,      950},
};

/* Who is refused from which level on. */
static const enum shed_level refused_from[SHED_WHO_COUNT] = {
	[SHED_STRANGER] = SHED_STRANGERS,
	[SHED_PROVEN] = SHED_NEWCOMERS,
	[SHED_RETURNING] = SHED_LEVEL_COUNT,	/* never: he is inside */
	[SHED_MEMBER] = SHED_INSIDE,
};

enum shed_level shed_level_of(enum shed_signal s, uint32_t permille)
{
	enum shed_level l = SHED_INSIDE;

	if (s >= SHED_SIGNAL_COUNT)
		return SHED_NOTHING;
	if (permille > 1000)
		permille = 1000;
	while (permille < from[s][l])
		l--;
	return l;
}

bool shed_update(struct shed *s, const struct shed_facts *f, uint64_t now_ns)
{
	enum shed_level want = SHED_NOTHING;
	enum shed_signal cause = SHED_LATE_TICKS;

	for (int i = 0; i < SHED_SIGNAL_COUNT; i++) {
		const enum shed_level l = shed_level_of((enum shed_signal)i,
							f->permille[i]);

		if (l <= want)
			continue;
		want = l;
		cause = (enum shed_signal)i;
	}
	if (want >= s->level) {
		const bool rises = want > s->level;

		s->raised += rises;
		s->level = want;
		s->held_ns = now_ns;
		if (want)
			s->cause = cause;
		return rises;
	}
	if (now_ns < s->held_ns + SHED_CALM_MS * NS_PER_MS)
		return false;
	s->level--;
	s->held_ns = now_ns;
	return true;
}

bool shed_refuses(struct shed *s, enum shed_who who)
{
	const bool no = who < SHED_WHO_COUNT && s->level >= refused_from[who];

	if (no)
		s->refused[who]++;
	return no;
}

const char *shed_signal_name(enum shed_signal s)
{
	static const char *const names[SHED_SIGNAL_COUNT] = {
		"late ticks of media", "connections of a face",
		"processor time of a face", "joins on their way",
		"worker pool", "disk"};

	return s < SHED_SIGNAL_COUNT ? names[s] : "?";
}

const char *shed_level_name(enum shed_level l)
{
	static const char *const names[SHED_LEVEL_COUNT] = {
		"nothing", "strangers", "newcomers", "inside"};

	return l < SHED_LEVEL_COUNT ? names[l] : "?";
}
