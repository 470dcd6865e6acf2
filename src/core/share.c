#include "core/share.h"

#include <string.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/err.h"

enum { V6_SOURCE_BYTES = 8 };

uint32_t share_strangers(uint32_t total)
{
	const uint32_t n = total - total / 4;

	return n < total || total == 1 ? n : total - 1;
}

uint32_t share_per_source(uint32_t total, enum share_who who)
{
	const uint32_t n = who == SHARE_STRANGER ?
		share_strangers(total) / 8 : total / 4;

	return n ? n : 1;
}

int share_init(struct share *s, uint32_t total)
{
	if (total < 1 || total > SHARE_TOTAL_MAX)
		return E_INVAL;
	*s = (struct share){.total = total};
	s->sources = mem_calloc(total, sizeof(*s->sources));
	return s->sources ? 0 : E_NOMEM;
}

void share_release(struct share *s)
{
	mem_free(s->sources);
	*s = (struct share){.total = 0};
}

static void net_of(uint8_t net[16], const uint8_t ip[16])
{
	struct addr a = {.port = 0};

	memcpy(a.ip, ip, sizeof(a.ip));
	memcpy(net, ip, 16);
	if (!addr_is_v4(&a))
		memset(net + V6_SOURCE_BYTES, 0, 16 - V6_SOURCE_BYTES);
}

/* As many as have a place at most: a walk is shorter than a hash. */
static struct share_source *source_of(struct share *s, const uint8_t net[16])
{
	for (uint32_t i = 0; i < s->n_sources; i++)
		if (memcmp(s->sources[i].net, net, 16) == 0)
			return &s->sources[i];
	return NULL;
}

static int refused(uint64_t *counter)
{
	++*counter;
	return E_FULL;
}

static int may_take(struct share *s, enum share_who who,
		    const struct share_source *from)
{
	if (s->n >= s->total)
		return refused(&s->stats.refused_full);
	if (who == SHARE_OURS)
		return 0;
	if (from && from->n[who] >= share_per_source(s->total, who))
		return refused(&s->stats.refused_source);
	if (who == SHARE_STRANGER && s->strangers >= share_strangers(s->total))
		return refused(&s->stats.refused_strangers);
	return 0;
}

int share_take(struct share *s, enum share_who who, const uint8_t *ip,
	       struct share_place *out)
{
	struct share_place p = {.held = true, .who = who};
	struct share_source *from = NULL;
	int r;

	if (who != SHARE_OURS) {
		net_of(p.net, ip);
		from = source_of(s, p.net);
	}
	r = may_take(s, who, from);
	if (r < 0)
		return r;
	if (who != SHARE_OURS) {
		if (!from) {
			from = &s->sources[s->n_sources++];
			*from = (struct share_source){.n = {0}};
			memcpy(from->net, p.net, 16);
		}
		from->n[who]++;
	}
	s->n++;
	s->strangers += who == SHARE_STRANGER;
	*out = p;
	return 0;
}

void share_give(struct share *s, struct share_place *p)
{
	struct share_source *from;

	if (!p->held)
		return;
	p->held = false;
	s->n--;
	s->strangers -= p->who == SHARE_STRANGER;
	if (p->who == SHARE_OURS)
		return;
	from = source_of(s, p->net);
	if (--from->n[p->who] == 0 && !from->n[SHARE_STRANGER] &&
	    !from->n[SHARE_PROVEN])
		*from = s->sources[--s->n_sources];
}
