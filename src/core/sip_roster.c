/* Who is in a conference, for devices that asked (RFC 4575). Once a second at
 * most, for all subscribers of a room together: what changed since the last
 * time; the whole for whoever is new or lost something. */
#include "core/sip_roster.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/siphash.h"
#include "core/sip_int.h"

enum { USERS_MAX = 300,			/* of a room, the first that came */
       LIST_MAX = 2 * USERS_MAX };	/* with those who left */

struct told {
	uint64_t part, hash;
	char uuid[UUID_TEXT_LEN + 1];
	bool is_here;
};

/* What the subscribers of a meeting know. */
struct sip_roster {
	uint64_t meeting;
	uint32_t turn;			/* the last in which anybody listened */
	bool locked;
	uint32_t n_all;
	size_t n;
	struct told told[USERS_MAX];
};

struct sub {
	uint64_t meeting;
	struct sip_call *call;
};

/* A message that is being made. */
struct draft {
	Cv__SipRoster m;
	Cv__SipRosterEntry entry[LIST_MAX], *list[LIST_MAX];
	uint64_t calls[SIP_CALLS_MAX];
	char gone[LIST_MAX][UUID_TEXT_LEN + 1];	/* of those who left */
};

static struct span key(const uint64_t *meeting)
{
	return span_of(meeting, sizeof(*meeting));
}

static struct member *seat_of(const struct sip_call *call)
{
	return call->member ? handles_get(call->c->members, call->member) :
		NULL;
}

/* Only who is inside of a room sees who else is. */
static const struct meeting *sees(const struct sip_call *call)
{
	const struct member *mb = seat_of(call);

	return mb && call->state == SIP_CALL_IN && !mb->m->sv.gateway &&
	       mb->p->state == PART_INSIDE ? mb->m : NULL;
}

static void end(struct sip_call *call)
{
	Cv__SipRoster m = CV__SIP_ROSTER__INIT;
	uint64_t face = call->face;

	call->subscribed = false;
	m.calls = &face;
	m.n_calls = 1;
	m.final = true;
	if (sip_chan(call->c) && face)
		(void)ipc_send(sip_chan(call->c), SIP_ROSTER, &m);
}

void sip_subscribe(struct core *c, const Cv__SipSubscribe *m)
{
	struct sip_call *call = sip_call_by_face(c, m->call);

	if (!call) {
		c->sip->figures.bad_handles++;
		return;
	}
	call->subscribed = m->on;
	call->wants_roster = m->on;
	if (m->on && !sees(call))
		end(call);
}

/* --- one room -------------------------------------------------------------------- */

static struct sip_roster *roster_of(struct core *c, uint64_t meeting)
{
	struct sip_roster *r = map_get(c->sip->rosters, key(&meeting));

	if (r)
		return r;
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return NULL;
	r->meeting = meeting;
	if (map_put(c->sip->rosters, key(&r->meeting), r) == 0)
		return r;
	mem_free(r);
	return NULL;
}

static bool is_muted(const struct part *p)
{
	return p->muted || p->client_muted;
}

static uint64_t hash_of(const struct core *c, const struct part *p)
{
	return siphash(c->sip->roster_key, span_str(p->overlay[0] ?
						    p->overlay : p->name)) ^
	       (uint64_t)p->host ^ (uint64_t)is_muted(p) << 1;
}

static void draft_open(struct draft *d, const struct room *r, uint32_t n_all,
		       bool full)
{
	cv__sip_roster__init(&d->m);
	d->m.calls = d->calls;
	d->m.users = d->list;
	d->m.full = full;
	d->m.locked = r->locked;
	d->m.n_all = n_all;
}

static Cv__SipRosterEntry *add(struct draft *d, const char *uuid)
{
	Cv__SipRosterEntry *e = &d->entry[d->m.n_users];

	d->list[d->m.n_users++] = e;
	cv__sip_roster_entry__init(e);
	e->entity = ipc_data(span_str(uuid));
	return e;
}

static void add_part(struct draft *d, const struct part *p)
{
	Cv__SipRosterEntry *e = add(d, p->uuid);

	e->name = ipc_data(span_str(p->overlay[0] ? p->overlay : p->name));
	e->host = p->host;
	e->muted = is_muted(p);
}

static struct told *told_of(struct sip_roster *r, uint64_t part)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->told[i].part == part)
			return &r->told[i];
	return NULL;
}

static uint32_t inside(const struct room *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_parts; i++)
		n += r->parts[i]->state == PART_INSIDE;
	return n;
}

/* Fills in what is not as it was told, and notes what will be. */
static bool difference(const struct core *c, const struct room *room,
		       struct sip_roster *r, struct draft *d)
{
	bool changed = r->locked != room->locked || r->n_all != d->m.n_all;

	for (size_t i = 0; i < r->n; i++)
		r->told[i].is_here = false;
	for (uint32_t i = 0; i < room->n_parts; i++) {
		const struct part *p = room->parts[i];
		struct told *t = told_of(r, p->id);
		const uint64_t h = hash_of(c, p);

		if (p->state != PART_INSIDE || (!t && r->n == USERS_MAX))
			continue;
		if (!t || t->hash != h)
			add_part(d, p);
		if (!t)
			t = &r->told[r->n++];
		*t = (struct told){.part = p->id, .hash = h, .is_here = true};
		memcpy(t->uuid, p->uuid, sizeof(t->uuid));
	}
	for (size_t i = r->n; i > 0; i--)
		if (!r->told[i - 1].is_here && d->m.n_users < LIST_MAX) {
			char *uuid = d->gone[d->m.n_users];

			memcpy(uuid, r->told[i - 1].uuid, UUID_TEXT_LEN + 1);
			add(d, uuid)->gone = true;
			r->told[i - 1] = r->told[--r->n];
		}
	r->locked = room->locked;
	r->n_all = d->m.n_all;
	return changed || d->m.n_users;
}

static void send_draft(struct core *c, struct draft *d)
{
	if (d->m.n_calls && sip_chan(c))
		(void)ipc_send(sip_chan(c), SIP_ROSTER, &d->m);
}

static void tell_room(struct core *c, struct draft *d, const struct meeting *m,
		      const struct sub *subs, size_t n)
{
	struct sip_roster *r = roster_of(c, m->id);
	const struct room *room = m->room;
	uint32_t n_all = inside(room);
	bool changed;

	if (!r)
		return;
	r->turn = c->sip->roster_turn;
	draft_open(d, room, n_all, false);
	changed = difference(c, room, r, d);
	for (size_t i = 0; i < n; i++)
		if (!subs[i].call->wants_roster)
			d->calls[d->m.n_calls++] = subs[i].call->face;
	if (changed)
		send_draft(c, d);
	draft_open(d, room, n_all, true);
	for (size_t i = 0; i < n; i++)
		if (subs[i].call->wants_roster)
			d->calls[d->m.n_calls++] = subs[i].call->face;
	for (uint32_t i = 0; d->m.n_calls && i < room->n_parts; i++)
		if (room->parts[i]->state == PART_INSIDE &&
		    told_of(r, room->parts[i]->id))
			add_part(d, room->parts[i]);
	send_draft(c, d);
	for (size_t i = 0; i < n; i++)
		subs[i].call->wants_roster = false;
}

/* --- once a second --------------------------------------------------------------- */

static int by_meeting(const void *a, const void *b)
{
	const struct sub *x = a, *y = b;

	return (x->meeting > y->meeting) - (x->meeting < y->meeting);
}

static size_t gather(struct core *c, struct sub *subs)
{
	uint32_t slot = 0;
	struct sip_call *call;
	size_t n = 0;

	while ((call = handles_next(c->sip->table, &slot, NULL))) {
		const struct meeting *m = call->subscribed ? sees(call) : NULL;

		if (call->subscribed && !m)
			end(call);
		if (m && n < SIP_CALLS_MAX)
			subs[n++] = (struct sub){m->id, call};
	}
	qsort(subs, n, sizeof(*subs), by_meeting);
	return n;
}

static void forget(struct core *c, bool all)
{
	size_t it = 0;
	struct span k;
	void *v;

	while (map_next(c->sip->rosters, &it, &k, &v)) {
		struct sip_roster *r = v;

		if (r->turn == c->sip->roster_turn && !all)
			continue;
		(void)map_del(c->sip->rosters, key(&r->meeting));
		mem_free(r);
		it = 0;		/* the table has moved */
	}
}

static bool is_wanted(const struct core *c)
{
	uint32_t slot = 0;
	const struct sip_call *call;

	while ((call = handles_next(c->sip->table, &slot, NULL)))
		if (call->subscribed)
			return true;
	return false;
}

void sip_rosters_tick(struct core *c)
{
	struct sub *subs = NULL;
	struct draft *d = NULL;
	size_t n = 0;

	c->sip->roster_turn++;
	if (is_wanted(c)) {
		subs = mem_alloc(SIP_CALLS_MAX * sizeof(*subs));
		d = mem_alloc(sizeof(*d));
	}
	if (subs && d)
		n = gather(c, subs);
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i + 1; k < n && subs[k].meeting == subs[i].meeting;)
			k++;
		tell_room(c, d, handles_get(c->meetings, subs[i].meeting),
			  subs + i, k - i);
	}
	mem_free(subs);
	mem_free(d);
	forget(c, false);
}

void sip_rosters_close(struct core *c)
{
	if (c->sip->rosters)
		forget(c, true);
	map_free(&c->sip->rosters);
}
