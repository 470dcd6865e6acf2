#include "base/alloc_test.h"

int alloc_test_every(int (*body)(void *arg), void *arg, unsigned max)
{
	for (unsigned n = 1; n <= max; n++) {
		int64_t before = mem_live();
		uint64_t hits;

		mem_fail_at(n);
		(void)body(arg);	/* an error is allowed, a leak is not */
		hits = mem_fail_hits();
		mem_fail_at(0);
		if (mem_live() != before)
			return -1;
		if (hits == 0)
			return (int)n;
	}
	return (int)max;
}
