/* A dial plan of twenty rules, for the tests and the tester's golden file. */
#pragma once
#include "core/routing/rule.h"

enum { LOC_INSIDE = 1, LOC_DMZ = 2, RULES_20 = 20 };

static inline struct rule rule_make(int64_t id, uint32_t priority,
				    const char *name, const char *match)
{
	struct rule r = RULE_DEFAULT;

	r.id = id;
	r.priority = priority;
	r.name = span_str(name);
	r.match_string = span_str(match);
	r.called_device_type = RULE_REGISTRATION;
	return r;
}

static inline void rules_20(struct rule r[RULES_20])
{
	r[0] = rule_make(10, 10, "Old gateway", ".*");
	r[0].enable = false;
	r[1] = rule_make(11, 15, "Court rooms", "saal(\\d{2})@justiz\\.example");
	r[1].replace_string = SPAN_LIT("\\1@rooms.justiz.example");
	r[2] = rule_make(12, 20, "Desk phones", "7\\d{4}");
	r[3] = rule_make(13, 20, "Desk phones, spare", "7\\d{4}");
	r[4] = rule_make(14, 25, "Teams only", ".*@teams\\.example");
	r[4].match_incoming = RULE_BIT(RULE_TEAMS);
	r[5] = rule_make(15, 30, "Inside to outside", "9(\\d{6,15})");
	r[5].match_source_location = LOC_INSIDE;
	r[5].match_incoming_only_if_registered = true;
	r[5].called_device_type = RULE_EXTERNAL;
	r[5].replace_string = SPAN_LIT("+\\1");
	r[6] = rule_make(16, 35, "DMZ to outside", "9(\\d+)");
	r[6].match_source_location = LOC_DMZ;
	r[6].called_device_type = RULE_EXTERNAL;
	r[6].allow_unregistered_external = true;
	r[7] = rule_make(17, 40, "Dial-out from meetings", "0(\\d+)");
	r[7].match_incoming_calls = false;
	r[7].match_outgoing_calls = true;
	r[7].called_device_type = RULE_EXTERNAL;
	r[7].replace_string = SPAN_LIT("+49\\1");
	r[8] = rule_make(18, 45, "Raw URI with transport",
			 "sips?:.*;transport=tls");
	r[8].match_string_full = true;
	r[8].replace_string = SPAN_LIT("secure@rooms.example");
	r[9] = rule_make(19, 50, "H.323 rooms", "h(\\d+)");
	r[9].match_incoming = RULE_BIT(RULE_H323);
	r[10] = rule_make(20, 55, "Short codes", "\\*(\\d{2})");
	r[10].replace_string = SPAN_LIT("code-\\1");
	r[11] = rule_make(21, 60, "Partners", "(.+)@(a|b|c)\\.partner\\.example");
	r[11].called_device_type = RULE_EXTERNAL;
	r[11].match_incoming_only_if_registered = true;
	r[11].treat_as_trusted = true;
	r[12] = rule_make(22, 65, "Hospital wards", "station-([a-z]+)");
	r[12].replace_string = SPAN_LIT("ward.\\1@hospital.example");
	r[13] = rule_make(23, 70, "Anything numeric", "\\d{9}");
	r[14] = rule_make(24, 75, "Runaway", "(a+)+[bc]");
	r[15] = rule_make(25, 80, "Makes nothing", "empty(.*)");
	r[15].replace_string = SPAN_LIT("\\1");
	r[16] = rule_make(26, 85, "Umlauts", "b\xc3\xbcro.*");
	r[17] = rule_make(27, 90, "Browsers only", "app-.*");
	r[17].match_incoming = RULE_BIT(RULE_WEBRTC);
	r[18] = rule_make(28, 95, "Own domain", ".*@ministry\\.example");
	r[19] = rule_make(29, 200, "Last resort for the registered", ".*");
	r[19].match_incoming_only_if_registered = true;
}
