#include "core/store/t/disk.h"
#include "core/store/t/store_kit.h"

struct fix {
	struct disk *disk;
	struct journal *j;
};

static struct fix fix;
static const struct span key = {kit_key, 32};

static int open_it(struct fix *f)
{
	return journal_open(&f->j, "j", key, disk_files(f->disk));
}

static int setup(void **state)
{
	fix = (struct fix){NULL, NULL};
	assert_int_equal(disk_new(&fix.disk, 11), 0);
	assert_int_equal(open_it(&fix), 0);
	*state = &fix;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_close(&fix.j);
	disk_free(&fix.disk);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void reopen(struct fix *f)
{
	journal_close(&f->j);
	assert_int_equal(open_it(f), 0);
}

static void put(struct fix *f, uint8_t kind, const char *k, const char *v)
{
	assert_int_equal(journal_put(f->j, kind, span_str(k), span_str(v)), 0);
}

static bool has(struct fix *f, uint8_t kind, const char *k, const char *v)
{
	struct span got;
	return journal_get(f->j, kind, span_str(k), &got) &&
	       span_eq(got, span_str(v));
}

static void test_journal__replays_puts_replacements_and_dels(void **state)
{
	struct fix *f = *state;
	put(f, 1, "room", "v1");
	put(f, 2, "room", "other kind");
	put(f, 1, "gone", "x");
	assert_int_equal(journal_sync(f->j), 0);
	put(f, 1, "room", "v2 is longer");
	assert_int_equal(journal_del(f->j, 1, SPAN_LIT("gone")), 0);
	assert_int_equal(journal_del(f->j, 1, SPAN_LIT("gone")), E_NOTFOUND);
	put(f, 1, "empty", "");
	for (int round = 0; round < 3; round++) {
		assert_true(has(f, 1, "room", "v2 is longer"));
		assert_true(has(f, 2, "room", "other kind"));
		assert_true(has(f, 1, "empty", ""));
		assert_false(has(f, 1, "gone", "x"));
		reopen(f);
	}
}

static void test_journal_next__walks_in_order_and_may_delete(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 100; i++) {
		char k[16];
		(void)snprintf(k, sizeof(k), "%03d", i);
		put(f, 1, k, k);
	}
	put(f, 1, "000", "again");	/* keeps its place */
	reopen(f);
	uint64_t it = 0;
	uint8_t kind;
	struct span k, v;
	int n = 0;
	for (; journal_next(f->j, &it, &kind, &k, &v); n++) {
		char want[16];
		(void)snprintf(want, sizeof(want), "%03d", n);
		assert_true(span_eq(k, span_str(want)));
		if (n % 2)
			assert_int_equal(journal_del(f->j, kind, k), 0);
	}
	assert_int_equal(n, 100);
	reopen(f);
	struct journal_stats stats;
	journal_stats(f->j, &stats);
	assert_int_equal(stats.live, 50);
}

static void test_journal__tolerates_a_torn_tail_at_every_byte(void **state)
{
	struct fix *f = *state;
	put(f, 1, "a", "kept");
	assert_int_equal(journal_sync(f->j), 0);
	size_t before, after;
	(void)disk_bytes(f->disk, "j", &before);
	put(f, 1, "b", "torn");
	assert_int_equal(journal_sync(f->j), 0);
	const uint8_t *p = disk_bytes(f->disk, "j", &after);
	static uint8_t image[4096];
	assert_true(after <= sizeof(image));
	memcpy(image, p, after);
	for (size_t cut = before; cut < after; cut++) {
		journal_close(&f->j);
		disk_resize(f->disk, "j", after);
		size_t n;
		memcpy(disk_bytes(f->disk, "j", &n), image, after);
		disk_resize(f->disk, "j", cut);
		assert_int_equal(open_it(f), 0);
		assert_true(has(f, 1, "a", "kept"));
		assert_false(has(f, 1, "b", "torn"));
		struct journal_stats stats;
		journal_stats(f->j, &stats);
		assert_int_equal(stats.torn_bytes, cut - before);
	}
}

static void test_journal__a_changed_byte_ends_the_replay(void **state)
{
	struct fix *f = *state;
	put(f, 1, "a", "kept");
	assert_int_equal(journal_sync(f->j), 0);
	size_t before, n;
	(void)disk_bytes(f->disk, "j", &before);
	put(f, 1, "b", "changed");
	assert_int_equal(journal_sync(f->j), 0);
	put(f, 1, "c", "behind");
	assert_int_equal(journal_sync(f->j), 0);
	disk_bytes(f->disk, "j", &n)[before + 20] ^= 1;
	struct journal *old = f->j;
	f->j = NULL;
	assert_int_equal(open_it(f), 0);
	assert_true(has(f, 1, "a", "kept"));
	assert_false(has(f, 1, "b", "changed"));
	assert_false(has(f, 1, "c", "behind"));
	journal_close(&old);
}

static void test_journal__another_key_is_refused(void **state)
{
	struct fix *f = *state;
	put(f, 1, "a", "b");
	journal_close(&f->j);
	uint8_t other[32] = {9};
	assert_int_equal(journal_open(&f->j, "j", span_of(other, 32),
				      disk_files(f->disk)), E_AUTH);
	assert_int_equal(open_it(f), 0);
	assert_true(has(f, 1, "a", "b"));
}

static void test_journal__junk_is_set_aside(void **state)
{
	struct fix *f = *state;
	journal_close(&f->j);
	size_t n;
	memset(disk_bytes(f->disk, "j", &n), 'x', 20);
	assert_int_equal(open_it(f), 0);
	assert_non_null(disk_bytes(f->disk, "j.bad", &n));
}

static void test_journal__compacts_what_is_superseded(void **state)
{
	struct fix *f = *state;
	static char value[8000];
	memset(value, 'v', sizeof(value) - 1);
	for (int i = 0; i < 2000; i++) {
		put(f, 1, "hot", value);
		assert_int_equal(journal_sync(f->j), 0);
	}
	struct journal_stats stats;
	journal_stats(f->j, &stats);
	assert_true(stats.compactions > 5);
	assert_true(stats.file_bytes < 2 * 1024 * 1024);
	reopen(f);
	assert_true(has(f, 1, "hot", value));
}

static void test_journal__limits_are_named(void **state)
{
	struct fix *f = *state;
	static uint8_t big[JOURNAL_VALUE_MAX + 1];
	assert_int_equal(journal_put(f->j, 1, SPAN_LIT("k"),
			 span_of(big, sizeof(big))), E_LIMIT);
	assert_int_equal(journal_put(f->j, 1,
			 span_of(big, JOURNAL_KEY_MAX + 1), SPAN_NONE),
			 E_LIMIT);
	assert_int_equal(journal_put(f->j, 0, SPAN_LIT("k"), SPAN_NONE),
			 E_LIMIT);
	assert_int_equal(journal_put(f->j, 1, span_of(big, JOURNAL_KEY_MAX),
			 span_of(big, JOURNAL_VALUE_MAX)), 0);
	reopen(f);
	struct span v;
	assert_true(journal_get(f->j, 1, span_of(big, JOURNAL_KEY_MAX), &v));
	assert_int_equal(v.n, JOURNAL_VALUE_MAX);
	int e = 0;
	for (int i = 0; e == 0; i++) {
		char k[16];
		(void)snprintf(k, sizeof(k), "%d", i);
		e = journal_put(f->j, 2, span_str(k),
				span_of(big, JOURNAL_VALUE_MAX));
	}
	assert_int_equal(e, E_FULL);
	/* More than the buffer holds: the table is written anew. */
	assert_int_equal(journal_sync(f->j), 0);
	struct journal_stats a, b;
	journal_stats(f->j, &a);
	reopen(f);
	journal_stats(f->j, &b);
	assert_int_equal(a.live, b.live);
	assert_int_equal(a.live_bytes, b.live_bytes);
}

static void test_journal__a_full_disk_loses_nothing_live(void **state)
{
	struct fix *f = *state;
	put(f, 1, "a", "before");
	assert_int_equal(journal_sync(f->j), 0);
	disk_capacity(f->disk, disk_used(f->disk) + 10);
	put(f, 1, "b", "while full");
	assert_int_equal(journal_sync(f->j), E_NOSPACE);
	put(f, 1, "c", "still full");
	assert_int_equal(journal_sync(f->j), E_NOSPACE);
	disk_capacity(f->disk, 0);
	assert_int_equal(journal_sync(f->j), 0);
	reopen(f);
	assert_true(has(f, 1, "a", "before"));
	assert_true(has(f, 1, "b", "while full"));
	assert_true(has(f, 1, "c", "still full"));
}

static int body(void *arg)
{
	struct journal *j = NULL;
	int e = journal_open(&j, arg, key, NULL);
	for (int i = 0; i < 20 && j != NULL; i++) {
		char k[16];
		(void)snprintf(k, sizeof(k), "%d", i % 7);
		(void)journal_put(j, 1, span_str(k), SPAN_LIT("value"));
		(void)journal_sync(j);
		if (i % 3 == 0)
			(void)journal_del(j, 1, span_str(k));
	}
	journal_close(&j);
	return e;
}

static void test_journal__survives_every_failing_allocation(void **state)
{
	(void)state;
	char dir[256], path[300];
	kit_mkdir(dir);
	(void)snprintf(path, sizeof(path), "%s/j", dir);
	assert_true(alloc_test_every(body, path, 500) > 10);
	struct journal *j;
	assert_int_equal(journal_open(&j, path, key, NULL), 0);
	journal_close(&j);
	kit_rm(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_journal__replays_puts_replacements_and_dels),
		T(test_journal_next__walks_in_order_and_may_delete),
		T(test_journal__tolerates_a_torn_tail_at_every_byte),
		T(test_journal__a_changed_byte_ends_the_replay),
		T(test_journal__another_key_is_refused),
		T(test_journal__junk_is_set_aside),
		T(test_journal__compacts_what_is_superseded),
		T(test_journal__limits_are_named),
		T(test_journal__a_full_disk_loses_nothing_live),
		T(test_journal__survives_every_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
