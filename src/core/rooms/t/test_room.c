#include "room_kit.h"

#include "base/alloc_test.h"

#define WITH_ROOM(k, pin)                                                     \
	struct kit k;                                                         \
	const struct room_cfg cfg_ = kit_cfg(pin);                            \
	(void)state;                                                          \
	kit_init(&k, &cfg_)

static void test_room__guest_waits_until_a_host_has_media(void **state)
{
	WITH_ROOM(k, true);
	struct part *g = kit_enter(&k, "Gus", false), *h;

	assert_int_equal(g->state, PART_WAIT_HOST);
	assert_int_equal(k.r->state, ROOM_LOBBY);
	h = kit_enter(&k, "Hanna", true);
	assert_int_equal(h->state, PART_INSIDE);
	assert_int_equal(g->state, PART_WAIT_HOST);
	assert_false(k.r->started);
	kit_call(&k, h);
	assert_true(k.r->started);
	assert_int_equal(k.r->state, ROOM_HOSTED);
	assert_int_equal(g->state, PART_INSIDE);
	assert_non_null(kit_said(&k, ACT_SYNC, g));
	assert_int_equal(kit_said(&k, ACT_ROW_UPDATE, g)->aud, AUD_HOSTS);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__later_guest_goes_straight_in(void **state)
{
	WITH_ROOM(k, true);

	kit_host(&k, "Hanna");
	assert_int_equal(kit_enter(&k, "Gus", false)->state, PART_INSIDE);
	kit_release(&k);
}

static void test_room__host_without_media_may_start(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_enter(&k, "Hanna", true);
	struct part *g = kit_enter(&k, "Gus", false);

	assert_int_equal(kit_do(&k, h, RC_START, NULL, ""), RR_OK);
	assert_int_equal(g->state, PART_INSIDE);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__waiting_guest_is_dropped_in_time(void **state)
{
	WITH_ROOM(k, true);
	struct part *g = kit_enter(&k, "Gus", false);

	kit_next(&k);
	assert_int_equal(room_due_ns(k.r), 901 * S);
	assert_int_equal(room_tick(k.r, 901 * S - 1, &k.out), 0);
	assert_int_equal(g->state, PART_WAIT_HOST);
	kit_next(&k);
	assert_int_equal(room_tick(k.r, 901 * S, &k.out), 0);
	assert_string_equal(kit_said(&k, ACT_DISCONNECT, g)->text,
			    "Timeout waiting for conference host to join or "
			    "permit access to locked conference");
	assert_non_null(kit_said(&k, ACT_REVOKE, g));
	assert_int_equal(kit_count(&k, ACT_ROOM_END), 1);
	assert_int_equal(k.r->state, ROOM_IDLE);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__guests_alone_are_sent_home_after_a_minute(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");
	struct part *g = kit_enter(&k, "Gus", false);

	kit_next(&k);
	room_leave(k.r, h, EXIT_RELEASED, k.now, &k.out);
	assert_int_equal(k.r->state, ROOM_GUESTS_ONLY);
	kit_next(&k);
	assert_int_equal(room_due_ns(k.r), k.now + 60 * S);
	room_tick(k.r, k.now + 60 * S, &k.out);
	assert_string_equal(kit_said(&k, ACT_DISCONNECT, g)->text,
			    "All conference hosts departed hosted conference");
	assert_int_equal(k.r->state, ROOM_IDLE);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__host_who_returns_stops_the_minute(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");

	kit_enter(&k, "Gus", false);
	kit_next(&k);
	room_leave(k.r, h, EXIT_RELEASED, k.now, &k.out);
	kit_enter(&k, "Hanna", true);
	assert_int_equal(k.r->state, ROOM_HOSTED);
	assert_int_equal(room_due_ns(k.r), UINT64_MAX);
	kit_release(&k);
}

static void test_room__last_one_is_sent_home_when_set(void **state)
{
	struct kit k;
	struct room_cfg cfg = kit_cfg(false);
	struct part *a, *b;

	(void)state;
	cfg.last_s = 60;
	kit_init(&k, &cfg);
	a = kit_host(&k, "A");
	assert_int_equal(room_due_ns(k.r), 61 * S);
	b = kit_host(&k, "B");
	assert_int_equal(room_due_ns(k.r), UINT64_MAX);
	kit_next(&k);
	k.now = 10 * S;
	room_leave(k.r, b, EXIT_EXPIRED, k.now, &k.out);
	kit_next(&k);
	room_tick(k.r, 70 * S, &k.out);
	assert_string_equal(kit_said(&k, ACT_DISCONNECT, a)->text,
			    "Last remaining participant removed from "
			    "conference after timeout");
	kit_next(&k);
	kit_release(&k);
}

static void test_room__lock_with_host_pin_holds_guests_only(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna"), *g;

	assert_int_equal(kit_do(&k, h, RC_LOCK, NULL, ""), RR_OK);
	assert_int_equal(kit_count(&k, ACT_STATUS), 1);
	assert_int_equal(kit_enter(&k, "Host2", true)->state, PART_INSIDE);
	g = kit_enter(&k, "Gus", false);
	assert_int_equal(g->state, PART_WAIT_LOCK);
	assert_int_equal(kit_do(&k, h, RC_UNLOCK, NULL, ""), RR_OK);
	assert_int_equal(g->state, PART_INSIDE);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__lock_without_pin_holds_everybody(void **state)
{
	WITH_ROOM(k, false);
	struct part *h = kit_host(&k, "Hanna"), *w;

	kit_do(&k, h, RC_LOCK, NULL, "");
	w = kit_enter(&k, "Will", true);
	assert_int_equal(w->state, PART_WAIT_LOCK);
	assert_int_equal(kit_do(&k, h, RC_P_ADMIT, w, ""), RR_OK);
	assert_int_equal(w->state, PART_INSIDE);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__open_locked_room_ends_when_nobody_can_admit(
	void **state)
{
	WITH_ROOM(k, false);
	struct part *h = kit_host(&k, "Hanna"), *w;

	kit_do(&k, h, RC_LOCK, NULL, "");
	w = kit_enter(&k, "Will", true);
	kit_next(&k);
	room_leave(k.r, h, EXIT_RELEASED, k.now, &k.out);
	assert_int_equal(w->state, PART_GONE);
	assert_string_equal(kit_said(&k, ACT_DISCONNECT, w)->text,
			    "No participants can keep conference alive");
	assert_int_equal(k.r->state, ROOM_IDLE);
	assert_false(k.r->locked);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__lock_outlives_the_host_while_guests_wait(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna"), *g;

	kit_do(&k, h, RC_LOCK, NULL, "");
	g = kit_enter(&k, "Gus", false);
	kit_next(&k);
	room_leave(k.r, h, EXIT_RELEASED, k.now, &k.out);
	assert_int_equal(k.r->state, ROOM_LOBBY);
	assert_int_equal(g->state, PART_WAIT_HOST);
	assert_true(k.r->locked);
	kit_host(&k, "Hanna");
	assert_int_equal(g->state, PART_WAIT_LOCK);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__admitted_before_the_start_is_alone_with_the_host(
	void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_enter(&k, "Hanna", true);
	struct part *a = kit_enter(&k, "Anna", false);
	struct part *b = kit_enter(&k, "Bert", false);

	assert_int_equal(kit_do(&k, h, RC_P_ADMIT, a, ""), RR_OK);
	assert_int_equal(a->state, PART_INSIDE);
	assert_int_equal(b->state, PART_WAIT_HOST);
	kit_next(&k);
	room_leave(k.r, h, EXIT_RELEASED, k.now, &k.out);
	assert_int_equal(k.r->state, ROOM_GUESTS_ONLY);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__late_guest_starts_muted_when_guests_are(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");
	struct part *a = kit_enter(&k, "Anna", false);

	assert_int_equal(kit_do(&k, h, RC_MUTE_GUESTS, NULL, ""), RR_OK);
	assert_true(a->muted);
	assert_false(h->muted);
	assert_true(kit_enter(&k, "Bert", false)->muted);
	assert_false(kit_enter(&k, "Host2", true)->muted);
	kit_release(&k);
}

static void test_room__respects_limits(void **state)
{
	struct kit k;
	struct room_cfg cfg = kit_cfg(true);

	(void)state;
	cfg.participant_limit = 2;
	kit_init(&k, &cfg);
	kit_enter(&k, "A", true);
	kit_enter(&k, "B", false);
	assert_null(kit_try_enter(&k, "C", true, E_FULL));
	kit_release(&k);

	cfg.participant_limit = UINT32_MAX;
	kit_init(&k, &cfg);
	for (int i = 0; i < ROOM_PARTS_MAX; i++)
		kit_enter(&k, "A", i == 0);
	assert_null(kit_try_enter(&k, "C", true, E_FULL));
	kit_next(&k);
	/* The longest thing to say still fits what was reserved. */
	assert_int_equal(room_end(k.r, EXIT_ADMIN_ALL, k.now, &k.out), 0);
	assert_int_equal(k.r->refused, 0);
	assert_int_equal(kit_count(&k, ACT_DISCONNECT), ROOM_PARTS_MAX);
	assert_int_equal(kit_count(&k, ACT_ROOM_END), 1);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__who_was_removed_may_not_return(void **state)
{
	(void)state;
	for (int e = 0; e < EXIT_COUNT; e++)
		assert_int_equal(room_exit_may_return((enum room_exit)e),
				 e == EXIT_RELEASED || e == EXIT_EXPIRED);
	assert_null(room_exit_text(EXIT_RELEASED));
	assert_string_equal(room_exit_text(EXIT_EXPIRED),
			    "Timer expired awaiting token refresh");
	assert_string_equal(room_exit_text(EXIT_ALL_KICKED),
			    "Conference terminated by another participant");
}

static void test_room__rows_are_seen_by_those_entitled(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");
	struct part *in = kit_enter(&k, "In", false), *w;

	kit_do(&k, h, RC_LOCK, NULL, "");
	w = kit_enter(&k, "Waits", false);
	assert_true(room_sees(h, w) && room_sees(h, in) && room_sees(in, h));
	assert_true(room_sees(w, w));
	assert_false(room_sees(in, w));
	assert_false(room_sees(w, h));
	assert_false(room_sees(w, in));
	kit_next(&k);
	room_leave(k.r, w, EXIT_KICKED, k.now, &k.out);
	/* Whoever saw him sees him go, nobody else. */
	assert_true(room_in_audience(AUD_SEEING, h, w));
	assert_false(room_in_audience(AUD_SEEING, in, w));
	kit_next(&k);
	kit_release(&k);
}

static void test_room__returning_keeps_place_and_ends_the_old_call(
	void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");
	const uint64_t leg = h->leg.leg;

	kit_next(&k);
	assert_int_equal(room_return(k.r, h, &k.out), 0);
	assert_int_equal(kit_said(&k, ACT_LEG_CLOSE, h)->leg, leg);
	assert_non_null(kit_said(&k, ACT_DISCONNECT, h));
	assert_int_equal(h->leg.phase, LEG_NONE);
	assert_int_equal(h->state, PART_INSIDE);
	assert_true(k.r->started);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__lost_call_keeps_its_name_for_an_update(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");

	kit_next(&k);
	assert_int_equal(room_leg_gone(k.r, h, false, k.now, &k.out), 0);
	assert_int_equal(strlen(h->leg.call), UUID_TEXT_LEN);
	assert_int_equal(kit_count(&k, ACT_LEG_CLOSE), 0);
	assert_true(k.r->started);
	kit_call(&k, h);
	kit_next(&k);
	assert_int_equal(room_leg_gone(k.r, h, true, k.now, &k.out), 0);
	assert_int_equal(kit_count(&k, ACT_LEG_CLOSE), 1);
	assert_int_equal(h->leg.call[0], 0);
	kit_next(&k);
	kit_release(&k);
}

static void test_room__second_call_closes_the_first(void **state)
{
	WITH_ROOM(k, true);
	struct part *h = kit_host(&k, "Hanna");
	const uint64_t leg = h->leg.leg;

	kit_call(&k, h);
	assert_int_equal(kit_said(&k, ACT_LEG_CLOSE, h)->leg, leg);
	assert_ptr_equal(room_part_by_leg(k.r, h->leg.leg), h);
	assert_null(room_part_by_leg(k.r, leg));
	assert_null(room_part_by_leg(k.r, 0));
	kit_next(&k);
	kit_release(&k);
}

static void test_room__comes_back_from_the_journal(void **state)
{
	WITH_ROOM(k, true);
	struct kit u;
	struct part *h = kit_host(&k, "Hanna");
	struct part *g = kit_enter(&k, "Gus", false);

	kit_do(&k, h, RC_LOCK, NULL, "");
	kit_init(&u, &cfg_);
	u.r->state = k.r->state;
	u.r->locked = k.r->locked;
	u.r->started = k.r->started;
	assert_int_equal(room_restore_part(u.r, h), 0);
	assert_int_equal(room_restore_part(u.r, g), 0);
	assert_int_equal(room_restore_part(u.r, g), E_EXISTS);
	assert_int_equal(room_restore_done(u.r, u.now, &u.out), 0);
	assert_int_equal(u.r->state, ROOM_HOSTED);
	assert_int_equal(kit_count(&u, ACT_ROOM_OPEN), 1);
	kit_next(&u);
	assert_int_equal(kit_enter(&u, "Late", false)->state, PART_WAIT_LOCK);
	kit_release(&u);
	kit_release(&k);
}

static void test_room__torn_journal_settles_by_the_facts(void **state)
{
	WITH_ROOM(k, true);
	struct part *g = kit_enter(&k, "Gus", false);
	struct kit u;
	struct part saved = *g;

	/* The host's record was lost, the guest's says inside. */
	saved.state = PART_INSIDE;
	saved.waiting_until_ns = 0;
	kit_init(&u, &cfg_);
	u.r->state = ROOM_HOSTED;
	u.r->started = true;
	assert_int_equal(room_restore_part(u.r, &saved), 0);
	saved.state = PART_GONE;
	assert_int_equal(room_restore_part(u.r, &saved), E_INVAL);
	assert_int_equal(room_restore_done(u.r, u.now, &u.out), 0);
	assert_int_equal(u.r->state, ROOM_GUESTS_ONLY);
	kit_next(&u);
	kit_release(&u);
	kit_release(&k);
}

static void test_part__name_is_fit_for_other_screens(void **state)
{
	static const char *const cases[][2] = {
		{"Alice", "Alice"},
		{"  Bob ", "Bob"},
		{"a\nb\x1b[31m", "ab[31m"},
		{"\xe2\x80\xae" "evil", "evil"},
		{"\xc3\x84" "rzte", "\xc3\x84" "rzte"},
		{"", "Guest"},
		{" \x01 ", "Guest"},
		{"\xff", "Guest"},
		{"<b>x</b>", "<b>x</b>"},
	};
	char dst[PART_NAME_MAX + 1], big[PART_NAME_MAX * 2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		part_clean_name(dst, span_str(cases[i][0]));
		assert_string_equal(dst, cases[i][1]);
	}
	for (size_t i = 0; i < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	part_clean_name(dst, span_of(big, sizeof(big)));
	assert_int_equal(strlen(dst), PART_NAME_MAX);
	assert_true(span_is_utf8(span_str(dst)));
}

static int oom_body(void *arg)
{
	const struct room_cfg cfg = kit_cfg(true);
	struct room_out out = {0};
	struct room *r = NULL;
	struct part *h = NULL, *g = NULL;
	struct room_join j = {.id = 1, .host = true, .name = SPAN_LIT("x")};
	int e = room_new(&r, 1, 1, &cfg);

	(void)arg;
	memcpy(j.uuid, "00000000-0000-4000-8000-000000000001", 37);
	e = e ? e : room_enter(r, &j, S, 1, &out, &h);
	j.id = 2;
	j.host = false;
	memcpy(j.uuid, "00000000-0000-4000-8000-000000000002", 37);
	e = e ? e : room_enter(r, &j, S, 1, &out, &g);
	if (!e) {
		const struct room_cmd c = {.op = RC_START, .actor = h};

		if (room_command(r, &c, S, 1, &out) != RR_OK)
			e = E_NOMEM;
		if (!e)
			assert_int_equal(g->state, PART_INSIDE);
	}
	if (r) {
		room_sweep(r);
		assert_null(room_broken(r));
	}
	room_out_release(&out);
	room_free(&r);
	return e;
}

static void test_room__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(oom_body, NULL, 100) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room__guest_waits_until_a_host_has_media),
		cmocka_unit_test(test_room__later_guest_goes_straight_in),
		cmocka_unit_test(test_room__host_without_media_may_start),
		cmocka_unit_test(test_room__waiting_guest_is_dropped_in_time),
		cmocka_unit_test(test_room__guests_alone_are_sent_home_after_a_minute),
		cmocka_unit_test(test_room__host_who_returns_stops_the_minute),
		cmocka_unit_test(test_room__last_one_is_sent_home_when_set),
		cmocka_unit_test(test_room__lock_with_host_pin_holds_guests_only),
		cmocka_unit_test(test_room__lock_without_pin_holds_everybody),
		cmocka_unit_test(test_room__open_locked_room_ends_when_nobody_can_admit),
		cmocka_unit_test(test_room__lock_outlives_the_host_while_guests_wait),
		cmocka_unit_test(test_room__admitted_before_the_start_is_alone_with_the_host),
		cmocka_unit_test(test_room__late_guest_starts_muted_when_guests_are),
		cmocka_unit_test(test_room__respects_limits),
		cmocka_unit_test(test_room__who_was_removed_may_not_return),
		cmocka_unit_test(test_room__rows_are_seen_by_those_entitled),
		cmocka_unit_test(test_room__returning_keeps_place_and_ends_the_old_call),
		cmocka_unit_test(test_room__lost_call_keeps_its_name_for_an_update),
		cmocka_unit_test(test_room__second_call_closes_the_first),
		cmocka_unit_test(test_room__comes_back_from_the_journal),
		cmocka_unit_test(test_room__torn_journal_settles_by_the_facts),
		cmocka_unit_test(test_part__name_is_fit_for_other_screens),
		cmocka_unit_test(test_room__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
