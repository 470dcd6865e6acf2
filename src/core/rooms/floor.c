#include "core/rooms/floor.h"

#define C(a, n) {FLOOR_##a, FLOOR_##n}
/* Columns: TAKE_HOST TAKE_GUEST TAKE_BARRED TAKE_AGAIN RELEASE RELEASE_LATE
 * LOST. Nobody holds a free floor, so nobody can take it again or lose it. */
static const struct floor_cell cells[FLOOR_STATE_COUNT][FLOOR_EV_COUNT] = {
	[FLOOR_FREE] = {
		C(GRANT, HELD), C(GRANT, HELD), C(REFUSE, FREE),
		C(REFUSE, FREE), C(REFUSE, FREE), C(NOTHING, FREE),
		C(REFUSE, FREE)},
	[FLOOR_HELD] = {
		C(TAKE_OVER, HELD), C(REFUSE, HELD), C(REFUSE, HELD),
		C(NOTHING, HELD), C(RELEASE, FREE), C(NOTHING, HELD),
		C(RELEASE, FREE)},
};
#undef C

struct floor_cell floor_cell(enum floor_state s, enum floor_ev ev)
{
	return s < FLOOR_STATE_COUNT && ev < FLOOR_EV_COUNT ? cells[s][ev] :
		(struct floor_cell){FLOOR_REFUSE, FLOOR_FREE};
}

#define NAME(fn, type, count, ...)                                            \
	const char *fn(enum type v)                                           \
	{                                                                     \
		static const char *const names[count] = {__VA_ARGS__};        \
		return (unsigned)v < (count) ? names[v] : "?";                \
	}
NAME(floor_state_name, floor_state, FLOOR_STATE_COUNT, "free", "held")
NAME(floor_ev_name, floor_ev, FLOOR_EV_COUNT, "take (host)", "take (guest)",
     "take (barred)", "take again", "release", "release late", "lost")
NAME(floor_do_name, floor_do, FLOOR_DO_COUNT, "refuse", "nothing", "grant",
     "take over", "release")
