/* PINs: who may compare, and what a comparison leaves behind. */
#include "core/guard/guard_int.h"

enum { V4_24 = 96 + 24 };

unsigned prefix_keys(const uint8_t ip[16], struct key out[PREFIX_LEVELS])
{
	static const uint8_t v6[PREFIX_LEVELS] = {64, 56, 48};
	const bool v4 = ip_is_v4(ip);
	const unsigned n = v4 ? 1 : PREFIX_LEVELS;

	for (unsigned i = 0; i < n; i++) {
		out[i] = (struct key){.kind = KIND_PREFIX,
				      .prefix = v4 ? V4_24 : v6[i]};
		ip_mask(out[i].ip, ip, out[i].prefix);
	}
	return n;
}

static void pair_key(struct key *k, const struct guard_facts *f)
{
	*k = (struct key){.room = f->room, .kind = KIND_PAIR, .prefix = 128};
	memcpy(k->ip, f->ip, sizeof(k->ip));
}

/* An allow-listed address is its own credential; of IPv6 the /64, in which
 * one host has as many addresses as it likes. */
static void proof_key(struct key *k, const struct guard_facts *f)
{
	*k = (struct key){.room = f->room, .kind = KIND_PROOF,
			  .prefix = (uint8_t)f->proof};
	if (f->proof == GUARD_PROOF_ALLOW_LISTED)
		ip_mask(k->ip, f->ip, ip_is_v4(f->ip) ? 128 : 64);
	else
		memcpy(k->ip, &f->proof_id, sizeof(f->proof_id));
}

/* Proven, and his five tries are not used up. */
static bool is_proven(const struct guard *g, const struct guard_facts *f,
		      uint64_t released, uint64_t t)
{
	const struct entry *e;
	struct key k;

	if (f->proof == GUARD_PROOF_NONE)
		return false;
	proof_key(&k, f);
	e = table_find(g, &k);
	return !e || tries_left_ns(e, GUARD_PAIR_MISSES, t, released) == 0;
}

/* A newcomer: the pair refuses, prefixes and the room make him wait. All
 * places are asked for at once, so that the memory answers at once. */
static enum guard_verdict judge_newcomer(const struct guard *g,
					 const struct guard_facts *f,
					 const struct mem_room *r, uint64_t t,
					 uint64_t *due)
{
	enum { N = PREFIX_LEVELS + 1 };
	const enum guard_room_state state = room_state(g, r, t);
	struct key k[N];
	uint64_t hash[N];
	const unsigned n = 1 + prefix_keys(f->ip, k + 1);
	enum guard_verdict v = GUARD_PASS;
	const struct entry *e;

	pair_key(&k[0], f);
	for (unsigned i = 0; i < n; i++) {
		hash[i] = key_hash(g, &k[i]);
		table_prefetch(g, hash[i]);
	}
	e = table_find_hash(g, &k[0], hash[0]);
	if (e && tries_left_ns(e, g->cfg.rules.pair_misses, t,
			       room_released(r)))
		return GUARD_REFUSE;
	if (state != GUARD_ROOM_FREE) {
		*due = room_turn_ns(g, r, t);
		v = GUARD_WAIT;
	}
	for (unsigned i = 1; i < n; i++) {
		e = table_find_hash(g, &k[i], hash[i]);
		if (!e || !prefix_is_slowed(e, t))
			continue;
		if (e->turn + prefix_spacing_ns(e->prefix) > *due)
			*due = e->turn + prefix_spacing_ns(e->prefix);
		v = GUARD_WAIT;
	}
	return v;
}

enum guard_verdict judge(const struct guard *g, const struct guard_facts *f,
			 uint64_t t, uint64_t *due)
{
	const struct mem_room *r;

	*due = 0;
	if (!f->pin_on)
		return GUARD_PASS;
	if (!f->verified || (unsigned)f->proof >= GUARD_PROOF_COUNT)
		return GUARD_REFUSE;
	r = room_view(g, f->room, room_kind(f));
	if (g->cfg.rules.mode == GUARD_MODE_BLOCK)
		return room_state(g, r, t) == GUARD_ROOM_BLOCKED &&
		       f->proof != GUARD_PROOF_RECONNECT ? GUARD_REFUSE :
			GUARD_PASS;
	if (f->ignore_pins || is_proven(g, f, room_released(r), t))
		return GUARD_PASS;
	return judge_newcomer(g, f, r, t, due);
}

enum guard_verdict guard_check_pin(const struct guard *g,
				   const struct guard_facts *f,
				   uint64_t now_ns, uint32_t *wait_ms)
{
	const uint64_t t = time_of(g, now_ns);
	uint64_t due, left = GUARD_TURN_MS * NS_PER_MS;
	const enum guard_verdict v = judge(g, f, t, &due);

	if (due > t + left)
		left = due - t;
	if (wait_ms)
		*wait_ms = v == GUARD_WAIT ?
			(uint32_t)((left + NS_PER_MS - 1) / NS_PER_MS) : 0;
	return v;
}

/* --- noting ------------------------------------------------------------------ */

void turn_taken(struct guard *g, const struct guard_facts *f, uint64_t t)
{
	struct mem_room *r = room_view(g, f->room, room_kind(f));
	struct key k[PREFIX_LEVELS];
	const unsigned n = prefix_keys(f->ip, k);

	if (r && room_is_used(r)) {
		r->turn = t;
		room_seal(r);
	}
	for (unsigned i = 0; i < n; i++) {
		struct entry *e = table_find(g, &k[i]);

		if (!e)
			continue;
		e->turn = t;
		table_seal(g, e, prefix_is_slowed(e, t));
	}
	heartbeat(g, t);
}

static void say_entry(struct guard *g, const struct entry *e, uint64_t t)
{
	struct guard_event ev;

	event_of_entry(g, e, t, &ev);
	event_push(g, &ev);
}

/* A miss of a pair or a proof. True when it has just used up its five. */
static bool miss_tries(struct guard *g, const struct key *k, uint64_t released,
		       uint64_t t, struct entry **out)
{
	struct entry *e = table_claim(g, k, t);
	bool was, is;

	*out = e;
	if (!e)
		return false;
	was = tries_left_ns(e, tries_of(g, e), t, released) > 0;
	tries_push(e, t);
	is = tries_left_ns(e, tries_of(g, e), t, released) > 0;
	table_seal(g, e, is);
	return is && !was;
}

static void miss_prefixes(struct guard *g, const struct guard_facts *f,
			  uint64_t t)
{
	struct key k[PREFIX_LEVELS];
	const unsigned n = prefix_keys(f->ip, k);

	for (unsigned i = 0; i < n; i++) {
		struct entry *e = table_claim(g, &k[i], t);
		bool was, is;

		if (!e)
			continue;
		was = prefix_is_slowed(e, t);
		buckets_add(e, t, 1);
		is = prefix_is_slowed(e, t);
		table_seal(g, e, is);
		if (!is || was)
			continue;
		g->stats.prefixes_slowed++;
		say_entry(g, e, t);
	}
}

static void miss_who(struct guard *g, const struct guard_facts *f,
		     uint64_t released, uint64_t t)
{
	struct entry *e;
	struct key k;

	pair_key(&k, f);
	if (miss_tries(g, &k, released, t, &e)) {
		g->stats.pairs_refused++;
		say_entry(g, e, t);
	}
	if (f->proof != GUARD_PROOF_NONE) {
		proof_key(&k, f);
		g->stats.proofs_used_up += miss_tries(g, &k, released, t, &e);
	}
	miss_prefixes(g, f, t);
}

static void miss_room(struct guard *g, const struct guard_facts *f,
		      struct mem_room *r, uint64_t t)
{
	const bool block = g->cfg.rules.mode == GUARD_MODE_BLOCK;
	const unsigned k = g->cfg.rules.room_misses + 1;

	if (block && r->block_until > t)
		return;		/* was let in by a reconnect credential */
	room_push(r, t);
	if (block && r->n >= k &&
	    age_of(r->stamp[(r->at + ROOM_RING - k) % ROOM_RING], t) <
	    WINDOW_NS)
		r->block_until = t + GUARD_BLOCK_S * NS_PER_S;
	room_announce(g, r, f->ip, t);
	room_seal(r);
}

void guard_note_pin(struct guard *g, const struct guard_facts *f,
		    uint64_t now_ns, bool ok)
{
	const uint64_t t = time_of(g, now_ns);
	const bool slow = g->cfg.rules.mode == GUARD_MODE_SLOW;
	struct mem_room *r;
	bool newcomer;

	if (!f->verified || (unsigned)f->proof >= GUARD_PROOF_COUNT) {
		g->stats.unverified++;
		return;
	}
	g->stats.right += ok;
	g->stats.misses += !ok;
	if (!f->pin_on || f->ignore_pins)
		return;
	r = room_view(g, f->room, room_kind(f));
	newcomer = slow && !is_proven(g, f, room_released(r), t);
	if (!ok) {
		r = room_claim(g, f->room, room_kind(f), t);
		if (slow)
			miss_who(g, f, room_released(r), t);
		miss_room(g, f, r, t);
	}
	if (newcomer)
		turn_taken(g, f, t);
	heartbeat(g, t);
}

unsigned guard_call_tries(enum guard_face face)
{
	switch (face) {
	case GUARD_FACE_WEB:
		return GUARD_PAIR_MISSES;
	case GUARD_FACE_SIP:
	case GUARD_FACE_H323:
		return 3;
	default:
		return 0;
	}
}
