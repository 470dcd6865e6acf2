/* core/policy/script/value.h - the values that scripts compute with.
 *
 * A `struct val` is passed by value and points into one arena: texts, lists
 * and dictionaries live as long as that arena, whose maximum is the memory
 * budget. Nothing is ever freed alone; a list that grows leaves its old place
 * behind, and that counts.
 *
 * Texts are UTF-8 and are never written to once made. Lists and dictionaries
 * are shared by reference, as in Python: whoever holds one sees an append of
 * everybody else. Dictionaries keep the order of insertion. A list can be
 * made a member of itself; whatever walks values stops at VAL_DEPTH_MAX.
 *
 * Pure; not thread safe (one arena, one thread). Functions return 0 or a
 * negative E_*: E_LIMIT when the arena is at its maximum, E_NOMEM when the
 * machine has no memory.
 */
#pragma once
#include "base/arena.h"
#include "base/span.h"

enum {
	VAL_DEPTH_MAX = 100,		/* lists within lists */
	VAL_ITEMS_MAX = 100000,		/* of one list or dictionary */
};

enum val_type {
	VAL_UNDEFINED = 0,
	VAL_NONE,
	VAL_BOOL,
	VAL_INT,
	VAL_FLOAT,
	VAL_STR,
	VAL_LIST,
	VAL_TUPLE,
	VAL_DICT,
	VAL_TIME,
	VAL_LOOP,			/* `loop` inside `for`; never stored */
	VAL_TYPE_COUNT
};

struct val_list;
struct val_dict;

/* A moment in some zone, broken down; what pex_now() gives. */
struct val_time {
	int64_t utc_us;			/* microseconds since 1970 */
	int32_t offset_s;		/* local minus UTC */
	int32_t year;
	uint8_t month, day, hour, minute, second;	/* month, day from 1 */
	uint32_t microsecond;
};

struct val {
	enum val_type type;
	/* VAL_UNDEFINED only: it came from a member of None or of undefined,
	 * so a further member fails the script. */
	bool is_deep;
	union {
		bool b;
		int64_t i;
		double f;
		struct span s;
		struct val_list *list;		/* list and tuple */
		struct val_dict *dict;
		const struct val_time *time;
		const void *loop;
	} u;
};

struct val_pair {
	struct val key, value;
	uint32_t hash;
};

/* Read them freely; change them by the functions below only. */
struct val_list {
	struct val *items;
	uint32_t n, cap;
};

struct val_dict {
	struct val_pair *pairs;
	uint32_t n, cap;
	uint32_t *index;		/* of large ones: place + 1 by hash */
	uint32_t index_n;		/* a power of two, or 0 */
};

#define VAL_NULL ((struct val){.type = VAL_NONE})
#define VAL_MISSING ((struct val){.type = VAL_UNDEFINED})

static inline struct val val_bool(bool b)
{
	return (struct val){.type = VAL_BOOL, .u.b = b};
}

static inline struct val val_int(int64_t i)
{
	return (struct val){.type = VAL_INT, .u.i = i};
}

static inline struct val val_float(double f)
{
	return (struct val){.type = VAL_FLOAT, .u.f = f};
}

/* The bytes must be UTF-8 and outlive the value: no copy is made. */
static inline struct val val_span(struct span s)
{
	return (struct val){.type = VAL_STR, .u.s = s};
}

/* Of a string literal or any text that outlives the value. */
static inline struct val val_lit(const char *s)
{
	return val_span(span_str(s));
}

/* Copies. E_FORMAT: not UTF-8. */
int val_str(struct arena *a, struct span s, struct val *out);
int val_list_new(struct arena *a, struct val *out);
int val_dict_new(struct arena *a, struct val *out);

/* At the end. E_INVAL: not a list or tuple. */
int val_list_add(struct arena *a, struct val list, struct val item);
/* Sets or replaces; a replaced member keeps its place. E_INVAL: not a
 * dictionary, or the key is a list or dictionary (or holds one). */
int val_dict_put(struct arena *a, struct val dict, struct val key,
		 struct val value);
/* The same for a key that outlives the value, usually a literal. */
int val_dict_set(struct arena *a, struct val dict, const char *key,
		 struct val value);
/* VAL_MISSING when there is none, or when `dict` is not a dictionary. */
struct val val_dict_get(struct val dict, struct val key);
struct val val_get(struct val dict, const char *key);
/* A new dictionary or list with the same members (pex_update begins so). */
int val_copy_shallow(struct arena *a, struct val v, struct val *out);

/* None, false, 0, "", empty and undefined are false. */
bool val_is_true(struct val v);
/* As Python: 1 == 1.0 == True. False when nested deeper than VAL_DEPTH_MAX. */
bool val_equal(struct val a, struct val b);
/* Python's name of the type ("str", "NoneType"), for error texts. */
const char *val_type_name(enum val_type t);

/* JSON (RFC 8259). Names in order, the last of equal names wins. E_FORMAT: not
 * JSON or not UTF-8; E_LIMIT: nested too deep, an integer beyond 64 bits or
 * the arena is full. *at (may be NULL) is the byte offset of a refusal. */
int val_from_json(struct arena *a, struct span text, struct val *out,
		  size_t *at);
/* One line, ", " and ": " as separators, UTF-8 not escaped; undefined and None
 * become null, a tuple an array, a time its ISO 8601 text. E_FORMAT: a value
 * JSON has no text for (infinity, a tuple as name); E_LIMIT as above. */
int val_to_json(struct arena *a, struct val v, struct span *out);
