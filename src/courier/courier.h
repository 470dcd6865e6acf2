/* courier/courier.h - the requests of core, from queue to answer.
 *
 * One job per HTTP_GET: waits for a place, resolves, is checked by the
 * outbound guard, fetches, reads, answers; and whatever stage it is in, it
 * ends when its time is over. At most COURIER_ACTIVE_MAX at once and
 * COURIER_WAITING_MAX more in line; beyond that HTTP_BUSY at once. Of both a
 * quarter is kept from strangers, who also wait behind all others. Answers
 * go to the core that asked; when that link goes, its jobs go, unanswered.
 *
 * One loop, one thread. struct courier owns everything below it.
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/outguard.h"
#include "courier.pb-c.h"
#include "courier/http/fetch.h"
#include "courier/names/names.h"
#include "ipc/ipc_ev.h"
#include "super.pb-c.h"

enum {
	COURIER_REVOKE_MAX = 32,	/* certificates asked for at once */
	COURIER_ACTIVE_MAX = FETCH_MAX - COURIER_REVOKE_MAX,
	COURIER_WAITING_MAX = 256,
	COURIER_STRANGERS_ACTIVE_MAX = COURIER_ACTIVE_MAX * 3 / 4,
	COURIER_STRANGERS_WAITING_MAX = COURIER_WAITING_MAX * 3 / 4,
	COURIER_TIMEOUT_MS_MAX = 30000,
	COURIER_OWN_MAX = 256,
};

struct courier_stats {
	uint64_t asked, answered, busy, timeouts, guarded, failed;
};

struct revoke;
struct courier {
	struct event_base *base;
	struct names *names;
	struct fetcher *fetcher;
	struct ipc_ev *core;
	uint32_t core_instance;
	void (*on_core_lost)(void *arg, uint32_t instance);
	void *arg;
	struct list active, waiting, strangers;	/* the last two wait */
	unsigned n_active, n_waiting;
	unsigned n_strangers_active, n_strangers_waiting;	/* of them */
	struct list connects;		/* sip/connect.h */
	unsigned n_connects;
	struct list lookups;		/* lookup.h */
	unsigned n_lookups;
	struct revoke *revoke;		/* revoke/check.h */
	struct outguard_net allowed[OUTGUARD_NETS_MAX];
	struct outguard_net management[OUTGUARD_NETS_MAX];
	struct outguard_net own[COURIER_OWN_MAX];
	struct outguard_rules rules;
	bool can_tell_own;		/* see own.h */
	struct courier_stats stats;
};

/* `servers` as in names_new(). Opens files: before the sandbox. */
int  courier_init(struct courier *c, struct event_base *base,
		  const char *servers);
void courier_release(struct courier *c);
/* One more address of our own: an advertised one, which no interface has. */
int  courier_own(struct courier *c, const struct addr *a);
/* A fresh channel to core takes the place of the former. Owns fd. */
int  courier_link(struct courier *c, uint32_t instance, int fd);
