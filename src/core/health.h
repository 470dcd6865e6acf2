/* core/health.h - does something that we ask work? For alarms that do not
 * flap.
 *
 * Ill at the first failure. Well again after HEALTH_GOOD successes in a row
 * with no failure for HEALTH_CALM_S, or when nobody asked for HEALTH_QUIET_S:
 * then nobody knows, and nobody is hurt.
 *
 * Pure: the monotonic time is an argument.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { HEALTH_GOOD = 10, HEALTH_CALM_S = 60, HEALTH_QUIET_S = 1800 };

struct health {			/* starts as zero: well */
	bool is_ill;
	uint32_t good;		/* in a row */
	uint64_t failed_ns, asked_ns;
};

/* The outcome of one call. True when `is_ill` changed. */
bool health_note(struct health *h, bool ok, uint64_t now_ns);
/* Now and then. True when `is_ill` changed. */
bool health_tick(struct health *h, uint64_t now_ns);
