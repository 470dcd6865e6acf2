/* What follows from who gets in, through the real conclave-core: bans, what
 * locations and switches say, load, quotas of a room. */
#include "base/clock.h"
#include "core/t/entry_kit.h"

/* --- bans ----------------------------------------------------------------------------- */

static void table_is(struct kit *k, Cv__BanTable table)
{
	Cv__BanState s = CV__BAN_STATE__INIT;

	s.table = table;
	assert_int_equal(KIT_SEND(k, BAN, BAN_STATE, &s), 0);
}

/* The next ban of this source on that channel; its seconds. */
static uint32_t wait_ban(struct kit *k, enum kit_who who, uint32_t ip)
{
	for (;;) {
		Cv__BanSet *b = kit_wait(k, who, IPC_BAN_SET);

		for (size_t i = 0; i < b->n_bans; i++) {
			const uint8_t *p = b->bans[i]->ip.data;
			const uint32_t got = NET(p[12], p[13], p[14], p[15]);
			const uint32_t seconds = b->bans[i]->seconds;

			if (got != ip)
				continue;
			assert_int_equal(b->bans[i]->prefix, 128);
			kit_free(b);
			return seconds;
		}
		kit_free(b);
	}
}

static void scan(struct kit *k, uint32_t ip)
{
	char alias[16];

	for (int i = 0; i < 25; i++) {
		snprintf(alias, sizeof(alias), "scan-%c", 'a' + i);
		(void)entry_outcome(k, alias, NULL, ip);
	}
}

static void test_defence__scanner_is_banned_in_kernel_and_face(void **state)
{
	static const char *const which[] = {"which", "100.99.0.1", NULL, NULL};
	struct kit *k = *state;
	const uint32_t ip = NET(100, 99, 0, 1);
	uint64_t start;

	kit_link(k, KIT_BAN);
	table_is(k, CV__BAN_TABLE__BAN_TABLE_OK);
	start = clock_mono_ns();
	scan(k, ip);
	assert_in_range(wait_ban(k, KIT_BAN, ip), 590, 600);
	/* At once, not with the next look at all bans; a busy machine gets
	 * room. */
	assert_true(clock_mono_ns() - start < 8 * NS_PER_S);
	assert_in_range(wait_ban(k, KIT_WEB, ip), 590, 600);
	assert_true(entry_listed(k, "alarms", "list", "instance", "100.99.0.1",
			   NULL, NULL));
	assert_true(entry_listed(k, "guard", "list", "source", "100.99.0.1", NULL,
			   NULL));
	/* Links that are born later hear of it. */
	kit_link(k, KIT_BAN);
	assert_in_range(wait_ban(k, KIT_BAN, ip), 590, 600);
	kit_drop(k, KIT_WEB);
	kit_link(k, KIT_WEB);
	assert_in_range(wait_ban(k, KIT_WEB, ip), 590, 600);
	entry_cli_ok(k, "guard", "release", which);
	assert_int_equal(wait_ban(k, KIT_BAN, ip), 0);
	assert_int_equal(wait_ban(k, KIT_WEB, ip), 0);
	assert_false(entry_has_alarm(k, "possible_voip_scanner_ips_blocked"));
	assert_int_equal(entry_outcome(k, "demo", "123456", ip), OK);
}

static void test_defence__source_of_somebody_inside_is_left_to_the_face(
	void **state)
{
	struct kit *k = *state;
	const uint32_t ip = NET(100, 98, 0, 1);
	struct kit_ask a = {.name = "Hanna", .pin = "123456", .ip = ip};
	struct kit_person h;

	kit_link(k, KIT_BAN);
	table_is(k, CV__BAN_TABLE__BAN_TABLE_OK);
	kit_free(kit_wait(k, KIT_BAN, IPC_BAN_SET));	/* the empty one */
	h = kit_join_ask(k, &a);
	assert_int_equal(h.outcome, OK);
	scan(k, ip);
	assert_in_range(wait_ban(k, KIT_WEB, ip), 590, 600);
	kit_free(kit_cli(k, "status", "", NULL));
	assert_null(kit_take(k, KIT_BAN, IPC_BAN_SET));
	/* He comes back. */
	a.pin = NULL;
	a.reconnect = h.reconnect;
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
}

static void test_defence__bans_by_hand(void **state)
{
	static const char *const ban[] = {"which", "100.97.0.1", "seconds",
					  "60", NULL, NULL};
	static const char *const net[] = {"which", "10.1.0.0/16", NULL, NULL};
	static const char *const bad[] = {"which", "10.1.0.0/33", NULL, NULL};
	struct kit *k = *state;
	const uint32_t ip = NET(100, 97, 0, 1);
	struct kit_person h = kit_join(k, "Hanna", "123456");
	struct kit_ask a = {.reconnect = h.reconnect, .ip = ip};
	Cv__CliReply *r;

	kit_link(k, KIT_BAN);
	entry_cli_ok(k, "guard", "ban", ban);
	assert_in_range(wait_ban(k, KIT_BAN, ip), 50, 60);
	assert_int_equal(entry_outcome(k, "demo", "123456", ip), WRONG);
	/* By hand means everybody from there. */
	assert_int_equal(kit_join_ask(k, &a).outcome, ASKED);
	entry_cli_ok(k, "guard", "release", ban);
	assert_int_equal(entry_outcome(k, "demo", "123456", ip), OK);
	entry_allow(k, "10.1.2.3", "32", "user", "false", "false");
	r = kit_cli(k, "guard", "ban", net);
	assert_true(r->error < 0);
	kit_free(r);
	r = kit_cli(k, "guard", "ban", bad);
	assert_true(r->error < 0);
	kit_free(r);
}

static void test_defence__missing_table_raises_an_alarm_that_lowers(
	void **state)
{
	struct kit *k = *state;
	uint64_t id = 0;
	char number[24];
	const char *const which[] = {"which", number, NULL, NULL};

	kit_link(k, KIT_BAN);
	table_is(k, CV__BAN_TABLE__BAN_TABLE_MISSING);
	while (!entry_listed(k, "alarms", "list", "name", "ban_table_missing", "id",
		       &id))
		kit_turn(k, 10);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
	entry_cli_ok(k, "alarms", "acknowledge", which);
	table_is(k, CV__BAN_TABLE__BAN_TABLE_OK);
	while (entry_has_alarm(k, "ban_table_missing"))
		kit_turn(k, 10);
	assert_true(entry_listed(k, "alarms", "history", "name", "ban_table_missing",
			   NULL, NULL));
	table_is(k, CV__BAN_TABLE__BAN_TABLE_DENIED);
	while (!entry_has_alarm(k, "ban_table_missing"))
		kit_turn(k, 10);
	entry_set(k, "ban_in_kernel", "false");
	while (entry_has_alarm(k, "ban_table_missing"))
		kit_turn(k, 10);
}

/* --- locations, switches, load --------------------------------------------------------- */

static void test_defence__location_overrides_the_guard(void **state)
{
	static const char *const inside[] = {
		"name", "inside", "source_networks", "10.9.0.0/16",
		"bdpm_pin_checks_enabled", "OFF",
		"bdpm_scan_quarantine_enabled", "OFF", NULL, NULL};
	static const char *const lab[] = {
		"name", "lab", "interface_addresses", "10.200.0.1",
		"bdpm_pin_checks_enabled", "ON", NULL, NULL};
	struct kit *k = *state;
	struct kit_ask a = {.pin = "111111", .ip = NET(100, 90, 0, 1),
			    .local = NET(10, 200, 0, 1)};

	entry_cli_ok(k, "create", "system_location", inside);
	entry_cli_ok(k, "create", "system_location", lab);
	for (int i = 0; i < 8; i++)
		assert_int_equal(entry_outcome(k, "demo", "111111",
					 NET(10, 9, 1, 1)), WRONG);
	assert_int_equal(entry_outcome(k, "demo", "123456", NET(10, 9, 1, 1)), OK);
	entry_quarantine(k, NET(10, 9, 1, 1));
	assert_int_equal(entry_outcome(k, "demo", "123456", NET(10, 9, 1, 1)), OK);
	/* On where it is off everywhere else. */
	entry_set(k, "bdpm_pin_checks_enabled", "false");
	for (int i = 0; i < 5; i++)
		assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	a.pin = "123456";
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	a.local = NET(10, 200, 0, 2);
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
}

/* The last of the messages that a change brings. */
static void expect_roles(struct kit *k, uint32_t mask, bool sip_tcp,
			 bool sip_udp)
{
	for (;;) {
		Cv__RolesOff *r = kit_wait(k, KIT_SUPER, IPC_ROLES_OFF);
		const bool is_it = r->mask == mask && r->sip_tcp == sip_tcp &&
				   r->sip_udp == sip_udp;

		kit_free(r);
		if (is_it)
			return;
	}
}

static void test_defence__switches_turn_faces_off_and_on(void **state)
{
	struct kit *k = *state;

	entry_set(k, "enable_application_api", "false");
	expect_roles(k, 1u << ROLE_WEB, false, false);
	entry_set(k, "enable_application_api", "true");
	expect_roles(k, 0, false, false);
	entry_set(k, "enable_sip_tcp", "true");
	expect_roles(k, 0, true, false);
	entry_set(k, "enable_sip_udp", "true");
	expect_roles(k, 0, true, true);
	entry_set(k, "enable_sip", "false");
	expect_roles(k, 1u << ROLE_SIP, false, false);
}

static void test_defence__full_face_sheds_strangers_first(void **state)
{
	struct kit *k = *state;
	const struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__FaceLoad l = CV__FACE_LOAD__INIT;
	struct kit_ask a = {.pin = "123456"};

	l.conns = 950;
	l.conns_max = 1000;
	assert_int_equal(KIT_SEND(k, WEB, FACE_LOAD, &l), 0);
	while (!entry_has_alarm(k, "capacity_exhausted"))
		kit_turn(k, 10);
	assert_int_equal(kit_join_ask(k, &a).outcome, BUSY);
	a.alias = "nobody";
	assert_int_equal(kit_join_ask(k, &a).outcome, BUSY);
	a.alias = NULL;
	a.cookie = h.cookie;
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_CONFERENCE_STATUS,
				     NULL), CV__RESULT_CODE__RESULT_OK);
	l.conns = 10;
	assert_int_equal(KIT_SEND(k, WEB, FACE_LOAD, &l), 0);
	while (entry_has_alarm(k, "capacity_exhausted"))
		kit_turn(k, 50);
	a.cookie = NULL;
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
}

static void test_defence__servers_of_the_location_are_told(void **state)
{
	static const char *const stun[] = {
		"name", "s1", "address", "2001:db8::5", NULL, NULL};
	static const char *const fixed[] = {
		"name", "t1", "address", "turn.example.org", "port", "5349",
		"transport_type", "tls", "username", "u", "password", "p",
		NULL, NULL};
	static const char *const shared[] = {
		"name", "t2", "address", "192.0.2.9", "server_type",
		"coturn_shared", "secret_key", "s3cret", NULL, NULL};
	static const char *const place[] = {
		"name", "outside", "source_networks", "0.0.0.0/0",
		"client_stun_servers", "s1", "client_turn_servers", "t1,t2",
		"use_relay_candidates_only", "true", NULL, NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.pin = "123456"};
	Cv__JoinReply *r = kit_join_raw(k, &a);

	assert_int_equal(r->n_ice_servers, 0);
	kit_free(r);
	entry_cli_ok(k, "create", "stun_server", stun);
	entry_cli_ok(k, "create", "turn_server", fixed);
	entry_cli_ok(k, "create", "turn_server", shared);
	entry_cli_ok(k, "create", "system_location", place);
	r = kit_join_raw(k, &a);
	assert_int_equal(r->outcome, OK);
	assert_int_equal(r->n_ice_servers, 3);
	assert_true(r->relay_only);
	assert_true(span_eq(ipc_bytes(r->ice_servers[0]->url),
			    SPAN_LIT("stun:[2001:db8::5]:3478")));
	assert_true(span_eq(ipc_bytes(r->ice_servers[1]->url), SPAN_LIT(
			    "turns:turn.example.org:5349?transport=tcp")));
	assert_true(span_eq(ipc_bytes(r->ice_servers[1]->credential),
			    SPAN_LIT("p")));
	assert_true(span_eq(ipc_bytes(r->ice_servers[2]->url), SPAN_LIT(
			    "turn:192.0.2.9:3478?transport=udp")));
	/* An end, his own name, and a MAC of both: base64 of 20 bytes. */
	assert_true(r->ice_servers[2]->username.len > 36 + 10);
	assert_int_equal(r->ice_servers[2]->credential.len, 28);
	kit_free(r);
	assert_true(entry_listed(k, "show", "participant", "location", "outside",
			   NULL, NULL));
}

/* How long the account of this answer opens the server, in seconds. */
static int64_t turn_life(const Cv__JoinReply *r)
{
	struct span when, who;
	uint64_t end = 0;

	assert_int_equal(r->n_ice_servers, 1);
	assert_true(span_split(ipc_bytes(r->ice_servers[0]->username), ':',
			       &when, &who));
	assert_int_equal(span_u64(when, UINT64_MAX, &end), 0);
	return (int64_t)end - clock_wall_us() / 1000000;
}

static void test_defence__turn_accounts_end_when_they_are_of_no_use(
	void **state)
{
	static const char *const shared[] = {
		"name", "t", "address", "192.0.2.9", "server_type",
		"coturn_shared", "secret_key", "s3cret", NULL, NULL};
	static const char *const place[] = {
		"name", "outside", "source_networks", "0.0.0.0/0",
		"client_turn_servers", "t", NULL, NULL};
	static const char *const shorter[] = {
		"which", "t", "credential_lifetime", "300", NULL, NULL};
	static const char *const bad[] = {
		"which", "t", "credential_lifetime", "86401", NULL, NULL};
	struct kit *k = *state;
	struct kit_ask a = {.pin = "123456"};
	char back[KIT_TEXT];
	Cv__JoinReply *r;
	Cv__CliReply *c;

	entry_cli_ok(k, "create", "turn_server", shared);
	entry_cli_ok(k, "create", "system_location", place);
	r = kit_join_raw(k, &a);
	assert_in_range(turn_life(r), 7100, 7200);
	assert_int_equal(span_cstr(ipc_bytes(r->reconnect), back,
				   sizeof(back)), 0);
	kit_free(r);
	entry_cli_ok(k, "change", "turn_server", shorter);
	/* Who comes back gets a new one. */
	a.pin = NULL;
	a.reconnect = back;
	r = kit_join_raw(k, &a);
	assert_int_equal(r->outcome, OK);
	assert_in_range(turn_life(r), 200, 300);
	kit_free(r);
	c = kit_cli(k, "change", "turn_server", bad);
	assert_int_not_equal(c->error, 0);
	kit_free(c);
}

static void test_defence__rooms_hold_what_settings_say(void **state)
{
	static const char *const limit[] = {
		"which", "Demo", "participant_limit", "900", NULL, NULL};
	struct kit *k = *state;
	struct kit_person h, g;

	entry_cli_ok(k, "change", "conference", limit);
	entry_set(k, "max_participants_per_room", "4");
	entry_set(k, "max_waiting_per_room", "2");
	kit_join(k, "One", "654321");
	kit_join(k, "Two", "654321");
	assert_int_equal(entry_outcome(k, "demo", "654321", 0),
			 CV__JOIN_OUTCOME__JOIN_ROOM_FULL);
	h = kit_join(k, "Hanna", "123456");
	assert_int_equal(kit_call(k, &h, false), CV__RESULT_CODE__RESULT_OK);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(kit_call(k, &g, false), CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(entry_outcome(k, "demo", "123456", 0),
			 CV__JOIN_OUTCOME__JOIN_ROOM_FULL);
}

static void test_defence__chat_of_a_room_is_bounded(void **state)
{
	struct kit *k = *state;
	const struct kit_person h = kit_join(k, "Hanna", "123456");
	const struct kit_person i = kit_join(k, "Ina", "123456");
	int sent = 0;

	entry_set(k, "max_chat_per_room", "2");
	for (int n = 0; n < 30; n++)
		sent += kit_command(k, n & 1 ? &i : &h, CV__OP__OP_MESSAGE,
				    NULL) == CV__RESULT_CODE__RESULT_OK;
	assert_in_range(sent, 8, 12);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_LOCK, NULL),
			 CV__RESULT_CODE__RESULT_OK);
}

static void test_defence__dead_role_raises_an_alarm_until_it_serves(
	void **state)
{
	struct kit *k = *state;
	Cv__RoleDied d = CV__ROLE_DIED__INIT;
	Cv__RoleUp u = CV__ROLE_UP__INIT;

	d.role = u.role = ROLE_COURIER;
	assert_int_equal(KIT_SEND(k, SUPER, ROLE_DIED, &d), 0);
	while (!entry_listed(k, "alarms", "list", "instance", "courier/0",
			     NULL, NULL))
		kit_turn(k, 10);
	assert_int_equal(KIT_SEND(k, SUPER, ROLE_UP, &u), 0);
	while (entry_has_alarm(k, "connectivity_lost"))
		kit_turn(k, 10);
}

static void test_defence__rooms_without_pin_raise_an_alarm(void **state)
{
	static const char *const open_room[] = {
		"name", "Open", "alias", "open", "open", "true", NULL, NULL};
	static const char *const close_it[] = {
		"which", "Open", "pin", "482913", NULL, NULL};
	struct kit *k = *state;

	assert_false(entry_has_alarm(k, "room_without_pin"));
	entry_cli_ok(k, "create", "conference", open_room);
	assert_true(entry_has_alarm(k, "room_without_pin"));
	entry_cli_ok(k, "change", "conference", close_it);
	assert_false(entry_has_alarm(k, "room_without_pin"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, entry_setup, entry_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_defence__scanner_is_banned_in_kernel_and_face),
		T(test_defence__source_of_somebody_inside_is_left_to_the_face),
		T(test_defence__bans_by_hand),
		T(test_defence__missing_table_raises_an_alarm_that_lowers),
		T(test_defence__location_overrides_the_guard),
		T(test_defence__switches_turn_faces_off_and_on),
		T(test_defence__full_face_sheds_strangers_first),
		T(test_defence__servers_of_the_location_are_told),
		T(test_defence__turn_accounts_end_when_they_are_of_no_use),
		T(test_defence__rooms_hold_what_settings_say),
		T(test_defence__chat_of_a_room_is_bounded),
		T(test_defence__dead_role_raises_an_alarm_until_it_serves),
		T(test_defence__rooms_without_pin_raise_an_alarm),
	};

	if (argc < 2)
		return 2;
	kit_program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
