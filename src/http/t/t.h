/* http/t/t.h - what the tests of http/ share. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/span.h"

#define assert_span(s, text)                                                  \
	do {                                                                  \
		struct span s_ = (s);                                         \
		assert_int_equal(s_.n, strlen(text));                         \
		if (s_.n)                                                     \
			assert_memory_equal(s_.p, (text), s_.n);              \
	} while (0)
