/* core/caller.h - what is known of whoever asks, before he says who he is. */
#pragma once
#include "core/core.h"

/* `local`, `ip`: 16 bytes or NULL, when not known. 0: no location. */
int64_t caller_location(const struct core *c, const uint8_t *local,
			const uint8_t *ip);
/* DSCP of signalling to callers in this location, 0..63. */
uint32_t caller_dscp(const struct core *c, int64_t location);
/* Switches as global settings and his location have them, flags of the allow
 * list; room and proof are the caller's to fill in. */
void caller_facts(const struct core *c, const uint8_t *ip, int64_t location,
		  struct guard_facts *out);
