/* Percent coding, and undoing what mail-security products do to links. */
#include "core/policy/script/script_int.h"

#include "base/text.h"

static bool is_unreserved(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

void percent_encode(struct text *t, struct span s)
{
	for (size_t i = 0; i < s.n && !t->err; i++) {
		if (is_unreserved(s.p[i]))
			text_byte(t, s.p[i]);
		else
			text_fmt(t, "%%%02X", s.p[i]);
	}
}

/* Bytes that may be no UTF-8. */
static void put_bytes(struct text *t, struct span s)
{
	for (size_t at = 0; at < s.n && !t->err;) {
		size_t n = 1;

		while (n <= 4 && n <= s.n - at &&
		       !span_is_utf8(span_of(s.p + at, n)))
			n++;
		if (n > 4 || n > s.n - at) {
			text_rune(t, 0xfffd);
			at++;
			continue;
		}
		text_put(t, span_of(s.p + at, n));
		at += n;
	}
}

/* `percent` begins a code; `slash`, when not 0, stands for a slash. */
static void decode(struct text *t, struct span s, uint8_t percent,
		   uint8_t slash)
{
	struct text raw = text_of(t->a, t->max);

	for (size_t i = 0; i < s.n && !raw.err; i++) {
		int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
		int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

		if (s.p[i] == percent && high >= 0 && low >= 0) {
			text_byte(&raw, (uint8_t)(high << 4 | low));
			i += 2;
		} else if (slash && s.p[i] == slash) {
			text_byte(&raw, '/');
		} else {
			text_byte(&raw, s.p[i]);
		}
	}
	if (raw.err)
		t->err = raw.err;
	put_bytes(t, text_span(&raw));
}

int percent_decode(struct text *t, struct span s)
{
	decode(t, s, '%', 0);
	return t->err;
}

static struct span behind(struct span s, size_t n)
{
	return n < s.n ? span_of(s.p + n, s.n - n) : SPAN_NONE;
}

/* Without "http://" or "https://"; empty when there is neither. */
static struct span without_scheme(struct span url)
{
	if (span_starts(url, SPAN_LIT("https://")))
		return behind(url, 8);
	return span_starts(url, SPAN_LIT("http://")) ? behind(url, 7) :
						       SPAN_NONE;
}

/* The value of a parameter, from `?` or `&` (or `&amp;`) to the next `&`. */
static bool parameter(struct span url, const char *name, struct span *out)
{
	struct span query, one;
	bool more = span_split(url, '?', &one, &query);

	while (more) {
		more = span_split(query, '&', &one, &query);
		if (span_starts(one, SPAN_LIT("amp;")))
			one = behind(one, 4);
		if (span_starts(one, span_str(name)) &&
		    one.n > strlen(name) && one.p[strlen(name)] == '=') {
			*out = behind(one, strlen(name) + 1);
			return true;
		}
	}
	return false;
}

static bool safelink(struct text *t, struct span url)
{
	static const char suffix[] = ".safelinks.protection.outlook.com";
	struct span host, rest, value;
	size_t n = sizeof(suffix) - 1;

	(void)span_split(without_scheme(url), '/', &host, &rest);
	if (host.n < n || !span_eq_nocase(behind(host, host.n - n),
					  span_str(suffix)) ||
	    !parameter(url, "url", &value))
		return false;
	(void)percent_decode(t, value);
	return true;
}

/* How many characters a `**` and this one stand for. */
static int run_length(uint8_t c)
{
	static const char codes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-_";
	const char *p = c ? strchr(codes, c) : NULL;

	return p ? (int)(p - codes) + 2 : 0;
}

static size_t take_chars(struct text *t, struct span chars, size_t at, int n)
{
	size_t from = at;

	while (n-- > 0 && at < chars.n)
		(void)utf8_next(chars, &at);
	text_put(t, span_of(chars.p + from, at - from));
	return at;
}

/* Version 3 keeps the link readable and puts the characters that stars stand
 * for, in base64url, behind it: __link__;chars!... */
static bool defense3(struct text *t, struct span rest)
{
	uint8_t raw[1024];
	struct text given = text_of(t->a, t->max);
	struct span link, chars, code;
	size_t n = 0, used = 0;
	int64_t end = span_find(rest, SPAN_LIT("__;"), 0);

	if (end < 0)
		return false;
	link = span_of(rest.p, (size_t)end);
	(void)span_split(behind(rest, (size_t)end + 3), '!', &code, &chars);
	while (code.n && code.p[code.n - 1] == '=')
		code.n--;
	if (b64url_decode(raw, sizeof(raw), &n, code) < 0)
		return false;
	put_bytes(&given, span_of(raw, n));
	chars = text_span(&given);
	for (size_t i = 0; i < link.n && !t->err; i++) {
		if (link.p[i] != '*') {
			text_byte(t, link.p[i]);
		} else if (i + 2 < link.n && link.p[i + 1] == '*' &&
			   run_length(link.p[i + 2])) {
			used = take_chars(t, chars, used,
					  run_length(link.p[i + 2]));
			i += 2;
		} else {
			used = take_chars(t, chars, used, 1);
		}
	}
	return true;
}

static bool defense(struct text *t, struct span url)
{
	static const char *const v3[] = {"urldefense.com/v3/__",
		"urldefense.us/v3/__", "urldefense.proofpoint.com/v3/__"};
	struct span rest = without_scheme(url), value;

	for (size_t i = 0; i < sizeof(v3) / sizeof(*v3); i++)
		if (span_starts(rest, span_str(v3[i])))
			return defense3(t, behind(rest, strlen(v3[i])));
	if (!parameter(url, "u", &value))
		return false;
	if (span_starts(rest, SPAN_LIT("urldefense.proofpoint.com/v1/url?")))
		decode(t, value, '%', 0);
	else if (span_starts(rest,
			     SPAN_LIT("urldefense.proofpoint.com/v2/url?")))
		decode(t, value, '-', '_');
	else
		return false;
	return true;
}

static bool ends_url(uint8_t c)
{
	return c <= ' ' || c == '"' || c == '<' || c == '>' || c == 0x7f;
}

/* Hands each link of a text to fn, which writes what stands for it or
 * refuses; everything else is copied. */
static void each_link(struct text *t, struct span s,
		      bool (*fn)(struct text *t, struct span url))
{
	size_t done = 0, at = 0;
	int64_t hit;

	while ((hit = span_find(s, SPAN_LIT("http"), at)) >= 0 && !t->err) {
		size_t end = (size_t)hit, before = t->n;
		struct span url;

		while (end < s.n && !ends_url(s.p[end]))
			end++;
		url = span_of(s.p + hit, end - (size_t)hit);
		text_put(t, span_of(s.p + done, (size_t)hit - done));
		done = (size_t)hit;
		before = t->n;
		if (!t->err && fn(t, url))
			done = end;
		else
			t->n = before;
		at = end;
	}
	text_put(t, span_of(s.p + done, s.n - done));
}

void safelinks_decode(struct text *t, struct span s)
{
	each_link(t, s, safelink);
}

void urldefense_decode(struct text *t, struct span s)
{
	each_link(t, s, defense);
}
