#include "core/routing/location.h"
#include <stdlib.h>
#include "base/alloc.h"
#include "schema/schema.h"

struct net {
	uint8_t ip[16];			/* bits behind the prefix are 0 */
	uint8_t prefix;
	int64_t location;
};

/* Longest prefix first, then by address: what has one length stands together
 * and is searched by halves. */
struct nets {
	struct net *at;
	size_t n;
};

struct location_table {
	struct nets sources, interfaces;
	int64_t default_id;
};

static int compare(const void *a, const void *b)
{
	const struct net *x = a, *y = b;
	int c = memcmp(x->ip, y->ip, sizeof(x->ip));
	if (x->prefix != y->prefix)
		return x->prefix > y->prefix ? -1 : 1;
	if (c != 0)
		return c;
	return x->location < y->location ? -1 : x->location > y->location;
}

static int count(struct span list, size_t *n)
{
	uint8_t ip[16];
	unsigned prefix;
	int e;
	while ((e = schema_net_next(&list, ip, &prefix)) > 0)
		if (++*n > LOCATION_NETS_MAX)
			return E_LIMIT;
	return e;
}

static void read_list(struct nets *nets, struct span list, int64_t location)
{
	unsigned prefix;
	while (schema_net_next(&list, nets->at[nets->n].ip, &prefix) > 0) {
		nets->at[nets->n].prefix = (uint8_t)prefix;
		nets->at[nets->n++].location = location;
	}
}

/* One entry more than there are: the reader writes before it sees the end. */
static int alloc_nets(struct nets *nets, size_t n)
{
	nets->at = mem_calloc(n + 1, sizeof(*nets->at));
	return nets->at ? 0 : E_NOMEM;
}

/* The lower id stands first of those that are the same network. */
static void sort(struct nets *nets)
{
	size_t kept = 0;
	if (nets->n > 1)
		qsort(nets->at, nets->n, sizeof(*nets->at), compare);
	for (size_t i = 0; i < nets->n; i++) {
		struct net *last = kept ? &nets->at[kept - 1] : NULL;
		if (last != NULL && last->prefix == nets->at[i].prefix &&
		    memcmp(last->ip, nets->at[i].ip, 16) == 0)
			continue;
		nets->at[kept++] = nets->at[i];
	}
	nets->n = kept;
}

static int fill(struct location_table *t, const struct location_row *rows,
		size_t n)
{
	size_t sources = 0, interfaces = 0;
	int e = 0;
	for (size_t i = 0; i < n && e == 0; i++) {
		e = count(rows[i].source_networks, &sources);
		if (e == 0)
			e = count(rows[i].interface_addresses, &interfaces);
	}
	if (e == 0)
		e = alloc_nets(&t->sources, sources);
	if (e == 0)
		e = alloc_nets(&t->interfaces, interfaces);
	if (e < 0)
		return e;
	for (size_t i = 0; i < n; i++) {
		read_list(&t->sources, rows[i].source_networks, rows[i].id);
		read_list(&t->interfaces, rows[i].interface_addresses,
			  rows[i].id);
	}
	sort(&t->sources);
	sort(&t->interfaces);
	return 0;
}

int location_table_new(struct location_table **out,
		       const struct location_row *rows, size_t n,
		       int64_t default_id)
{
	struct location_table *t = mem_zalloc(sizeof(*t));
	if (t == NULL)
		return E_NOMEM;
	t->default_id = default_id;
	int e = fill(t, rows, n);
	if (e < 0) {
		location_table_free(&t);
		return e;
	}
	*out = t;
	return 0;
}

void location_table_free(struct location_table **t)
{
	if (*t == NULL)
		return;
	mem_free((*t)->sources.at);
	mem_free((*t)->interfaces.at);
	mem_free(*t);
	*t = NULL;
}

static void mask(uint8_t dst[16], const uint8_t ip[16], unsigned prefix)
{
	memset(dst, 0, 16);
	memcpy(dst, ip, prefix / 8);
	if (prefix % 8)
		dst[prefix / 8] = ip[prefix / 8] &
				  (uint8_t)(0xff00u >> prefix % 8);
}

/* First entry from `low` on that is not before (prefix, ip). */
static size_t lower_bound(const struct nets *nets, size_t low,
			  unsigned prefix, const uint8_t ip[16])
{
	struct net key = {.prefix = (uint8_t)prefix, .location = INT64_MIN};
	size_t high = nets->n;
	memcpy(key.ip, ip, sizeof(key.ip));
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(&nets->at[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int64_t search(const struct nets *nets, const uint8_t ip[16])
{
	static const uint8_t all[16] = {
		255, 255, 255, 255, 255, 255, 255, 255,
		255, 255, 255, 255, 255, 255, 255, 255};
	uint8_t masked[16];
	size_t i = 0;
	while (ip != NULL && i < nets->n) {
		unsigned prefix = nets->at[i].prefix;
		mask(masked, ip, prefix);
		i = lower_bound(nets, i, prefix, masked);
		if (i < nets->n && nets->at[i].prefix == prefix &&
		    memcmp(nets->at[i].ip, masked, 16) == 0)
			return nets->at[i].location;
		/* On to the next length. */
		i = lower_bound(nets, i, prefix, all);
		if (i < nets->n && nets->at[i].prefix == prefix)
			i++;
	}
	return 0;
}

int64_t location_of(const struct location_table *t, const uint8_t local[16],
		    const uint8_t source[16])
{
	int64_t id = search(&t->sources, source);
	if (id == 0)
		id = search(&t->interfaces, local);
	return id ? id : t->default_id;
}
