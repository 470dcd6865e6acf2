#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "core/rooms/stage.h"

#define S UINT64_C(1000000000)
enum { VP8 = 16, H264 = 17 };

struct kit {
	struct stage *s;
	struct stage_in in;
	struct stage_person people[STAGE_PEOPLE_MAX];
	struct stage_out out;
	uint64_t now;
};

/* Person i has leg 1 + i. */
static struct kit *kit(uint32_t n)
{
	struct kit *k = mem_zalloc(sizeof(*k));

	assert_int_equal(stage_new(&k->s), 0);
	k->now = S;
	for (uint32_t i = 0; i < n; i++)
		k->people[i] = (struct stage_person){.leg = 1 + i,
						     .shows = true,
						     .codec = VP8};
	k->in = (struct stage_in){.people = k->people, .n = n, .view = "1:7",
				  .groups_max = 6, .personal_max = 3};
	return k;
}

static void done(struct kit *k)
{
	stage_free(&k->s);
	mem_free(k);
}

static bool plan(struct kit *k)
{
	return stage_plan(k->s, &k->in, k->now, &k->out);
}

static void speak(struct kit *k, uint64_t leg, uint64_t ns)
{
	const struct stage_speaker sp = {leg, 90};

	(void)stage_speakers(k->s, &sp, 1, k->now);
	k->now += ns;
	(void)stage_speakers(k->s, &sp, 1, k->now);
	plan(k);
}

static const struct stage_group *group_of(const struct kit *k, uint64_t leg)
{
	for (uint32_t i = 0; i < k->out.n_receivers; i++) {
		if (k->out.receivers[i].leg != leg)
			continue;
		for (uint32_t g = 0; g < k->out.n_groups; g++)
			if (k->out.groups[g].id == k->out.receivers[i].group)
				return &k->out.groups[g];
	}
	return NULL;
}

static bool shows(const struct stage_group *g, uint64_t leg)
{
	for (uint32_t i = 0; i < g->n_slots; i++)
		if (g->slots[i] == leg)
			return true;
	return false;
}

/* What must hold for every plan. */
static void sound(const struct kit *k)
{
	assert_true(k->out.n_groups <= k->in.groups_max);
	for (uint32_t i = 0; i < k->out.n_groups; i++) {
		const struct stage_group *g = &k->out.groups[i];

		assert_true(g->n_slots <= STAGE_SLOTS_MAX);
		for (uint32_t a = 0; a < g->n_slots; a++) {
			assert_true(g->slots[a] != 0);
			for (uint32_t b = 0; b < a; b++)
				assert_true(g->slots[a] != g->slots[b]);
		}
		for (uint32_t j = 0; j < i; j++)
			assert_true(g->id != k->out.groups[j].id);
	}
	for (uint32_t i = 0; i < k->in.n; i++) {
		const struct stage_person *p = &k->people[i];
		const struct stage_group *g = group_of(k, p->leg);

		if (!g)
			continue;
		assert_int_equal(g->codec, p->codec);
		/* Nobody who waits sees anyone, and the other way round. */
		assert_true((p->wait != VIEW_NONE) ==
			    (g->view == VIEW_WAIT_HOST ||
			     g->view == VIEW_WAIT_LOCK));
		assert_true(stage_splash(g->view) == NULL || !g->n_slots);
	}
	for (uint32_t i = 0; i < k->out.n_needed; i++)
		for (uint32_t j = 0; j < k->in.n; j++)
			if (k->people[j].leg == k->out.needed[i])
				assert_true(k->people[j].wait == VIEW_NONE);
}

static void test_stage__alone_sees_a_splash(void **state)
{
	struct kit *k = kit(1);

	(void)state;
	plan(k);
	sound(k);
	assert_int_equal(k->out.n_groups, 1);
	assert_string_equal(stage_splash(k->out.groups[0].view), "alone");
	assert_string_equal(k->out.groups[0].layout, "splash");
	assert_int_equal(k->out.n_needed, 0);
	done(k);
}

static void test_stage__telephones_share_one_picture_with_slides(void **state)
{
	struct kit *k = kit(12);
	const struct stage_group *g;

	(void)state;
	k->people[4].mixes = k->people[5].mixes = k->people[6].mixes = true;
	memcpy(k->in.view, "4:0", 4);
	plan(k);
	sound(k);
	/* nobody presents: nothing differs */
	assert_ptr_equal(group_of(k, 5), group_of(k, 1));
	assert_int_equal(group_of(k, 5)->slides, 0);
	k->in.presenter = 7;
	assert_true(plan(k));
	sound(k);
	g = group_of(k, 5);
	assert_int_equal(g->view, VIEW_PRESENTED);
	assert_int_equal(g->slides, 7);
	assert_string_equal(g->layout, "1:7");
	assert_true(g->n_slots > 0 && g->n_slots <= 7);
	assert_ptr_equal(group_of(k, 6), g);
	/* not to himself, and not to those who have a section for it */
	assert_true(group_of(k, 7) != g && !group_of(k, 7)->slides);
	assert_true(group_of(k, 1) != g && !group_of(k, 1)->slides);
	/* another presenter is another picture of the same group */
	k->in.presenter = 1;
	assert_true(plan(k));
	assert_int_equal(group_of(k, 5)->slides, 1);
	assert_ptr_equal(group_of(k, 7), group_of(k, 5));
	k->in.presenter = 0;
	assert_true(plan(k));
	assert_int_equal(group_of(k, 5)->slides, 0);
	done(k);
}

static uint32_t slides_id(const struct kit *k, uint64_t leg)
{
	for (uint32_t i = 0; i < k->out.n_receivers; i++)
		if (k->out.receivers[i].leg == leg)
			return k->out.receivers[i].slides;
	return 0;
}

static const struct stage_group *by_id(const struct kit *k, uint32_t id)
{
	for (uint32_t i = 0; i < k->out.n_groups; i++)
		if (k->out.groups[i].id == id)
			return &k->out.groups[i];
	return NULL;
}

static void test_stage__slides_sections_get_what_they_can_take(void **state)
{
	struct kit *k = kit(6);
	const struct stage_group *g;
	uint32_t id;

	(void)state;
	k->people[1].slides_codec = k->people[2].slides_codec = H264;
	k->people[3].slides_codec = VP8;
	k->people[3].slides_takes.max_fs = 1000;
	plan(k);
	assert_int_equal(slides_id(k, 2), 0);	/* nobody presents */
	k->in.presenter = 1;
	assert_true(plan(k));
	sound(k);
	id = slides_id(k, 2);
	g = by_id(k, id);
	assert_non_null(g);
	assert_int_equal(g->view, VIEW_SLIDES);
	assert_string_equal(g->layout, "slides");
	assert_int_equal(g->slides, 1);
	assert_int_equal(g->codec, H264);
	assert_int_equal(g->step->width, 1280);
	assert_int_equal(g->n_slots, 0);
	assert_int_equal(slides_id(k, 3), id);
	assert_int_equal(g->receivers, 2);
	assert_int_equal(by_id(k, slides_id(k, 4))->step->width, 640);
	assert_int_equal(by_id(k, slides_id(k, 4))->codec, VP8);
	/* not to those who are forwarded to, nor to himself */
	assert_int_equal(slides_id(k, 1) + slides_id(k, 5), 0);
	assert_false(group_of(k, 2)->slides);
	/* another presenter: the same encoder goes on */
	k->in.presenter = 6;
	assert_true(plan(k));
	assert_int_equal(slides_id(k, 2), id);
	assert_int_equal(by_id(k, id)->slides, 6);
	/* who waits sees nothing */
	k->people[1].wait = VIEW_WAIT_LOCK;
	assert_true(plan(k));
	assert_int_equal(slides_id(k, 2), 0);
	k->in.presenter = 3;
	assert_true(plan(k));
	assert_int_equal(slides_id(k, 3), 0);
	done(k);
}

static void test_stage__presentation_is_never_merged_with_people(void **state)
{
	struct kit *k = kit(8);

	(void)state;
	for (uint32_t i = 4; i < 8; i++)
		k->people[i].codec = k->people[i].slides_codec = H264;
	k->people[5].slides_takes.max_fs = 1000;
	k->people[6].takes.max_fs = 1000;
	k->in.presenter = 1;
	k->in.groups_max = 3;
	plan(k);
	sound(k);
	for (uint64_t leg = 5; leg <= 8; leg++) {
		assert_string_equal(by_id(k, slides_id(k, leg))->layout,
				    "slides");
		assert_string_not_equal(group_of(k, leg)->layout, "slides");
	}
	/* merged into the size that all of them take */
	assert_int_equal(by_id(k, slides_id(k, 8))->step->width, 640);
	assert_int_equal(group_of(k, 8)->step->width, 640);
	done(k);
}

static void test_stage__nobody_gets_a_larger_picture_than_he_takes(void **state)
{
	static const struct {
		uint32_t max_fs, max_mbps, width, fps;
	} rows[] = {
		{0, 0, 1280, 25}, {3600, 108000, 1280, 25},	/* 3.1 */
		{3600, 40500, 640, 25}, {1620, 40500, 640, 25},	/* 3 */
		{1620, 20250, 640, 22},			/* 2.2 */
		{396, 11880, 320, 15},			/* 1.3 */
		{396, 3000, 320, 12},			/* 1.1 */
		{99, 1485, 0, 0},			/* 1: none */
		{3600, 54000, 1280, 15},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kit *k = kit(6);
		const struct stage_group *g;

		k->people[4].codec = H264;
		k->people[4].takes = (struct stage_takes){rows[i].max_fs,
							  rows[i].max_mbps};
		plan(k);
		sound(k);
		g = group_of(k, 5);
		assert_int_equal(g ? g->step->width : 0, rows[i].width);
		assert_int_equal(g ? g->fps : 0, rows[i].fps);
		assert_int_equal(group_of(k, 1)->step->width, 1280);
		assert_int_equal(group_of(k, 1)->fps, 25);
		/* and so with what he is shown while he waits */
		k->people[4].wait = VIEW_WAIT_HOST;
		plan(k);
		g = group_of(k, 5);
		assert_int_equal(g ? g->step->width : 0,
				 rows[i].width > 640 ? 640 : rows[i].width);
		done(k);
	}
}

static void test_stage__up_to_three_never_see_themselves(void **state)
{
	(void)state;
	for (uint32_t n = 2; n <= 3; n++) {
		struct kit *k = kit(n);

		plan(k);
		sound(k);
		assert_int_equal(k->out.n_groups, n);
		for (uint64_t leg = 1; leg <= n; leg++) {
			const struct stage_group *g = group_of(k, leg);

			assert_int_equal(g->n_slots, n - 1);
			assert_false(shows(g, leg));
		}
		assert_int_equal(k->out.n_needed, n);
		done(k);
	}
}

static void test_stage__more_share_one_picture_but_the_main_one(void **state)
{
	struct kit *k = kit(6);
	const struct stage_group *shared, *main;

	(void)state;
	plan(k);
	speak(k, 4, 2 * S);
	sound(k);
	assert_int_equal(stage_main(k->s), 4);
	assert_int_equal(k->out.n_groups, 2);
	shared = group_of(k, 1);
	main = group_of(k, 4);
	assert_ptr_not_equal(shared, main);
	assert_int_equal(shared->receivers, 5);
	assert_int_equal(shared->slots[0], 4);
	assert_int_equal(shared->n_slots, 6);
	/* He sees the one before him large, himself in that one's place. */
	assert_int_equal(main->slots[0], 1);
	assert_int_equal(main->n_slots, 6);
	for (uint32_t i = 1; i < 6; i++)
		if (shared->slots[i] == 1)
			assert_int_equal(main->slots[i], 4);
	done(k);
}

static void test_stage__speaker_must_lead_for_a_second(void **state)
{
	struct kit *k = kit(5);

	(void)state;
	plan(k);
	assert_int_equal(stage_main(k->s), 1);
	speak(k, 3, S / 2);
	assert_int_equal(stage_main(k->s), 1);
	/* Someone else in between: the lead starts anew. */
	speak(k, 2, S / 4);
	speak(k, 3, S - 1);
	assert_int_equal(stage_main(k->s), 1);
	assert_int_equal(stage_due_ns(k->s), k->now + 1);
	speak(k, 3, S);
	assert_int_equal(stage_main(k->s), 3);
	done(k);
}

static void test_stage__main_person_sees_who_else_talks(void **state)
{
	struct kit *k = kit(6);
	const struct stage_speaker both[] = {{2, 90}, {5, 60}};

	(void)state;
	plan(k);
	speak(k, 4, 2 * S);
	speak(k, 2, 2 * S);
	assert_int_equal(group_of(k, 2)->slots[0], 4);
	(void)stage_speakers(k->s, both, 2, k->now);
	assert_int_equal(stage_due_ns(k->s), k->now + S);
	k->now += S;
	assert_true(stage_speakers(k->s, both, 2, k->now));
	plan(k);
	sound(k);
	assert_int_equal(stage_main(k->s), 2);
	assert_int_equal(group_of(k, 2)->slots[0], 5);
	assert_int_equal(group_of(k, 1)->slots[0], 2);
	done(k);
}

static void test_stage__a_lead_ends_with_silence(void **state)
{
	struct kit *k = kit(5);
	const struct stage_speaker quiet = {3, STAGE_VAD_MIN - 1};

	(void)state;
	plan(k);
	speak(k, 3, S / 2);
	(void)stage_speakers(k->s, &quiet, 1, k->now);
	k->now += 5 * S;
	plan(k);
	assert_int_equal(stage_main(k->s), 1);
	assert_int_equal(stage_due_ns(k->s), 0);
	done(k);
}

static void test_stage__unchanged_room_has_an_unchanged_plan(void **state)
{
	struct kit *k = kit(7);

	(void)state;
	assert_true(plan(k));
	assert_false(plan(k));
	k->people[2].shows = false;
	assert_true(plan(k));
	done(k);
}

static void test_stage__groups_keep_their_numbers(void **state)
{
	struct kit *k = kit(6);
	uint32_t shared, main;

	(void)state;
	speak(k, 2, 2 * S);
	shared = group_of(k, 1)->id;
	main = group_of(k, 2)->id;
	speak(k, 3, 2 * S);
	assert_int_equal(group_of(k, 1)->id, shared);
	assert_int_equal(group_of(k, 2)->id, shared);
	assert_int_equal(group_of(k, 3)->id, main);
	done(k);
}

static void test_stage__people_keep_their_places(void **state)
{
	struct kit *k = kit(6);
	uint64_t before[STAGE_SLOTS_MAX];

	(void)state;
	speak(k, 2, 2 * S);
	memcpy(before, group_of(k, 1)->slots, sizeof(before));
	speak(k, 5, 2 * S);
	for (uint32_t i = 1; i < 6; i++)
		if (before[i] != 5)
			assert_int_equal(group_of(k, 1)->slots[i], before[i]);
	done(k);
}

static void test_stage__full_picture_takes_speakers_before_cameras(
	void **state)
{
	struct kit *k = kit(20);

	(void)state;
	k->people[4].shows = false;
	plan(k);
	sound(k);
	assert_int_equal(group_of(k, 1)->n_slots, 8);
	assert_false(shows(group_of(k, 1), 5));
	speak(k, 20, 2 * S);
	sound(k);
	assert_int_equal(group_of(k, 1)->slots[0], 20);
	speak(k, 5, 2 * S);
	assert_int_equal(group_of(k, 1)->slots[0], 5);
	assert_true(shows(group_of(k, 1), 20));
	done(k);
}

static void test_stage__leaver_leaves_no_hole(void **state)
{
	struct kit *k = kit(6);

	(void)state;
	plan(k);
	k->people[1] = k->people[5];
	k->in.n = 5;
	plan(k);
	sound(k);
	assert_int_equal(group_of(k, 1)->n_slots, 5);
	assert_false(shows(group_of(k, 1), 2));
	done(k);
}

static void test_stage__main_who_leaves_is_followed_by_the_former(void **state)
{
	struct kit *k = kit(6);

	(void)state;
	speak(k, 2, 2 * S);
	speak(k, 6, 2 * S);
	k->in.n = 5;
	plan(k);
	sound(k);
	assert_int_equal(stage_main(k->s), 2);
	done(k);
}

static void test_stage__waiting_see_splashes_only(void **state)
{
	struct kit *k = kit(6);

	(void)state;
	k->people[4].wait = VIEW_WAIT_HOST;
	k->people[5].wait = VIEW_WAIT_LOCK;
	plan(k);
	sound(k);
	assert_string_equal(stage_splash(group_of(k, 5)->view),
			    "waiting_for_host");
	assert_string_equal(stage_splash(group_of(k, 6)->view), "locked");
	assert_false(shows(group_of(k, 1), 5));
	done(k);
}

static void test_stage__merges_to_the_cap_and_never_the_waiting(void **state)
{
	(void)state;
	for (uint32_t cap = 1; cap <= 6; cap++) {
		struct kit *k = kit(12);
		static const uint32_t kbps[] = {0, 300, 100};

		for (uint32_t i = 0; i < 12; i++) {
			k->people[i].codec = i % 2 ? VP8 : H264;
			k->people[i].kbps_down = kbps[i % 3];
		}
		k->people[10].wait = VIEW_WAIT_HOST;
		k->people[11].wait = VIEW_WAIT_LOCK;
		k->in.groups_max = cap;
		plan(k);
		sound(k);
		assert_int_equal(k->out.n_groups, cap);
		done(k);
	}
}

static void test_stage__merging_takes_the_smaller_step(void **state)
{
	struct kit *k = kit(5);

	(void)state;
	k->in.view[0] = '4';
	k->in.view[2] = '0';
	k->people[0].kbps_down = 100;
	k->in.groups_max = 1;
	plan(k);
	sound(k);
	assert_int_equal(k->out.groups[0].step->width, 320);
	done(k);
}

static void test_stage__weak_downlink_gets_a_smaller_picture(void **state)
{
	struct kit *k = kit(5);
	uint64_t since;

	(void)state;
	k->people[4].kbps_down = 500;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 640);
	assert_int_equal(group_of(k, 2)->step->width, 1280);
	/* Up again only after calm, and with something to spare. */
	since = k->now;
	k->people[4].kbps_down = 750;
	k->now += S;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 640);
	k->people[4].kbps_down = 2000;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 640);
	assert_int_equal(stage_due_ns(k->s), since + STAGE_CALM_NS);
	k->now = since + STAGE_CALM_NS;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 1280);
	done(k);
}

static void test_stage__keyframe_storm_moves_one_step_down(void **state)
{
	struct kit *k = kit(5);

	(void)state;
	plan(k);
	k->people[4].storm = true;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 640);
	assert_int_equal(group_of(k, 2)->step->width, 1280);
	k->now += S;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 640);
	k->people[4].storm = false;
	k->now += 20 * S;
	plan(k);
	assert_int_equal(group_of(k, 5)->step->width, 1280);
	done(k);
}

static void test_stage__setting_bounds_the_best_step(void **state)
{
	struct kit *k = kit(5);

	(void)state;
	k->in.step_min = 1;
	plan(k);
	for (uint32_t i = 0; i < k->out.n_groups; i++)
		assert_int_equal(k->out.groups[i].step->width, 640);
	done(k);
}

static void test_stage__loaded_worker_gets_no_personal_pictures(void **state)
{
	struct kit *k = kit(3);

	(void)state;
	k->in.load_permille = 900;
	plan(k);
	sound(k);
	assert_int_equal(k->out.n_groups, 2);
	k->in.load_permille = 700;
	plan(k);
	assert_int_equal(k->out.n_groups, 2);
	k->in.load_permille = 500;
	plan(k);
	assert_int_equal(k->out.n_groups, 3);
	done(k);
}

static void test_stage__spotlight_takes_the_main_place(void **state)
{
	struct kit *k = kit(6);

	(void)state;
	k->people[3].spotlight_us = 20;
	k->people[4].spotlight_us = 10;
	plan(k);
	assert_int_equal(stage_main(k->s), 5);
	speak(k, 1, 3 * S);
	assert_int_equal(stage_main(k->s), 5);
	done(k);
}

static void test_stage__one_to_nothing_never_shows_oneself(void **state)
{
	(void)state;
	for (uint32_t n = 2; n < 6; n++) {
		struct kit *k = kit(n);

		k->in.view[2] = '0';
		speak(k, 2, 2 * S);
		sound(k);
		for (uint64_t leg = 1; leg <= n; leg++) {
			assert_int_equal(group_of(k, leg)->n_slots, 1);
			assert_false(shows(group_of(k, leg), leg));
		}
		done(k);
	}
}

static void test_stage__no_call_no_picture(void **state)
{
	struct kit *k = kit(5);

	(void)state;
	k->people[0].leg = 0;
	k->people[1].codec = 0;
	plan(k);
	sound(k);
	assert_int_equal(k->out.n_receivers, 4);
	assert_null(group_of(k, 2));
	/* Heard only: he has a name tile. */
	assert_true(shows(group_of(k, 3), 2));
	done(k);
}

/* Long random life of a room; sound() after each step. */
static void test_stage__stays_sound_in_a_random_life(void **state)
{
	struct kit *k = kit(0);
	uint64_t next = 1;
	static const char *const views[] = {"1:7", "1:0", "4:0", "25:0"};

	(void)state;
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		const uint32_t r = (uint32_t)random();
		struct stage_person *p = k->in.n ?
			&k->people[r / 16 % k->in.n] : NULL;

		k->now += S / 4;
		if (!p || (r % 8 == 0 && k->in.n < 40)) {
			k->people[k->in.n++] = (struct stage_person){
				.leg = next++, .shows = r & 64,
				.codec = r & 128 ? VP8 : H264};
		} else if (r % 8 == 1) {
			memmove(p, p + 1, (size_t)(k->people + --k->in.n - p) *
				sizeof(*p));
		} else if (r % 8 == 2) {
			p->kbps_down = r >> 8 & 0xfff;
			p->storm = (r >> 20 & 7) == 0;
		} else if (r % 8 == 3) {
			p->wait = (enum stage_view)((r >> 8) % 3 ? VIEW_NONE :
				VIEW_WAIT_HOST + (int)(r >> 12 & 1));
		} else if (r % 8 == 4) {
			p->shows = !p->shows;
			p->spotlight_us = (r >> 8) % 16 ? 0 : i;
		} else if ((r >> 8) % 64 == 0) {
			memcpy(k->in.view, views[r >> 16 & 3],
			       strlen(views[r >> 16 & 3]) + 1);
			k->in.groups_max = 1 + (r >> 18) % 16;
			k->in.personal_max = (r >> 22) % 7;
		} else {
			const struct stage_speaker s = {p->leg, 50};

			(void)stage_speakers(k->s, &s, 1, k->now);
		}
		plan(k);
		sound(k);
	}
	done(k);
}

static void test_stage__plans_a_thousand_people_quickly(void **state)
{
	struct kit *k = kit(1000);
	struct timespec a, b;

	(void)state;
	plan(k);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 50; i++)
		plan(k);
	clock_gettime(CLOCK_MONOTONIC, &b);
	print_message("plan of 1000: %.2f ms\n",
		      ((double)(b.tv_sec - a.tv_sec) * 1e3 +
		       (double)(b.tv_nsec - a.tv_nsec) / 1e6) / 50);
	sound(k);
	done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stage__alone_sees_a_splash),
		cmocka_unit_test(test_stage__telephones_share_one_picture_with_slides),
		cmocka_unit_test(
			test_stage__slides_sections_get_what_they_can_take),
		cmocka_unit_test(
			test_stage__presentation_is_never_merged_with_people),
		cmocka_unit_test(
			test_stage__nobody_gets_a_larger_picture_than_he_takes),
		cmocka_unit_test(test_stage__up_to_three_never_see_themselves),
		cmocka_unit_test(test_stage__more_share_one_picture_but_the_main_one),
		cmocka_unit_test(test_stage__speaker_must_lead_for_a_second),
		cmocka_unit_test(test_stage__main_person_sees_who_else_talks),
		cmocka_unit_test(test_stage__a_lead_ends_with_silence),
		cmocka_unit_test(test_stage__unchanged_room_has_an_unchanged_plan),
		cmocka_unit_test(test_stage__groups_keep_their_numbers),
		cmocka_unit_test(test_stage__people_keep_their_places),
		cmocka_unit_test(test_stage__full_picture_takes_speakers_before_cameras),
		cmocka_unit_test(test_stage__leaver_leaves_no_hole),
		cmocka_unit_test(test_stage__main_who_leaves_is_followed_by_the_former),
		cmocka_unit_test(test_stage__waiting_see_splashes_only),
		cmocka_unit_test(test_stage__merges_to_the_cap_and_never_the_waiting),
		cmocka_unit_test(test_stage__merging_takes_the_smaller_step),
		cmocka_unit_test(test_stage__weak_downlink_gets_a_smaller_picture),
		cmocka_unit_test(test_stage__keyframe_storm_moves_one_step_down),
		cmocka_unit_test(test_stage__setting_bounds_the_best_step),
		cmocka_unit_test(test_stage__loaded_worker_gets_no_personal_pictures),
		cmocka_unit_test(test_stage__spotlight_takes_the_main_place),
		cmocka_unit_test(test_stage__one_to_nothing_never_shows_oneself),
		cmocka_unit_test(test_stage__no_call_no_picture),
		cmocka_unit_test(test_stage__stays_sound_in_a_random_life),
		cmocka_unit_test(test_stage__plans_a_thousand_people_quickly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
