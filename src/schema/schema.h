/* schema/schema.h - every setting and resource as data.
 *
 * One row per field says its type, range, default, unit, secrecy, who may
 * read it and when a change takes effect. From these rows come the database
 * tables, the checks of every input, the projection that each role receives,
 * the command line's completion and the handbook's tables: a new setting is a
 * row in a .def file here and nowhere else. The default is the safe value.
 *
 * Everything here is pure and constant: no allocation, clock, lock or log.
 * Thread safe. Names and meanings follow the management API.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum schema_type {
	SCHEMA_NONE = 0,
	SCHEMA_BOOL,		/* .i = 0 or 1; text true/false/1/0 */
	SCHEMA_INT,		/* .i; min..max are its range */
	SCHEMA_TEXT,		/* .s UTF-8; min..max count characters */
	SCHEMA_ENUM,		/* .i = index into choices, .s = the word */
	SCHEMA_PIN,		/* .s digits, optional '#' behind (secret) */
	SCHEMA_PASSWORD,	/* .s clear on input, kept as argon2id (secret) */
	SCHEMA_REF,		/* .i = id of a row of the resource `choices` */
	SCHEMA_TIME,		/* .i = microseconds since 1970, UTC */
	SCHEMA_HOSTS,		/* .s host names or addresses, comma between */
	SCHEMA_ORIGINS,		/* .s https://host[:port], comma between */
	SCHEMA_TYPE_COUNT
};

/* Whether .s holds free text that is kept as it is (not secrets, not enums). */
static inline bool schema_is_text(enum schema_type t)
{
	return t == SCHEMA_TEXT || t == SCHEMA_HOSTS || t == SCHEMA_ORIGINS;
}

enum schema_flag {
	SCHEMA_F_REQUIRED = 1 << 0,	/* must be given on create */
	SCHEMA_F_UNIQUE = 1 << 1,
	SCHEMA_F_NOCASE = 1 << 2,	/* compares without ASCII case */
	SCHEMA_F_NULLABLE = 1 << 3,	/* null is a value: "unset" */
	SCHEMA_F_READONLY = 1 << 4,	/* made by the server */
	SCHEMA_F_SECRET = 1 << 5,	/* encrypted at rest, never shown */
};

/* When a change takes effect. */
enum schema_reload {
	SCHEMA_NEXT_CALL = 1,	/* with the next person who joins */
	SCHEMA_NEXT_MEETING,	/* when the room starts anew */
	SCHEMA_AT_ONCE,
};

struct schema_field {
	const char *name;
	enum schema_type type;
	unsigned flags;			/* bits of enum schema_flag */
	int64_t min, max;
	const char *def;		/* text form; NULL = null or required */
	const char *choices;		/* ENUM: "a|b|c"; REF: resource name */
	const char *unit;		/* "s", "kbit/s", ... or "" */
	enum schema_reload reload;
	uint32_t readers;		/* 1u << ROLE_x of ipc/ipc.h; core always */
	const char *help;
};

enum schema_resource_id {
	RES_NONE = 0,
	RES_CONFERENCE,
	RES_CONFERENCE_ALIAS,
	RES_GLOBAL,		/* one row, id 1 */
	RES_ADMINISTRATOR,
	RES_COUNT
};

/* Indices of the fields, CONFERENCE_NAME for instance, in the order of the
 * .def files. X(enumerator, name, type, flags, min, max, default, choices,
 * unit, reload, readers, help) */
enum {
#define X(e, ...) CONFERENCE_##e,
#include "schema/conference.def"
#undef X
	CONFERENCE_COUNT
};
enum {
#define X(e, ...) CONFERENCE_ALIAS_##e,
#include "schema/conference_alias.def"
#undef X
	CONFERENCE_ALIAS_COUNT
};
enum {
#define X(e, ...) GLOBAL_##e,
#include "schema/global.def"
#undef X
	GLOBAL_COUNT
};
enum {
#define X(e, ...) ADMINISTRATOR_##e,
#include "schema/administrator.def"
#undef X
	ADMINISTRATOR_COUNT
};

enum { SCHEMA_FIELDS_MAX = 64, SCHEMA_ID_FIELD = 0, SCHEMA_VALUE_MAX = 8192 };

/* Values of enumerations, in the order of their `choices`. */
enum { CHAT_DEFAULT = 0, CHAT_YES, CHAT_NO };
enum { CALL_VIDEO = 0, CALL_VIDEO_ONLY, CALL_AUDIO };
enum { PIXELS_SD = 0, PIXELS_HD, PIXELS_FULLHD };

struct schema_resource {
	enum schema_resource_id id;
	const char *name;		/* as in the management API */
	const char *title;
	const struct schema_field *fields;	/* fields[0] is always `id` */
	unsigned n_fields;
	int64_t rows_max;
	unsigned name_field;		/* what people call a row by */
	bool is_singleton;
};

struct schema_value {
	bool is_null;
	int64_t i;
	struct span s;
};

/* What was wrong with an input: field, rule and place. Never holds the value
 * of a secret. `text` is one line for a person. */
struct schema_error {
	const char *resource;
	const char *field;		/* NULL: the row as a whole */
	const char *rule;		/* a constant word: "range", "pin-length" */
	size_t place;			/* 1-based character, 0 = all of it */
	char text[256];
};

const struct schema_resource *schema_resource(enum schema_resource_id id);
const struct schema_resource *schema_resource_named(struct span name);
/* Index or -1. */
int schema_field_named(const struct schema_resource *r, struct span name);

/* Text to value. out->s points into `text` or at constants. An empty text is
 * null for a nullable field. 0, or E_FORMAT, E_LIMIT, E_DENIED (read only)
 * with *why filled in. */
int schema_parse(const struct schema_resource *r, unsigned field,
		 struct span text, struct schema_value *out,
		 struct schema_error *why);
/* The field's default; null when it has none. Never fails: a test parses
 * every default. */
struct schema_value schema_default(const struct schema_resource *r,
				   unsigned field);
/* Checks one value as schema_parse would have left it. */
int schema_check(const struct schema_resource *r, unsigned field,
		 const struct schema_value *v, struct schema_error *why);

/* What the rules across fields need to know besides the row. */
struct schema_context {
	int64_t min_pin_length;		/* global.min_pin_length */
};
/* The whole row, one value per field, secrets in clear: the PIN rules of a
 * room, limits that depend on one another. 0 or E_INVAL with *why. */
int schema_check_row(const struct schema_resource *r,
		     const struct schema_value *values,
		     const struct schema_context *ctx,
		     struct schema_error *why);

/* Value to text for people and for projections; secrets print as "" (unset)
 * or "********". Returns the length without NUL or E_LIMIT; cap >= 1. */
int schema_print(const struct schema_field *f, const struct schema_value *v,
		 char *dst, size_t cap);

/* Fills *why; `fmt` must not be given a secret. */
void schema_fail(struct schema_error *why, const struct schema_resource *r,
		 const char *field, const char *rule, size_t place,
		 const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* A random PIN of `digits` digits, none of the guessable ones (all equal, a
 * run up or down). dst holds digits + 1; digits <= 20. */
void schema_propose_pin(char *dst, unsigned digits);
