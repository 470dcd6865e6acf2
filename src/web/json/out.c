#include "web/json/out.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/alloc.h"

enum { JSON_OUT_FIRST = 2048 };

void json_out_release(struct json_out *j)
{
	mem_free(j->p);
	*j = (struct json_out){0};
}

void json_out_reset(struct json_out *j)
{
	j->n = 0;
	j->failed = false;
}

int json_out_end(const struct json_out *j, struct span *out)
{
	if (j->failed)
		return E_NOMEM;
	*out = span_of(j->p, j->n);
	return 0;
}

static bool room(struct json_out *j, size_t n)
{
	size_t cap = j->cap ? j->cap : JSON_OUT_FIRST;
	if (j->failed || n > JSON_OUT_MAX - j->n) {
		j->failed = true;
		return false;
	}
	if (j->n + n <= j->cap)
		return true;
	while (cap < j->n + n)
		cap *= 2;
	uint8_t *p = mem_realloc(j->p, cap);
	if (!p) {
		j->failed = true;
		return false;
	}
	j->p = p;
	j->cap = cap;
	return true;
}

static void put(struct json_out *j, const void *p, size_t n)
{
	if (n == 0 || !room(j, n))
		return;
	memcpy(j->p + j->n, p, n);
	j->n += n;
}

void json_raw(struct json_out *j, const char *text)
{
	put(j, text, strlen(text));
}

/* A value or key that is not the first of its list needs a comma. A string
 * ends with a quote, so the last byte tells. */
static void separate(struct json_out *j)
{
	if (j->n && !strchr("{[: \n", j->p[j->n - 1]))
		put(j, ",", 1);
}

void json_open(struct json_out *j)
{
	separate(j);
	put(j, "{", 1);
}

void json_close(struct json_out *j)
{
	put(j, "}", 1);
}

void json_list_open(struct json_out *j)
{
	separate(j);
	put(j, "[", 1);
}

void json_list_close(struct json_out *j)
{
	put(j, "]", 1);
}

void json_key(struct json_out *j, const char *key)
{
	separate(j);
	put(j, "\"", 1);
	json_raw(j, key);
	put(j, "\":", 2);
}

/* Bytes of the well-formed UTF-8 character at p, 0 when there is none. */
static size_t utf8_len(const uint8_t *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 :
		     p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	return len && len <= n && span_is_utf8(span_of(p, len)) ? len : 0;
}

static void put_escape(struct json_out *j, uint8_t c)
{
	char buf[8];
	switch (c) {
	case '"': put(j, "\\\"", 2); break;
	case '\\': put(j, "\\\\", 2); break;
	case '\n': put(j, "\\n", 2); break;
	case '\r': put(j, "\\r", 2); break;
	case '\t': put(j, "\\t", 2); break;
	default:
		put(j, buf, (size_t)snprintf(buf, sizeof(buf), "\\u%04x", c));
	}
}

void json_text(struct json_out *j, struct span s)
{
	size_t i = 0, plain = 0;
	separate(j);
	put(j, "\"", 1);
	while (i < s.n) {
		size_t len = utf8_len(s.p + i, s.n - i);
		bool escape = s.p[i] < 0x20 || s.p[i] == 0x7f ||
			      s.p[i] == '"' || s.p[i] == '\\';
		if (len && !escape) {
			i += len;
			continue;
		}
		put(j, s.p + plain, i - plain);
		if (len)
			put_escape(j, s.p[i]);
		else
			put(j, "\xef\xbf\xbd", 3);
		plain = ++i;
	}
	put(j, s.p + plain, i - plain);
	put(j, "\"", 1);
}

void json_uint(struct json_out *j, uint64_t v)
{
	char buf[24];
	separate(j);
	put(j, buf, (size_t)snprintf(buf, sizeof(buf), "%" PRIu64, v));
}

void json_seconds(struct json_out *j, int64_t us)
{
	char buf[40];
	if (us < 0)
		us = 0;
	separate(j);
	int n = snprintf(buf, sizeof(buf), "%" PRId64 ".%06d", us / 1000000,
			 (int)(us % 1000000));
	while (buf[n - 1] == '0')
		n--;
	if (buf[n - 1] == '.')
		n--;
	put(j, buf, (size_t)n);
}

void json_kv_text(struct json_out *j, const char *key, struct span s)
{
	json_key(j, key);
	json_text(j, s);
}

void json_kv_str(struct json_out *j, const char *key, const char *s)
{
	json_kv_text(j, key, span_str(s));
}

void json_kv_bool(struct json_out *j, const char *key, bool v)
{
	json_key(j, key);
	json_raw(j, v ? "true" : "false");
}

void json_kv_yesno(struct json_out *j, const char *key, bool v)
{
	json_kv_str(j, key, v ? "YES" : "NO");
}

void json_kv_uint(struct json_out *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_uint(j, v);
}

void json_kv_null(struct json_out *j, const char *key)
{
	json_key(j, key);
	json_raw(j, "null");
}

void json_kv_seconds(struct json_out *j, const char *key, int64_t us)
{
	json_key(j, key);
	json_seconds(j, us);
}
