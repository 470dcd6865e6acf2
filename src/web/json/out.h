/* web/json/out.h - writes JSON text into a growing, bounded buffer.
 *
 * Sticky error like struct wr: what does not fit (JSON_OUT_MAX) or finds no
 * memory sets `failed`. Commas are put by themselves. Bytes that are not
 * UTF-8 become U+FFFD, so peer text never breaks a client's parser. The
 * memory is kept by json_out_reset() for the next message.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { JSON_OUT_MAX = 4 * 1024 * 1024 };

struct json_out {
	uint8_t *p;
	size_t n, cap;
	bool failed;
};

void json_out_release(struct json_out *j);
void json_out_reset(struct json_out *j);
/* 0 and *out (valid until the next change), E_NOMEM, E_LIMIT never: too long
 * counts as E_NOMEM. */
int  json_out_end(const struct json_out *j, struct span *out);

void json_open(struct json_out *j);		/* { */
void json_close(struct json_out *j);		/* } */
void json_list_open(struct json_out *j);	/* [ */
void json_list_close(struct json_out *j);	/* ] */
void json_key(struct json_out *j, const char *key);	/* a plain name */
void json_raw(struct json_out *j, const char *text);	/* not a value */

void json_text(struct json_out *j, struct span s);
void json_uint(struct json_out *j, uint64_t v);
/* Microseconds as seconds with a fraction, without trailing zeros. */
void json_seconds(struct json_out *j, int64_t us);

/* A key and its value. */
void json_kv_text(struct json_out *j, const char *key, struct span s);
void json_kv_str(struct json_out *j, const char *key, const char *s);
void json_kv_bool(struct json_out *j, const char *key, bool v);
void json_kv_yesno(struct json_out *j, const char *key, bool v);
void json_kv_uint(struct json_out *j, const char *key, uint64_t v);
void json_kv_null(struct json_out *j, const char *key);
void json_kv_seconds(struct json_out *j, const char *key, int64_t us);
