/* What is looked at before a message is read: start lines, the soft filter,
 * and where a message of a stream ends. */
#include "wire/sip/sip_int.h"

static const struct span version_2 = SPAN_LIT("SIP/2.0");

/* --- lines --- */

bool sip_next_line(struct lex *l, struct sip_line *out)
{
	size_t left = (size_t)(l->end - l->p);
	const uint8_t *lf = left ? memchr(l->p, '\n', left) : NULL;

	if (!lf)
		return false;
	out->text = span_of(l->p, (size_t)(lf - l->p));
	out->crlf = out->text.n > 0 && lf[-1] == '\r';
	out->text.n -= out->crlf;
	l->p = lf + 1;
	return true;
}

static bool is_version(struct span s)
{
	return s.n > 4 && span_eq_nocase(span_of(s.p, 4), SPAN_LIT("SIP/"));
}

/* The last word of a line, and what is left of it before the blank. */
static bool split_last(struct span s, struct span *head, struct span *last)
{
	for (size_t i = s.n; i-- > 0;) {
		if (s.p[i] != ' ')
			continue;
		*head = span_of(s.p, i);
		*last = span_of(s.p + i + 1, s.n - i - 1);
		return true;
	}
	return false;
}

static int status_line(struct sip_peek *k, struct span line)
{
	struct span code, rest = span_of(line.p + 8, line.n - 8), reason;
	uint64_t n;

	/* "SIP/2.0 200" without a blank behind it is seen in the field */
	span_split(rest, ' ', &code, &reason);
	if (code.n != 3 || span_u64(code, 699, &n) != 0 || n < 100)
		return E_FORMAT;
	k->is_request = false;
	k->status = (uint16_t)n;
	return 0;
}

/* Blanks behind the version are no request (RFC 3261 7.1), but they show
 * that it was meant as one, and it can be answered. */
static int request_line(struct sip_peek *k, struct span line)
{
	struct span head, version, tidy = span_trim(line);

	if (!span_split(line, ' ', &k->method_text, &head) ||
	    !sip_is_token(k->method_text) ||
	    k->method_text.n > SIP_METHOD_MAX)
		return E_FORMAT;
	head.n -= line.n - tidy.n < head.n ? line.n - tidy.n : head.n;
	if (!split_last(head, &k->uri, &version) || !is_version(version))
		return E_FORMAT;
	k->is_request = true;
	k->method = sip_method_of(k->method_text);
	if (!span_eq_nocase(version, version_2))
		return E_VERSION;
	return k->uri.n > 0 && tidy.n == line.n ? 0 : E_FORMAT;
}

int sip_start_line(struct sip_peek *out, struct span line)
{
	*out = (struct sip_peek){.is_request = false};
	if (line.n > 8 && line.p[7] == ' ' &&
	    span_eq_nocase(span_of(line.p, 7), version_2))
		return status_line(out, line);
	if (is_version(line))
		return E_VERSION;
	return request_line(out, line);
}

/* --- soft filter --- */

/* "name" blanks ":" value, by its name in lower case without the first
 * letter, which the caller has looked at. */
static bool is_line_of(struct span line, struct span name, struct span *value)
{
	struct lex l = lex_of(line);

	if (line.n <= name.n || !span_eq_nocase(span_of(l.p, name.n), name))
		return false;
	l.p += name.n;
	if (!lex_mark(&l, ':'))
		return false;
	*value = sip_trim(lex_rest(&l));
	return true;
}

static struct span find_agent(struct lex l)
{
	struct sip_line line;
	struct span v;

	while (sip_next_line(&l, &line) && line.text.n > 0) {
		uint8_t c = line.text.p[0] | 0x20;
		if (c == 'u' &&
		    is_line_of(line.text, SPAN_LIT("User-Agent"), &v))
			return v;
		if (c == 's' && is_line_of(line.text, SPAN_LIT("Server"), &v))
			return v;
	}
	return SPAN_NONE;
}

int sip_filter(struct sip_peek *out, struct span in)
{
	struct lex l = lex_of(in);
	struct sip_line line;
	int r;

	while (lex_byte(&l, '\r') || lex_byte(&l, '\n'))
		;
	if ((size_t)(l.end - l.p) > SIP_FILTER_BYTES)
		l.end = l.p + SIP_FILTER_BYTES;
	if (lex_end(&l) || !sip_is(*l.p, C_TOKEN) ||
	    !sip_next_line(&l, &line) || line.text.n > SIP_START_LINE_MAX)
		return E_FORMAT;
	r = sip_start_line(out, line.text);
	if (r != 0 && !out->is_request)
		return E_FORMAT;
	out->user_agent = find_agent(l);
	return 0;
}

bool sip_is_keepalive(struct span in)
{
	size_t zeros = 0;

	for (size_t i = 0; i < in.n; i++) {
		zeros += in.p[i] == 0;
		if (in.p[i] != '\r' && in.p[i] != '\n' && in.p[i] != 0)
			return false;
	}
	return zeros <= 8;
}

/* --- streams --- */

int sip_content_length(struct span name, struct span value, size_t *out)
{
	uint64_t n;
	int r;

	if (sip_hdr_id_of(name) != SIP_H_CONTENT_LENGTH)
		return 0;
	r = sip_number(value, SIP_MESSAGE_MAX, &n);
	if (r != 0)
		return r;
	*out = (size_t)n;
	return 1;
}

static enum sip_frame_result bad(struct sip_err *err, size_t offset,
				 const char *rule, uint16_t status)
{
	if (err)
		*err = (struct sip_err){offset, rule, status};
	return SIP_FRAME_BAD;
}

/* All lengths in a complete head, folds and all. 1 = found, 0 = none. */
static int head_length(struct span head, size_t *out)
{
	struct lex l = lex_of(head);
	struct span name, value;
	struct sip_line line;
	int found = 0, r;
	size_t n = 0;

	(void)sip_next_line(&l, &line);
	while (sip_next_line(&l, &line) && line.text.n > 0) {
		const uint8_t *from = line.text.p;
		while (!lex_end(&l) && (*l.p == ' ' || *l.p == '\t'))
			(void)sip_next_line(&l, &line);
		struct span all = span_of(from, (size_t)(l.p - from));
		if (!span_split(all, ':', &name, &value))
			continue;
		r = sip_content_length(sip_trim(name), value, &n);
		if (r < 0 || (r > 0 && found && n != *out))
			return r < 0 ? r : E_FORMAT;
		if (r > 0)
			*out = n;
		found |= r;
	}
	return found;
}

static enum sip_frame_result end_of_head(struct sip_frame *f,
					 struct span have, size_t *n,
					 struct sip_err *err)
{
	size_t body = 0, total;
	int r;

	if (f->total == 0) {
		r = head_length(span_of(have.p, f->head), &body);
		if (r == E_LIMIT || body > SIP_MESSAGE_MAX - f->head)
			return bad(err, f->head, "message too large", 513);
		if (r <= 0)
			return bad(err, f->head,
				   r < 0 ? "Content-Length" :
				   "no Content-Length on a stream", 400);
		f->total = f->head + body;
	}
	total = f->total;
	if (have.n < total) {
		*n = total - have.n;
		return SIP_FRAME_MORE;
	}
	*f = (struct sip_frame){.seen = 0};
	*n = total;
	return SIP_FRAME_DONE;
}

static enum sip_frame_result empty_line(struct sip_frame *f, size_t *n)
{
	unsigned crlfs = f->crlfs + 1;

	*f = (struct sip_frame){.crlfs = crlfs % 2};
	*n = 2;
	return crlfs == 2 ? SIP_FRAME_PING : SIP_FRAME_CRLF;
}

/* The line that ends with the LF at `lf`. 0 = go on, E_FORMAT = bad. */
static int end_of_line(struct sip_frame *f, struct span have, size_t lf,
		       struct sip_err *err)
{
	struct sip_peek k;
	struct span line;

	if (lf == f->line || have.p[lf - 1] != '\r') {
		bad(err, lf, "a line ends in CR LF", 0);
		return E_FORMAT;
	}
	line = span_of(have.p + f->line, lf - 1 - f->line);
	if (f->line == 0 && line.n > 0 &&
	    (line.n > SIP_START_LINE_MAX || (sip_start_line(&k, line) != 0 &&
					     !k.is_request))) {
		bad(err, 0, "no SIP start line", 0);
		return E_FORMAT;
	}
	if (line.n > SIP_HEADER_MAX) {
		bad(err, f->line, "line too long", 0);
		return E_FORMAT;
	}
	if (line.n == 0)
		f->head = lf + 1;
	f->line = f->seen = lf + 1;
	return 0;
}

static enum sip_frame_result in_head(struct sip_frame *f, struct span have,
				     size_t *n, struct sip_err *err)
{
	while (f->head == 0 && f->seen < have.n) {
		const uint8_t *lf = memchr(have.p + f->seen, '\n',
					   have.n - f->seen);
		if (!lf) {
			f->seen = have.n;
			break;
		}
		if (end_of_line(f, have, (size_t)(lf - have.p), err) != 0)
			return SIP_FRAME_BAD;
		if (f->head == 2 && have.p[0] == '\r')
			return empty_line(f, n);
	}
	if (f->head > SIP_MESSAGE_MAX ||
	    (f->head == 0 && have.n >= SIP_MESSAGE_MAX))
		return bad(err, f->line, "head too large", 0);
	if (f->head == 0 && have.n - f->line > SIP_HEADER_MAX)
		return bad(err, f->line, "line too long", 0);
	if (f->head > 0)
		return end_of_head(f, have, n, err);
	*n = 1;
	return SIP_FRAME_MORE;
}

enum sip_frame_result sip_frame(struct sip_frame *f, struct span have,
				size_t *n, struct sip_err *err)
{
	*n = 1;
	if (have.n == 0)
		return SIP_FRAME_MORE;
	/* noise is noticed at its first byte: TLS on a clear port, HTTP/2 */
	if (have.p[0] != '\r' && !sip_is(have.p[0], C_TOKEN))
		return bad(err, 0, "no SIP start line", 0);
	if (have.p[0] == '\r' && have.n > 1 && have.p[1] != '\n')
		return bad(err, 1, "a line ends in CR LF", 0);
	if (f->head > 0)
		return end_of_head(f, have, n, err);
	return in_head(f, have, n, err);
}
