/* Who keeps a meeting open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/rooms/room.h"

enum { PEOPLE = 3 };

struct who {
	enum part_keeps keeps;
	bool host, gone;
};

static bool is_kept(const struct who *w, uint32_t n)
{
	struct part parts[PEOPLE] = {{.id = 0}};
	struct part *list[PEOPLE];
	const struct room r = {.parts = list, .n_parts = n};

	for (uint32_t i = 0; i < n; i++) {
		parts[i].state = w[i].gone ? PART_GONE : PART_INSIDE;
		parts[i].keeps = w[i].keeps;
		parts[i].host = w[i].host;
		list[i] = &parts[i];
	}
	return room_is_kept(&r);
}

static void test_keep__is_as_the_table_says(void **state)
{
	static const struct {
		bool want;
		uint32_t n;
		struct who who[PEOPLE];
	} cases[] = {
		{false, 0, {{KEEPS_AS_EVER}}},
		{true, 1, {{KEEPS_AS_EVER}}},
		{false, 1, {{KEEPS_AS_EVER, .gone = true}}},
		{true, 1, {{KEEPS_ALWAYS}}},
		{false, 1, {{KEEPS_NEVER, .host = true}}},
		{false, 3, {{KEEPS_NEVER}, {KEEPS_NEVER}, {KEEPS_NEVER}}},
		{false, 1, {{KEEPS_IF_MULTIPLE, .host = true}}},
		{false, 2, {{KEEPS_IF_MULTIPLE}, {KEEPS_IF_MULTIPLE}}},
		{true, 2, {{KEEPS_IF_MULTIPLE, .host = true},
			   {KEEPS_IF_MULTIPLE}}},
		{false, 2, {{KEEPS_IF_MULTIPLE, .host = true},
			    {KEEPS_IF_MULTIPLE, .gone = true}}},
		{false, 2, {{KEEPS_IF_MULTIPLE}, {KEEPS_NEVER, .host = true}}},
		{true, 2, {{KEEPS_NEVER}, {KEEPS_AS_EVER}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (is_kept(cases[i].who, cases[i].n) != cases[i].want)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep__is_as_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
