/* media/transport/ice.h - ICE-lite (RFC 8445), the answering side only.
 *
 * One `struct ice` per worker finds the leg of a check by the local user
 * fragment and the leg of any other packet by the address it came from, both
 * with one look-up. What does not authenticate gets no answer at all. An
 * address belongs to a leg only after an authenticated check from it, stays
 * with it for ICE_HOLD_S after the last one, whoever else claims it, and the
 * leg's sending address moves only by an authenticated check with
 * USE-CANDIDATE (or the very first check).
 *
 * An ICE restart makes new local credentials; the old ones stay valid until
 * the first check with the new ones. A lite agent sends no checks, so consent
 * (RFC 7675) is the peer's checks: when they stop, the leg falls silent.
 *
 * Pure but for random credentials: time is an argument (monotonic ns), no
 * socket, no log. Not thread safe.
 */
#pragma once
#include "media/transport/path.h"
#include "wire/stun/stun.h"

enum {
	ICE_LEGS_MAX = 4096,
	ICE_PATHS_MAX = 8,		/* authenticated addresses of a leg */
	ICE_UFRAG_LEN = 8,
	ICE_PWD_LEN = 24,
	ICE_REMOTE_MAX = 256,
	ICE_CANDIDATES_MAX = 16,
	ICE_NEW_S = 60,			/* no check at all: gone */
	ICE_SILENT_S = 15,		/* no check: stop sending */
	ICE_GONE_S = 45,
	ICE_HOLD_S = 8,			/* an address stays with its leg */
};

struct ice;
struct ice_leg;

int  ice_new(struct ice **out);
void ice_free(struct ice **ice);	/* after its legs */

/* Remote user fragment from the offer (copied), 4..ICE_REMOTE_MAX bytes:
 * E_INVAL. E_FULL, E_NOMEM. */
int  ice_leg_open(struct ice_leg **out, struct ice *ice,
		  struct span remote_ufrag, void *user, uint64_t now_ns);
void ice_leg_close(struct ice_leg **leg);
/* New offer with other remote credentials. On failure nothing changed. */
int  ice_leg_restart(struct ice_leg *leg, struct span remote_ufrag,
		     uint64_t now_ns);
struct span ice_leg_ufrag(const struct ice_leg *leg);
struct span ice_leg_pwd(const struct ice_leg *leg);
struct span ice_leg_remote_ufrag(const struct ice_leg *leg);
void *ice_leg_user(const struct ice_leg *leg);

/* Where to send now; NULL before the first authenticated check. */
const struct path *ice_leg_path(const struct ice_leg *leg);
/* Forget a path (its TCP connection closed). */
void ice_path_gone(struct ice *ice, const struct path *path);

enum ice_life { ICE_GONE = 0, ICE_NEW, ICE_ALIVE, ICE_SILENT };
enum ice_life ice_leg_life(const struct ice_leg *leg, uint64_t now_ns);

struct ice_result {
	struct ice_leg *leg;	/* NULL: not authenticated, say nothing */
	bool is_first;		/* the leg's first check */
	bool is_moved;		/* its sending address changed */
	size_t reply_n;		/* 0 = no answer */
	uint8_t reply[STUN_REPLY_MAX];
};
/* One STUN datagram. */
void ice_input(struct ice *ice, const struct path *from, struct span in,
	       uint64_t now_ns, struct ice_result *out);

/* The leg that authenticated from this path, else NULL. */
struct ice_leg *ice_find(struct ice *ice, const struct path *from);

struct ice_stats {
	uint64_t checks;		/* authenticated */
	uint64_t malformed, unknown_ufrag, bad_integrity, role_conflict;
	uint64_t not_request, path_evicted, path_held;
};
void ice_get_stats(const struct ice *ice, struct ice_stats *out);

/* RFC 8445 5.1.2.1, component 1; `rank` 0 is the best address. TCP lies below
 * all UDP (RFC 6544 4.2). */
uint32_t ice_priority(bool is_tcp, unsigned rank);
