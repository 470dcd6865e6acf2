/* name-addr and addr-spec. */
#include "wire/sip/sip_int.h"

/* Phones write names without quotes that hold more than tokens: what cannot
 * be taken for the end of the name is allowed. */
static bool is_display(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c < 0x80 && !sip_is(c, C_BLANK) &&
		    (!sip_is(c, C_GRAPH) || strchr("\"<>,;:@\\", c)))
			return false;
	}
	return true;
}

/* Up to '<', which is eaten. */
static int get_display(struct sip_addr *a, struct lex *l)
{
	struct span head, rest;

	if (lex_byte(l, '"')) {
		a->display_quoted = true;
		if (!sip_lex_quoted(l, &a->display))
			return E_FORMAT;
		lex_blanks(l);
		return lex_byte(l, '<') ? 0 : E_FORMAT;
	}
	span_split(lex_rest(l), '<', &head, &rest);
	a->display = sip_trim(head);
	l->p = head.p + head.n + 1;
	return is_display(a->display) ? 0 : E_FORMAT;
}

/* <uri> with its display name. */
static int get_name_addr(struct sip_addr *a, struct lex *l)
{
	struct span uri, rest;
	int r = get_display(a, l);

	if (r != 0)
		return r;
	if (a->display.n > SIP_DISPLAY_MAX)
		return E_LIMIT;
	a->bracketed = true;
	if (!span_split(lex_rest(l), '>', &uri, &rest))
		return E_FORMAT;
	l->p = uri.p + uri.n + 1;
	return sip_uri_decode(&a->uri, uri);
}

/* RFC 3261 20: without < > everything from ';' on is the header's. */
static int get_addr_spec(struct sip_addr *a, struct lex *l)
{
	struct span uri;
	const uint8_t *from = l->p;

	while (!lex_end(l) && !sip_is(*l->p, C_BLANK) && *l->p != ';') {
		if (*l->p == ',' || *l->p == '?')
			return E_FORMAT;
		l->p++;
	}
	uri = span_of(from, (size_t)(l->p - from));
	return sip_uri_decode(&a->uri, uri);
}

static bool has_bracket(const struct lex *l)
{
	struct span s = lex_rest(l);

	return s.n > 0 && (s.p[0] == '"' || memchr(s.p, '<', s.n) != NULL);
}

int sip_addr_decode(struct sip_addr *out, struct span value)
{
	struct sip_addr a = {.star = false};
	struct lex l = lex_of(sip_trim(value));
	int r = has_bracket(&l) ? get_name_addr(&a, &l)
				: get_addr_spec(&a, &l);

	if (r != 0)
		return r;
	lex_blanks(&l);
	a.params = lex_rest(&l);
	r = sip_check_params(a.params);
	if (r == 0)
		*out = a;
	return r;
}

int sip_contact_decode(struct sip_addr *out, struct span value)
{
	if (!span_eq(sip_trim(value), SPAN_LIT("*")))
		return sip_addr_decode(out, value);
	*out = (struct sip_addr){.star = true};
	return 0;
}

struct span sip_addr_tag(const struct sip_addr *a)
{
	return sip_param_value(a->params, "tag");
}

/* "0.5", "1", ".7" */
unsigned sip_addr_q(const struct sip_addr *a)
{
	struct span v = sip_param_value(a->params, "q"), whole, part;
	uint64_t n = 0, m = 0;

	if (v.n == 0)
		return 1000;
	span_split(v, '.', &whole, &part);
	if ((whole.n > 0 && span_u64(whole, 1, &n) != 0) || part.n > 3 ||
	    (part.n > 0 && span_u64(part, 999, &m) != 0))
		return 1000;
	for (size_t i = part.n; i < 3; i++)
		m *= 10;
	return n == 1 ? 1000 : (unsigned)m;
}

bool sip_addr_expires(const struct sip_addr *a, uint32_t *secs)
{
	struct sip_param p;
	uint64_t n;
	int r;

	if (!sip_param_find(a->params, "expires", &p))
		return false;
	r = span_u64(p.value, UINT32_MAX, &n);
	if (r == E_LIMIT)
		n = UINT32_MAX;
	else if (r != 0)
		n = 3600;
	*secs = (uint32_t)n;
	return true;
}

/* Bytes of the well-formed UTF-8 character at the front, 0 for none. */
static size_t char_len(struct span s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (span_is_utf8(span_of(s.p, n)))
			return n;
	return 0;
}

/* C1 controls (U+0080..U+009F) are as unwelcome as C0. */
static bool is_control(struct span c)
{
	return (c.n == 1 && (c.p[0] < 0x20 || c.p[0] == 0x7f)) ||
	       (c.n == 2 && c.p[0] == 0xc2 && c.p[1] < 0xa0);
}

struct span sip_addr_display(const struct sip_addr *a, void *buf, size_t cap)
{
	struct span s = a->display, one, out = SPAN_NONE;
	struct wr w = wr_of(buf, cap);

	while (s.n > 0) {
		size_t n = char_len(s);

		one = n ? span_of(s.p, n) : SPAN_LIT("?");
		s = span_of(s.p + (n ? n : 1), s.n - (n ? n : 1));
		if (a->display_quoted && one.p[0] == '\\' && s.n > 0) {
			one = span_of(s.p, 1);
			s = span_of(s.p + 1, s.n - 1);
		}
		if (one.p[0] == '\t')
			one = SPAN_LIT(" ");
		if (is_control(one))
			continue;
		if (one.n > (size_t)(w.end - w.p))
			break;
		wr_span(&w, one);
	}
	(void)wr_end(&w, &out);
	return out;
}

static void put_quoted(struct wr *w, struct span s)
{
	wr_u8(w, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			wr_fail(w);
		if (s.p[i] == '"' || s.p[i] == '\\')
			wr_u8(w, '\\');
		wr_u8(w, s.p[i]);
	}
	wr_str(w, "\" ");
}

void sip_wr_addr(struct wr *w, struct span display, const struct sip_uri *u,
		 struct span params)
{
	if (display.n > 0)
		put_quoted(w, display);
	wr_u8(w, '<');
	sip_wr_uri(w, u, true);
	wr_u8(w, '>');
	if (sip_check_params(params) != 0)
		wr_fail(w);
	sip_put_unfolded(w, params);
}
