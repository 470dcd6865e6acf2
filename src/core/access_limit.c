#include "core/access_limit.h"

#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/siphash.h"

enum { V4_SOURCE = 16, V4_NET = 15, V6_SOURCE = 8, V6_NET = 6 };	/* bytes */

struct place {
	uint32_t row[2];
};

static struct place place_of(const struct access_limit *l, unsigned kind,
			     const uint8_t ip[16], size_t bytes)
{
	uint8_t text[18] = {(uint8_t)kind, (uint8_t)bytes};
	uint64_t h;

	memcpy(text + 2, ip, bytes);
	h = siphash(l->key, span_of(text, sizeof(text)));
	return (struct place){{(uint32_t)h % ACCESS_SLOTS,
			       (uint32_t)(h >> 32) % ACCESS_SLOTS}};
}

static unsigned count_of(const struct access_limit *l, struct place p)
{
	const uint8_t a = l->seen[0][p.row[0]], b = l->seen[1][p.row[1]];

	return a < b ? a : b;
}

/* Only what is written is counted: no counter can overflow. */
static void add(struct access_limit *l, struct place p)
{
	l->seen[0][p.row[0]]++;
	l->seen[1][p.row[1]]++;
}

static void turn(struct access_limit *l, uint64_t now_ns)
{
	const uint64_t second = now_ns / NS_PER_S;

	if (second == l->second)
		return;
	l->second = second;
	memset(l->total, 0, sizeof(l->total));
	memset(l->repeats, 0, sizeof(l->repeats));
	memset(l->seen, 0, sizeof(l->seen));
}

static bool take(struct access_limit *l, unsigned kind, const uint8_t ip[16])
{
	struct addr a = {.port = 0};
	struct place source, net;
	unsigned n;

	memcpy(a.ip, ip, sizeof(a.ip));
	source = place_of(l, kind, ip, addr_is_v4(&a) ? V4_SOURCE : V6_SOURCE);
	net = place_of(l, kind, ip, addr_is_v4(&a) ? V4_NET : V6_NET);
	n = count_of(l, source);
	if (l->total[kind] >= ACCESS_LINES_PER_S ||
	    n >= ACCESS_SOURCE_PER_S ||
	    count_of(l, net) >= ACCESS_NET_PER_S ||
	    (n && l->repeats[kind] >= ACCESS_REPEATS_PER_S))
		return false;
	l->total[kind]++;
	l->repeats[kind] += n > 0;
	add(l, source);
	add(l, net);
	return true;
}

bool access_limit_may(struct access_limit *l, unsigned kind,
		      const uint8_t ip[16], uint64_t now_ns)
{
	turn(l, now_ns);
	if (kind < ACCESS_KINDS_MAX && take(l, kind, ip))
		return true;
	l->suppressed++;
	l->untold++;
	return false;
}

uint64_t access_limit_untold(struct access_limit *l)
{
	const uint64_t n = l->untold;

	l->untold = 0;
	return n;
}
