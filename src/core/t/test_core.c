/* A meeting through the real conclave-core. */
#include "core/t/core_kit.h"

#define OK CV__RESULT_CODE__RESULT_OK
#define REFUSED_ROLE CV__RESULT_CODE__RESULT_INVALID_ROLE
#define BAD_TOKEN CV__RESULT_CODE__RESULT_INVALID_TOKEN
#define WAITING CV__SERVICE_TYPE__SERVICE_WAITING_ROOM
#define INSIDE CV__SERVICE_TYPE__SERVICE_CONFERENCE

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	kit_start(k);
	kit_demo_room(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_release(*state);
	free(*state);
	return 0;
}

static Cv__JoinOutcome outcome(struct kit *k, const char *alias,
			       const char *pin, uint32_t ip)
{
	const struct kit_ask a = {.alias = alias, .pin = pin, .ip = ip};

	return kit_join_ask(k, &a).outcome;
}

static void test_core__asks_for_the_pin_and_tells_a_wrong_one(void **state)
{
	struct kit *k = *state;
	const struct kit_ask a = {.name = "x"};
	Cv__JoinReply *r = kit_join_raw(k, &a);

	assert_int_equal(r->outcome, CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
	assert_true(r->host_pin && r->guest_pin);
	kit_free(r);
	assert_int_equal(outcome(k, "demo", "111111", 0),
			 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	assert_int_equal(outcome(k, "DEMO", "123456", 0),
			 CV__JOIN_OUTCOME__JOIN_OK);
	assert_int_equal(outcome(k, "nobody", "123456", 0),
			 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
}

static void test_core__refuses_a_guesser_as_an_unknown_alias(void **state)
{
	struct kit *k = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(outcome(k, "demo", "111111", 7),
				 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	assert_int_equal(outcome(k, "demo", "123456", 7),
			 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	assert_int_equal(outcome(k, "demo", NULL, 7),
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
	assert_int_equal(outcome(k, "demo", "123456", 8),
			 CV__JOIN_OUTCOME__JOIN_OK);
}

static void test_core__guest_waits_and_is_let_in_by_the_host(void **state)
{
	struct kit *k = *state;
	struct kit_person g = kit_join(k, "Gus", "654321"), h;
	Cv__Event *e;

	assert_int_equal(g.service, WAITING);
	assert_int_equal(kit_stream(k, &g, 1), OK);
	assert_int_equal(kit_roster(k, 1), 1);
	assert_int_equal(kit_call(k, &g, false), OK);
	h = kit_join(k, "Hanna", "123456");
	assert_true(h.host);
	assert_int_equal(kit_stream(k, &h, 2), OK);
	assert_int_equal(kit_roster(k, 2), 2);
	assert_int_equal(kit_call(k, &h, false), OK);
	/* The host has media: the guest sees everybody now. */
	assert_int_equal(kit_roster(k, 1), 2);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_LAYOUT);
	kit_free(e);
}

static Cv__VideoPlan *video_plan_with(struct kit *k, size_t groups)
{
	for (;;) {
		Cv__VideoPlan *p = kit_wait(k, KIT_VIDEO, IPC_VIDEO_PLAN);

		if (p->n_groups == groups)
			return p;
		kit_free(p);
	}
}

static void test_core__plans_pictures_for_two(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), g;
	Cv__VideoPlan *v;

	assert_int_equal(kit_call(k, &h, false), OK);
	v = video_plan_with(k, 1);
	assert_string_equal(v->groups[0]->layout, "splash");
	assert_string_equal(v->groups[0]->splash, "alone");
	kit_free(v);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(g.service, INSIDE);
	assert_int_equal(kit_call(k, &g, false), OK);
	v = video_plan_with(k, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(v->groups[i]->layout, "1:7");
		assert_int_equal(v->groups[i]->n_slots, 1);
		assert_int_equal(v->groups[i]->width, 1280);
	}
	kit_free(v);
	for (;;) {
		Cv__PicturePlan *p = kit_wait(k, KIT_MEDIA, IPC_PICTURE_PLAN);
		const bool done = p->n_receivers == 2 && p->n_needed == 2;

		kit_free(p);
		if (done)
			break;
	}
}

/* The next of media's orders about the floor of which `leg` presents. */
static Cv__Presentation *presentation_of(struct kit *k, uint64_t leg)
{
	for (;;) {
		Cv__Presentation *p = kit_wait(k, KIT_MEDIA,
					       IPC_PRESENTATION);

		if (p->presenter == leg)
			return p;
		kit_free(p);
	}
}

static void slides_state(struct kit *k, uint64_t leg, uint32_t takes,
			 Cv__CodecName sends)
{
	Cv__LegState s = CV__LEG_STATE__INIT;

	s.leg = leg;
	s.phase = CV__LEG_PHASE__LEG_SECURE;
	s.has_slides = true;
	s.slides_takes = takes;
	s.sends_slides = sends != CV__CODEC_NAME__CODEC_NONE;
	s.slides_codec = sends;
	s.slides_width = s.sends_slides ? 1280 : 0;
	s.slides_height = s.sends_slides ? 720 : 0;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_STATE, &s), 0);
}

/* Takes the presentation's first event: its presenter, or "" for a stop. */
static void presents(struct kit *k, uint32_t stream, Cv__EventKind kind,
		     const char *name)
{
	Cv__Event *e = kit_event(k, stream, kind);

	if (name)
		assert_memory_equal(e->row->display_name.data, name,
				    strlen(name));
	kit_free(e);
}

/* The plan of that group: nothing but what this leg presents, in H.264. */
static void makes_slides(struct kit *k, uint32_t group, uint64_t leg)
{
	for (;;) {
		Cv__VideoPlan *v = kit_wait(k, KIT_VIDEO, IPC_VIDEO_PLAN);

		for (size_t i = 0; i < v->n_groups; i++) {
			const Cv__VideoGroup *g = v->groups[i];

			if (g->group != group)
				continue;
			assert_string_equal(g->layout, "slides");
			assert_int_equal(g->slides, leg);
			assert_int_equal(g->codec, CV__CODEC_NAME__CODEC_H264);
			assert_int_equal(g->n_slots, 0);
			kit_free(v);
			return;
		}
		kit_free(v);
	}
}

static void test_core__floor_goes_to_the_presenter_and_to_media(void **state)
{
	static const Cv__EventKind start = CV__EVENT_KIND__EV_PRESENTATION_START,
				   stop = CV__EVENT_KIND__EV_PRESENTATION_STOP;
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), g, late;
	Cv__Presentation *p;

	assert_int_equal(kit_call(k, &h, false), OK);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(kit_command(k, &g, CV__OP__OP_P_TAKE_FLOOR, g.uuid),
			 CV__RESULT_CODE__RESULT_REFUSED);	/* no call */
	assert_int_equal(kit_call(k, &g, false), OK);
	assert_int_equal(kit_stream(k, &h, 1), OK);
	assert_int_equal(kit_stream(k, &g, 2), OK);
	assert_int_equal(kit_roster(k, 1), 2);
	assert_int_equal(kit_roster(k, 2), 2);
	slides_state(k, k->legs[0], CV__SLIDES_CODEC__SLIDES_H264_MODE1, 0);
	slides_state(k, k->legs[1], CV__SLIDES_CODEC__SLIDES_VP8, 0);
	assert_int_equal(kit_command(k, &g, CV__OP__OP_P_TAKE_FLOOR, g.uuid),
			 OK);
	presents(k, 1, start, "Gus");
	p = presentation_of(k, k->legs[1]);
	assert_int_equal(p->n_ways, 0);
	kit_free(p);
	/* the host cannot take what the guest sends: it is made anew for him */
	slides_state(k, k->legs[1], CV__SLIDES_CODEC__SLIDES_VP8,
		     CV__CODEC_NAME__CODEC_VP8);
	for (;;) {
		p = presentation_of(k, k->legs[1]);
		if (p->n_ways && p->ways[0]->group)
			break;
		kit_free(p);
	}
	assert_int_equal(p->n_ways, 1);
	assert_int_equal(p->ways[0]->leg, k->legs[0]);
	assert_true(p->to_video);
	makes_slides(k, p->ways[0]->group, k->legs[1]);
	kit_free(p);
	/* who comes later is told, too */
	late = kit_join(k, "Lena", "654321");
	assert_int_equal(kit_stream(k, &late, 3), OK);
	presents(k, 3, start, "Gus");
	/* taken over: the former presenter hears of it, the new one not */
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_TAKE_FLOOR, h.uuid),
			 OK);
	presents(k, 2, start, "Hanna");
	kit_free(presentation_of(k, k->legs[0]));
	assert_int_equal(kit_command(k, &g, CV__OP__OP_P_RELEASE_FLOOR,
				     g.uuid), OK);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_RELEASE_FLOOR,
				     h.uuid), OK);
	presents(k, 1, stop, NULL);	/* one event for all */
	kit_free(presentation_of(k, 0));
}

static void test_core__mute_lock_kick_and_end(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), g, w;
	Cv__Event *e;

	assert_int_equal(kit_call(k, &h, false), OK);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(kit_stream(k, &g, 1), OK);
	assert_int_equal(kit_roster(k, 1), 2);
	assert_int_equal(kit_call(k, &g, false), OK);

	assert_int_equal(kit_command(k, &g, CV__OP__OP_P_MUTE, h.uuid),
			 REFUSED_ROLE);
	kit_forget(k);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_MUTE, g.uuid), OK);
	for (;;) {
		Cv__LegSet *s = kit_wait(k, KIT_MEDIA, IPC_LEG_SET);
		const bool muted = s->flags->muted;

		kit_free(s);
		if (muted)
			break;
	}
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_UPDATE);
	assert_true(e->row->is_muted);
	assert_int_equal(e->row->vendor.len, 0);
	kit_free(e);

	assert_int_equal(kit_command(k, &h, CV__OP__OP_LOCK, NULL), OK);
	w = kit_join(k, "Will", "654321");
	assert_int_equal(w.service, WAITING);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_UNLOCK, w.uuid), OK);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_CREATE);
	assert_int_equal(e->row->service, INSIDE);
	kit_free(e);

	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_DISCONNECT, g.uuid),
			 OK);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_DISCONNECT);
	assert_memory_equal(e->reason.data,
			    "Disconnected by another participant", 35);
	kit_free(e);
	kit_free(kit_wait(k, KIT_WEB, IPC_STREAM_CLOSE));
	assert_int_equal(kit_command(k, &g, CV__OP__OP_REFRESH_TOKEN, NULL),
			 BAD_TOKEN);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_DISCONNECT_ALL, NULL),
			 OK);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_ROOM_CLOSE));
	assert_int_equal(kit_command(k, &w, CV__OP__OP_REFRESH_TOKEN, NULL),
			 BAD_TOKEN);
}

static void test_core__comes_back_by_credential_only_while_allowed(
	void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_person g = kit_join(k, "Gus", "654321"), again;
	struct kit_ask a = {.name = "Gus", .reconnect = g.reconnect};

	again = kit_join_ask(k, &a);
	assert_int_equal(again.outcome, CV__JOIN_OUTCOME__JOIN_OK);
	assert_string_equal(again.uuid, g.uuid);
	assert_false(again.host);
	/* The session before is dead. */
	assert_int_equal(kit_command(k, &g, CV__OP__OP_REFRESH_TOKEN, NULL),
			 BAD_TOKEN);
	/* After he left by himself: a new seat, still without a PIN. */
	assert_int_equal(kit_command(k, &again, CV__OP__OP_RELEASE_TOKEN,
				     NULL), OK);
	a.reconnect = again.reconnect;
	again = kit_join_ask(k, &a);
	assert_int_equal(again.outcome, CV__JOIN_OUTCOME__JOIN_OK);
	assert_string_not_equal(again.uuid, g.uuid);
	/* Removed: he is asked for the PIN like anyone. */
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_DISCONNECT,
				     again.uuid), OK);
	a.reconnect = again.reconnect;
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
}

static void test_core__changed_pin_ends_every_way_back(void **state)
{
	struct kit *k = *state;
	static const char *const change[] = {"which", "Demo", "guest_pin",
					     "777777", NULL, NULL};
	struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_ask a = {.name = "Hanna", .reconnect = h.reconnect};
	Cv__CliReply *r = kit_cli(k, "change", "conference", change);

	assert_int_equal(r->error, 0);
	kit_free(r);
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
	/* Whoever is inside stays. */
	assert_int_equal(kit_command(k, &h, CV__OP__OP_REFRESH_TOKEN, NULL),
			 OK);
}

static void test_core__room_without_guests_takes_none_back(void **state)
{
	struct kit *k = *state;
	static const char *const free_room[] = {
		"which", "Demo", "guest_pin", "", NULL, NULL};
	static const char *const closed[] = {
		"which", "Demo", "allow_guests", "false", NULL, NULL};
	struct kit_person g;
	struct kit_ask a = {.name = "Gus"};

	kit_free(kit_cli(k, "change", "conference", free_room));
	kit_join(k, "Hanna", "123456");
	g = kit_join(k, "Gus", "none");
	a.reconnect = g.reconnect;
	assert_int_equal(kit_command(k, &g, CV__OP__OP_RELEASE_TOKEN, NULL),
			 OK);
	kit_free(kit_cli(k, "change", "conference", closed));
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
}

static void test_core__chat_goes_to_the_others(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), g;
	Cv__Event *e;

	assert_int_equal(kit_call(k, &h, false), OK);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(kit_stream(k, &h, 1), OK);
	assert_int_equal(kit_stream(k, &g, 2), OK);
	assert_int_equal(kit_command(k, &g, CV__OP__OP_MESSAGE, NULL), OK);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_MESSAGE);
	assert_int_equal(e->n_streams, 1);
	assert_memory_equal(e->message->payload.data, "hello", 5);
	assert_memory_equal(e->message->origin.data, "Gus", 3);
	kit_free(e);
}

static void test_core__lost_media_keeps_people_and_update_brings_them_back(
	void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__RoleDied died = CV__ROLE_DIED__INIT;
	Cv__Event *e;
	char call[64];

	assert_int_equal(kit_call(k, &h, false), OK);
	memcpy(call, h.call, sizeof(call));
	assert_int_equal(kit_stream(k, &h, 1), OK);
	kit_free(kit_event(k, 1, CV__EVENT_KIND__EV_SYNC_END));
	kit_drop(k, KIT_MEDIA);
	died.role = ROLE_MEDIA;
	died.signal = 9;
	assert_int_equal(KIT_SEND(k, SUPER, ROLE_DIED, &died), 0);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_UPDATE);
	assert_false(e->row->has_media);
	kit_free(e);
	assert_int_equal(kit_call(k, &h, true),
			 CV__RESULT_CODE__RESULT_UNAVAILABLE);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	assert_int_equal(kit_call(k, &h, true), OK);
	assert_string_equal(h.call, call);
}

static void test_core__new_video_hears_everything_again(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__VideoPerson *p;

	assert_int_equal(kit_call(k, &h, false), OK);
	kit_free(video_plan_with(k, 1));
	kit_drop(k, KIT_VIDEO);
	kit_forget(k);
	kit_link(k, KIT_VIDEO);
	kit_free(kit_wait(k, KIT_VIDEO, IPC_VIDEO_ROOM_OPEN));
	p = kit_wait(k, KIT_VIDEO, IPC_VIDEO_PERSON);
	assert_memory_equal(p->name.data, "Hanna", 5);
	kit_free(p);
	kit_free(video_plan_with(k, 1));
}

static void test_core__new_web_finds_people_still_there(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");

	assert_int_equal(kit_stream(k, &h, 1), OK);
	kit_drop(k, KIT_WEB);
	kit_link(k, KIT_WEB);
	assert_int_equal(kit_stream(k, &h, 1), OK);
	assert_int_equal(kit_roster(k, 1), 1);
}

static void test_core__cli_shows_and_disconnects(void **state)
{
	struct kit *k = *state;
	static const char *const which[] = {"which", "Demo", NULL, NULL};
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__CliReply *r = kit_cli(k, "show", "participant", NULL);

	assert_int_equal(r->error, 0);
	assert_int_equal(r->n_rows, 1);
	assert_string_equal(r->rows[0]->fields[0]->name, "uuid");
	assert_memory_equal(r->rows[0]->fields[0]->value.data, h.uuid, 36);
	kit_free(r);
	r = kit_cli(k, "status", "", NULL);
	assert_int_equal(r->n_rows, 1);
	kit_free(r);
	r = kit_cli(k, "disconnect", "conference", which);
	assert_int_equal(r->error, 0);
	kit_free(r);
	r = kit_cli(k, "show", "conference", NULL);
	assert_int_equal(r->n_rows, 0);
	kit_free(r);
	r = kit_cli(k, "dance", "", NULL);
	assert_true(r->error < 0);
	kit_free(r);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_REFRESH_TOKEN, NULL),
			 BAD_TOKEN);
}

static void test_core__stops_in_order(void **state)
{
	struct kit *k = *state;

	kit_join(k, "Hanna", "123456");
	assert_int_equal(kit_stop(k), 0);
}

/* --- crashes -------------------------------------------------------------------- */

static void crash(struct kit *k, const Cv__LegReport *report)
{
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, report);
}

static void test_core__crash_keeps_roster_roles_tokens_and_calls(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), g, w;
	Cv__LegReport report = CV__LEG_REPORT__INIT;
	Cv__LegAlive alive[3], *list[3] = {&alive[0], &alive[1], &alive[2]};
	Cv__LegKeep *keep;
	Cv__RoomOpen *open;

	assert_int_equal(kit_call(k, &h, false), OK);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(kit_call(k, &g, false), OK);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_MUTE, g.uuid), OK);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_LOCK, NULL), OK);
	w = kit_join(k, "Will", "654321");
	for (size_t i = 0; i < 3; i++) {
		cv__leg_alive__init(&alive[i]);
		alive[i].room = k->leg_rooms[0];
		alive[i].leg = k->legs[i < 2 ? i : 0] + (i == 2 ? 77 : 0);
		alive[i].phase = CV__LEG_PHASE__LEG_SECURE;
		alive[i].sends_video = true;
	}
	report.legs = list;
	report.n_legs = 3;
	crash(k, &report);

	/* media's two true legs are confirmed, the third is nobody's. */
	keep = kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP);
	assert_int_equal(keep->n_legs, 2);
	kit_free(keep);
	open = kit_wait(k, KIT_MEDIA, IPC_ROOM_OPEN);
	assert_int_equal(open->room, k->leg_rooms[0]);
	kit_free(open);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_PICTURE_PLAN));

	assert_int_equal(kit_stream(k, &h, 1), OK);
	assert_int_equal(kit_roster(k, 1), 3);
	assert_int_equal(kit_stream(k, &w, 2), OK);
	assert_int_equal(kit_roster(k, 2), 1);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_UNLOCK, w.uuid), OK);
	assert_int_equal(kit_command(k, &g, CV__OP__OP_LOCK, NULL),
			 REFUSED_ROLE);
	assert_int_equal(kit_call(k, &h, true), OK);
	assert_int_equal(kit_join(k, "Late", "654321").service, WAITING);
}

static void test_core__crash_keeps_the_way_back_and_what_was_revoked(
	void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_person g = kit_join(k, "Gus", "654321");
	struct kit_person x = kit_join(k, "Xaver", "654321");
	struct kit_ask a = {.name = "Gus", .reconnect = g.reconnect};

	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_DISCONNECT, x.uuid),
			 OK);
	crash(k, NULL);
	assert_int_equal(kit_command(k, &x, CV__OP__OP_REFRESH_TOKEN, NULL),
			 BAD_TOKEN);
	assert_string_equal(kit_join_ask(k, &a).uuid, g.uuid);
	a.reconnect = x.reconnect;
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
}

/* The worker that the journal names does not come back: another takes over. */
static void test_core__crash_with_media_gone_moves_the_meeting(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__Event *e;

	assert_int_equal(kit_call(k, &h, false), OK);
	/* A call is journalled within milliseconds, this is on disk. */
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_CLIENT_MUTE, h.uuid),
			 OK);
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	assert_int_equal(kit_stream(k, &h, 1), OK);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_UPDATE);
	assert_false(e->row->has_media);
	kit_free(e);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	assert_int_equal(kit_call(k, &h, true), OK);
}

/* Again and again at whatever moment: what was acknowledged is there. */
static void test_core__survives_many_crashes(void **state)
{
	struct kit *k = *state;
	struct kit_person p[12];

	for (int i = 0; i < 12; i++) {
		p[i] = kit_join(k, "Somebody", i % 3 ? "654321" : "123456");
		crash(k, NULL);
		for (int j = 0; j <= i; j++)
			assert_int_equal(kit_command(k, &p[j],
				CV__OP__OP_CONFERENCE_STATUS, NULL), OK);
	}
}

/* Its password is hashed on the pool, behind the walls. */
static void test_core__makes_an_administrator(void **state)
{
	static const char *const fields[] = {
		"username", "ann", "password", "correct horse battery", NULL,
		NULL};
	static const char *const weak[] = {
		"username", "bob", "password", "short", NULL, NULL};
	struct kit *k = *state;
	Cv__CliReply *r = kit_cli(k, "create", "administrator", fields);

	if (r->error)
		fail_msg("%s", r->message);
	kit_free(r);
	r = kit_cli(k, "create", "administrator", weak);
	assert_int_not_equal(r->error, 0);
	assert_non_null(strstr(r->message, "password"));
	kit_free(r);
	r = kit_cli(k, "list", "administrator", NULL);
	assert_int_equal(r->n_rows, 1);
	kit_free(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_core__asks_for_the_pin_and_tells_a_wrong_one),
		T(test_core__refuses_a_guesser_as_an_unknown_alias),
		T(test_core__guest_waits_and_is_let_in_by_the_host),
		T(test_core__plans_pictures_for_two),
		T(test_core__floor_goes_to_the_presenter_and_to_media),
		T(test_core__mute_lock_kick_and_end),
		T(test_core__comes_back_by_credential_only_while_allowed),
		T(test_core__changed_pin_ends_every_way_back),
		T(test_core__room_without_guests_takes_none_back),
		T(test_core__chat_goes_to_the_others),
		T(test_core__lost_media_keeps_people_and_update_brings_them_back),
		T(test_core__new_video_hears_everything_again),
		T(test_core__new_web_finds_people_still_there),
		T(test_core__cli_shows_and_disconnects),
		T(test_core__stops_in_order),
		T(test_core__crash_keeps_roster_roles_tokens_and_calls),
		T(test_core__crash_keeps_the_way_back_and_what_was_revoked),
		T(test_core__crash_with_media_gone_moves_the_meeting),
		T(test_core__survives_many_crashes),
		T(test_core__makes_an_administrator),
	};

	if (argc != 2)
		return 2;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
