#include "web/json/in.h"
#include <jansson.h>
#include "base/alloc.h"
#include "base/rand.h"
#include "wire/json/json.h"

struct json_in {
	json_t *top;
};

void json_in_warm(void)
{
	json_set_alloc_funcs(mem_alloc, mem_free);
	json_object_seed(rand_u32() | 1);
}

int json_in_parse(struct json_in **out, struct span text)
{
	json_error_t err;
	if (text.n == 0)
		text = SPAN_LIT("{}");
	if (text.n > JSON_IN_MAX)
		return E_LIMIT;
	int r = json_nesting(text, JSON_IN_DEPTH);
	if (r < 0)
		return r;
	struct json_in *j = mem_zalloc(sizeof(*j));
	if (!j)
		return E_NOMEM;
	j->top = json_loadb((const char *)text.p, text.n,
			    JSON_REJECT_DUPLICATES, &err);
	if (!json_is_object(j->top)) {
		json_in_free(&j);
		return E_FORMAT;
	}
	*out = j;
	return 0;
}

void json_in_free(struct json_in **j)
{
	if (!*j)
		return;
	json_decref((*j)->top);
	mem_free(*j);
	*j = NULL;
}

static int text_of(const json_t *obj, const char *key, struct span *v)
{
	const json_t *m = json_object_get(obj, key);
	if (!m || json_is_null(m))
		return E_NOTFOUND;
	if (!json_is_string(m))
		return E_FORMAT;
	*v = span_of(json_string_value(m), json_string_length(m));
	return 0;
}

int json_in_text(const struct json_in *j, const char *key, struct span *v)
{
	return text_of(j->top, key, v);
}

int json_in_text2(const struct json_in *j, const char *outer,
		  const char *key, struct span *v)
{
	const json_t *m = json_object_get(j->top, outer);
	if (!m || json_is_null(m))
		return E_NOTFOUND;
	return json_is_object(m) ? text_of(m, key, v) : E_FORMAT;
}

int json_in_pair(const struct json_in *j, const char *list, size_t i,
		 const char *const keys[2], struct span v[2])
{
	const json_t *m = json_object_get(j->top, list);
	if (!m || json_is_null(m) || (json_is_array(m) && i >= json_array_size(m)))
		return E_NOTFOUND;
	m = json_is_array(m) ? json_array_get(m, i) : NULL;
	if (!json_is_object(m) || text_of(m, keys[0], &v[0]) < 0 ||
	    text_of(m, keys[1], &v[1]) < 0)
		return E_FORMAT;
	return 0;
}

int json_in_bool(const struct json_in *j, const char *key, bool *v)
{
	const json_t *m = json_object_get(j->top, key);
	if (!m || json_is_null(m))
		return E_NOTFOUND;
	if (!json_is_boolean(m))
		return E_FORMAT;
	*v = json_is_true(m);
	return 0;
}

int json_in_number(const struct json_in *j, const char *key, double *v)
{
	const json_t *m = json_object_get(j->top, key);
	if (!m || json_is_null(m))
		return E_NOTFOUND;
	if (!json_is_number(m))
		return E_FORMAT;
	*v = json_number_value(m);
	return 0;
}
