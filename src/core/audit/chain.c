/* Lines, hashes and anchors: bytes only. */
#include <stdio.h>
#include <time.h>
#include "base/alloc.h"
#include "base/text.h"
#include "core/audit/audit_int.h"

#define HASH_KEY ",\"hash\":\""

/* --- JSON text ------------------------------------------------------------ */

struct utf8 {
	uint32_t cp;
	size_t n;
};

/* Of well-formed UTF-8. */
static struct utf8 utf8_next(struct span s)
{
	uint8_t c = s.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t cp = n == 1 ? c : c & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | (s.p[i] & 0x3f);
	return (struct utf8){cp, n};
}

/* Controls, and what turns the direction of the text around it. */
static bool must_escape(uint32_t cp)
{
	return cp < 0x20 || cp == '"' || cp == '\\' ||
	       (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

/* Cuts between characters and marks the cut. Bytes that are no UTF-8 become
 * \u00HH one by one. cap is at least 16. */
static void json_text(char *dst, size_t cap, struct span s)
{
	bool is_text = span_is_utf8(s);
	size_t n = 0;
	while (s.n > 0) {
		char one[8];
		struct utf8 u = {s.p[0], 1};
		if (is_text)
			u = utf8_next(s);
		bool esc = must_escape(u.cp) || (!is_text && u.cp >= 0x80);
		size_t len = esc ? 6 : u.n;
		if (n + len > cap - 4) {
			memcpy(dst + n, "...", 3);
			n += 3;
			break;
		}
		if (esc) {
			(void)snprintf(one, sizeof(one), "\\u%04x",
				       (unsigned)(u.cp & 0xffff));
			memcpy(dst + n, one, 6);
		} else {
			memcpy(dst + n, s.p, len);
		}
		n += len;
		s.p += u.n;
		s.n -= u.n;
	}
	dst[n] = 0;
}

static void wall_text(char dst[40], int64_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;
	if (us < 0 || gmtime_r(&s, &tm) == NULL) {
		s = 0;
		(void)gmtime_r(&s, &tm);
	}
	size_t n = strftime(dst, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(dst + n, 40 - n, ".%06uZ",
		       (unsigned)((uint64_t)us % 1000000));
}

/* --- the chain ------------------------------------------------------------ */

static int link_hash(uint8_t out[SHA256_LEN], const uint8_t *before,
		     struct span body)
{
	uint8_t in[SHA256_LEN + AUDIT_LINE_MAX];
	if (body.n > AUDIT_LINE_MAX)
		return E_LIMIT;
	memcpy(in, before, SHA256_LEN);
	memcpy(in + SHA256_LEN, body.p, body.n);
	return crypto_sha256(out, span_of(in, SHA256_LEN + body.n));
}

static const char *const outcomes[] = {
	[AUDIT_FAILED] = "failed", [AUDIT_DENIED] = "denied",
	[AUDIT_OK] = "ok",
};

size_t chain_line(struct chain *c, char *dst, const struct audit_event *ev,
		  int64_t wall_us, uint64_t mono_ns, int *error)
{
	char who[192], source[128], object[320], detail[800], wall[40];
	char hex[AUDIT_HASH_HEX + 1];
	uint8_t hash[SHA256_LEN];
	json_text(who, sizeof(who), ev->who);
	json_text(source, sizeof(source), ev->source);
	json_text(object, sizeof(object), ev->object);
	json_text(detail, sizeof(detail), ev->detail);
	wall_text(wall, wall_us);
	int n = snprintf(dst, AUDIT_LINE_MAX - AUDIT_TAIL_LEN - 2,
			 "{\"seq\":%llu,\"wall\":\"%s\",\"mono\":%llu,"
			 "\"who\":\"%s\",\"source\":\"%s\",\"action\":\"%s\","
			 "\"object\":\"%s\",\"outcome\":\"%s\","
			 "\"detail\":\"%s\"",
			 (unsigned long long)c->seq + 1, wall,
			 (unsigned long long)mono_ns, who, source, ev->action,
			 object, outcomes[ev->outcome], detail);
	if (n < 0 || n >= AUDIT_LINE_MAX - AUDIT_TAIL_LEN - 2) {
		*error = E_LIMIT;
		return 0;
	}
	*error = link_hash(hash, c->hash, span_of(dst, (size_t)n));
	if (*error < 0)
		return 0;
	hex_encode(hex, hash, sizeof(hash));
	n += snprintf(dst + n, (size_t)(AUDIT_LINE_MAX - n),
		      HASH_KEY "%s\"}\n", hex);
	c->seq++;
	memcpy(c->hash, hash, sizeof(hash));
	return (size_t)n;
}

static int read_seq(struct span line, uint64_t *seq)
{
	struct span digits, rest;
	if (!span_starts(line, SPAN_LIT("{\"seq\":")))
		return E_FORMAT;
	line.p += 7;
	line.n -= 7;
	if (!span_split(line, ',', &digits, &rest))
		return E_FORMAT;
	return span_u64(digits, UINT64_MAX, seq) < 0 ? E_FORMAT : 0;
}

int chain_check(struct chain *c, struct span line)
{
	uint8_t want[SHA256_LEN], have[SHA256_LEN];
	uint64_t seq;
	if (line.n <= AUDIT_TAIL_LEN || line.n > AUDIT_LINE_MAX)
		return E_FORMAT;
	struct span body = span_of(line.p, line.n - AUDIT_TAIL_LEN);
	struct span tail = span_of(line.p + body.n, AUDIT_TAIL_LEN);
	if (!span_starts(tail, SPAN_LIT(HASH_KEY)) ||
	    !span_eq(span_of(tail.p + tail.n - 2, 2), SPAN_LIT("\"}")) ||
	    hex_decode(have, sizeof(have),
		       span_of(tail.p + 9, AUDIT_HASH_HEX)) < 0 ||
	    read_seq(line, &seq) < 0)
		return E_FORMAT;
	if (seq != c->seq + 1)
		return E_REPLAY;
	int e = link_hash(want, c->hash, body);
	if (e < 0)
		return e;
	if (memcmp(want, have, sizeof(want)) != 0)
		return E_AUTH;
	c->seq = seq;
	memcpy(c->hash, have, sizeof(have));
	return 0;
}

/* --- names and anchors ---------------------------------------------------- */

void audit_segment_path(char dst[AUDIT_PATH_MAX], const char *dir,
			uint64_t segment)
{
	(void)snprintf(dst, AUDIT_PATH_MAX, "%s/audit-%08llu.log", dir,
		       (unsigned long long)segment);
}

void audit_anchors_path(char dst[AUDIT_PATH_MAX], const char *dir)
{
	(void)snprintf(dst, AUDIT_PATH_MAX, "%s/anchors", dir);
}

size_t anchor_print(const struct anchor *a, char dst[256])
{
	char hex[AUDIT_HASH_HEX + 1];
	hex_encode(hex, a->hash, sizeof(a->hash));
	int n = snprintf(dst, 256, "%llu %llu %llu %lld %s\n",
			 (unsigned long long)a->segment,
			 (unsigned long long)a->first,
			 (unsigned long long)a->last,
			 (long long)a->wall_us, hex);
	return (size_t)n;
}

static int next_number(struct span *rest, uint64_t *out)
{
	struct span word;
	if (!span_split(*rest, ' ', &word, rest))
		return E_FORMAT;
	return span_u64(word, INT64_MAX, out);
}

int anchor_parse(struct anchor *a, struct span line)
{
	uint64_t wall;
	if (next_number(&line, &a->segment) < 0 ||
	    next_number(&line, &a->first) < 0 ||
	    next_number(&line, &a->last) < 0 || next_number(&line, &wall) < 0)
		return E_FORMAT;
	a->wall_us = (int64_t)wall;
	return hex_decode(a->hash, sizeof(a->hash), line);
}

static int parse_anchors(struct span text, struct anchor *out, size_t *n,
			 size_t *whole)
{
	struct span rest = text, line;
	for (*n = 0, *whole = 0; span_split(rest, '\n', &line, &rest); ++*n) {
		struct anchor *a = &out[*n];
		if (anchor_parse(a, line) < 0 || a->segment != *n + 1 ||
		    a->first != (*n ? a[-1].last : 0) + 1 ||
		    a->last + 1 < a->first)
			return E_CORRUPT;
		*whole = (size_t)(rest.p - text.p);
		if (rest.n == 0)
			*whole = text.n;
	}
	return 0;
}

int anchors_read(const struct file_ops *fs, const char *dir,
		 struct anchor **out, size_t *n, size_t *whole,
		 uint64_t *bad_line)
{
	char path[AUDIT_PATH_MAX];
	uint8_t *text = NULL;
	size_t len = 0, lines = 0;
	audit_anchors_path(path, dir);
	int e = fs->read_all(fs->ctx, path, AUDIT_FILE_MAX, &text, &len);
	if (e < 0 && e != E_NOTFOUND)
		return e;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	struct anchor *a = mem_calloc(lines + 1, sizeof(*a));
	e = a ? parse_anchors(span_of(text, len), a, n, whole) : E_NOMEM;
	mem_free(text);
	if (e < 0) {
		*bad_line = a ? *n + 1 : 0;
		mem_free(a);
		return e;
	}
	*out = a;
	return 0;
}
