#include "core/routing/rule_row.h"

#define F(name) v[GATEWAY_ROUTING_RULE_##name]

static uint32_t protocols(const struct schema_value *v)
{
	return (F(MATCH_INCOMING_WEBRTC).i ? RULE_BIT(RULE_WEBRTC) : 0) |
		(F(MATCH_INCOMING_SIP).i ? RULE_BIT(RULE_SIP) : 0) |
		(F(MATCH_INCOMING_H323).i ? RULE_BIT(RULE_H323) : 0);
}

static enum rule_call call_type(int64_t v)
{
	static const enum rule_call of[] = {
		[SV_RULE_AUDIO] = RULE_AUDIO, [SV_RULE_VIDEO] = RULE_VIDEO,
		[SV_RULE_VIDEO_ONLY] = RULE_VIDEO_ONLY,
		[SV_RULE_AUTO] = RULE_AUTO};

	return of[v & 3];
}

static enum rule_protocol outgoing(int64_t v)
{
	return v == SV_RULE_H323 ? RULE_H323 :
		v == SV_RULE_RTMP ? RULE_RTMP : RULE_SIP;
}

/* A choice that may be unset: 0 is that. */
static int64_t choice(const struct schema_value *v)
{
	return v->is_null ? 0 : v->i + 1;
}

static int64_t number(const struct schema_value *v)
{
	return v->is_null ? 0 : v->i;
}

static void settings(struct rule *out, const struct schema_value *v)
{
	out->called_device_type =
		F(CALLED_DEVICE_TYPE).i == SV_RULE_EXTERNAL ? RULE_EXTERNAL :
		RULE_REGISTRATION;
	out->outgoing_protocol = outgoing(F(OUTGOING_PROTOCOL).i);
	out->outgoing_location = number(&F(OUTGOING_LOCATION));
	out->sip_proxy = number(&F(SIP_PROXY));
	out->crypto_mode = (enum rule_crypto)choice(&F(CRYPTO_MODE));
	out->call_type = call_type(F(CALL_TYPE).i);
	out->max_callrate_in = (uint32_t)number(&F(MAX_CALLRATE_IN));
	out->max_callrate_out = (uint32_t)number(&F(MAX_CALLRATE_OUT));
	out->max_pixels_per_second =
		(enum rule_pixels)choice(&F(MAX_PIXELS_PER_SECOND));
	out->treat_as_trusted = F(TREAT_AS_TRUSTED).i;
	out->allow_unregistered_external = F(ALLOW_UNREGISTERED_EXTERNAL).i;
	out->reception_may_reach = F(RECEPTION_MAY_REACH).i;
	out->max_calls_per_hour = (uint32_t)number(&F(MAX_CALLS_PER_HOUR));
	out->max_concurrent_calls =
		(uint32_t)number(&F(MAX_CONCURRENT_CALLS));
	out->max_minutes_per_hour =
		(uint32_t)number(&F(MAX_MINUTES_PER_HOUR));
}

void rule_of_values(struct rule *out, const struct schema_value *v)
{
	*out = (struct rule){
		.id = F(ID).i, .name = F(NAME).s,
		.description = F(DESCRIPTION).s, .tag = F(TAG).s,
		.priority = (uint32_t)F(PRIORITY).i, .enable = F(ENABLE).i,
		.match_incoming_calls = F(MATCH_INCOMING_CALLS).i,
		.match_outgoing_calls = F(MATCH_OUTGOING_CALLS).i,
		.match_source_location = number(&F(MATCH_SOURCE_LOCATION)),
		.match_incoming_only_if_registered =
			F(MATCH_INCOMING_ONLY_IF_REGISTERED).i,
		.match_incoming = protocols(v),
		.match_string = F(MATCH_STRING).s,
		.match_string_full = F(MATCH_STRING_FULL).i,
		.replace_string = F(REPLACE_STRING).s,
	};
	settings(out, v);
}

int rule_values_check(const struct schema_value *v, struct schema_error *why)
{
	struct rule_error e;
	struct rule r;
	int n;

	rule_of_values(&r, v);
	n = rule_check(&r, &e);
	if (n < 0)
		schema_fail(why, schema_resource(RES_GATEWAY_ROUTING_RULE),
			    e.field, "rule", e.place, "%s", e.text);
	return n;
}
