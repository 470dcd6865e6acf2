/* URIs and hosts. */
#include "base/text.h"
#include "wire/sip/sip_int.h"

/* --- hosts --- */

/* RFC 5118 4.10: the grammar of RFC 3261 allowed three colons in front of an
 * IPv4 tail, and peers of that age write them. */
static int parse_v6(struct addr *out, struct span s)
{
	uint8_t two[48];
	struct wr w = wr_of(two, sizeof(two));
	struct span t;

	if (addr_parse(out, s, 0) == 0)
		return 0;
	if (!memchr(s.p, '.', s.n))
		return E_FORMAT;
	for (size_t i = 0; i < s.n; i++)
		if (i < 2 || s.p[i] != ':' || s.p[i - 1] != ':' ||
		    s.p[i - 2] != ':')
			wr_u8(&w, s.p[i]);
	if (wr_end(&w, &t) != 0 || t.n + 1 != s.n)
		return E_FORMAT;
	return addr_parse(out, t, 0);
}

static int get_v6(struct sip_host *h, struct lex *l)
{
	struct span in = lex_rest(l), text, rest;

	if (!span_split(in, ']', &text, &rest) ||
	    memchr(text.p, ':', text.n) == NULL ||
	    parse_v6(&h->ip, text) != 0)
		return E_FORMAT;
	h->kind = SIP_HOST_V6;
	h->text = text;
	l->p = text.p + text.n + 1;
	return 0;
}

static bool is_host_char(uint8_t c)
{
	return sip_is(c, C_ALNUM) || c == '-' || c == '.' || c == '_';
}

static bool is_label(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_host_char(s.p[i]))
			return false;
	return s.n > 0 && s.n <= 63 && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static bool is_name(struct span s)
{
	struct span label, rest = s;
	bool more = true;

	if (s.n > 1 && s.p[s.n - 1] == '.')
		rest.n--;
	if (s.n == 0 || s.n > SIP_HOST_MAX)
		return false;
	while (more) {
		more = span_split(rest, '.', &label, &rest);
		if (!is_label(label))
			return false;
	}
	/* toplabel: what is all digits is a broken address, not a name */
	return label.p[0] < '0' || label.p[0] > '9';
}

static int get_name(struct sip_host *h, struct lex *l)
{
	const uint8_t *from = l->p;

	while (l->p < l->end && is_host_char(*l->p))
		l->p++;
	h->text = span_of(from, (size_t)(l->p - from));
	if (h->text.n > 0 && h->text.n <= 15 && from[0] >= '0' &&
	    from[0] <= '9' && addr_parse(&h->ip, h->text, 0) == 0) {
		h->kind = SIP_HOST_V4;
		return 0;
	}
	if (!is_name(h->text))
		return E_FORMAT;
	h->kind = SIP_HOST_NAME;
	return 0;
}

static int get_port(uint16_t *out, struct lex *l)
{
	const uint8_t *from = l->p;
	uint64_t port;

	while (l->p < l->end && *l->p >= '0' && *l->p <= '9')
		l->p++;
	if (span_u64(span_of(from, (size_t)(l->p - from)), 65535, &port) != 0 ||
	    port == 0)
		return E_FORMAT;
	*out = (uint16_t)port;
	return 0;
}

/* host, and a port when its colon is next: with blanks around it if `blanks` */
static int get_host(struct lex *l, bool blanks, struct sip_host *out)
{
	struct sip_host h = {.kind = SIP_HOST_NONE};
	int r = lex_byte(l, '[') ? get_v6(&h, l) : get_name(&h, l);
	const uint8_t *behind = l->p;

	if (r != 0)
		return r;
	if (blanks ? lex_mark(l, ':') : lex_byte(l, ':'))
		r = get_port(&h.port, l);
	else
		l->p = behind;
	if (r == 0)
		*out = h;
	return r;
}

int sip_lex_host(struct lex *l, struct sip_host *out)
{
	return get_host(l, true, out);
}

int sip_host_decode(struct sip_host *out, struct span text)
{
	struct lex l = lex_of(text);
	struct sip_host h;
	int r = get_host(&l, false, &h);

	if (r != 0 || !lex_end(&l))
		return E_FORMAT;
	*out = h;
	return 0;
}

bool sip_host_eq(const struct sip_host *a, const struct sip_host *b)
{
	bool a_ip = a->kind == SIP_HOST_V4 || a->kind == SIP_HOST_V6;
	bool b_ip = b->kind == SIP_HOST_V4 || b->kind == SIP_HOST_V6;

	if (a_ip || b_ip)
		return a_ip && b_ip && addr_ip_eq(&a->ip, &b->ip);
	return a->kind == b->kind && span_eq_nocase(a->text, b->text);
}

/* --- reading --- */

static bool is_escaped_run(struct span s, unsigned classes)
{
	uint32_t v;

	for (size_t i = 0; i < s.n; i++) {
		if (!sip_is(s.p[i], classes))
			return false;
		if (s.p[i] != '%')
			continue;
		if (s.n - i < 3 || !sip_hex(span_of(s.p + i + 1, 2), &v))
			return false;
		i += 2;
	}
	return true;
}

static int get_userinfo(struct sip_uri *u, struct span s)
{
	struct span password;

	u->has_user = true;
	u->has_password = span_split(s, ':', &u->user, &password);
	if (u->user.n == 0 || !is_escaped_run(u->user, C_USER) ||
	    !is_escaped_run(password, C_USER))
		return E_FORMAT;
	return u->user.n > SIP_USER_MAX ? E_LIMIT : 0;
}

static bool is_graphic(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sip_is(s.p[i], C_GRAPH) || s.p[i] == '<' ||
		    s.p[i] == '>' || s.p[i] == '"')
			return false;
	return s.n > 0;
}

static int check_uri_params(struct span params)
{
	struct span rest = params, one, key, value;

	if (params.n == 0)
		return 0;
	rest = span_of(params.p + 1, params.n - 1);
	for (bool more = true; more;) {
		more = span_split(rest, ';', &one, &rest);
		span_split(one, '=', &key, &value);
		if (key.n == 0 || !is_escaped_run(key, C_UPARAM) ||
		    !is_escaped_run(value, C_UPARAM))
			return E_FORMAT;
	}
	return sip_check_params(params);
}

/* What stands behind host and port. */
static int get_tail(struct sip_uri *u, struct span s)
{
	bool has = span_split(s, '?', &u->params, &u->headers);

	if ((u->params.n > 0 && u->params.p[0] != ';') ||
	    (has && u->headers.n == 0) ||
	    !is_escaped_run(u->headers, C_UHEADER))
		return E_FORMAT;
	return check_uri_params(u->params);
}

static int get_sip(struct sip_uri *u, struct span s)
{
	struct span info, rest;
	struct lex l;
	int r;

	if (span_split(s, '@', &info, &rest)) {
		r = get_userinfo(u, info);
		if (r != 0)
			return r;
		s = rest;
	}
	l = lex_of(s);
	r = get_host(&l, false, &u->host);
	return r == 0 ? get_tail(u, lex_rest(&l)) : r;
}

static bool is_phone(struct span s)
{
	size_t digits = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c == '+' && i > 0)
			return false;
		if (c == '+' || c == '-' || c == '.' || c == '(' || c == ')')
			continue;
		if ((c < '0' || c > '9') && c != '*' && c != '#' &&
		    (sip_lower(c) < 'a' || sip_lower(c) > 'f'))
			return false;
		digits++;
	}
	return digits > 0 && s.n <= SIP_USER_MAX;
}

static int get_tel(struct sip_uri *u, struct span s)
{
	const uint8_t *semi = s.n ? memchr(s.p, ';', s.n) : NULL;

	u->user = semi ? span_of(s.p, (size_t)(semi - s.p)) : s;
	if (semi)
		u->params = span_of(semi, s.n - u->user.n);
	u->has_user = true;
	return is_phone(u->user) ? check_uri_params(u->params) : E_FORMAT;
}

static bool is_scheme(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sip_is(s.p[i], C_ALNUM) && s.p[i] != '+' &&
		    s.p[i] != '-' && s.p[i] != '.')
			return false;
	return s.n > 0 && (s.p[0] < '0' || s.p[0] > '9');
}

int sip_uri_decode(struct sip_uri *out, struct span text)
{
	struct sip_uri u = {.text = text};
	struct span scheme, rest;
	int r = 0;

	if (text.n > SIP_URI_MAX)
		return E_LIMIT;
	if (!span_split(text, ':', &scheme, &rest) || !is_scheme(scheme) ||
	    !is_graphic(rest))
		return E_FORMAT;
	if (span_eq_nocase(scheme, SPAN_LIT("sip")))
		u.scheme = SIP_SCHEME_SIP;
	else if (span_eq_nocase(scheme, SPAN_LIT("sips")))
		u.scheme = SIP_SCHEME_SIPS;
	else if (span_eq_nocase(scheme, SPAN_LIT("tel")))
		u.scheme = SIP_SCHEME_TEL;
	if (u.scheme == SIP_SCHEME_TEL)
		r = get_tel(&u, rest);
	else if (u.scheme != SIP_SCHEME_OTHER)
		r = get_sip(&u, rest);
	if (r == 0)
		*out = u;
	return r;
}

/* --- parts --- */

int sip_uri_user(const struct sip_uri *u, void *buf, size_t cap,
		 struct span *out)
{
	return sip_unescape(u->user, buf, cap, out);
}

static void put_lower(struct wr *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		wr_u8(w, sip_lower(s.p[i]));
}

static void put_phone(struct wr *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '(' &&
		    s.p[i] != ')')
			wr_u8(w, sip_lower(s.p[i]));
}

int sip_uri_alias(const struct sip_uri *u, void *buf, size_t cap,
		  struct span *out)
{
	uint8_t user[SIP_USER_MAX];
	struct wr w = wr_of(buf, cap);
	struct span s;
	int r;

	if (u->scheme == SIP_SCHEME_OTHER)
		return E_UNSUPPORTED;
	if (u->scheme == SIP_SCHEME_TEL) {
		put_phone(&w, u->user);
		return wr_end(&w, out) == 0 ? 0 : E_LIMIT;
	}
	if (u->has_user) {
		r = sip_uri_user(u, user, sizeof(user), &s);
		if (r != 0)
			return r;
		wr_span(&w, s);
		wr_u8(&w, '@');
	}
	put_lower(&w, u->host.text);
	return wr_end(&w, out) == 0 ? 0 : E_LIMIT;
}

enum sip_transport sip_uri_transport(const struct sip_uri *u)
{
	static const char *const names[] = {
		[SIP_TRANSPORT_UDP] = "udp", [SIP_TRANSPORT_TCP] = "tcp",
		[SIP_TRANSPORT_TLS] = "tls", [SIP_TRANSPORT_WS] = "ws",
		[SIP_TRANSPORT_WSS] = "wss", [SIP_TRANSPORT_SCTP] = "sctp"};
	struct sip_param p;

	if (!sip_param_find(u->params, "transport", &p))
		return SIP_TRANSPORT_NONE;
	for (int i = SIP_TRANSPORT_UDP; i < SIP_TRANSPORT_OTHER; i++)
		if (span_eq_nocase(p.value, span_str(names[i])))
			return (enum sip_transport)i;
	return SIP_TRANSPORT_OTHER;
}

bool sip_uri_is_lr(const struct sip_uri *u)
{
	return sip_param_has(u->params, "lr");
}

/* --- comparing (RFC 3261 19.1.4) --- */

static bool is_plain(uint8_t c)
{
	return sip_is(c, C_ALNUM) ||
	       (c != 0 && strchr("-_.!~*'()", c) != NULL);
}

/* The next byte of a component, and whether it was escaped and must stay
 * different from its plain form (reserved bytes). */
static int next_char(struct span *s)
{
	uint32_t v;
	int c;

	if (s->n == 0)
		return -1;
	c = s->p[0];
	if (c == '%' && s->n >= 3 && sip_hex(span_of(s->p + 1, 2), &v)) {
		*s = span_of(s->p + 3, s->n - 3);
		return is_plain((uint8_t)v) ? (int)v : (int)v | 0x100;
	}
	*s = span_of(s->p + 1, s->n - 1);
	return c;
}

static bool eq_escaped(struct span a, struct span b, bool nocase)
{
	int x, y;

	do {
		x = next_char(&a);
		y = next_char(&b);
		if (nocase && x >= 'A' && x <= 'Z')
			x |= 0x20;
		if (nocase && y >= 'A' && y <= 'Z')
			y |= 0x20;
		if (x != y)
			return false;
	} while (x >= 0);
	return true;
}

static bool find_escaped(struct span params, struct span name,
			 struct sip_param *out)
{
	while (sip_param_next(&params, out))
		if (eq_escaped(out->name, name, true))
			return true;
	return false;
}

/* Every parameter of a is the same in b, or not in b at all. */
static bool params_agree(struct span a, struct span b)
{
	static const char *const both[] = {"transport", "user", "method",
					   "ttl", "maddr"};
	struct sip_param p, q;
	struct span rest = a;

	while (sip_param_next(&rest, &p))
		if (find_escaped(b, p.name, &q) &&
		    !eq_escaped(p.value, q.value, true))
			return false;
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		if (find_escaped(a, span_str(both[i]), &p) !=
		    find_escaped(b, span_str(both[i]), &q))
			return false;
	return true;
}

static bool header_in(struct span headers, struct span key, struct span value)
{
	struct span one, k, v;

	for (bool more = headers.n > 0; more;) {
		more = span_split(headers, '&', &one, &headers);
		span_split(one, '=', &k, &v);
		if (eq_escaped(k, key, true) && eq_escaped(v, value, false))
			return true;
	}
	return false;
}

/* Order does not count. SIP_PARAMS_MAX bounds the square. */
static bool headers_in(struct span a, struct span b)
{
	struct span one, k, v;
	unsigned n = 0;

	for (bool more = a.n > 0; more;) {
		more = span_split(a, '&', &one, &a);
		span_split(one, '=', &k, &v);
		if (n++ == SIP_PARAMS_MAX || !header_in(b, k, v))
			return false;
	}
	return true;
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme || a->has_password || b->has_password)
		return false;
	if (a->scheme == SIP_SCHEME_OTHER)
		return span_eq(a->text, b->text);
	if (a->scheme == SIP_SCHEME_TEL) {
		uint8_t x[SIP_USER_MAX], y[SIP_USER_MAX];
		struct span s, t;
		if (sip_uri_alias(a, x, sizeof(x), &s) != 0 ||
		    sip_uri_alias(b, y, sizeof(y), &t) != 0)
			return false;
		return span_eq(s, t) && params_agree(a->params, b->params) &&
		       params_agree(b->params, a->params);
	}
	return a->has_user == b->has_user && a->host.port == b->host.port &&
	       eq_escaped(a->user, b->user, false) &&
	       sip_host_eq(&a->host, &b->host) &&
	       params_agree(a->params, b->params) &&
	       headers_in(a->headers, b->headers) &&
	       headers_in(b->headers, a->headers);
}

/* --- writing --- */

static void put_uri_text(struct wr *w, struct span s)
{
	if (s.n == 0)
		return;
	if (!is_graphic(s))
		wr_fail(w);
	wr_span(w, s);
}

static void put_host(struct wr *w, const struct sip_host *h)
{
	if (h->kind == SIP_HOST_NONE || !is_graphic(h->text))
		wr_fail(w);
	if (h->kind == SIP_HOST_V6)
		wr_u8(w, '[');
	put_lower(w, h->text);
	if (h->kind == SIP_HOST_V6)
		wr_u8(w, ']');
	if (h->port != 0) {
		wr_u8(w, ':');
		wr_dec(w, h->port);
	}
}

static const char *scheme_text(enum sip_scheme s)
{
	static const char *const names[] = {"", "sip:", "sips:", "tel:"};

	return s <= SIP_SCHEME_TEL ? names[s] : "";
}

void sip_wr_uri(struct wr *w, const struct sip_uri *u, bool with_headers)
{
	if (u->scheme == SIP_SCHEME_OTHER) {
		if (u->text.n == 0)
			wr_fail(w);
		put_uri_text(w, u->text);
		return;
	}
	wr_str(w, scheme_text(u->scheme));
	put_uri_text(w, u->user);
	if (u->scheme != SIP_SCHEME_TEL) {
		if (u->has_user)
			wr_u8(w, '@');
		put_host(w, &u->host);
	}
	put_uri_text(w, u->params);
	if (with_headers && u->headers.n > 0) {
		wr_u8(w, '?');
		put_uri_text(w, u->headers);
	}
}

static void put_escaped_user(struct wr *w, struct span s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c != '%' && c != '#' && sip_is(c, C_USER)) {
			wr_u8(w, c);
			continue;
		}
		wr_u8(w, '%');
		wr_u8(w, (uint8_t)hex[c >> 4]);
		wr_u8(w, (uint8_t)hex[c & 15]);
	}
}

void sip_wr_uri_parts(struct wr *w, enum sip_scheme scheme, struct span user,
		      struct span host, uint16_t port, struct span params)
{
	struct sip_host h = {.kind = SIP_HOST_NAME, .text = host, .port = port};

	if (scheme != SIP_SCHEME_SIP && scheme != SIP_SCHEME_SIPS)
		wr_fail(w);
	if (host.n > 0 && memchr(host.p, ':', host.n))
		h.kind = SIP_HOST_V6;
	else if (!is_name(host) && addr_parse(&h.ip, host, 0) != 0)
		wr_fail(w);
	wr_str(w, scheme_text(scheme));
	if (user.n > 0) {
		put_escaped_user(w, user);
		wr_u8(w, '@');
	}
	put_host(w, &h);
	if (params.n > 0 && check_uri_params(params) != 0)
		wr_fail(w);
	put_uri_text(w, params);
}

void sip_uri_print(const struct sip_uri *u, char *dst, size_t cap)
{
	uint8_t buf[SIP_URI_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span s;

	sip_wr_uri(&w, u, false);
	text_escape(dst, cap, wr_end(&w, &s) == 0 ? s : SPAN_LIT("?"));
}
