/* core/routing/rule.h - one call routing rule, as configuration says it.
 *
 * Field names and meanings are those of `gateway_routing_rule` in the
 * management API; the last group is ours and bounds what a call may cost.
 * A rule says which calls it is for, what becomes of the alias, and how the
 * second leg is placed. Which rule wins is route.h's matter.
 *
 * Pure. The text of a `struct rule` belongs to whoever filled it in; a table
 * (route.h) copies what it keeps.
 */
#pragma once
#include "base/span.h"

enum {
	RULE_TEXT_MAX = 250,		/* characters of name, patterns, tag */
	RULE_PRIORITY_MIN = 1, RULE_PRIORITY_MAX = 200,
	RULE_KBPS_MIN = 128, RULE_KBPS_MAX = 8192,
	RULE_CALLS_PER_HOUR_MAX = 10000,
	RULE_CONCURRENT_MAX = 1000,
	RULE_MINUTES_PER_HOUR_MAX = 60000,
	RULE_ERROR_MAX = 192,
};

/* How the caller came, or how the callee is to be called. */
enum rule_protocol {
	RULE_WEBRTC = 0,	/* browsers and apps; RTMP counts as this */
	RULE_SIP,
	RULE_H323,
	RULE_MSSIP,
	RULE_TEAMS,
	RULE_RTMP,		/* outgoing only */
	RULE_GMS,		/* outgoing only */
	RULE_PROTOCOL_COUNT
};
#define RULE_BIT(protocol) (1u << (protocol))

enum rule_target {		/* called_device_type */
	RULE_EXTERNAL = 0,	/* a registered device, else another system */
	RULE_REGISTRATION,	/* registered devices only */
};
/* "" (null) is the global setting. */
enum rule_crypto { RULE_CRYPTO_GLOBAL = 0, RULE_BESTEFFORT, RULE_ON, RULE_OFF };
enum rule_call { RULE_VIDEO = 0, RULE_AUDIO, RULE_VIDEO_ONLY, RULE_AUTO };
enum rule_pixels { RULE_PIXELS_GLOBAL = 0, RULE_SD, RULE_HD, RULE_FULLHD };

struct rule {
	int64_t id;
	struct span name, description, tag;
	uint32_t priority;		/* lower first; then the lower id */
	bool enable;

	bool match_incoming_calls, match_outgoing_calls;
	int64_t match_source_location;	/* 0: any */
	bool match_incoming_only_if_registered;
	uint32_t match_incoming;	/* RULE_BIT()s of webrtc to teams */
	struct span match_string;	/* matches all of the alias, no case */
	bool match_string_full;		/* the raw URI instead */
	struct span replace_string;	/* empty: the alias stays as it is */

	enum rule_target called_device_type;
	enum rule_protocol outgoing_protocol;
	int64_t outgoing_location;	/* 0: automatic */
	int64_t sip_proxy;		/* 0: DNS or the location's */
	enum rule_crypto crypto_mode;
	enum rule_call call_type;
	uint32_t max_callrate_in, max_callrate_out;	/* kbit/s, 0: global */
	enum rule_pixels max_pixels_per_second;
	bool treat_as_trusted;

	/* ours; a limit of 0 (null) is none */
	bool allow_unregistered_external;
	bool reception_may_reach;
	uint32_t max_calls_per_hour;
	uint32_t max_concurrent_calls;
	uint32_t max_minutes_per_hour;
};
/* What a new rule has when nothing is said; name, priority and match_string
 * must be. */
#define RULE_DEFAULT                                                          \
	((struct rule){.enable = true, .match_incoming_calls = true,          \
		       .match_incoming = RULE_BIT(RULE_WEBRTC) |              \
				RULE_BIT(RULE_SIP) | RULE_BIT(RULE_H323) |    \
				RULE_BIT(RULE_MSSIP),                         \
		       .outgoing_protocol = RULE_SIP,                         \
		       .max_calls_per_hour = 60, .max_concurrent_calls = 10,  \
		       .max_minutes_per_hour = 600})

/* What is wrong with a rule: the field's name and one line for a person. */
struct rule_error {
	const char *field;
	size_t place;			/* 1-based byte in it, 0: all of it */
	char text[RULE_ERROR_MAX];
};

/* May this rule stand? To be asked before a row is stored. 0, or:
 * E_LIMIT: a value out of range or a text too long; E_FORMAT: a pattern or
 * replacement that is none; E_INVAL: nothing could ever match (no direction,
 * no protocol); E_DENIED: enabled, and lets unregistered callers reach the
 * outside without `allow_unregistered_external`; E_NOMEM. */
int rule_check(const struct rule *r, struct rule_error *why);

/* Is it enabled, and may an unregistered caller reach the outside by it? An
 * alarm stands while this is so. */
bool rule_is_open(const struct rule *r);
/* Does any caller reach the outside by it? */
bool rule_is_external(const struct rule *r);

/* The words of the management API. NULL past the end. */
const char *rule_protocol_name(enum rule_protocol p);
const char *rule_target_name(enum rule_target t);
