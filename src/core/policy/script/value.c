#include "core/policy/script/script_int.h"

#include <math.h>

enum { LIST_FIRST = 4, WORK_MAX = 100000, INDEX_FROM = 16 };

int val_no_room(const struct arena *a, size_t n)
{
	return ((n + 15) & ~(size_t)15) > arena_left(a) ? E_LIMIT : E_NOMEM;
}

int val_str(struct arena *a, struct span s, struct val *out)
{
	struct span copy;

	if (!span_is_utf8(s))
		return E_FORMAT;
	copy = arena_dup(a, s);
	if (!copy.p)
		return val_no_room(a, s.n);
	*out = val_span(copy);
	return 0;
}

int val_list_new(struct arena *a, struct val *out)
{
	struct val_list *l = arena_zalloc(a, sizeof(*l));

	if (!l)
		return val_no_room(a, sizeof(*l));
	*out = (struct val){.type = VAL_LIST, .u.list = l};
	return 0;
}

int val_dict_new(struct arena *a, struct val *out)
{
	struct val_dict *d = arena_zalloc(a, sizeof(*d));

	if (!d)
		return val_no_room(a, sizeof(*d));
	*out = (struct val){.type = VAL_DICT, .u.dict = d};
	return 0;
}

/* A larger place for an array of n items, or the same one. */
static int grow(struct arena *a, void *array, uint32_t n, uint32_t *cap,
		size_t item, void **out)
{
	uint32_t more = *cap ? *cap * 2 : LIST_FIRST;
	void *p;

	if (n < *cap) {
		*out = array;
		return 0;
	}
	if (n >= VAL_ITEMS_MAX)
		return E_LIMIT;
	p = arena_alloc(a, more * item);
	if (!p)
		return val_no_room(a, more * item);
	if (n)
		memcpy(p, array, n * item);
	*cap = more;
	*out = p;
	return 0;
}

int val_list_add(struct arena *a, struct val list, struct val item)
{
	struct val_list *l = list.u.list;
	void *p = NULL;
	int r;

	if (!val_is_list(list))
		return E_INVAL;
	r = grow(a, l->items, l->n, &l->cap, sizeof(*l->items), &p);
	if (r < 0)
		return r;
	l->items = p;
	l->items[l->n++] = item;
	return 0;
}

static bool is_hashable(struct val v, unsigned depth)
{
	if (v.type == VAL_LIST || v.type == VAL_DICT ||
	    depth > VAL_DEPTH_MAX)
		return false;
	for (uint32_t i = 0; v.type == VAL_TUPLE && i < v.u.list->n; i++)
		if (!is_hashable(v.u.list->items[i], depth + 1))
			return false;
	return true;
}

bool val_is_hashable(struct val v)
{
	return is_hashable(v, 0);
}

/* FNV-1a, its high bits folded into those that the index looks at. */
static uint32_t hash_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 16777619u;
	return h ^ h >> 16;
}

/* Equal values have equal hashes: 1, 1.0 and True. */
static uint32_t hash_of(struct val v)
{
	int64_t i;

	if (v.type == VAL_STR)
		return hash_bytes(v.u.s.p, v.u.s.n);
	if (v.type == VAL_FLOAT && (v.u.f != trunc(v.u.f) ||
				    fabs(v.u.f) >= 9e18))
		return hash_bytes(&v.u.f, sizeof(v.u.f));
	if (val_is_number(v)) {
		i = v.type == VAL_FLOAT ? (int64_t)v.u.f : val_whole(v);
		return hash_bytes(&i, sizeof(i));
	}
	return v.type == VAL_TUPLE ? v.u.list->n : (uint32_t)v.type;
}

struct val_pair *val_dict_find(const struct val_dict *d, struct val key)
{
	uint32_t h = hash_of(key), mask = d->index_n - 1;
	uint32_t n = d->index_n ? d->index_n : d->n;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = d->index_n ? d->index[(h + k) & mask] : k + 1;
		struct val_pair *p;

		if (i == 0)
			return NULL;
		p = &d->pairs[i - 1];
		if (p->hash == h && val_equal(p->key, key))
			return p;
	}
	return NULL;
}

static void index_put(struct val_dict *d, uint32_t place)
{
	uint32_t mask = d->index_n - 1, i = d->pairs[place].hash & mask;

	while (d->index[i])
		i = (i + 1) & mask;
	d->index[i] = place + 1;
}

/* Keeps the index at most half full; small dictionaries have none. */
static int index_grow(struct arena *a, struct val_dict *d)
{
	uint32_t n = d->index_n ? d->index_n * 4 : 4 * INDEX_FROM;
	uint32_t *p;

	if (d->n < INDEX_FROM || (d->n + 1) * 2 <= d->index_n)
		return 0;
	while (n < (d->n + 1) * 2)
		n *= 2;
	p = arena_zalloc(a, n * sizeof(*p));
	if (!p)
		return val_no_room(a, n * sizeof(*p));
	d->index = p;
	d->index_n = n;
	for (uint32_t i = 0; i < d->n; i++)
		index_put(d, i);
	return 0;
}

int val_dict_put(struct arena *a, struct val dict, struct val key,
		 struct val value)
{
	struct val_dict *d = dict.u.dict;
	struct val_pair *p;
	void *mem = NULL;
	int r;

	if (dict.type != VAL_DICT || !val_is_hashable(key))
		return E_INVAL;
	p = val_dict_find(d, key);
	if (p) {
		p->value = value;
		return 0;
	}
	r = grow(a, d->pairs, d->n, &d->cap, sizeof(*d->pairs), &mem);
	if (r < 0)
		return r;
	d->pairs = mem;
	r = index_grow(a, d);
	if (r < 0)
		return r;
	d->pairs[d->n] = (struct val_pair){key, value, hash_of(key)};
	if (d->index_n)
		index_put(d, d->n);
	d->n++;
	return 0;
}

int val_dict_set(struct arena *a, struct val dict, const char *key,
		 struct val value)
{
	return val_dict_put(a, dict, val_lit(key), value);
}

struct val val_dict_get(struct val dict, struct val key)
{
	struct val_pair *p = dict.type == VAL_DICT && val_is_hashable(key) ?
			     val_dict_find(dict.u.dict, key) : NULL;

	return p ? p->value : VAL_MISSING;
}

struct val val_get(struct val dict, const char *key)
{
	return val_dict_get(dict, val_lit(key));
}

static int copy_list(struct arena *a, struct val v, struct val *out)
{
	const struct val_list *from = v.u.list;
	int r = val_list_new(a, out);

	out->type = v.type;
	for (uint32_t i = 0; r == 0 && i < from->n; i++)
		r = val_list_add(a, *out, from->items[i]);
	return r;
}

int val_copy_shallow(struct arena *a, struct val v, struct val *out)
{
	const struct val_dict *from = v.u.dict;
	struct val_dict *to;
	struct val copy = VAL_NULL;
	int r;

	if (v.type != VAL_DICT) {
		r = val_is_list(v) ? copy_list(a, v, &copy) : E_INVAL;
		if (r == 0)
			*out = copy;
		return r;
	}
	r = val_dict_new(a, &copy);
	if (r < 0)
		return r;
	to = copy.u.dict;
	/* the same members need no look-up */
	to->cap = from->n + LIST_FIRST;
	to->pairs = arena_alloc(a, to->cap * sizeof(*to->pairs));
	if (!to->pairs)
		return val_no_room(a, to->cap * sizeof(*to->pairs));
	if (from->n)
		memcpy(to->pairs, from->pairs, from->n * sizeof(*to->pairs));
	to->n = from->n;
	*out = copy;
	return index_grow(a, to);
}

bool val_is_true(struct val v)
{
	switch (v.type) {
	case VAL_BOOL:
		return v.u.b;
	case VAL_INT:
		return v.u.i != 0;
	case VAL_FLOAT:
		return v.u.f != 0;
	case VAL_STR:
		return v.u.s.n != 0;
	case VAL_LIST:
	case VAL_TUPLE:
		return v.u.list->n != 0;
	case VAL_DICT:
		return v.u.dict->n != 0;
	case VAL_TIME:
	case VAL_LOOP:
		return true;
	default:
		return false;
	}
}

/* An integer and a float are equal when no digit is lost. */
static bool same_number(struct val a, struct val b)
{
	double f;

	if (a.type == VAL_FLOAT && b.type == VAL_FLOAT)
		return a.u.f == b.u.f;
	if (a.type != VAL_FLOAT && b.type != VAL_FLOAT)
		return val_whole(a) == val_whole(b);
	f = a.type == VAL_FLOAT ? a.u.f : b.u.f;
	if (!(fabs(f) < 9.2e18) || f != trunc(f))
		return false;
	return (int64_t)f == (a.type == VAL_FLOAT ? val_whole(b) :
						    val_whole(a));
}

static int same(struct val a, struct val b, uint32_t *work, unsigned depth);

static int same_list(const struct val_list *a, const struct val_list *b,
		     uint32_t *work, unsigned depth)
{
	int r = 1;

	if (a == b || a->n != b->n)
		return a == b;
	for (uint32_t i = 0; r == 1 && i < a->n; i++)
		r = same(a->items[i], b->items[i], work, depth);
	return r;
}

static int same_dict(const struct val_dict *a, const struct val_dict *b,
		     uint32_t *work, unsigned depth)
{
	int r = 1;

	if (a == b || a->n != b->n)
		return a == b;
	for (uint32_t i = 0; r == 1 && i < a->n; i++) {
		struct val_pair *p = val_dict_find(b, a->pairs[i].key);

		if (*work < b->n)
			return E_LIMIT;
		*work -= b->n;
		r = p ? same(a->pairs[i].value, p->value, work, depth) : 0;
	}
	return r;
}

static int same(struct val a, struct val b, uint32_t *work, unsigned depth)
{
	if (depth > VAL_DEPTH_MAX || *work == 0)
		return E_LIMIT;
	--*work;
	if (val_is_number(a) && val_is_number(b))
		return same_number(a, b);
	if (a.type != b.type)
		return 0;
	switch (a.type) {
	case VAL_STR:
		return span_eq(a.u.s, b.u.s);
	case VAL_LIST:
	case VAL_TUPLE:
		return same_list(a.u.list, b.u.list, work, depth + 1);
	case VAL_DICT:
		return same_dict(a.u.dict, b.u.dict, work, depth + 1);
	case VAL_TIME:
		return a.u.time->utc_us == b.u.time->utc_us;
	case VAL_LOOP:
		return a.u.loop == b.u.loop;
	default:
		return 1;
	}
}

int val_same(struct val a, struct val b, uint32_t *work)
{
	return same(a, b, work, 0);
}

bool val_equal(struct val a, struct val b)
{
	uint32_t work = WORK_MAX;

	return same(a, b, &work, 0) == 1;
}

const char *val_type_name(enum val_type t)
{
	static const char *const names[] = {
		[VAL_UNDEFINED] = "undefined", [VAL_NONE] = "NoneType",
		[VAL_BOOL] = "bool", [VAL_INT] = "int",
		[VAL_FLOAT] = "float", [VAL_STR] = "str",
		[VAL_LIST] = "list", [VAL_TUPLE] = "tuple",
		[VAL_DICT] = "dict", [VAL_TIME] = "datetime",
		[VAL_LOOP] = "loop",
	};

	return t < VAL_TYPE_COUNT ? names[t] : "nothing";
}
