/* A body as any server may send it: the node list must be a tree. */
#include <stdlib.h>
#include "courier/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(const Cv__HttpResult *r)
{
	if (r->n_nodes == 0 || r->n_nodes > ANSWER_NODES_MAX)
		abort();
	for (size_t i = 1; i < r->n_nodes; i++) {
		const Cv__JsonNode *x = r->nodes[i];
		Cv__JsonKind k;

		if (x->parent >= i)
			abort();
		k = r->nodes[x->parent]->kind;
		if (k != CV__JSON_KIND__JSON_LIST &&
		    k != CV__JSON_KIND__JSON_OBJECT)
			abort();
		if (!span_is_utf8(span_of(x->text.data, x->text.len)) ||
		    !span_is_utf8(span_of(x->key.data, x->key.len)))
			abort();
	}
	if (cv__http_result__get_packed_size(r) > 524288)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static bool is_warm;
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	struct arena *a = NULL;

	if (!is_warm)
		answer_warm();
	is_warm = true;
	if (arena_new(&a, ANSWER_ARENA_BYTES) < 0)
		return 0;
	if (answer_read(&r, span_of(p, n), a) == 0)
		check(&r);
	arena_free(&a);
	return 0;
}
