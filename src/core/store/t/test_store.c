#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include "core/store/password.h"
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

static bool secret_is(struct fix *f, const struct store_row *row,
		      unsigned field, const char *want)
{
	struct secret s;
	assert_int_equal(store_secret(f->st, row, field, &s), 0);
	bool same = span_eq(secret_span(&s), span_str(want));
	secret_release(&s);
	return same;
}

static void test_store__fresh_has_the_documented_defaults(void **state)
{
	struct fix *f = *state;
	assert_int_equal(store_count(f->st, RES_GLOBAL), 1);
	assert_int_equal(store_global(f->st, GLOBAL_WAITING_FOR_CHAIR_TIMEOUT),
			 900);
	assert_int_equal(store_global(f->st, GLOBAL_MIN_PIN_LENGTH), 6);
	const struct store_row *row = store_get(f->st, RES_GLOBAL, 1);
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	for (unsigned i = 1; i < r->n_fields; i++) {
		struct schema_value d = schema_default(r, i);
		assert_int_equal(store_value(row, i)->is_null, d.is_null);
		assert_int_equal(store_value(row, i)->i, d.i);
		assert_true(span_eq(store_value(row, i)->s, d.s));
	}
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 0);
}

static void test_store__create_is_seen_and_survives_reopen(void **state)
{
	struct fix *f = *state;
	int64_t id = kit_create(f->st, RES_CONFERENCE, "name", "Board",
				"pin", "271828", "allow_guests", "true",
				"guest_pin", "314159", "call_type", "audio",
				"participant_limit", "12");
	assert_true(id > 0);
	int64_t alias = kit_create(f->st, RES_CONFERENCE_ALIAS, "alias",
				   "Board@example.org", "conference", "1");
	assert_true(alias > 0);
	for (int round = 0; round < 2; round++) {
		const struct store_row *row =
			store_find(f->st, RES_CONFERENCE, CONFERENCE_NAME,
				   SPAN_LIT("Board"));
		assert_non_null(row);
		assert_int_equal(store_row_id(row), id);
		assert_int_equal(store_int(row, CONFERENCE_CALL_TYPE),
				 CALL_AUDIO);
		assert_int_equal(store_int(row, CONFERENCE_PARTICIPANT_LIMIT),
				 12);
		assert_true(store_bool(row, CONFERENCE_ALLOW_GUESTS));
		assert_int_equal(store_int(row, CONFERENCE_CREATION_TIME),
				 1700000000000000);
		assert_true(secret_is(f, row, CONFERENCE_PIN, "271828"));
		assert_true(secret_is(f, row, CONFERENCE_GUEST_PIN, "314159"));
		row = store_find(f->st, RES_CONFERENCE_ALIAS,
				 CONFERENCE_ALIAS_ALIAS,
				 SPAN_LIT("bOARD@EXAMPLE.org"));
		assert_non_null(row);
		assert_int_equal(store_int(row, CONFERENCE_ALIAS_CONFERENCE),
				 id);
		reopen(f);
	}
}

static void test_store__secrets_never_reach_the_disk_in_clear(void **state)
{
	struct fix *f = *state;
	assert_true(kit_create(f->st, RES_CONFERENCE, "name", "Visible",
			       "pin", "86753091") > 0);
	assert_true(kit_create(f->st, RES_ADMINISTRATOR, "username", "admin",
			       "password", "correct horse battery") > 0);
	const struct store_row *row = store_find(f->st, RES_ADMINISTRATOR,
		ADMINISTRATOR_USERNAME, SPAN_LIT("admin"));
	struct secret s;
	assert_int_equal(store_secret(f->st, row, ADMINISTRATOR_PASSWORD, &s),
			 0);
	assert_int_equal(password_verify(secret_span(&s),
			 SPAN_LIT("correct horse battery")), 0);
	assert_int_equal(password_verify(secret_span(&s),
			 SPAN_LIT("correct horse batterx")), E_AUTH);
	secret_release(&s);
	store_close(&f->st);
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/conclave.db", f->dir);
	int fd = open(path, O_RDONLY);
	static char bytes[1 << 20];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	(void)close(fd);
	assert_true(n > 0);
	assert_non_null(memmem(bytes, (size_t)n, "Visible", 7));
	assert_null(memmem(bytes, (size_t)n, "86753091", 8));
	assert_null(memmem(bytes, (size_t)n, "argon2", 6));
	assert_null(memmem(bytes, (size_t)n, "horse", 5));
	struct stat sb;
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
}

static void test_store__a_sealed_value_cannot_be_moved(void **state)
{
	struct fix *f = *state;
	assert_true(kit_create(f->st, RES_CONFERENCE, "name", "a", "pin",
			       "111222") > 0);
	assert_true(kit_create(f->st, RES_CONFERENCE, "name", "b", "pin",
			       "333444") > 0);
	store_close(&f->st);
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/conclave.db", f->dir);
	sqlite3 *h;
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, "UPDATE conference SET pin = (SELECT "
		"pin FROM conference WHERE id = 1) WHERE id = 2", NULL, NULL,
		NULL), SQLITE_OK);
	(void)sqlite3_close(h);
	reopen(f);
	struct secret s;
	assert_int_equal(store_secret(f->st, store_get(f->st, RES_CONFERENCE,
				      2), CONFERENCE_PIN, &s), E_CORRUPT);
}

static void test_store__refusals_name_the_field_and_change_nothing(void **state)
{
	struct fix *f = *state;
	int64_t id = kit_create(f->st, RES_CONFERENCE, "name", "One", "pin",
				"271828");
	assert_true(id > 0);
	static const struct {
		enum store_verb verb;
		enum schema_resource_id res;
		int64_t id;
		const char *fields[7];
		int error;
		const char *field, *rule;
	} bad[] = {
		{STORE_CREATE, RES_CONFERENCE, 0, {"name", "One"}, E_EXISTS,
		 "name", "unique"},
		{STORE_CREATE, RES_CONFERENCE, 0, {"pin", "123459"}, E_INVAL,
		 "name", "required"},
		{STORE_CREATE, RES_CONFERENCE, 0,
		 {"name", "Two", "pin", "12345"}, E_INVAL, "pin",
		 "pin-length"},
		{STORE_UPDATE, RES_CONFERENCE, 1, {"guest_pin", "271828",
		 "allow_guests", "true"}, E_INVAL, "guest_pin",
		 "pin-differs"},
		{STORE_UPDATE, RES_CONFERENCE, 1, {"pin", "", "allow_guests",
		 "true"}, E_INVAL, "pin", "pin-required"},
		{STORE_UPDATE, RES_CONFERENCE, 99, {"name", "x"}, E_NOTFOUND,
		 NULL, "row"},
		{STORE_DELETE, RES_CONFERENCE, 99, {NULL}, E_NOTFOUND, NULL,
		 "row"},
		{STORE_CREATE, RES_CONFERENCE_ALIAS, 0, {"alias", "x",
		 "conference", "99"}, E_NOTFOUND, "conference", "reference"},
		{STORE_DELETE, RES_GLOBAL, 1, {NULL}, E_DENIED, NULL, "rows"},
		{STORE_CREATE, RES_GLOBAL, 0, {"max_talkers", "3"}, E_DENIED,
		 NULL, "rows"},
		{STORE_UPDATE, RES_GLOBAL, 1,
		 {"eject_last_participant_backstop_timeout", "30"}, E_INVAL,
		 "eject_last_participant_backstop_timeout", "range"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct store_result res;
		int64_t e = kit_run(f->st, bad[i].verb, bad[i].res, bad[i].id,
				    bad[i].fields, &res);
		if (e != bad[i].error)
			fail_msg("row %zu gave %lld %s", i, (long long)e,
				 res.why.text);
		assert_string_equal(res.why.rule, bad[i].rule);
		if (bad[i].field != NULL)
			assert_string_equal(res.why.field, bad[i].field);
	}
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 1);
	assert_true(secret_is(f, store_get(f->st, RES_CONFERENCE, id),
			      CONFERENCE_PIN, "271828"));
}

static int refuse_tagged(enum schema_resource_id res,
			 const struct schema_value *values,
			 struct schema_error *why)
{
	if (res != RES_GATEWAY_ROUTING_RULE ||
	    !values[GATEWAY_ROUTING_RULE_TAG].s.n)
		return 0;
	schema_fail(why, schema_resource(res), "tag", "own", 3, "not today");
	return E_DENIED;
}

static void test_store__a_further_check_may_refuse(void **state)
{
	char dir[256];
	struct store_problem problem;
	struct store_cfg cfg = {
		.dir = dir, .create = true, .check = refuse_tagged,
		.data_key = span_of(kit_key, sizeof(kit_key)),
	};
	struct store *st;
	struct store_result res;
	int64_t id;

	(void)state;
	kit_mkdir(dir);
	assert_int_equal(store_open(&st, &cfg, &problem), 0);
	assert_int_equal(store_start(st), 0);
	id = kit_create(st, RES_GATEWAY_ROUTING_RULE, "name", "a", "priority",
			"1", "match_string", "x", "called_device_type",
			"registration");
	assert_true(id > 0);
	assert_int_equal(kit_run(st, STORE_UPDATE, RES_GATEWAY_ROUTING_RULE,
				 id, (const char *const[]){"tag", "t", NULL},
				 &res), E_DENIED);
	assert_string_equal(res.why.field, "tag");
	assert_int_equal(res.why.place, 3);
	assert_int_equal(store_text(store_get(st, RES_GATEWAY_ROUTING_RULE,
					      id),
				    GATEWAY_ROUTING_RULE_TAG).n, 0);
	store_close(&st);
	kit_rm(dir);
}

static void test_store__a_raised_minimum_binds_only_new_pins(void **state)
{
	struct fix *f = *state;
	int64_t id = kit_create(f->st, RES_CONFERENCE, "name", "Old", "pin",
				"271828");
	assert_int_equal(kit_update(f->st, RES_GLOBAL, 1, "min_pin_length",
				    "8"), 1);
	assert_int_equal(store_global(f->st, GLOBAL_MIN_PIN_LENGTH), 8);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE, id, "description",
				    "still mine"), id);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE, id, "pin",
				    "123987"), E_INVAL);
	assert_int_equal(kit_update(f->st, RES_CONFERENCE, id, "pin",
				    "12398745"), id);
}

static void test_store__removing_a_room_takes_its_aliases(void **state)
{
	struct fix *f = *state;
	int64_t a = kit_create(f->st, RES_CONFERENCE, "name", "A");
	int64_t b = kit_create(f->st, RES_CONFERENCE, "name", "B");
	assert_true(a > 0 && b > a);
	for (int i = 0; i < 3; i++) {
		char alias[16];
		(void)snprintf(alias, sizeof(alias), "a%d", i);
		assert_true(kit_create(f->st, RES_CONFERENCE_ALIAS, "alias",
				       alias, "conference", "1") > 0);
	}
	assert_true(kit_create(f->st, RES_CONFERENCE_ALIAS, "alias", "b",
			       "conference", "2") > 0);
	assert_int_equal(kit_delete(f->st, RES_CONFERENCE, a), a);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(store_count(f->st, RES_CONFERENCE), 1);
		assert_int_equal(store_count(f->st, RES_CONFERENCE_ALIAS), 1);
		assert_null(store_find(f->st, RES_CONFERENCE_ALIAS,
				       CONFERENCE_ALIAS_ALIAS,
				       SPAN_LIT("a1")));
		reopen(f);
	}
	/* An id is never given out again. */
	assert_true(kit_create(f->st, RES_CONFERENCE, "name", "C") > b);
}

struct seen {
	unsigned created, changed, removed, done;
	int64_t ids[STORE_OPS_MAX];
	int error;
};

static void on_change(void *arg, const struct store_row *old_row,
		      const struct store_row *new_row)
{
	struct seen *s = arg;
	s->created += old_row == NULL;
	s->removed += new_row == NULL;
	s->changed += old_row != NULL && new_row != NULL;
	assert_int_equal(s->done, 0);
}

static void on_done(void *arg, const struct store_result *res)
{
	struct seen *s = arg;
	s->done++;
	s->error = res->error;
	memcpy(s->ids, res->ids, sizeof(s->ids));
}

static size_t room_with_alias(struct store_op ops[2], struct store_set sets[3],
			      const char *name, const char *alias)
{
	sets[0] = (struct store_set){.field = CONFERENCE_NAME,
				     .value.s = span_str(name)};
	sets[1] = (struct store_set){.field = CONFERENCE_ALIAS_ALIAS,
				     .value.s = span_str(alias)};
	sets[2] = (struct store_set){.field = CONFERENCE_ALIAS_CONFERENCE,
				     .from_op = 1};
	ops[0] = (struct store_op){.verb = STORE_CREATE,
				   .res = RES_CONFERENCE, .sets = sets,
				   .n_sets = 1};
	ops[1] = (struct store_op){.verb = STORE_CREATE,
				   .res = RES_CONFERENCE_ALIAS,
				   .sets = sets + 1, .n_sets = 2};
	return 2;
}

static void test_store__operations_of_one_request_stand_or_fall(void **state)
{
	struct fix *f = *state;
	struct store_op ops[2];
	struct store_set sets[3];
	struct seen seen = {0};
	store_watch(f->st, on_change, &seen);
	size_t n = room_with_alias(ops, sets, "Both", "both");
	assert_int_equal(store_submit(f->st, ops, n, 1, on_done, &seen), 0);
	store_wait(f->st);
	assert_int_equal(seen.error, 0);
	assert_int_equal(seen.created, 2);
	const struct store_row *row = store_get(f->st, RES_CONFERENCE_ALIAS,
						seen.ids[1]);
	assert_int_equal(store_int(row, CONFERENCE_ALIAS_CONFERENCE),
			 seen.ids[0]);
	seen = (struct seen){0};
	n = room_with_alias(ops, sets, "Second", "BOTH");
	assert_int_equal(store_submit(f->st, ops, n, 1, on_done, &seen), 0);
	store_wait(f->st);
	assert_int_equal(seen.error, E_EXISTS);
	assert_int_equal(seen.created, 0);
	assert_null(store_find(f->st, RES_CONFERENCE, CONFERENCE_NAME,
			       SPAN_LIT("Second")));
}

static void test_store__many_requests_share_commits(void **state)
{
	struct fix *f = *state;
	static struct seen seen[1000];
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 1000; i++) {
		char name[32], alias[32];
		struct store_op ops[2];
		struct store_set sets[3];
		(void)snprintf(name, sizeof(name), "room %d", i);
		(void)snprintf(alias, sizeof(alias), "alias-%d", i);
		size_t n = room_with_alias(ops, sets, name, alias);
		assert_int_equal(store_submit(f->st, ops, n, 1, on_done,
					      &seen[i]), 0);
	}
	store_wait(f->st);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(seen[i].done, 1);
		assert_int_equal(seen[i].error, 0);
	}
	struct store_stats stats;
	store_stats(f->st, &stats);
	assert_true(stats.commits < 500);
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 1000);
	int64_t after = 0, n = 0;
	for (const struct store_row *row;
	     (row = store_next(f->st, RES_CONFERENCE, after)) != NULL; n++) {
		assert_true(store_row_id(row) > after);
		after = store_row_id(row);
	}
	assert_int_equal(n, 1000);
}

/* What store_hash_on() was given, kept until the test says so. */
struct late {
	int (*work)(void *job);
	void (*done)(void *job, int result);
	void *job;
	int refuse;
};

static int run_late(void *arg, int (*work)(void *job),
		    void (*done)(void *job, int result), void *job)
{
	struct late *l = arg;
	if (l->refuse < 0)
		return l->refuse;
	*l = (struct late){.work = work, .done = done, .job = job};
	return 0;
}

static int submit_admin(struct fix *f, const char *name, const char *password,
			struct seen *seen)
{
	struct store_set sets[2] = {
		{.field = ADMINISTRATOR_USERNAME,
		 .value.s = span_str(name)},
		{.field = ADMINISTRATOR_PASSWORD,
		 .value.s = span_str(password)}};
	struct store_op op = {.verb = STORE_CREATE, .res = RES_ADMINISTRATOR,
			      .sets = sets, .n_sets = 2};
	return store_submit(f->st, &op, 1, 1, on_done, seen);
}

/* Nobody who waits for the disk waits for a hash. */
static void test_store__passwords_are_hashed_elsewhere(void **state)
{
	struct fix *f = *state;
	struct late late = {.refuse = 0};
	struct seen seen = {0}, other = {0};
	struct store_op ops[2];
	struct store_set sets[3];
	struct secret s;
	store_hash_on(f->st, run_late, &late);
	assert_int_equal(submit_admin(f, "ann", "correct horse battery",
				      &seen), 0);
	size_t n = room_with_alias(ops, sets, "Room", "room");
	assert_int_equal(store_submit(f->st, ops, n, 1, on_done, &other), 0);
	store_wait(f->st);
	assert_int_equal(other.done, 1);
	assert_int_equal(seen.done, 0);
	assert_int_equal(late.work(late.job), 0);
	late.done(late.job, 0);
	store_wait(f->st);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.error, 0);
	const struct store_row *row = store_get(f->st, RES_ADMINISTRATOR,
						seen.ids[0]);
	assert_int_equal(store_secret(f->st, row, ADMINISTRATOR_PASSWORD, &s),
			 0);
	assert_int_equal(password_verify(secret_span(&s), SPAN_LIT(
			 "correct horse battery")), 0);
	secret_release(&s);
	/* What schema/ refuses is named by the writer as ever, unhashed. */
	seen = (struct seen){0};
	assert_int_equal(submit_admin(f, "bob", "short", &seen), 0);
	assert_int_equal(late.work(late.job), 0);
	late.done(late.job, 0);
	store_wait(f->st);
	assert_int_equal(seen.done, 1);
	assert_true(seen.error < 0);
	/* The pool closes, or is full. */
	seen = (struct seen){0};
	assert_int_equal(submit_admin(f, "eve", "correct horse battery",
				      &seen), 0);
	late.done(late.job, E_CLOSED);
	assert_int_equal(seen.error, E_CLOSED);
	late.refuse = E_FULL;
	assert_int_equal(submit_admin(f, "eve", "correct horse battery",
				      &seen), E_FULL);
	assert_int_equal(store_count(f->st, RES_ADMINISTRATOR), 1);
}

static void test_store__a_full_queue_refuses(void **state)
{
	struct fix *f = *state;
	store_close(&f->st);
	struct store_problem why;
	struct store_cfg cfg = {.dir = f->dir,
		.data_key = span_of(kit_key, sizeof(kit_key))};
	assert_int_equal(store_open(&f->st, &cfg, &why), 0);
	struct store_set set = {.field = GLOBAL_MAX_TALKERS, .value.i = 4};
	struct store_op op = {.verb = STORE_UPDATE, .res = RES_GLOBAL,
			      .id = 1, .sets = &set, .n_sets = 1};
	for (int i = 0; i < STORE_QUEUE_MAX; i++)
		assert_int_equal(store_submit(f->st, &op, 1, 0, NULL, NULL),
				 0);
	assert_int_equal(store_submit(f->st, &op, 1, 0, NULL, NULL), E_FULL);
	/* The thread was never started: closing carries out what waits. */
	reopen(f);
	assert_int_equal(store_global(f->st, GLOBAL_MAX_TALKERS), 4);
}

static void count_setting(void *arg, const char *name, struct span value)
{
	unsigned *n = arg;
	if (!strcmp(name, "max_joins_per_source"))
		assert_true(span_eq(value, SPAN_LIT("5")));
	assert_string_not_equal(name, "min_pin_length");
	(*n)++;
}

static void test_store__a_role_sees_only_its_projection(void **state)
{
	struct fix *f = *state;
	unsigned web = 0, none = 0;
	store_projection(f->st, 4 /* ROLE_WEB */, count_setting, &web);
	assert_int_equal(web, 25);
	store_projection(f->st, 2 /* ROLE_KEYS */, count_setting, &none);
	assert_int_equal(none, 0);
}

/* --- opening: each problem is one clear line, and damages nothing --------- */

static void sql(struct fix *f, const char *text)
{
	char path[512];
	sqlite3 *h;
	(void)snprintf(path, sizeof(path), "%s/conclave.db", f->dir);
	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, text, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(h);
}

static void expect_problem(struct fix *f, int error, const char *words)
{
	struct store_problem why;
	struct store *st = NULL;
	assert_int_equal(kit_open(&st, f->dir, &why), error);
	assert_null(st);
	assert_int_equal(why.error, error);
	if (strstr(why.text, words) == NULL)
		fail_msg("%s", why.text);
	assert_null(strchr(why.text, '\n'));
}

static void test_store_open__refuses_a_newer_version(void **state)
{
	struct fix *f = *state;
	store_close(&f->st);
	sql(f, "PRAGMA user_version = 99");
	expect_problem(f, E_VERSION, "newer version");
	sql(f, "PRAGMA user_version = 1");
	reopen(f);
}

static void test_store_open__refuses_an_unknown_column(void **state)
{
	struct fix *f = *state;
	store_close(&f->st);
	sql(f, "ALTER TABLE conference ADD COLUMN hologram INTEGER");
	expect_problem(f, E_VERSION, "conference.hologram");
}

static void test_store_open__refuses_another_key(void **state)
{
	struct fix *f = *state;
	store_close(&f->st);
	uint8_t other[32] = {1};
	struct store_problem why;
	struct store_cfg cfg = {.dir = f->dir,
				.data_key = span_of(other, sizeof(other))};
	assert_int_equal(store_open(&f->st, &cfg, &why), E_AUTH);
	assert_non_null(strstr(why.text, "data key"));
	reopen(f);
}

static void test_store_open__refuses_a_second_user(void **state)
{
	struct fix *f = *state;
	struct store_problem why;
	struct store *st = NULL;
	assert_int_equal(kit_open(&st, f->dir, &why), E_BUSY);
	assert_non_null(strstr(why.text, "in use"));
}

static void test_store_open__refuses_a_damaged_file(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 200; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "room number %d", i);
		assert_true(kit_create(f->st, RES_CONFERENCE, "name", name,
				       "description", "filler filler") > 0);
	}
	store_close(&f->st);
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/conclave.db", f->dir);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	int fd = open(path, O_RDWR);
	uint8_t junk[4096];
	memset(junk, 0xa5, sizeof(junk));
	for (off_t at = 4096; at + 4096 <= st.st_size; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), 4096);
	(void)close(fd);
	expect_problem(f, E_CORRUPT, "restore a backup");
	fd = open(path, O_RDWR | O_TRUNC);
	assert_int_equal(write(fd, "this is no database, not even close.",
			       36), 36);
	(void)close(fd);
	expect_problem(f, E_CORRUPT, "restore a backup");
}

static void test_store_open__says_when_there_is_none(void **state)
{
	struct fix *f = *state;
	store_close(&f->st);
	char empty[256];
	kit_mkdir(empty);
	struct store_problem why;
	struct store_cfg cfg = {.dir = empty,
		.data_key = span_of(kit_key, sizeof(kit_key))};
	assert_int_equal(store_open(&f->st, &cfg, &why), E_NOTFOUND);
	assert_non_null(strstr(why.text, "conclave-setup"));
	kit_rm(empty);
}

static int open_and_close(void *arg)
{
	struct store *st = NULL;
	struct store_problem why;
	int e = kit_open(&st, arg, &why);
	store_close(&st);
	return e;
}

static void test_store_open__survives_every_failing_allocation(void **state)
{
	struct fix *f = *state;
	assert_true(kit_create(f->st, RES_CONFERENCE, "name", "A", "pin",
			       "271828") > 0);
	store_close(&f->st);
	assert_true(alloc_test_every(open_and_close, f->dir, 500) > 5);
	reopen(f);
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 1);
}

static int create_one(void *arg)
{
	static int n;
	struct fix *f = arg;
	struct store_op ops[2];
	struct store_set sets[3];
	struct seen seen = {0};
	char name[32];
	(void)snprintf(name, sizeof(name), "oom %d", n++);
	size_t k = room_with_alias(ops, sets, name, name);
	int e = store_submit(f->st, ops, k, 1, on_done, &seen);
	if (e < 0)
		return e;
	store_wait(f->st);
	assert_int_equal(seen.done, 1);
	if (seen.error == 0) {
		assert_non_null(store_get(f->st, RES_CONFERENCE,
					  seen.ids[0]));
		/* The failing allocation may hit this one instead. */
		if (kit_delete(f->st, RES_CONFERENCE, seen.ids[0]) < 0)
			assert_true(kit_delete(f->st, RES_CONFERENCE,
					       seen.ids[0]) > 0);
		(void)store_dispatch(f->st);	/* buries the replaced rows */
	}
	return seen.error;
}

static void test_store__requests_survive_every_failing_allocation(void **state)
{
	struct fix *f = *state;
	/* Rows come and go with the request, so that nothing stays. */
	assert_true(alloc_test_every(create_one, f, 200) > 5);
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 0);
	reopen(f);
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_store__fresh_has_the_documented_defaults),
		T(test_store__create_is_seen_and_survives_reopen),
		T(test_store__secrets_never_reach_the_disk_in_clear),
		T(test_store__a_sealed_value_cannot_be_moved),
		T(test_store__refusals_name_the_field_and_change_nothing),
		T(test_store__a_further_check_may_refuse),
		T(test_store__a_raised_minimum_binds_only_new_pins),
		T(test_store__removing_a_room_takes_its_aliases),
		T(test_store__operations_of_one_request_stand_or_fall),
		T(test_store__many_requests_share_commits),
		T(test_store__passwords_are_hashed_elsewhere),
		T(test_store__a_full_queue_refuses),
		T(test_store__a_role_sees_only_its_projection),
		T(test_store_open__refuses_a_newer_version),
		T(test_store_open__refuses_an_unknown_column),
		T(test_store_open__refuses_another_key),
		T(test_store_open__refuses_a_second_user),
		T(test_store_open__refuses_a_damaged_file),
		T(test_store_open__says_when_there_is_none),
		T(test_store_open__survives_every_failing_allocation),
		T(test_store__requests_survive_every_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
