/* Source entries: sets of eight, found by a tag that the heap holds, so that
 * a verdict touches one line for a stranger and two for a known source. */
#include "core/guard/guard_int.h"

#include "base/siphash.h"

enum { SCORE_IN_FORCE = 1000 };

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

bool ip_is_v4(const uint8_t ip[16])
{
	return memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0;
}

void ip_mask(uint8_t dst[16], const uint8_t ip[16], unsigned prefix)
{
	for (unsigned i = 0; i < 16; i++) {
		const unsigned bits = prefix > i * 8 ? prefix - i * 8 : 0;

		dst[i] = bits >= 8 ? ip[i] :
			(uint8_t)(ip[i] & (0xff00u >> bits));
	}
}

bool ip_within(const uint8_t ip[16], const uint8_t net[16], unsigned prefix)
{
	uint8_t masked[16];

	ip_mask(masked, ip, prefix);
	return memcmp(masked, net, 16) == 0;
}

/* The room's key is secret, so that xor keeps one room's entries apart from
 * another's; equal hashes would cost only a place, for keys are compared. */
uint64_t key_hash(const struct guard *g, const struct key *k)
{
	uint64_t hi, lo;

	memcpy(&hi, k->ip, 8);
	memcpy(&lo, k->ip + 8, 8);
	return siphash_u64x2(g->cfg.hash_key, hi ^ k->room,
			     lo ^ (uint64_t)k->kind << 60 ^
			     (uint64_t)k->prefix << 48);
}

static bool has_room(unsigned kind)
{
	return kind == KIND_PAIR || kind == KIND_PROOF || kind == KIND_TURN ||
	       kind == KIND_DEVICE;
}

void key_of_entry(struct key *k, const struct entry *e)
{
	*k = (struct key){.room = has_room(e->kind) ? e->room : 0,
			  .kind = e->kind, .prefix = e->prefix};
	memcpy(k->ip, e->ip, sizeof(k->ip));
}

static bool is_key(const struct entry *e, const struct key *k)
{
	return e->kind == k->kind && e->prefix == k->prefix &&
	       (!has_room(k->kind) || e->room == k->room) &&
	       memcmp(e->ip, k->ip, sizeof(e->ip)) == 0;
}

uint16_t tag_of(uint64_t hash)
{
	return (uint16_t)(hash >> 48 | 1);
}

static size_t set_of(const struct guard *g, uint64_t hash)
{
	return (size_t)(hash & (g->sets - 1)) * WAYS;
}

void table_prefetch(const struct guard *g, uint64_t hash)
{
	__builtin_prefetch(&g->tags[set_of(g, hash)]);
}

struct entry *table_find_hash(const struct guard *g, const struct key *k,
			      uint64_t hash)
{
	const size_t set = set_of(g, hash);
	const uint16_t tag = tag_of(hash);

	for (size_t i = set; i < set + WAYS; i++)
		if (g->tags[i] == tag && is_key(&g->entries[i], k))
			return &g->entries[i];
	return NULL;
}

struct entry *table_find(const struct guard *g, const struct key *k)
{
	return table_find_hash(g, k, key_hash(g, k));
}

uint32_t entry_check(const struct entry *e)
{
	struct entry copy = *e;
	uint64_t w[8], h = 1;

	copy.check = 0;
	memcpy(w, &copy, sizeof(w));
	for (unsigned i = 0; i < 8; i++)
		h = mix(h, w[i]);
	return (uint32_t)h;
}

void table_seal(struct guard *g, struct entry *e, bool in_force)
{
	e->check = entry_check(e);
	bit_set(g->marks, entry_index(g, e), in_force);
}

void table_drop(struct guard *g, struct entry *e)
{
	const size_t i = entry_index(g, e);

	memset(e, 0, sizeof(*e));
	g->stats.entries -= g->tags[i] != 0;
	g->tags[i] = 0;
	bit_set(g->marks, i, false);
}

/* The lowest score, then the oldest; NULL when all are in force. */
static struct entry *worst_of(const struct guard *g, size_t set, uint64_t t,
			      unsigned *score)
{
	struct entry *worst = NULL;

	for (size_t i = set; i < set + WAYS; i++) {
		struct entry *e = &g->entries[i];
		const unsigned s = g->tags[i] ? entry_score(g, e, t) : 0;

		if (!g->tags[i]) {
			*score = 0;
			return e;
		}
		if (worst && (s > *score ||
			      (s == *score && e->last >= worst->last)))
			continue;
		worst = e;
		*score = s;
	}
	return *score >= SCORE_IN_FORCE ? NULL : worst;
}

struct entry *table_claim(struct guard *g, const struct key *k, uint64_t t)
{
	const uint64_t hash = key_hash(g, k);
	struct entry *e = table_find_hash(g, k, hash);
	unsigned score = 0;

	if (e)
		return e;
	e = worst_of(g, set_of(g, hash), t, &score);
	if (!e) {
		g->stats.unrecorded++;
		return NULL;
	}
	g->stats.evicted += score > 0;
	table_drop(g, e);
	e->room = k->room;
	memcpy(e->ip, k->ip, sizeof(e->ip));
	e->kind = k->kind;
	e->prefix = k->prefix;
	e->last = t;
	g->tags[entry_index(g, e)] = tag_of(hash);
	g->stats.entries++;
	return e;
}

/* --- five stamps ----------------------------------------------------------- */

#define BEFORE_MAX ((UINT64_C(1) << 40) - 1)
_Static_assert(GUARD_PAIR_MISSES == 5, "one stamp and four differences");

static uint64_t before_get(const struct entry *e, unsigned i)
{
	uint64_t v = 0;

	memcpy(&v, e->before[i], 5);
	return v;
}

static void before_set(struct entry *e, unsigned i, uint64_t v)
{
	if (v > BEFORE_MAX)	/* 18 minutes: over in any case */
		v = BEFORE_MAX;
	memcpy(e->before[i], &v, 5);
}

void tries_push(struct entry *e, uint64_t t)
{
	const uint64_t d = e->n ? age_of(e->last, t) : 0;

	for (unsigned i = 3; i > 0; i--)
		before_set(e, i, before_get(e, i - 1) + d);
	before_set(e, 0, d);
	if (t > e->last || !e->n)
		e->last = t;
	if (e->n < GUARD_PAIR_MISSES)
		e->n++;
}

unsigned tries_of(const struct guard *g, const struct entry *e)
{
	return e->kind == KIND_PAIR ? g->cfg.rules.pair_misses :
		GUARD_PAIR_MISSES;
}

uint64_t tries_left_ns(const struct entry *e, unsigned tries, uint64_t t,
		       uint64_t released)
{
	const uint64_t before = tries > 1 ? before_get(e, tries - 2) : 0;
	const uint64_t age = age_of(e->last, t) + before;

	if (e->n < tries || age >= WINDOW_NS ||
	    e->last - before <= released)
		return 0;
	return WINDOW_NS - age;
}

static unsigned tries_live(const struct entry *e, uint64_t t)
{
	const uint64_t age = age_of(e->last, t);
	unsigned n = e->n && age < WINDOW_NS;

	while (n && n < e->n && age + before_get(e, n - 1) < WINDOW_NS)
		n++;
	return n;
}

/* --- buckets --------------------------------------------------------------- */

static uint64_t bucket_no(uint64_t t)
{
	return t / (BUCKET_S * NS_PER_S);
}

void buckets_add(struct entry *e, uint64_t t, unsigned weight)
{
	const uint64_t now = bucket_no(t > e->last ? t : e->last);
	uint64_t old = bucket_no(e->last);
	uint8_t *b;

	if (now - old > BUCKETS)
		old = now - BUCKETS;
	while (old < now)
		e->bucket[++old % BUCKETS] = 0;
	b = &e->bucket[now % BUCKETS];
	*b = *b + weight > 255 ? 255 : (uint8_t)(*b + weight);
	if (t > e->last)
		e->last = t;
}

unsigned buckets_sum(const struct entry *e, uint64_t t)
{
	const uint64_t old = bucket_no(e->last);
	const uint64_t now = t > e->last ? bucket_no(t) : old;
	unsigned sum = 0;

	for (uint64_t b = now - (BUCKETS - 1); b <= old; b++)
		sum += e->bucket[b % BUCKETS];
	return sum;
}

/* --- when is what in force ------------------------------------------------- */

static const struct {
	unsigned prefix, misses, spacing_s;
} prefix_table[] = {
	{64, 10, 30}, {56, 40, 15}, {48, 80, 10}, {120, 40, 10},
};
enum { PREFIX_ROWS = sizeof(prefix_table) / sizeof(prefix_table[0]) };

static unsigned prefix_row(unsigned prefix)
{
	unsigned i = 0;

	while (i < PREFIX_ROWS - 1 && prefix_table[i].prefix != prefix)
		i++;
	return i;
}

bool prefix_is_slowed(const struct entry *e, uint64_t t)
{
	return buckets_sum(e, t) > prefix_table[prefix_row(e->prefix)].misses;
}

/* Until enough buckets have left the window. */
static uint64_t prefix_left_ns(const struct entry *e, uint64_t t)
{
	uint64_t end = t;

	while (prefix_is_slowed(e, end))
		end = (bucket_no(end) + 1) * BUCKET_S * NS_PER_S;
	return end - t;
}

uint64_t prefix_spacing_ns(unsigned prefix)
{
	return prefix_table[prefix_row(prefix)].spacing_s * NS_PER_S;
}

uint64_t entry_in_force_ns(const struct guard *g, const struct entry *e,
			   uint64_t t)
{
	switch (e->kind) {
	case KIND_PAIR:
	case KIND_PROOF:
		/* a phantom's pairs are in force whether it is remembered or
		 * not, and only a real room can have been released */
		return tries_left_ns(e, tries_of(g, e), t, room_released(
					     room_view(g, e->room, ROOM_REAL)));
	case KIND_DEVICE:
	case KIND_SPRAY:
		return tries_left_ns(e, tries_of(g, e), t, 0);
	case KIND_PREFIX:
		return prefix_left_ns(e, t);
	case KIND_SCAN:
		return e->until > t ? e->until - t : 0;
	default:
		return 0;
	}
}

bool entry_is_in_force(const struct guard *g, const struct entry *e,
		       uint64_t t)
{
	if (e->kind == KIND_PREFIX)
		return prefix_is_slowed(e, t);
	return entry_in_force_ns(g, e, t) > 0;
}

unsigned entry_score(const struct guard *g, const struct entry *e, uint64_t t)
{
	const uint64_t age = age_of(e->last, t);
	unsigned s = 0;

	if (bit_get(g->marks, entry_index(g, e)) &&
	    entry_is_in_force(g, e, t))
		return SCORE_IN_FORCE;
	switch (e->kind) {
	case KIND_PAIR:
	case KIND_PROOF:
	case KIND_SPRAY:
		return 2 + 8 * tries_live(e, t);
	case KIND_DEVICE:
		s = device_is_known(e, t) ? 100 : 0;
		return 2 + 8 * tries_live(e, t) + s;
	case KIND_PREFIX:
		return 4 * buckets_sum(e, t);
	case KIND_SCAN:
		s = 2 * buckets_sum(e, t);
		if (e->level && age_of(e->until, t) < DAY_NS)
			s += 100;
		return s;
	default:
		return age < DAY_NS;
	}
}
