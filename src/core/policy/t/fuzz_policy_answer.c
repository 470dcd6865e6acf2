/* Answers of servers and output of scripts: JSON text, and trees as courier
 * might send them. What was read must survive being printed and read again. */
#include <stdlib.h>
#include "base/rd.h"
#include "core/policy/result.h"
#include "core/policy/vars.h"

enum { ARENA = 8 << 20, NODES_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool has(void *arg, enum policy_object kind, struct span name)
{
	(void)arg;
	return (name.n + kind) % 2;
}

static void read_all(struct arena *a, const struct jtree *t,
		     enum policy_kind kind)
{
	struct policy_reader rd = {.arena = a, .has = has};
	struct policy_answer server, script;
	struct policy_service again;
	struct policy_error why;
	struct jtree back;
	struct span json;
	struct val v;

	policy_answer_read(&server, kind, t, &rd);
	policy_script_read(&script, kind, t, &rd);
	if (kind != POLICY_SERVICE || script.event != POLICY_EV_SCRIPT)
		return;
	if (policy_var_service(a, &script.v.service, &v) < 0 ||
	    val_to_json(a, v, &json) < 0 ||
	    jtree_parse(&back, a, json, NULL) < 0)
		return;		/* the arena is full */
	if (policy_service_read(&again, &back, 0, &rd, &why) == E_FORMAT)
		abort();
}

/* parent, kind, key length, text length, then the bytes. */
static void read_raw(struct arena *a, struct span in, enum policy_kind kind)
{
	static struct jnode nodes[NODES_MAX];
	struct jtree t = {nodes, 0};
	struct rd rd = rd_of(in);

	while (rd_left(&rd) && t.n < NODES_MAX) {
		struct jnode *x = &nodes[t.n++];
		size_t key, text;

		*x = (struct jnode){.parent = rd_u16(&rd)};
		x->kind = (enum jkind)(rd_u8(&rd) % (J_KIND_COUNT + 1));
		key = rd_u8(&rd);
		text = rd_u8(&rd);
		x->key = rd_span(&rd, key);
		x->text = rd_span(&rd, text);
		x->number = (int64_t)(key << 8 | text);
	}
	if (t.n && jtree_check(&t) == 0)
		read_all(a, &t, kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = NULL;
	struct span rest = span_of(p + 1, n ? n - 1 : 0);
	enum policy_kind kind;
	struct jtree t;

	if (n < 1 || arena_new(&a, ARENA) < 0)
		return 0;
	kind = (enum policy_kind)(p[0] % POLICY_KIND_COUNT);
	if (p[0] & 0x80)
		read_raw(a, rest, kind);
	else if (jtree_parse(&t, a, rest, NULL) == 0) {
		if (jtree_check(&t) < 0)
			abort();
		read_all(a, &t, kind);
	}
	arena_free(&a);
	return 0;
}
