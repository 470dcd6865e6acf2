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
	/* Checks whose integrity is looked at, a second and at once: of one leg
	 * from addresses that are its own, of one leg from others, and of
	 * others per source (500 people behind one address may arrive
	 * together) and in total. */
	ICE_KNOWN_PER_S = 100, ICE_KNOWN_BURST = 400,
	ICE_STRANGE_PER_S = 50, ICE_STRANGE_BURST = 200,
	ICE_SOURCE_PER_S = 500, ICE_SOURCE_BURST = 4000,
	ICE_TOTAL_PER_S = 5000, ICE_TOTAL_BURST = 20000,
	ICE_BURST_S = 4,
};

struct ice;
struct ice_leg;

int  ice_new(struct ice **out);
void ice_free(struct ice **ice);	/* after its legs */
/* Of checks from addresses that are no leg's: other limits than those below
 * (1.. a second; at once ICE_SOURCE_BURST and ICE_TOTAL_BURST, or as many as
 * in ICE_BURST_S of them). */
void ice_limit_strangers(struct ice *ice, uint32_t per_s,
			 uint32_t total_per_s);

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
/* What is sent to its paths from now on carries this, 0..63. */
void ice_leg_set_dscp(struct ice_leg *leg, uint8_t dscp);

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
	uint64_t too_fast;		/* not looked at */
};
void ice_get_stats(const struct ice *ice, struct ice_stats *out);

/* RFC 8445 5.1.2.1, component 1; `rank` 0 is the best address. TCP lies below
 * all UDP (RFC 6544 4.2). */
uint32_t ice_priority(bool is_tcp, unsigned rank);
