/* What survives: restarts, reboots, torn pages; and ten million sources. */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc_test.h"
#include "core/guard/guard_int.h"
#include "core/guard/t/guard_kit.h"

enum { ROOM = 77, ATTACKERS = 60 };

static int setup(void **state)
{
	static struct kit k;
	const struct guard_cfg cfg = kit_cfg();

	kit_open(&k, &cfg);
	*state = &k;
	return 0;
}

static int teardown(void **state)
{
	kit_close(*state);
	return 0;
}

/* Something of everything: pairs, used proofs, prefixes, rooms of each state,
 * quarantines, bans. */
static void fill(struct kit *k)
{
	for (uint32_t i = 0; i < ATTACKERS; i++) {
		struct guard_facts f = kit_facts(ROOM + i % 7, i << 8);

		kit_misses(k, &f, i % 9);
		f.proof = GUARD_PROOF_COOKIE;
		f.proof_id = i;
		kit_misses(k, &f, i % 6);
		for (unsigned n = 0; n < i % 40; n++)
			guard_note_scan(k->g, &f, GUARD_SCAN_ALIAS, k->now);
		k->now += S;
	}
	for (uint32_t i = 0; i <= 40; i++) {
		struct guard_facts f = kit_facts(1000 + i % 8, 0xfff00 + i);

		f.room_is_real = false;
		kit_misses(k, &f, 1);
	}
	kit_crowd(k, 500, true, 21);
	kit_crowd(k, 501, true, 200);
	kit_crowd(k, 502, false, 30);
	for (uint32_t i = 0; i < 8; i++) {
		struct guard_facts f = kit_facts(0, 0x300000 + i * 777);

		assert_int_equal(guard_ban(k->g, f.ip, 128 - i, 1, 300 + i,
					   k->now), 0);
	}
}

struct answer {
	enum guard_verdict pin, access;
	uint32_t wait, seconds;
};
enum { QUESTIONS = 600 };

static struct guard_facts question(unsigned i)
{
	struct guard_facts f = kit_facts(ROOM + i % 7, i % ATTACKERS << 8);

	if (i >= 420)
		f = kit_facts(500 + i % 3, i << 8);
	if (i >= 500)
		f = kit_facts(1000 + i % 8, 0xfff00 + i % 60);
	if (i >= 560)
		f = kit_facts(1, 0x300000 + i % 10 * 777);
	f.room_is_real = f.room != 502 && f.room < 1000;
	if (i % 4 == 3) {
		f.proof = GUARD_PROOF_COOKIE;
		f.proof_id = i % ATTACKERS;
	}
	return f;
}

static void ask(const struct kit *k, struct answer a[QUESTIONS])
{
	for (unsigned i = 0; i < QUESTIONS; i++) {
		const struct guard_facts f = question(i);
		struct guard_hold h;

		a[i].pin = guard_check_pin(k->g, &f, k->now, &a[i].wait);
		a[i].access = guard_check_access(k->g, &f, k->now);
		(void)guard_source(k->g, f.ip, GUARD_FACE_ALL, k->now, &h);
		a[i].seconds = h.seconds;
	}
}

static void test_guard_memory__same_boot_same_verdicts(void **state)
{
	static struct answer before[QUESTIONS], after[QUESTIONS];
	unsigned seen[GUARD_VERDICT_COUNT] = {0}, refused = 0;
	struct kit *k = *state;
	struct guard_stats st;

	fill(k);
	for (unsigned n = 0; n < 30; n++) {
		ask(k, before);
		assert_int_equal(kit_again(k, kit_boot), 0);
		guard_stats(k->g, &st);
		assert_true(st.resumed);
		assert_int_equal(st.dropped, 0);
		ask(k, after);
		assert_memory_equal(before, after, sizeof(before));
		for (unsigned i = 0; i < QUESTIONS; i++) {
			seen[before[i].pin]++;
			refused += before[i].access == GUARD_REFUSE;
		}
		k->now += 31 * S;
	}
	for (unsigned v = 0; v < GUARD_VERDICT_COUNT; v++)
		assert_true(seen[v] > 300);
	assert_true(refused > 100);
}

/* The new boot's clock begins near zero; hours or seconds may have passed. */
static void test_guard_memory__other_boot_keeps_the_time_left(void **state)
{
	static struct answer before[QUESTIONS], after[QUESTIONS];
	struct kit *k = *state;
	struct guard_stats st;

	fill(k);
	for (unsigned n = 0; n < 20; n++) {
		uint8_t boot[16] = {100, (uint8_t)n};

		k->now += 17 * S;
		(void)guard_tick(k->g, k->now);
		ask(k, before);
		/* not noted any more: lost by the crash */
		k->now += 500 * NS_PER_MS;
		k->now = n % 2 ? 3 * S + n : 1000 * HOUR + n;
		assert_int_equal(kit_again(k, boot), 0);
		guard_stats(k->g, &st);
		assert_false(st.resumed);
		ask(k, after);
		assert_memory_equal(before, after, sizeof(before));
	}
}

static void test_guard_memory__alarms_lower_after_a_restart(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);
	struct guard_event ev;

	kit_crowd(k, ROOM, true, 21);
	for (unsigned i = 0; i < 21; i++)
		guard_note_scan(k->g, &f, GUARD_SCAN_ALIAS, k->now);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 1, 60, k->now), 0);
	assert_int_equal(kit_again(k, kit_boot), 0);
	assert_false(guard_next_event(k->g, &ev));
	k->now += 10 * MIN;
	assert_true(guard_tick(k->g, k->now));
	assert_true(guard_next_event(k->g, &ev));
	assert_int_equal(ev.kind, GUARD_EV_SOURCE_RELEASED);
	assert_true(ev.manual);
	assert_true(guard_next_event(k->g, &ev));
	assert_int_equal(ev.kind, GUARD_EV_SOURCE_RELEASED);
	assert_false(ev.manual);
	assert_true(guard_next_event(k->g, &ev));
	assert_int_equal(ev.kind, GUARD_EV_ROOM_FREED);
}

/* --- damage -------------------------------------------------------------------- */

struct region {
	struct layout l;
	uint8_t *was;
};

/* Every entry that nobody touched and that was in force is in force still. */
static unsigned check_entries(const struct kit *k, const struct region *r,
			      const uint8_t *torn, uint64_t t_was)
{
	const struct entry *was = (const void *)(r->was + r->l.entries);
	unsigned n = 0;

	for (size_t i = 0; i < k->cfg.sources; i++) {
		const size_t off = r->l.entries + i * sizeof(*was);
		struct guard_facts f = kit_facts(was[i].room, 0);
		struct guard_hold h;

		if (memcmp(torn + off, &was[i], sizeof(*was)) != 0)
			continue;
		memcpy(f.ip, was[i].ip, 16);
		if (was[i].kind == KIND_SCAN && was[i].until > t_was) {
			assert_true(guard_source(k->g, was[i].ip, was[i].ports,
						 k->now, &h));
			n++;
		}
		if (was[i].kind == KIND_PAIR &&
		    tries_left_ns(&was[i], 5, t_was, 0)) {
			assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
			n++;
		}
		if (was[i].kind == KIND_PREFIX &&
		    prefix_is_slowed(&was[i], t_was)) {
			f.room = 424242;
			assert_int_not_equal(kit_check(k, &f), GUARD_PASS);
			n++;
		}
	}
	return n;
}

static unsigned check_bans(const struct kit *k, const struct region *r,
			   const uint8_t *torn, uint64_t t_was)
{
	const struct mem_ban *was = (const void *)(r->was + r->l.bans);
	unsigned n = 0;

	for (size_t i = 0; i < k->cfg.bans; i++) {
		struct guard_hold h;

		if (memcmp(torn + r->l.bans + i * sizeof(*was), &was[i],
			   sizeof(*was)) != 0 || was[i].until <= t_was)
			continue;
		assert_true(guard_source(k->g, was[i].ip, was[i].ports, k->now,
					 &h));
		assert_true(h.manual);
		n++;
	}
	return n;
}

static unsigned check_rooms(const struct kit *k, const struct region *r,
			    const uint8_t *torn)
{
	const struct mem_room *was = (const void *)(r->was + r->l.rooms);
	unsigned n = 0;

	for (size_t i = 0; i < k->cfg.rooms; i++) {
		if ((was[i].key != 500 && was[i].key != 501) ||
		    memcmp(torn + r->l.rooms + i * sizeof(*was), &was[i],
			   sizeof(*was)) != 0)
			continue;
		assert_int_not_equal(guard_room_state(k->g, was[i].key, true,
						      k->now),
				     GUARD_ROOM_FREE);
		n++;
	}
	return n;
}

static void test_guard_memory__damage_frees_nobody_else(void **state)
{
	enum { ROUNDS = 1500 };
	struct kit *k = *state;
	struct region r;
	uint64_t rnd = 99, t_was;
	unsigned checked = 0, dropped = 0;
	uint8_t *torn;

	fill(k);
	(void)guard_tick(k->g, k->now);
	t_was = time_of(k->g, k->now);
	layout_of(&k->cfg, &r.l);
	r.was = malloc(k->n);
	torn = malloc(k->n);
	assert_true(r.was && torn);
	memcpy(r.was, k->mem, k->n);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const unsigned flips = 1u << round % 12;
		struct guard_stats st;
		int e;

		memcpy(k->mem, r.was, k->n);
		for (unsigned i = 0; i < flips; i++) {
			const size_t at = kit_rand(&rnd) %
				(round % 3 ? k->n : r.l.rooms / 16);

			((uint8_t *)k->mem)[at] ^=
				(uint8_t)(1 << kit_rand(&rnd) % 8);
		}
		if (round % 50 == 0)	/* a page never written back */
			memset((uint8_t *)k->mem + kit_rand(&rnd) %
			       (k->n / 4096) * 4096, round % 100 ? 0xff : 0,
			       4096);
		memcpy(torn, k->mem, k->n);
		e = kit_again(k, round % 2 ? kit_boot : kit_other_boot);
		assert_int_equal(e, 0);
		checked += check_entries(k, &r, torn, t_was);
		checked += check_bans(k, &r, torn, t_was);
		checked += check_rooms(k, &r, torn);
		guard_stats(k->g, &st);
		dropped += st.dropped;
		/* and it works on */
		fill(k);
		(void)guard_tick(k->g, k->now);
		k->now = 100 * S + ATTACKERS * S;
	}
	printf("%u checks of what was whole, %u dropped\n", checked, dropped);
	assert_true(checked > 10000 && dropped > 1000);
	free(r.was);
	free(torn);
}

static void test_guard_memory__garbage_is_an_empty_region(void **state)
{
	struct kit *k = *state;
	uint64_t rnd = 5;
	struct guard_stats st;

	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i + 8 <= k->n; i += 8) {
			const uint64_t v = kit_rand(&rnd);

			memcpy((uint8_t *)k->mem + i, &v, 8);
		}
		assert_int_equal(kit_again(k, kit_boot), 0);
		guard_stats(k->g, &st);
		assert_int_equal(st.entries + st.rooms + st.bans, 0);
	}
}

/* Of a torn room the stamps that can be true still count. */
static void test_guard_memory__torn_room_keeps_its_count(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);
	struct mem_room *r;

	kit_crowd(k, ROOM, true, 30);
	r = room_view(k->g, ROOM, true);
	r->stamp[3] = 7;		/* half written */
	r->stamp[r->at] = UINT64_MAX;
	assert_int_equal(kit_again(k, kit_boot), 0);
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
}

static void test_guard_memory__other_sizes_and_keys_are_refused(void **state)
{
	struct kit *k = *state;
	struct guard_cfg c = k->cfg;
	struct guard *g = NULL;
	void *copy = malloc(k->n);

	assert_non_null(copy);
	kit_crowd(k, ROOM, true, 30);
	memcpy(copy, k->mem, k->n);
	c.hash_key[0]++;
	assert_int_equal(guard_attach(&g, &c, k->mem, k->n, kit_boot, k->now),
			 E_VERSION);
	c = k->cfg;
	c.sources = 64;
	assert_int_equal(guard_attach(&g, &c, k->mem, k->n, kit_boot, k->now),
			 E_VERSION);
	c = k->cfg;
	assert_int_equal(guard_attach(&g, &c, k->mem, k->n - 1, kit_boot,
				      k->now), E_INVAL);
	assert_int_equal(guard_attach(&g, &c, (uint8_t *)k->mem + 8, k->n,
				      kit_boot, k->now), E_INVAL);
	assert_int_equal(guard_attach(&g, &c, NULL, k->n, kit_boot, k->now),
			 E_INVAL);
	assert_memory_equal(copy, k->mem, k->n);
	assert_null(g);
	free(copy);
}

static void test_guard_memory__cfg_is_checked(void **state)
{
	struct guard_cfg c = kit_cfg();
	uint32_t *const fields[] = {&c.sources, &c.rooms, &c.phantoms,
				    &c.bans, &c.line};
	static const uint32_t max[] = {GUARD_SOURCES_MAX, GUARD_ROOMS_MAX,
				       GUARD_PHANTOMS_MAX, GUARD_BANS_MAX,
				       GUARD_LINE_MAX};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		const uint32_t keep = *fields[i];

		*fields[i] = 0;
		assert_int_equal(guard_size(&c), 0);
		*fields[i] = max[i] + 1;
		assert_int_equal(guard_size(&c), 0);
		*fields[i] = max[i];
		assert_true(guard_size(&c) > 0);
		*fields[i] = keep;
	}
	c.rules.pair_misses = 0;
	assert_int_equal(guard_size(&c), 0);
	c.rules.pair_misses = 6;
	assert_int_equal(guard_size(&c), 0);
	c.rules.pair_misses = 5;
	c.rules.room_misses = 4;
	assert_int_equal(guard_size(&c), 0);
	c.rules.room_misses = 201;
	assert_int_equal(guard_size(&c), 0);
	c.rules.room_misses = 20;
	c.rules.scan_weight = 4;
	assert_int_equal(guard_size(&c), 0);
	c.rules.scan_weight = 20;
	c.rules.mode = GUARD_MODE_COUNT;
	assert_int_equal(guard_size(&c), 0);
	/* the promise of the header: 64 bytes a source */
	c = GUARD_CFG_DEFAULT;
	c.sources = 1000000;
	assert_in_range(guard_size(&c), 64u << 20, 96u << 20);
}

static int attach_body(void *arg)
{
	struct kit *k = arg;
	struct guard *g = NULL;
	const int r = guard_attach(&g, &k->cfg, k->mem, k->n, kit_boot,
				   k->now);

	guard_detach(&g);
	return r;
}

static void test_guard_memory__bears_failing_allocations(void **state)
{
	static struct answer before[QUESTIONS], after[QUESTIONS];
	struct kit *k = *state;

	fill(k);
	ask(k, before);
	assert_in_range(alloc_test_every(attach_body, k, 100), 10, 99);
	assert_int_equal(kit_again(k, kit_boot), 0);
	ask(k, after);
	assert_memory_equal(before, after, sizeof(before));
}

/* --- kill -9 ---------------------------------------------------------------------- */

enum { UNTOUCHED = 900, HAMMERED = 901 };

/* A process that notes without pause until it is killed. */
static void hammer(struct kit *k, _Atomic unsigned *beats)
{
	uint64_t rnd = (uint64_t)getpid() | 1;

	for (;;) {
		struct guard_facts f = kit_facts(HAMMERED,
						 (uint32_t)kit_rand(&rnd));

		guard_note_pin(k->g, &f, k->now, false);
		guard_note_scan(k->g, &f, GUARD_SCAN_ALIAS, k->now);
		kit_events(k, GUARD_EV_COUNT);
		k->now += NS_PER_US;
		atomic_fetch_add(beats, 1);
	}
}

static void kill_one(struct kit *k, _Atomic unsigned *beats, unsigned after)
{
	pid_t child;

	atomic_store(beats, 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		hammer(k, beats);
	while (atomic_load(beats) < after)
		(void)sched_yield();
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_guard_memory__survives_kill_9(void **state)
{
	enum { KILLS = 150 };
	struct kit k = {.cfg = kit_cfg(), .now = 100 * S};
	struct guard_facts pair = kit_facts(UNTOUCHED, 1), room, hit;
	uint64_t rnd = 17, dropped = 0;
	_Atomic unsigned *beats;

	(void)state;
	k.n = guard_size(&k.cfg);
	k.mem = mmap(NULL, k.n + 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(k.mem != MAP_FAILED);
	beats = (void *)((uint8_t *)k.mem + k.n);
	assert_int_equal(guard_attach(&k.g, &k.cfg, k.mem, k.n, kit_boot,
				      k.now), 0);
	room = kit_facts(UNTOUCHED, 77 << 8);
	hit = kit_facts(HAMMERED, 77 << 8);
	kit_crowd(&k, UNTOUCHED, true, 200);
	kit_misses(&k, &pair, 5);
	assert_int_equal(guard_ban(k.g, hit.ip, 128, 2, 3600, k.now), 0);
	kit_crowd(&k, HAMMERED, true, 200);
	for (unsigned i = 0; i < KILLS; i++) {
		struct guard_stats st;
		struct guard_hold h;

		kill_one(&k, beats, (unsigned)(kit_rand(&rnd) % 3000));
		k.now += S;
		assert_int_equal(kit_again(&k, kit_boot), 0);
		guard_stats(k.g, &st);
		assert_true(st.resumed);
		assert_true(st.dropped <= 2);	/* what it was writing */
		dropped += st.dropped;
		assert_int_equal(kit_check(&k, &pair), GUARD_REFUSE);
		assert_int_equal(kit_check(&k, &room), GUARD_WAIT);
		assert_int_equal(guard_room_state(k.g, HAMMERED, true, k.now),
				 GUARD_ROOM_TIRED);
		assert_true(guard_source(k.g, hit.ip, 2, k.now, &h));
	}
	printf("%d kills, %llu entries torn\n", KILLS,
	       (unsigned long long)dropped);
	guard_detach(&k.g);
	assert_int_equal(munmap(k.mem, k.n + 4096), 0);
}

/* --- ten million sources --------------------------------------------------------- */

#ifdef CONCLAVE_SANITIZED
enum { MANY = 400000 };
#else
enum { MANY = 10000000 };
#endif

static void many_sources(struct kit *k)
{
	uint64_t rnd = 31337;

	for (uint32_t i = 0; i < MANY; i++) {
		struct guard_facts f = kit_facts(1 + kit_rand(&rnd) % 4000, 0);

		f.room_is_real = f.room % 2;
		if (i & 1)
			kit_v4(f.ip, (uint32_t)kit_rand(&rnd));
		else
			kit_v6(f.ip, (uint32_t)kit_rand(&rnd), i);
		if (i % 8 == 0)
			guard_note_pin(k->g, &f, k->now, false);
		else
			guard_note_scan(k->g, &f, GUARD_SCAN_ALIAS, k->now);
		k->now += 30 * NS_PER_US;
		if (i % 65536 == 0) {
			(void)guard_tick(k->g, k->now);
			kit_events(k, GUARD_EV_COUNT);
		}
	}
}

static void test_guard_memory__ten_million_sources(void **state)
{
	enum { VICTIM = 700700 };
	struct guard_cfg cfg = GUARD_CFG_DEFAULT;
	struct guard_facts pair = kit_facts(VICTIM, 1), scan = kit_facts(0, 2);
	struct guard_stats st;
	struct mem_room was;
	struct kit k;
	int64_t live;

	(void)state;
	cfg.hash_key[0] = 3;
	kit_open(&k, &cfg);
	kit_crowd(&k, VICTIM, true, 150);
	kit_misses(&k, &pair, 5);
	for (unsigned i = 0; i < 21; i++)
		guard_note_scan(k.g, &scan, GUARD_SCAN_ALIAS, k.now);
	was = *room_view(k.g, VICTIM, true);
	live = mem_live();
	many_sources(&k);
	assert_int_equal(mem_live(), live);
	assert_memory_equal(room_view(k.g, VICTIM, true)->stamp, was.stamp,
			    sizeof(was.stamp));
	assert_int_equal(room_view(k.g, VICTIM, true)->n, 155);
	assert_int_equal(guard_room_state(k.g, VICTIM, true, k.now),
			 GUARD_ROOM_GUARDED);
	assert_int_equal(kit_check(&k, &pair), GUARD_REFUSE);
	assert_int_equal(guard_check_access(k.g, &scan, k.now), GUARD_REFUSE);
	guard_stats(k.g, &st);
	printf("%d sources: %zu bytes, %u of %u entries, %u rooms, "
	       "%llu evicted, %llu unrecorded\n", MANY, k.n, st.entries,
	       cfg.sources, st.rooms, (unsigned long long)st.evicted,
	       (unsigned long long)st.unrecorded);
	assert_true(st.entries <= cfg.sources);
	assert_int_equal(st.room_overflow, 0);
	kit_close(&k);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_guard_memory__same_boot_same_verdicts),
		T(test_guard_memory__other_boot_keeps_the_time_left),
		T(test_guard_memory__alarms_lower_after_a_restart),
		T(test_guard_memory__damage_frees_nobody_else),
		T(test_guard_memory__garbage_is_an_empty_region),
		T(test_guard_memory__torn_room_keeps_its_count),
		T(test_guard_memory__other_sizes_and_keys_are_refused),
		cmocka_unit_test(test_guard_memory__cfg_is_checked),
		T(test_guard_memory__bears_failing_allocations),
		cmocka_unit_test(test_guard_memory__survives_kill_9),
		cmocka_unit_test(test_guard_memory__ten_million_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
