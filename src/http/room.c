/* Who is cut when connections or memory run short. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include "base/clock.h"
#include "http/conn.h"

enum {
	/* What a connection costs beside its input: TLS state, tables. */
	ROOM_CONN_BYTES = 24 * 1024,
	/* Handshakes of others are cut only when they hardly move. */
	ROOM_HANDSHAKE_GRACE_MS = 3000,
	ROOM_LOOK_MAX = 64,	/* so many are looked at for a victim */
};

/* A request that core has, an answer on its way and a stream are not cut: they
 * are bounded by other limits. */
static const bool may_be_cut[CONN_STATE_COUNT] = {
	[CONN_HANDSHAKE] = true, [CONN_IDLE] = true, [CONN_REQUEST] = true,
	[CONN_DRAIN] = true, [CONN_LINGER] = true,
};

void room_sort(struct conn *c)
{
	struct http_server *s = c->s;
	enum conn_order o = c->state == CONN_HANDSHAKE ? ORDER_HANDSHAKE
			  : c->is_proven ? ORDER_PROVEN : ORDER_UNPROVEN;
	list_del(&c->order);
	list_del(&c->in_source);
	/* A proxy's connection carries many people. */
	if (!may_be_cut[c->state] || c->via_proxy)
		return;
	list_add_tail(&s->order[o], &c->order);
	struct list *members = sources_members(s->cfg.sources, &c->peer);
	if (members && !c->is_proven)
		list_add_tail(members, &c->in_source);
}

static bool is_ripe(const struct conn *c, uint32_t grace_ms, uint64_t now_ns)
{
	return now_ns - c->since_ns >= grace_ms * NS_PER_MS;
}

static struct conn *first(struct list *l)
{
	return list_is_empty(l) ? NULL
				: list_entry(l->next, struct conn, order);
}

static struct conn *idlest(struct http_server *s)
{
	struct conn *a = first(&s->order[ORDER_HANDSHAKE]);
	struct conn *b = first(&s->order[ORDER_UNPROVEN]);
	if (!a || (b && b->since_ns < a->since_ns))
		a = b;
	return a ? a : first(&s->order[ORDER_PROVEN]);
}

bool room_make(struct http_server *s, uint64_t now_ns)
{
	struct conn *c = idlest(s);
	if (!c || !is_ripe(c, s->cfg.grace_ms, now_ns))
		return false;
	s->stats.evicted++;
	conn_close(c);
	return true;
}

bool room_make_of(struct http_server *s, const struct addr *peer,
		  bool handshakes, uint32_t grace_ms, uint64_t now_ns)
{
	struct list *members = sources_members(s->cfg.sources, peer);
	unsigned looked = 0;
	if (!members)
		return false;
	list_each(it, tmp, members) {
		struct conn *c = list_entry(it, struct conn, in_source);
		if (!is_ripe(c, grace_ms, now_ns) ||
		    looked++ == ROOM_LOOK_MAX)
			return false;
		if (handshakes && c->state != CONN_HANDSHAKE)
			continue;
		c->s->stats.evicted++;
		conn_close(c);
		return true;
	}
	return false;
}

bool room_make_handshake(struct http_server *s, uint64_t now_ns)
{
	struct conn *c = first(&s->order[ORDER_HANDSHAKE]);
	if (!c || now_ns - c->since_ns < ROOM_HANDSHAKE_GRACE_MS * NS_PER_MS)
		return false;
	s->stats.evicted++;
	conn_close(c);
	return true;
}

void room_forget(struct conn *c)
{
	c->s->charged -= c->charged;
	c->charged = 0;
	list_del(&c->order);
	list_del(&c->in_source);
}

/* Memory, unlike places, is used up by few: whoever sent more than a head
 * before he proved anything has no second to wait for. */
static bool cut_a_fat_one(struct http_server *s)
{
	unsigned looked = 0;
	list_each(it, tmp, &s->order[ORDER_UNPROVEN]) {
		struct conn *c = list_entry(it, struct conn, order);
		if (looked++ == ROOM_LOOK_MAX)
			return false;
		if (c->charged <= ROOM_CONN_BYTES + HTTP_HEAD_MAX)
			continue;
		s->stats.evicted++;
		conn_close(c);
		return true;
	}
	return false;
}

void room_charge(struct conn *c, uint64_t now_ns)
{
	struct http_server *s = c->s;
	if (c->state == CONN_DEAD)
		return;
	size_t n = evbuffer_get_length(bufferevent_get_input(c->bev));
	if (!c->is_proven && !c->via_proxy)
		n += ROOM_CONN_BYTES;
	s->charged = s->charged - c->charged + n;
	c->charged = n;
	while (s->charged > s->cfg.bytes_max && c->state != CONN_DEAD)
		if (!room_make(s, now_ns) && !cut_a_fat_one(s)) {
			s->stats.evicted++;
			conn_close(c);
		}
}
