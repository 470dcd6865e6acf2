#include "wire/sip/mask.h"

#include "base/wr.h"
#include "wire/sip/sip.h"

enum how { HIDE = 0, KEEP, PROOF, SILENT };

static enum how how_of(enum sip_hdr_id id)
{
	switch (id) {
	case SIP_H_VIA:
	case SIP_H_FROM:
	case SIP_H_TO:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
	case SIP_H_CONTACT:
	case SIP_H_ROUTE:
	case SIP_H_RECORD_ROUTE:
	case SIP_H_USER_AGENT:
	case SIP_H_SERVER:
	case SIP_H_ALLOW:
	case SIP_H_SUPPORTED:
	case SIP_H_REQUIRE:
	case SIP_H_UNSUPPORTED:
	case SIP_H_EXPIRES:
	case SIP_H_MIN_EXPIRES:
	case SIP_H_SESSION_EXPIRES:
	case SIP_H_MIN_SE:
	case SIP_H_WARNING:
	case SIP_H_REASON:
	case SIP_H_RETRY_AFTER:
	case SIP_H_EVENT:
	case SIP_H_SUBSCRIPTION_STATE:
	case SIP_H_RSEQ:
	case SIP_H_RACK:
	case SIP_H_CONTENT_TYPE:
	case SIP_H_CONTENT_LENGTH:
	case SIP_H_P_ASSERTED_IDENTITY:
	case SIP_H_RESOURCE_PRIORITY:
		return KEEP;
	case SIP_H_AUTHORIZATION:
	case SIP_H_PROXY_AUTHORIZATION:
	case SIP_H_WWW_AUTHENTICATE:
	case SIP_H_PROXY_AUTHENTICATE:
		return PROOF;
	case SIP_H_MAX_FORWARDS:
		return SILENT;
	default:
		return HIDE;
	}
}

/* --- lines ----------------------------------------------------------------- */

/* Without its end; a lone LF ends a line, too. */
static bool next_line(struct span *rest, struct span *line)
{
	const uint8_t *lf;

	if (!rest->n)
		return false;
	lf = memchr(rest->p, '\n', rest->n);
	*line = span_of(rest->p, lf ? (size_t)(lf - rest->p) : rest->n);
	*rest = lf ? span_of(lf + 1, rest->n - line->n - 1) : SPAN_NONE;
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* --- values ---------------------------------------------------------------- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_at(struct span s, size_t at, const char *word)
{
	size_t i = 0;

	for (; word[i]; i++)
		if (at + i >= s.n || lower(s.p[at + i]) != (uint8_t)word[i])
			return false;
	return true;
}

static bool ends_uri(uint8_t c)
{
	return c == '>' || c == '<' || c == '"' || c == ' ' || c == '\t';
}

/* Behind "sip:": the colon of a password and the last @. No @ within
 * SCAN_MAX: all of it may be one. */
static bool find_password(struct span s, size_t at, size_t *colon, size_t *end)
{
	enum { SCAN_MAX = 512 };
	size_t i = at;

	*colon = *end = 0;
	for (; i < s.n && !ends_uri(s.p[i]) && i < at + SCAN_MAX; i++) {
		if (s.p[i] == ':' && !*colon)
			*colon = i;
		if (s.p[i] == '@')
			*end = i;
	}
	if (i == at + SCAN_MAX) {
		while (i < s.n && !ends_uri(s.p[i]))
			i++;
		*end = i;
	}
	return *colon && *end && *colon < *end;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(struct span s, size_t i)
{
	while (i < s.n && is_blank(s.p[i]))
		i++;
	return i;
}

/* How many characters of a parameter's value may be shown. */
static size_t may_show(struct span name)
{
	static const char *const secrets[] = {
		"pin", "password", "passwd", "pwd", "passcode", "token",
		"secret", "key", "auth", "response", "from-tag", "to-tag",
		"conf-pin",
	};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (span_eq_nocase(name, span_str(secrets[i])))
			return 0;
	return span_eq_nocase(name, SPAN_LIT("tag")) ? 4 : SIZE_MAX;
}

static bool ends_value(uint8_t c)
{
	return c == ';' || c == '>' || c == ',' || c == '&' || c == ' ' ||
	       c == '?' || c == '@';
}

/* The end of a value that starts at i. */
static size_t value_end(struct span s, size_t i)
{
	if (i < s.n && s.p[i] == '"') {
		for (i++; i < s.n && s.p[i] != '"'; i++)
			;
		return i < s.n ? i + 1 : i;
	}
	while (i < s.n && !ends_value(s.p[i]))
		i++;
	return i;
}

/* From `at`, which is one behind a semicolon: where copying goes on. */
static size_t mask_param(struct wr *w, struct span s, size_t at)
{
	enum { NAME_MAX_LEN = 32 };
	const size_t from = skip_blanks(s, at);
	size_t i = from, eq, end, show;

	while (i < s.n && i < from + NAME_MAX_LEN && s.p[i] != '=' &&
	       !ends_value(s.p[i]) && !is_blank(s.p[i]))
		i++;
	eq = skip_blanks(s, i);
	show = may_show(span_of(s.p + from, i - from));
	if (show == SIZE_MAX || eq >= s.n || s.p[eq] != '=')
		return at;
	eq = skip_blanks(s, eq + 1);
	end = value_end(s, eq);
	wr_bytes(w, s.p + at, eq - at);
	wr_bytes(w, s.p + eq, end - eq < show ? end - eq : show);
	wr_str(w, "***");
	return end;
}

static size_t mask_uri(struct wr *w, struct span s, size_t at)
{
	size_t colon, end;

	if (!find_password(s, at, &colon, &end))
		return at;
	wr_bytes(w, s.p + at, colon - at);
	wr_str(w, ":***");
	return end;
}

static size_t scheme_at(struct span s, size_t i)
{
	return is_at(s, i, "sip:") ? 4 : is_at(s, i, "sips:") ? 5 : 0;
}

/* Up to where something may begin that is not copied as it is. */
static size_t plain(struct span s, size_t i)
{
	while (i < s.n && s.p[i] != ';' && s.p[i] != '?' &&
	       (s.p[i] | 32) != 's')
		i++;
	return i;
}

/* All of it is read, and only so much written: a cut must not hide where a
 * secret begins. */
static void put_value(struct wr *w, struct span s)
{
	const size_t from = wr_len(w);
	size_t n, end;

	for (size_t i = 0; i < s.n;) {
		n = SIP_MASK_VALUE_MAX - (wr_len(w) - from);
		if (wr_len(w) - from >= SIP_MASK_VALUE_MAX) {
			wr_str(w, "...");
			return;
		}
		end = plain(s, i);
		if (end > i) {
			n = end - i < n ? end - i : n;
			wr_bytes(w, s.p + i, n);
			i += n;
			continue;
		}
		n = scheme_at(s, i);
		if (n) {
			wr_bytes(w, s.p + i, n);
			i = mask_uri(w, s, i + n);
		} else if (s.p[i] == '?') {
			/* Headers of a URI: Replaces, Authorization ... */
			wr_str(w, "?***");
			while (i < s.n && !ends_uri(s.p[i]))
				i++;
		} else {
			wr_u8(w, s.p[i]);
			i = s.p[i] == ';' ? mask_param(w, s, i + 1) : i + 1;
		}
	}
}

/* name=value or name="value" of a header with proofs. */
static void put_part(struct wr *w, struct span v, const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i + n < v.n; i++) {
		size_t end = i + n;
		bool quoted;

		if (!is_at(v, i, name) ||
		    (i && v.p[i - 1] != ' ' && v.p[i - 1] != ','))
			continue;
		quoted = v.p[end] == '"';
		for (end += quoted; end < v.n && v.p[end] != '"' &&
		     (quoted || (v.p[end] != ',' && v.p[end] != ' ')); end++)
			;
		wr_str(w, " ");
		put_value(w, span_of(v.p + i, end - i));
		wr_str(w, quoted ? "\"" : "");
		return;
	}
}

static void put_proof(struct wr *w, struct span v)
{
	enum { SCHEME_MAX = 16 };
	size_t n = 0;

	while (n < v.n && n < SCHEME_MAX && v.p[n] != ' ')
		n++;
	wr_bytes(w, v.p, n);
	put_part(w, v, "username=");
	put_part(w, v, "realm=");
	put_part(w, v, "algorithm=");
	put_part(w, v, "stale=");
	wr_str(w, " ***");
}

/* --- bodies ---------------------------------------------------------------- */

/* The first `n` words, and not more than so many bytes. */
static void put_words(struct wr *w, struct span s, unsigned n)
{
	enum { WORDS_MAX = 64 };

	for (size_t i = 0; i < s.n && i < WORDS_MAX; i++) {
		if (s.p[i] == ' ' && --n == 0)
			return;
		wr_u8(w, s.p[i]);
	}
}

static void put_shape(struct wr *w, struct span sdp)
{
	static const char *const counted[] = {"a=crypto:", "a=fingerprint:",
		"a=candidate:", "a=ice-pwd:", "a=sendonly", "a=recvonly",
		"a=inactive"};
	enum { COUNTED = sizeof(counted) / sizeof(*counted) };
	unsigned n[COUNTED] = {0};
	struct span line, rest = sdp;

	wr_str(w, "sdp:");
	while (next_line(&rest, &line)) {
		if (is_at(line, 0, "m=") || is_at(line, 0, "c=")) {
			wr_str(w, " ");
			put_words(w, line, 3);
		}
		for (size_t i = 0; i < COUNTED; i++)
			n[i] += is_at(line, 0, counted[i]);
	}
	for (size_t i = 0; i < COUNTED; i++) {
		if (!n[i])
			continue;
		wr_str(w, " ");
		wr_bytes(w, counted[i] + 2, strcspn(counted[i] + 2, ":"));
		wr_str(w, "*");
		wr_dec(w, n[i]);
	}
}

static void put_body(struct wr *w, struct span type, struct span body)
{
	/* Parameters of the type are no business of this. */
	struct span head, rest;

	(void)span_split(type, ';', &head, &rest);
	if (span_eq_nocase(span_trim(head), SPAN_LIT("application/sdp"))) {
		put_shape(w, body);
		return;
	}
	wr_str(w, "body: ");
	wr_dec(w, body.n);
	wr_str(w, " bytes ***");
}

/* --- the whole ------------------------------------------------------------- */

struct mask {
	struct wr w;
	size_t mark;		/* end of the last whole line */
	bool full;
};

/* What does not fit goes whole; room for "...\n" was kept. */
static void end_line(struct mask *m)
{
	wr_str(&m->w, "\n");
	if (!m->w.failed) {
		m->mark = wr_len(&m->w);
		return;
	}
	m->w.failed = false;
	m->w.p = m->w.begin + m->mark;
	m->w.end += 4;
	wr_str(&m->w, "...\n");
	m->full = true;
}

static void put_hdr(struct mask *m, struct span name, struct span value)
{
	const enum sip_hdr_id id = sip_hdr_id_of(name);
	const enum how how = how_of(id);

	if (how == SILENT)
		return;
	if (name.n > SIP_METHOD_MAX)
		name.n = SIP_METHOD_MAX;
	if (id != SIP_H_OTHER)
		wr_str(&m->w, sip_hdr_name(id));
	else
		wr_span(&m->w, name);
	wr_str(&m->w, ": ");
	if (how == KEEP)
		put_value(&m->w, value);
	else if (how == PROOF)
		put_proof(&m->w, value);
	if (how == HIDE) {
		wr_str(&m->w, "(");
		wr_dec(&m->w, value.n);
		wr_str(&m->w, " bytes)");
	}
	end_line(m);
}

size_t sip_mask(uint8_t *dst, size_t cap, struct span message,
		struct span *call_id)
{
	struct mask m = {.w = wr_of(dst, cap < 4 ? 0 : cap - 4)};
	struct span rest = message, line, name, value, type = SPAN_NONE;
	unsigned lines = 0;

	*call_id = SPAN_NONE;
	if (cap < SIP_MASK_TEXT_MIN)
		return 0;
	if (next_line(&rest, &line)) {
		put_value(&m.w, line);
		end_line(&m);
	}
	while (!m.full && lines++ < SIP_MASK_LINES_MAX &&
	       next_line(&rest, &line) && line.n) {
		/* A fold goes on with a value: not shown. */
		if (line.p[0] == ' ' || line.p[0] == '\t')
			continue;
		(void)span_split(line, ':', &name, &value);
		name = span_trim(name);
		value = span_trim(value);
		if (sip_hdr_id_of(name) == SIP_H_CALL_ID)
			*call_id = value;
		if (sip_hdr_id_of(name) == SIP_H_CONTENT_TYPE)
			type = value;
		put_hdr(&m, name, value);
	}
	if (!m.full && rest.n && !line.n) {
		put_body(&m.w, type, rest);
		end_line(&m);
	}
	return wr_len(&m.w);
}
