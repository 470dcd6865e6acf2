/* core/guard/guard.h - who may try, who must wait, who is refused.
 *
 * Refuse the guesser, slow the stranger, pass the proven; a room never closes.
 * Pure: facts and the monotonic time come in, a verdict comes out. Nothing
 * here reads a clock, opens a file, sends or logs. Not thread safe; owned by
 * the core role. Memory is fixed at guard_attach().
 *
 * ORDER OF USE, for one join or call (all in one turn of the loop, with one
 * `now`; between a PASS and guard_note_pin() nothing may be awaited, or a
 * thousand joins would pass before the first miss is known):
 *   1. guard_check_access()  manual bans and quarantine of the source.
 *   2. guard_note_scan()     when the alias is unknown, and for the other kinds.
 *   3. guard_check_pin()     for every access to the room, real or not, with or
 *      without a PIN. REFUSE: the answer of an unknown alias. WAIT concerns
 *      only an access that brings a PIN to compare: guard_queue() it, hold it.
 *      Without a PIN, treat WAIT as PASS (ask for the PIN).
 *   4. compare; guard_note_pin(). An unknown alias "compares" too and notes a
 *      miss, with room = guard_room_key() of the alias and room_is_real false:
 *      its phantom room then behaves as a real one would.
 * Each 100 ms (GUARD_TURN_MS) while guard_waiting() > 0: guard_next_turn()
 * until it returns false. Each second: guard_tick(). After any call:
 * guard_next_event() until it returns false.
 *
 * STAGES (mode slow). All windows are 10 minutes, sliding.
 *
 *   what                counts                   above it
 *   (room, address)     pair_misses (5) wrong    REFUSE until the oldest of the
 *                       PINs, exact              five is 10 minutes old
 *   (room, proof id)    5 wrong PINs, exact      the proof proves nothing for
 *                                                as long: he is a newcomer
 *   IPv6 /64            more than 10, all rooms  WAIT: one comparison per 30 s
 *   IPv6 /56            more than 40, all rooms  WAIT: one per 15 s
 *   IPv6 /48            more than 80, all rooms  WAIT: one per 10 s
 *   IPv4 /24            more than 40, all rooms  WAIT: one per 10 s
 *   room                more than room_misses    guarded: newcomers WAIT, one
 *                       (20), exact              comparison per 30 s
 *   room                200 in 24 h, exact       one per 5 minutes; ROTATE_PIN
 *   source, scanning    weight above scan_weight quarantine: 10 min, 20, 40 ..
 *                       (20)                     24 h for repeat offenders
 *
 * Why these numbers: a /64 is one network at somebody's home or one floor of
 * an office, so it may err twice as often as one address; slowed to one per
 * 30 s it reaches at most 30 in a window, so that it alone never slows its
 * /56 (40), nor a slowed /56 (80) its /48. A /24 is up to 256 customers of a
 * provider. Prefixes only slow down, for they hold innocents; they count over
 * all rooms, because who sprays a PIN over many rooms never trips a room.
 *
 * "Exact": to the nanosecond, from the stamps of the last misses: a miss
 * counts while it is less than 10 minutes (24 hours) old. The others count in
 * 21 buckets of 30 s: everything of the last 10 minutes, and nothing older
 * than 10 minutes 30 seconds; never laxer than the window.
 *
 * An address is exact (IPv4 address, IPv6 /128) for PINs, where the prefixes
 * catch who changes it; for scanning a source is an IPv4 address or an IPv6
 * /64, as in base/addr.h.
 *
 * The proven (reconnect credential, device, identity provider, allow list,
 * cookie, invitation) do not see pair, prefix and room; a miss of theirs is
 * counted everywhere all the same. So make a new cookie with the id of the
 * one that was presented, where there was one.
 *
 * Guessing budget of a room by newcomers, from however many addresses: at
 * most 489 comparisons in any 24 hours (GUARD_DAY_MISSES until the room slows
 * to one per 5 minutes, then 288, and one at the edge). Each proof id adds 5
 * per 10 minutes.
 *
 * MODE block: more than room_misses wrong PINs in 10 minutes refuse every new
 * access to the room for 10 minutes from the miss that tripped it, the proven
 * and the allow list too; a reconnect credential passes, because its holder
 * is no new access. Pair, prefix, proof and line are off and count nothing.
 *
 * A right PIN forgives nothing: who knows the guest PIN must not be able to
 * reset his count while he looks for the host PIN.
 *
 * Only `verified` sources (completed TCP or TLS handshake, authenticated ICE
 * check, returned nonce) are counted; an event of any other source feeds
 * stats.unverified alone, and a PIN is never compared for it (REFUSE).
 *
 * THE REGION is the caller's memory: heap, or a MAP_SHARED file so that
 * blocks survive. It holds no pointer. Each entry bears a check, so that what
 * a crash tore is dropped at the next attach and nothing else. The hash key
 * comes from the caller and must be the same each time (derive it from the
 * data key): the header of a damaged file must not decide over its blocks.
 * Attached in the same boot, all verdicts are as if nothing had happened; in
 * another boot, or with a damaged header, blocks keep the time that was left
 * at the last heartbeat (any note, or guard_tick()): downtime does not count.
 * The line of waiting newcomers and undelivered events are not in it; after
 * an attach guard_walk() tells what is in force.
 *
 * WHO IS FORGOTTEN when memory is short: source entries live in sets of 8; the
 * lowest score of the set goes (free, then out of its window, then fewest
 * misses, then the oldest). What is refused, slowed or quarantined is not
 * replaced by a newcomer: then the newcomer is not recorded (`unrecorded`;
 * the room still counts him). Rooms have an array of their own and are freed
 * only when nothing of theirs is younger than 24 hours; when more rooms than
 * `rooms` have live misses the rest share one counter (`room_overflow`),
 * which is stricter. Rooms that only a policy's answer made (whoever calls any
 * alias may make some) have at most a quarter of the places, give way to
 * configured ones and to each other, fewest misses first, and count in none
 * of the shared. Phantom rooms live in a small table, lowest score first.
 */
#pragma once
#include "base/span.h"

enum {
	GUARD_SOURCES_MAX = 4 << 20,
	GUARD_ROOMS_MAX = 65536,
	GUARD_PHANTOMS_MAX = 16384,
	GUARD_BANS_MAX = 4096,
	GUARD_LINE_MAX = 16384,

	GUARD_PAIR_MISSES = 5,		/* the most; of a proof always */
	GUARD_ROOM_MISSES_MIN = 5, GUARD_ROOM_MISSES_MAX = 200,
	GUARD_SCAN_WEIGHT_MIN = 5, GUARD_SCAN_WEIGHT_MAX = 200,
	GUARD_DAY_MISSES = 200,		/* in 24 h: rotate the PIN */
	GUARD_WINDOW_S = 600,
	GUARD_DAY_S = 86400,
	GUARD_TURN_S = 30,		/* one comparison per .. in a guarded room */
	GUARD_TIRED_TURN_S = 300,	/* .. after GUARD_DAY_MISSES */
	GUARD_HOLD_S = 35,		/* longest wait in the line, then REFUSE */
	GUARD_TURN_MS = 100,		/* how often to call guard_next_turn() */
	GUARD_BLOCK_S = 600,		/* mode block */
	GUARD_QUARANTINE_S = 600,
	GUARD_QUARANTINE_MAX_S = 86400,
	GUARD_BAN_MAX_S = 366 * 86400,
	GUARD_ROOM_LINE_MAX = 256,	/* places in one room's line */
	GUARD_PREFIX_LINE_MAX = 4,	/* of one /24 or /48 in it */
	GUARD_EVENTS_MAX = 1024,
};

/* Bits, as PortGroup in ipc/proto/ban.proto. */
enum guard_face {
	GUARD_FACE_WEB = 1, GUARD_FACE_SIP = 2, GUARD_FACE_H323 = 4,
	GUARD_FACE_STREAM = 8, GUARD_FACE_ALL = 15,
};

enum guard_mode { GUARD_MODE_SLOW = 0, GUARD_MODE_BLOCK, GUARD_MODE_COUNT };

enum guard_verdict {
	GUARD_REFUSE = 0,	/* as an unknown alias; also any internal failure */
	GUARD_PASS,
	GUARD_WAIT,
	GUARD_VERDICT_COUNT
};

enum guard_proof {
	GUARD_PROOF_NONE = 0, GUARD_PROOF_RECONNECT, GUARD_PROOF_DEVICE,
	GUARD_PROOF_IDP, GUARD_PROOF_ALLOW_LISTED, GUARD_PROOF_COOKIE,
	GUARD_PROOF_INVITATION, GUARD_PROOF_COUNT
};

/* What speaks against a source that scans; weights in guard_scan_weight(). */
enum guard_scan {
	GUARD_SCAN_ALIAS = 0,	/* an alias that leads nowhere: 1 */
	GUARD_SCAN_NUMBER,	/* the same, of digits only: 1; 2 from the sixth on
				 * since the source was last quiet for 10 minutes */
	GUARD_SCAN_DIGEST,	/* a failed digest: 1 */
	GUARD_SCAN_MALFORMED,	/* a message that no honest endpoint sends: 2 */
	GUARD_SCAN_AGENT,	/* guard_agent_is_scanner(): 10 */
	GUARD_SCAN_CRASH,	/* a role died while parsing for it: 10 */
	GUARD_SCAN_COUNT
};

struct guard_rules {
	enum guard_mode mode;
	uint32_t pair_misses;	/* 1..5, default 5 */
	uint32_t room_misses;	/* 5..200, default 20 */
	uint32_t scan_weight;	/* 5..200, default 20 */
};

/* Zero is refused everywhere; maxima above. A table of `sources` entries is
 * 64 bytes each, a room 1.7 kB; pages nobody used are never written. */
struct guard_cfg {
	uint32_t sources;	/* rounded up to a power of two, at least 64 */
	uint32_t rooms;		/* real rooms with a live miss at one time */
	uint32_t phantoms;	/* rounded up to a power of two, at least 8 */
	uint32_t bans;		/* manual ones */
	uint32_t line;		/* newcomers held at one time, all rooms */
	uint64_t hash_key[2];	/* secret, the same after a restart */
	struct guard_rules rules;
};
#define GUARD_RULES_DEFAULT                                                   \
	((struct guard_rules){.mode = GUARD_MODE_SLOW, .pair_misses = 5,      \
			      .room_misses = 20, .scan_weight = 20})
#define GUARD_CFG_DEFAULT                                                     \
	((struct guard_cfg){.sources = 262144, .rooms = 8192,                 \
			    .phantoms = 1024, .bans = 1024, .line = 4096,     \
			    .rules = GUARD_RULES_DEFAULT})

/* What the wiring knows about one access. Switches come resolved (global
 * switch and the location's override). */
struct guard_facts {
	uint8_t ip[16];		/* true client address, IPv4 as v4-mapped */
	uint64_t room;		/* guard_room_key() of the conference or alias */
	bool room_is_real;
	bool room_is_made;	/* by a policy's answer: it has no row */
	enum guard_proof proof;	/* the strongest that was checked */
	uint64_t proof_id;	/* of the credential; allow list: 0 is fine */
	bool pin_on;		/* PIN brute-force resistance */
	bool scan_on;		/* VOIP scanner resistance */
	bool ignore_pins;	/* flags of the matching allow-list entry */
	bool ignore_aliases;
	bool verified;		/* the source proved its address */
	enum guard_face face;
};

struct guard;

struct guard_stats {
	uint64_t misses, right;		/* PINs noted */
	uint64_t unverified;		/* events that counted for nothing */
	uint64_t pairs_refused;		/* times a pair reached its five */
	uint64_t proofs_used_up;
	uint64_t devices_wrong;		/* secrets that were compared: device.h */
	uint64_t devices_refused;	/* pairs and sources of device.h, likewise */
	uint64_t prefixes_slowed;
	uint64_t rooms_guarded, rooms_blocked, rooms_tired;
	uint64_t scans, quarantines;
	uint64_t evicted;		/* live source entries replaced */
	uint64_t unrecorded;		/* found only entries in force */
	uint64_t phantoms_evicted;
	uint64_t room_overflow;		/* misses in the shared counter */
	uint64_t made_evicted;		/* rooms made by policy that gave way */
	uint64_t turns, line_refused, line_expired, line_full;
	uint64_t events_lost;		/* ring full: read guard_walk() again */
	uint64_t dropped;		/* damaged entries at attach */
	uint32_t entries, rooms, phantoms, bans, waiting;	/* now in use */
	bool resumed;			/* attach found a region of this boot */
};

/* Bytes the region needs; 0 when cfg is invalid. */
size_t guard_size(const struct guard_cfg *cfg);
/* Takes the region into use: mem is 64-byte aligned, n at least guard_size(),
 * zero at first use. On success the caller owns *out and keeps the region
 * until guard_detach(). E_INVAL; E_NOMEM (the region is not harmed);
 * E_VERSION: a sound region of another format, size or hash key, untouched:
 * use another one or zero this. */
int  guard_attach(struct guard **out, const struct guard_cfg *cfg, void *mem,
		  size_t n, const uint8_t boot_id[16], uint64_t now_ns);
void guard_detach(struct guard **g);
/* New rules; what was counted stays. E_INVAL, and nothing changes. */
int  guard_set_rules(struct guard *g, const struct guard_rules *rules);
/* Keyed hash of what identifies a room (conference id as text, or the
 * normalised alias of a room that is not there). */
uint64_t guard_room_key(const struct guard *g, struct span id);

/* --- sources ------------------------------------------------------------- */

struct guard_hold {
	bool manual, quarantined;
	uint32_t ports;		/* the bits of `ports` it is about */
	uint32_t seconds;	/* left, rounded up */
};

/* Is anything in force against this address for one of these port groups? */
bool guard_source(const struct guard *g, const uint8_t ip[16], uint32_t ports,
		  uint64_t now_ns, struct guard_hold *out);
/* REFUSE or PASS. A manual ban refuses everybody; quarantine refuses
 * newcomers where scan_on is set, and no source with ignore_aliases. */
enum guard_verdict guard_check_access(const struct guard *g,
				      const struct guard_facts *f,
				      uint64_t now_ns);
void guard_note_scan(struct guard *g, const struct guard_facts *f,
		     enum guard_scan kind, uint64_t now_ns);
/* The weight by the table, for listing and tests. `numbers`: how many
 * numeric ones came before. */
unsigned guard_scan_weight(enum guard_scan kind, unsigned numbers);
/* Is it one of the names in agents.def (which states the rule)? */
bool guard_agent_is_scanner(struct span user_agent);

/* Manual ban of ip/prefix (bits 1..128; IPv4 is v4-mapped, so a /24 is 120) for
 * 1..GUARD_BAN_MAX_S. One that is there gets the new ports and time. E_INVAL,
 * E_FULL. */
int guard_ban(struct guard *g, const uint8_t ip[16], unsigned prefix,
	      uint32_t ports, uint32_t seconds, uint64_t now_ns);
/* Ends the manual ban of exactly this prefix, and every quarantine, refused
 * pair and slow-down of addresses inside it. The number of things ended. */
unsigned guard_release(struct guard *g, const uint8_t ip[16], unsigned prefix,
		       uint64_t now_ns);

/* --- PINs ---------------------------------------------------------------- */

/* Changes nothing. *wait_ms (may be NULL): with WAIT, a guess at the least
 * time until a comparison; else 0. */
enum guard_verdict guard_check_pin(const struct guard *g,
				   const struct guard_facts *f,
				   uint64_t now_ns, uint32_t *wait_ms);
/* Takes a place in the line. WAIT: hold the PIN; guard_next_turn() will name
 * `token`; *place is for guard_leave(). PASS and REFUSE at once: no place was
 * taken (not WAIT at all, or the line is full). */
enum guard_verdict guard_queue(struct guard *g, const struct guard_facts *f,
			       uint64_t token, uint64_t now_ns,
			       uint64_t *place);
/* The waiting join went away. A place that is gone is no error. */
void guard_leave(struct guard *g, uint64_t place);
unsigned guard_waiting(const struct guard *g);
/* Who may compare now (PASS: do it before the next call, then
 * guard_note_pin(), whose facts are the same), or has waited GUARD_HOLD_S or
 * was displaced (REFUSE). His place is gone. In a room, first come prefixes
 * (/24, /48) that had no turn in 24 hours in the order they first asked, then
 * the one whose turn is longest ago. A full line gives up the place that
 * would be served last. False: nobody now. */
bool guard_next_turn(struct guard *g, uint64_t now_ns, uint64_t *token,
		     enum guard_verdict *verdict);
/* Records one comparison: once per submitted PIN. */
void guard_note_pin(struct guard *g, const struct guard_facts *f,
		    uint64_t now_ns, bool ok);
/* Wrong PINs before a call is ended: browser 5, SIP and H.323 3, streams 0
 * (they enter none). A browser's joins are stateless: its five are the pair's
 * (mode block counts none of them). */
unsigned guard_call_tries(enum guard_face face);

enum guard_room_state {
	GUARD_ROOM_FREE = 0, GUARD_ROOM_GUARDED, GUARD_ROOM_TIRED,
	GUARD_ROOM_BLOCKED, GUARD_ROOM_STATE_COUNT
};
enum guard_room_state guard_room_state(const struct guard *g, uint64_t room,
				       bool is_real, uint64_t now_ns);
/* Forgets all misses in the room, of pairs and proofs too: by hand, and when
 * its PINs changed. False: nothing was counted there. */
bool guard_release_room(struct guard *g, uint64_t room, uint64_t now_ns);

/* --- what happened, what is in force ------------------------------------- */

enum guard_event_kind {
	GUARD_EV_SOURCE_QUARANTINED = 1,	/* ip, prefix, ports, seconds */
	GUARD_EV_SOURCE_RELEASED,		/* ip, prefix, ports; manual: was a ban */
	GUARD_EV_SOURCE_BANNED,			/* manual; ip, prefix, ports, seconds */
	GUARD_EV_PAIR_REFUSED,			/* room, ip, prefix, seconds */
	GUARD_EV_PREFIX_SLOWED,			/* ip, prefix */
	GUARD_EV_DEVICE_REFUSED,		/* ip, prefix, seconds: device.h */
	GUARD_EV_ROOM_GUARDED,			/* room, ip of the last miss */
	GUARD_EV_ROOM_BLOCKED,			/* room, ip of the last miss, seconds */
	GUARD_EV_ROTATE_PIN,			/* room: GUARD_DAY_MISSES in 24 h */
	GUARD_EV_ROOM_FREED,			/* room: none of the three any more */
	GUARD_EV_COUNT
};

/* Room events are of real rooms only. Only bits of the prefix are set in ip. */
struct guard_event {
	enum guard_event_kind kind;
	uint8_t ip[16];
	unsigned prefix;
	uint32_t ports;
	uint32_t seconds;
	uint64_t room;
	bool manual;
	bool room_is_real;	/* of a pair: its room has a counter */
};
const char *guard_event_name(enum guard_event_kind k);

/* Oldest first; false when there is none. A full ring loses the new event. */
bool guard_next_event(struct guard *g, struct guard_event *out);

/* Heartbeat; ends what is over and says so; about once a second. Verdicts do
 * not depend on it. Returns whether anything changed. */
bool guard_tick(struct guard *g, uint64_t now_ns);

/* Lists what is in force: start with *it = 0, false at the end. Each item is
 * told as the event that began it (BANNED, QUARANTINED, PAIR_REFUSED,
 * PREFIX_SLOWED, DEVICE_REFUSED, ROOM_*) with the seconds that are left. The table may change
 * between two calls; an item may then be missed or told twice. */
bool guard_walk(const struct guard *g, uint64_t *it, uint64_t now_ns,
		struct guard_event *out);
void guard_stats(const struct guard *g, struct guard_stats *out);
