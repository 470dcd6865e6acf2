#include "core/routing/rule.h"

#include <stdio.h>

#include "base/err.h"
#include "core/regex/regex.h"

static const char *const protocols[RULE_PROTOCOL_COUNT] = {
	"webrtc", "sip", "h323", "mssip", "teams", "rtmp", "gms",
};

const char *rule_protocol_name(enum rule_protocol p)
{
	return (unsigned)p < RULE_PROTOCOL_COUNT ? protocols[p] : NULL;
}

const char *rule_target_name(enum rule_target t)
{
	switch (t) {
	case RULE_EXTERNAL:
		return "external";
	case RULE_REGISTRATION:
		return "registration";
	}
	return NULL;
}

bool rule_is_external(const struct rule *r)
{
	return r->called_device_type == RULE_EXTERNAL;
}

/* A call to the outside that a host places from a meeting has its own switch
 * (enable_dialout): this is about those who call us. */
bool rule_is_open(const struct rule *r)
{
	return r->enable && rule_is_external(r) && r->match_incoming_calls &&
		!r->match_incoming_only_if_registered;
}

static int wrong(struct rule_error *why, int r, const char *field,
		 size_t place, const char *text)
{
	if (why) {
		why->field = field;
		why->place = place;
		snprintf(why->text, sizeof(why->text), "%s", text);
	}
	return r;
}

/* Characters of UTF-8. */
static size_t chars(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static int check_texts(const struct rule *r, struct rule_error *why)
{
	const struct {
		const char *field;
		struct span s;
		bool must;
	} texts[] = {
		{"name", r->name, true},
		{"description", r->description, false},
		{"tag", r->tag, false},
		{"match_string", r->match_string, true},
		{"replace_string", r->replace_string, false},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct span s = texts[i].s;

		if (texts[i].must && !s.n)
			return wrong(why, E_LIMIT, texts[i].field, 0,
				     "must not be empty");
		if (!span_is_utf8(s))
			return wrong(why, E_FORMAT, texts[i].field, 0,
				     "is not UTF-8");
		if (chars(s) > RULE_TEXT_MAX)
			return wrong(why, E_LIMIT, texts[i].field,
				     RULE_TEXT_MAX + 1,
				     "has more than 250 characters");
	}
	return 0;
}

static int check_numbers(const struct rule *r, struct rule_error *why)
{
	const struct {
		const char *field;
		uint32_t v, min, max;
		bool may_be_none;
	} numbers[] = {
		{"priority", r->priority, RULE_PRIORITY_MIN,
		 RULE_PRIORITY_MAX, false},
		{"max_callrate_in", r->max_callrate_in, RULE_KBPS_MIN,
		 RULE_KBPS_MAX, true},
		{"max_callrate_out", r->max_callrate_out, RULE_KBPS_MIN,
		 RULE_KBPS_MAX, true},
		{"max_calls_per_hour", r->max_calls_per_hour, 1,
		 RULE_CALLS_PER_HOUR_MAX, true},
		{"max_concurrent_calls", r->max_concurrent_calls, 1,
		 RULE_CONCURRENT_MAX, true},
		{"max_minutes_per_hour", r->max_minutes_per_hour, 1,
		 RULE_MINUTES_PER_HOUR_MAX, true},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[64];

		if (numbers[i].may_be_none && !numbers[i].v)
			continue;
		if (numbers[i].v >= numbers[i].min &&
		    numbers[i].v <= numbers[i].max)
			continue;
		snprintf(text, sizeof(text), "is not between %u and %u",
			 numbers[i].min, numbers[i].max);
		return wrong(why, E_LIMIT, numbers[i].field, 0, text);
	}
	return 0;
}

static int check_patterns(const struct rule *r, struct rule_error *why)
{
	struct regex *re = NULL;
	struct regex_error e;
	int n = regex_new(&re, r->match_string, REGEX_NOCASE, &e);

	if (n < 0)
		return wrong(why, n, "match_string", (size_t)e.at + 1,
			     e.text);
	n = regex_replacement_check(re, r->replace_string);
	regex_free(&re);
	if (n == E_NOTFOUND)
		return wrong(why, E_FORMAT, "replace_string", 0,
			     "names a group that match_string does not have");
	if (n < 0)
		return wrong(why, n, "replace_string", 0,
			     "a backslash stands before a digit from 1 to 9 "
			     "or another backslash");
	return 0;
}

static int check_choices(const struct rule *r, struct rule_error *why)
{
	const unsigned callers = RULE_BIT(RULE_WEBRTC) | RULE_BIT(RULE_SIP) |
		RULE_BIT(RULE_H323) | RULE_BIT(RULE_MSSIP) |
		RULE_BIT(RULE_TEAMS);

	if (!r->match_incoming_calls && !r->match_outgoing_calls)
		return wrong(why, E_INVAL, "match_incoming_calls", 0,
			     "matches neither incoming nor outgoing calls");
	if (r->match_incoming & ~callers)
		return wrong(why, E_LIMIT, "match_incoming", 0,
			     "names a protocol that no caller has");
	if (r->match_incoming_calls && !r->match_incoming)
		return wrong(why, E_INVAL, "match_incoming_webrtc", 0,
			     "matches incoming calls of no protocol");
	if (r->outgoing_protocol == RULE_WEBRTC ||
	    (unsigned)r->outgoing_protocol >= RULE_PROTOCOL_COUNT)
		return wrong(why, E_LIMIT, "outgoing_protocol", 0,
			     "is no protocol to call with");
	if ((unsigned)r->called_device_type > RULE_REGISTRATION)
		return wrong(why, E_LIMIT, "called_device_type", 0,
			     "is not external or registration");
	if ((unsigned)r->crypto_mode > RULE_OFF)
		return wrong(why, E_LIMIT, "crypto_mode", 0, "is unknown");
	if ((unsigned)r->call_type > RULE_AUTO)
		return wrong(why, E_LIMIT, "call_type", 0, "is unknown");
	if ((unsigned)r->max_pixels_per_second > RULE_FULLHD)
		return wrong(why, E_LIMIT, "max_pixels_per_second", 0,
			     "is unknown");
	return 0;
}

int rule_check(const struct rule *r, struct rule_error *why)
{
	int n = check_texts(r, why);

	if (n == 0)
		n = check_numbers(r, why);
	if (n == 0)
		n = check_choices(r, why);
	if (n == 0)
		n = check_patterns(r, why);
	if (n == 0 && rule_is_open(r) && !r->allow_unregistered_external)
		n = wrong(why, E_DENIED, "allow_unregistered_external", 0,
			  "callers who are not registered could reach the "
			  "outside: confirm, or let registered callers only");
	return n;
}
