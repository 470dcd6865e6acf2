/* core/reception.h - what is called when somebody entered something at a
 * reception (service type two_stage_dialing).
 *
 * What comes out is dialled as if the caller had dialled it himself: services
 * first, then routing rules (those that lead outside only where a rule says
 * reception_may_reach), policy, the guard.
 */
#pragma once
#include "base/span.h"
#include "core/service.h"

enum {
	/* Steps of one pattern over what was entered: a millisecond or two. */
	RECEPTION_WORK_MAX = 50000,
	RECEPTION_TRIES = 3,		/* of a caller on his line */
};

/* Writes what is to be called. E_NOTFOUND: it does not match all of the
 * pattern; E_LIMIT: too long a text comes out; E_TIMEOUT and others: the
 * pattern does not do. All of them mean: not recognised. */
int reception_target(const struct service *sv, struct span entered,
		     char *dst, size_t cap);
