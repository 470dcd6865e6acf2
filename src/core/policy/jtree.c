#include "core/policy/jtree.h"

#include "core/policy/script/value.h"

/* --- reading -------------------------------------------------------------------- */

static bool is_box(enum jkind k)
{
	return k == J_LIST || k == J_OBJECT;
}

/* The next child of `parent` from `i` on; what lies between is deeper. */
static uint32_t child_from(const struct jtree *t, uint32_t parent, uint32_t i)
{
	for (; i < t->n && t->nodes[i].parent >= parent; i++)
		if (t->nodes[i].parent == parent)
			return i;
	return JTREE_NONE;
}

uint32_t jtree_first(const struct jtree *t, uint32_t at)
{
	return child_from(t, at, at + 1);
}

uint32_t jtree_next(const struct jtree *t, uint32_t at)
{
	return at ? child_from(t, t->nodes[at].parent, at + 1) : JTREE_NONE;
}

uint32_t jtree_count(const struct jtree *t, uint32_t at)
{
	uint32_t n = 0;

	for (uint32_t i = jtree_first(t, at); i; i = jtree_next(t, i))
		n++;
	return n;
}

uint32_t jtree_member(const struct jtree *t, uint32_t at, struct span key)
{
	if (t->nodes[at].kind != J_OBJECT)
		return JTREE_NONE;
	for (uint32_t i = jtree_first(t, at); i; i = jtree_next(t, i))
		if (span_eq(t->nodes[i].key, key))
			return i;
	return JTREE_NONE;
}

/* --- a tree from elsewhere ---------------------------------------------------------- */

static int check_node(const struct jtree *t, const struct jnode *n,
		      bool is_top)
{
	bool in_object = !is_top && t->nodes[n->parent].kind == J_OBJECT;

	if ((unsigned)n->kind >= J_KIND_COUNT)
		return E_FORMAT;
	if ((n->key.n && !in_object) || (n->text.n && n->kind != J_TEXT))
		return E_FORMAT;
	if (!span_is_utf8(n->key) || !span_is_utf8(n->text))
		return E_FORMAT;
	return 0;
}

int jtree_check(const struct jtree *t)
{
	uint32_t open[JTREE_DEPTH_MAX];		/* boxes around the node */
	size_t depth = 0;

	if (t->n > JTREE_NODES_MAX)
		return E_LIMIT;
	if (t->n == 0 || t->nodes[0].parent != 0)
		return E_FORMAT;
	for (uint32_t i = 0; i < t->n; i++) {
		const struct jnode *n = &t->nodes[i];

		while (i && depth && open[depth - 1] != n->parent)
			depth--;
		if ((i && !depth) || check_node(t, n, i == 0) < 0)
			return E_FORMAT;
		if (depth == JTREE_DEPTH_MAX)
			return E_LIMIT;
		if (is_box(n->kind))
			open[depth++] = i;
	}
	return 0;
}

/* --- from a script's text -------------------------------------------------------------- */

struct maker {
	struct jnode *nodes;
	uint32_t n, max;
};

/* Bounded: a tree has no more nodes than its text has characters. */
static uint32_t count(struct val v, unsigned depth)
{
	uint32_t n = 1;

	if (depth > JTREE_DEPTH_MAX)
		return n;		/* add() refuses it */
	if (v.type == VAL_LIST)
		for (uint32_t i = 0; i < v.u.list->n; i++)
			n += count(v.u.list->items[i], depth + 1);
	else if (v.type == VAL_DICT)
		for (uint32_t i = 0; i < v.u.dict->n; i++)
			n += count(v.u.dict->pairs[i].value, depth + 1);
	return n;
}

static int add(struct maker *m, uint32_t parent, struct span key,
	       struct val v, unsigned depth);

static int add_list(struct maker *m, uint32_t at, const struct val_list *l,
		    unsigned depth)
{
	int r = 0;

	for (uint32_t i = 0; i < l->n && r == 0; i++)
		r = add(m, at, SPAN_NONE, l->items[i], depth);
	return r;
}

static int add_dict(struct maker *m, uint32_t at, const struct val_dict *d,
		    unsigned depth)
{
	int r = 0;

	for (uint32_t i = 0; i < d->n && r == 0; i++)
		r = d->pairs[i].key.type == VAL_STR ?
			add(m, at, d->pairs[i].key.u.s, d->pairs[i].value,
			    depth) : E_FORMAT;
	return r;
}

static int add(struct maker *m, uint32_t parent, struct span key,
	       struct val v, unsigned depth)
{
	uint32_t at = m->n;
	struct jnode *n;

	if (at == m->max || depth > JTREE_DEPTH_MAX)
		return E_LIMIT;
	n = &m->nodes[m->n++];
	*n = (struct jnode){.parent = parent, .key = key};
	switch (v.type) {
	case VAL_NONE:
		return 0;
	case VAL_BOOL:
		n->kind = v.u.b ? J_TRUE : J_FALSE;
		return 0;
	case VAL_INT:
		n->kind = J_INT;
		n->number = v.u.i;
		return 0;
	case VAL_FLOAT:
		n->kind = J_REAL;
		n->real = v.u.f;
		return 0;
	case VAL_STR:
		n->kind = J_TEXT;
		n->text = v.u.s;
		return 0;
	case VAL_LIST:
		n->kind = J_LIST;
		return add_list(m, at, v.u.list, depth + 1);
	case VAL_DICT:
		n->kind = J_OBJECT;
		return add_dict(m, at, v.u.dict, depth + 1);
	default:
		return E_FORMAT;
	}
}

int jtree_parse(struct jtree *out, struct arena *a, struct span text,
		size_t *at)
{
	struct maker m = {.max = 0};
	struct val v;
	size_t where = 0;
	int r = val_from_json(a, text, &v, &where);

	if (at)
		*at = where;
	if (r < 0)
		return r;
	m.max = count(v, 1);
	if (m.max > JTREE_NODES_MAX)
		return E_LIMIT;
	m.nodes = arena_alloc(a, m.max * sizeof(m.nodes[0]));
	if (!m.nodes)
		return E_NOMEM;
	r = add(&m, 0, SPAN_NONE, v, 1);
	if (r == 0)
		*out = (struct jtree){m.nodes, m.n};
	return r;
}
