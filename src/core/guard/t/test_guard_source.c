/* Sources: scanning, quarantine, bans by hand, release, events and the list. */
#include <stdio.h>

#include "core/guard/t/guard_kit.h"

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

static void scans(struct kit *k, const struct guard_facts *f,
		  enum guard_scan kind, unsigned n)
{
	while (n--)
		guard_note_scan(k->g, f, kind, k->now);
}

static enum guard_verdict access_of(const struct kit *k,
				    const struct guard_facts *f)
{
	return guard_check_access(k->g, f, k->now);
}

static void test_guard_scan__more_than_the_threshold_trips(void **state)
{
	static const uint32_t thresholds[] = {5, 20, 200};
	struct kit *k = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct guard_facts f = kit_facts(0, 10 + i);
		struct guard_event ev;

		k->cfg.rules.scan_weight = thresholds[i];
		assert_int_equal(guard_set_rules(k->g, &k->cfg.rules), 0);
		scans(k, &f, GUARD_SCAN_ALIAS, thresholds[i]);
		assert_int_equal(access_of(k, &f), GUARD_PASS);
		scans(k, &f, GUARD_SCAN_ALIAS, 1);
		assert_int_equal(access_of(k, &f), GUARD_REFUSE);
		assert_true(kit_event(k, GUARD_EV_SOURCE_QUARANTINED, &ev));
		assert_memory_equal(ev.ip, f.ip, 16);
		assert_int_equal(ev.prefix, 128);
		assert_int_equal(ev.seconds, 600);
		assert_int_equal(ev.ports, GUARD_FACE_WEB);
	}
}

static void test_guard_scan__weights(void **state)
{
	/* how many of a kind the default threshold bears */
	static const unsigned bears[GUARD_SCAN_COUNT] = {
		[GUARD_SCAN_ALIAS] = 20, [GUARD_SCAN_NUMBER] = 12,
		[GUARD_SCAN_DIGEST] = 20, [GUARD_SCAN_MALFORMED] = 10,
		[GUARD_SCAN_AGENT] = 2, [GUARD_SCAN_CRASH] = 2};
	struct kit *k = *state;

	for (unsigned kind = 0; kind < GUARD_SCAN_COUNT; kind++) {
		struct guard_facts f = kit_facts(0, 20 + kind);

		scans(k, &f, kind, bears[kind]);
		assert_int_equal(access_of(k, &f), GUARD_PASS);
		scans(k, &f, kind, 1);
		assert_int_equal(access_of(k, &f), GUARD_REFUSE);
	}
	assert_int_equal(guard_scan_weight(GUARD_SCAN_COUNT, 0), 0);
}

static void test_guard_scan__few_wrong_numbers_are_no_war_dialling(
	void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);

	for (unsigned day = 0; day < 4; day++) {
		scans(k, &f, GUARD_SCAN_NUMBER, 5);
		scans(k, &f, GUARD_SCAN_ALIAS, 15);
		assert_int_equal(access_of(k, &f), GUARD_PASS);
		k->now += 11 * MIN;
	}
}

static void test_guard_scan__window_is_ten_minutes(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1), g = kit_facts(0, 2);

	scans(k, &f, GUARD_SCAN_ALIAS, 20);
	scans(k, &g, GUARD_SCAN_ALIAS, 20);
	k->now += 10 * MIN;
	scans(k, &f, GUARD_SCAN_ALIAS, 1);
	assert_int_equal(access_of(k, &f), GUARD_REFUSE);
	k->now += 30 * S;
	scans(k, &g, GUARD_SCAN_ALIAS, 1);
	assert_int_equal(access_of(k, &g), GUARD_PASS);
}

static void test_guard_scan__quarantine_doubles_up_to_a_day(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);
	struct guard_event ev;
	uint32_t want = 600;

	for (unsigned i = 0; i < 12; i++) {
		scans(k, &f, GUARD_SCAN_ALIAS, 21);
		assert_true(kit_event(k, GUARD_EV_SOURCE_QUARANTINED, &ev));
		assert_int_equal(ev.seconds, want);
		k->now += ev.seconds * S - 1;
		assert_int_equal(access_of(k, &f), GUARD_REFUSE);
		(void)guard_tick(k->g, k->now);
		assert_int_equal(kit_events(k, GUARD_EV_SOURCE_RELEASED), 0);
		k->now++;
		assert_int_equal(access_of(k, &f), GUARD_PASS);
		assert_true(guard_tick(k->g, k->now));
		assert_int_equal(kit_events(k, GUARD_EV_SOURCE_RELEASED), 1);
		want = want * 2 > 86400 ? 86400 : want * 2;
	}
	/* a good day, and he is a first offender again */
	k->now += 24 * HOUR;
	scans(k, &f, GUARD_SCAN_ALIAS, 21);
	assert_true(kit_event(k, GUARD_EV_SOURCE_QUARANTINED, &ev));
	assert_int_equal(ev.seconds, 600);
}

static void test_guard_scan__trying_on_does_not_lengthen_it(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);
	const uint64_t end = k->now + 10 * MIN;

	scans(k, &f, GUARD_SCAN_ALIAS, 21);
	for (; k->now < end; k->now += S)
		scans(k, &f, GUARD_SCAN_AGENT, 3);
	assert_int_equal(access_of(k, &f), GUARD_PASS);
}

static void test_guard_scan__ipv6_source_is_a_64(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);
	struct guard_event ev;

	for (unsigned i = 0; i < 21; i++) {
		kit_v6(f.ip, 5, i);
		scans(k, &f, GUARD_SCAN_ALIAS, 1);
	}
	assert_true(kit_event(k, GUARD_EV_SOURCE_QUARANTINED, &ev));
	assert_int_equal(ev.prefix, 64);
	kit_v6(f.ip, 5, 4711);
	assert_int_equal(access_of(k, &f), GUARD_REFUSE);
	kit_v6(f.ip, 6, 1);
	assert_int_equal(access_of(k, &f), GUARD_PASS);
}

/* scan_on x ignore_aliases x proof, for a source in quarantine. */
static void test_guard_scan__table_of_access(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);

	scans(k, &f, GUARD_SCAN_ALIAS, 21);
	for (unsigned i = 0; i < 4u * GUARD_PROOF_COUNT; i++) {
		f.scan_on = i & 1;
		f.ignore_aliases = i & 2;
		f.proof = i / 4;
		assert_int_equal(access_of(k, &f),
				 f.scan_on && !f.ignore_aliases &&
				 f.proof == GUARD_PROOF_NONE ? GUARD_REFUSE :
				 GUARD_PASS);
	}
}

static void test_guard_scan__switch_and_flag_count_nothing(void **state)
{
	struct kit *k = *state;
	struct guard_facts off = kit_facts(0, 1), ign = off, f = off;

	off.scan_on = false;
	ign.ignore_aliases = true;
	scans(k, &off, GUARD_SCAN_AGENT, 100);
	scans(k, &ign, GUARD_SCAN_AGENT, 100);
	assert_int_equal(access_of(k, &f), GUARD_PASS);
}

static void test_guard_scan__tells_the_offending_ports(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);
	struct guard_hold h;

	f.face = GUARD_FACE_SIP;
	scans(k, &f, GUARD_SCAN_ALIAS, 21);
	assert_true(guard_source(k->g, f.ip, GUARD_FACE_ALL, k->now, &h));
	assert_true(h.quarantined);
	assert_false(h.manual);
	assert_int_equal(h.ports, GUARD_FACE_SIP);
	assert_int_equal(h.seconds, 600);
	assert_false(guard_source(k->g, f.ip, GUARD_FACE_WEB, k->now, &h));
	/* aliases are the same everywhere: refused at the other face, too */
	f.face = GUARD_FACE_WEB;
	assert_int_equal(access_of(k, &f), GUARD_REFUSE);
}

static void test_guard_agent__names(void **state)
{
	static const struct {
		const char *ua;
		bool scanner;
	} rows[] = {
		{"friendly-scanner", true}, {"Friendly-Scanner", true},
		{"friendly-scanner/1.0", true}, {" sipvicious ", true},
		{"sipcli/v1.8", true}, {"sipclient 2", false},
		{"VaxSIPUserAgent/3.1", true}, {"cisco", true},
		{"Cisco", false}, {"Cisco-SIPGateway/IOS-12.x", false},
		{"Gulp", true}, {"gulp-sip", false}, {"Test Agent", true},
		{"Test Agent 2", false}, {"PortSIP VoIP SDK 11.2", true},
		{"PortSIP", false}, {"iWar", true}, {"iWarrior", false},
		{"Linphone/5.0", false}, {"baresip v1.0.0", false}, {"", false},
		{"Mozilla/5.0 (X11; Linux x86_64) friendly-scanner", false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(guard_agent_is_scanner(span_str(rows[i].ua)),
				 rows[i].scanner);
	assert_false(guard_agent_is_scanner(SPAN_NONE));
}

/* --- by hand ---------------------------------------------------------------------- */

static void test_guard_ban__refuses_even_the_proven(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 5), out = kit_facts(0, 256);
	struct guard_event ev;
	struct guard_hold h;

	f.proof = GUARD_PROOF_COOKIE;
	f.scan_on = false;
	assert_int_equal(guard_ban(k->g, f.ip, 120, GUARD_FACE_WEB, 60,
				   k->now), 0);
	assert_true(kit_event(k, GUARD_EV_SOURCE_BANNED, &ev));
	assert_true(ev.manual);
	assert_int_equal(ev.ip[15], 0);
	assert_int_equal(ev.prefix, 120);
	assert_int_equal(access_of(k, &f), GUARD_REFUSE);
	assert_int_equal(access_of(k, &out), GUARD_PASS);
	assert_true(guard_source(k->g, f.ip, GUARD_FACE_ALL, k->now, &h));
	assert_true(h.manual);
	assert_int_equal(h.ports, GUARD_FACE_WEB);
	assert_int_equal(h.seconds, 60);
	f.face = GUARD_FACE_SIP;
	assert_int_equal(access_of(k, &f), GUARD_PASS);
	f.face = GUARD_FACE_WEB;
	k->now += 60 * S - 1;
	assert_int_equal(access_of(k, &f), GUARD_REFUSE);
	k->now++;
	assert_int_equal(access_of(k, &f), GUARD_PASS);
	assert_true(guard_tick(k->g, k->now));
	assert_true(kit_event(k, GUARD_EV_SOURCE_RELEASED, &ev));
	assert_true(ev.manual);
}

static void test_guard_ban__bad_arguments_change_nothing(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 5);
	struct guard_stats st;

	assert_int_equal(guard_ban(k->g, f.ip, 0, 1, 60, k->now), E_INVAL);
	assert_int_equal(guard_ban(k->g, f.ip, 129, 1, 60, k->now), E_INVAL);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 0, 60, k->now), E_INVAL);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 16, 60, k->now), E_INVAL);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 1, 0, k->now), E_INVAL);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 1, GUARD_BAN_MAX_S + 1u,
				   k->now), E_INVAL);
	assert_int_equal(guard_release(k->g, f.ip, 0, k->now), 0);
	for (uint32_t i = 0; i < 16; i++) {
		f = kit_facts(0, i);
		assert_int_equal(guard_ban(k->g, f.ip, 128, 1, 60, k->now), 0);
	}
	f = kit_facts(0, 99);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 1, 60, k->now), E_FULL);
	f = kit_facts(0, 3);		/* there already: new time */
	assert_int_equal(guard_ban(k->g, f.ip, 128, 2, 90, k->now), 0);
	guard_stats(k->g, &st);
	assert_int_equal(st.bans, 16);
	f.face = GUARD_FACE_SIP;
	assert_int_equal(access_of(k, &f), GUARD_REFUSE);
	f.face = GUARD_FACE_WEB;
	assert_int_equal(access_of(k, &f), GUARD_PASS);
	assert_int_equal(guard_release(k->g, f.ip, 128, k->now), 1);
	f = kit_facts(0, 99);
	assert_int_equal(guard_ban(k->g, f.ip, 128, 1, 60, k->now), 0);
}

static void test_guard_release__frees_what_lies_inside(void **state)
{
	struct kit *k = *state;
	struct guard_facts a = kit_facts(7, 1), b = kit_facts(7, 2),
		far = kit_facts(7, 256);
	struct guard_event ev;

	scans(k, &a, GUARD_SCAN_ALIAS, 21);
	scans(k, &far, GUARD_SCAN_ALIAS, 21);
	kit_misses(k, &b, 5);
	assert_int_equal(guard_release(k->g, b.ip, 120, k->now), 2);
	assert_int_equal(access_of(k, &a), GUARD_PASS);
	assert_int_equal(kit_check(k, &b), GUARD_PASS);
	assert_int_equal(access_of(k, &far), GUARD_REFUSE);
	assert_true(kit_event(k, GUARD_EV_SOURCE_RELEASED, &ev));
	assert_memory_equal(ev.ip, a.ip, 16);
	assert_false(ev.manual);
	/* a first offender again */
	scans(k, &a, GUARD_SCAN_ALIAS, 21);
	assert_true(kit_event(k, GUARD_EV_SOURCE_QUARANTINED, &ev));
	assert_int_equal(ev.seconds, 600);
}

static void test_guard_release__one_address_frees_its_64(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);

	kit_v6(f.ip, 5, 1);
	scans(k, &f, GUARD_SCAN_ALIAS, 21);
	kit_v6(f.ip, 5, 2);
	assert_int_equal(guard_release(k->g, f.ip, 128, k->now), 1);
	assert_int_equal(access_of(k, &f), GUARD_PASS);
}

static void test_guard_walk__tells_all_that_is_in_force(void **state)
{
	struct kit *k = *state;
	struct guard_facts a = kit_facts(7, 1), b = kit_facts(8, 2);
	unsigned seen[GUARD_EV_COUNT] = {0};
	struct guard_event ev;
	uint64_t it = 0;

	scans(k, &a, GUARD_SCAN_ALIAS, 21);
	kit_misses(k, &b, 5);
	kit_crowd(k, 9, true, 21);
	kit_crowd(k, 10, true, 200);
	kit_crowd(k, 11, false, 30);	/* a phantom is not told */
	(void)guard_ban(k->g, a.ip, 104, GUARD_FACE_ALL, 3600, k->now);
	while (guard_walk(k->g, &it, k->now, &ev)) {
		assert_true(ev.seconds > 0);
		seen[ev.kind]++;
	}
	assert_int_equal(seen[GUARD_EV_SOURCE_QUARANTINED], 1);
	assert_int_equal(seen[GUARD_EV_PAIR_REFUSED], 1);
	assert_int_equal(seen[GUARD_EV_ROOM_GUARDED], 1);
	assert_int_equal(seen[GUARD_EV_ROTATE_PIN], 1);
	assert_int_equal(seen[GUARD_EV_SOURCE_BANNED], 1);
	assert_false(guard_walk(k->g, &it, k->now, &ev));
	k->now += 25 * HOUR;
	it = 0;
	assert_false(guard_walk(k->g, &it, k->now, &ev));
}

static void test_guard_events__full_ring_counts_what_it_loses(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(0, 1);
	struct guard_stats st;
	struct guard_event ev;

	for (unsigned i = 0; i < GUARD_EVENTS_MAX + 10; i++)
		assert_int_equal(guard_ban(k->g, f.ip, 128, 1, 60, k->now), 0);
	guard_stats(k->g, &st);
	assert_int_equal(st.events_lost, 10);
	for (unsigned i = 0; i < GUARD_EVENTS_MAX; i++)
		assert_true(guard_next_event(k->g, &ev));
	assert_false(guard_next_event(k->g, &ev));
	for (unsigned kind = 1; kind < GUARD_EV_COUNT; kind++)
		assert_string_not_equal(guard_event_name(kind), "unknown");
	assert_string_equal(guard_event_name(GUARD_EV_COUNT), "unknown");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_guard_scan__more_than_the_threshold_trips),
		T(test_guard_scan__weights),
		T(test_guard_scan__few_wrong_numbers_are_no_war_dialling),
		T(test_guard_scan__window_is_ten_minutes),
		T(test_guard_scan__quarantine_doubles_up_to_a_day),
		T(test_guard_scan__trying_on_does_not_lengthen_it),
		T(test_guard_scan__ipv6_source_is_a_64),
		T(test_guard_scan__table_of_access),
		T(test_guard_scan__switch_and_flag_count_nothing),
		T(test_guard_scan__tells_the_offending_ports),
		cmocka_unit_test(test_guard_agent__names),
		T(test_guard_ban__refuses_even_the_proven),
		T(test_guard_ban__bad_arguments_change_nothing),
		T(test_guard_release__frees_what_lies_inside),
		T(test_guard_release__one_address_frees_its_64),
		T(test_guard_walk__tells_all_that_is_in_force),
		T(test_guard_events__full_ring_counts_what_it_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
