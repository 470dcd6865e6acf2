#include "core/allow.h"

#include "base/alloc.h"

struct allow_list {
	struct allow_entry *entries;
	size_t n, cap;
};

bool net_holds(const uint8_t ip[16], unsigned prefix,
	       const uint8_t address[16])
{
	const unsigned whole = prefix / 8, bits = prefix % 8;
	const uint8_t mask = (uint8_t)(0xff00 >> bits);

	if (prefix > 128)
		return false;
	return memcmp(ip, address, whole) == 0 &&
	       (!bits || ((ip[whole] ^ address[whole]) & mask) == 0);
}

int allow_new(struct allow_list **out)
{
	struct allow_list *l = mem_zalloc(sizeof(*l));

	if (!l)
		return E_NOMEM;
	*out = l;
	return 0;
}

void allow_free(struct allow_list **l)
{
	if (*l)
		mem_free((*l)->entries);
	mem_free(*l);
	*l = NULL;
}

static int grow(struct allow_list *l)
{
	const size_t cap = l->cap ? l->cap * 2 : 16;
	struct allow_entry *p;

	if (l->n < l->cap)
		return 0;
	p = mem_realloc(l->entries, cap * sizeof(*p));
	if (!p)
		return E_NOMEM;
	l->entries = p;
	l->cap = cap;
	return 0;
}

int allow_add(struct allow_list *l, const struct allow_entry *e)
{
	int r;

	if (!e->prefix || e->prefix > 128)
		return E_INVAL;
	if (l->n >= ALLOW_MAX)
		return E_FULL;
	r = grow(l);
	if (r == 0)
		l->entries[l->n++] = *e;
	return r;
}

struct allow_facts allow_of(const struct allow_list *l, const uint8_t ip[16])
{
	struct allow_facts f = {false, false, false, false};

	for (size_t i = 0; l && i < l->n; i++) {
		const struct allow_entry *e = &l->entries[i];

		if (!net_holds(e->ip, e->prefix, ip))
			continue;
		f.is_user |= !e->is_proxy;
		f.is_proxy |= e->is_proxy;
		f.ignore_aliases |= e->ignore_aliases;
		f.ignore_pins |= e->ignore_pins;
	}
	return f;
}

bool allow_touches(const struct allow_list *l, const uint8_t ip[16],
		   unsigned prefix)
{
	for (size_t i = 0; l && i < l->n; i++) {
		const struct allow_entry *e = &l->entries[i];
		const unsigned least = e->prefix < prefix ? e->prefix : prefix;

		if (net_holds(e->ip, least, ip))
			return true;
	}
	return false;
}

size_t allow_count(const struct allow_list *l)
{
	return l ? l->n : 0;
}

const struct allow_entry *allow_at(const struct allow_list *l, size_t i)
{
	return &l->entries[i];
}
