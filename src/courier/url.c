#include "courier/url.h"

#include "base/wr.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443, LABEL_MAX = 63 };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_byte(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* Would somebody read this label as a number? */
static bool is_number(struct span label)
{
	size_t i = 0;
	bool hex = label.n >= 2 && label.p[0] == '0' && label.p[1] == 'x';

	for (i = hex ? 2 : 0; i < label.n; i++)
		if (hex ? !is_hex(label.p[i]) : !is_digit(label.p[i]))
			return false;
	return true;
}

static int check_label(struct span label)
{
	if (label.n == 0 || label.n > LABEL_MAX)
		return E_FORMAT;
	for (size_t i = 0; i < label.n; i++)
		if (!is_name_byte(label.p[i]))
			return E_FORMAT;
	return 0;
}

static int read_name(struct url *u, struct span host)
{
	struct span label = SPAN_NONE, rest;
	bool more = true;

	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n > URL_HOST_MAX)
		return E_FORMAT;
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = host.p[i];

		u->host[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	u->host[host.n] = 0;
	rest = span_str(u->host);
	while (more) {
		more = span_split(rest, '.', &label, &rest);
		if (check_label(label) < 0)
			return E_FORMAT;
	}
	return is_number(label) ? E_FORMAT : 0;
}

static int read_literal(struct url *u, struct span host)
{
	char text[ADDR_TEXT_MAX];

	if (addr_parse(&u->addr, host, u->port) < 0)
		return E_FORMAT;
	addr_print_ip(&u->addr, text);
	u->is_literal = true;
	return span_cstr(span_str(text), u->host, sizeof(u->host));
}

static int read_port(struct url *u, struct span text)
{
	uint64_t n;

	if (span_u64(text, 65535, &n) < 0 || n == 0)
		return E_FORMAT;
	u->port = (uint16_t)n;
	return 0;
}

/* [v6], [v6]:port */
static int read_bracketed(struct url *u, struct span at)
{
	struct span host, rest;

	if (!span_split(span_of(at.p + 1, at.n - 1), ']', &host, &rest) ||
	    !memchr(host.p, ':', host.n))
		return E_FORMAT;
	if (rest.n && (rest.p[0] != ':' ||
		       read_port(u, span_of(rest.p + 1, rest.n - 1)) < 0))
		return E_FORMAT;
	return read_literal(u, host);
}

static int read_authority(struct url *u, struct span at)
{
	struct span host, port;

	u->port = u->is_plain ? PORT_HTTP : PORT_HTTPS;
	if (at.n && at.p[0] == '[')
		return read_bracketed(u, at);
	if (span_split(at, ':', &host, &port) && read_port(u, port) < 0)
		return E_FORMAT;
	if (host.n && read_literal(u, host) == 0)
		return 0;
	return read_name(u, host);
}

static bool is_plain(struct span s)
{
	static const char bad[] = "\"<>\\^`{|}#";

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f ||
		    memchr(bad, s.p[i], sizeof(bad) - 1))
			return false;
	return true;
}

/* Behind the scheme. */
static int parse_rest(struct url *out, struct url *u, struct span rest)
{
	size_t n = 0;
	int r;

	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (memchr(rest.p, '@', n))
		return E_FORMAT;
	u->target = span_of(rest.p + n, rest.n - n);
	r = read_authority(u, span_of(rest.p, n));
	if (r == 0)
		*out = *u;
	return r;
}

static bool has_scheme(struct span text, struct span scheme)
{
	return text.n >= scheme.n &&
	       span_eq_nocase(span_of(text.p, scheme.n), scheme);
}

static int parse(struct url *out, struct span text, bool plain_too)
{
	static const struct span https = {(const uint8_t *)"https://", 8};
	static const struct span http = {(const uint8_t *)"http://", 7};
	struct url u = {.port = 0};
	size_t n = https.n;

	if (text.n > URL_MAX)
		return E_LIMIT;
	if (plain_too && has_scheme(text, http)) {
		u.is_plain = true;
		n = http.n;
	} else if (!has_scheme(text, https)) {
		return E_FORMAT;
	}
	return is_plain(text) ?
	       parse_rest(out, &u, span_of(text.p + n, text.n - n)) :
	       E_FORMAT;
}

int url_parse(struct url *out, struct span text)
{
	return parse(out, text, false);
}

int url_parse_any(struct url *out, struct span text)
{
	return parse(out, text, true);
}

int url_host(struct url *out, struct span host, uint16_t port)
{
	struct url u = {.port = port};
	int r;

	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = span_of(host.p + 1, host.n - 2);
	r = host.n ? read_literal(&u, host) : E_FORMAT;
	if (r < 0)
		r = read_name(&u, host);
	if (r == 0)
		*out = u;
	return r;
}

void url_print(const struct url *u, char dst[URL_PRINT_MAX])
{
	struct wr w = wr_of(dst, URL_PRINT_MAX);
	bool v6 = u->is_literal && !addr_is_v4(&u->addr);

	wr_str(&w, u->is_plain ? "http://" : "https://");
	wr_str(&w, v6 ? "[" : "");
	wr_str(&w, u->host);
	wr_str(&w, v6 ? "]" : "");
	if (u->port != (u->is_plain ? PORT_HTTP : PORT_HTTPS)) {
		wr_u8(&w, ':');
		wr_dec(&w, u->port);
	}
	if (!u->target.n || u->target.p[0] != '/')
		wr_u8(&w, '/');
	wr_span(&w, u->target);
	wr_u8(&w, 0);
	if (w.failed)
		dst[0] = 0;
}
