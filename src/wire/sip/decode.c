/* Bytes to struct sip_msg. First the head is cut into headers; then those
 * are read that every message needs. The first fault is the one reported; an
 * answer is possible when the headers it is made of could be cut out. */
#include "wire/sip/sip_int.h"

struct decode {
	struct sip_msg *m;
	struct span in;
	enum sip_carrier how;
	struct lex l;			/* what is not read yet */

	int code;			/* the first fault, 0 = none */
	struct sip_err err;
	bool silent;			/* cannot be answered */
};

/* `at` is inside of the input. */
static void fault(struct decode *d, int code, const uint8_t *at,
		  uint16_t status, const char *rule)
{
	if (d->code != 0)
		return;
	d->code = code;
	d->err = (struct sip_err){(size_t)(at - d->in.p), rule, status};
}

static void bad(struct decode *d, int code, const uint8_t *at,
		const char *rule)
{
	fault(d, code, at, 400, rule);
}

/* --- cutting --- */

static void read_start_line(struct decode *d, struct span line)
{
	struct sip_msg *m = d->m;
	struct span code, rest;
	struct sip_peek k;
	int r = line.n > SIP_START_LINE_MAX ? E_LIMIT
					    : sip_start_line(&k, line);

	if (r == E_LIMIT)
		k.is_request = false;
	m->is_request = k.is_request;
	if (!k.is_request)
		d->silent = true;
	if (r == E_VERSION) {
		fault(d, r, line.p, 505, "SIP/2.0");
	} else if (r != 0) {
		bad(d, r, line.p, "start line");
	} else if (!k.is_request) {
		m->status = k.status;
		rest = span_of(line.p + 8, line.n - 8);
		span_split(rest, ' ', &code, &m->reason);
	}
	if (!k.is_request)
		return;
	m->method = k.method;
	m->method_text = k.method_text;
	if (m->method == SIP_ACK)
		d->silent = true;
	if (r == 0 && sip_uri_decode(&m->uri, k.uri) != 0)
		bad(d, E_FORMAT, k.uri.p, "Request-URI");
	else if (r == 0 && m->uri.headers.n > 0)
		bad(d, E_FORMAT, k.uri.p, "headers in the Request-URI");
}

/* NUL only as a quoted pair. */
static bool nuls_ok(struct span s)
{
	const uint8_t *p = s.p, *end = s.p + s.n;

	while (p < end && (p = memchr(p, 0, (size_t)(end - p))) != NULL) {
		if (p == s.p || p[-1] != '\\')
			return false;
		p++;
	}
	return true;
}

/* A physical line of a header. */
static void check_line(struct decode *d, const struct sip_line *line)
{
	if (d->how == SIP_STREAM && !line->crlf)
		bad(d, E_FORMAT, line->text.p, "a line ends in CR LF");
	if (line->text.n > 0 && memchr(line->text.p, '\r', line->text.n))
		bad(d, E_FORMAT, line->text.p, "CR inside a line");
}

static void add_header(struct decode *d, struct span text)
{
	struct sip_msg *m = d->m;
	struct sip_hdr *h;
	struct span name, value;

	if (text.n > SIP_HEADER_MAX) {
		bad(d, E_LIMIT, text.p, "header too long");
		return;
	}
	/* no blank in front: that would be a fold of the start line */
	if (!span_split(text, ':', &name, &value) || sip_is(*text.p, C_BLANK) ||
	    !sip_is_token(name = span_trim(name))) {
		bad(d, E_FORMAT, text.p, "<name>: <value>");
		return;
	}
	if (m->hdrs_n == SIP_HEADERS_MAX) {
		bad(d, E_LIMIT, text.p, "too many headers");
		return;
	}
	h = &m->hdrs[m->hdrs_n++];
	h->name = name;
	h->value = sip_trim(value);
	h->id = sip_hdr_id_of(name);
	if (h->id != SIP_H_OTHER && m->first[h->id] == 0)
		m->first[h->id] = (uint8_t)m->hdrs_n;
}

/* One header with its folds. False at the empty line. */
static bool read_header(struct decode *d)
{
	struct sip_line line;
	const uint8_t *from;

	if (!sip_next_line(&d->l, &line)) {
		bad(d, E_TRUNC, d->l.p, "no empty line behind the headers");
		d->l.p = d->l.end;
		return false;
	}
	check_line(d, &line);
	if (line.text.n == 0)
		return false;
	from = line.text.p;
	while (!lex_end(&d->l) && (*d->l.p == ' ' || *d->l.p == '\t')) {
		if (!sip_next_line(&d->l, &line))
			break;
		check_line(d, &line);
	}
	add_header(d, span_of(from, (size_t)(line.text.p + line.text.n - from)));
	return true;
}

static void read_head(struct decode *d)
{
	struct sip_line line;
	const uint8_t *from = d->l.p;
	unsigned n = 0;

	if (!sip_next_line(&d->l, &line)) {
		d->silent = true;
		bad(d, E_TRUNC, d->l.p, "no end of the start line");
		return;
	}
	check_line(d, &line);
	read_start_line(d, line.text);
	/* lines past the maximum are not looked at: work stays bounded */
	while (n++ <= SIP_HEADERS_MAX && read_header(d))
		;
	if (!nuls_ok(span_of(from, (size_t)(d->l.p - from))))
		bad(d, E_FORMAT, from, "NUL in the head");
}

/* --- body --- */

static int lengths(struct decode *d, size_t *out)
{
	const struct sip_hdr *h;
	size_t it = 0, n = 0;
	int found = 0;

	while ((h = sip_hdr_next(d->m, SIP_H_CONTENT_LENGTH, &it)) != NULL) {
		int r = sip_content_length(h->name, h->value, &n);
		if (r < 0 || (found && n != *out)) {
			bad(d, r < 0 ? r : E_FORMAT, h->name.p,
			    "Content-Length");
			return -1;
		}
		*out = n;
		found = 1;
	}
	return found;
}

static void read_body(struct decode *d)
{
	struct span rest = lex_rest(&d->l);
	size_t n = 0;
	int found = lengths(d, &n);

	if (found == 0 && d->how == SIP_STREAM)
		bad(d, E_FORMAT, d->l.p, "no Content-Length on a stream");
	if (found <= 0) {
		d->m->body = rest;
		return;
	}
	if (n > rest.n || (d->how == SIP_STREAM && n != rest.n))
		bad(d, E_FORMAT, d->l.p, "Content-Length and body differ");
	else
		d->m->body = span_of(rest.p, n);
}

/* --- what every message has --- */

/* The value of a header that must be there once; NULL with a fault. */
static const struct sip_hdr *one(struct decode *d, enum sip_hdr_id id,
				 const char *rule)
{
	const struct sip_hdr *h = sip_hdr(d->m, id);

	if (!h) {
		d->silent = true;
		bad(d, E_FORMAT, d->in.p, rule);
	}
	return h;
}

static void read_vias(struct decode *d)
{
	struct sip_msg *m = d->m;
	const struct sip_hdr *h = sip_hdr(m, SIP_H_VIA);
	struct span rest, value;
	size_t it = 0;

	if (!h) {
		d->silent = true;
		bad(d, E_FORMAT, d->in.p, "Via missing");
		return;
	}
	rest = h->value;
	if (!sip_value_next(&rest, &value) ||
	    sip_via_decode(&m->via, value) != 0) {
		/* without it nobody knows where an answer belongs */
		d->silent = true;
		bad(d, E_FORMAT, h->name.p, "Via");
	}
	while ((h = sip_hdr_next(m, SIP_H_VIA, &it)) != NULL) {
		for (rest = h->value; sip_value_next(&rest, &value);)
			m->vias_n++;
		if (m->vias_n > SIP_VIAS_MAX) {
			bad(d, E_LIMIT, h->name.p, "too many Vias");
			return;
		}
	}
}

static void read_addr(struct decode *d, enum sip_hdr_id id,
		      struct sip_addr *out, struct span *tag)
{
	const struct sip_hdr *h = one(d, id, id == SIP_H_TO ? "To missing"
							    : "From missing");
	const char *rule = id == SIP_H_TO ? "To" : "From";

	if (!h)
		return;
	if (sip_addr_decode(out, h->value) != 0) {
		bad(d, E_FORMAT, h->name.p, rule);
		return;
	}
	*tag = sip_addr_tag(out);
	if (tag->n > SIP_TAG_MAX)
		bad(d, E_LIMIT, h->name.p, rule);
}

static void read_call_id(struct decode *d)
{
	const struct sip_hdr *h = one(d, SIP_H_CALL_ID, "Call-ID missing");

	if (!h)
		return;
	d->m->call_id = h->value;
	if (h->value.n > SIP_CALL_ID_MAX)
		bad(d, E_LIMIT, h->name.p, "Call-ID");
	for (size_t i = 0; i < h->value.n; i++)
		if (!sip_is(h->value.p[i], C_GRAPH))
			bad(d, E_FORMAT, h->name.p, "Call-ID");
	if (h->value.n == 0)
		bad(d, E_FORMAT, h->name.p, "Call-ID");
}

static void read_cseq(struct decode *d)
{
	struct sip_msg *m = d->m;
	const struct sip_hdr *h = one(d, SIP_H_CSEQ, "CSeq missing");

	if (!h)
		return;
	if (sip_cseq_decode(&m->cseq, h->value) != 0) {
		bad(d, E_FORMAT, h->name.p, "CSeq");
		return;
	}
	if (!m->is_request) {
		m->method = m->cseq.method;
		m->method_text = m->cseq.method_text;
	} else if (!span_eq(m->method_text, m->cseq.method_text)) {
		bad(d, E_FORMAT, h->name.p, "CSeq of another method");
	}
}

static void read_max_forwards(struct decode *d)
{
	const struct sip_hdr *h = sip_hdr(d->m, SIP_H_MAX_FORWARDS);
	uint64_t n = 70;

	d->m->has_max_forwards = h != NULL;
	if (h && sip_number(h->value, 255, &n) != 0)
		bad(d, E_FORMAT, h->name.p, "Max-Forwards");
	d->m->max_forwards = (uint8_t)n;
}

/* Headers that may stand only once. */
static void check_single(struct decode *d)
{
	static const uint8_t many[SIP_H_COUNT] = {
		[SIP_H_OTHER] = 1,
#define X(id, name, compact, many) [SIP_H_##id] = many,
		SIP_HEADERS_LIST(X)
#undef X
	};
	const struct sip_msg *m = d->m;

	for (size_t i = 0; i < m->hdrs_n; i++) {
		const struct sip_hdr *h = &m->hdrs[i];
		if (!many[h->id] && m->first[h->id] != i + 1)
			bad(d, E_FORMAT, h->name.p, "header more than once");
	}
}

static void check_addrs(struct decode *d, enum sip_hdr_id id, const char *rule)
{
	struct sip_list l = sip_list(d->m, id);
	struct sip_addr a;
	int r = 0;

	if (!sip_has(d->m, id))
		return;
	do
		r = id == SIP_H_CONTACT ? sip_contact_next(&l, &a)
					: sip_addr_next(&l, &a);
	while (r > 0);
	if (r < 0)
		bad(d, r, sip_hdr(d->m, id)->name.p, rule);
}

static void read_all(struct decode *d)
{
	struct sip_msg *m = d->m;

	while (lex_byte(&d->l, '\r') || lex_byte(&d->l, '\n'))
		;
	read_head(d);
	read_vias(d);
	read_addr(d, SIP_H_FROM, &m->from, &m->from_tag);
	read_addr(d, SIP_H_TO, &m->to, &m->to_tag);
	read_call_id(d);
	read_cseq(d);
	if (d->silent && d->code != 0)
		return;
	read_max_forwards(d);
	check_single(d);
	check_addrs(d, SIP_H_CONTACT, "Contact");
	check_addrs(d, SIP_H_ROUTE, "Route");
	check_addrs(d, SIP_H_RECORD_ROUTE, "Record-Route");
	read_body(d);
}

/* All but the header table, which is filled in order. */
static void reset(struct sip_msg *m, struct span all)
{
	m->is_request = false;
	m->method = SIP_OTHER;
	m->method_text = SPAN_NONE;
	m->uri = (struct sip_uri){.scheme = SIP_SCHEME_OTHER};
	m->status = 0;
	m->reason = SPAN_NONE;
	m->hdrs_n = 0;
	memset(m->first, 0, sizeof(m->first));
	m->via = (struct sip_via){.transport = SIP_TRANSPORT_NONE};
	m->vias_n = 0;
	m->from = m->to = (struct sip_addr){.star = false};
	m->from_tag = m->to_tag = m->call_id = SPAN_NONE;
	m->cseq = (struct sip_cseq){.seq = 0};
	m->max_forwards = 70;
	m->has_max_forwards = false;
	m->body = SPAN_NONE;
	m->all = all;
}

int sip_decode(struct sip_msg *out, struct span bytes, enum sip_carrier how,
	       struct sip_err *err)
{
	struct decode d = {.m = out, .in = bytes, .how = how,
			   .l = lex_of(bytes)};

	reset(out, bytes);
	if (bytes.n == 0 || bytes.n > SIP_MESSAGE_MAX) {
		d.silent = true;
		bad(&d, bytes.n ? E_LIMIT : E_FORMAT, bytes.p,
		    bytes.n ? "message too large" : "empty");
	} else {
		read_all(&d);
	}
	if (d.silent)
		d.err.status = 0;
	if (err && d.code != 0)
		*err = d.err;
	return d.code;
}
