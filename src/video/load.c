#include "video/load.h"

#include "base/clock.h"

static const uint8_t divisors[LOAD_LEVELS] = {1, 2, 3, 5};

void load_init(struct load *l, uint64_t now_ns, uint64_t cpu_ns)
{
	*l = (struct load){.begin_ns = now_ns, .begin_cpu_ns = cpu_ns};
}

void load_missed(struct load *l, unsigned periods)
{
	l->missed += periods;
}

unsigned load_divisor(const struct load *l)
{
	return divisors[l->level];
}

/* What the next lower level would cost, taking all work as pictures made: an
 * estimate on the safe side, because decoding stays the same. */
static unsigned cost_below(const struct load *l)
{
	return l->permille * divisors[l->level] / divisors[l->level - 1];
}

static void judge(struct load *l)
{
	if (l->missed > LOAD_MISSED_MAX || l->permille > LOAD_FULL_PERMILLE) {
		l->calm = 0;
		if (l->level + 1 < LOAD_LEVELS)
			l->level++;
		return;
	}
	if (l->level == 0 || cost_below(l) > LOAD_CALM_PERMILLE) {
		l->calm = 0;
		return;
	}
	if (++l->calm >= LOAD_CALM_WINDOWS) {
		l->calm = 0;
		l->level--;
	}
}

bool load_turn(struct load *l, uint64_t now_ns, uint64_t cpu_ns)
{
	uint64_t wall = now_ns - l->begin_ns;

	if (wall < LOAD_WINDOW_MS * NS_PER_MS)
		return false;
	l->permille = (unsigned)((cpu_ns - l->begin_cpu_ns) * 1000 / wall);
	judge(l);
	l->begin_ns = now_ns;
	l->begin_cpu_ns = cpu_ns;
	l->missed = 0;
	return true;
}
