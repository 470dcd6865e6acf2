#include "media/transport/flood.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/siphash.h"

enum { MILLI = 1000 };

struct flood {
	struct flood_limits limits;
	uint64_t key[2];
	uint64_t refused;
	struct flood_bucket total;
	struct flood_bucket slot[FLOOD_SLOTS];
};

int flood_new(struct flood **out, const struct flood_limits *limits)
{
	struct flood *f = mem_zalloc(sizeof(*f));

	if (!f)
		return E_NOMEM;
	f->limits = *limits;
	rand_bytes(f->key, sizeof(f->key));
	*out = f;
	return 0;
}

void flood_free(struct flood **f)
{
	mem_free(*f);
	*f = NULL;
}

void flood_limit(struct flood *f, const struct flood_limits *limits)
{
	f->limits = *limits;
}

static void refill(struct flood_bucket *b, uint32_t per_s, uint32_t burst,
		   uint64_t now_ns)
{
	uint64_t cap = (uint64_t)burst * MILLI;
	uint64_t ms = now_ns > b->at_ns ? (now_ns - b->at_ns) / NS_PER_MS : 0;

	if (b->at_ns == 0 || ms > cap) {
		/* per_s is at least 1, so it is full by then */
		*b = (struct flood_bucket){cap, now_ns};
		return;
	}
	b->at_ns += ms * NS_PER_MS;
	b->milli += ms * per_s;
	if (b->milli > cap)
		b->milli = cap;
}

bool flood_bucket_take(struct flood_bucket *b, uint32_t per_s, uint32_t burst,
		       uint64_t now_ns)
{
	refill(b, per_s, burst, now_ns);
	if (b->milli < MILLI)
		return false;
	b->milli -= MILLI;
	return true;
}

static struct flood_bucket *slot_of(struct flood *f, const struct addr *a)
{
	size_t n = addr_is_v4(a) ? 16 : 8;

	return &f->slot[siphash(f->key, span_of(a->ip, n)) % FLOOD_SLOTS];
}

bool flood_take(struct flood *f, const struct addr *from, uint64_t now_ns)
{
	const struct flood_limits *l = &f->limits;
	struct flood_bucket *own = slot_of(f, from);

	if (flood_bucket_take(own, l->per_s, l->burst, now_ns)) {
		if (flood_bucket_take(&f->total, l->total_per_s,
				      l->total_burst, now_ns))
			return true;
		own->milli += MILLI;
	}
	f->refused++;
	return false;
}

uint64_t flood_refused(const struct flood *f)
{
	return f->refused;
}
