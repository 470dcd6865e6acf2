/* base/alloc_test.h - runs a test body again and again with the N-th
 * allocation failing, until a run reaches no failing allocation. */
#pragma once
#include "base/alloc.h"

/* body() returns 0 or a negative error; with a failing allocation it may
 * return an error but must not crash or leak. At most `max` rounds. Returns
 * the number of rounds, or -1 when a leak was seen. */
int alloc_test_every(int (*body)(void *arg), void *arg, unsigned max);
