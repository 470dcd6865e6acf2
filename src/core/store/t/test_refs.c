/* Rows that name other rows, secrets that are opened again, what core alone
 * sets, and rules that look at more than one row. */
#include <fcntl.h>
#include "core/store/t/store_kit.h"

struct fix {
	char dir[256];
	struct store *st;
};

static int setup(void **state)
{
	static struct fix f;
	kit_mkdir(f.dir);
	assert_int_equal(kit_open(&f.st, f.dir, NULL), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;
	store_close(&f->st);
	kit_rm(f->dir);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void reopen(struct fix *f)
{
	store_close(&f->st);
	struct store_problem why;
	if (kit_open(&f->st, f->dir, &why) < 0)
		fail_msg("%s", why.text);
}

/* A location that names a profile, a proxy and two servers. */
static void make_all(struct fix *f)
{
	struct store *st = f->st;
	assert_int_equal(kit_create(st, RES_POLICY_SERVER, "name", "P"), 1);
	assert_int_equal(kit_create(st, RES_SIP_PROXY, "name", "X",
				    "address", "a"), 1);
	assert_int_equal(kit_create(st, RES_STUN_SERVER, "name", "S",
				    "address", "a"), 1);
	for (int i = 1; i <= 11; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "T%d", i);
		assert_int_equal(kit_create(st, RES_TURN_SERVER, "name", name,
			"address", "a", "username", "u", "password", "p"), i);
	}
	assert_int_equal(kit_create(st, RES_SYSTEM_LOCATION, "name", "Branch",
		"policy_server", "1", "sip_proxy", "1",
		"client_stun_servers", "1", "client_turn_servers", "11,2"),
		1);
}

static void refuses(struct fix *f, enum schema_resource_id res, int64_t id,
		    const char *words)
{
	struct store_result r;
	size_t n = store_count(f->st, res);
	assert_int_equal(kit_run(f->st, STORE_DELETE, res, id, NULL, &r),
			 E_BUSY);
	assert_string_equal(r.why.rule, "referenced");
	if (strstr(r.why.text, words) == NULL)
		fail_msg("%s", r.why.text);
	assert_int_equal(store_count(f->st, res), n);
}

static void test_refs__what_is_named_cannot_be_removed(void **state)
{
	struct fix *f = *state;
	make_all(f);
	refuses(f, RES_POLICY_SERVER, 1,
		"system_location 1 (Branch), field policy_server");
	refuses(f, RES_SIP_PROXY, 1, "field sip_proxy");
	refuses(f, RES_STUN_SERVER, 1, "field client_stun_servers");
	refuses(f, RES_TURN_SERVER, 11, "field client_turn_servers");
	refuses(f, RES_TURN_SERVER, 2, "field client_turn_servers");
	/* 11 in the list is not 1. */
	assert_int_equal(kit_delete(f->st, RES_TURN_SERVER, 1), 1);
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "default_location",
				    "1"), 1);
	refuses(f, RES_SYSTEM_LOCATION, 1, "global.default_location");
	reopen(f);
	refuses(f, RES_TURN_SERVER, 2, "field client_turn_servers");
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "default_location",
				    ""), 1);
	assert_int_equal(kit_delete(f->st, RES_SYSTEM_LOCATION, 1), 1);
	assert_int_equal(kit_delete(f->st, RES_TURN_SERVER, 2), 2);
	assert_int_equal(kit_delete(f->st, RES_POLICY_SERVER, 1), 1);
}

static void test_refs__of_rules_and_locations(void **state)
{
	struct fix *f = *state;
	make_all(f);
	assert_int_equal(kit_create(f->st, RES_SYSTEM_LOCATION, "name", "B",
		"overflow_location1", "1"), 2);
	refuses(f, RES_SYSTEM_LOCATION, 1, "(B), field overflow_location1");
	/* A reference to itself holds nothing up. */
	assert_int_equal(kit_update(f->st, RES_SYSTEM_LOCATION, 2,
		"overflow_location1", "", "transcoding_location", "2"), 2);
	assert_int_equal(kit_delete(f->st, RES_SYSTEM_LOCATION, 2), 2);
	assert_int_equal(kit_create(f->st, RES_GATEWAY_ROUTING_RULE, "name",
		"R", "priority", "1", "match_string", ".*",
		"called_device_type", "registration",
		"match_source_location", "1"), 1);
	refuses(f, RES_SYSTEM_LOCATION, 1, "(R), field match_source_location");
}

static void test_refs__to_what_is_not_there_are_refused(void **state)
{
	struct fix *f = *state;
	struct store_result r;
	make_all(f);
	assert_int_equal(kit_update(f->st, RES_SYSTEM_LOCATION, 1,
				    "policy_server", "2"), E_NOTFOUND);
	assert_int_equal(kit_run(f->st, STORE_UPDATE, RES_SYSTEM_LOCATION, 1,
		(const char *const[]){"client_turn_servers", "3,99", NULL},
		&r), E_NOTFOUND);
	assert_string_equal(r.why.field, "client_turn_servers");
	assert_non_null(strstr(r.why.text, "99"));
	assert_true(span_eq(store_text(store_get(f->st, RES_SYSTEM_LOCATION,
		1), SYSTEM_LOCATION_CLIENT_TURN_SERVERS), SPAN_LIT("11,2")));
}

static struct store_result last;

static void keep_result(void *arg, const struct store_result *res)
{
	(void)arg;
	last = *res;
}

static int64_t invite(struct fix *f, int64_t conference, char last_digit)
{
	static char hash[65];
	memset(hash, 'a', 63);
	hash[63] = last_digit;
	const struct store_set sets[] = {
		{.field = CONFERENCE_INVITATION_CONFERENCE,
		 .value.i = conference},
		{.field = CONFERENCE_INVITATION_KEY_HASH,
		 .value.s = span_str(hash)},
		{.field = CONFERENCE_INVITATION_EXPIRY_TIME,
		 .value.i = 1800000000000000}};
	const struct store_op op = {.verb = STORE_CREATE,
				    .res = RES_CONFERENCE_INVITATION,
				    .sets = sets, .n_sets = 3};
	assert_int_equal(store_submit(f->st, &op, 1, 1700000000000000,
				      keep_result, NULL), 0);
	store_wait(f->st);
	return last.error < 0 ? last.error : last.ids[0];
}

static void test_refs__an_invitation_goes_with_its_room(void **state)
{
	struct fix *f = *state;
	assert_int_equal(kit_create(f->st, RES_CONFERENCE, "name", "A"), 1);
	assert_int_equal(kit_create(f->st, RES_CONFERENCE_ALIAS, "alias",
				    "a", "conference", "1"), 1);
	assert_int_equal(invite(f, 1, '1'), 1);
	assert_int_equal(invite(f, 1, '1'), E_EXISTS);
	assert_int_equal(invite(f, 1, '2'), 3);
	assert_int_equal(invite(f, 9, '3'), E_NOTFOUND);
	reopen(f);
	char hash[65] = {0};
	memset(hash, 'a', 64);
	hash[63] = '2';
	const struct store_row *row = store_find(f->st,
		RES_CONFERENCE_INVITATION, CONFERENCE_INVITATION_KEY_HASH,
		span_str(hash));
	assert_non_null(row);
	assert_int_equal(store_int(row, CONFERENCE_INVITATION_EXPIRY_TIME),
			 1800000000000000);
	assert_int_equal(store_int(row, CONFERENCE_INVITATION_CREATION_TIME),
			 1700000000000000);
	assert_int_equal(kit_delete(f->st, RES_CONFERENCE, 1), 1);
	assert_int_equal(store_count(f->st, RES_CONFERENCE_INVITATION), 0);
	assert_int_equal(store_count(f->st, RES_CONFERENCE_ALIAS), 0);
}

static void test_refs__nobody_but_core_sets_a_hash(void **state)
{
	struct fix *f = *state;
	assert_int_equal(kit_create(f->st, RES_CONFERENCE, "name", "A"), 1);
	assert_int_equal(invite(f, 1, '1'), 1);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE_INVITATION, 1,
		"key_hash", "00000000000000000000000000000000"
			    "00000000000000000000000000000000"), E_DENIED);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE_INVITATION, 1,
				    "description", "for the auditors"), 1);
}

static bool secret_is(struct fix *f, const struct store_row *row,
		      unsigned field, const char *want)
{
	struct secret s;
	assert_int_equal(store_secret(f->st, row, field, &s), 0);
	bool same = span_eq(secret_span(&s), span_str(want));
	secret_release(&s);
	return same;
}

static void test_secrets__are_opened_again_and_sealed_on_disk(void **state)
{
	struct fix *f = *state;
	assert_int_equal(kit_create(f->st, RES_DEVICE, "alias", "desk",
		"username", "desk", "password", "zwoelf-katzen"), 1);
	assert_int_equal(kit_create(f->st, RES_TURN_SERVER, "name", "T",
		"address", "a", "server_type", "coturn_shared", "secret_key",
		"neun-hunde"), 1);
	assert_int_equal(kit_create(f->st, RES_DEVICE, "alias", "other",
		"username", "x", "password", ""), E_LIMIT);
	assert_int_equal(kit_create(f->st, RES_DEVICE, "alias", "other",
		"username", "x"), E_INVAL);
	reopen(f);
	const struct store_row *row = store_find(f->st, RES_DEVICE,
		DEVICE_ALIAS, SPAN_LIT("DESK"));
	assert_true(secret_is(f, row, DEVICE_PASSWORD, "zwoelf-katzen"));
	row = store_get(f->st, RES_TURN_SERVER, 1);
	assert_true(secret_is(f, row, TURN_SERVER_SECRET_KEY, "neun-hunde"));
	assert_true(store_is_null(row, TURN_SERVER_PASSWORD));
	/* An empty one takes it away; the rule then wants it back. */
	assert_int_equal(kit_update(f->st, RES_TURN_SERVER, 1, "secret_key",
				    ""), E_INVAL);
	store_close(&f->st);
	char path[512];
	static char bytes[1 << 20];
	(void)snprintf(path, sizeof(path), "%s/conclave.db", f->dir);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));
	(void)close(fd);
	assert_true(n > 0);
	assert_null(memmem(bytes, (size_t)n, "katzen", 6));
	assert_null(memmem(bytes, (size_t)n, "hunde", 5));
}

static void test_templates__of_full_length_survive(void **state)
{
	struct fix *f = *state;
	static char text[SCHEMA_VALUE_MAX + 1];
	for (size_t i = 0; i < SCHEMA_VALUE_MAX; i += 4)
		memcpy(text + i, "\xf0\x9f\x90\xbb", 4);
	assert_int_equal(kit_create(f->st, RES_POLICY_SERVER, "name", "P",
		"internal_service_policy_template", text,
		"internal_participant_policy_template", "a\n\tb\r\n",
		"internal_media_location_policy_template", text), 1);
	reopen(f);
	const struct store_row *row = store_get(f->st, RES_POLICY_SERVER, 1);
	assert_true(span_eq(store_text(row,
		POLICY_SERVER_INTERNAL_MEDIA_LOCATION_POLICY_TEMPLATE),
		span_of(text, SCHEMA_VALUE_MAX)));
	assert_true(span_eq(store_text(row,
		POLICY_SERVER_INTERNAL_PARTICIPANT_POLICY_TEMPLATE),
		SPAN_LIT("a\n\tb\r\n")));
}

/* --- PINs and aliases of one room ------------------------------------------- */

static void test_pins__are_no_aliases_of_their_room(void **state)
{
	struct fix *f = *state;
	struct store_result r;
	assert_int_equal(kit_create(f->st, RES_CONFERENCE, "name", "A", "pin",
		"271828", "allow_guests", "true", "guest_pin", "314159"), 1);
	assert_int_equal(kit_create(f->st, RES_CONFERENCE_ALIAS, "alias",
		"161803@example.org", "conference", "1"), 1);
	static const char *const same[] = {"271828", "314159@a", "271828@b"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(kit_run(f->st, STORE_CREATE,
			RES_CONFERENCE_ALIAS, 0, (const char *const[]){
			"alias", same[i], "conference", "1", NULL}, &r),
			E_INVAL);
		assert_string_equal(r.why.rule, "pin-is-alias");
		assert_string_equal(r.why.field, "alias");
	}
	assert_int_equal(kit_run(f->st, STORE_UPDATE, RES_CONFERENCE, 1,
		(const char *const[]){"guest_pin", "161803", NULL}, &r),
		E_INVAL);
	assert_string_equal(r.why.field, "pin");
	assert_null(strstr(r.why.text, "161803"));
	/* Of another room it may be; but it cannot be moved here then. */
	assert_int_equal(kit_create(f->st, RES_CONFERENCE, "name", "B"), 2);
	int64_t id = kit_create(f->st, RES_CONFERENCE_ALIAS, "alias",
				"271828", "conference", "2");
	assert_true(id > 0);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE_ALIAS, id,
				    "conference", "1"), E_INVAL);
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "min_pin_length",
				    "5"), 1);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE_ALIAS, id,
				    "conference", "1"), id);
}

static void test_pins__weak_ones_that_are_stored_stay(void **state)
{
	struct fix *f = *state;
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "min_pin_length",
				    "4", "min_alias_digits", "1"), 1);
	assert_int_equal(kit_create(f->st, RES_CONFERENCE, "name", "A", "pin",
				    "1234"), 1);
	assert_int_equal(kit_create(f->st, RES_CONFERENCE_ALIAS, "alias",
				    "7", "conference", "1"), 1);
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "min_pin_length",
				    "6", "min_alias_digits", "6"), 1);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE, 1, "description",
				    "x"), 1);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE_ALIAS, 1,
				    "description", "x"), 1);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE_ALIAS, 1, "alias",
				    "8"), E_INVAL);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE, 1, "pin",
				    "123456"), E_INVAL);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE, 1, "pin",
				    "271828"), 1);
}

/* --- the profile ------------------------------------------------------------- */

static void test_profile__writes_and_takes_back(void **state)
{
	struct fix *f = *state;
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "security_profile",
		"insecure_interoperability", "enable_h323", "false",
		"max_talkers", "7"), 1);
	reopen(f);
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	for (const struct schema_relaxed *x = schema_relaxed(); x->value;
	     x++) {
		struct schema_value v;
		(void)schema_parse(r, x->field, span_str(x->value), &v, NULL);
		if (x->field == GLOBAL_ENABLE_H323)
			assert_int_equal(store_global(f->st, x->field), 0);
		else
			assert_int_equal(store_global(f->st, x->field), v.i);
	}
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "enable_fecc",
				    "false"), 1);
	assert_int_equal(store_global(f->st, GLOBAL_CRYPTO_MODE),
			 SV_CRYPTO_BESTEFFORT);
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "security_profile",
				    "secure"), 1);
	for (unsigned i = 0; i < r->n_fields; i++)
		if (i != GLOBAL_MAX_TALKERS && i != SCHEMA_ID_FIELD)
			assert_int_equal(store_global(f->st, i),
					 schema_default(r, i).i);
	assert_int_equal(store_global(f->st, GLOBAL_MAX_TALKERS), 7);
}

/* --- failing allocations ------------------------------------------------------ */

static int body(void *arg)
{
	struct fix *f = arg;
	int64_t id = kit_create(f->st, RES_SYSTEM_LOCATION, "name", "L",
		"policy_server", "1", "client_turn_servers", "3,4");
	int64_t e = id;
	if (id > 0)
		e = kit_delete(f->st, RES_POLICY_SERVER, 1);
	assert_true(e != 1);
	if (id > 0 && kit_delete(f->st, RES_SYSTEM_LOCATION, id) < 0)
		assert_true(kit_delete(f->st, RES_SYSTEM_LOCATION, id) > 0);
	(void)store_dispatch(f->st);
	return e == E_BUSY ? 0 : (int)(e < 0 ? e : 0);
}

static void test_refs__survive_every_failing_allocation(void **state)
{
	struct fix *f = *state;
	make_all(f);
	assert_true(alloc_test_every(body, f, 300) > 5);
	assert_int_equal(store_count(f->st, RES_POLICY_SERVER), 1);
	assert_int_equal(store_count(f->st, RES_SYSTEM_LOCATION), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_refs__what_is_named_cannot_be_removed),
		T(test_refs__of_rules_and_locations),
		T(test_refs__to_what_is_not_there_are_refused),
		T(test_refs__an_invitation_goes_with_its_room),
		T(test_refs__nobody_but_core_sets_a_hash),
		T(test_secrets__are_opened_again_and_sealed_on_disk),
		T(test_templates__of_full_length_survive),
		T(test_pins__are_no_aliases_of_their_room),
		T(test_pins__weak_ones_that_are_stored_stay),
		T(test_profile__writes_and_takes_back),
		T(test_refs__survive_every_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
