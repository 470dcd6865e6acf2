/* core/reg.h - registrations of apps: who may be called by a name.
 *
 * An app registers with the alias, user name and password of a `device` that
 * allows it, and keeps the registration alive by refreshing its token (120 s,
 * like a participant's). Several apps may register one alias; a call rings
 * all of them. Registrations are not kept over a restart of core: apps
 * register again when their token is refused.
 *
 * Where a policy profile asks its server about registrations, the server's
 * word comes first (core/asks.h).
 *
 * An alias that is not there, one that may not register, another user name
 * and a wrong password do the same work and get the same answer; each counts
 * as a failed digest for the guard, which refuses a right one, too, where too
 * many wrong ones came from (guard/device.h).
 *
 * core's main thread only. Tokens are kept as keyed hashes.
 */
#pragma once
#include "core/core.h"

enum {
	REG_MAX = 4096,			/* registrations in all */
	REG_PER_ALIAS_MAX = 8,		/* apps; one more ends the oldest */
	REG_STREAMS_MAX = 4,		/* of one registration */
	REG_SEARCH_MAX = 50,		/* entries of a directory search */
	REG_SEARCH_TEXT_MAX = 100,
	REG_PER_S = 5, REG_BURST = 40,	/* requests of one token */
};

struct reg {
	struct core *c;
	uint64_t id;			/* handle */
	int64_t device;			/* row; < 0: policy's word alone */
	int64_t policy;			/* profile whose word it was, or 0 */
	int64_t location;
	char alias[ALIAS_MAX + 1];	/* normalised */
	char uuid[UUID_TEXT_LEN + 1];
	uint8_t ip[16];
	struct list at;			/* regs->all, oldest first */
	struct list streams;
	uint32_t n_streams;
	struct timer expiry;
	struct bucket rate;
};

struct regs_stats {
	uint64_t made, refused, ended, bad_tokens, full;
};

struct regs;

int  regs_open(struct core *c);
void regs_close(struct core *c);
void reg_message(struct web *w, const Cv__Reg *m);
/* Web closed a stream of its own number; false: none of ours. */
bool reg_stream_closed(struct web *w, uint32_t number);
void regs_web_down(struct web *w);
/* A device changed or went (now == NULL): what no longer holds ends. */
void regs_device_changed(struct core *c, const struct store_row *was,
			 const struct store_row *now);

/* A profile (0: none) or a location changed: who registered by the profile's
 * word, or there, registers again. */
void regs_policy_changed(struct core *c, int64_t policy, int64_t location);

/* May apps register as this device? NULL: no. */
bool reg_may(const struct store_row *device);

/* The registrations of a normalised alias, oldest first: start with NULL. */
struct reg *reg_next(struct core *c, struct span alias, struct reg *after);
struct reg *reg_get(struct core *c, uint64_t id);
/* All of them, oldest first: start with NULL. */
const struct reg *reg_each(const struct core *c, const struct reg *after);
/* Whose registration is this token? NULL. */
struct reg *reg_of_token(struct core *c, struct span token);
/* To every stream of it. */
void reg_send(struct reg *r, Cv__Event *ev);
/* Is any of them from inside this network? */
bool regs_hold(const struct core *c, const uint8_t ip[16], unsigned prefix);
/* The addresses of all of them, at most `max`; how many. */
size_t regs_addresses(const struct core *c, uint8_t (*out)[16], size_t max);
uint32_t regs_count(const struct core *c);
void regs_stats(const struct core *c, struct regs_stats *out);
