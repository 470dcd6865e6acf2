#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/err.h"
#include "core/routing/t/rules.h"
#include "core/routing/toll_int.h"

#define S TOLL_NS_PER_S
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

static const uint8_t boot_a[16] = {1}, boot_b[16] = {2};

struct fix {
	struct cfg_toll cfg;
	void *mem;
	size_t n;
	struct toll *t;
	struct rule rule;
	struct toll_facts f;
	uint64_t now, call;
};

static void attach(struct fix *f, const uint8_t boot[16])
{
	toll_detach(&f->t);
	assert_int_equal(toll_attach(&f->t, &f->cfg, f->mem, f->n, boot,
				     f->now), 0);
}

static void source(struct fix *f, unsigned i)
{
	memset(f->f.ip, 0, 16);
	f->f.ip[10] = f->f.ip[11] = 0xff;
	f->f.ip[12] = 10;
	f->f.ip[14] = (uint8_t)(i >> 8);
	f->f.ip[15] = (uint8_t)i;
}

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->cfg = CFG_TOLL_DEFAULT;
	f->cfg.sources = f->cfg.callees = 64;
	f->cfg.rules = 64;
	f->cfg.calls = 64;
	f->cfg.hash_key[0] = 7;
	f->n = toll_size(&f->cfg);
	f->mem = calloc(1, f->n);
	f->now = 5 * HOUR;
	attach(f, boot_a);
	f->rule = rule_make(3, 10, "Gateway", "9.*");
	f->f = (struct toll_facts){.rule = &f->rule,
				   .dialled = SPAN_LIT("9123"),
				   .target = SPAN_LIT("123")};
	source(f, 1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	toll_detach(&f->t);
	free(f->mem);
	free(f);
	return mem_live() == 0 ? 0 : -1;
}

static enum toll_verdict begin(struct fix *f)
{
	const enum toll_verdict asked = toll_check(f->t, &f->f, f->now);
	const enum toll_verdict v = toll_begin(f->t, &f->f, f->now, &f->call);

	assert_int_equal(asked, v);
	return v;
}

static void whole_call(struct fix *f, uint64_t seconds)
{
	assert_int_equal(begin(f), TOLL_PASS);
	assert_int_equal(toll_answer(f->t, f->call, f->now), 0);
	f->now += seconds * S;
	assert_int_equal(toll_end(f->t, f->call, f->now), 0);
}

static void external(struct fix *f)
{
	f->rule.called_device_type = RULE_EXTERNAL;
	f->rule.allow_unregistered_external = true;
	f->f.external = true;
}

/* --- what needs no counting ---------------------------------------------------------- */

static void test_toll__off_until_a_rule_exists(void **state)
{
	struct fix *f = *state;

	f->f.rule = NULL;
	assert_int_equal(begin(f), TOLL_NO_RULE);
	f->f.rule = &f->rule;
	f->rule.enable = false;
	assert_int_equal(begin(f), TOLL_NO_RULE);
	f->rule.enable = true;
	assert_int_equal(begin(f), TOLL_PASS);
}

static void test_toll__unregistered_need_the_confirmation(void **state)
{
	struct fix *f = *state;

	external(f);
	assert_int_equal(toll_check(f->t, &f->f, f->now), TOLL_PASS);
	f->rule.allow_unregistered_external = false;
	assert_int_equal(begin(f), TOLL_UNREGISTERED);
	f->f.registration = 9;
	assert_int_equal(toll_check(f->t, &f->f, f->now), TOLL_PASS);
	f->f.registration = 0;
	f->f.external = false;		/* a registered device answers */
	assert_int_equal(toll_check(f->t, &f->f, f->now), TOLL_PASS);
	f->f.external = true;
	f->rule.called_device_type = RULE_REGISTRATION;
	assert_int_equal(begin(f), TOLL_REFUSED);
}

/* Every cell of (target, from a reception, may it). */
static void test_toll__a_reception_does_not_reach_the_outside(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < 8; i++) {
		const bool out = i & 1, reception = i & 2, may = i & 4;

		f->rule.called_device_type = out ? RULE_EXTERNAL :
			RULE_REGISTRATION;
		f->rule.allow_unregistered_external = true;
		f->rule.reception_may_reach = may;
		f->f.from_reception = reception;
		f->f.external = out;
		assert_int_equal(toll_check(f->t, &f->f, f->now),
				 out && reception && !may ? TOLL_RECEPTION :
				 TOLL_PASS);
		f->f.external = false;
		assert_int_equal(toll_check(f->t, &f->f, f->now),
				 out && reception && !may ? TOLL_RECEPTION :
				 TOLL_PASS);
	}
}

static bool denied(struct fix *f, const char *alias)
{
	return toll_is_denied(f->t, span_str(alias));
}

static void test_toll__premium_numbers_are_denied(void **state)
{
	struct fix *f = *state;

	assert_true(denied(f, "+979123456"));
	assert_true(denied(f, "00979123456"));
	assert_true(denied(f, "011979123456"));
	assert_true(denied(f, "tel:+49-900-1234567"));
	assert_true(denied(f, "sip:+49%39%30%30123@gw.example;user=phone"));
	assert_true(denied(f, "sip:%2B979123@gw.example"));
	assert_true(denied(f, "+1 (900) 555-0100"));
	assert_true(denied(f, "+979123x"));
	assert_false(denied(f, "+4930123456"));
	assert_false(denied(f, "979123456"));
	assert_false(denied(f, "alice+979@example.com"));
	assert_false(denied(f, "+97"));
	assert_false(denied(f, ""));
	assert_false(denied(f, "%"));
	f->cfg.deny_premium = false;
	toll_set_limits(f->t, &f->cfg);
	assert_false(denied(f, "+979123456"));
}

static void test_toll__configured_prefixes_are_denied(void **state)
{
	struct fix *f = *state;

	assert_int_equal(toll_set_denied(f->t, SPAN_LIT(" +995, 0900 ,*31#")),
			 0);
	assert_true(denied(f, "+995123"));
	assert_true(denied(f, "00995123"));
	assert_true(denied(f, "0900123"));
	assert_true(denied(f, "*31#123"));
	assert_false(denied(f, "900123"));
	assert_false(denied(f, "+4930123"));
	assert_int_equal(toll_set_denied(f->t, SPAN_LIT("12,,")), E_FORMAT);
	assert_true(denied(f, "0900123"));	/* nothing changed */
	assert_int_equal(toll_set_denied(f->t, SPAN_NONE), 0);
	assert_false(denied(f, "0900123"));
}

static void test_toll__a_bad_prefix_is_named(void **state)
{
	char big[4 * (TOLL_DENIED_MAX + 1)];
	size_t place = 99;

	(void)state;
	assert_int_equal(toll_denied_check(SPAN_LIT("+1, 2x"), &place),
			 E_FORMAT);
	assert_int_equal(place, 4);
	assert_int_equal(toll_denied_check(SPAN_LIT("+"), &place), E_FORMAT);
	assert_int_equal(toll_denied_check(SPAN_LIT("1+"), &place), E_FORMAT);
	assert_int_equal(toll_denied_check(SPAN_LIT("123456789012345678901"),
					   &place), E_LIMIT);
	for (size_t i = 0; i < sizeof(big); i += 4)
		memcpy(big + i, "123,", 4);
	assert_int_equal(toll_denied_check(span_of(big, sizeof(big) - 5),
					   &place), 0);
	assert_int_equal(place, 0);
	assert_int_equal(toll_denied_check(span_of(big, sizeof(big) - 1),
					   &place), E_LIMIT);
}

/* Both what was dialled and what would be called, and only to the outside. */
static void test_toll__a_rule_does_not_hide_a_premium_number(void **state)
{
	struct fix *f = *state;

	external(f);
	f->f.dialled = SPAN_LIT("boss");
	f->f.target = SPAN_LIT("+979123");
	assert_int_equal(begin(f), TOLL_DENIED_PREFIX);
	f->f.dialled = SPAN_LIT("00979123");
	f->f.target = SPAN_LIT("trunk-979123");
	assert_int_equal(begin(f), TOLL_DENIED_PREFIX);
	f->f.external = false;
	assert_int_equal(begin(f), TOLL_PASS);
}

/* --- limits --------------------------------------------------------------------------------- */

static void no_limits(struct fix *f)
{
	f->cfg.source_calls_per_hour = 0;
	f->cfg.source_concurrent_calls = 0;
	f->cfg.source_minutes_per_hour = 0;
	f->cfg.callee_ringing = 0;
	f->cfg.callee_calls_per_hour = 0;
	toll_set_limits(f->t, &f->cfg);
	f->rule.max_calls_per_hour = 0;
	f->rule.max_concurrent_calls = 0;
	f->rule.max_minutes_per_hour = 0;
}

static void test_toll__without_limits_only_memory_counts(void **state)
{
	struct fix *f = *state;

	no_limits(f);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(begin(f), TOLL_PASS);
	assert_int_equal(begin(f), TOLL_FULL);
	assert_int_equal(toll_end(f->t, f->call, f->now), 0);
	assert_int_equal(begin(f), TOLL_PASS);
}

static void test_toll__calls_per_hour(void **state)
{
	struct fix *f = *state;

	for (unsigned what = 0; what < 3; what++) {
		static const enum toll_verdict want[] = {
			TOLL_RULE_CALLS, TOLL_SOURCE_CALLS, TOLL_CALLEE_CALLS};

		f->now += 2 * HOUR;
		no_limits(f);
		f->rule.max_calls_per_hour = what == 0 ? 3 : 0;
		f->cfg.source_calls_per_hour = what == 1 ? 3 : 0;
		f->cfg.callee_calls_per_hour = what == 2 ? 3 : 0;
		toll_set_limits(f->t, &f->cfg);
		for (unsigned i = 0; i < 3; i++)
			whole_call(f, 1);
		assert_int_equal(begin(f), want[what]);
		f->now += 54 * MINUTE;
		assert_int_equal(begin(f), want[what]);
		f->now += 12 * MINUTE;
		whole_call(f, 1);
	}
}

static void test_toll__concurrent_calls(void **state)
{
	struct fix *f = *state;
	uint64_t first;

	for (unsigned what = 0; what < 2; what++) {
		const enum toll_verdict want = what ? TOLL_SOURCE_CONCURRENT :
			TOLL_RULE_CONCURRENT;

		attach(f, boot_a);
		no_limits(f);
		f->rule.max_concurrent_calls = what ? 0 : 2;
		f->cfg.source_concurrent_calls = what ? 2 : 0;
		toll_set_limits(f->t, &f->cfg);
		assert_int_equal(begin(f), TOLL_PASS);
		first = f->call;
		assert_int_equal(begin(f), TOLL_PASS);
		assert_int_equal(begin(f), want);
		assert_int_equal(toll_answer(f->t, first, f->now), 0);
		assert_int_equal(begin(f), want);
		assert_int_equal(toll_end(f->t, first, f->now), 0);
		assert_int_equal(begin(f), TOLL_PASS);
	}
}

static void test_toll__minutes_per_hour(void **state)
{
	struct fix *f = *state;

	for (unsigned what = 0; what < 2; what++) {
		const enum toll_verdict want = what ? TOLL_SOURCE_MINUTES :
			TOLL_RULE_MINUTES;

		f->now += 2 * HOUR;
		no_limits(f);
		f->rule.max_minutes_per_hour = what ? 0 : 10;
		f->cfg.source_minutes_per_hour = what ? 10 : 0;
		toll_set_limits(f->t, &f->cfg);
		whole_call(f, 599);
		whole_call(f, 1);
		assert_int_equal(begin(f), want);
		f->now += 66 * MINUTE;
		whole_call(f, 1);
	}
}

static void test_toll__ringing_one_callee(void **state)
{
	struct fix *f = *state;
	uint64_t first;

	no_limits(f);
	f->cfg.callee_ringing = 2;
	toll_set_limits(f->t, &f->cfg);
	assert_int_equal(begin(f), TOLL_PASS);
	first = f->call;
	source(f, 2);
	assert_int_equal(begin(f), TOLL_PASS);
	source(f, 3);
	f->f.target = SPAN_LIT("sip:123");	/* the same */
	assert_int_equal(begin(f), TOLL_CALLEE_RINGING);
	f->f.target = SPAN_LIT("124");
	assert_int_equal(begin(f), TOLL_PASS);
	f->f.target = SPAN_LIT("123");
	assert_int_equal(toll_answer(f->t, first, f->now), 0);
	assert_int_equal(begin(f), TOLL_PASS);
	f->f.target = SPAN_LIT("\n");
	assert_int_equal(begin(f), TOLL_REFUSED);
}

/* A source is an IPv4 address, an IPv6 /64, or whoever is registered. */
static void test_toll__what_a_source_is(void **state)
{
	struct fix *f = *state;

	no_limits(f);
	f->cfg.source_calls_per_hour = 1;
	toll_set_limits(f->t, &f->cfg);
	whole_call(f, 1);
	assert_int_equal(begin(f), TOLL_SOURCE_CALLS);
	source(f, 2);
	whole_call(f, 1);
	f->f.registration = 5;
	whole_call(f, 1);
	source(f, 3);
	assert_int_equal(begin(f), TOLL_SOURCE_CALLS);
	f->f.registration = 6;
	whole_call(f, 1);
	f->f.registration = 0;
	memset(f->f.ip, 0x20, 16);
	whole_call(f, 1);
	f->f.ip[15] ^= 1;
	assert_int_equal(begin(f), TOLL_SOURCE_CALLS);
	f->f.ip[7] ^= 1;
	whole_call(f, 1);
}

/* A million other sources: no more memory, and a guesser at his limit is not
 * forgotten for them. */
static void test_toll__a_busy_source_is_not_evicted(void **state)
{
	struct fix *f = *state;
	struct toll_stats st;

	no_limits(f);
	f->cfg.source_calls_per_hour = 5;
	toll_set_limits(f->t, &f->cfg);
	for (unsigned i = 0; i < 5; i++)
		whole_call(f, 0);
	for (unsigned i = 0; i < 20000; i++) {
		source(f, 2 + i);
		f->f.target = SPAN_LIT("124");
		whole_call(f, 0);
	}
	source(f, 1);
	assert_int_equal(begin(f), TOLL_SOURCE_CALLS);
	toll_stats(f->t, &st);
	assert_true(st.evicted > 1000);
	assert_int_equal(st.live, 0);
}

/* --- the table of a call ------------------------------------------------------------------------ */

static void test_toll__every_cell_of_the_table(void **state)
{
	static const int want[TOLL_STATE_COUNT][TOLL_INPUT_COUNT] = {
		{TOLL_RINGING, -1, -1, -1},
		{-1, TOLL_CONNECTED, TOLL_ENDING, TOLL_FREE},
		{-1, -1, TOLL_ENDING, TOLL_FREE},
		{-1, -1, -1, TOLL_FREE},
	};

	(void)state;
	for (int s = 0; s < TOLL_STATE_COUNT; s++)
		for (int i = 0; i < TOLL_INPUT_COUNT; i++)
			assert_int_equal(toll_table((enum toll_state)s,
						    (enum toll_input)i),
					 want[s][i]);
	assert_int_equal(toll_table(TOLL_STATE_COUNT, TOLL_IN_END), -1);
	assert_int_equal(toll_table(TOLL_FREE, TOLL_INPUT_COUNT), -1);
}

/* Brings a call into each state and tries each input from outside. */
static void into_state(struct fix *f, enum toll_state s)
{
	struct toll_event e;

	attach(f, boot_a);
	no_limits(f);
	assert_int_equal(begin(f), TOLL_PASS);
	if (s == TOLL_CONNECTED)
		assert_int_equal(toll_answer(f->t, f->call, f->now), 0);
	if (s == TOLL_ENDING) {
		f->now += TOLL_RING_S * S;
		toll_tick(f->t, f->now);
		assert_true(toll_next_event(f->t, &e));
		assert_int_equal(e.kind, TOLL_EV_END_CALL);
		assert_int_equal(e.verdict, TOLL_REFUSED);
		assert_true(e.call == f->call);
		assert_false(toll_next_event(f->t, &e));
	}
	if (s == TOLL_FREE)
		assert_int_equal(toll_end(f->t, f->call, f->now), 0);
}

static void test_toll__calls_go_by_the_table(void **state)
{
	struct fix *f = *state;
	struct toll_stats before, after;

	for (int s = 0; s < TOLL_STATE_COUNT; s++) {
		for (int in = TOLL_IN_ANSWER; in < TOLL_INPUT_COUNT; in++) {
			const int next = toll_table((enum toll_state)s,
						    (enum toll_input)in);
			int r;

			if (in == TOLL_IN_OVER)
				continue;
			into_state(f, (enum toll_state)s);
			toll_stats(f->t, &before);
			r = in == TOLL_IN_ANSWER ?
				toll_answer(f->t, f->call, f->now) :
				toll_end(f->t, f->call, f->now);
			toll_stats(f->t, &after);
			assert_int_equal(r, s == TOLL_FREE ? E_NOTFOUND :
					 next < 0 ? E_STATE : 0);
			assert_int_equal(after.bad_events - before.bad_events,
					 r < 0);
			assert_int_equal(before.live - after.live,
					 r == 0 && next == TOLL_FREE);
		}
	}
	assert_int_equal(toll_end(f->t, 0, f->now), E_NOTFOUND);
	assert_int_equal(toll_end(f->t, UINT64_MAX, f->now), E_NOTFOUND);
}

static void test_toll__a_running_call_ends_with_its_minutes(void **state)
{
	struct fix *f = *state;
	struct toll_usage u;
	struct toll_event e;
	unsigned seconds = 0;

	no_limits(f);
	f->rule.max_minutes_per_hour = 5;
	assert_int_equal(begin(f), TOLL_PASS);
	assert_int_equal(toll_answer(f->t, f->call, f->now), 0);
	while (!toll_next_event(f->t, &e)) {
		f->now += S;
		toll_tick(f->t, f->now);
		assert_true(++seconds < 1000);
	}
	assert_int_equal(seconds, 300);
	assert_int_equal(e.kind, TOLL_EV_END_CALL);
	assert_int_equal(e.verdict, TOLL_RULE_MINUTES);
	assert_int_equal(e.rule, f->rule.id);
	toll_rule_usage(f->t, f->rule.id, f->now, &u);
	assert_int_equal(u.minutes, 5);
	assert_int_equal(u.live, 1);
	assert_int_equal(u.ringing, 0);
	toll_tick(f->t, f->now + S);
	assert_false(toll_next_event(f->t, &e));
	assert_int_equal(toll_end(f->t, f->call, f->now), 0);
}

static void test_toll__a_call_nobody_answers_is_ended(void **state)
{
	struct fix *f = *state;
	struct toll_event e;

	assert_int_equal(begin(f), TOLL_PASS);
	toll_tick(f->t, f->now + (TOLL_RING_S - 1) * S);
	assert_false(toll_next_event(f->t, &e));
	toll_tick(f->t, f->now + TOLL_RING_S * S);
	assert_true(toll_next_event(f->t, &e));
	assert_int_equal(e.verdict, TOLL_REFUSED);
}

/* --- events ---------------------------------------------------------------------------------------- */

static void test_toll__a_limit_is_told_once_in_a_while(void **state)
{
	struct fix *f = *state;
	struct toll_event e;

	no_limits(f);
	f->rule.max_concurrent_calls = 1;
	assert_int_equal(begin(f), TOLL_PASS);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(begin(f), TOLL_RULE_CONCURRENT);
	assert_true(toll_next_event(f->t, &e));
	assert_int_equal(e.kind, TOLL_EV_LIMIT);
	assert_int_equal(e.verdict, TOLL_RULE_CONCURRENT);
	assert_int_equal(e.rule, f->rule.id);
	assert_false(toll_next_event(f->t, &e));
	f->now += TOLL_BUCKET_S * S;
	assert_int_equal(begin(f), TOLL_RULE_CONCURRENT);
	assert_true(toll_next_event(f->t, &e));
}

static void test_toll__unusual_volume_is_told(void **state)
{
	struct fix *f = *state;
	struct toll_event e;
	unsigned n = 0;

	no_limits(f);
	external(f);
	for (unsigned i = 0; i < 95; i++) {	/* a usual day: 6 a quarter */
		for (unsigned k = 0; k < 6; k++)
			whole_call(f, 1);
		f->now += TOLL_QUARTER_S * S - 6 * S;
		toll_tick(f->t, f->now);
	}
	assert_false(toll_next_event(f->t, &e));
	do {
		whole_call(f, 0);
		assert_true(++n < 100);
	} while (!toll_next_event(f->t, &e));
	assert_int_equal(e.kind, TOLL_EV_UNUSUAL);
	assert_true(n > 4 * 6 - 2 && n < 4 * 6 + 3);
	assert_int_equal(e.calls, n);
	whole_call(f, 0);
	assert_false(toll_next_event(f->t, &e));
	f->now += TOLL_QUARTER_S * S;
	toll_tick(f->t, f->now);
	assert_false(toll_next_event(f->t, &e));
	f->now += TOLL_QUARTER_S * S;
	toll_tick(f->t, f->now);
	assert_true(toll_next_event(f->t, &e));
	assert_int_equal(e.kind, TOLL_EV_USUAL);
	f->now += 400 * HOUR;			/* a long silence */
	toll_tick(f->t, f->now);
	assert_false(toll_next_event(f->t, &e));
}

/* A few calls on a quiet day are not news. */
static void test_toll__the_floor_keeps_quiet(void **state)
{
	struct fix *f = *state;
	struct toll_event e;

	no_limits(f);
	external(f);
	for (unsigned i = 0; i < 20; i++)
		whole_call(f, 0);
	assert_false(toll_next_event(f->t, &e));
	whole_call(f, 0);
	assert_true(toll_next_event(f->t, &e));
	f->f.external = false;
	f->now += 48 * HOUR;
	for (unsigned i = 0; i < 40; i++)
		whole_call(f, 0);
	while (toll_next_event(f->t, &e))
		assert_int_equal(e.kind, TOLL_EV_USUAL);
}

static void test_toll__a_full_ring_loses_no_end_of_a_call(void **state)
{
	struct fix *f = *state;
	struct toll_event e;
	struct toll_stats st;

	no_limits(f);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(begin(f), TOLL_PASS);
	f->t->ev_n = TOLL_EVENTS_MAX - 3;
	toll_tick(f->t, f->now + TOLL_RING_S * S);
	assert_int_equal(f->t->ev_n, TOLL_EVENTS_MAX);
	toll_stats(f->t, &st);
	assert_int_equal(st.events_lost, 0);
	while (toll_next_event(f->t, &e))
		;
	toll_tick(f->t, f->now + TOLL_RING_S * S);
	for (unsigned i = 0; i < 61; i++)
		assert_true(toll_next_event(f->t, &e));
	assert_false(toll_next_event(f->t, &e));
}

/* --- the region ---------------------------------------------------------------------------------------- */

static void test_toll__counts_survive_a_restart(void **state)
{
	struct fix *f = *state;
	struct toll_usage u;
	uint64_t call;

	no_limits(f);
	f->rule.max_calls_per_hour = 3;
	whole_call(f, 60);
	whole_call(f, 60);
	assert_int_equal(begin(f), TOLL_PASS);
	assert_int_equal(toll_answer(f->t, f->call, f->now), 0);
	f->now += 30 * S;
	toll_tick(f->t, f->now);
	f->now += 90 * S;		/* killed; 90 s nobody counted */
	attach(f, boot_a);
	toll_rule_usage(f->t, f->rule.id, f->now, &u);
	assert_int_equal(u.calls, 3);
	assert_int_equal(u.minutes, 2);	/* 150 s */
	assert_int_equal(u.live, 0);
	assert_int_equal(begin(f), TOLL_RULE_CALLS);
	assert_int_equal(toll_end(f->t, f->call, f->now), E_NOTFOUND);
	assert_int_equal(toll_resume(f->t, &f->f, true, f->now, &call), 0);
	toll_rule_usage(f->t, f->rule.id, f->now, &u);
	assert_int_equal(u.calls, 3);
	assert_int_equal(u.live, 1);
	f->now += 30 * S;
	assert_int_equal(toll_end(f->t, call, f->now), 0);
	toll_rule_usage(f->t, f->rule.id, f->now, &u);
	assert_int_equal(u.minutes, 3);
}

static void test_toll__counts_survive_a_reboot(void **state)
{
	struct fix *f = *state;
	struct toll_usage u;

	no_limits(f);
	f->rule.max_calls_per_hour = 3;
	for (unsigned i = 0; i < 3; i++)
		whole_call(f, 60);
	f->now += 30 * MINUTE;
	toll_tick(f->t, f->now);
	f->now = 20 * S;		/* another boot, another clock */
	attach(f, boot_b);
	toll_rule_usage(f->t, f->rule.id, f->now, &u);
	assert_int_equal(u.calls, 3);
	assert_int_equal(u.minutes, 3);
	assert_int_equal(begin(f), TOLL_RULE_CALLS);
	f->now += 25 * MINUTE;
	assert_int_equal(begin(f), TOLL_RULE_CALLS);
	f->now += 11 * MINUTE;
	assert_int_equal(begin(f), TOLL_PASS);
}

static void test_toll__the_unusual_survives_a_reboot(void **state)
{
	struct fix *f = *state;
	struct toll_event e;

	no_limits(f);
	external(f);
	for (unsigned i = 0; i < 21; i++)
		whole_call(f, 0);
	assert_true(toll_next_event(f->t, &e));
	toll_tick(f->t, f->now);
	f->now = 3 * S;
	attach(f, boot_b);
	no_limits(f);
	whole_call(f, 0);
	assert_false(toll_next_event(f->t, &e));	/* still the same */
	f->now += 2 * TOLL_QUARTER_S * S;
	toll_tick(f->t, f->now);
	assert_true(toll_next_event(f->t, &e));
	assert_int_equal(e.kind, TOLL_EV_USUAL);
}

/* Whatever a crash or a bad disk leaves: it attaches, and works. */
static void test_toll__torn_regions_are_taken_up(void **state)
{
	struct fix *f = *state;
	struct toll_stats st;
	unsigned torn = 0;
	uint8_t *mem = f->mem;
	uint32_t x = 1;

	for (unsigned round = 0; round < 300; round++) {
		no_limits(f);
		for (unsigned i = 0; i < 5; i++) {
			source(f, i);
			if (begin(f) == TOLL_PASS && i & 1)
				(void)toll_answer(f->t, f->call, f->now);
		}
		toll_tick(f->t, f->now);
		for (unsigned i = 0; i < 40; i++) {
			x = x * 1664525u + 1013904223u;
			mem[x % f->n] = (uint8_t)(x >> 24);
		}
		f->now += S;
		attach(f, round & 1 ? boot_a : boot_b);
		toll_stats(f->t, &st);
		torn += st.torn > 0;
		toll_tick(f->t, f->now);
		(void)begin(f);
	}
	assert_true(torn > 100);
}

static void test_toll__other_sizes_begin_anew(void **state)
{
	struct fix *f = *state;
	struct toll_usage u;

	whole_call(f, 1);
	f->cfg.calls = 32;
	attach(f, boot_a);
	toll_rule_usage(f->t, f->rule.id, f->now, &u);
	assert_int_equal(u.calls, 0);
}

static void test_toll__refuses_bad_settings(void **state)
{
	struct fix *f = *state;
	struct toll *t = NULL;
	struct cfg_toll c = f->cfg;

	c.rules = 0;
	assert_int_equal(toll_size(&c), 0);
	c.rules = TOLL_RULES_MAX + 1;
	assert_int_equal(toll_size(&c), 0);
	c = f->cfg;
	assert_int_equal(toll_attach(&t, &c, f->mem, f->n - 1, boot_a, 0),
			 E_INVAL);
	assert_int_equal(toll_attach(&t, &c, (char *)f->mem + 1, f->n, boot_a,
				     0), E_INVAL);
	assert_null(t);
	c.sources = 9;
	assert_true(toll_size(&c) > 0);
}

static int build(void *arg)
{
	struct fix *f = arg;
	struct toll *t = NULL;
	int r = toll_attach(&t, &f->cfg, f->mem, f->n, boot_a, f->now);

	if (r == 0)
		r = toll_set_denied(t, SPAN_LIT("1,2"));
	toll_detach(&t);
	return r;
}

static void test_toll__survives_every_failing_allocation(void **state)
{
	struct fix *f = *state;

	toll_detach(&f->t);
	assert_int_equal(alloc_test_every(build, f, 20), 3);
}

static void test_toll__every_verdict_has_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TOLL_VERDICT_COUNT; i++)
		assert_true(toll_verdict_text((enum toll_verdict)i)[0]);
	assert_string_equal(toll_verdict_text(TOLL_VERDICT_COUNT), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_toll__off_until_a_rule_exists),
		T(test_toll__unregistered_need_the_confirmation),
		T(test_toll__a_reception_does_not_reach_the_outside),
		T(test_toll__premium_numbers_are_denied),
		T(test_toll__configured_prefixes_are_denied),
		T(test_toll__a_bad_prefix_is_named),
		T(test_toll__a_rule_does_not_hide_a_premium_number),
		T(test_toll__without_limits_only_memory_counts),
		T(test_toll__calls_per_hour),
		T(test_toll__concurrent_calls),
		T(test_toll__minutes_per_hour),
		T(test_toll__ringing_one_callee),
		T(test_toll__what_a_source_is),
		T(test_toll__a_busy_source_is_not_evicted),
		T(test_toll__every_cell_of_the_table),
		T(test_toll__calls_go_by_the_table),
		T(test_toll__a_running_call_ends_with_its_minutes),
		T(test_toll__a_call_nobody_answers_is_ended),
		T(test_toll__a_limit_is_told_once_in_a_while),
		T(test_toll__unusual_volume_is_told),
		T(test_toll__the_floor_keeps_quiet),
		T(test_toll__a_full_ring_loses_no_end_of_a_call),
		T(test_toll__counts_survive_a_restart),
		T(test_toll__counts_survive_a_reboot),
		T(test_toll__the_unusual_survives_a_reboot),
		T(test_toll__torn_regions_are_taken_up),
		T(test_toll__other_sizes_begin_anew),
		T(test_toll__refuses_bad_settings),
		T(test_toll__survives_every_failing_allocation),
		T(test_toll__every_verdict_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
