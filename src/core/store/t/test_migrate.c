/* Databases of the past open in the program of today; a step that fails
 * leaves everything as it was. t/v1.sql is the dump of a database that the
 * first version wrote, with kit_key: it is never made anew. */
#include <sqlite3.h>
#include "core/store/store_int.h"
#include "core/store/t/store_kit.h"

static const char *v1_path;

struct fix {
	char dir[256], path[300];
};

static struct fix fix;

static void sql(const char *text)
{
	sqlite3 *h;
	char *why = NULL;
	assert_int_equal(sqlite3_open(fix.path, &h), SQLITE_OK);
	if (sqlite3_exec(h, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	(void)sqlite3_close(h);
}

static int64_t number(const char *text)
{
	sqlite3 *h;
	sqlite3_stmt *st;
	assert_int_equal(sqlite3_open(fix.path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(h);
	return n;
}

static int setup(void **state)
{
	static char dump[1 << 16];
	kit_mkdir(fix.dir);
	(void)snprintf(fix.path, sizeof(fix.path), "%s/conclave.db", fix.dir);
	FILE *f = fopen(v1_path, "r");
	assert_non_null(f);
	size_t n = fread(dump, 1, sizeof(dump) - 1, f);
	(void)fclose(f);
	dump[n] = 0;
	sql(dump);
	*state = &fix;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_rm(fix.dir);
	return 0;
}

static void check_content(struct store *st)
{
	const struct store_row *row = store_find(st, RES_CONFERENCE_ALIAS,
		CONFERENCE_ALIAS_ALIAS, SPAN_LIT("OLD-alias"));
	assert_non_null(row);
	row = store_get(st, RES_CONFERENCE,
			store_int(row, CONFERENCE_ALIAS_CONFERENCE));
	assert_non_null(row);
	assert_true(span_eq(store_text(row, CONFERENCE_NAME),
			    SPAN_LIT("Old room")));
	assert_int_equal(store_int(row, CONFERENCE_CALL_TYPE), CALL_AUDIO);
	struct secret s;
	assert_int_equal(store_secret(st, row, CONFERENCE_PIN, &s), 0);
	assert_true(span_eq(secret_span(&s), SPAN_LIT("271828")));
	secret_release(&s);
	assert_int_equal(store_global(st, GLOBAL_MAX_TALKERS), 7);
}

static void open_and_check(void)
{
	struct store *st;
	struct store_problem why;
	if (kit_open(&st, fix.dir, &why) < 0)
		fail_msg("%s", why.text);
	check_content(st);
	store_close(&st);
}

static void test_migrate__the_first_version_opens(void **state)
{
	(void)state;
	open_and_check();
	open_and_check();
}

static void test_migrate__missing_columns_get_their_default(void **state)
{
	(void)state;
	sql("ALTER TABLE conference DROP COLUMN host_view;"
	    "ALTER TABLE global DROP COLUMN opus_complexity;"
	    "DROP TABLE administrator");
	open_and_check();
	struct store *st;
	assert_int_equal(kit_open(&st, fix.dir, NULL), 0);
	assert_int_equal(store_global(st, GLOBAL_OPUS_COMPLEXITY), 5);
	assert_int_equal(store_count(st, RES_ADMINISTRATOR), 0);
	const struct store_row *row = store_next(st, RES_CONFERENCE, 0);
	assert_true(span_eq(store_text(row, CONFERENCE_HOST_VIEW),
			    SPAN_LIT("one_main_seven_pips")));
	store_close(&st);
}

/* The second version brought rules for new PINs and aliases, and tables. */
static void test_migrate__the_second_version(void **state)
{
	(void)state;
	struct store *st;
	sql("UPDATE conference_alias SET alias = '1234'");
	assert_int_equal(number("PRAGMA user_version"), 1);
	assert_int_equal(kit_open(&st, fix.dir, NULL), 0);
	assert_int_equal(store_global(st, GLOBAL_CRYPTO_MODE), SV_CRYPTO_ON);
	assert_int_equal(store_global(st, GLOBAL_CONCEAL_ROOMS), 1);
	assert_int_equal(store_global(st, GLOBAL_MIN_ALIAS_DIGITS), 6);
	for (int i = RES_SYSTEM_LOCATION; i < RES_COUNT; i++)
		assert_int_equal(store_count(st, (enum schema_resource_id)i),
				 0);
	/* What was stored stays and can be changed in all else. */
	assert_int_equal(kit_update(st, RES_CONFERENCE_ALIAS, 1,
				    "description", "old"), 1);
	assert_int_equal(kit_create(st, RES_SYSTEM_LOCATION, "name", "L"), 1);
	store_close(&st);
	assert_int_equal(number("PRAGMA user_version"), 2);
}

/* After any migration the tables are those that a fresh one gets. */
static void test_migrate__ends_like_a_fresh_database(void **state)
{
	(void)state;
	open_and_check();
	char dir[256];
	kit_mkdir(dir);
	struct store *st;
	assert_int_equal(kit_open(&st, dir, NULL), 0);
	store_close(&st);
	char text[1024];
	for (int i = RES_NONE + 1; i < RES_COUNT; i++) {
		const char *name = schema_resource(i)->name;
		(void)snprintf(text, sizeof(text),
			"ATTACH '%s/conclave.db' AS fresh;"
			"CREATE TEMP TABLE differs AS SELECT name, type, pk "
			"FROM pragma_table_info('%s', 'main') EXCEPT SELECT "
			"name, type, pk FROM pragma_table_info('%s', 'fresh');"
			"CREATE TEMP TABLE must_be_empty(x CHECK (x = 0));"
			"INSERT INTO must_be_empty SELECT count(*) FROM "
			"differs", dir, name, name);
		sql(text);
	}
	kit_rm(dir);
}

static int open_with(const struct db_step *steps, struct store_problem *why)
{
	struct seal seal;
	struct db db;
	struct store_cfg cfg = {.dir = fix.dir};
	assert_int_equal(seal_init(&seal, span_of(kit_key, 32)), 0);
	int e = db_open(&db, fix.path, &cfg, &seal, steps, why);
	if (e == 0)
		db_close(&db);
	seal_release(&seal);
	return e;
}

static void test_migrate__steps_run_once_and_in_order(void **state)
{
	(void)state;
	static const struct db_step steps[] = {
		{2, "UPDATE conference SET description = 'two'"},
		{3, "UPDATE conference SET description = description || "
		    "' three'"},
		{0, NULL}};
	struct store_problem why;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_with(steps, &why), 0);
		assert_int_equal(number("PRAGMA user_version"), 3);
		assert_int_equal(number("SELECT count(*) FROM conference "
			"WHERE description = 'two three'"), 1);
	}
	/* Today's program is older than that now. */
	assert_int_equal(open_with(db_steps, &why), E_VERSION);
}

static void test_migrate__a_failing_step_changes_nothing(void **state)
{
	(void)state;
	static const struct db_step steps[] = {
		{2, "DELETE FROM conference"},
		{3, "UPDATE no_such_table SET x = 1"},
		{0, NULL}};
	struct store_problem why;
	assert_int_equal(open_with(steps, &why), E_INTERNAL);
	assert_non_null(strstr(why.text, "no_such_table"));
	assert_int_equal(number("PRAGMA user_version"), 1);
	open_and_check();
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_migrate__the_first_version_opens),
		T(test_migrate__the_second_version),
		T(test_migrate__missing_columns_get_their_default),
		T(test_migrate__ends_like_a_fresh_database),
		T(test_migrate__steps_run_once_and_in_order),
		T(test_migrate__a_failing_step_changes_nothing),
	};
	if (argc != 2)
		return 2;
	v1_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
