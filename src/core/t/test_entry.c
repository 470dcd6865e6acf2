/* Who gets in, through the real conclave-core: guessers, strangers, people
 * who prove themselves; what survives a crash. */
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/t/entry_kit.h"

/* --- what a refused caller sees ------------------------------------------------ */

enum { BYTES_MAX = 512 };

struct seen {
	uint8_t bytes[BYTES_MAX];
	size_t n, heard, said;
};

static struct seen see(struct kit *k, const struct kit_ask *a)
{
	const size_t heard = k->heard, said = k->said;
	Cv__JoinReply *r = kit_join_raw(k, a);
	struct seen s = {.n = 0};

	r->req = 0;
	/* Each refusal has a number of its own, of one form. */
	assert_true(r->reference.len == 0 || r->reference.len == 16);
	assert_int_equal(r->reference.len == 0, r->outcome == OK ||
			 r->outcome == ASKED);
	if (r->reference.len)
		memset(r->reference.data, 'x', r->reference.len);
	s.n = cv__join_reply__get_packed_size(r);
	assert_true(s.n < BYTES_MAX);
	(void)cv__join_reply__pack(r, s.bytes);
	kit_free(r);
	s.heard = k->heard - heard;
	s.said = k->said - said;
	return s;
}

static const char *const entries[] = {NULL, "none", "", "111111", "123456",
				      "654321", "12", "#"};
enum { ENTRIES = sizeof(entries) / sizeof(entries[0]) };

/* The same bytes and the same number of messages, whatever is entered. */
static void same(struct kit *k, const struct kit_ask *a,
		 const struct kit_ask *b)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		struct kit_ask x = *a, y = *b;
		struct seen one, two;

		x.pin = y.pin = entries[i];
		one = see(k, &x);
		two = see(k, &y);
		assert_int_equal(one.n, two.n);
		assert_memory_equal(one.bytes, two.bytes, one.n);
		assert_int_equal(one.heard, two.heard);
		assert_int_equal(one.said, two.said);
		assert_int_equal(one.heard, 1);
	}
}

static void test_entry__concealed_alias_is_as_a_room_with_pins(void **state)
{
	struct kit *k = *state;
	const struct kit_ask there = {.alias = "demo"};
	const struct kit_ask none = {.alias = "nobody"};
	struct seen a = see(k, &there), b = see(k, &none);

	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.bytes, b.bytes, a.n);
	assert_int_equal(entry_outcome(k, "nobody", NULL, 0), ASKED);
	assert_int_equal(entry_outcome(k, "nobody", "none", 0), ASKED);
	assert_int_equal(entry_outcome(k, "nobody", "123456", 0), WRONG);
	assert_int_equal(entry_outcome(k, "", NULL, 0), ASKED);
	entry_set(k, "conceal_rooms", "false");
	assert_int_equal(entry_outcome(k, "nobody", NULL, 0), UNKNOWN);
	assert_int_equal(entry_outcome(k, "nobody", "123456", 0), UNKNOWN);
	assert_int_equal(entry_outcome(k, "demo", NULL, 0), ASKED);
}

static void pair_and_quarantine(struct kit *k)
{
	const uint32_t guesser = entry_stranger(), scanner = entry_stranger();
	struct kit_ask unknown = {.alias = "nobody"};
	struct kit_ask pair = {.alias = "demo", .ip = guesser};
	struct kit_ask quarantined = {.alias = "demo", .ip = scanner};

	for (int i = 0; i < 5; i++)
		(void)entry_outcome(k, "demo", "111111", guesser);
	entry_quarantine(k, scanner);
	unknown.ip = entry_stranger();
	same(k, &unknown, &pair);
	unknown.ip = entry_stranger();
	same(k, &unknown, &quarantined);
	/* And one that is both, at an alias that is not there. */
	quarantined.alias = "nobody-2";
	unknown.ip = entry_stranger();
	same(k, &unknown, &quarantined);
}

/* What a question leaves in the audit log right away says nothing, either. */
static void test_entry__a_question_writes_the_same(void **state)
{
	static const char *const ask[] = {NULL, "none"};
	struct kit *k = *state;
	const uint32_t scanner = entry_stranger(), guesser = entry_stranger();
	uint64_t lines;

	entry_quarantine(k, scanner);
	entry_exhaust_pair(k, "demo", guesser);
	lines = entry_status_of(k, "audit_lines");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(entry_outcome(k, "demo", ask[i],
					       entry_stranger()), ASKED);
		assert_int_equal(entry_outcome(k, "nobody", ask[i],
					       entry_stranger()), ASKED);
		assert_int_equal(entry_outcome(k, "demo", ask[i], scanner),
				 ASKED);
		assert_int_equal(entry_outcome(k, "demo", ask[i], guesser),
				 ASKED);
	}
	assert_int_equal(entry_status_of(k, "audit_lines"), lines);
	/* A comparison is one line, whatever was compared. */
	assert_int_equal(entry_outcome(k, "demo", "111111", entry_stranger()),
			 WRONG);
	assert_int_equal(entry_status_of(k, "audit_lines"), lines + 1);
	assert_int_equal(entry_outcome(k, "nobody", "111111",
				       entry_stranger()), WRONG);
	assert_int_equal(entry_status_of(k, "audit_lines"), lines + 2);
	assert_int_equal(entry_outcome(k, "demo", "111111", scanner), WRONG);
	assert_int_equal(entry_status_of(k, "audit_lines"), lines + 3);
}

static void blocked(struct kit *k)
{
	struct kit_ask unknown = {.alias = "nobody-3", .ip = entry_stranger()};
	struct kit_ask room = {.alias = "demo", .ip = entry_stranger()};

	entry_set(k, "pin_guard_mode", "block");
	entry_attack_room(k, 21);
	same(k, &unknown, &room);
}

/* T5. */
static void test_entry__refusals_are_the_same_bytes_and_messages(void **state)
{
	struct kit *k = *state;

	pair_and_quarantine(k);
	blocked(k);
}

static void test_entry__refusals_are_the_same_when_not_concealed(void **state)
{
	struct kit *k = *state;
	struct kit_ask unknown = {.alias = "nobody", .ip = entry_stranger()};
	struct kit_ask room = {.alias = "demo", .ip = entry_stranger()};

	entry_set(k, "conceal_rooms", "false");
	pair_and_quarantine(k);
	entry_set(k, "pin_guard_mode", "block");
	entry_attack_room(k, 21);
	same(k, &unknown, &room);
	assert_int_equal(entry_outcome(k, "demo", "123456", entry_stranger()), UNKNOWN);
}

/* T8. */
static void test_entry__block_mode_is_the_compatible_one(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_ask back = {.name = "Hanna", .reconnect = h.reconnect,
			       .ip = 9};

	entry_set(k, "pin_guard_mode", "block");
	for (int i = 0; i < 20; i++)
		assert_int_equal(entry_outcome(k, "demo", "111111", 9), WRONG);
	assert_int_equal(entry_outcome(k, "demo", "123456", 9), OK);
	assert_int_equal(entry_outcome(k, "demo", "111111", 9), WRONG);
	assert_int_equal(entry_outcome(k, "demo", "123456", 9), WRONG);
	assert_int_equal(entry_outcome(k, "demo", "123456", entry_stranger()), WRONG);
	assert_true(entry_has_alarm(k, "service_access_quarantined"));
	/* Who is inside stays and may come back. */
	assert_int_equal(kit_command(k, &h, CV__OP__OP_REFRESH_TOKEN, NULL),
			 CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_join_ask(k, &back).outcome, OK);
}

/* --- proofs -------------------------------------------------------------------- */

static void change_pin(struct kit *k, const char *pin)
{
	const char *const f[] = {"which", "Demo", "pin", pin, NULL, NULL};

	entry_cli_ok(k, "change", "conference", f);
}

static void test_entry__cookie_is_given_for_a_right_pin_only(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), again;
	struct kit_ask a = {.pin = "111111"};

	assert_int_equal(strlen(h.cookie_name), 26);
	assert_memory_equal(h.cookie_name, "__Host-cv-", 10);
	assert_true(strlen(h.cookie) > 40);
	assert_int_equal(strlen(kit_join_ask(k, &a).cookie), 0);
	a = (struct kit_ask){.reconnect = h.reconnect};
	again = kit_join_ask(k, &a);
	assert_int_equal(again.outcome, OK);
	assert_int_equal(strlen(again.cookie), 0);
}

/* T9, and what a cookie is for. */
static void test_entry__cookie_passes_until_the_pin_changes(void **state)
{
	struct kit *k = *state;
	const struct kit_person h = kit_join(k, "Hanna", "123456");
	const uint32_t guesser = entry_stranger();
	struct kit_ask a = {.pin = "123456", .cookie = h.cookie,
			    .ip = guesser};
	struct kit_person with;
	char other[KIT_TEXT];

	entry_exhaust_pair(k, "demo", guesser);
	assert_int_equal(entry_outcome(k, "demo", "123456", guesser), WRONG);
	with = kit_join_ask(k, &a);
	assert_int_equal(with.outcome, OK);
	memcpy(other, h.cookie, sizeof(other));
	other[50] = other[50] == 'A' ? 'B' : 'A';
	a.cookie = other;
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);

	change_pin(k, "482913");
	entry_exhaust_pair(k, "demo", guesser);
	a.pin = "482913";
	a.cookie = h.cookie;
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	a.cookie = with.cookie;
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	a.ip = entry_stranger();
	with = kit_join_ask(k, &a);
	assert_int_equal(with.outcome, OK);
	a.ip = guesser;
	a.cookie = with.cookie;
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
}

static void test_entry__cookie_has_five_tries_of_its_own(void **state)
{
	struct kit *k = *state;
	const struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_ask a = {.pin = "111111", .cookie = h.cookie};

	for (int i = 0; i < 5; i++) {
		a.ip = entry_stranger();
		assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	}
	/* Used up: he is a stranger, and his pair counts. */
	a.ip = entry_stranger();
	entry_exhaust_pair(k, "demo", a.ip);
	a.pin = "123456";
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
}

/* The id that is in it: 1 byte, 8 bytes, the id, a MAC. */
static void id_of(const struct kit_person *p, uint8_t id[16])
{
	uint8_t raw[128];
	size_t n = 0;

	assert_int_equal(b64url_decode(raw, sizeof(raw), &n,
				       span_str(p->cookie)), 0);
	assert_true(n > 25);
	memcpy(id, raw + 9, 16);
}

/* Who knows the Guest PIN joins from a hundred networks: he has not a hundred
 * times five tries at the Host PIN. */
static void test_entry__guests_collect_no_tries_with_cookies(void **state)
{
	enum { JOINS = 100, IDS = 16 };
	struct kit *k = *state;
	uint8_t ids[JOINS][16];
	size_t n = 0;

	for (uint32_t i = 0; i < JOINS; i++) {
		const struct kit_ask a = {.pin = "654321",
					  .ip = NET(11, i, 0, 1)};
		const struct kit_person p = kit_join_ask(k, &a);
		size_t at = 0;

		assert_int_equal(p.outcome, OK);
		assert_int_equal(kit_command(k, &p, CV__OP__OP_RELEASE_TOKEN,
					     NULL), CV__RESULT_CODE__RESULT_OK);
		id_of(&p, ids[n]);
		while (memcmp(ids[at], ids[n], 16) != 0)
			at++;
		n += at == n;
	}
	assert_in_range(n, IDS / 2, IDS);
	/* Hosts have nothing left to guess. */
	for (n = 0; n < 2; n++) {
		const struct kit_person h = kit_join(k, "Hanna", "123456");

		id_of(&h, ids[n]);
	}
	assert_memory_not_equal(ids[0], ids[1], 16);
}

static void invite(struct kit *k, const char *room, char key[KIT_TEXT],
		   uint64_t *id)
{
	const char *const f[] = {"which", room, "host", "meet.example.org",
				 "days", "2", NULL, NULL};
	Cv__CliReply *r = kit_cli(k, "invite", "create", f);
	struct span link, rest;

	if (r->error)
		fail_msg("invite: %s", r->message);
	assert_int_equal(r->n_rows, 1);
	link = entry_field_of(r->rows[0], "link");
	assert_memory_equal(link.p, "https://meet.example.org/meet/demo#"
			    "invitation=", 46);
	rest = span_of(link.p + 46, link.n - 46);
	assert_int_equal(rest.n, 22);
	assert_int_equal(span_cstr(rest, key, KIT_TEXT), 0);
	assert_int_equal(span_u64(entry_field_of(r->rows[0], "id"), UINT64_MAX, id),
			 0);
	kit_free(r);
}

static void link_begins(struct kit *k, const char *want)
{
	static const char *const f[] = {"which", "Demo", NULL, NULL};
	Cv__CliReply *r = kit_cli(k, "invite", "create", f);
	struct span link;

	if (r->error)
		fail_msg("invite: %s", r->message);
	link = entry_field_of(r->rows[0], "link");
	assert_true(link.n > strlen(want));
	assert_memory_equal(link.p, want, strlen(want));
	kit_free(r);
}

static void test_entry__invitation_names_where_browsers_reach_us(void **state)
{
	static const char *const f[] = {"which", "Demo", NULL, NULL};
	static const char *const setting[] = {
		"hosts_allowed", "fd00::1,meet.example.org", NULL, NULL};
	struct kit *k = *state;
	Cv__CliReply *r = kit_cli(k, "invite", "create", f);

	/* Nobody said: no link that leads nowhere. */
	assert_int_equal(r->error, E_LIMIT);
	assert_memory_equal(r->message, "host: ", 6);
	kit_free(r);
	k->public_host = "srv1";
	entry_crash(k);
	link_begins(k, "https://srv1:8443/meet/demo#invitation=");
	entry_cli_ok(k, "change", "global", setting);
	link_begins(k, "https://[fd00::1]:8443/meet/demo#invitation=");
}

static void test_entry__invitation_passes_until_revoked(void **state)
{
	struct kit *k = *state;
	const uint32_t guesser = entry_stranger();
	char key[KIT_TEXT], number[24];
	struct kit_ask a = {.pin = "654321", .ip = guesser,
			    .invitation = key};
	const char *const revoke[] = {"which", number, NULL, NULL};
	uint64_t id = 0;

	invite(k, "Demo", key, &id);
	assert_true(entry_listed(k, "invite", "list", "room", "Demo", NULL, NULL));
	entry_exhaust_pair(k, "demo", guesser);
	assert_int_equal(entry_outcome(k, "demo", "654321", guesser), WRONG);
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
	/* No PIN, no entry: a key only proves. */
	a.pin = NULL;
	assert_int_equal(kit_join_ask(k, &a).outcome, ASKED);
	a.pin = "654321";
	snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
	entry_cli_ok(k, "invite", "revoke", revoke);
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	assert_false(entry_listed(k, "invite", "list", "room", "Demo", NULL, NULL));
}

static void test_entry__invitation_ends_and_leads_to_one_room(void **state)
{
	static const char *const other[] = {
		"name", "Other", "pin", "482913", "alias", "other", NULL,
		NULL};
	struct kit *k = *state;
	const uint32_t guesser = entry_stranger();
	char key[KIT_TEXT];
	struct kit_ask a = {.pin = "482913", .ip = guesser,
			    .alias = "other", .invitation = key};
	uint64_t id;

	entry_cli_ok(k, "create", "conference", other);
	invite(k, "Demo", key, &id);
	entry_exhaust_pair(k, "other", guesser);
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	/* Three days later. */
	k->wall_step_us = "259200000000";
	entry_crash(k);
	entry_exhaust_pair(k, "demo", guesser);
	a.alias = "demo";
	a.pin = "123456";
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
}

static void test_entry__allow_list_types_and_flags(void **state)
{
	struct kit *k = *state;

	entry_allow(k, "10.1.0.0", "16", "user", "true", "true");
	entry_allow(k, "10.2.0.0", "16", "user", "false", "false");
	/* Trusted, and nothing of his counts. */
	for (int i = 0; i < 30; i++)
		assert_int_equal(entry_outcome(k, "demo", "111111",
					 NET(10, 1, 0, 1)), WRONG);
	entry_quarantine(k, NET(10, 1, 0, 1));
	assert_int_equal(entry_outcome(k, "demo", "123456", NET(10, 1, 0, 1)), OK);
	assert_false(entry_has_alarm(k, "possible_voip_scanner_ips_blocked"));
	/* A proof without flags: no line, but what he does counts. */
	entry_attack_room(k, 21);
	assert_int_equal(entry_outcome(k, "demo", "123456", NET(10, 2, 0, 1)), OK);
	entry_exhaust_pair(k, "demo", NET(10, 2, 0, 1));
	assert_int_equal(entry_outcome(k, "demo", "123456", NET(10, 2, 0, 1)),
			 WRONG);
}

static void test_entry__proxy_itself_proves_nothing(void **state)
{
	struct kit *k = *state;

	entry_allow(k, "10.3.0.1", "32", "proxy", "false", "false");
	entry_exhaust_pair(k, "demo", NET(10, 3, 0, 1));
	assert_int_equal(entry_outcome(k, "demo", "123456", NET(10, 3, 0, 1)),
			 WRONG);
}

static void test_entry__web_hears_of_trusted_proxies(void **state)
{
	struct kit *k = *state;
	bool found = false;

	kit_forget(k);
	entry_allow(k, "10.3.0.1", "32", "proxy", "false", "false");
	entry_allow(k, "2001:db8:5::", "48", "proxy", "false", "false");
	entry_allow(k, "10.4.0.0", "16", "user", "false", "false");
	while (!found) {
		Cv__Settings *s = kit_wait(k, KIT_WEB, IPC_SETTINGS);

		for (size_t i = 0; i < s->n_settings; i++)
			found |= strcmp(s->settings[i]->name,
					"trusted_proxies") == 0 &&
				 span_eq(ipc_bytes(s->settings[i]->value),
					 SPAN_LIT("10.3.0.1,2001:db8:5::/48"));
		kit_free(s);
	}
}

static void test_entry__claim_of_a_login_costs_the_channel(void **state)
{
	struct kit *k = *state;
	const struct kit_ask lie = {.pin = "123456", .idp = true};

	(void)kit_join_send(k, &lie);
	while (!k->down[KIT_WEB])
		kit_turn(k, 100);
	assert_null(kit_take(k, KIT_WEB, IPC_JOIN_REPLY));
	assert_int_equal(entry_status_of(k, "false_claims"), 1);
	kit_link(k, KIT_WEB);
	kit_join(k, "Honest", "123456");
}

/* --- a guarded room --------------------------------------------------------------- */

static void test_entry__guarded_room_passes_the_proven_only(void **state)
{
	struct kit *k = *state;
	const struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_ask a = {.pin = "123456"};
	uint32_t waiting[3], req;
	uint64_t start;

	entry_attack_room(k, 21);
	assert_true(entry_has_alarm(k, "service_access_quarantined"));
	/* Strangers wait, the first for his turn, the others behind him. */
	for (int i = 0; i < 3; i++) {
		a.ip = entry_stranger();
		waiting[i] = kit_join_send(k, &a);
	}
	start = clock_mono_ns();
	a.ip = entry_stranger();
	a.cookie = h.cookie;
	req = kit_join_send(k, &a);
	kit_free(kit_join_answer(k, req));
	a.cookie = NULL;
	a.reconnect = h.reconnect;
	req = kit_join_send(k, &a);
	kit_free(kit_join_answer(k, req));
	/* A place in the line would cost 30 s. */
	assert_true(clock_mono_ns() - start < 15 * NS_PER_S);
	assert_true(entry_status_of(k, "joins_waiting") >= 2);
	/* The line is for PINs; the question for one comes at once. */
	assert_int_equal(entry_outcome(k, "demo", NULL, entry_stranger()), ASKED);
	/* web goes: nobody waits for these any more. */
	kit_drop(k, KIT_WEB);
	while (entry_status_of(k, "joins_waiting"))
		kit_turn(k, 10);
	(void)waiting;
}

static void test_entry__release_room_by_hand_and_by_a_new_pin(void **state)
{
	static const char *const which[] = {"which", "Demo", NULL, NULL};
	struct kit *k = *state;
	Cv__CliReply *r;

	entry_attack_room(k, 21);
	assert_true(entry_listed(k, "guard", "list", "room", "Demo", NULL, NULL));
	entry_cli_ok(k, "guard", "release-room", which);
	assert_false(entry_has_alarm(k, "service_access_quarantined"));
	assert_int_equal(entry_outcome(k, "demo", "123456", entry_stranger()), OK);
	entry_attack_room(k, 21);
	assert_true(entry_has_alarm(k, "service_access_quarantined"));
	change_pin(k, "482913");
	assert_false(entry_has_alarm(k, "service_access_quarantined"));
	assert_int_equal(entry_outcome(k, "demo", "482913", entry_stranger()), OK);
	assert_true(entry_listed(k, "alarms", "history", "name",
			   "service_access_quarantined", NULL, NULL));
	r = kit_cli(k, "guard", "release-room", which);
	assert_true(r->error < 0);
	kit_free(r);
}

/* --- what survives ------------------------------------------------------------------ */

/* T6. */
static void test_entry__verdicts_survive_kill_and_a_leap_of_the_clock(
	void **state)
{
	struct kit *k = *state;
	const uint32_t guesser = entry_stranger(), scanner = entry_stranger();
	const struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_ask a = {.pin = "123456", .ip = guesser,
			    .cookie = h.cookie};

	entry_exhaust_pair(k, "demo", guesser);
	entry_quarantine(k, scanner);
	for (int i = 0; i < 3; i++) {
		/* Nothing, a day forward, and back again. */
		k->wall_step_us = i == 1 ? "86400000000" : NULL;
		entry_crash(k);
		assert_int_equal(entry_outcome(k, "demo", "123456", guesser),
				 WRONG);
		assert_int_equal(entry_outcome(k, "demo", "123456", scanner),
				 WRONG);
		assert_int_equal(kit_join_ask(k, &a).outcome, OK);
		assert_true(entry_has_alarm(k,
				"possible_voip_scanner_ips_blocked"));
		assert_int_equal(entry_outcome(k, "demo", "123456", entry_stranger()), OK);
	}
	assert_int_equal(entry_status_of(k, "wrong_pins"), 0);
	k->boot_id = "00112233445566778899aabbccddeeff";
	entry_crash(k);
	assert_int_equal(entry_outcome(k, "demo", "123456", guesser), WRONG);
	assert_int_equal(entry_outcome(k, "demo", "123456", scanner), WRONG);
	assert_int_equal(entry_outcome(k, "demo", "123456", entry_stranger()), OK);
}

static void test_entry__without_its_file_the_guard_forgets_and_says_so(
	void **state)
{
	struct kit *k = *state;
	const uint32_t guesser = entry_stranger();

	assert_false(entry_has_alarm(k, "guard_memory_volatile"));
	k->no_guard_file = true;
	entry_crash(k);
	assert_true(entry_has_alarm(k, "guard_memory_volatile"));
	entry_exhaust_pair(k, "demo", guesser);
	assert_int_equal(entry_outcome(k, "demo", "123456", guesser), WRONG);
	entry_crash(k);
	assert_int_equal(entry_outcome(k, "demo", "123456", guesser), OK);
}

/* Whichever allocation of a join fails: it is answered, or the channel goes,
 * or (where the answer itself could not be made) nobody sits; core lives. A
 * second join behind it tells when there is nothing more to wait for. */
static void one_failure(struct kit *k, int *refused)
{
	const struct kit_ask a = {.pin = "123456", .ip = entry_stranger()};
	const struct kit_ask b = {.pin = "123456", .ip = entry_stranger()};
	const uint32_t first = kit_join_send(k, &a);
	Cv__JoinReply *r = NULL;

	(void)kit_join_send(k, &b);
	while (!r && !k->down[KIT_WEB]) {
		kit_turn(k, 100);
		r = kit_take(k, KIT_WEB, IPC_JOIN_REPLY);
	}
	*refused += !r || r->req != first || r->outcome != OK;
	assert_true(!r || r->outcome == OK || r->outcome == BUSY ||
		    r->outcome == WRONG);
	kit_free(r);
	assert_int_equal(kill(k->pid, 0), 0);
	if (k->down[KIT_WEB])
		kit_link(k, KIT_WEB);
	kit_free(kit_join_answer(k, kit_join_send(k, &a)));
}

static void test_entry__every_allocation_of_a_join_may_fail(void **state)
{
	struct kit *k = *state;
	int refused = 0;
	char n[12];

	for (int i = 1; i <= 32; i++) {
		snprintf(n, sizeof(n), "%d", i);
		k->fail_at = n;
		entry_crash(k);
		one_failure(k, &refused);
	}
	assert_true(refused > 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, entry_setup, entry_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_entry__concealed_alias_is_as_a_room_with_pins),
		T(test_entry__a_question_writes_the_same),
		T(test_entry__refusals_are_the_same_bytes_and_messages),
		T(test_entry__refusals_are_the_same_when_not_concealed),
		T(test_entry__block_mode_is_the_compatible_one),
		T(test_entry__cookie_is_given_for_a_right_pin_only),
		T(test_entry__cookie_passes_until_the_pin_changes),
		T(test_entry__cookie_has_five_tries_of_its_own),
		T(test_entry__guests_collect_no_tries_with_cookies),
		T(test_entry__invitation_names_where_browsers_reach_us),
		T(test_entry__invitation_passes_until_revoked),
		T(test_entry__invitation_ends_and_leads_to_one_room),
		T(test_entry__allow_list_types_and_flags),
		T(test_entry__proxy_itself_proves_nothing),
		T(test_entry__web_hears_of_trusted_proxies),
		T(test_entry__claim_of_a_login_costs_the_channel),
		T(test_entry__guarded_room_passes_the_proven_only),
		T(test_entry__release_room_by_hand_and_by_a_new_pin),
		T(test_entry__verdicts_survive_kill_and_a_leap_of_the_clock),
		T(test_entry__without_its_file_the_guard_forgets_and_says_so),
		T(test_entry__every_allocation_of_a_join_may_fail),
	};

	if (argc < 2)
		return 2;
	kit_program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
