/* core/fetch.h - requests to servers of ours, through courier.
 *
 * Bounded: FETCH_MAX at once, what courier holds; strangers, the proven and one
 * source of them have their parts (core/share.h). Every request is answered exactly once, on the
 * main thread: with courier's result, or with NULL when there is no courier,
 * its link went, or it did not answer in time. Core parses nothing that came
 * from the network here: courier hands on a flat tree.
 */
#pragma once
#include "core/core.h"
#include "core/share.h"
#include "courier.pb-c.h"

enum { FETCH_MAX = 320, FETCH_TIMEOUT_MS = 5000, FETCH_GRACE_S = 3 };

struct fetch_ask {
	struct span url;		/* https:// */
	struct span username, password;	/* Basic, when not empty */
	Cv__HttpWant want;
	enum share_who who;		/* on whose behalf */
	const uint8_t *ip;		/* NULL for SHARE_OURS alone */
	uint32_t width, height;		/* of an image, exactly */
};

struct fetches;

/* The message is courier's; it lives during the call. */
typedef void (*fetch_done_fn)(struct core *c, uint64_t who,
			      const Cv__HttpResult *r);

/* Copies nothing but sends at once. E_FULL, E_NOMEM, E_CLOSED (no courier):
 * `done` does not come. */
int  fetch_get(struct core *c, const struct fetch_ask *ask, uint64_t who,
	       fetch_done_fn done);

int  fetch_open(struct core *c);
void fetch_message(struct core *c, enum ipc_type type,
		   const ProtobufCMessage *msg);
/* The link went: everybody who waits is told. */
void fetch_down(struct core *c);
uint32_t fetch_waiting(const struct core *c);
void fetch_stats(const struct core *c, struct share_stats *out);
