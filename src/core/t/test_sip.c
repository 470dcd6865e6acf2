/* SIP calls into rooms: who is asked for what, who gets in, what becomes of
 * his leg. The face and media are played. */
#include "core/t/sip_kit.h"
#include "ipc/prompts.h"

#define ANSWER CV__SIP_DECISION__SIP_ANSWER
#define CHALLENGE CV__SIP_DECISION__SIP_CHALLENGE
#define REFUSE CV__SIP_DECISION__SIP_REFUSE

static const struct sip_ask stranger = {.alias = NULL};
static const struct sip_ask desk = {.from = "sip:desk@example.org",
				    .user = "desk", .password = "desk-secret"};

static void make_desk(struct kit *k)
{
	sip_device(k, "desk@example.org", "desk", "desk-secret", NULL, NULL);
	kit_forget(k);
}

/* --- who ------------------------------------------------------------------ */

static void test_sip__strangers_are_challenged_whatever_they_dial(
	void **state)
{
	struct kit *k = *state;
	const struct sip_ask nothing = {.alias = "nothing@example.org"};
	uint64_t call = 1;

	make_desk(k);
	for (int i = 0; i < 30; i++) {
		sip_invite(k, call, i % 2 ? &stranger : &nothing);
		assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	}
	/* Nothing was guessed: nobody is refused for it. */
	assert_false(entry_has_alarm(k, "possible_voip_scanner_ips_blocked"));
	sip_expect(k, "", "");
}

static void test_sip__a_device_calls_with_its_digest(void **state)
{
	struct kit *k = *state;
	struct sip_ask a = desk;
	uint64_t call = 1;

	make_desk(k);
	a.password = "another-secret";
	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	a = desk;
	a.user = "other";
	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	a = desk;
	a.from = "sip:nobody@example.org";
	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	a = desk;
	a.no_qop = true;
	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	sip_invite(k, call, &desk);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	sip_expect(k, "known_as", "device");
	sip_bye(k, call);
	sip_expect(k, "", "");
}

static void test_sip__md5_is_for_devices_that_may_over_tls(void **state)
{
	struct kit *k = *state;
	struct sip_ask a = desk;
	Cv__SipVerdict *v;
	uint64_t call = 1;

	make_desk(k);
	sip_invite(k, call, &stranger);
	v = sip_verdict(k, call++);
	assert_false(v->md5);
	kit_free(v);
	a.md5 = true;
	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	sip_device(k, "old@example.org", "old", "old-secret",
		   "allow_md5_digest", "true");
	sip_invite(k, call, &stranger);
	v = sip_verdict(k, call++);
	assert_true(v->md5);
	kit_free(v);
	a = (struct sip_ask){.from = "sip:old@example.org", .user = "old",
			     .password = "old-secret", .md5 = true,
			     .udp = true};
	sip_invite(k, call, &a);
	v = sip_verdict(k, call++);
	assert_int_equal(v->decision, CHALLENGE);
	assert_false(v->md5);
	kit_free(v);
	a.udp = false;
	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
}

/* Waits until core tells the face that. */
static void expect_first(struct kit *k, const char *value)
{
	for (;;) {
		Cv__Settings *s = kit_wait(k, KIT_SIP, IPC_SETTINGS);
		bool is_it = false;

		for (size_t i = 0; i < s->n_settings; i++)
			is_it |= strcmp(s->settings[i]->name,
					"sip_challenge_first") == 0 &&
				 span_eq(ipc_bytes(s->settings[i]->value),
					 span_str(value));
		kit_free(s);
		if (is_it)
			return;
	}
}

static void test_sip__the_face_may_challenge_where_nobody_is_a_stranger(
	void **state)
{
	static const char *const lab[] = {"name", "Lab", "sip_guests", "ON",
					  NULL, NULL};
	static const char *const off[] = {"which", "Lab", "sip_guests", "OFF",
					  NULL, NULL};
	struct kit *k = *state;

	entry_set(k, "sip_guests", "true");
	expect_first(k, "false");
	entry_set(k, "sip_guests", "false");
	expect_first(k, "true");
	entry_cli_ok(k, "create", "system_location", lab);
	expect_first(k, "false");
	entry_cli_ok(k, "change", "system_location", off);
	expect_first(k, "true");
	sip_device(k, "old@example.org", "old", "old-secret",
		   "allow_md5_digest", "true");
	expect_first(k, "false");
}

static void test_sip__wrong_digests_end_in_quarantine(void **state)
{
	struct kit *k = *state;
	const uint32_t ip = NET(198, 51, 100, 9);
	Cv__BanSet *b;
	char from[40];
	uint64_t call = 1;

	make_desk(k);
	for (int i = 0; i < 25; i++) {
		snprintf(from, sizeof(from), "sip:u%d@example.org", i);
		struct sip_ask a = {.from = from, .user = "admin",
				    .password = "wrong-one", .ip = ip};

		sip_invite(k, call, &a);
		assert_int_equal(sip_decision(k, call++, NULL), CHALLENGE);
	}
	assert_true(entry_has_alarm(k, "possible_voip_scanner_ips_blocked"));
	b = kit_wait(k, KIT_SIP, IPC_BAN_SET);
	assert_int_equal(b->n_bans, 1);
	assert_true(b->bans[0]->ports & 2);
	kit_free(b);
}

static void test_sip__scans_are_signs_of_a_scanner(void **state)
{
	struct kit *k = *state;
	Cv__SipScanned m = CV__SIP_SCANNED__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, 198, 51, 100, 7};

	a.ip = ipc_data(span_of(ip, 16));
	m.source = &a;
	m.kind = CV__SIP_SCAN__SIP_SCAN_MALFORMED;
	m.count = 20;
	m.user_agent = ipc_data(SPAN_LIT("friendly-scanner"));
	assert_int_equal(KIT_SEND(k, SIP, SIP_SCANNED, &m), 0);
	assert_false(entry_has_alarm(k, "possible_voip_scanner_ips_blocked"));
	m.proven = true;
	assert_int_equal(KIT_SEND(k, SIP, SIP_SCANNED, &m), 0);
	kit_free(kit_wait(k, KIT_SIP, IPC_BAN_SET));
	assert_true(entry_has_alarm(k, "possible_voip_scanner_ips_blocked"));
}

/* --- the PIN ----------------------------------------------------------------- */

static void test_sip__a_pin_leads_from_the_lobby_into_the_room(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");
	Cv__LegOpen *o;
	Cv__LegMove *mv;
	Cv__Event *e;
	uint64_t room;

	sip_guests(k);
	assert_int_equal(kit_stream(k, &host, 1), CV__RESULT_CODE__RESULT_OK);
	(void)kit_roster(k, 1);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_int_equal(o->transport, CV__LEG_TRANSPORT__LEG_PLAIN);
	assert_int_equal(o->crypto, CV__CRYPTO_MODE__CRYPTO_ON);
	assert_true(o->sdes_allowed);
	assert_false(o->flags->admitted);
	assert_int_equal(o->local_ip.len, 16);
	room = o->room;
	sip_expect(k, "hears", "pin entry");
	sip_digits(k, 7, "99*654321#");
	mv = kit_wait(k, KIT_MEDIA, IPC_LEG_MOVE);
	assert_int_equal(mv->leg, o->leg);
	assert_true(mv->room != room);
	assert_false(mv->flags->admitted);
	kit_free(o);
	sip_expect(k, "hears", "wait for host");
	/* The host's media starts the meeting. */
	assert_int_equal(kit_call(k, &host, false),
			 CV__RESULT_CODE__RESULT_OK);
	sip_expect(k, "hears", "welcome");
	for (;;) {
		e = kit_wait(k, KIT_WEB, IPC_EVENT);
		if (e->row && e->row->protocol == 2 && e->row->has_media)
			break;
		kit_free(e);
	}
	assert_int_equal(e->row->protocol, 2);
	assert_false(e->row->host);
	assert_true(e->row->encrypted);
	kit_free(e);
	kit_free(mv);
	sip_bye(k, 7);
	sip_expect(k, "", "");
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_CLOSE));
	kit_free(kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_DELETE));
}

static void test_sip__three_wrong_pins_end_the_call(void **state)
{
	struct kit *k = *state;
	Cv__SipHangup *h;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "111111#");
	sip_expect(k, "hears", "pin wrong");
	sip_digits(k, 7, "#");		/* none: guests need one here */
	sip_digits(k, 7, "222222#");
	h = sip_hangup(k, 7);
	assert_true(h->reason.len > 0);
	kit_free(h);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_CLOSE));
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "wrong_pins"), 2);
}

/* Unknown aliases and rooms look the same, to the end. */
static void test_sip__an_unknown_alias_is_asked_for_a_pin_too(void **state)
{
	struct kit *k = *state;
	const struct sip_ask nothing = {.alias = "nothing@example.org"};

	sip_guests(k);
	sip_invite(k, 7, &nothing);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	for (int i = 0; i < 3; i++) {
		sip_expect(k, "hears", i ? "pin wrong" : "pin entry");
		sip_digits(k, 7, "123456#");
	}
	kit_free(sip_hangup(k, 7));
	sip_expect(k, "", "");
}

static void special_room(struct kit *k, const char *alias, const char *field,
			 const char *value)
{
	const char *const f[] = {"name", alias, "alias", alias, "pin",
		"248163", field, value, NULL, NULL};

	entry_cli_ok(k, "create", "conference", f);
}

/* What his description is answered with, as media is told. */
struct terms {
	uint32_t in, out, crypto, sections, rejected;
};

static struct terms terms_at(struct kit *k, uint64_t call, const char *alias)
{
	const struct sip_ask a = {.alias = alias};
	struct terms t = {.in = 0};
	Cv__LegOpen *o;

	sip_invite(k, call, &a);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	t.in = o->kbps_in;
	t.out = o->kbps_out;
	t.crypto = o->crypto;
	t.sections = (uint32_t)o->offer->n_sections;
	for (size_t i = 0; i < o->offer->n_sections; i++)
		t.rejected += o->offer->sections[i]->rejected;
	kit_free(o);
	sip_bye(k, call);
	sip_expect(k, "", "");
	return t;
}

/* A b= line less, or a picture refused, would say that there is a room. */
static void test_sip__no_room_is_told_by_what_it_carries(void **state)
{
	static const char *const rooms[] = {"demo@example.org",
		"slow@example.org", "sparing@example.org",
		"radio@example.org"};
	struct kit *k = *state;
	struct terms nothing, t;

	sip_guests(k);
	special_room(k, "slow@example.org", "max_callrate_in", "256");
	special_room(k, "sparing@example.org", "max_callrate_out", "256");
	special_room(k, "radio@example.org", "call_type", "audio");
	kit_forget(k);
	nothing = terms_at(k, 6, "nothing@example.org");
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		t = terms_at(k, 7 + i, rooms[i]);
		assert_memory_equal(&t, &nothing, sizeof(t));
	}
}

static void reply_offer(struct kit *k);

/* Inside, what the room carries is agreed anew. */
static void test_sip__behind_the_pin_the_room_s_terms_hold(void **state)
{
	const struct sip_ask a = {.alias = "radio@example.org"};
	struct kit *k = *state;
	Cv__LegOpen *o;

	sip_guests(k);
	special_room(k, "radio@example.org", "call_type", "audio");
	kit_forget(k);
	sip_invite(k, 7, &a);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	kit_forget(k);
	sip_digits(k, 7, "248163#");
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(o->make_offer);
	assert_true(o->want->audio);
	assert_false(o->want->video || o->want->slides);
	kit_free(o);
	reply_offer(k);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_ACCEPT));
	sip_expect(k, "state", "in");
	assert_int_equal(entry_status_of(k, "participants"), 1);
	sip_bye(k, 7);
	sip_expect(k, "", "");
}

static void test_sip__without_concealment_it_is_not_found(void **state)
{
	struct kit *k = *state;
	const struct sip_ask nothing = {.alias = "nothing@example.org"};
	Cv__SipVerdict *v;

	sip_guests(k);
	entry_set(k, "conceal_rooms", "false");
	sip_invite(k, 7, &nothing);
	v = sip_verdict(k, 7);
	assert_int_equal(v->decision, REFUSE);
	assert_int_equal(v->status, 0);
	assert_int_equal(v->reference.len, 16);
	kit_free(v);
	assert_true(entry_listed(k, "sip", "refusals", "reason",
				 "unknown alias", NULL, NULL));
}

static void test_sip__calls_of_one_source_are_capped(void **state)
{
	struct kit *k = *state;
	uint32_t status;

	sip_guests(k);
	entry_set(k, "max_sip_calls_per_source", "2");
	for (uint64_t call = 1; call <= 2; call++) {
		sip_invite(k, call, &stranger);
		assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	}
	sip_invite(k, 3, &stranger);
	assert_int_equal(sip_decision(k, 3, &status), REFUSE);
	assert_int_equal(status, 486);
	sip_bye(k, 1);
	sip_invite(k, 4, &stranger);
	assert_int_equal(sip_decision(k, 4, NULL), ANSWER);
}

/* Strangers from many places leave a part to who proves himself, and one
 * device leaves one to the others. */
static void test_sip__nobody_uses_up_all_calls(void **state)
{
	struct sip_ask many = stranger;
	const struct sip_ask phone = {.from = "sip:desk@example.org", .user = "desk",
				      .password = "s3cret-of-desk"};
	struct kit *k = *state;
	uint32_t status;

	sip_guests(k);
	sip_device(k, "desk@example.org", "desk", "s3cret-of-desk", NULL,
		   NULL);
	entry_set(k, "max_sip_calls", "8");
	for (uint32_t i = 0; i < 7; i++) {
		many.ip = NET(192, 0, 2, 100) + i;
		sip_invite(k, 1 + i, &many);
		assert_int_equal(sip_decision(k, 1 + i, &status),
				 i < 6 ? ANSWER : REFUSE);
	}
	assert_int_equal(status, 503);
	for (uint64_t call = 11; call <= 12; call++) {
		sip_invite(k, call, &phone);
		assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	}
	sip_bye(k, 1);
	sip_invite(k, 13, &phone);
	assert_int_equal(sip_decision(k, 13, &status), REFUSE);
	assert_int_equal(status, 486);
}

static void load(struct kit *k, uint32_t conns, uint32_t cpu_permille)
{
	Cv__FaceLoad l = CV__FACE_LOAD__INIT;

	l.conns = conns;
	l.conns_max = 1000;
	l.cpu_permille = cpu_permille;
	assert_int_equal(KIT_SEND(k, SIP, FACE_LOAD, &l), 0);
}

static void test_sip__a_full_face_sheds_strangers_a_busy_one_nobody(
	void **state)
{
	struct kit *k = *state;
	uint32_t status = 0;
	uint64_t call = 1;

	make_desk(k);
	sip_guests(k);
	load(k, 950, 0);
	while (!entry_has_alarm(k, "capacity_exhausted"))
		kit_turn(k, 10);
	sip_invite(k, call, &stranger);
	assert_int_equal(sip_decision(k, call++, &status), REFUSE);
	assert_int_equal(status, 503);
	sip_invite(k, call, &desk);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	sip_bye(k, call++);
	load(k, 10, 1000);
	while (entry_has_alarm(k, "capacity_exhausted"))
		kit_turn(k, 50);
	sip_invite(k, call, &stranger);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
}

static void test_sip__whoever_hangs_up_in_the_lobby_leaves_nothing(
	void **state)
{
	struct kit *k = *state;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "12");
	sip_bye(k, 7);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_CLOSE));
	sip_expect(k, "", "");
	/* What comes late is for nobody. */
	sip_digits(k, 7, "3456#");
	assert_int_equal(entry_status_of(k, "joins"), 0);
}

static void test_sip__a_host_removes_him_with_a_word(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");
	Cv__Event *e;
	Cv__SipHangup *h;
	char uuid[64] = "";

	sip_guests(k);
	assert_int_equal(kit_stream(k, &host, 1), CV__RESULT_CODE__RESULT_OK);
	(void)kit_roster(k, 1);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "123456#");
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_CREATE);
	assert_true(e->row->host);
	memcpy(uuid, e->row->uuid.data, e->row->uuid.len);
	kit_free(e);
	assert_int_equal(kit_command(k, &host, CV__OP__OP_P_MUTE, uuid),
			 CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_command(k, &host, CV__OP__OP_P_DISCONNECT, uuid),
			 CV__RESULT_CODE__RESULT_OK);
	h = sip_hangup(k, 7);
	assert_true(span_eq(ipc_bytes(h->reason),
			    SPAN_LIT("Disconnected by another participant")));
	kit_free(h);
	sip_expect(k, "", "");
}

/* --- what he hears ------------------------------------------------------------ */

static uint32_t expect_play(struct kit *k, uint32_t first, uint32_t times)
{
	Cv__LegPlay *p = kit_wait(k, KIT_MEDIA, IPC_LEG_PLAY);
	const uint32_t epoch = p->epoch;

	assert_int_equal(p->n_prompts ? p->prompts[0] : 0, first);
	assert_int_equal(p->times, times);
	kit_free(p);
	return epoch;
}

static void played(struct kit *k, uint32_t epoch)
{
	Cv__LegPlayed p = CV__LEG_PLAYED__INIT;

	assert_true(k->n_legs > 0);
	p.leg = k->legs[k->n_legs - 1];
	p.epoch = epoch;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_PLAYED, &p), 0);
}

static void test_sip__he_is_told_by_voice(void **state)
{
	struct kit *k = *state;
	uint32_t epoch;

	k->is_deaf = true;
	sip_guests(k);
	entry_set(k, "prompt_language", "de");
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	(void)expect_play(k, PROMPT_ENTER_PIN, 0);
	sip_digits(k, 7, "111111#");
	(void)expect_play(k, PROMPT_WRONG_PIN, 0);
	sip_digits(k, 7, "222222#");
	(void)expect_play(k, PROMPT_WRONG_PIN, 0);
	sip_digits(k, 7, "333333#");
	epoch = expect_play(k, PROMPT_INVALID_PIN, 1);
	/* the end of an earlier prompt is not the end of the good-bye */
	played(k, epoch - 1);
	sip_expect(k, "state", "leaving");
	played(k, epoch);
	kit_free(sip_hangup(k, 7));
	sip_expect(k, "", "");
}

static void test_sip__waiting_is_told_until_he_is_inside(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	(void)expect_play(k, PROMPT_ENTER_PIN, 0);
	sip_digits(k, 7, "654321#");
	(void)expect_play(k, PROMPT_WAIT_FOR_HOST, 0);
	assert_int_equal(kit_call(k, &host, false),
			 CV__RESULT_CODE__RESULT_OK);
	(void)expect_play(k, PROMPT_NONE, 0);
	sip_expect(k, "hears", "welcome");
}

/* --- keys in the room ----------------------------------------------------------- */

static void test_sip__keys_are_commands_with_his_rights(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");
	Cv__Event *e;

	sip_guests(k);
	assert_int_equal(kit_call(k, &host, false),
			 CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_stream(k, &host, 1), CV__RESULT_CODE__RESULT_OK);
	(void)kit_roster(k, 1);
	/* a guest locks nothing, but mutes himself */
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "654321#");
	sip_expect(k, "hears", "welcome");
	sip_digits(k, 7, "*7*6");
	do {
		e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_UPDATE);
		if (e->row->is_muted)
			break;
		kit_free(e);
	} while (true);
	assert_int_equal(e->row->protocol, 2);
	kit_free(e);
	assert_true(entry_listed(k, "show", "conference", "locked", "false", NULL,
				 NULL));
	sip_bye(k, 7);
	sip_expect(k, "", "");
	/* a host does */
	sip_invite(k, 8, &stranger);
	assert_int_equal(sip_decision(k, 8, NULL), ANSWER);
	sip_digits(k, 8, "123456#");
	sip_expect(k, "hears", "welcome");
	sip_digits(k, 8, "*7");
	do {
		e = kit_event(k, 1, CV__EVENT_KIND__EV_CONFERENCE_UPDATE);
		if (e->status->locked)
			break;
		kit_free(e);
	} while (true);
	kit_free(e);
	/* and ends it for all */
	sip_digits(k, 8, "##");
	kit_free(sip_hangup(k, 8));
	sip_expect(k, "", "");
}

static void test_sip__a_locked_room_lets_him_wait(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");

	sip_guests(k);
	assert_int_equal(kit_call(k, &host, false),
			 CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_command(k, &host, CV__OP__OP_LOCK, ""),
			 CV__RESULT_CODE__RESULT_OK);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "654321#");
	sip_expect(k, "hears", "locked");
	assert_int_equal(kit_command(k, &host, CV__OP__OP_UNLOCK, ""),
			 CV__RESULT_CODE__RESULT_OK);
	sip_expect(k, "hears", "welcome");
}

/* --- media ---------------------------------------------------------------------- */

static void open_room(struct kit *k)
{
	static const char *const f[] = {"name", "Open", "alias", "open",
					"open", "true", NULL, NULL};

	entry_cli_ok(k, "create", "conference", f);
}

static void test_sip__without_a_pin_he_goes_straight_in(void **state)
{
	struct kit *k = *state;
	const struct sip_ask open = {.alias = "open@192.0.2.1"};
	Cv__LegOpen *o;

	open_room(k);
	sip_guests(k);
	sip_invite(k, 7, &open);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(o->flags->admitted);
	assert_false(o->unproven);
	kit_free(o);
	sip_expect(k, "state", "in");
	sip_expect(k, "media_encrypted", "true");
}

/* Anybody may write any address on a datagram. */
static void test_sip__an_address_nobody_proved_is_not_flooded(void **state)
{
	struct kit *k = *state;
	const struct sip_ask open = {.alias = "open@192.0.2.1", .udp = true};
	Cv__LegOpen *o;

	open_room(k);
	sip_guests(k);
	sip_invite(k, 7, &open);
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(o->unproven);
	kit_free(o);
	kit_free(sip_verdict(k, 7));
}

static void test_sip__what_media_refuses_is_not_acceptable(void **state)
{
	struct kit *k = *state;
	const struct sip_ask open = {.alias = "open@192.0.2.1"};
	uint32_t status;

	open_room(k);
	sip_guests(k);
	k->media_refuses = true;
	sip_invite(k, 7, &open);
	assert_int_equal(sip_decision(k, 7, &status), REFUSE);
	assert_int_equal(status, 488);
	sip_invite(k, 8, &stranger);
	assert_int_equal(sip_decision(k, 8, &status), REFUSE);
	assert_int_equal(status, 488);
	sip_expect(k, "", "");
	/* His seat is free again. */
	assert_int_equal(entry_status_of(k, "participants"), 0);
}

static void test_sip__an_invite_without_offer_gets_ours(void **state)
{
	struct kit *k = *state;
	const struct sip_ask a = {.no_offer = true};
	Cv__SipAck ack = CV__SIP_ACK__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__SipVerdict *v;
	Cv__LegOpen *o;
	Cv__LegAccept *acc;

	sip_guests(k);
	sip_invite(k, 7, &a);
	v = sip_verdict(k, 7);
	assert_int_equal(v->decision, ANSWER);
	assert_int_equal(v->answer->kbps, 77);
	kit_free(v);
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(o->make_offer);
	assert_true(o->want->audio);
	ack.call = 7;
	ack.has_answer = true;
	ack.answer = &d;
	assert_int_equal(KIT_SEND(k, SIP, SIP_ACK, &ack), 0);
	acc = kit_wait(k, KIT_MEDIA, IPC_LEG_ACCEPT);
	assert_int_equal(acc->leg, o->leg);
	kit_free(acc);
	kit_free(o);
	sip_digits(k, 7, "123456#");
	sip_expect(k, "state", "in");
}

static void test_sip__a_new_offer_is_answered(void **state)
{
	struct kit *k = *state;
	Cv__SipOffer m = CV__SIP_OFFER__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__SipOfferReply *r;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	m.call = 7;
	m.req = 42;
	m.has_offer = true;
	m.offer = &d;
	assert_int_equal(KIT_SEND(k, SIP, SIP_OFFER, &m), 0);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_UPDATE));
	r = kit_wait(k, KIT_SIP, IPC_SIP_OFFER_REPLY);
	assert_int_equal(r->req, 42);
	assert_true(r->ok);
	kit_free(r);
}

static void test_sip__a_reinvite_without_offer_gets_ours_of_all(void **state)
{
	struct kit *k = *state;
	Cv__SipOffer m = CV__SIP_OFFER__INIT;
	Cv__SipAck ack = CV__SIP_ACK__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__SipOfferReply *r;
	Cv__LegUpdate *up;
	Cv__LegAccept *acc;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	ack.call = 7;
	ack.has_answer = true;
	ack.answer = &d;
	/* an answer to nothing is none */
	assert_int_equal(KIT_SEND(k, SIP, SIP_ACK, &ack), 0);
	m.call = 7;
	m.req = 43;
	assert_int_equal(KIT_SEND(k, SIP, SIP_OFFER, &m), 0);
	up = kit_wait(k, KIT_MEDIA, IPC_LEG_UPDATE);
	assert_null(up->offer);
	assert_true(up->want && up->want->audio && up->want->video);
	r = kit_wait(k, KIT_SIP, IPC_SIP_OFFER_REPLY);
	assert_int_equal(r->req, 43);
	assert_true(r->ok && r->answer);
	kit_free(r);
	assert_int_equal(KIT_SEND(k, SIP, SIP_ACK, &ack), 0);
	acc = kit_wait(k, KIT_MEDIA, IPC_LEG_ACCEPT);
	assert_int_equal(acc->leg, up->leg);
	kit_free(acc);
	kit_free(up);
	sip_digits(k, 7, "123456#");
	sip_expect(k, "state", "in");
}

/* It came as soon as they had answered; media has not said yet that it took
 * that answer. */
static void test_sip__an_offer_waits_until_an_answer_is_taken(void **state)
{
	struct kit *k = *state;
	Cv__SipOffer m = CV__SIP_OFFER__INIT;
	Cv__SipAck ack = CV__SIP_ACK__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__SipOfferReply *r;
	void *got;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	m.call = ack.call = 7;
	ack.has_answer = true;
	ack.answer = &d;
	for (m.req = 43; m.req < 46; m.req++) {
		assert_int_equal(KIT_SEND(k, SIP, SIP_OFFER, &m), 0);
		got = kit_wait(k, KIT_MEDIA, IPC_LEG_UPDATE);
		kit_free(got);
		r = kit_wait(k, KIT_SIP, IPC_SIP_OFFER_REPLY);
		assert_int_equal(r->req, m.req);
		assert_true(r->ok && r->answer);
		kit_free(r);
		/* answered and offered in one turn of core */
		assert_int_equal(KIT_SEND(k, SIP, SIP_ACK, &ack), 0);
	}
	sip_digits(k, 7, "123456#");
	sip_expect(k, "state", "in");
}

static void test_sip__whole_pictures_may_be_asked_for(void **state)
{
	struct kit *k = *state;
	Cv__SipInfo m = CV__SIP_INFO__INIT;
	Cv__LegWantKey w = CV__LEG_WANT_KEY__INIT, *got;
	Cv__SipInfo *i;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "123456#");
	sip_expect(k, "state", "in");
	m.call = 7;
	m.kind = CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE;
	for (int n = 0; n < 50; n++)
		assert_int_equal(KIT_SEND(k, SIP, SIP_INFO, &m), 0);
	got = kit_wait(k, KIT_MEDIA, IPC_LEG_WANT_KEY);
	assert_int_equal(got->leg, k->legs[k->n_legs - 1]);
	sip_expect(k, "state", "in");
	assert_null(kit_take(k, KIT_MEDIA, IPC_LEG_WANT_KEY));
	w.leg = got->leg;
	kit_free(got);
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_WANT_KEY, &w), 0);
	i = kit_wait(k, KIT_SIP, IPC_SIP_INFO);
	assert_int_equal(i->call, 7);
	assert_int_equal(i->kind, CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE);
	kit_free(i);
}

static void test_sip__a_transfer_is_declined(void **state)
{
	struct kit *k = *state;
	Cv__SipRefer m = CV__SIP_REFER__INIT;
	Cv__SipReferState *s;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	m.call = 7;
	m.req = 3;
	m.target = ipc_data(SPAN_LIT("sip:+4990012345@example.net"));
	assert_int_equal(KIT_SEND(k, SIP, SIP_REFER, &m), 0);
	s = kit_wait(k, KIT_SIP, IPC_SIP_REFER_STATE);
	assert_int_equal(s->req, 3);
	assert_int_equal(s->status, 603);
	assert_true(s->final);
	kit_free(s);
}

static void subscribe(struct kit *k, uint64_t call, bool on)
{
	Cv__SipSubscribe m = CV__SIP_SUBSCRIBE__INIT;

	m.call = call;
	m.on = on;
	assert_int_equal(KIT_SEND(k, SIP, SIP_SUBSCRIBE, &m), 0);
}

static void test_sip__who_is_inside_may_see_who_else_is(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host \"1\"", "123456"), other;
	Cv__SipRoster *r;
	char gone[64] = "";

	sip_guests(k);
	assert_int_equal(kit_call(k, &host, false),
			 CV__RESULT_CODE__RESULT_OK);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	/* not in a room yet */
	subscribe(k, 7, true);
	r = kit_wait(k, KIT_SIP, IPC_SIP_ROSTER);
	assert_true(r->final);
	assert_int_equal(r->n_users, 0);
	kit_free(r);
	sip_digits(k, 7, "654321#");
	sip_expect(k, "hears", "welcome");
	subscribe(k, 7, true);
	r = kit_wait(k, KIT_SIP, IPC_SIP_ROSTER);
	assert_true(r->full && !r->final);
	assert_int_equal(r->n_calls, 1);
	assert_true(r->calls[0] == 7);
	assert_int_equal(r->n_users, 2);
	assert_int_equal(r->n_all, 2);
	assert_true(r->users[0]->host);
	assert_true(span_eq(ipc_bytes(r->users[0]->name),
			    SPAN_LIT("Host \"1\"")));
	kit_free(r);
	/* then only what changed */
	other = kit_join(k, "Other", "123456");
	r = kit_wait(k, KIT_SIP, IPC_SIP_ROSTER);
	assert_false(r->full);
	assert_int_equal(r->n_all, 3);
	assert_int_equal(r->n_users, 1);
	assert_true(span_eq(ipc_bytes(r->users[0]->name), SPAN_LIT("Other")));
	memcpy(gone, r->users[0]->entity.data, r->users[0]->entity.len);
	kit_free(r);
	assert_int_equal(kit_command(k, &host, CV__OP__OP_P_DISCONNECT, gone),
			 CV__RESULT_CODE__RESULT_OK);
	r = kit_wait(k, KIT_SIP, IPC_SIP_ROSTER);
	assert_int_equal(r->n_users, 1);
	assert_true(r->users[0]->gone);
	assert_true(span_eq(ipc_bytes(r->users[0]->entity), span_str(gone)));
	kit_free(r);
	(void)other;
	subscribe(k, 7, false);
	sip_bye(k, 7);
	sip_expect(k, "", "");
}

static void reply_offer(struct kit *k)
{
	Cv__SipOffer *m = kit_wait(k, KIT_SIP, IPC_SIP_OFFER);
	Cv__SipOfferReply r = CV__SIP_OFFER_REPLY__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;

	assert_true(m->has_offer);
	r.call = m->call;
	r.req = m->req;
	r.ok = true;
	r.answer = &d;
	assert_int_equal(KIT_SEND(k, SIP, SIP_OFFER_REPLY, &r), 0);
	kit_free(m);
}

static void media_dies(struct kit *k)
{
	Cv__RoleDied d = CV__ROLE_DIED__INIT;

	kit_drop(k, KIT_MEDIA);
	d.role = ROLE_MEDIA;
	assert_int_equal(KIT_SEND(k, SUPER, ROLE_DIED, &d), 0);
	kit_link_media(k, NULL);
}

static void test_sip__dead_media_is_offered_anew(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");

	sip_guests(k);
	assert_int_equal(kit_call(k, &host, false),
			 CV__RESULT_CODE__RESULT_OK);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	media_dies(k);
	reply_offer(k);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_ACCEPT));
	sip_digits(k, 7, "654321#");
	sip_expect(k, "state", "in");
	kit_forget(k);
	media_dies(k);
	reply_offer(k);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_ACCEPT));
	sip_expect(k, "state", "in");
	sip_bye(k, 7);
	sip_expect(k, "", "");
}

static void test_sip__a_leg_that_ends_ends_the_call(void **state)
{
	struct kit *k = *state;
	Cv__LegState s = CV__LEG_STATE__INIT;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "123456#");
	sip_expect(k, "state", "in");
	s.leg = k->legs[k->n_legs - 1];
	s.phase = CV__LEG_PHASE__LEG_GONE;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_STATE, &s), 0);
	kit_free(sip_hangup(k, 7));
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "participants"), 0);
}

static void test_sip__a_dead_face_ends_its_calls(void **state)
{
	struct kit *k = *state;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_invite(k, 8, &stranger);
	assert_int_equal(sip_decision(k, 8, NULL), ANSWER);
	sip_digits(k, 8, "123456#");
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_MOVE));
	kit_drop(k, KIT_SIP);
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "participants"), 0);
	kit_link(k, KIT_SIP);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
}

static void test_sip__keys_by_rfc4733_count_once_each(void **state)
{
	struct kit *k = *state;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	for (const char *p = "123456"; *p; p++) {
		Cv__LegDtmf d = CV__LEG_DTMF__INIT;

		d.leg = k->legs[k->n_legs - 1];
		d.digit = (uint32_t)(*p - '0');
		assert_int_equal(KIT_SEND(k, MEDIA, LEG_DTMF, &d), 0);
	}
	/* No '#': a pause ends it. */
	sip_expect(k, "state", "in");
}

/* --- far-end camera control ----------------------------------------------------------- */

static Cv__ResultCode fecc(struct kit *k, const struct kit_person *p,
			   const char *uuid)
{
	Cv__Command c = CV__COMMAND__INIT;
	Cv__CameraMove move = CV__CAMERA_MOVE__INIT;
	Cv__CommandReply *r;
	Cv__ResultCode code;

	move.action = CV__CAMERA_ACTION__CAMERA_START;
	move.pan = -1;
	move.timeout_ms = 60000;
	c.req = ++k->req;
	c.op = CV__OP__OP_P_FECC;
	c.alias = ipc_data(SPAN_LIT("demo"));
	c.token = ipc_data(span_str(p->token));
	c.target = ipc_data(span_str(uuid));
	c.move = &move;
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
	r = kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY);
	code = r->code;
	kit_free(r);
	return code;
}

static void has_camera(struct kit *k, uint64_t leg)
{
	Cv__LegState s = CV__LEG_STATE__INIT;

	s.leg = leg;
	s.phase = CV__LEG_PHASE__LEG_SECURE;
	s.encrypted = true;
	s.has_camera = true;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_STATE, &s), 0);
}

/* Waits for his row to say so. */
static void row_says(struct kit *k, const char *uuid, bool has)
{
	for (;;) {
		Cv__Event *e = kit_event(k, 1,
			CV__EVENT_KIND__EV_PARTICIPANT_UPDATE);
		const bool is = span_eq(ipc_bytes(e->row->uuid),
					span_str(uuid)) &&
				e->row->fecc_supported == has;

		kit_free(e);
		if (is)
			return;
	}
}

static void test_sip__a_host_moves_a_camera_of_his_room(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");
	struct kit_person guest = kit_join(k, "Guest", "654321");
	Cv__LegCamera wish = CV__LEG_CAMERA__INIT, *order;
	Cv__CameraMove move = CV__CAMERA_MOVE__INIT;
	char uuid[64] = "";
	Cv__Event *e;
	uint64_t leg;

	sip_guests(k);
	entry_set(k, "enable_fecc", "true");
	assert_int_equal(kit_stream(k, &host, 1), CV__RESULT_CODE__RESULT_OK);
	(void)kit_roster(k, 1);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "123456#");
	leg = k->legs[k->n_legs - 1];
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_CREATE);
	memcpy(uuid, e->row->uuid.data, e->row->uuid.len);
	assert_false(e->row->fecc_supported);
	kit_free(e);
	assert_int_equal(fecc(k, &host, uuid), CV__RESULT_CODE__RESULT_REFUSED);
	has_camera(k, leg);
	row_says(k, uuid, true);
	assert_int_equal(fecc(k, &guest, uuid),
			 CV__RESULT_CODE__RESULT_INVALID_ROLE);
	assert_int_equal(fecc(k, &host, "no-such-participant"),
			 CV__RESULT_CODE__RESULT_NOT_FOUND);
	assert_null(kit_take(k, KIT_MEDIA, IPC_LEG_CAMERA));
	assert_int_equal(fecc(k, &host, uuid), CV__RESULT_CODE__RESULT_OK);
	order = kit_wait(k, KIT_MEDIA, IPC_LEG_CAMERA);
	assert_true(order->leg == leg && order->move->pan == -1);
	assert_int_equal(order->move->timeout_ms, 5000);	/* cut */
	kit_free(order);
	/* in a room of many a device's wish names nobody */
	wish.leg = leg;
	wish.move = &move;
	move.action = CV__CAMERA_ACTION__CAMERA_START;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_CAMERA, &wish), 0);
	entry_set(k, "enable_fecc", "false");
	assert_null(kit_take(k, KIT_MEDIA, IPC_LEG_CAMERA));
	assert_int_equal(fecc(k, &host, uuid), CV__RESULT_CODE__RESULT_REFUSED);
	assert_null(kit_take(k, KIT_MEDIA, IPC_LEG_CAMERA));
}

/* --- presentation ------------------------------------------------------------------ */

static void send_slides(struct kit *k, uint64_t leg)
{
	Cv__LegState s = CV__LEG_STATE__INIT;

	s.leg = leg;
	s.phase = CV__LEG_PHASE__LEG_SECURE;
	s.encrypted = true;
	s.has_slides = true;
	s.slides_takes = CV__SLIDES_CODEC__SLIDES_H264_MODE1;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_STATE, &s), 0);
}

static void row_mixes(struct kit *k, bool in_mix)
{
	for (;;) {
		Cv__Event *e = kit_event(k, 1,
			CV__EVENT_KIND__EV_PARTICIPANT_UPDATE);
		const bool is = e->row->protocol == 2 &&
				e->row->is_video_call &&
				e->row->presentation_in_mix == in_mix &&
				e->row->presentation_supported == !in_mix;

		kit_free(e);
		if (is)
			return;
	}
}

/* Its row says so until it turns out to have a section for slides. */
static void test_sip__who_has_one_picture_needs_the_mix(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");

	sip_guests(k);
	assert_int_equal(kit_stream(k, &host, 1), CV__RESULT_CODE__RESULT_OK);
	(void)kit_roster(k, 1);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_digits(k, 7, "123456#");
	row_mixes(k, true);
	send_slides(k, k->legs[k->n_legs - 1]);
	row_mixes(k, false);
}

static void ask_floor(struct kit *k, uint64_t call, uint32_t req,
		      Cv__SipFloorOp op)
{
	Cv__SipFloor m = CV__SIP_FLOOR__INIT;

	m.call = call;
	m.req = req;
	m.op = op;
	assert_int_equal(KIT_SEND(k, SIP, SIP_FLOOR, &m), 0);
}

/* The next word on this call that answers `req` (0: news), as it is. */
static Cv__SipFloorState floor_state_of(struct kit *k, uint64_t call,
					uint32_t req)
{
	for (;;) {
		Cv__SipFloorState *m = kit_wait(k, KIT_SIP,
						IPC_SIP_FLOOR_STATE);
		Cv__SipFloorState got;

		assert_non_null(m);
		got = *m;
		kit_free(m);
		if (got.call == call && got.req == req)
			return got;
	}
}

static uint64_t device_inside(struct kit *k, uint64_t call, const char *pin)
{
	uint64_t leg;

	sip_invite(k, call, &stranger);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	sip_digits(k, call, pin);
	leg = k->legs[k->n_legs - 1];
	return leg;
}

static void test_sip__a_device_presents(void **state)
{
	struct kit *k = *state;
	Cv__SipFloorState s;
	Cv__Presentation *p;
	uint64_t leg;

	sip_guests(k);
	leg = device_inside(k, 7, "123456#");
	sip_expect(k, "state", "in");
	send_slides(k, leg);
	s = floor_state_of(k, 7, 0);
	assert_int_equal(s.outcome, CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_NEWS);
	assert_false(s.held);
	ask_floor(k, 7, 40, CV__SIP_FLOOR_OP__SIP_FLOOR_REQUEST);
	s = floor_state_of(k, 7, 40);
	assert_int_equal(s.outcome, CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED);
	assert_true(s.held && s.self);
	p = kit_wait(k, KIT_MEDIA, IPC_PRESENTATION);
	assert_true(p->presenter == leg);
	kit_free(p);
	ask_floor(k, 7, 41, CV__SIP_FLOOR_OP__SIP_FLOOR_RELEASE);
	s = floor_state_of(k, 7, 41);
	assert_int_equal(s.outcome, CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_RELEASED);
	assert_false(s.held);
	/* what nobody holds may be given back */
	ask_floor(k, 7, 42, CV__SIP_FLOOR_OP__SIP_FLOOR_RELEASE);
	s = floor_state_of(k, 7, 42);
	assert_int_equal(s.outcome, CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_RELEASED);
}

static void test_sip__who_waits_for_his_pin_does_not_present(void **state)
{
	struct kit *k = *state;

	sip_guests(k);
	sip_invite(k, 7, &stranger);
	assert_int_equal(sip_decision(k, 7, NULL), ANSWER);
	sip_expect(k, "hears", "pin entry");
	ask_floor(k, 7, 40, CV__SIP_FLOOR_OP__SIP_FLOOR_REQUEST);
	assert_int_equal(floor_state_of(k, 7, 40).outcome,
			 CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_DENIED);
	/* of a call that is not there: nothing */
	ask_floor(k, 99, 41, CV__SIP_FLOOR_OP__SIP_FLOOR_REQUEST);
	ask_floor(k, 7, 42, CV__SIP_FLOOR_OP__SIP_FLOOR_RELEASE);
	assert_int_equal(floor_state_of(k, 7, 42).outcome,
			 CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_RELEASED);
}

static void test_sip__datagrams_of_bfcp_pass_unread(void **state)
{
	struct kit *k = *state;
	Cv__SipBfcp m = CV__SIP_BFCP__INIT, *up;
	Cv__LegBfcp l = CV__LEG_BFCP__INIT, *down;
	uint8_t bytes[] = "\x01 no BFCP";

	sip_guests(k);
	l.leg = device_inside(k, 7, "123456#");
	sip_expect(k, "state", "in");
	m.call = 7;
	m.datagram = l.datagram = ipc_data(span_of(bytes, sizeof(bytes)));
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_BFCP, &l), 0);
	up = kit_wait(k, KIT_SIP, IPC_SIP_BFCP);
	assert_true(up->call == 7);
	assert_int_equal(up->datagram.len, sizeof(bytes));
	assert_memory_equal(up->datagram.data, bytes, sizeof(bytes));
	kit_free(up);
	assert_int_equal(KIT_SEND(k, SIP, SIP_BFCP, &m), 0);
	down = kit_wait(k, KIT_MEDIA, IPC_LEG_BFCP);
	assert_true(down->leg == l.leg);
	assert_memory_equal(down->datagram.data, bytes, sizeof(bytes));
	kit_free(down);
}

/* --- registrations --------------------------------------------------------------- */

static Cv__SipRegOutcome reg(struct kit *k, const struct sip_ask *a,
			     const char *contact, uint32_t expires,
			     uint32_t *got)
{
	Cv__SipRegistered *r = sip_register_as(k, a, contact, expires);
	const Cv__SipRegOutcome o = r->outcome;

	if (got)
		*got = r->expires_s;
	kit_free(r);
	return o;
}

static void test_sip_reg__a_device_registers(void **state)
{
	struct kit *k = *state;
	struct sip_ask a = {.from = desk.from, .flow = 5};
	uint32_t s;

	make_desk(k);
	assert_int_equal(reg(k, &a, "sip:desk@192.0.2.77", 3600, NULL),
			 CV__SIP_REG_OUTCOME__SIP_REG_CHALLENGE);
	a = desk;
	a.flow = 5;
	assert_int_equal(reg(k, &a, "sip:desk@192.0.2.77", 30, &s),
			 CV__SIP_REG_OUTCOME__SIP_REG_BRIEF);
	assert_int_equal(s, 60);
	assert_int_equal(reg(k, &a, "sip:desk@192.0.2.77", 3600, &s),
			 CV__SIP_REG_OUTCOME__SIP_REG_OK);
	assert_int_equal(s, 60);
	assert_true(entry_listed(k, "show", "registration", "alias",
				 "desk@example.org", NULL, NULL));
	/* On its connection it needs no digest, elsewhere it does. */
	a = (struct sip_ask){.from = desk.from, .flow = 5};
	sip_invite(k, 1, &a);
	assert_int_equal(sip_decision(k, 1, NULL), ANSWER);
	a.flow = 6;
	sip_invite(k, 2, &a);
	assert_int_equal(sip_decision(k, 2, NULL), CHALLENGE);
	a = (struct sip_ask){.from = "sip:boss@example.org", .flow = 5};
	sip_invite(k, 3, &a);
	assert_int_equal(sip_decision(k, 3, NULL), CHALLENGE);
}

static void test_sip_reg__it_ends_with_its_connection(void **state)
{
	struct kit *k = *state;
	Cv__SipFlowGone gone = CV__SIP_FLOW_GONE__INIT;
	struct sip_ask a = desk;
	uint32_t flow = 5;

	make_desk(k);
	a.flow = 5;
	assert_int_equal(reg(k, &a, "sip:desk@192.0.2.77", 3600, NULL),
			 CV__SIP_REG_OUTCOME__SIP_REG_OK);
	gone.flows = &flow;
	gone.n_flows = 1;
	assert_int_equal(KIT_SEND(k, SIP, SIP_FLOW_GONE, &gone), 0);
	a = (struct sip_ask){.from = desk.from, .flow = 5};
	sip_invite(k, 1, &a);
	assert_int_equal(sip_decision(k, 1, NULL), CHALLENGE);
	assert_false(entry_listed(k, "show", "registration", "alias",
				  "desk@example.org", NULL, NULL));
}

static void test_sip_reg__contacts_are_bounded(void **state)
{
	struct kit *k = *state;
	Cv__SipRegistered *r;
	char contact[64];

	make_desk(k);
	for (int i = 0; i < 14; i++) {
		snprintf(contact, sizeof(contact), "sip:d@192.0.2.%d", i);
		assert_int_equal(reg(k, &desk, contact, 60, NULL),
				 CV__SIP_REG_OUTCOME__SIP_REG_OK);
	}
	r = sip_register_as(k, &desk, NULL, 0);
	assert_int_equal(r->n_contacts, 10);
	assert_true(span_eq(ipc_bytes(r->contacts[0]->uri),
			    SPAN_LIT("sip:d@192.0.2.4")));
	kit_free(r);
	assert_int_equal(reg(k, &desk, "sip:d@192.0.2.4", 0, NULL),
			 CV__SIP_REG_OUTCOME__SIP_REG_OK);
	r = sip_register_as(k, &desk, "*", 0);
	assert_int_equal(r->outcome, CV__SIP_REG_OUTCOME__SIP_REG_OK);
	assert_int_equal(r->n_contacts, 0);
	kit_free(r);
}

static void test_sip_reg__a_changed_device_is_registered_no_more(void **state)
{
	struct kit *k = *state;
	static const char *const f[] = {"which", "desk@example.org",
					"password", "another-secret", NULL,
					NULL};

	make_desk(k);
	assert_int_equal(reg(k, &desk, "sip:desk@192.0.2.77", 60, NULL),
			 CV__SIP_REG_OUTCOME__SIP_REG_OK);
	entry_cli_ok(k, "change", "device", f);
	assert_false(entry_listed(k, "show", "registration", "alias",
				  "desk@example.org", NULL, NULL));
	assert_int_equal(reg(k, &desk, "sip:desk@192.0.2.77", 60, NULL),
			 CV__SIP_REG_OUTCOME__SIP_REG_CHALLENGE);
}

static void test_sip_reg__off_is_off(void **state)
{
	struct kit *k = *state;

	make_desk(k);
	entry_set(k, "registration_enabled", "false");
	assert_int_equal(reg(k, &desk, "sip:desk@192.0.2.77", 60, NULL),
			 CV__SIP_REG_OUTCOME__SIP_REG_REFUSED);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sip_setup, entry_teardown)
	const struct CMUnitTest tests[] = {
		T(test_sip__strangers_are_challenged_whatever_they_dial),
		T(test_sip__a_device_calls_with_its_digest),
		T(test_sip__md5_is_for_devices_that_may_over_tls),
		T(test_sip__the_face_may_challenge_where_nobody_is_a_stranger),
		T(test_sip__wrong_digests_end_in_quarantine),
		T(test_sip__scans_are_signs_of_a_scanner),
		T(test_sip__a_pin_leads_from_the_lobby_into_the_room),
		T(test_sip__three_wrong_pins_end_the_call),
		T(test_sip__an_unknown_alias_is_asked_for_a_pin_too),
		T(test_sip__no_room_is_told_by_what_it_carries),
		T(test_sip__behind_the_pin_the_room_s_terms_hold),
		T(test_sip__without_concealment_it_is_not_found),
		T(test_sip__calls_of_one_source_are_capped),
		T(test_sip__nobody_uses_up_all_calls),
		T(test_sip__a_full_face_sheds_strangers_a_busy_one_nobody),
		T(test_sip__whoever_hangs_up_in_the_lobby_leaves_nothing),
		T(test_sip__a_host_removes_him_with_a_word),
		T(test_sip__he_is_told_by_voice),
		T(test_sip__waiting_is_told_until_he_is_inside),
		T(test_sip__keys_are_commands_with_his_rights),
		T(test_sip__a_locked_room_lets_him_wait),
		T(test_sip__without_a_pin_he_goes_straight_in),
		T(test_sip__an_address_nobody_proved_is_not_flooded),
		T(test_sip__what_media_refuses_is_not_acceptable),
		T(test_sip__an_invite_without_offer_gets_ours),
		T(test_sip__a_new_offer_is_answered),
		T(test_sip__a_reinvite_without_offer_gets_ours_of_all),
		T(test_sip__an_offer_waits_until_an_answer_is_taken),
		T(test_sip__whole_pictures_may_be_asked_for),
		T(test_sip__a_transfer_is_declined),
		T(test_sip__who_is_inside_may_see_who_else_is),
		T(test_sip__dead_media_is_offered_anew),
		T(test_sip__a_leg_that_ends_ends_the_call),
		T(test_sip__a_dead_face_ends_its_calls),
		T(test_sip__keys_by_rfc4733_count_once_each),
		T(test_sip__a_host_moves_a_camera_of_his_room),
		T(test_sip__who_has_one_picture_needs_the_mix),
		T(test_sip__a_device_presents),
		T(test_sip__who_waits_for_his_pin_does_not_present),
		T(test_sip__datagrams_of_bfcp_pass_unread),
		T(test_sip_reg__a_device_registers),
		T(test_sip_reg__it_ends_with_its_connection),
		T(test_sip_reg__contacts_are_bounded),
		T(test_sip_reg__a_changed_device_is_registered_no_more),
		T(test_sip_reg__off_is_off),
	};

	kit_program = argv[1];
	(void)argc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
