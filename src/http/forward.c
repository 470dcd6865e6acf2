#include "http/forward.h"

enum { V4_OFFSET = 96 };

static void mask(uint8_t ip[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
		if (keep < 8)
			ip[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static int parse_prefix(struct http_proxies *p, struct span text)
{
	struct span ip, len;
	struct addr a;
	uint64_t bits;
	bool has_len = span_split(text, '/', &ip, &len);
	if (p->n == HTTP_PROXIES_MAX)
		return E_LIMIT;
	if (addr_parse(&a, span_trim(ip), 0) < 0)
		return E_FORMAT;
	bool v4 = addr_is_v4(&a) && !memchr(ip.p, ':', ip.n);
	bits = v4 ? 32 : 128;
	if (has_len && (span_u64(len, bits, &bits) < 0 || bits == 0))
		return E_FORMAT;
	if (v4)
		bits += V4_OFFSET;
	memcpy(p->v[p->n].ip, a.ip, 16);
	mask(p->v[p->n].ip, (unsigned)bits);
	p->v[p->n++].bits = (uint8_t)bits;
	return 0;
}

int http_proxies_parse(struct http_proxies *out, struct span list)
{
	struct http_proxies p = {.n = 0};
	list = span_trim(list);
	while (list.n) {
		struct span one;
		(void)span_split(list, ',', &one, &list);
		int r = parse_prefix(&p, span_trim(one));
		if (r < 0)
			return r;
	}
	*out = p;
	return 0;
}

bool http_proxies_have(const struct http_proxies *p, const struct addr *a)
{
	for (size_t i = 0; i < p->n; i++) {
		uint8_t ip[16];
		memcpy(ip, a->ip, sizeof(ip));
		mask(ip, p->v[i].bits);
		if (memcmp(ip, p->v[i].ip, sizeof(ip)) == 0)
			return true;
	}
	return false;
}

/* Some proxies write the port, too: "192.0.2.1:5000", "[2001:db8::1]:5000". */
static struct span without_port(struct span s)
{
	const uint8_t *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
	uint64_t port;
	if (s.n && s.p[0] == '[') {
		struct span in, rest;
		if (!span_split(span_of(s.p + 1, s.n - 1), ']', &in, &rest))
			return SPAN_NONE;
		if (rest.n && (rest.p[0] != ':' ||
			       span_u64(span_of(rest.p + 1, rest.n - 1), 65535,
					&port) < 0))
			return SPAN_NONE;
		return memchr(in.p, ':', in.n) ? in : SPAN_NONE;
	}
	if (!colon || memchr(s.p, '.', s.n) == NULL)
		return s;
	struct span ip, rest;
	(void)span_split(s, ':', &ip, &rest);
	if (span_u64(rest, 65535, &port) == 0)
		return ip;
	return s;		/* "::ffff:192.0.2.1", or nothing */
}

/* An address that a packet can come from. */
static bool is_source(const struct addr *a)
{
	static const uint8_t none[16];
	if (addr_is_v4(a))
		return a->ip[12] != 0 && a->ip[12] < 224;
	return memcmp(a->ip, none, 16) != 0 && a->ip[0] != 0xff;
}

static int parse_entry(struct addr *out, struct span text)
{
	if (text.n > HTTP_FORWARD_ENTRY_MAX)
		return E_LIMIT;
	text = without_port(span_trim(text));
	if (text.n == 0 || addr_parse(out, text, 0) < 0 || !is_source(out))
		return E_FORMAT;
	return 0;
}

/* The last member of a list separated by commas, and what stands before. */
static struct span take_last(struct span *list)
{
	size_t i = list->n;
	while (i > 0 && list->p[i - 1] != ',')
		i--;
	struct span last = span_of(list->p + i, list->n - i);
	*list = i ? span_of(list->p, i - 1) : SPAN_NONE;
	return last;
}

struct walk {
	const struct http_proxies *proxies;
	unsigned hops;
};

/* 0: found. E_AGAIN: all of them are proxies. */
static int walk_value(struct walk *w, struct span value, struct addr *source)
{
	do {
		struct addr a;
		int r = parse_entry(&a, take_last(&value));
		if (r < 0)
			return r;
		if (!http_proxies_have(w->proxies, &a)) {
			*source = a;
			return 0;
		}
		if (++w->hops > HTTP_FORWARD_HOPS)
			return E_LIMIT;
	} while (value.p);
	return E_AGAIN;
}

/* A proxy may append a field instead of a member: they are one list. */
int http_forward_source(struct addr *source, const struct http_proxies *p,
			const struct http_head *head)
{
	struct walk w = {.proxies = p};
	int r = E_NOTFOUND;
	for (size_t i = head->n_fields; i-- > 0;) {
		const struct http_field *f = &head->fields[i];
		if (!span_eq_nocase(f->name, SPAN_LIT("x-forwarded-for")))
			continue;
		r = walk_value(&w, f->value, source);
		if (r != E_AGAIN)
			return r;
	}
	return r == E_AGAIN ? E_FORMAT : r;
}
