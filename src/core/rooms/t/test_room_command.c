#include "room_kit.h"

/* Who may give each command: actor x target. Columns:
 *   host self | host on guest | host on waiting | guest self | guest on host |
 *   guest when guests may not unmute, self | waiting self | waiting on host
 * Y carried out, . refused for the role, ? no such person for him, x refused
 * for everybody, ! illegal (no text given). For commands of the room the
 * target plays no part. */
static const char *const want[RC_COUNT] = {
	[RC_LOCK] =		 "YYY.....",
	[RC_UNLOCK] =		 "YYY.....",
	[RC_START] =		 "YYY.....",
	[RC_MUTE_GUESTS] =	 "YYY.....",
	[RC_UNMUTE_GUESTS] =	 "YYY.....",
	[RC_GUESTS_CAN_UNMUTE] = "YYY.....",
	[RC_DISCONNECT_ALL] =	 "YYY.....",
	[RC_MESSAGE] =		 "YYYYYY..",
	[RC_CLEAR_ALL_BUZZ] =	 "YYY.....",
	[RC_LAYOUT] =		 "!!!.....",
	[RC_P_DISCONNECT] =	 "YYYY.YY?",
	[RC_P_MUTE] =		 "YYYY.YY?",
	[RC_P_UNMUTE] =		 "YYYY....",
	[RC_P_CLIENT_MUTE] =	 "Y..Y.YY?",
	[RC_P_CLIENT_UNMUTE] =	 "Y..Y.YY?",
	[RC_P_VIDEO_MUTED] =	 "YYYY.YY?",
	[RC_P_VIDEO_UNMUTED] =	 "YYYY.YY?",
	[RC_P_ADMIT] =		 "YYY.....",
	[RC_P_TAKE_FLOOR] =	 "Y..x.x..",	/* the guest has no call */
	[RC_P_RELEASE_FLOOR] =	 "Y..Y.YY?",
	[RC_P_BUZZ] =		 "Y..Y.Y..",
	[RC_P_CLEAR_BUZZ] =	 "YYYY.Y..",
	[RC_P_SPOTLIGHT_ON] =	 "YYY.....",
	[RC_P_SPOTLIGHT_OFF] =	 "YYY.....",
	[RC_P_ROLE] =		 "!!!.....",
	[RC_P_ASPECT] =		 "Y..Y.YY?",
	[RC_P_MESSAGE] =	 "YYxYYY..",
	[RC_P_OVERLAY] =	 "YYY.....",
	[RC_P_ALLOW_SLIDES] =	 "YYY.....",
	[RC_P_DENY_SLIDES] =	 "YYY.....",
	[RC_P_FECC] =		 "xxx.....",	/* nobody has a camera */
};

struct cast {
	struct kit k;
	struct part *h, *g, *w;
};

static void cast_init(struct cast *c)
{
	const struct room_cfg cfg = kit_cfg(true);

	kit_init(&c->k, &cfg);
	c->h = kit_host(&c->k, "Hanna");
	c->g = kit_enter(&c->k, "Gus", false);
	kit_do(&c->k, c->h, RC_LOCK, NULL, "");
	c->w = kit_enter(&c->k, "Will", false);
	assert_int_equal(c->w->state, PART_WAIT_LOCK);
}

static char letter(enum room_result r)
{
	switch (r) {
	case RR_OK:
		return 'Y';
	case RR_NOT_FOUND:
		return '?';
	case RR_REFUSED:
		return 'x';
	case RR_ILLEGAL:
		return '!';
	case RR_INVALID_ROLE:
		return '.';
	default:
		return 'b';
	}
}

static void test_command__each_cell(void **state)
{
	(void)state;
	for (int op = RC_NONE + 1; op < RC_COUNT; op++) {
		for (int col = 0; col < 8; col++) {
			struct cast c;
			struct part *actor, *target;
			char got;

			cast_init(&c);
			c.k.r->guests_can_unmute = col != 5;
			actor = col < 3 ? c.h : col < 6 ? c.g : c.w;
			target = col == 0 ? c.h : col == 1 ? c.g :
				 col == 2 ? c.w : col == 4 || col == 7 ? c.h :
				 actor;
			got = letter(kit_do(&c.k, actor, (enum room_op)op,
					    target, ""));
			if (got != want[op][col])
				print_error("%s, column %d\n",
					    room_op_name((enum room_op)op),
					    col);
			assert_int_equal(got, want[op][col]);
			kit_next(&c.k);
			kit_release(&c.k);
		}
	}
}

static void test_command__unknown_is_refused_and_counted(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	assert_int_equal(kit_do(&c.k, c.h, RC_NONE, NULL, ""),
			 RR_INVALID_ROLE);
	assert_int_equal(kit_do(&c.k, c.h, RC_COUNT, NULL, ""),
			 RR_INVALID_ROLE);
	assert_int_equal(c.k.r->refused, 2);
	assert_int_equal(room_op_who(RC_COUNT), 0);
	kit_release(&c.k);
}

static void test_command__guest_cannot_probe_for_people(void **state)
{
	struct cast c;
	struct room_cmd cmd = {.op = RC_P_ADMIT,
			       .target = SPAN_LIT("nobody")};

	(void)state;
	cast_init(&c);
	cmd.actor = c.g;
	assert_int_equal(room_command(c.k.r, &cmd, S, 1, &c.k.out),
			 RR_INVALID_ROLE);
	cmd.actor = c.h;
	assert_int_equal(room_command(c.k.r, &cmd, S, 1, &c.k.out),
			 RR_NOT_FOUND);
	kit_release(&c.k);
}

static void test_command__mute_reaches_media_rows_and_journal(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	kit_do(&c.k, c.h, RC_P_MUTE, c.g, "");
	assert_true(c.g->muted);
	assert_non_null(kit_said(&c.k, ACT_LEG_SET, c.g));
	assert_int_equal(kit_said(&c.k, ACT_ROW_UPDATE, c.g)->aud, AUD_SEEING);
	assert_non_null(kit_said(&c.k, ACT_SAVE_PART, c.g));
	assert_string_equal(kit_said(&c.k, ACT_AUDIT, c.h)->text,
			    "participant.mute");
	/* A second time says nothing. */
	kit_do(&c.k, c.h, RC_P_MUTE, c.g, "");
	assert_int_equal(kit_count(&c.k, ACT_ROW_UPDATE), 0);
	kit_release(&c.k);
}

static void test_command__kick_revokes_and_tells_why(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	kit_do(&c.k, c.h, RC_P_DISCONNECT, c.g, "");
	assert_int_equal(c.g->state, PART_GONE);
	assert_non_null(kit_said(&c.k, ACT_REVOKE, c.g));
	assert_string_equal(kit_said(&c.k, ACT_DISCONNECT, c.g)->text,
			    "Disconnected by another participant");
	kit_release(&c.k);
}

static void test_command__leaving_oneself_keeps_the_way_back(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	kit_do(&c.k, c.g, RC_P_DISCONNECT, c.g, "");
	assert_non_null(kit_said(&c.k, ACT_DETACH, c.g));
	assert_null(kit_said(&c.k, ACT_DISCONNECT, c.g)->text);
	kit_release(&c.k);
}

static void test_command__disconnect_all_ends_the_meeting(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	assert_int_equal(kit_do(&c.k, c.h, RC_DISCONNECT_ALL, NULL, ""),
			 RR_OK);
	assert_int_equal(kit_count(&c.k, ACT_DISCONNECT), 3);
	assert_int_equal(kit_count(&c.k, ACT_ROW_DELETE), 0);
	assert_int_equal(kit_count(&c.k, ACT_ROOM_END), 1);
	kit_next(&c.k);
	assert_int_equal(c.k.r->state, ROOM_IDLE);
	assert_int_equal(c.k.r->n_parts, 0);
	assert_false(c.k.r->locked);
	kit_release(&c.k);
}

static void test_command__promotes_admits_and_starts(void **state)
{
	const struct room_cfg cfg = kit_cfg(true);
	struct kit k;
	struct part *h, *g;

	(void)state;
	kit_init(&k, &cfg);
	h = kit_enter(&k, "Hanna", true);
	g = kit_enter(&k, "Gus", false);
	kit_call(&k, g);
	assert_false(k.r->started);
	assert_int_equal(kit_do(&k, h, RC_P_ROLE, g, "chair"), RR_OK);
	assert_true(g->host && g->state == PART_INSIDE && k.r->started);
	assert_non_null(kit_said(&k, ACT_ROLE, g));
	assert_non_null(kit_said(&k, ACT_REFRESH, g));
	assert_int_equal(kit_do(&k, g, RC_P_ROLE, h, "guest"), RR_OK);
	assert_false(h->host);
	assert_int_equal(kit_do(&k, h, RC_P_ROLE, g, "guest"),
			 RR_INVALID_ROLE);
	kit_next(&k);
	kit_release(&k);
}

static void test_command__chat_is_checked_and_rate_limited(void **state)
{
	struct cast c;
	char big[CHAT_PAYLOAD_MAX + 2];
	int sent = 0;

	(void)state;
	cast_init(&c);
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	assert_int_equal(kit_do(&c.k, c.g, RC_MESSAGE, NULL, big), RR_ILLEGAL);
	assert_int_equal(kit_do(&c.k, c.g, RC_MESSAGE, NULL, "\xff"),
			 RR_ILLEGAL);
	for (int i = 0; i < 100; i++)
		sent += kit_do(&c.k, c.g, RC_MESSAGE, NULL, "hi") == RR_OK;
	assert_int_equal(sent, CHAT_BURST);
	c.k.now += S;
	assert_int_equal(kit_do(&c.k, c.g, RC_MESSAGE, NULL, "hi"), RR_OK);
	assert_int_equal(kit_count(&c.k, ACT_MESSAGE), 1);
	c.k.r->cfg.chat_enabled = false;
	assert_int_equal(kit_do(&c.k, c.h, RC_MESSAGE, NULL, "hi"),
			 RR_REFUSED);
	kit_release(&c.k);
}

static void test_command__odd_content_types_are_illegal(void **state)
{
	struct cast c;
	struct room_cmd m = {.op = RC_MESSAGE, .text = SPAN_LIT("{}")};

	(void)state;
	cast_init(&c);
	m.actor = c.g;
	m.type = SPAN_LIT("application/json; charset=utf-8");
	assert_int_equal(room_command(c.k.r, &m, S, 1, &c.k.out), RR_OK);
	m.type = SPAN_LIT("text/html");
	assert_int_equal(room_command(c.k.r, &m, S, 1, &c.k.out), RR_ILLEGAL);
	m.type = SPAN_NONE;
	assert_int_equal(room_command(c.k.r, &m, S, 1, &c.k.out), RR_ILLEGAL);
	kit_release(&c.k);
}

static void test_command__flood_of_changes_is_refused(void **state)
{
	struct cast c;
	int ok = 0;

	(void)state;
	cast_init(&c);
	for (int i = 0; i < 500; i++)
		ok += kit_do(&c.k, c.g, i % 2 ? RC_P_CLIENT_MUTE :
			     RC_P_CLIENT_UNMUTE, c.g, "") == RR_OK;
	assert_int_equal(ok, CMD_BURST);
	/* Leaving is always possible. */
	assert_int_equal(kit_do(&c.k, c.g, RC_P_DISCONNECT, c.g, ""), RR_OK);
	kit_release(&c.k);
}

static void test_command__layout_takes_the_known_ones(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	assert_int_equal(kit_do(&c.k, c.h, RC_LAYOUT, NULL, "4:0"), RR_OK);
	assert_string_equal(c.k.r->view, "4:0");
	assert_int_equal(kit_count(&c.k, ACT_PLAN), 1);
	assert_int_equal(kit_do(&c.k, c.h, RC_LAYOUT, NULL, "4:0x"),
			 RR_ILLEGAL);
	kit_release(&c.k);
}

static enum room_result fecc(struct cast *c, struct part *actor,
			     struct part *target, int action)
{
	const struct room_cmd cmd = {.op = RC_P_FECC, .actor = actor,
		.target = span_str(target->uuid),
		.camera = {.action = action, .pan = 1}};

	kit_next(&c->k);
	return room_command(c->k.r, &cmd, c->k.now, 1, &c->k.out);
}

static unsigned said(const struct kit *k, enum room_act_kind kind)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < k->out.n; i++)
		n += k->out.acts[i].kind == kind;
	return n;
}

static void test_command__a_camera_is_moved_at_its_pace(void **state)
{
	struct cast c;

	(void)state;
	cast_init(&c);
	c.g->leg.camera = c.w->leg.camera = true;
	assert_int_equal(fecc(&c, c.h, c.g, ROOM_CAMERA_NONE), RR_REFUSED);
	assert_int_equal(fecc(&c, c.h, c.h, ROOM_CAMERA_START), RR_REFUSED);
	/* who waits outside has a camera, too: not for us */
	assert_int_equal(fecc(&c, c.h, c.w, ROOM_CAMERA_START), RR_REFUSED);
	assert_int_equal(fecc(&c, c.g, c.g, ROOM_CAMERA_START),
			 RR_INVALID_ROLE);
	assert_int_equal(fecc(&c, c.h, c.g, ROOM_CAMERA_START), RR_OK);
	assert_int_equal(said(&c.k, ACT_CAMERA), 1);
	assert_int_equal(said(&c.k, ACT_AUDIT), 1);
	for (int i = 1; i < CAMERA_BURST; i++)
		assert_int_equal(fecc(&c, c.h, c.g, ROOM_CAMERA_CONTINUE),
				 RR_OK);
	assert_int_equal(said(&c.k, ACT_AUDIT), 0);
	assert_int_equal(fecc(&c, c.h, c.g, ROOM_CAMERA_CONTINUE), RR_BUSY);
	assert_int_equal(fecc(&c, c.h, c.g, ROOM_CAMERA_STOP), RR_OK);
	c.k.now += S;
	assert_int_equal(fecc(&c, c.h, c.g, ROOM_CAMERA_CONTINUE), RR_OK);
	kit_next(&c.k);
	kit_release(&c.k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command__each_cell),
		cmocka_unit_test(test_command__a_camera_is_moved_at_its_pace),
		cmocka_unit_test(test_command__unknown_is_refused_and_counted),
		cmocka_unit_test(test_command__guest_cannot_probe_for_people),
		cmocka_unit_test(test_command__mute_reaches_media_rows_and_journal),
		cmocka_unit_test(test_command__kick_revokes_and_tells_why),
		cmocka_unit_test(test_command__leaving_oneself_keeps_the_way_back),
		cmocka_unit_test(test_command__disconnect_all_ends_the_meeting),
		cmocka_unit_test(test_command__promotes_admits_and_starts),
		cmocka_unit_test(test_command__chat_is_checked_and_rate_limited),
		cmocka_unit_test(test_command__odd_content_types_are_illegal),
		cmocka_unit_test(test_command__flood_of_changes_is_refused),
		cmocka_unit_test(test_command__layout_takes_the_known_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
