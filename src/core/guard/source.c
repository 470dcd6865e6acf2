/* Sources: scanning and quarantine, manual bans, release. */
#include "core/guard/guard_int.h"

#include "base/err.h"

enum { NUMBERS_FREE = 5 };	/* a mistyped room number is no war dialling */

/* One word each; guard.h gives the reasons. */
static const struct {
	uint8_t weight, later;	/* `later`: once NUMBERS_FREE were seen */
} scan_table[GUARD_SCAN_COUNT] = {
	[GUARD_SCAN_ALIAS] = {1, 1},
	[GUARD_SCAN_NUMBER] = {1, 2},
	[GUARD_SCAN_DIGEST] = {1, 1},
	[GUARD_SCAN_MALFORMED] = {2, 2},
	[GUARD_SCAN_AGENT] = {10, 10},
	[GUARD_SCAN_CRASH] = {10, 10},
};

unsigned guard_scan_weight(enum guard_scan kind, unsigned numbers)
{
	if ((unsigned)kind >= GUARD_SCAN_COUNT)
		return 0;
	return numbers < NUMBERS_FREE ? scan_table[kind].weight :
		scan_table[kind].later;
}

void scan_key(struct key *k, const uint8_t ip[16])
{
	*k = (struct key){.kind = KIND_SCAN,
			  .prefix = ip_is_v4(ip) ? 128 : 64};
	ip_mask(k->ip, ip, k->prefix);
}

static void quarantine(struct guard *g, struct entry *e, uint64_t t)
{
	uint64_t s;
	struct guard_event ev;

	if (e->level && age_of(e->until, t) >= DAY_NS)
		e->level = 0;
	s = (uint64_t)GUARD_QUARANTINE_S << e->level;
	if (s > GUARD_QUARANTINE_MAX_S)
		s = GUARD_QUARANTINE_MAX_S;
	e->until = t + s * NS_PER_S;
	if (e->level < LEVEL_MAX)
		e->level++;
	/* he begins anew afterwards, but for his level */
	memset(e->bucket, 0, sizeof(e->bucket));
	e->numbers = 0;
	e->announced = 1;
	g->stats.quarantines++;
	table_seal(g, e, true);
	event_of_entry(g, e, t, &ev);
	event_push(g, &ev);
}

void guard_note_scan(struct guard *g, const struct guard_facts *f,
		     enum guard_scan kind, uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	struct entry *e;
	struct key k;

	if (!f->verified || (unsigned)kind >= GUARD_SCAN_COUNT) {
		g->stats.unverified++;
		return;
	}
	g->stats.scans++;
	if (!f->scan_on || f->ignore_aliases)
		return;
	scan_key(&k, f->ip);
	e = table_claim(g, &k, t);
	/* what he does in quarantine does not make it longer: an endpoint
	 * that goes on trying by itself is no repeat offender */
	if (!e || e->until > t)
		return;
	if (buckets_sum(e, t) == 0) {
		e->numbers = 0;
		e->ports = 0;
	}
	buckets_add(e, t, guard_scan_weight(kind, e->numbers));
	if (kind == GUARD_SCAN_NUMBER && e->numbers < 255)
		e->numbers++;
	e->ports |= (uint8_t)(f->face & GUARD_FACE_ALL);
	if (buckets_sum(e, t) > g->cfg.rules.scan_weight)
		quarantine(g, e, t);
	else
		table_seal(g, e, e->announced);
	heartbeat(g, t);
}

/* --- manual bans -------------------------------------------------------------- */

uint32_t ban_check(const struct mem_ban *b)
{
	struct mem_ban copy = *b;
	uint64_t w[6], h = 5;

	copy.check = 0;
	memcpy(w, &copy, sizeof(w));
	for (unsigned i = 0; i < 6; i++)
		h = mix(h, w[i]);
	return (uint32_t)h;
}

static int32_t *ban_chain(const struct guard *g, const uint8_t net[16],
			  unsigned prefix)
{
	uint64_t hi, lo;

	memcpy(&hi, net, 8);
	memcpy(&lo, net + 8, 8);
	return &g->ban_head[mix(mix(prefix, hi), lo) & (g->ban_buckets - 1)];
}

void ban_index(struct guard *g, int32_t slot)
{
	const struct mem_ban *b = &g->bans[slot];
	int32_t *head = ban_chain(g, b->ip, b->prefix);

	g->ban_next[slot] = *head;
	*head = slot;
	g->ban_lens[b->prefix]++;
	g->stats.bans++;
}

static void ban_free(struct guard *g, int32_t slot)
{
	struct mem_ban *b = &g->bans[slot];
	int32_t *at = ban_chain(g, b->ip, b->prefix);

	while (*at != slot)
		at = &g->ban_next[*at];
	*at = g->ban_next[slot];
	g->ban_lens[b->prefix]--;
	g->stats.bans--;
	memset(b, 0, sizeof(*b));
}

static int32_t ban_find(const struct guard *g, const uint8_t net[16],
			unsigned prefix)
{
	int32_t i = *ban_chain(g, net, prefix);

	while (i != NONE && (g->bans[i].prefix != prefix ||
			     memcmp(g->bans[i].ip, net, 16) != 0))
		i = g->ban_next[i];
	return i;
}

static int32_t ban_slot(const struct guard *g)
{
	for (uint32_t i = 0; i < g->cfg.bans; i++)
		if (g->bans[i].prefix == 0)
			return (int32_t)i;
	return NONE;
}

static void say_ban(struct guard *g, const struct mem_ban *b,
		    enum guard_event_kind kind, uint64_t t)
{
	struct guard_event ev = {.kind = kind, .prefix = b->prefix,
				 .ports = b->ports, .manual = true};

	memcpy(ev.ip, b->ip, 16);
	if (kind == GUARD_EV_SOURCE_BANNED)
		ev.seconds = seconds_up(age_of(t, b->until));
	event_push(g, &ev);
}

int guard_ban(struct guard *g, const uint8_t ip[16], unsigned prefix,
	      uint32_t ports, uint32_t seconds, uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	struct mem_ban b = {.prefix = prefix, .ports = ports, .since = t,
			    .until = t + seconds * NS_PER_S};
	int32_t slot;

	if (prefix < 1 || prefix > 128 || !ports || ports > GUARD_FACE_ALL ||
	    seconds < 1 || seconds > GUARD_BAN_MAX_S)
		return E_INVAL;
	ip_mask(b.ip, ip, prefix);
	slot = ban_find(g, b.ip, prefix);
	if (slot == NONE) {
		slot = ban_slot(g);
		if (slot == NONE)
			return E_FULL;
	} else {
		ban_free(g, slot);
	}
	b.check = ban_check(&b);
	g->bans[slot] = b;
	ban_index(g, slot);
	say_ban(g, &g->bans[slot], GUARD_EV_SOURCE_BANNED, t);
	heartbeat(g, t);
	return 0;
}

/* One look per prefix length in use. */
static void source_bans(const struct guard *g, const uint8_t ip[16],
			uint32_t ports, uint64_t t, struct guard_hold *out)
{
	unsigned seen = 0;

	for (unsigned p = 128; p > 0 && seen < g->stats.bans; p--) {
		uint8_t net[16];
		int32_t i;

		if (!g->ban_lens[p])
			continue;
		seen += g->ban_lens[p];
		ip_mask(net, ip, p);
		i = ban_find(g, net, p);
		if (i == NONE || g->bans[i].until <= t ||
		    !(g->bans[i].ports & ports))
			continue;
		out->manual = true;
		out->ports |= g->bans[i].ports & ports;
		if (seconds_up(g->bans[i].until - t) > out->seconds)
			out->seconds = seconds_up(g->bans[i].until - t);
	}
}

static void source_scans(const struct guard *g, const uint8_t ip[16],
			 uint32_t ports, uint64_t t, struct guard_hold *out)
{
	const struct entry *e;
	struct key k;

	scan_key(&k, ip);
	e = table_find(g, &k);
	if (!e || e->until <= t || !(e->ports & ports))
		return;
	out->quarantined = true;
	out->ports = e->ports & ports;
	out->seconds = seconds_up(e->until - t);
}

bool guard_source(const struct guard *g, const uint8_t ip[16], uint32_t ports,
		  uint64_t now_ns, struct guard_hold *out)
{
	const uint64_t t = time_of(g, now_ns);

	*out = (struct guard_hold){.manual = false};
	source_scans(g, ip, ports, t, out);
	source_bans(g, ip, ports, t, out);
	return out->manual || out->quarantined;
}

/* Whoever scans at one face is refused at all: aliases are the same there. */
enum guard_verdict guard_check_access(const struct guard *g,
				      const struct guard_facts *f,
				      uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	struct guard_hold hold = {.manual = false};

	if ((unsigned)f->proof >= GUARD_PROOF_COUNT)
		return GUARD_REFUSE;
	source_bans(g, f->ip, f->face, t, &hold);
	if (f->scan_on && !f->ignore_aliases && f->proof == GUARD_PROOF_NONE)
		source_scans(g, f->ip, GUARD_FACE_ALL, t, &hold);
	return hold.manual || hold.quarantined ? GUARD_REFUSE : GUARD_PASS;
}

/* --- release, and what ends by itself ------------------------------------------ */

static void quarantine_ends(struct guard *g, struct entry *e)
{
	struct guard_event ev = {.kind = GUARD_EV_SOURCE_RELEASED,
				 .prefix = e->prefix, .ports = e->ports};

	memcpy(ev.ip, e->ip, 16);
	event_push(g, &ev);
	e->announced = 0;
	e->ports = 0;
	table_seal(g, e, false);
}

/* Its prefix is what scan_key() says. */
static bool is_of_source(const struct entry *e)
{
	return e->kind == KIND_SCAN || e->kind == KIND_DEVICE ||
	       e->kind == KIND_SPRAY;
}

/* Is it about addresses inside net? One address of a /64 that is in
 * quarantine names all of it. */
static bool is_inside(const struct entry *e, const uint8_t net[16],
		      unsigned prefix)
{
	if (is_of_source(e) && prefix > e->prefix)
		return ip_within(net, e->ip, e->prefix);
	if (e->kind == KIND_PREFIX && prefix > e->prefix)
		return false;
	return e->kind != KIND_PROOF && ip_within(e->ip, net, prefix);
}

unsigned guard_release(struct guard *g, const uint8_t ip[16], unsigned prefix,
		       uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	unsigned n = 0;
	uint8_t net[16];
	int32_t slot;

	if (prefix < 1 || prefix > 128)
		return 0;
	ip_mask(net, ip, prefix);
	slot = ban_find(g, net, prefix);
	if (slot != NONE) {
		say_ban(g, &g->bans[slot], GUARD_EV_SOURCE_RELEASED, t);
		ban_free(g, slot);
		n++;
	}
	for (size_t i = 0; (i = bit_next(g->marks, i, g->cfg.sources)) <
	     g->cfg.sources; i++) {
		struct entry *e = &g->entries[i];

		if (!is_inside(e, net, prefix))
			continue;
		if (e->kind == KIND_SCAN)
			quarantine_ends(g, e);
		table_drop(g, e);
		n++;
	}
	heartbeat(g, t);
	return n;
}

static bool bans_tick(struct guard *g, uint64_t t)
{
	bool changed = false;

	for (uint32_t i = 0; g->stats.bans && i < g->cfg.bans; i++) {
		struct mem_ban *b = &g->bans[i];

		if (!b->prefix || b->until > t)
			continue;
		say_ban(g, b, GUARD_EV_SOURCE_RELEASED, t);
		ban_free(g, (int32_t)i);
		changed = true;
	}
	return changed;
}

/* A share of what is in force, so that a tick is short however much it is;
 * then what is over is told some seconds late. */
static bool marks_tick(struct guard *g, uint64_t t)
{
	enum { PER_TICK = 8192 };
	const size_t n = g->cfg.sources, from = g->mark_at;
	bool changed = false, wrapped = false;
	size_t i = from;

	for (unsigned k = 0; k < PER_TICK; k++, i++) {
		struct entry *e;

		i = bit_next(g->marks, i, n);
		if (i == n && !wrapped) {
			wrapped = true;
			i = bit_next(g->marks, 0, n);
		}
		if (i == n || (wrapped && i >= from))
			break;
		e = &g->entries[i];
		if (entry_is_in_force(g, e, t))
			continue;
		if (e->kind == KIND_SCAN && e->announced)
			quarantine_ends(g, e);
		else
			bit_set(g->marks, i, false);
		changed = true;
	}
	g->mark_at = i < n ? i : 0;
	return changed;
}

bool source_tick(struct guard *g, uint64_t t)
{
	const bool a = bans_tick(g, t), b = marks_tick(g, t);

	return a || b;
}
