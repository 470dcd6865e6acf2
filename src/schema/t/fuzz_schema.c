/* Any text for any field: no crash; what is accepted prints and parses again
 * to the same, a refusal names its field. The first two bytes choose. */
#include <stdlib.h>
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What schema_check() let pass, the readers of lists can read; what it did
 * not, ends without harm. */
static void read_lists(struct span s, enum schema_type t, bool is_valid)
{
	uint8_t ip[16];
	unsigned prefix;
	int64_t id;
	struct span nets = s, refs = s;
	int e;
	while ((e = schema_net_next(&nets, ip, &prefix)) > 0)
		if (prefix > 128)
			abort();
	if (is_valid && t == SCHEMA_NETS && e < 0)
		abort();
	while ((e = schema_ref_next(&refs, &id)) > 0)
		if (id < 1)
			abort();
	if (is_valid && t == SCHEMA_REFS && e < 0)
		abort();
	(void)schema_is_weak_pin(s);
	(void)schema_pin_is_alias(s, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char text[SCHEMA_VALUE_MAX + 1];
	struct schema_value v, again;
	struct schema_error why;
	if (n < 2)
		return 0;
	const struct schema_resource *r =
		schema_resource(1 + data[0] % (RES_COUNT - 1));
	unsigned field = data[1] % r->n_fields;
	const struct schema_field *f = &r->fields[field];
	struct span in = span_of(data + 2, n - 2);
	if (schema_parse(r, field, in, &v, &why) < 0) {
		if (why.field != f->name || why.place > in.n + 1 ||
		    why.text[sizeof(why.text) - 1] != 0)
			abort();
		read_lists(in, f->type, false);
		return 0;
	}
	read_lists(v.s, f->type, true);
	int len = schema_print(f, &v, text, sizeof(text));
	if (len < 0)
		abort();
	if ((f->flags & SCHEMA_F_SECRET) || v.is_null)
		return 0;
	if (schema_parse(r, field, span_of(text, (size_t)len), &again,
			 NULL) < 0 || again.i != v.i ||
	    !span_eq(again.s, v.s))
		abort();
	return 0;
}
