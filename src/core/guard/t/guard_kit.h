/* Fixture of the guard's tests: a guard on heap memory, a clock, addresses. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "core/guard/guard.h"

#define S NS_PER_S
#define MIN (60 * NS_PER_S)
#define HOUR (3600 * NS_PER_S)

extern const uint8_t kit_boot[16], kit_other_boot[16];

struct kit {
	struct guard_cfg cfg;
	struct guard *g;
	void *block;		/* as allocated */
	void *mem;		/* aligned */
	size_t n;
	uint64_t now;
};

/* 1024 sources, 32 rooms, 32 phantoms, 16 bans, a line of 64. */
struct guard_cfg kit_cfg(void);
void kit_open(struct kit *k, const struct guard_cfg *cfg);
void kit_close(struct kit *k);
/* The process dies and comes back at k->now. */
int  kit_again(struct kit *k, const uint8_t boot[16]);

void kit_v4(uint8_t ip[16], uint32_t a);
/* 2001:db8:hi:... : the upper and the lower half below /32. */
void kit_v6(uint8_t ip[16], uint32_t hi, uint64_t lo);
/* A newcomer from 10.0.0.0 + a, switches on, verified, over the web. */
struct guard_facts kit_facts(uint64_t room, uint32_t a);
void kit_misses(struct kit *k, const struct guard_facts *f, unsigned n);
/* n misses in a room, each from another address of another /24. */
void kit_crowd(struct kit *k, uint64_t room, bool real, unsigned n);
enum guard_verdict kit_check(const struct kit *k, const struct guard_facts *f);
/* Throws events away until one of this kind; false when there is none. */
bool kit_event(struct kit *k, enum guard_event_kind kind,
	       struct guard_event *ev);
unsigned kit_events(struct kit *k, enum guard_event_kind kind);
/* xorshift: the same numbers each time. */
uint64_t kit_rand(uint64_t *state);
