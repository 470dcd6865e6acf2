/* Random operations on a small guard, with restarts and damage in between.
 * Whatever happens:
 *   - a question changes not one byte of the region;
 *   - five misses of a pair refuse it (unless an entry had to give way);
 *   - a room that is not free gives newcomers one turn per 30 s, one per 300 s
 *     when tired, and nobody is held longer than he may be;
 *   - a restart in the same boot changes no verdict;
 *   - what the list tells has time left, and no bound is passed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/guard/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { STEPS_MAX = 2000, ROOMS = 6, ADDRESSES = 48, HELD_MAX = 64 };

struct fuzz {
	struct guard *g;
	struct guard_cfg cfg;
	uint8_t *mem, *copy;
	size_t n;
	uint64_t now, token;
	uint64_t since[HELD_MAX];	/* by token, when he began to wait */
	struct guard_facts held[HELD_MAX];
	uint64_t place[HELD_MAX];
	uint64_t turn[ROOMS];		/* the last turn in a real room */
	uint64_t freed[ROOMS];		/* when it was released */
	uint8_t boot[16];
};

static void broken(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

static struct guard_facts facts(uint8_t a, uint8_t b)
{
	struct guard_facts f = {.room = 1 + a % ROOMS, .pin_on = true,
				.scan_on = true, .verified = b != 0xff,
				.face = GUARD_FACE_WEB};
	const unsigned who = b % ADDRESSES;

	f.room_is_real = f.room % 2;
	f.room_is_made = f.room == 5;
	f.proof = a >= 0xe0 ? a % GUARD_PROOF_COUNT : GUARD_PROOF_NONE;
	f.proof_id = b % 4;
	f.ignore_pins = b == 0xfe;
	f.ignore_aliases = b == 0xfd;
	if (who < ADDRESSES / 2) {
		f.ip[10] = f.ip[11] = 0xff;
		f.ip[12] = 10;
		f.ip[14] = (uint8_t)(who / 4);
		f.ip[15] = (uint8_t)who;
	} else {
		f.ip[0] = 0x20;
		f.ip[5] = (uint8_t)(who / 8);
		f.ip[7] = (uint8_t)(who / 4);
		f.ip[15] = (uint8_t)who;
	}
	return f;
}

static enum guard_verdict check(const struct fuzz *f,
				const struct guard_facts *x)
{
	const enum guard_verdict v = guard_check_pin(f->g, x, f->now, NULL);

	if ((unsigned)v >= GUARD_VERDICT_COUNT)
		broken("no verdict");
	return v;
}

static void ask(struct fuzz *f, const struct guard_facts *x)
{
	struct guard_hold h;

	memcpy(f->copy, f->mem, f->n);
	(void)check(f, x);
	(void)guard_check_access(f->g, x, f->now);
	(void)guard_source(f->g, x->ip, GUARD_FACE_ALL, f->now, &h);
	if (memcmp(f->copy, f->mem, f->n) != 0)
		broken("a question changed something");
}

/* Of five wrong ones in one moment the sixth never counts. */
static void devices(struct fuzz *f, const struct guard_facts *x, uint8_t a)
{
	static const char aliases[] = "abcd";
	struct guard_device d = {.who = x, .flow = a & 4 ? 1 + a % 3u : 0,
				 .alias = span_of(aliases + a % 4, 1),
				 .right = a & 0x80};
	struct guard_stats st;
	uint64_t lost;

	(void)guard_try_device(f->g, &d, f->now);
	if (!(a & 0x40) || !x->verified || x->ignore_aliases)
		return;
	guard_stats(f->g, &st);
	lost = st.unrecorded + st.evicted;
	d.right = false;
	for (unsigned i = 0; i < 5; i++)
		if (guard_try_device(f->g, &d, f->now))
			broken("a wrong secret counts");
	d.right = true;
	guard_stats(f->g, &st);
	if (st.unrecorded + st.evicted == lost &&
	    guard_try_device(f->g, &d, f->now))
		broken("a sixth secret counts");
}

static bool is_plain(const struct fuzz *f, const struct guard_facts *x)
{
	return f->cfg.rules.mode == GUARD_MODE_SLOW && x->verified &&
	       !x->ignore_pins;
}

static void miss_five(struct fuzz *f, const struct guard_facts *x)
{
	struct guard_facts none = *x;
	struct guard_stats st;
	uint64_t lost;

	none.proof = GUARD_PROOF_NONE;
	guard_stats(f->g, &st);
	lost = st.unrecorded + st.evicted;
	for (unsigned i = 0; i < 5; i++)
		guard_note_pin(f->g, x, f->now, false);
	guard_stats(f->g, &st);
	/* a table of 64 may forget him between two misses */
	if (is_plain(f, x) && st.unrecorded + st.evicted == lost &&
	    f->freed[x->room - 1] != f->now &&
	    check(f, &none) != GUARD_REFUSE)
		broken("a guesser is not refused");
}

static void queue(struct fuzz *f, const struct guard_facts *x)
{
	const uint64_t token = f->token % HELD_MAX;
	const enum guard_verdict is = check(f, x);
	enum guard_verdict v;

	if (f->since[token])
		return;
	v = guard_queue(f->g, x, token, f->now, &f->place[token]);
	if (v != is && v != GUARD_REFUSE)
		broken("the line and the question differ");
	if (v != GUARD_WAIT)
		return;
	f->since[token] = f->now;
	f->held[token] = *x;
	f->token++;
}

static void granted(struct fuzz *f, const struct guard_facts *x,
		    enum guard_room_state s)
{
	const uint64_t last = f->turn[x->room - 1];
	const uint64_t gap = s == GUARD_ROOM_TIRED ? GUARD_TIRED_TURN_S :
		s == GUARD_ROOM_GUARDED ? GUARD_TURN_S : 0;

	if (x->room_is_real && last && f->now - last < gap * NS_PER_S)
		broken("two turns too close");
	f->turn[x->room - 1] = f->now;
}

static void turns(struct fuzz *f, bool ok)
{
	enum guard_verdict v;
	uint64_t token;
	unsigned n = 0;

	for (;;) {
		enum guard_room_state s[ROOMS];

		for (uint64_t r = 0; r < ROOMS; r++)
			s[r] = guard_room_state(f->g, r + 1, (r + 1) % 2,
						f->now);
		if (!guard_next_turn(f->g, f->now, &token, &v))
			break;
		if (token >= HELD_MAX || !f->since[token] || n++ > HELD_MAX)
			broken("a turn of nobody");
		f->since[token] = 0;
		if (v == GUARD_WAIT)
			broken("a turn that waits");
		if (v != GUARD_PASS)
			continue;
		granted(f, &f->held[token], s[f->held[token].room - 1]);
		guard_note_pin(f->g, &f->held[token], f->now, ok);
	}
	for (unsigned i = 0; i < HELD_MAX; i++)
		if (f->since[i] && f->now - f->since[i] >=
		    GUARD_HOLD_S * NS_PER_S)
			broken("held too long");
}

static void forget_held(struct fuzz *f)
{
	memset(f->since, 0, sizeof(f->since));
	memset(f->turn, 0, sizeof(f->turn));
}

static void attach(struct fuzz *f)
{
	guard_detach(&f->g);
	if (guard_attach(&f->g, &f->cfg, f->mem, f->n, f->boot, f->now) < 0)
		broken("attach");
	forget_held(f);
}

static void again(struct fuzz *f, bool other)
{
	enum guard_verdict before[2 * ADDRESSES], after;

	for (unsigned i = 0; i < 2 * ADDRESSES; i++) {
		const struct guard_facts x = facts((uint8_t)i, (uint8_t)i);

		before[i] = check(f, &x);
	}
	f->boot[1] += other;
	if (other)
		(void)guard_tick(f->g, f->now);
	attach(f);
	for (unsigned i = 0; i < 2 * ADDRESSES; i++) {
		const struct guard_facts x = facts((uint8_t)i, (uint8_t)i);

		after = check(f, &x);
		if (after != before[i])
			broken("a restart changed a verdict");
	}
}

static void damage(struct fuzz *f, uint8_t a, uint8_t b)
{
	const size_t at = ((size_t)a << 8 | b) * 7919 % f->n;

	f->mem[at] ^= (uint8_t)(1 + b % 255);
	attach(f);
}

static void look(struct fuzz *f)
{
	struct guard_stats st;
	struct guard_event ev;
	uint64_t it = 0;
	unsigned n = 0;

	while (guard_walk(f->g, &it, f->now, &ev)) {
		if (!ev.seconds || n++ > 1000)
			broken("the list tells nonsense");
	}
	while (guard_next_event(f->g, &ev))
		if (strcmp(guard_event_name(ev.kind), "unknown") == 0)
			broken("an unknown event");
	guard_stats(f->g, &st);
	if (st.entries > 64 || st.rooms > f->cfg.rooms || st.bans > 4 ||
	    st.phantoms > 8 || st.waiting > 2 * f->cfg.line)
		broken("a bound was passed");
}

static void rules(struct fuzz *f, uint8_t a, uint8_t b)
{
	f->cfg.rules = (struct guard_rules){
		.mode = a & 1, .pair_misses = 1 + b % 5u,
		.room_misses = 5 + b % 196u,
		.scan_weight = 5 + a % 196u};
	if (guard_set_rules(f->g, &f->cfg.rules) < 0)
		broken("rules");
}

static void step(struct fuzz *f, const uint8_t p[3])
{
	const struct guard_facts x = facts(p[1], p[2]);

	switch (p[0] % 16) {
	case 0:
		f->now += (p[1] + 1) * NS_PER_S;
		break;
	case 1:
		f->now += (uint64_t)p[1] * p[2] * NS_PER_MS + p[1];
		break;
	case 2:
		f->now += p[1] * UINT64_C(600) * NS_PER_S;
		break;
	case 3:
		miss_five(f, &x);
		break;
	case 4:
		ask(f, &x);
		break;
	case 5: case 6:
		if (p[0] & 0x20)
			devices(f, &x, p[1]);
		else
			guard_note_pin(f->g, &x, f->now, p[0] & 0x80);
		break;
	case 7:
		guard_note_scan(f->g, &x, p[0] / 16 % GUARD_SCAN_COUNT,
				f->now);
		break;
	case 8: case 9:
		queue(f, &x);
		break;
	case 10:
		(void)guard_ban(f->g, x.ip, p[1], p[2] % 17, p[1] * 60u,
				f->now);
		break;
	case 11:
		(void)guard_release(f->g, x.ip, p[1], f->now);
		break;
	case 12:
		(void)guard_release_room(f->g, x.room, f->now);
		f->turn[x.room - 1] = 0;
		f->freed[x.room - 1] = f->now;
		break;
	case 13:		/* these two cost as much as all the rest */
		if (p[2] < 32)
			again(f, p[1] & 1);
		break;
	case 14:
		if (p[2] < 32)
			damage(f, p[1], p[2]);
		break;
	default:
		if (p[1] < 40)
			rules(f, p[1], p[2]);
		else if (f->since[p[1] % HELD_MAX]) {
			guard_leave(f->g, f->place[p[1] % HELD_MAX]);
			f->since[p[1] % HELD_MAX] = 0;
		}
		break;
	}
	/* as the wiring would */
	turns(f, p[0] & 0x40);
	if (p[2] % 2)
		(void)guard_tick(f->g, f->now);
	if (p[2] % 8 == 0)
		look(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz f = {.cfg = GUARD_CFG_DEFAULT, .now = 5 * NS_PER_S};

	f.cfg.sources = 64;
	f.cfg.rooms = 5;
	f.cfg.phantoms = 8;
	f.cfg.bans = 4;
	f.cfg.line = 16;
	f.n = guard_size(&f.cfg);
	f.mem = aligned_alloc(4096, f.n);
	f.copy = malloc(f.n);
	if (!f.mem || !f.copy)
		abort();
	memset(f.mem, 0, f.n);
	if (guard_attach(&f.g, &f.cfg, f.mem, f.n, f.boot, f.now) < 0)
		broken("attach");
	for (size_t i = 0; i + 3 <= n && i / 3 < STEPS_MAX; i += 3)
		step(&f, data + i);
	guard_detach(&f.g);
	free(f.mem);
	free(f.copy);
	return 0;
}
