#include "courier/json/json.h"

#include <jansson.h>

#include "base/rand.h"
#include "courier/wipe.h"
#include "wire/json/json.h"

struct flat {
	struct arena *a;
	Cv__JsonNode **nodes;
	size_t n;
};

void answer_warm(void)
{
	json_set_alloc_funcs(wipe_alloc, wipe_free);
	json_object_seed(rand_u32() | 1);
}

static int copy(struct flat *f, ProtobufCBinaryData *out, const char *p,
		size_t n)
{
	struct span s = arena_dup(f->a, span_of(p, n));

	if (n && !s.p)
		return E_NOMEM;
	*out = (ProtobufCBinaryData){.len = s.n,
				     .data = (uint8_t *)(uintptr_t)s.p};
	return 0;
}

static int fill(struct flat *f, Cv__JsonNode *node, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_NULL:
		node->kind = CV__JSON_KIND__JSON_NULL;
		return 0;
	case JSON_FALSE:
		node->kind = CV__JSON_KIND__JSON_FALSE;
		return 0;
	case JSON_TRUE:
		node->kind = CV__JSON_KIND__JSON_TRUE;
		return 0;
	case JSON_INTEGER:
		node->kind = CV__JSON_KIND__JSON_INT;
		node->number = json_integer_value(v);
		return 0;
	case JSON_REAL:
		node->kind = CV__JSON_KIND__JSON_REAL;
		node->real = json_real_value(v);
		return 0;
	case JSON_STRING:
		node->kind = CV__JSON_KIND__JSON_TEXT;
		return copy(f, &node->text, json_string_value(v),
			    json_string_length(v));
	case JSON_ARRAY:
		node->kind = CV__JSON_KIND__JSON_LIST;
		return 0;
	case JSON_OBJECT:
		node->kind = CV__JSON_KIND__JSON_OBJECT;
		return 0;
	}
	return E_FORMAT;
}

static int add(struct flat *f, uint32_t parent, const char *key, json_t *v)
{
	Cv__JsonNode *node;
	uint32_t at = (uint32_t)f->n;
	const char *k;
	json_t *item;
	size_t i;
	int r;

	if (f->n == ANSWER_NODES_MAX)
		return E_LIMIT;
	node = arena_zalloc(f->a, sizeof(*node));
	if (!node)
		return E_NOMEM;
	cv__json_node__init(node);
	f->nodes[f->n++] = node;
	node->parent = parent;
	r = key ? copy(f, &node->key, key, strlen(key)) : 0;
	if (r == 0)
		r = fill(f, node, v);
	json_array_foreach(v, i, item)
		if (r == 0)
			r = add(f, at, NULL, item);
	json_object_foreach(v, k, item)
		if (r == 0)
			r = add(f, at, k, item);
	return r;
}

int answer_read(Cv__HttpResult *out, struct span body, struct arena *a)
{
	struct flat f = {.a = a};
	json_error_t err;
	json_t *top;
	int r;

	if (body.n > ANSWER_BYTES_MAX)
		return E_LIMIT;
	if (json_nesting(body, ANSWER_DEPTH_MAX) < 0)
		return E_FORMAT;
	f.nodes = arena_alloc(a, ANSWER_NODES_MAX * sizeof(f.nodes[0]));
	if (!f.nodes)
		return E_NOMEM;
	top = json_loadb((const char *)body.p, body.n, 0, &err);
	if (!top)
		return E_FORMAT;
	r = add(&f, 0, NULL, top);
	json_decref(top);
	if (r == 0) {
		out->nodes = f.nodes;
		out->n_nodes = f.n;
	}
	return r;
}
