#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "core/alarm/alarm.h"

static int setup(void **state)
{
	struct alarms *t;
	if (alarms_new(&t) < 0)
		return -1;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct alarms *t = *state;
	alarms_free(&t);
	return 0;
}

static int raise_text(struct alarms *t, enum alarm_name name,
		      const char *instance, const char *details, int64_t us)
{
	return alarm_raise(t, name, span_str(instance), span_str(details),
			   us);
}

static void test_alarm__names_are_known_and_unique(void **state)
{
	(void)state;
	for (int i = ALARM_NONE + 1; i < ALARM_COUNT; i++) {
		enum alarm_name n = (enum alarm_name)i;
		assert_int_equal(alarm_named(span_str(alarm_text(n))), n);
		assert_true(strlen(alarm_help(n)) > 10);
		assert_true(*alarm_level_text(alarm_level_of(n)) != 0);
	}
	assert_int_equal(alarm_named(SPAN_LIT("")), ALARM_NONE);
	assert_int_equal(alarm_named(SPAN_LIT("no_such_alarm")), ALARM_NONE);
	assert_string_equal(alarm_text(ALARM_COUNT), "");
}

static void test_alarm__raised_twice_is_one(void **state)
{
	struct alarms *t = *state;
	assert_int_equal(raise_text(t, ALARM_ROTATE_PIN, "Board", "a", 1), 1);
	assert_int_equal(raise_text(t, ALARM_ROTATE_PIN, "Board", "b", 2), 0);
	assert_int_equal(raise_text(t, ALARM_ROTATE_PIN, "Board", "", 3), 0);
	assert_int_equal(raise_text(t, ALARM_ROTATE_PIN, "Staff", "", 4), 1);
	const struct alarm *a = alarm_find(t, ALARM_ROTATE_PIN,
					   SPAN_LIT("Board"));
	assert_int_equal(a->times, 3);
	assert_int_equal(a->raised_us, 1);
	assert_int_equal(a->renewed_us, 3);
	assert_string_equal(a->details, "b");
	assert_int_equal(a->level, ALARM_ERROR);
	assert_int_equal(a->lowered_us, 0);
}

static void test_alarm__lowered_ones_are_the_past(void **state)
{
	struct alarms *t = *state;
	(void)raise_text(t, ALARM_FLOOD, "", "", 1);
	(void)raise_text(t, ALARM_ROTATE_PIN, "Board", "", 2);
	assert_int_equal(alarm_lower(t, ALARM_FLOOD, SPAN_NONE, 5), 1);
	assert_int_equal(alarm_lower(t, ALARM_FLOOD, SPAN_NONE, 6), 0);
	assert_int_equal(alarm_lower(t, ALARM_ROTATE_PIN, SPAN_LIT("Board"),
				     7), 1);
	assert_null(alarm_next(t, 0));
	const struct alarm *a = alarm_past(t, 0);
	assert_int_equal(a->name, ALARM_ROTATE_PIN);
	assert_int_equal(a->lowered_us, 7);
	a = alarm_past(t, a->id);
	assert_int_equal(a->name, ALARM_FLOOD);
	assert_null(alarm_past(t, a->id));
}

static void test_alarm__a_new_raise_has_a_new_id(void **state)
{
	struct alarms *t = *state;
	(void)raise_text(t, ALARM_FLOOD, "", "", 1);
	uint64_t id = alarm_next(t, 0)->id;
	(void)alarm_lower(t, ALARM_FLOOD, SPAN_NONE, 2);
	assert_int_equal(alarm_acknowledge(t, id), E_NOTFOUND);
	(void)raise_text(t, ALARM_FLOOD, "", "", 3);
	assert_true(alarm_next(t, 0)->id > id);
	assert_int_equal(alarm_acknowledge(t, id + 1), 0);
	assert_true(alarm_next(t, 0)->acknowledged);
	/* Raising again does not bring the banner back. */
	(void)raise_text(t, ALARM_FLOOD, "", "", 4);
	assert_true(alarm_next(t, 0)->acknowledged);
}

static void test_alarm__lower_all_takes_a_prefix(void **state)
{
	struct alarms *t = *state;
	(void)raise_text(t, ALARM_INSECURE_SETTING, "global.a", "", 1);
	(void)raise_text(t, ALARM_INSECURE_SETTING, "global.b", "", 1);
	(void)raise_text(t, ALARM_INSECURE_SETTING, "sip_proxy 1 X", "", 1);
	(void)raise_text(t, ALARM_FLOOD, "global.a", "", 1);
	assert_int_equal(alarm_lower_all(t, ALARM_INSECURE_SETTING,
					 SPAN_LIT("global."), 2), 2);
	assert_int_equal(alarm_lower_all(t, ALARM_INSECURE_SETTING, SPAN_NONE,
					 2), 1);
	assert_int_equal(alarm_next(t, 0)->name, ALARM_FLOOD);
}

static void test_alarm__one_name_cannot_fill_the_table(void **state)
{
	struct alarms *t = *state;
	struct alarm_stats s;
	char text[32];
	for (int i = 0; i < ALARM_ACTIVE_MAX * 2; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		int r = raise_text(t, ALARM_SCANNER_BLOCKED, text, "", i);
		assert_int_equal(r, i < ALARM_PER_NAME_MAX ? 1 : E_FULL);
	}
	assert_int_equal(raise_text(t, ALARM_AUDIT_FULL, "", "", 1), 1);
	alarm_get_stats(t, &s);
	assert_int_equal(s.dropped,
			 ALARM_ACTIVE_MAX * 2 - ALARM_PER_NAME_MAX);
	assert_int_equal(s.active, ALARM_PER_NAME_MAX + 1);
	assert_int_equal(alarm_lower(t, ALARM_SCANNER_BLOCKED, SPAN_LIT("7"),
				     1), 1);
	assert_int_equal(raise_text(t, ALARM_SCANNER_BLOCKED, "new", "", 1),
			 1);
}

static void test_alarm__the_table_is_bounded(void **state)
{
	struct alarms *t = *state;
	struct alarm_stats s;
	char text[32];
	for (int n = 1; n < ALARM_COUNT; n++)
		for (int i = 0; i < ALARM_PER_NAME_MAX; i++) {
			(void)snprintf(text, sizeof(text), "%d", i);
			(void)raise_text(t, (enum alarm_name)n, text, "", i);
		}
	alarm_get_stats(t, &s);
	assert_int_equal(s.active, ALARM_ACTIVE_MAX);
	uint64_t last = 0;
	uint32_t n = 0;
	for (const struct alarm *a; (a = alarm_next(t, last)) != NULL; n++)
		last = a->id;
	assert_int_equal(n, ALARM_ACTIVE_MAX);
}

static void test_alarm__the_past_is_a_ring(void **state)
{
	struct alarms *t = *state;
	for (int i = 0; i < ALARM_PAST_MAX + 10; i++) {
		(void)raise_text(t, ALARM_FLOOD, "", "", i);
		(void)alarm_lower(t, ALARM_FLOOD, SPAN_NONE, i);
	}
	uint64_t before = 0;
	uint32_t n = 0;
	for (const struct alarm *a; (a = alarm_past(t, before)) != NULL; n++) {
		assert_int_equal(a->lowered_us, ALARM_PAST_MAX + 9 - n);
		before = a->id;
	}
	assert_int_equal(n, ALARM_PAST_MAX);
}

static void test_alarm__hostile_text_is_harmless(void **state)
{
	struct alarms *t = *state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"a\nb", "a?b"}, {"\x1b[31m", "?[31m"}, {"\x7f", "?"},
		{"\xc2\x85x", "?x"}, {"\xe2\x80\xae" "evil", "?evil"},
		{"\xe2\x80\x8f", "?"}, {"\xe2\x81\xa6", "?"},
		{"\xff\xfe", "??"}, {"\xe2\x80", "??"},
		{"B\xc3\xa4r \xf0\x9f\x90\xbb", "B\xc3\xa4r \xf0\x9f\x90\xbb"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)raise_text(t, ALARM_FLOOD, cases[i].in, cases[i].in, 1);
		const struct alarm *a = alarm_next(t, 0);
		assert_string_equal(a->instance, cases[i].out);
		assert_string_equal(a->details, cases[i].out);
		/* Lowered by what it was raised by. */
		assert_int_equal(alarm_lower(t, ALARM_FLOOD,
					     span_str(cases[i].in), 2), 1);
	}
}

static void test_alarm__long_text_is_cut_at_a_character(void **state)
{
	struct alarms *t = *state;
	char text[2000];
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	(void)alarm_raise(t, ALARM_FLOOD, span_of(text, sizeof(text)),
			  span_of(text, sizeof(text)), 1);
	const struct alarm *a = alarm_next(t, 0);
	assert_int_equal(strlen(a->instance), ALARM_INSTANCE_MAX - 2);
	assert_true(span_is_utf8(span_str(a->details)));
	assert_int_equal(alarm_lower(t, ALARM_FLOOD,
				     span_of(text, sizeof(text)), 2), 1);
}

static void test_alarm__unknown_names_are_refused(void **state)
{
	struct alarms *t = *state;
	assert_int_equal(raise_text(t, ALARM_NONE, "", "", 1), E_INVAL);
	assert_int_equal(raise_text(t, ALARM_COUNT, "", "", 1), E_INVAL);
	assert_int_equal(alarm_lower(t, ALARM_COUNT, SPAN_NONE, 1), 0);
	assert_null(alarm_find(t, ALARM_NONE, SPAN_NONE));
}

static int body(void *arg)
{
	struct alarms *t;
	(void)arg;
	int e = alarms_new(&t);
	if (e < 0)
		return e;
	(void)raise_text(t, ALARM_FLOOD, "x", "y", 1);
	alarms_free(&t);
	return 0;
}

static void test_alarm__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body, NULL, 10) > 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_alarm__names_are_known_and_unique),
		T(test_alarm__raised_twice_is_one),
		T(test_alarm__lowered_ones_are_the_past),
		T(test_alarm__a_new_raise_has_a_new_id),
		T(test_alarm__lower_all_takes_a_prefix),
		T(test_alarm__one_name_cannot_fill_the_table),
		T(test_alarm__the_table_is_bounded),
		T(test_alarm__the_past_is_a_ring),
		T(test_alarm__hostile_text_is_harmless),
		T(test_alarm__long_text_is_cut_at_a_character),
		T(test_alarm__unknown_names_are_refused),
		T(test_alarm__survives_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
