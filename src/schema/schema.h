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
	SCHEMA_SECRET,		/* .s text, opened again to be used (secret) */
	SCHEMA_TEMPLATE,	/* .s text of several lines, tabs allowed */
	SCHEMA_ADDRESS,		/* .s one IP address */
	SCHEMA_HOST,		/* .s one host name or address */
	SCHEMA_URL,		/* .s https://host[:port][/path], or empty */
	SCHEMA_NETS,		/* .s address[/prefix], comma between; read it
				 * with schema_net_next() */
	SCHEMA_REFS,		/* .s ids of rows of the resource `choices`,
				 * comma between, in order, none twice, min to
				 * max of them; schema_ref_next() */
	SCHEMA_PREFIXES,	/* .s first digits of numbers, an optional +
				 * before, comma between */
	SCHEMA_HEX,		/* .s lower case hexadecimal */
	SCHEMA_TYPE_COUNT
};

/* Whether .s holds free text that is kept as it is (not secrets, not enums). */
static inline bool schema_is_text(enum schema_type t)
{
	return t == SCHEMA_TEXT || t == SCHEMA_HOSTS || t == SCHEMA_ORIGINS ||
	       (t >= SCHEMA_TEMPLATE && t <= SCHEMA_HEX);
}

enum schema_flag {
	SCHEMA_F_REQUIRED = 1 << 0,	/* must be given on create */
	SCHEMA_F_UNIQUE = 1 << 1,
	SCHEMA_F_NOCASE = 1 << 2,	/* compares without ASCII case */
	SCHEMA_F_NULLABLE = 1 << 3,	/* null is a value: "unset" */
	SCHEMA_F_READONLY = 1 << 4,	/* made by the server */
	SCHEMA_F_SECRET = 1 << 5,	/* encrypted at rest, never shown */
	SCHEMA_F_BY_CORE = 1 << 6,	/* core sets it (store_submit), nobody
					 * else can: schema_parse() refuses */
	/* Kept, but nobody acts on it yet; the help says when somebody will
	 * ("Stored; felt when ..."). It must not be one that would keep
	 * anybody out: whoever sets it is told, and may believe it. */
	SCHEMA_F_LATER = 1 << 7,
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
	const char *choices;		/* ENUM: "a|b|c"; REF(S): resource name */
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
	RES_SYSTEM_LOCATION,
	RES_POLICY_SERVER,
	RES_GATEWAY_ROUTING_RULE,
	RES_BREAK_IN_ALLOW_LIST_ADDRESS,
	RES_CONFERENCE_INVITATION,
	RES_DEVICE,
	RES_SIP_PROXY,
	RES_STUN_SERVER,
	RES_TURN_SERVER,
	RES_AUTOMATIC_PARTICIPANT,
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

enum {
#define X(e, ...) SYSTEM_LOCATION_##e,
#include "schema/system_location.def"
#undef X
	SYSTEM_LOCATION_COUNT
};
enum {
#define X(e, ...) POLICY_SERVER_##e,
#include "schema/policy_server.def"
#undef X
	POLICY_SERVER_COUNT
};
enum {
#define X(e, ...) GATEWAY_ROUTING_RULE_##e,
#include "schema/gateway_routing_rule.def"
#undef X
	GATEWAY_ROUTING_RULE_COUNT
};
enum {
#define X(e, ...) BREAK_IN_ALLOW_LIST_ADDRESS_##e,
#include "schema/break_in_allow_list_address.def"
#undef X
	BREAK_IN_ALLOW_LIST_ADDRESS_COUNT
};
enum {
#define X(e, ...) CONFERENCE_INVITATION_##e,
#include "schema/conference_invitation.def"
#undef X
	CONFERENCE_INVITATION_COUNT
};
enum {
#define X(e, ...) DEVICE_##e,
#include "schema/device.def"
#undef X
	DEVICE_COUNT
};
enum {
#define X(e, ...) SIP_PROXY_##e,
#include "schema/sip_proxy.def"
#undef X
	SIP_PROXY_COUNT
};
enum {
#define X(e, ...) STUN_SERVER_##e,
#include "schema/stun_server.def"
#undef X
	STUN_SERVER_COUNT
};
enum {
#define X(e, ...) TURN_SERVER_##e,
#include "schema/turn_server.def"
#undef X
	TURN_SERVER_COUNT
};
enum {
#define X(e, ...) AUTOMATIC_PARTICIPANT_##e,
#include "schema/automatic_participant.def"
#undef X
	AUTOMATIC_PARTICIPANT_COUNT
};

enum {
	SCHEMA_FIELDS_MAX = 128,
	SCHEMA_ID_FIELD = 0,
	/* Bytes of one value: 49,152 characters of a template. Nothing this
	 * large belongs on a stack. */
	SCHEMA_VALUE_MAX = 4 * 49152,
	/* Bytes of a printed value that is not a template. */
	SCHEMA_TEXT_MAX = 8192,
	SCHEMA_NETS_MAX = 256,		/* networks in one list */
	SCHEMA_REFS_MAX = 16,		/* references in one list */
	SCHEMA_DTMF_MAX = 64,		/* keys of one sequence */
};

/* Values of enumerations, in the order of their `choices`. */
enum { CHAT_DEFAULT = 0, CHAT_YES, CHAT_NO };
enum { SV_CONFERENCE = 0, SV_TEST_CALL, SV_TWO_STAGE_DIALING };
enum { SV_ADP_GUEST = 0, SV_ADP_CHAIR };
enum { SV_ADP_MANUAL = 0, SV_ADP_ROUTING_RULE };
enum { SV_ALIVE_YES = 0, SV_ALIVE_IF_MULTIPLE, SV_ALIVE_NEVER };
enum { CALL_VIDEO = 0, CALL_VIDEO_ONLY, CALL_AUDIO };
enum { PIXELS_SD = 0, PIXELS_HD, PIXELS_FULLHD };
/* SV_: values that others name the same way elsewhere. */
enum { SV_BDPM_GLOBAL = 0, SV_BDPM_OFF, SV_BDPM_ON };	/* of a location */
enum { SV_PIN_GUARD_SLOW = 0, SV_PIN_GUARD_BLOCK };
enum { SV_CRYPTO_BESTEFFORT = 0, SV_CRYPTO_ON, SV_CRYPTO_OFF };
enum { SV_PROFILE_SECURE = 0, SV_PROFILE_INTEROPERABILITY };
enum { SV_ON_FAILURE_REJECT = 0, SV_ON_FAILURE_KEEP };
enum { SV_RULE_AUDIO = 0, SV_RULE_VIDEO, SV_RULE_VIDEO_ONLY, SV_RULE_AUTO };
enum { SV_RULE_EXTERNAL = 0, SV_RULE_REGISTRATION };
enum { SV_RULE_H323 = 0, SV_RULE_SIP, SV_RULE_RTMP };
enum { SV_ALLOW_LIST_USER = 0, SV_ALLOW_LIST_PROXY };
enum { SV_REFRESH_ADAPTIVE = 0, SV_REFRESH_MAXIMUM };
enum { SV_SIP_TCP = 0, SV_SIP_UDP, SV_SIP_TLS };
enum { SV_REVOKE_REQUIRE = 0, SV_REVOKE_SOFT_FAIL, SV_REVOKE_OFF };
enum { SV_OCSP_OFF = 0, SV_OCSP_ON, SV_OCSP_OVERRIDE };
enum { SV_TURN_UDP = 0, SV_TURN_TCP, SV_TURN_TLS };
enum { SV_TURN_NAMEPSW = 0, SV_TURN_COTURN_SHARED };

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
	int64_t min_alias_digits;	/* global.min_alias_digits */
};
/* The whole row, one value per field, secrets in clear: the PIN rules of a
 * room, limits that depend on one another, what needs a confirmation
 * (E_DENIED). 0 or E_INVAL with *why. */
int schema_check_row(const struct schema_resource *r,
		     const struct schema_value *values,
		     const struct schema_context *ctx,
		     struct schema_error *why);

/* Value to text for people and for projections; secrets print as "" (unset)
 * or "********". Returns the length without NUL or E_LIMIT; cap >= 1. */
int schema_print(const struct schema_field *f, const struct schema_value *v,
		 char *dst, size_t cap);

/* The next network of a SCHEMA_NETS list: 1, 0 at the end, E_FORMAT. The
 * address is v4-mapped and its bits behind the prefix are 0; the prefix is
 * that of the 16 bytes (an IPv4 address is 128, an IPv4 /24 is 120). */
int schema_net_next(struct span *rest, uint8_t ip[16], unsigned *prefix);
/* The next id of a SCHEMA_REFS list: 1, 0 at the end, E_FORMAT. */
int schema_ref_next(struct span *rest, int64_t *id);

/* --- weak PINs and aliases ------------------------------------------------
 *
 * While min_pin_length is at least SCHEMA_PIN_STRONG, a PIN must not be a run
 * (123456, 987654, 890123), one group of digits over and over (777777, 121212,
 * 123123), nor equal to an alias of its room or to the part of it before '@'.
 * Whoever lowers min_pin_length below that has chosen weak PINs, and an alarm
 * says so; then only the length counts. An alias whose part before '@' is
 * digits only (an optional + before) has at least min_alias_digits digits.
 * What is stored stays: the rules bind new PINs and new aliases. */
enum { SCHEMA_PIN_STRONG = 6 };
bool schema_is_weak_pin(struct span pin);
/* Equal to the alias or its part before '@'; a '#' behind the PIN does not
 * count. */
bool schema_pin_is_alias(struct span pin, struct span alias);

/* --- the interoperability profile ------------------------------------------
 *
 * Setting global.security_profile also writes these settings, unless the same
 * change sets them: the weaker value for insecure_interoperability, the
 * default for secure. So what is stored is what is in force. */
struct schema_relaxed {
	unsigned field;			/* of global */
	const char *value;		/* as schema_parse() reads it */
};
/* Ends with value NULL. */
const struct schema_relaxed *schema_relaxed(void);

/* The same without a copy where there is none to make: text types point into
 * the value, the others into `small`. */
enum { SCHEMA_SMALL_MAX = 32 };
struct span schema_text(const struct schema_field *f,
			const struct schema_value *v,
			char small[SCHEMA_SMALL_MAX]);

/* Fills *why; `fmt` must not be given a secret. */
void schema_fail(struct schema_error *why, const struct schema_resource *r,
		 const char *field, const char *rule, size_t place,
		 const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* A random PIN of `digits` digits, none of the guessable ones (all equal, a
 * run up or down). dst holds digits + 1; digits <= 20. */
void schema_propose_pin(char *dst, unsigned digits);
