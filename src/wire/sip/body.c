/* Bodies and their parts. */
#include "wire/sip/body.h"
#include "wire/sip/sip_int.h"

static bool is_boundary(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= SIP_BOUNDARY_MAX && s.p[s.n - 1] != ' ';
}

/* Is handling=<word> there? */
static bool handling_is(struct span disposition, const char *word)
{
	const uint8_t *semi = disposition.n
				      ? memchr(disposition.p, ';', disposition.n)
				      : NULL;
	struct span params;

	if (!semi)
		return false;
	params = span_of(semi, disposition.n - (size_t)(semi - disposition.p));
	return span_eq_nocase(sip_param_value(params, "handling"),
			      span_str(word));
}

static bool is_encoded(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_CONTENT_ENCODING);
	struct span one;

	while (sip_list_next(&l, &one))
		if (!span_eq_nocase(one, SPAN_LIT("identity")))
			return true;
	return l.failed;
}

int sip_parts(struct sip_parts *out, const struct sip_msg *m)
{
	struct sip_parts p = {.rest = m->body};
	const struct sip_hdr *h = sip_hdr(m, SIP_H_CONTENT_TYPE);

	if (m->body.n == 0)
		return E_NOTFOUND;
	if (!h || sip_mime_decode(&p.only.type, h->value) != 0)
		return E_FORMAT;
	if (is_encoded(m))
		return E_UNSUPPORTED;
	p.only.body = m->body;
	p.only.disposition = sip_hdr_value(m, SIP_H_CONTENT_DISPOSITION);
	p.only.optional = handling_is(p.only.disposition, "optional");
	p.only.id = sip_hdr_value(m, SIP_H_CONTENT_ID);
	p.multipart = span_eq_nocase(p.only.type.type, SPAN_LIT("multipart"));
	if (p.multipart) {
		p.boundary = sip_param_value(p.only.type.params, "boundary");
		if (!is_boundary(p.boundary))
			return E_FORMAT;
	}
	*out = p;
	return 0;
}

/* --- delimiters --- */

struct delimiter {
	size_t from;		/* where the text before it ends */
	size_t to;		/* behind its line */
	bool last;
};

/* Is "--boundary" at `at` a whole line? */
static bool is_delimiter(struct span s, size_t at, size_t boundary_n,
			 struct delimiter *out)
{
	struct lex l = lex_of(s);
	struct delimiter d = {.from = at};

	if (at > 0 && s.p[at - 1] != '\n')
		return false;
	if (at > 0)
		d.from -= at > 1 && s.p[at - 2] == '\r' ? 2 : 1;
	l.p += at + 2 + boundary_n;
	d.last = l.end - l.p >= 2 && l.p[0] == '-' && l.p[1] == '-';
	if (d.last)
		l.p += 2;
	while (lex_byte(&l, ' ') || lex_byte(&l, '\t'))
		;
	(void)lex_byte(&l, '\r');
	if (!lex_byte(&l, '\n') && !(d.last && lex_end(&l)))
		return false;
	d.to = (size_t)(l.p - s.p);
	*out = d;
	return true;
}

static bool find_delimiter(struct span s, struct span boundary,
			   struct delimiter *out)
{
	uint8_t mark[SIP_BOUNDARY_MAX + 2] = {'-', '-'};
	size_t n = boundary.n + 2, at = 0;

	memcpy(mark + 2, boundary.p, boundary.n);
	while (at < s.n) {
		const uint8_t *hit = memmem(s.p + at, s.n - at, mark, n);
		if (!hit)
			return false;
		at = (size_t)(hit - s.p);
		if (is_delimiter(s, at, boundary.n, out))
			return true;
		at++;
	}
	return false;
}

/* --- parts --- */

static int add_field(struct sip_part *part, struct span text)
{
	struct span name, value;

	if (!span_split(text, ':', &name, &value))
		return E_FORMAT;
	value = sip_trim(value);
	switch (sip_hdr_id_of(span_trim(name))) {
	case SIP_H_CONTENT_TYPE:
		return sip_mime_decode(&part->type, value);
	case SIP_H_CONTENT_DISPOSITION:
		part->disposition = value;
		part->optional = handling_is(value, "optional");
		return 0;
	case SIP_H_CONTENT_ID:
		part->id = value;
		return 0;
	default:
		return 0;
	}
}

static int get_part(struct sip_part *out, struct span text)
{
	struct sip_part part = {
		.type = {SPAN_LIT("text"), SPAN_LIT("plain"), SPAN_NONE}};
	struct lex l = lex_of(text);
	struct sip_line line;
	int r = 0;

	while (r == 0) {
		const uint8_t *from = l.p;
		if (!sip_next_line(&l, &line))
			return E_FORMAT;
		if (line.text.n == 0)
			break;
		while (!lex_end(&l) && (*l.p == ' ' || *l.p == '\t'))
			if (!sip_next_line(&l, &line))
				return E_FORMAT;
		r = add_field(&part, span_of(from, (size_t)(l.p - from)));
	}
	part.body = lex_rest(&l);
	if (r == 0)
		*out = part;
	return r;
}

static struct span skip(struct span s, size_t n)
{
	return span_of(s.p + n, s.n - n);
}

int sip_parts_next(struct sip_parts *p, struct sip_part *out)
{
	struct delimiter d;
	struct span text;
	int r;

	if (p->done)
		return 0;
	if (!p->multipart) {
		p->done = true;
		*out = p->only;
		return 1;
	}
	if (p->n == SIP_PARTS_MAX)
		return E_LIMIT;
	if (p->n == 0) {
		if (!find_delimiter(p->rest, p->boundary, &d) || d.last)
			return E_FORMAT;
		p->rest = skip(p->rest, d.to);
	}
	if (!find_delimiter(p->rest, p->boundary, &d))
		return E_FORMAT;
	text = span_of(p->rest.p, d.from);
	p->rest = skip(p->rest, d.to);
	p->done = d.last;
	p->n++;
	r = get_part(out, text);
	return r == 0 ? 1 : r;
}

int sip_body_find(const struct sip_msg *m, const char *type,
		  const char *subtype, struct span *out)
{
	struct span found = SPAN_NONE;
	bool has = false, other = false;
	struct sip_parts parts;
	struct sip_part part;
	int r = sip_parts(&parts, m);

	if (r != 0)
		return r;
	while ((r = sip_parts_next(&parts, &part)) > 0) {
		if (!sip_mime_is(&part.type, type, subtype)) {
			other |= parts.multipart
					 ? handling_is(part.disposition,
						       "required")
					 : !part.optional;
		} else if (!has) {
			has = true;
			found = part.body;
		}
	}
	if (r < 0)
		return r;
	if (other || !has)
		return other ? E_UNSUPPORTED : E_NOTFOUND;
	*out = found;
	return 0;
}

int sip_body_sdp(const struct sip_msg *m, struct span *out)
{
	return sip_body_find(m, "application", "sdp", out);
}
