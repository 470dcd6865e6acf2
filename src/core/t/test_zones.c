/* Time zones of the machine; and the same through a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/policy/script/script.h"
#include "core/zones.h"

static void test_zones__reads_what_is_a_zone(void **state)
{
	static const char *const none[] = {
		"", "/", "/etc/passwd", "../../../etc/passwd", "Europe",
		"Europe/Nowhere", "zone.tab", "Europe/Oslo\n", "tzdata zi",
	};
	struct span z = SPAN_NONE;

	assert_int_equal(zones_read(*state, SPAN_LIT("Europe/Oslo"), &z), 0);
	assert_memory_equal(z.p, "TZif", 4);
	assert_int_equal(zones_read(*state, SPAN_LIT("US/Eastern"), &z), 0);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(zones_read(*state, span_str(none[i]), &z),
				 E_NOTFOUND);
}

static void test_zones__give_scripts_their_hour(void **state)
{
	const struct script_env env = {.arg = *state, .zone = zones_read,
				       .now_us = INT64_C(1795439152123456)};
	struct script_error err;
	struct script *s;
	struct span out;
	struct val vars;

	assert_int_equal(script_compile(&s, SPAN_LIT(
		"{{ pex_now('Europe/Oslo').hour }} {{ pex_now().hour }}"),
		&err), 0);
	assert_int_equal(val_dict_new(*state, &vars), 0);
	assert_int_equal(script_run(s, vars, &env, NULL, *state, &out, &err,
				    NULL), 0);
	assert_true(span_eq(out, SPAN_LIT("14 13")));
	script_free(&s);
}

static int setup(void **state)
{
	return arena_new((struct arena **)state, SCRIPT_MEMORY_BYTES);
}

static int teardown(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zones__reads_what_is_a_zone),
		cmocka_unit_test(test_zones__give_scripts_their_hour),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
