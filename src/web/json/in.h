/* web/json/in.h - reads a request body; the only user of jansson.
 *
 * Limits: JSON_IN_MAX bytes, JSON_IN_DEPTH levels, checked before the library
 * sees the text; duplicate keys and NUL inside strings are refused. An empty
 * body reads as {}. Spans point into the document and live as long as it.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { JSON_IN_MAX = 96 * 1024, JSON_IN_DEPTH = 16 };

struct json_in;

/* Before the sandbox closes: the library would read its seed from a file. */
void json_in_warm(void);

/* The top must be an object. E_FORMAT, E_LIMIT. */
int  json_in_parse(struct json_in **out, struct span text);
void json_in_free(struct json_in **j);

/* Absent or null: E_NOTFOUND. Another type: E_FORMAT. */
int json_in_text(const struct json_in *j, const char *key, struct span *v);
int json_in_bool(const struct json_in *j, const char *key, bool *v);
int json_in_number(const struct json_in *j, const char *key, double *v);
/* A text one level down. E_FORMAT when `outer` is not an object. */
/* The elements of a list of objects, by their number: two texts of one of them.
 * E_NOTFOUND behind the last; E_FORMAT when `list` is no list of objects, or
 * they have not both. */
int json_in_pair(const struct json_in *j, const char *list, size_t i,
		 const char *const keys[2], struct span v[2]);
int json_in_text2(const struct json_in *j, const char *outer,
		  const char *key, struct span *v);
