#include "base/clock.h"
#include "core/audit/audit_int.h"
#include "core/store/t/disk.h"
#include "core/store/t/store_kit.h"

#define MINUTE (60 * NS_PER_S)

struct fix {
	struct disk *disk;
	struct audit *a;
	struct audit_cfg cfg;
	uint64_t now;
};

static struct fix fix;

static int setup(void **state)
{
	fix = (struct fix){.now = MINUTE};
	assert_int_equal(disk_new(&fix.disk, 3), 0);
	fix.cfg = (struct audit_cfg){.dir = "a", .segment_max = 2000,
				     .files = disk_files(fix.disk)};
	assert_int_equal(audit_open(&fix.a, &fix.cfg, 1, fix.now), 0);
	*state = &fix;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_close(&fix.a);
	disk_free(&fix.disk);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void say(struct fix *f, const char *action, const char *source,
		enum audit_outcome outcome, const char *detail)
{
	struct audit_event ev = {.who = SPAN_LIT("uid 0"),
				 .source = span_str(source), .action = action,
				 .object = SPAN_LIT("room"),
				 .outcome = outcome,
				 .detail = span_str(detail)};
	assert_int_equal(audit_write(f->a, &ev, 1000000, f->now), 0);
}

static void fill(struct fix *f, int lines)
{
	for (int i = 0; i < lines; i++) {
		say(f, "conference.change", "local", AUDIT_OK, "detail");
		assert_int_equal(audit_sync(f->a), 0);
	}
}

static struct audit_verdict verify(struct fix *f)
{
	struct audit_verdict v;
	assert_int_equal(audit_verify_with(f->cfg.files, "a", &v), 0);
	return v;
}

static void reopen(struct fix *f)
{
	audit_close(&f->a);
	assert_int_equal(audit_open(&f->a, &f->cfg, 2, f->now), 0);
}

static char *segment(struct fix *f, unsigned n, size_t *len, char path[64])
{
	(void)snprintf(path, 64, "a/audit-%08u.log", n);
	return (char *)disk_bytes(f->disk, path, len);
}

static void expect_bad(struct fix *f, const char *file, uint64_t line)
{
	struct audit_verdict v = verify(f);
	assert_false(v.ok);
	assert_string_equal(v.file, file);
	assert_int_equal(v.line, line);
	assert_true(v.text[0] != 0);
}

static void test_audit__a_chain_over_segments_verifies(void **state)
{
	struct fix *f = *state;
	fill(f, 50);
	struct audit_verdict v = verify(f);
	assert_true(v.ok);
	assert_true(v.segments > 3);
	assert_int_equal(v.lines, 51);
	assert_int_equal(v.last_seq, 51);
	reopen(f);
	fill(f, 5);
	v = verify(f);
	assert_true(v.ok);
	assert_int_equal(v.lines, 57);
}

static void test_audit_verify__names_an_edited_line(void **state)
{
	struct fix *f = *state;
	char path[64];
	size_t n;
	fill(f, 30);
	char *p = segment(f, 2, &n, path);
	char *second = memchr(p, '\n', n);
	char *at = memmem(second, n - (size_t)(second - p), "uid 0", 5);
	at[4] = '7';
	expect_bad(f, "audit-00000002.log", 2);
}

static void test_audit_verify__names_a_deleted_line(void **state)
{
	struct fix *f = *state;
	char path[64];
	size_t n;
	fill(f, 30);
	char *p = segment(f, 1, &n, path);
	char *first = (char *)memchr(p, '\n', n) + 1;
	size_t left = n - (size_t)(first - p);
	char *second = (char *)memchr(first, '\n', left) + 1;
	size_t cut = (size_t)(second - first);
	memmove(first, second, n - (size_t)(second - p));
	disk_resize(f->disk, path, n - cut);
	expect_bad(f, "audit-00000001.log", 2);
}

static void test_audit_verify__names_swapped_lines(void **state)
{
	struct fix *f = *state;
	char path[64], copy[AUDIT_LINE_MAX];
	size_t n;
	fill(f, 30);
	char *p = segment(f, 2, &n, path);
	size_t one = (size_t)((char *)memchr(p, '\n', n) - p) + 1;
	size_t two = (size_t)((char *)memchr(p + one, '\n', n - one) - p) + 1 -
		     one;
	memcpy(copy, p, one);
	memmove(p, p + one, two);
	memcpy(p + two, copy, one);
	expect_bad(f, "audit-00000002.log", 1);
}

static void test_audit_verify__names_a_tail_cut_before_its_anchor(void **state)
{
	struct fix *f = *state;
	char path[64];
	size_t n;
	fill(f, 30);
	char *p = segment(f, 2, &n, path);
	size_t keep = n - 1;
	while (p[keep - 1] != '\n')
		keep--;
	disk_resize(f->disk, path, keep);
	expect_bad(f, "audit-00000002.log", 0);
}

static void test_audit_verify__names_a_missing_segment(void **state)
{
	struct fix *f = *state;
	fill(f, 40);
	assert_int_equal(f->cfg.files->remove(f->disk,
					      "a/audit-00000002.log"), 0);
	expect_bad(f, "audit-00000002.log", 0);
}

static void test_audit_verify__names_a_removed_anchor(void **state)
{
	struct fix *f = *state;
	size_t n;
	fill(f, 41);	/* one line beyond a seal */
	char *p = (char *)disk_bytes(f->disk, "a/anchors", &n);
	size_t keep = n - 1;
	while (keep > 0 && p[keep - 1] != '\n')
		keep--;
	disk_resize(f->disk, "a/anchors", keep);
	struct audit_verdict v = verify(f);
	assert_false(v.ok);
	assert_string_equal(v.file, "anchors");
}

static void test_audit_verify__names_an_edited_anchor(void **state)
{
	struct fix *f = *state;
	size_t n;
	fill(f, 40);
	char *p = (char *)disk_bytes(f->disk, "a/anchors", &n);
	char *end = memchr(p, '\n', n);
	end[-1] = end[-1] == '0' ? '1' : '0';
	expect_bad(f, "audit-00000001.log", 0);
}

static void test_audit_open__seals_a_damaged_segment_and_says_so(void **state)
{
	struct fix *f = *state;
	char path[64];
	size_t n;
	fill(f, 3);
	audit_close(&f->a);
	char *p = segment(f, 1, &n, path);
	char *at = memmem(p, n, "detail\":\"detail", 15);
	at[9] = 'D';
	assert_int_equal(audit_open(&f->a, &f->cfg, 2, f->now), 0);
	fill(f, 2);
	expect_bad(f, "audit-00000001.log", 2);
	p = segment(f, 2, &n, path);
	assert_non_null(memmem(p, n, "audit.damaged", 13));
}

static void test_audit_open__cuts_a_torn_line(void **state)
{
	struct fix *f = *state;
	char path[64];
	size_t n;
	fill(f, 3);
	audit_close(&f->a);
	(void)segment(f, 1, &n, path);
	disk_resize(f->disk, path, n - 20);
	assert_int_equal(audit_open(&f->a, &f->cfg, 2, f->now), 0);
	struct audit_verdict v = verify(f);
	assert_true(v.ok);
	char *p = segment(f, 1, &n, path);
	assert_non_null(memmem(p, n, "audit.torn", 10));
}

static void test_audit__retention_drops_old_segments_only(void **state)
{
	struct fix *f = *state;
	f->cfg.keep_segments = 2;
	reopen(f);
	fill(f, 100);
	struct audit_stats stats;
	struct audit_verdict v = verify(f);
	assert_true(v.ok);
	assert_true(v.segments <= 3);
	assert_true(v.first_seq > 1);
	audit_stats(f->a, &stats);
	assert_true(stats.segments_dropped > 5);
	reopen(f);
	fill(f, 20);
	assert_true(verify(f).ok);
}

static void test_audit__a_flood_from_one_source_becomes_one_line(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 5000; i++)
		say(f, "pin.wrong", "192.0.2.1", AUDIT_DENIED, "");
	say(f, "pin.wrong", "192.0.2.2", AUDIT_DENIED, "");
	for (int i = 0; i < 20; i++)
		say(f, "conference.create", "192.0.2.1", AUDIT_OK, "");
	f->now += MINUTE;
	audit_tick(f->a, 2, f->now);
	assert_int_equal(audit_sync(f->a), 0);
	/* opened + 10 + 1 + 20 + repeated */
	struct audit_verdict v = verify(f);
	assert_true(v.ok);
	assert_int_equal(v.lines, 1 + AUDIT_BURST + 1 + 20 + 1);
	struct audit_stats stats;
	audit_stats(f->a, &stats);
	assert_int_equal(stats.aggregated, 5000 - AUDIT_BURST);
}

/* How often this text stands in all segments. */
static unsigned count_text(struct fix *f, const char *text)
{
	unsigned n = 0;
	char path[64];
	size_t len;
	struct audit_verdict v = verify(f);
	assert_true(v.ok);
	for (unsigned i = 1; i <= v.segments; i++) {
		const char *p = segment(f, i, &len, path);
		const char *end = p + len;
		while ((p = memmem(p, (size_t)(end - p), text,
				   strlen(text)))) {
			p += strlen(text);
			n++;
		}
	}
	return n;
}

static void minutes(struct fix *f, unsigned n)
{
	while (n--) {
		f->now += MINUTE;
		audit_tick(f->a, 2, f->now);
	}
	assert_int_equal(audit_sync(f->a), 0);
}

/* A small log has little room: the rest is in one line, by network. */
static void test_audit__many_sources_become_a_sum(void **state)
{
	struct fix *f = *state;
	struct audit_stats stats;
	for (int i = 0; i < 2 * AUDIT_SOURCES_MAX; i++) {
		char source[32];
		(void)snprintf(source, sizeof(source), "2001:db8:%x::%x",
			       i % 3 ? 1 : 2, i);
		say(f, "pin.wrong", source, AUDIT_DENIED, "");
		assert_int_equal(audit_sync(f->a), 0);
	}
	audit_stats(f->a, &stats);
	assert_in_range(stats.written, 20, 60);
	assert_int_equal(stats.aggregated,
			 2 * AUDIT_SOURCES_MAX - (stats.written - 1));
	minutes(f, 10);
	assert_int_equal(count_text(f, "more from 2 networks: "
				    "2001:db8:1::/48 ("), 1);
}

static void write_kind(struct fix *f, enum audit_kind kind, const char *action,
		       const char *source, const char *object)
{
	struct audit_event ev = {.source = span_str(source), .action = action,
				 .object = span_str(object), .kind = kind,
				 .outcome = AUDIT_DENIED};
	assert_int_equal(audit_write(f->a, &ev, 1000000, f->now), 0);
}

/* What must not tell by a line of its own has one a minute, or none. */
static void test_audit__counted_ones_are_told_by_the_minute(void **state)
{
	struct fix *f = *state;
	struct audit_stats stats;
	for (int i = 0; i < 3; i++) {
		write_kind(f, AUDIT_COUNT, "alias.unknown", "192.0.2.1",
			   i ? "second" : "first");
		write_kind(f, AUDIT_SILENT, "pin.needed", "192.0.2.1", "demo");
	}
	audit_stats(f->a, &stats);
	assert_int_equal(stats.written, 1);
	minutes(f, 1);
	assert_int_equal(count_text(f, "alias.unknown"), 1);
	assert_int_equal(count_text(f, "\"object\":\"first\""), 1);
	assert_int_equal(count_text(f, "3 in a minute"), 1);
	assert_int_equal(count_text(f, "pin.needed"), 0);
}

static void attack(struct fix *f, unsigned minute)
{
	char source[32];
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(source, sizeof(source), "10.0.%d.%d", i >> 8,
			       i & 255);
		write_kind(f, AUDIT_PLAIN, "pin.wrong", source, "Board");
		write_kind(f, AUDIT_COUNT, "alias.unknown", source, "x");
		if (minute % 120 == 7)
			write_kind(f, AUDIT_BAN, "source.refused", source,
				   "source");
	}
}

/* A log of 4 MB that was to hold a year, and a thousand sources for a day:
 * every act is there at its end, and what they did can be read. */
static void test_audit__a_day_of_attack_pushes_nothing_out(void **state)
{
	enum { HOURS = 24, ACTS = 2 };
	struct fix *f = *state;
	struct audit_verdict v;
	struct audit_stats stats;
	f->cfg.segment_max = 64 * 1024;
	f->cfg.keep_segments = 64;
	reopen(f);
	for (unsigned m = 0; m < HOURS * 60; m++) {
		if (m % 3 == 1)
			attack(f, m);
		if (m % 60 == 30) {
			say(f, "conference.create", "local", AUDIT_OK, "");
			write_kind(f, AUDIT_ACT, "guard.ban", "local",
				   "10.0.0.1");
		}
		minutes(f, 1);
	}
	audit_stats(f->a, &stats);
	v = verify(f);
	assert_true(v.ok);
	assert_int_equal(stats.segments_dropped, 0);
	assert_int_equal(v.first_seq, 1);
	assert_int_equal(count_text(f, "conference.create"), HOURS);
	assert_int_equal(count_text(f, "guard.ban"), HOURS);
	/* At most three sums in ten minutes, and a day's part twice. */
	assert_in_range(v.lines, HOURS * ACTS, HOURS * (6 * 3 + ACTS) + 400);
	assert_true(count_text(f, "more from 4 networks: 10.0.0.0/24 (") >
		    HOURS * 6);
	assert_true(count_text(f, "source.refused") >= 20);
}

static void test_audit__hostile_text_stays_inside_its_line(void **state)
{
	struct fix *f = *state;
	struct audit_event ev = {
		.who = SPAN_LIT("a\"}\n{\"seq\":9"), .action = "x",
		.source = SPAN_LIT("\xff\xfe\x00\x1b[31m"),
		.object = SPAN_LIT("\xe2\x80\xae" "drow"),
		.outcome = AUDIT_OK, .detail = SPAN_LIT("\\")};
	assert_int_equal(audit_write(f->a, &ev, 1, 1), 0);
	assert_int_equal(audit_sync(f->a), 0);
	size_t n;
	char path[64];
	const char *p = segment(f, 1, &n, path);
	assert_null(memmem(p, n, "\x1b", 1));
	assert_null(memmem(p, n, "\xe2\x80\xae", 3));
	assert_non_null(memmem(p, n, "\\u202e", 6));
	assert_non_null(memmem(p, n, "a\\u0022}\\u000a{", 15));
	assert_true(verify(f).ok);
	/* A text longer than its place is cut, whatever it is made of. */
	static uint8_t big[5000];
	for (int round = 0; round < 3; round++) {
		memset(big, round == 0 ? 'x' : round == 1 ? 1 : 0xc3,
		       sizeof(big));
		ev = (struct audit_event){.who = span_of(big, 5000),
			.source = span_of(big, 5000), .action = "y",
			.object = span_of(big, 5000), .outcome = AUDIT_OK,
			.detail = span_of(big, 5000)};
		assert_int_equal(audit_write(f->a, &ev, 1, 1), 0);
	}
	assert_int_equal(audit_sync(f->a), 0);
	assert_true(verify(f).ok);
}

static void test_audit__a_full_disk_uses_the_reserve(void **state)
{
	struct fix *f = *state;
	f->cfg.reserve = true;
	f->cfg.segment_max = 10 * 1024 * 1024;
	reopen(f);
	assert_true(disk_used(f->disk) > AUDIT_RESERVE);
	disk_capacity(f->disk, disk_used(f->disk));
	fill(f, 20);
	struct audit_verdict v = verify(f);
	assert_true(v.ok);
	size_t n;
	char path[64];
	const char *p = segment(f, 1, &n, path);
	assert_non_null(memmem(p, n, "audit.disk_full", 15));
	/* Without even that: nothing is torn, and it goes on later. */
	disk_capacity(f->disk, disk_used(f->disk));
	for (int i = 0; i < 5; i++)
		say(f, "x", "local", AUDIT_OK, "kept in memory");
	assert_int_equal(audit_sync(f->a), E_NOSPACE);
	assert_int_equal(audit_sync(f->a), E_NOSPACE);
	assert_true(verify(f).ok);
	disk_capacity(f->disk, 0);
	assert_int_equal(audit_sync(f->a), 0);
	v = verify(f);
	assert_true(v.ok);
	p = segment(f, 1, &n, path);
	assert_non_null(memmem(p, n, "kept in memory", 14));
}

static int body(void *arg)
{
	struct fix *f = arg;
	struct audit *a = NULL;
	struct audit_verdict v;
	int e = audit_open(&a, &f->cfg, 1, 1);
	for (int i = 0; e == 0 && i < 30; i++) {
		struct audit_event ev = {.source = SPAN_LIT("s"),
			.action = "z", .outcome = AUDIT_DENIED};
		(void)audit_write(a, &ev, 1, 1);
		(void)audit_sync(a);
	}
	if (e == 0)
		audit_tick(a, 1, 2 * MINUTE);
	audit_close(&a);
	/* Whatever failed, what is on the disk is a whole chain. */
	if (audit_verify_with(f->cfg.files, f->cfg.dir, &v) == 0)
		assert_true(v.ok);
	return e;
}

static void test_audit__survives_every_failing_allocation(void **state)
{
	struct fix *f = *state;
	audit_close(&f->a);
	/* The disk in memory grows in the same allocator: keep it apart by
	 * using the real files. */
	char dir[256], sub[300];
	kit_mkdir(dir);
	(void)snprintf(sub, sizeof(sub), "%s/audit", dir);
	f->cfg = (struct audit_cfg){.dir = sub};
	struct fix real = {.cfg = f->cfg};
	real.cfg.files = NULL;
	struct audit *a = NULL;
	assert_int_equal(audit_open(&a, &real.cfg, 1, 1), 0);
	audit_close(&a);
	real.cfg.files = file_ops_real();
	real.cfg.dir = sub;
	assert_true(alloc_test_every(body, &real, 300) > 3);
	struct audit_verdict v;
	assert_int_equal(audit_verify(sub, &v), 0);
	assert_true(v.ok);
	kit_rm(dir);
	f->cfg = (struct audit_cfg){.dir = "a", .segment_max = 2000,
				    .files = disk_files(f->disk)};
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_audit__a_chain_over_segments_verifies),
		T(test_audit_verify__names_an_edited_line),
		T(test_audit_verify__names_a_deleted_line),
		T(test_audit_verify__names_swapped_lines),
		T(test_audit_verify__names_a_tail_cut_before_its_anchor),
		T(test_audit_verify__names_a_missing_segment),
		T(test_audit_verify__names_a_removed_anchor),
		T(test_audit_verify__names_an_edited_anchor),
		T(test_audit_open__seals_a_damaged_segment_and_says_so),
		T(test_audit_open__cuts_a_torn_line),
		T(test_audit__retention_drops_old_segments_only),
		T(test_audit__a_flood_from_one_source_becomes_one_line),
		T(test_audit__many_sources_become_a_sum),
		T(test_audit__counted_ones_are_told_by_the_minute),
		T(test_audit__a_day_of_attack_pushes_nothing_out),
		T(test_audit__hostile_text_stays_inside_its_line),
		T(test_audit__a_full_disk_uses_the_reserve),
		T(test_audit__survives_every_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
