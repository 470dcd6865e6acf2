/* What the wiring hears of: the ring of events, the tick, the list. */
#include "core/guard/guard_int.h"

const char *guard_event_name(enum guard_event_kind k)
{
	static const char *const names[GUARD_EV_COUNT] = {
		[GUARD_EV_SOURCE_QUARANTINED] = "source_quarantined",
		[GUARD_EV_SOURCE_RELEASED] = "source_released",
		[GUARD_EV_SOURCE_BANNED] = "source_banned",
		[GUARD_EV_PAIR_REFUSED] = "pair_refused",
		[GUARD_EV_PREFIX_SLOWED] = "prefix_slowed",
		[GUARD_EV_DEVICE_REFUSED] = "device_refused",
		[GUARD_EV_ROOM_GUARDED] = "room_guarded",
		[GUARD_EV_ROOM_BLOCKED] = "room_blocked",
		[GUARD_EV_ROTATE_PIN] = "rotate_pin",
		[GUARD_EV_ROOM_FREED] = "room_freed",
	};

	if ((unsigned)k >= GUARD_EV_COUNT || !names[k])
		return "unknown";
	return names[k];
}

void event_push(struct guard *g, const struct guard_event *ev)
{
	if (g->ev_n == GUARD_EVENTS_MAX) {
		g->stats.events_lost++;
		return;
	}
	g->events[(g->ev_at + g->ev_n++) % GUARD_EVENTS_MAX] = *ev;
}

bool guard_next_event(struct guard *g, struct guard_event *out)
{
	if (!g->ev_n)
		return false;
	*out = g->events[g->ev_at];
	g->ev_at = (g->ev_at + 1) % GUARD_EVENTS_MAX;
	g->ev_n--;
	return true;
}

bool guard_tick(struct guard *g, uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	const bool a = source_tick(g, t), b = rooms_tick(g, t);

	heartbeat(g, t);
	return a || b;
}

void event_of_entry(const struct guard *g, const struct entry *e, uint64_t t,
		    struct guard_event *out)
{
	*out = (struct guard_event){
		.prefix = e->prefix,
		.seconds = seconds_up(entry_in_force_ns(g, e, t))};
	memcpy(out->ip, e->ip, 16);
	if (e->kind == KIND_SCAN) {
		out->kind = GUARD_EV_SOURCE_QUARANTINED;
		out->ports = e->ports;
	} else if (e->kind == KIND_PAIR) {
		out->kind = GUARD_EV_PAIR_REFUSED;
		out->room = e->room;
		out->room_is_real = room_view(g, e->room, ROOM_REAL)->key ==
			e->room;
	} else if (e->kind == KIND_DEVICE || e->kind == KIND_SPRAY) {
		out->kind = GUARD_EV_DEVICE_REFUSED;
	} else {
		out->kind = GUARD_EV_PREFIX_SLOWED;
	}
}

/* --- the list ---------------------------------------------------------------- */

enum section { WALK_BANS, WALK_ROOMS, WALK_ENTRIES, WALK_END };

static bool walk_bans(const struct guard *g, uint64_t *i, uint64_t t,
		      struct guard_event *out)
{
	for (; *i < g->cfg.bans; ++*i) {
		const struct mem_ban *b = &g->bans[*i];

		if (!b->prefix || b->until <= t)
			continue;
		*out = (struct guard_event){
			.kind = GUARD_EV_SOURCE_BANNED, .prefix = b->prefix,
			.ports = b->ports, .manual = true,
			.seconds = seconds_up(b->until - t)};
		memcpy(out->ip, b->ip, 16);
		return true;
	}
	return false;
}

static bool walk_rooms(const struct guard *g, uint64_t *i, uint64_t t,
		       struct guard_event *out)
{
	static const enum guard_event_kind kinds[GUARD_ROOM_STATE_COUNT] = {
		[GUARD_ROOM_GUARDED] = GUARD_EV_ROOM_GUARDED,
		[GUARD_ROOM_TIRED] = GUARD_EV_ROTATE_PIN,
		[GUARD_ROOM_BLOCKED] = GUARD_EV_ROOM_BLOCKED,
	};
	const size_t n = g->cfg.rooms + (size_t)1;

	for (; (*i = bit_next(g->room_marks, *i, n)) < n; ++*i) {
		const struct mem_room *r = &g->rooms[*i];
		const enum guard_room_state s = room_state(g, r, t);

		if (s == GUARD_ROOM_FREE)
			continue;
		*out = (struct guard_event){
			.kind = kinds[s], .room = r->key, .room_is_real = true,
			.seconds = seconds_up(room_left_ns(g, r, t))};
		return true;
	}
	return false;
}

static bool walk_entries(const struct guard *g, uint64_t *i, uint64_t t,
			 struct guard_event *out)
{
	for (; (*i = bit_next(g->marks, *i, g->cfg.sources)) <
	     g->cfg.sources; ++*i) {
		const struct entry *e = &g->entries[*i];

		if (e->kind == KIND_PROOF || !entry_is_in_force(g, e, t))
			continue;
		event_of_entry(g, e, t, out);
		return true;
	}
	return false;
}

bool guard_walk(const struct guard *g, uint64_t *it, uint64_t now_ns,
		struct guard_event *out)
{
	static bool (*const walk[WALK_END])(const struct guard *, uint64_t *,
					    uint64_t, struct guard_event *) = {
		[WALK_BANS] = walk_bans, [WALK_ROOMS] = walk_rooms,
		[WALK_ENTRIES] = walk_entries,
	};
	const uint64_t t = time_of(g, now_ns);
	uint64_t section = *it >> 56, i = *it & ((UINT64_C(1) << 56) - 1);

	for (; section < WALK_END; section++, i = 0) {
		if (!walk[section](g, &i, t, out))
			continue;
		*it = section << 56 | (i + 1);
		return true;
	}
	*it = (uint64_t)WALK_END << 56;
	return false;
}

void guard_stats(const struct guard *g, struct guard_stats *out)
{
	*out = g->stats;
	out->waiting = guard_waiting(g);
}
