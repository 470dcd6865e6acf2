/* Devices: wrong secrets of a (device, source) pair, of a flow, and of a
 * source in quarantine. */
#include "core/guard/device.h"

#include "base/siphash.h"
#include "core/guard/guard_int.h"

#define KNOWN_NS (GUARD_DEVICE_KNOWN_S * NS_PER_S)

_Static_assert((int)GUARD_DEVICE_TRIES == (int)GUARD_PAIR_MISSES,
	       "an entry holds that many stamps");

struct device_keys {
	struct key pair, spray, flow;
};

/* A device's alias must not meet a room's of the same name. */
static uint64_t device_key(const struct guard *g, struct span alias)
{
	return siphash_u64x2(g->cfg.hash_key, guard_room_key(g, alias),
			     KIND_DEVICE);
}

static void device_keys(const struct guard *g, const struct guard_device *d,
			struct device_keys *k)
{
	const uint64_t device = device_key(g, d->alias);
	struct key source;

	scan_key(&source, d->who->ip);
	k->pair = k->spray = source;
	k->pair.kind = KIND_DEVICE;
	k->pair.room = device;
	k->spray.kind = KIND_SPRAY;
	k->flow = (struct key){.room = device, .kind = KIND_PROOF,
			       .prefix = GUARD_PROOF_DEVICE};
	memcpy(k->flow.ip, &d->flow, sizeof(d->flow));
}

static bool is_used_up(const struct entry *e, uint64_t t)
{
	return e && tries_left_ns(e, GUARD_DEVICE_TRIES, t, 0) > 0;
}

bool device_is_known(const struct entry *e, uint64_t t)
{
	return e && e->level && age_of(e->last, t) < KNOWN_NS;
}

/* Every look is taken for everybody, so that none of them can be timed. */
static bool may_try(const struct guard *g, const struct guard_device *d,
		    const struct device_keys *k, bool held, uint64_t t)
{
	const struct entry *pair = table_find(g, &k->pair);
	const bool pair_is_over = is_used_up(pair, t);
	const bool flow_is_over = is_used_up(table_find(g, &k->flow), t);
	const bool spray_is_over = is_used_up(table_find(g, &k->spray), t);

	if (d->flow && !flow_is_over)
		return true;
	return !pair_is_over &&
	       !(held && spray_is_over && !device_is_known(pair, t));
}

/* One more wrong secret; says so when it was the last. */
static void miss(struct guard *g, const struct key *k, uint64_t t, bool say)
{
	struct entry *e = table_claim(g, k, t);
	struct guard_event ev;
	bool was, is;

	if (!e)
		return;
	was = is_used_up(e, t);
	tries_push(e, t);
	is = is_used_up(e, t);
	table_seal(g, e, is);
	if (was || !is || !say)
		return;
	g->stats.devices_refused++;
	event_of_entry(g, e, t, &ev);
	event_push(g, &ev);
}

static void note_wrong(struct guard *g, const struct guard_device *d,
		       const struct device_keys *k, bool held, uint64_t t)
{
	const bool known = device_is_known(table_find(g, &k->pair), t);

	g->stats.devices_wrong++;
	miss(g, &k->pair, t, true);
	if (d->flow)
		miss(g, &k->flow, t, false);
	if (held && !known)
		miss(g, &k->spray, t, true);
}

static void note_right(struct guard *g, const struct device_keys *k,
		       uint64_t t)
{
	struct entry *e = table_claim(g, &k->pair, t);

	if (!e)
		return;
	e->level = 1;
	/* The stamps of wrong ones are counted back from `last`. */
	if (!e->n)
		e->last = t;
	table_seal(g, e, is_used_up(e, t));
}

bool guard_try_device(struct guard *g, const struct guard_device *d,
		      uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	struct guard_facts f = *d->who;
	struct device_keys k;
	bool banned, held, may;

	f.proof = GUARD_PROOF_DEVICE;
	banned = guard_check_access(g, &f, now_ns) != GUARD_PASS;
	f.proof = GUARD_PROOF_NONE;
	held = guard_check_access(g, &f, now_ns) != GUARD_PASS;
	device_keys(g, d, &k);
	may = may_try(g, d, &k, held, t);
	if (!f.scan_on || f.ignore_aliases)
		may = true;
	else if (f.verified && may && !d->right)
		note_wrong(g, d, &k, held, t);
	may = may && f.verified && !banned && d->right;
	if (!may)
		guard_note_scan(g, &f, GUARD_SCAN_DIGEST, now_ns);
	else if (f.scan_on && !f.ignore_aliases)
		note_right(g, &k, t);
	heartbeat(g, t);
	return may;
}
