#include "core/audit/crowd.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/map.h"

enum { V4_24 = 15, V6_48 = 6, KEY_LEN = 17 };	/* bytes that are kept */

struct net {
	uint8_t key[KEY_LEN];		/* action, address */
	uint64_t n;
};

struct action {
	const char *name;
	uint64_t n;
	uint32_t nets;
	bool more;			/* networks without a place */
};

struct crowd {
	struct action actions[CROWD_ACTIONS_MAX];
	size_t n_actions;
	struct net nets[CROWD_NETS_MAX];
	size_t n_nets;
	struct map *by_key;
};

int crowd_new(struct crowd **out)
{
	struct crowd *c = mem_zalloc(sizeof(*c));
	int r;

	if (!c)
		return E_NOMEM;
	r = map_new(&c->by_key, CROWD_NETS_MAX);
	if (r < 0) {
		mem_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void crowd_free(struct crowd **c)
{
	if (!*c)
		return;
	map_free(&(*c)->by_key);
	mem_free(*c);
	*c = NULL;
}

static uint8_t action_of(struct crowd *c, const char *name)
{
	size_t i = 0;

	while (i < c->n_actions && strcmp(c->actions[i].name, name) != 0)
		i++;
	if (i == CROWD_ACTIONS_MAX)
		return CROWD_ACTIONS_MAX - 1;
	if (i == c->n_actions) {
		c->actions[i].name = i == CROWD_ACTIONS_MAX - 1 ? "others" :
			name;
		c->n_actions++;
	}
	return (uint8_t)i;
}

/* What is no address is a network of zeros. */
static void net_of(uint8_t dst[16], struct span source)
{
	struct span host = source, rest;
	struct addr a;

	memset(dst, 0, 16);
	(void)span_split(source, '/', &host, &rest);
	if (addr_parse(&a, host, 0) == 0)
		memcpy(dst, a.ip, addr_is_v4(&a) ? V4_24 : V6_48);
}

void crowd_add(struct crowd *c, const char *action, struct span source,
	       uint64_t n)
{
	const uint8_t at = action_of(c, action);
	struct action *x = &c->actions[at];
	uint8_t key[KEY_LEN] = {at};
	struct net *net;

	x->n += n;
	net_of(key + 1, source);
	net = map_get(c->by_key, span_of(key, KEY_LEN));
	if (net) {
		net->n += n;
		return;
	}
	net = &c->nets[c->n_nets];
	if (c->n_nets == CROWD_NETS_MAX ||
	    map_put(c->by_key, span_of(key, KEY_LEN), net) < 0) {
		x->more = true;
		return;
	}
	memcpy(net->key, key, KEY_LEN);
	net->n = n;
	c->n_nets++;
	x->nets++;
}

/* The first CROWD_TOP places of top[], most first; how many. */
static size_t find_top(const struct crowd *c, uint8_t action,
		       const struct net *top[CROWD_TOP])
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_nets; i++) {
		const struct net *x = &c->nets[i];
		size_t at = n;

		if (x->key[0] != action)
			continue;
		while (at > 0 && top[at - 1]->n < x->n)
			at--;
		if (at == CROWD_TOP)
			continue;
		if (n < CROWD_TOP)
			n++;
		for (size_t k = n - 1; k > at; k--)
			top[k] = top[k - 1];
		top[at] = x;
	}
	return n;
}

static size_t print(char *dst, size_t n, const struct net *x, bool first)
{
	static const uint8_t nowhere[16] = {0};
	struct addr a = {.port = 0};
	char ip[ADDR_TEXT_MAX], net[ADDR_TEXT_MAX + 8];
	int got;

	memcpy(a.ip, x->key + 1, sizeof(a.ip));
	addr_print_ip(&a, ip);
	(void)snprintf(net, sizeof(net), "%s/%d", ip,
		       addr_is_v4(&a) ? 24 : 48);
	got = snprintf(dst + n, CROWD_TEXT_MAX - n, "%s%s (%llu)",
		       first ? ": " : ", ",
		       memcmp(a.ip, nowhere, 16) == 0 ? "no address" : net,
		       (unsigned long long)x->n);
	return got < 0 || (size_t)got >= CROWD_TEXT_MAX - n ? n :
		n + (size_t)got;
}

static void tell(const struct crowd *c, uint8_t action,
		 char text[CROWD_TEXT_MAX])
{
	const struct action *x = &c->actions[action];
	const struct net *top[CROWD_TOP];
	const size_t n_top = find_top(c, action, top);
	size_t n;

	n = (size_t)snprintf(text, CROWD_TEXT_MAX,
			     "%llu more from %s%u networks",
			     (unsigned long long)x->n, x->more ?
			     "more than " : "", x->nets);
	for (size_t i = 0; i < n_top; i++)
		n = print(text, n, top[i], i == 0);
	text[n] = 0;
}

static void begin_anew(struct crowd *c)
{
	for (size_t i = 0; i < c->n_nets; i++)
		(void)map_del(c->by_key, span_of(c->nets[i].key, KEY_LEN));
	c->n_nets = 0;
	c->n_actions = 0;
	memset(c->actions, 0, sizeof(c->actions));
}

bool crowd_take(struct crowd *c, const char **action,
		char text[CROWD_TEXT_MAX])
{
	for (size_t i = 0; i < c->n_actions; i++) {
		if (c->actions[i].n == 0)
			continue;
		*action = c->actions[i].name;
		tell(c, (uint8_t)i, text);
		c->actions[i].n = 0;
		return true;
	}
	begin_anew(c);
	return false;
}
