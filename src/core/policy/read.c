#include "core/policy/read.h"

#include "core/policy/text.h"

enum { PIN_MIN = 4, PIN_MAX = 20 };

int policy_wrong(const struct policy_in *in, const char *member,
		 const char *rule)
{
	if (in->why)
		*in->why = (struct policy_error){member, rule};
	return E_FORMAT;
}

uint32_t policy_member(const struct policy_in *in, uint32_t at,
		       const char *name)
{
	uint32_t i = jtree_member(in->t, at, span_str(name));

	return i && in->t->nodes[i].kind != J_NULL ? i : JTREE_NONE;
}

int policy_read_text(const struct policy_in *in, uint32_t at,
		     const char *name, struct span *out)
{
	uint32_t i = policy_member(in, at, name);

	if (!i)
		return 0;
	if (in->t->nodes[i].kind != J_TEXT)
		return policy_wrong(in, name, "type");
	if (policy_chars(in->t->nodes[i].text) > POLICY_TEXT_MAX)
		return policy_wrong(in, name, "length");
	*out = in->t->nodes[i].text;
	/* present, so never SPAN_NONE */
	if (!out->p)
		*out = SPAN_LIT("");
	return 0;
}

int policy_read_bool(const struct policy_in *in, uint32_t at,
		     const char *name, bool *out)
{
	uint32_t i = policy_member(in, at, name);
	const struct jnode *n = &in->t->nodes[i];

	if (!i)
		return 0;
	if (n->kind == J_TRUE || n->kind == J_FALSE)
		*out = n->kind == J_TRUE;
	else if (n->kind == J_TEXT &&
		 span_eq_nocase(n->text, SPAN_LIT("true")))
		*out = true;
	else if (n->kind == J_TEXT &&
		 span_eq_nocase(n->text, SPAN_LIT("false")))
		*out = false;
	else
		return policy_wrong(in, name, "type");
	return 0;
}

int policy_read_int(const struct policy_in *in, uint32_t at, const char *name,
		    int64_t min, int64_t max, int64_t *out)
{
	uint32_t i = policy_member(in, at, name);
	const struct jnode *n = &in->t->nodes[i];
	int64_t v;

	if (!i)
		return 0;
	/* scripts divide and round: 1920000.0 is a whole number, too */
	if (n->kind == J_REAL && n->real >= -1e15 && n->real <= 1e15 &&
	    n->real == (double)(int64_t)n->real)
		v = (int64_t)n->real;
	else if (n->kind == J_INT)
		v = n->number;
	else
		return policy_wrong(in, name, "type");
	if (v < min || v > max)
		return policy_wrong(in, name, "range");
	*out = v;
	return 0;
}

int policy_read_word(const struct policy_in *in, uint32_t at,
		     const char *name, const char *choices, uint8_t *out)
{
	uint32_t i = policy_member(in, at, name);
	struct span word;

	if (!i)
		return 0;
	if (in->t->nodes[i].kind != J_TEXT)
		return policy_wrong(in, name, "type");
	for (unsigned k = 0; (word = policy_choice(choices, k)).p; k++)
		if (word.n && span_eq(word, in->t->nodes[i].text)) {
			*out = (uint8_t)k;
			return 0;
		}
	return policy_wrong(in, name, "choice");
}

int policy_read_name(const struct policy_in *in, uint32_t at,
		     const char *name, enum policy_object kind,
		     struct span *out)
{
	struct span s = SPAN_NONE;
	int r = policy_read_text(in, at, name, &s);

	if (r < 0 || s.n == 0)
		return r;
	if (!in->rd->has || !in->rd->has(in->rd->arg, kind, s))
		return policy_wrong(in, name, "unknown name");
	*out = s;
	return 0;
}

/* --- by the table ------------------------------------------------------------------ */

static int read_pin(const struct policy_in *in, uint32_t at, const char *name,
		    struct span *out)
{
	struct span s = SPAN_NONE;
	size_t n;
	int r = policy_read_text(in, at, name, &s);

	if (r < 0 || s.n == 0)
		return r;
	n = s.n - (s.p[s.n - 1] == '#');
	for (size_t i = 0; i < n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return policy_wrong(in, name, "digits");
	if (n < PIN_MIN || s.n > PIN_MAX)
		return policy_wrong(in, name, "length");
	*out = s;
	return 0;
}

static int read_view(const struct policy_in *in, uint32_t at,
		     const char *name, struct span *out)
{
	struct span s = SPAN_NONE;
	int r = policy_read_text(in, at, name, &s);

	if (r < 0 || s.n == 0)
		return r;
	/* which of them a gateway may use is checked at the end */
	if (policy_layout_is_built_in(s, true)) {
		*out = s;
		return 0;
	}
	return policy_read_name(in, at, name, POLICY_OBJ_LAYOUT, out);
}

static int read_row(const struct policy_in *in, uint32_t at,
		    const struct policy_row *row, void *to)
{
	switch (row->type) {
	case POLICY_M_TEXT:
		return policy_read_text(in, at, row->name, to);
	case POLICY_M_BOOL:
		return policy_read_bool(in, at, row->name, to);
	case POLICY_M_ENUM:
		return policy_read_word(in, at, row->name, row->choices, to);
	case POLICY_M_INT:
		return policy_read_int(in, at, row->name, row->min, row->max,
				       to);
	case POLICY_M_BPS:
		return policy_read_int(in, at, row->name, POLICY_BPS_MIN,
				       POLICY_BPS_MAX, to);
	case POLICY_M_NAME:
		return policy_read_name(in, at, row->name, row->object, to);
	case POLICY_M_VIEW:
		return read_view(in, at, row->name, to);
	case POLICY_M_PIN:
		return read_pin(in, at, row->name, to);
	}
	return E_INTERNAL;
}

int policy_read_rows(const struct policy_in *in, uint32_t at,
		     const struct policy_row *rows, size_t n, unsigned type,
		     void *base)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!(rows[i].of >> type & 1))
			continue;
		if (rows[i].required >> type & 1 &&
		    !policy_member(in, at, rows[i].name))
			return policy_wrong(in, rows[i].name, "required");
		r = read_row(in, at, &rows[i],
			     (char *)base + rows[i].offset);
	}
	return r;
}
