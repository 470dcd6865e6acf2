#include "http/host.h"
#include "base/alloc.h"

struct host_entry {
	bool is_addr;
	struct addr addr;
	char name[HTTP_HOST_NAME_MAX + 1];
};

struct http_hosts {
	size_t n;
	struct host_entry e[HTTP_HOSTS_MAX];
};

static bool is_name_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

static bool is_name(struct span s)
{
	if (s.n == 0 || s.n > HTTP_HOST_NAME_MAX || s.p[0] == '.' ||
	    s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_name_char(s.p[i]) ||
		    (s.p[i] == '.' && i + 1 < s.n && s.p[i + 1] == '.'))
			return false;
	return true;
}

static int split_bracket(struct span host, struct span *name,
			 struct span *port_text)
{
	struct addr a;
	struct span rest = span_of(host.p + 1, host.n - 1);
	if (!span_split(rest, ']', name, &rest) ||
	    addr_parse(&a, *name, 0) < 0 || !memchr(name->p, ':', name->n))
		return E_FORMAT;
	*port_text = SPAN_NONE;
	if (rest.n == 0)
		return 0;
	if (rest.p[0] != ':' || rest.n == 1)
		return E_FORMAT;
	*port_text = span_of(rest.p + 1, rest.n - 1);
	return 0;
}

static int split_plain(struct span host, struct span *name,
		       struct span *port_text)
{
	if (span_split(host, ':', name, port_text) && port_text->n == 0)
		return E_FORMAT;
	if (name->n > 1 && name->p[name->n - 1] == '.')
		name->n--;
	return is_name(*name) ? 0 : E_FORMAT;
}

int http_host_split(struct span host, struct span *name, uint16_t *port)
{
	struct span n = SPAN_NONE, text = SPAN_NONE;
	uint64_t v = 0;
	if (host.n == 0)
		return E_FORMAT;
	int r = host.p[0] == '[' ? split_bracket(host, &n, &text)
				 : split_plain(host, &n, &text);
	if (r < 0)
		return r;
	if (text.n && span_u64(text, 65535, &v) < 0)
		return E_FORMAT;
	*name = n;
	*port = (uint16_t)v;
	return 0;
}

int http_hosts_add(struct http_hosts *h, struct span name)
{
	if (h->n == HTTP_HOSTS_MAX)
		return E_LIMIT;
	struct host_entry *e = &h->e[h->n];
	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = span_of(name.p + 1, name.n - 2);
	e->is_addr = addr_parse(&e->addr, name, 0) == 0;
	if (!e->is_addr) {
		if (name.n > 1 && name.p[name.n - 1] == '.')
			name.n--;
		if (!is_name(name))
			return E_FORMAT;
		int r = span_cstr(name, e->name, sizeof(e->name));
		if (r < 0)
			return r;
	}
	h->n++;
	return 0;
}

static int add_list(struct http_hosts *h, struct span list)
{
	size_t from = 0;
	for (size_t i = 0; i <= list.n; i++) {
		if (i < list.n && list.p[i] != ',' && list.p[i] != ' ')
			continue;
		if (i > from) {
			int r = http_hosts_add(h, span_of(list.p + from,
							  i - from));
			if (r < 0)
				return r;
		}
		from = i + 1;
	}
	return 0;
}

int http_hosts_new(struct http_hosts **out, struct span list)
{
	struct http_hosts *h = mem_zalloc(sizeof(*h));
	if (!h)
		return E_NOMEM;
	int r = add_list(h, list);
	if (r < 0) {
		mem_free(h);
		return r;
	}
	*out = h;
	return 0;
}

void http_hosts_free(struct http_hosts **h)
{
	mem_free(*h);
	*h = NULL;
}

int http_hosts_check(const struct http_hosts *h, struct span host)
{
	struct span name;
	struct addr a;
	uint16_t port;
	int r = http_host_split(host, &name, &port);
	if (r < 0)
		return r;
	bool is_addr = addr_parse(&a, name, 0) == 0;
	for (size_t i = 0; i < h->n; i++) {
		if (h->e[i].is_addr != is_addr)
			continue;
		if (is_addr ? addr_ip_eq(&a, &h->e[i].addr)
			    : span_eq_nocase(name, span_str(h->e[i].name)))
			return 0;
	}
	return E_NOTFOUND;
}
