/* Two hundred power cuts at random points on a disk that forgets what was not
 * synced: no change that was acknowledged may be missing afterwards, in the
 * database, the journal or the audit log. */
#include "base/rd.h"
#include "base/wr.h"
#include "core/audit/audit_int.h"
#include "core/store/t/disk.h"
#include "core/store/t/store_kit.h"

enum { CRASHES = 200, ROOMS = 24, KEYS = 16, SUBMITTED_MAX = 200000 };

/* One thing that was asked for, in order. */
struct step {
	unsigned room;
	bool present;		/* the row is there after this step */
};

struct world {
	struct disk *disk;
	struct store *st;
	struct audit *audit;
	uint64_t random;

	struct step steps[SUBMITTED_MAX];
	unsigned n_steps;
	unsigned acked[ROOMS];	/* the last acknowledged step, 0 = none */
	int64_t ids[ROOMS];	/* 0 = absent in the snapshot */

	uint64_t put[KEYS], key_acked[KEYS];
	uint64_t key_now[KEYS];	/* at the last flush request */
	bool is_flushing, audit_failed;
	uint64_t lines, lines_now, lines_acked;
	unsigned n_acked, n_key_acked;
};

static uint64_t roll(struct world *w, uint64_t n)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % n;
}

static int open_world(struct world *w)
{
	struct store_problem why;
	struct store_cfg cfg = {
		.dir = "d", .create = true, .vfs = "forgetful",
		.files = disk_files(w->disk),
		.data_key = span_of(kit_key, sizeof(kit_key)),
	};
	struct audit_cfg acfg = {.dir = "a", .segment_max = 32768,
				 .files = disk_files(w->disk)};
	int e = store_open(&w->st, &cfg, &why);
	if (e < 0) {
		if (!disk_is_dead(w->disk))
			fail_msg("open: %s", why.text);
		return e;
	}
	e = audit_open(&w->audit, &acfg, 1, 1);
	if (e < 0) {
		assert_true(disk_is_dead(w->disk));
		return e;
	}
	assert_int_equal(store_attach(w->st, audit_sync, w->audit), 0);
	return store_start(w->st);
}

static void close_world(struct world *w)
{
	store_close(&w->st);
	audit_close(&w->audit);
}

/* --- asking --------------------------------------------------------------- */

struct ask {
	struct world *w;
	unsigned step;
};

static void on_done(void *arg, const struct store_result *res)
{
	struct ask *a = arg;
	const struct step *s = &a->w->steps[a->step];
	if (res->error == 0) {
		a->w->acked[s->room] = a->step;
		a->w->ids[s->room] = s->present ? res->ids[0] : 0;
		a->w->n_acked++;
	}
	mem_free(a);
}

static void submit(struct world *w, unsigned room)
{
	char name[32], text[32];
	struct store_set sets[2] = {{.field = CONFERENCE_NAME},
				    {.field = CONFERENCE_DESCRIPTION}};
	struct store_op op = {.res = RES_CONFERENCE, .sets = sets,
			      .n_sets = 2, .id = w->ids[room]};
	bool present = op.id == 0 || roll(w, 4) != 0;
	op.verb = op.id == 0 ? STORE_CREATE
			     : present ? STORE_UPDATE : STORE_DELETE;
	if (op.verb == STORE_DELETE)
		op.n_sets = 0;
	assert_true(w->n_steps + 1 < SUBMITTED_MAX);
	struct ask *a = mem_zalloc(sizeof(*a));
	*a = (struct ask){w, ++w->n_steps};
	w->steps[a->step] = (struct step){room, present};
	(void)snprintf(name, sizeof(name), "room %u", room);
	(void)snprintf(text, sizeof(text), "%u", a->step);
	sets[0].value.s = span_str(name);
	sets[1].value.s = span_str(text);
	if (store_submit(w->st, &op, 1, 1, on_done, a) < 0)
		mem_free(a);
}

static void on_flush(void *arg, int result)
{
	struct world *w = arg;
	w->is_flushing = false;
	if (result < 0)
		return;
	memcpy(w->key_acked, w->key_now, sizeof(w->key_acked));
	w->lines_acked = w->lines_now;
	w->n_key_acked++;
}

static void put_key(struct world *w)
{
	uint8_t value[16];
	char key[8];
	unsigned k = (unsigned)roll(w, KEYS);
	struct wr wr = wr_of(value, sizeof(value));
	wr_u64(&wr, ++w->put[k]);
	(void)snprintf(key, sizeof(key), "k%u", k);
	assert_int_equal(journal_put(store_journal(w->st), 1, span_str(key),
				     span_of(value, 8)), 0);
}

static void write_line(struct world *w)
{
	struct audit_event ev = {.who = SPAN_LIT("test"), .action = "crash",
				 .outcome = AUDIT_OK};
	if (audit_write(w->audit, &ev, 1, 1) == 0)
		w->lines++;
}

static void flush(struct world *w)
{
	if (w->is_flushing)
		return;
	memcpy(w->key_now, w->put, sizeof(w->key_now));
	w->lines_now = w->lines;
	w->is_flushing = store_flush(w->st, on_flush, w) == 0;
}

static void live(struct world *w)
{
	while (!disk_is_dead(w->disk)) {
		bool busy[ROOMS] = {false};
		for (uint64_t n = roll(w, 6) + 1; n > 0; n--) {
			/* One change of a room at a time: its id is known. */
			unsigned room = (unsigned)roll(w, ROOMS);
			if (!busy[room])
				submit(w, room);
			busy[room] = true;
			put_key(w);
			write_line(w);
		}
		flush(w);
		store_wait(w->st);
	}
}

/* --- afterwards ----------------------------------------------------------- */

static void check_room(struct world *w, unsigned room)
{
	char name[32];
	(void)snprintf(name, sizeof(name), "room %u", room);
	const struct store_row *row = store_find(w->st, RES_CONFERENCE,
		CONFERENCE_NAME, span_str(name));
	unsigned acked = w->acked[room];
	if (row != NULL) {
		uint64_t found;
		assert_int_equal(span_u64(store_text(row,
			CONFERENCE_DESCRIPTION), UINT32_MAX, &found), 0);
		if (found < acked)
			fail_msg("room %u: step %u was acknowledged, %u is "
				 "there", room, acked, (unsigned)found);
		assert_int_equal(w->steps[found].room, room);
		w->ids[room] = store_row_id(row);
		return;
	}
	/* Absent: by the acknowledged step, or by a later one. */
	bool may = acked == 0 || !w->steps[acked].present;
	for (unsigned i = acked + 1; i <= w->n_steps; i++)
		may |= w->steps[i].room == room && !w->steps[i].present;
	if (!may)
		fail_msg("room %u: step %u was acknowledged, nothing is there",
			 room, acked);
	w->ids[room] = 0;
}

static void check_key(struct world *w, unsigned k)
{
	char key[8];
	struct span value;
	uint64_t found = 0;
	(void)snprintf(key, sizeof(key), "k%u", k);
	if (journal_get(store_journal(w->st), 1, span_str(key), &value)) {
		struct rd r = rd_of(value);
		found = rd_u64(&r);
	}
	if (found < w->key_acked[k] || found > w->put[k])
		fail_msg("key %u: %u acknowledged, %u put, %u there", k,
			 (unsigned)w->key_acked[k], (unsigned)w->put[k],
			 (unsigned)found);
	w->put[k] = w->key_acked[k] = found;
}

static uint64_t count_lines(struct world *w)
{
	uint64_t n = 0;
	for (unsigned s = 1; s < 100000; s++) {
		char path[64];
		size_t len;
		(void)snprintf(path, sizeof(path), "a/audit-%08u.log", s);
		const uint8_t *p = disk_bytes(w->disk, path, &len);
		if (p == NULL)
			return n;
		for (const uint8_t *at = p; at != NULL;
		     n += at != NULL, at = at ? at + 1 : NULL)
			at = memmem(at, len - (size_t)(at - p),
				    "\"action\":\"crash\"", 16);
	}
	return n;
}

static void check(struct world *w)
{
	struct audit_verdict v;
	for (unsigned r = 0; r < ROOMS; r++)
		check_room(w, r);
	for (unsigned k = 0; k < KEYS; k++)
		check_key(w, k);
	assert_int_equal(audit_verify_with(disk_files(w->disk), "a", &v), 0);
	if (!v.ok)
		fail_msg("%s line %u: %s", v.file, (unsigned)v.line, v.text);
	uint64_t lines = count_lines(w);
	assert_true(lines >= w->lines_acked);
	w->lines = w->lines_acked = lines;
}

static void cut_once(struct world *w)
{
	disk_power_for(w->disk, (int64_t)roll(w, 400));
	w->is_flushing = false;
	if (open_world(w) == 0)
		live(w);
	close_world(w);
	disk_crash(w->disk);
	if (open_world(w) < 0)
		fail_msg("did not open after a crash");
	check(w);
	close_world(w);
}

static void test_store__no_acknowledged_change_is_lost(void **state)
{
	(void)state;
	static struct world w;
	w = (struct world){.random = 20260101};
	assert_int_equal(disk_new(&w.disk, 7), 0);
	assert_int_equal(disk_vfs_register(w.disk, "forgetful"), 0);
	for (int i = 0; i < CRASHES; i++)
		cut_once(&w);
	print_message("%d cuts, %u changes asked for, %u acknowledged, %u "
		      "flushes, %u lines\n", CRASHES, w.n_steps, w.n_acked,
		      w.n_key_acked, (unsigned)w.lines);
	/* The test itself must have had something to lose. */
	assert_true(w.n_acked > CRASHES && w.n_key_acked > CRASHES);
	disk_vfs_unregister(w.disk);
	disk_free(&w.disk);
	assert_int_equal(mem_live(), 0);
}

/* The same harness must notice a store that acknowledges too early. */
static void test_disk__forgets_what_was_not_synced(void **state)
{
	(void)state;
	struct disk *d;
	struct file *f;
	unsigned lost = 0;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		size_t n;
		assert_int_equal(disk_new(&d, seed), 0);
		const struct file_ops *fs = disk_files(d);
		assert_int_equal(fs->open(d, &f, "x", true), 0);
		assert_int_equal(fs->append(d, f, SPAN_LIT("kept")), 0);
		assert_int_equal(fs->sync(d, f), 0);
		assert_int_equal(fs->append(d, f, SPAN_LIT("perhaps")), 0);
		fs->close(d, f);
		disk_crash(d);
		const uint8_t *p = disk_bytes(d, "x", &n);
		assert_true(n >= 4 && memcmp(p, "kept", 4) == 0);
		lost += n < 11;
		disk_free(&d);
	}
	assert_true(lost > 2);
}

static void test_store__a_full_disk_refuses_and_recovers(void **state)
{
	(void)state;
	static struct world w;
	w = (struct world){.random = 5};
	assert_int_equal(disk_new(&w.disk, 9), 0);
	assert_int_equal(disk_vfs_register(w.disk, "forgetful"), 0);
	assert_int_equal(open_world(&w), 0);
	assert_true(kit_create(w.st, RES_CONFERENCE, "name", "before") > 0);
	disk_capacity(w.disk, disk_used(w.disk) + 2000);
	struct store_result res = {.error = 0};
	const char *const fields[] = {"name", "after", NULL};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kit_run(w.st, STORE_CREATE, RES_CONFERENCE,
					 0, fields, &res), E_NOSPACE);
		assert_non_null(strstr(res.why.text, "no space"));
	}
	assert_non_null(store_find(w.st, RES_CONFERENCE, CONFERENCE_NAME,
				   SPAN_LIT("before")));
	assert_null(store_find(w.st, RES_CONFERENCE, CONFERENCE_NAME,
			       SPAN_LIT("after")));
	disk_capacity(w.disk, 0);
	assert_true(kit_create(w.st, RES_CONFERENCE, "name", "after") > 0);
	disk_power_for(w.disk, 0);
	close_world(&w);
	disk_crash(w.disk);
	assert_int_equal(open_world(&w), 0);
	assert_int_equal(store_count(w.st, RES_CONFERENCE), 2);
	close_world(&w);
	disk_vfs_unregister(w.disk);
	disk_free(&w.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk__forgets_what_was_not_synced),
		cmocka_unit_test(test_store__no_acknowledged_change_is_lost),
		cmocka_unit_test(test_store__a_full_disk_refuses_and_recovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
