#include "room_kit.h"

#include "core/rooms/floor.h"

/* Action and next state. R refuse, - nothing, G grant, T take over, L let go;
 * F free, H held. Columns: TAKE_HOST TAKE_GUEST TAKE_BARRED TAKE_AGAIN RELEASE
 * RELEASE_LATE LOST. Written here a second time on purpose. */
static void test_floor_table__each_cell(void **state)
{
	static const char *const want[FLOOR_STATE_COUNT] = {
		[FLOOR_FREE] = "GHGHRFRFRF-FRF",
		[FLOOR_HELD] = "THRHRH-HLF-HLF",
	};
	static const char acts[FLOOR_DO_COUNT + 1] = "R-GTL";
	static const char states[FLOOR_STATE_COUNT + 1] = "FH";

	(void)state;
	for (int s = 0; s < FLOOR_STATE_COUNT; s++) {
		for (int e = 0; e < FLOOR_EV_COUNT; e++) {
			const struct floor_cell c = floor_cell(
				(enum floor_state)s, (enum floor_ev)e);

			assert_int_equal(acts[c.act], want[s][2 * e]);
			assert_int_equal(states[c.next], want[s][2 * e + 1]);
		}
	}
	assert_int_equal(floor_cell(FLOOR_STATE_COUNT, 0).act, FLOOR_REFUSE);
	assert_int_equal(floor_cell(FLOOR_HELD, FLOOR_EV_COUNT).act,
			 FLOOR_REFUSE);
}

/* --- in a room -------------------------------------------------------------- */

struct cast {
	struct kit k;
	struct part *h, *g, *g2;
};

static void cast_init(struct cast *c, bool guests_can_present)
{
	struct room_cfg cfg = kit_cfg(true);

	cfg.guests_can_present = guests_can_present;
	kit_init(&c->k, &cfg);
	c->h = kit_host(&c->k, "Hanna");
	c->g = kit_enter(&c->k, "Gus", false);
	kit_call(&c->k, c->g);
	c->g2 = kit_enter(&c->k, "Greta", false);
	kit_call(&c->k, c->g2);
}

static enum room_result take(struct cast *c, struct part *p)
{
	return kit_do(&c->k, p, RC_P_TAKE_FLOOR, p, "");
}

static enum room_result let_go(struct cast *c, struct part *p)
{
	return kit_do(&c->k, p, RC_P_RELEASE_FLOOR, p, "");
}

static void holds(struct cast *c, const struct part *p)
{
	assert_ptr_equal(room_presenter(c->k.r), p);
	assert_null(room_broken(c->k.r));
}

/* The one change that was said. */
static void passed(const struct cast *c, const struct part *to,
		   const struct part *from)
{
	const struct room_act *a = kit_said(&c->k, ACT_FLOOR, to);

	assert_int_equal(kit_count(&c->k, ACT_FLOOR), 1);
	assert_non_null(a);
	assert_ptr_equal(a->other, from);
}

static void test_floor__goes_to_who_asks_and_back(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c, true);
	assert_int_equal(take(&c, c.g), RR_OK);
	passed(&c, c.g, NULL);
	holds(&c, c.g);
	assert_int_equal(kit_count(&c.k, ACT_AUDIT), 1);
	assert_non_null(kit_said(&c.k, ACT_ROW_UPDATE, c.g));
	assert_int_equal(take(&c, c.g), RR_OK);
	assert_int_equal(kit_count(&c.k, ACT_FLOOR), 0);
	assert_int_equal(let_go(&c, c.g), RR_OK);
	passed(&c, NULL, c.g);
	holds(&c, NULL);
	kit_release(&c.k);
}

static void test_floor__a_host_takes_over_a_guest_does_not(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c, true);
	assert_int_equal(take(&c, c.g), RR_OK);
	assert_int_equal(take(&c, c.g2), RR_REFUSED);
	holds(&c, c.g);
	assert_int_equal(take(&c, c.h), RR_OK);
	passed(&c, c.h, c.g);
	assert_int_equal(take(&c, c.g), RR_REFUSED);
	/* what common clients say after they were taken over */
	assert_int_equal(let_go(&c, c.g), RR_OK);
	assert_int_equal(kit_count(&c.k, ACT_FLOOR), 0);
	holds(&c, c.h);
	kit_release(&c.k);
}

static void test_floor__guests_only_where_they_may(void **state)
{
	struct room_cfg cfg;
	struct cast c;

	(void)state;
	cast_init(&c, false);
	assert_int_equal(take(&c, c.g), RR_REFUSED);
	assert_int_equal(take(&c, c.h), RR_OK);
	assert_int_equal(let_go(&c, c.h), RR_OK);
	kit_next(&c.k);
	cfg = c.k.r->cfg;
	cfg.guests_can_present = true;
	assert_int_equal(room_configure(c.k.r, &cfg, c.k.now, &c.k.out), 0);
	assert_int_equal(take(&c, c.g), RR_OK);
	/* and no longer */
	kit_next(&c.k);
	cfg.guests_can_present = false;
	assert_int_equal(room_configure(c.k.r, &cfg, c.k.now, &c.k.out), 0);
	passed(&c, NULL, c.g);
	holds(&c, NULL);
	kit_release(&c.k);
}

static void test_floor__is_lost_with_role_call_or_presence(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c, false);
	assert_int_equal(kit_do(&c.k, c.h, RC_P_ROLE, c.g, "chair"), RR_OK);
	assert_int_equal(take(&c, c.g), RR_OK);
	assert_int_equal(kit_do(&c.k, c.h, RC_P_ROLE, c.g, "guest"), RR_OK);
	passed(&c, NULL, c.g);
	assert_int_equal(take(&c, c.h), RR_OK);
	kit_next(&c.k);
	assert_int_equal(room_leg_gone(c.k.r, c.h, false, c.k.now, &c.k.out),
			 0);
	passed(&c, NULL, c.h);
	assert_int_equal(take(&c, c.h), RR_REFUSED);	/* no call */
	kit_call(&c.k, c.h);
	assert_int_equal(take(&c, c.h), RR_OK);
	kit_next(&c.k);
	assert_int_equal(room_leave(c.k.r, c.h, EXIT_RELEASED, c.k.now,
				    &c.k.out), 0);
	passed(&c, NULL, c.h);
	holds(&c, NULL);
	kit_release(&c.k);
}

static void test_floor__the_end_of_all_frees_it(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c, true);
	assert_int_equal(take(&c, c.g), RR_OK);
	kit_next(&c.k);
	assert_int_equal(room_end(c.k.r, EXIT_ADMIN_ALL, c.k.now, &c.k.out),
			 0);
	kit_next(&c.k);
	holds(&c, NULL);
	kit_release(&c.k);
}

static void test_floor__wishes_are_counted(void **state)
{
	struct cast c;
	int got = 0;

	(void)state;
	cast_init(&c, true);
	for (int i = 0; i < 3 * FLOOR_BURST; i++)
		got += take(&c, c.g) == RR_OK;
	assert_int_equal(got, FLOOR_BURST);
	assert_int_equal(take(&c, c.g), RR_BUSY);
	/* others are not hurt, and letting go is never refused */
	assert_int_equal(take(&c, c.h), RR_OK);
	assert_int_equal(let_go(&c, c.h), RR_OK);
	c.k.now += 2 * S;
	assert_int_equal(take(&c, c.g), RR_OK);
	kit_release(&c.k);
}

static void test_floor__who_is_not_shown(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c, true);
	assert_int_equal(take(&c, c.h), RR_OK);
	assert_true(room_shows(c.h, c.g));
	assert_false(room_shows(c.h, c.h));
	assert_int_equal(kit_do(&c.k, c.h, RC_P_DENY_SLIDES, c.g, ""), RR_OK);
	assert_false(room_shows(c.h, c.g));
	assert_non_null(kit_said(&c.k, ACT_SHOWN, c.g));
	assert_non_null(kit_said(&c.k, ACT_LEG_SET, c.g));
	assert_int_equal(kit_do(&c.k, c.h, RC_P_ALLOW_SLIDES, c.g, ""), RR_OK);
	assert_true(room_shows(c.h, c.g));
	/* he may still present */
	kit_release(&c.k);
}

static void test_floor__survives_a_restart_with_its_holder(void **state)
{
	struct cast c, d;
	const struct room_cfg cfg = kit_cfg(true);

	(void)state;
	cast_init(&c, true);
	assert_int_equal(take(&c, c.g), RR_OK);
	kit_init(&d.k, &cfg);
	d.k.r->presenter = c.g->id;
	d.k.r->started = true;
	assert_int_equal(room_restore_part(d.k.r, c.h), 0);
	assert_int_equal(room_restore_part(d.k.r, c.g), 0);
	assert_int_equal(room_restore_done(d.k.r, d.k.now, &d.k.out), 0);
	assert_int_equal(room_presenter(d.k.r)->id, c.g->id);
	kit_release(&d.k);
	/* or is free, when his record is not there */
	kit_init(&d.k, &cfg);
	d.k.r->presenter = c.g->id;
	d.k.r->started = true;
	assert_int_equal(room_restore_part(d.k.r, c.h), 0);
	assert_int_equal(room_restore_done(d.k.r, d.k.now, &d.k.out), 0);
	assert_null(room_presenter(d.k.r));
	assert_null(room_broken(d.k.r));
	kit_release(&d.k);
	kit_release(&c.k);
}

#define T(x) cmocka_unit_test(test_floor##x)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(_table__each_cell),
		T(__goes_to_who_asks_and_back),
		T(__a_host_takes_over_a_guest_does_not),
		T(__guests_only_where_they_may),
		T(__is_lost_with_role_call_or_presence),
		T(__the_end_of_all_frees_it),
		T(__wishes_are_counted),
		T(__who_is_not_shown),
		T(__survives_a_restart_with_its_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
