#include "core/alarm/insecure.h"
#include <stdio.h>

/* A value of a field that deserves an alarm, and why. */
struct weak {
	enum schema_resource_id res;
	unsigned field;
	int64_t low, high;		/* weak when within, both included */
	const char *why;
};

enum { FALSE = 0, TRUE = 1, WIDE_V4 = 16, WIDE_V6 = 32 };

#define G(field, low, high, why) {RES_GLOBAL, GLOBAL_##field, low, high, why}
static const struct weak weak[] = {
	G(CRYPTO_MODE, SV_CRYPTO_BESTEFFORT, SV_CRYPTO_BESTEFFORT,
	  "media may go unencrypted"),
	G(CRYPTO_MODE, SV_CRYPTO_OFF, SV_CRYPTO_OFF,
	  "media is not encrypted"),
	G(SRTP_ALLOW_SHA1_32, TRUE, TRUE,
	  "sound of some devices is weakly authenticated"),
	G(ENABLE_SIP_TCP, TRUE, TRUE, "signalling may go unencrypted"),
	G(ENABLE_SIP_UDP, TRUE, TRUE,
	  "signalling may go unencrypted, and sources can be forged"),
	G(ENABLE_H323, TRUE, TRUE, "signalling goes unencrypted"),
	G(ENABLE_RTMP, TRUE, TRUE, "streams may go unencrypted"),
	G(ENABLE_DIALOUT, TRUE, TRUE, "calls to the outside cost money"),
	G(ENABLE_LEGACY_DIALOUT_API, TRUE, TRUE,
	  "calls to the outside pass no routing rule"),
	G(ENABLE_DIRECTORY, TRUE, TRUE, "names and aliases can be searched"),
	G(ENABLE_FECC, TRUE, TRUE, "others may move a camera"),
	G(SIP_TLS_CERT_VERIFY_MODE, FALSE, FALSE,
	  "SIP peers are not verified"),
	G(OCSP_STATE, SV_OCSP_OFF, SV_OCSP_OFF,
	  "revoked certificates of SIP peers are taken"),
	G(SIP_GUESTS, TRUE, TRUE, "anybody may call rooms by SIP"),
	G(CONCEAL_ROOMS, FALSE, FALSE, "rooms can be found by trying"),
	G(BDPM_PIN_CHECKS_ENABLED, FALSE, FALSE, "PINs can be guessed"),
	G(BDPM_SCAN_QUARANTINE_ENABLED, FALSE, FALSE,
	  "aliases can be searched for"),
	G(MIN_PIN_LENGTH, 0, SCHEMA_PIN_STRONG - 1,
	  "short and guessable PINs are allowed"),
	G(MIN_ALIAS_DIGITS, 0, 5, "short numbers are found by trying"),
	G(DIALOUT_DENY_PREMIUM, FALSE, FALSE,
	  "premium-rate numbers can be called"),
	G(SESSION_TIMEOUT_ENABLED, FALSE, FALSE,
	  "management sessions never end by themselves"),
	{RES_SYSTEM_LOCATION, SYSTEM_LOCATION_BDPM_PIN_CHECKS_ENABLED,
	 SV_BDPM_OFF, SV_BDPM_OFF, "PINs can be guessed from here"},
	{RES_SYSTEM_LOCATION, SYSTEM_LOCATION_BDPM_SCAN_QUARANTINE_ENABLED,
	 SV_BDPM_OFF, SV_BDPM_OFF, "aliases can be searched for from here"},
	{RES_SYSTEM_LOCATION, SYSTEM_LOCATION_SIP_GUESTS, SV_BDPM_ON,
	 SV_BDPM_ON, "anybody may call rooms by SIP from here"},
	{RES_DEVICE, DEVICE_ALLOW_MD5_DIGEST, TRUE, TRUE,
	 "its password is proved with MD5"},
	{RES_CONFERENCE, CONFERENCE_CRYPTO_MODE, SV_CRYPTO_BESTEFFORT,
	 SV_CRYPTO_BESTEFFORT, "media may go unencrypted"},
	{RES_CONFERENCE, CONFERENCE_CRYPTO_MODE, SV_CRYPTO_OFF,
	 SV_CRYPTO_OFF, "media is not encrypted"},
	{RES_POLICY_SERVER, POLICY_SERVER_ON_FAILURE_SERVICE,
	 SV_ON_FAILURE_KEEP, SV_ON_FAILURE_KEEP,
	 "calls go on when the policy fails"},
	{RES_POLICY_SERVER, POLICY_SERVER_ON_FAILURE_PARTICIPANT,
	 SV_ON_FAILURE_KEEP, SV_ON_FAILURE_KEEP,
	 "calls go on when the policy fails"},
	{RES_SIP_PROXY, SIP_PROXY_TRANSPORT, SV_SIP_TCP, SV_SIP_UDP,
	 "signalling goes unencrypted"},
	{RES_SIP_PROXY, SIP_PROXY_REVOCATION_CHECK, SV_REVOKE_SOFT_FAIL,
	 SV_REVOKE_SOFT_FAIL,
	 "a revoked certificate is taken while nobody answers"},
	{RES_SIP_PROXY, SIP_PROXY_REVOCATION_CHECK, SV_REVOKE_OFF,
	 SV_REVOKE_OFF, "a revoked certificate is taken"},
	{RES_GATEWAY_ROUTING_RULE, GATEWAY_ROUTING_RULE_CRYPTO_MODE,
	 SV_CRYPTO_BESTEFFORT, SV_CRYPTO_BESTEFFORT,
	 "media may go unencrypted"},
	{RES_GATEWAY_ROUTING_RULE, GATEWAY_ROUTING_RULE_CRYPTO_MODE,
	 SV_CRYPTO_OFF, SV_CRYPTO_OFF, "media is not encrypted"},
};

struct span insecure_prefix(const struct schema_resource *r, int64_t id,
			    char dst[ALARM_INSTANCE_MAX])
{
	int n = r->is_singleton ?
		snprintf(dst, ALARM_INSTANCE_MAX, "%s.", r->name) :
		snprintf(dst, ALARM_INSTANCE_MAX, "%s %lld ", r->name,
			 (long long)id);
	return span_of(dst, (size_t)n);
}

/* What people call the row, cut so that the field's name still fits. */
static void add(const struct schema_resource *r, const struct schema_value *v,
		enum alarm_name name, const char *field, const char *why,
		struct insecure *out)
{
	enum { NAME_MAX_SHOWN = 100 };
	struct span prefix = insecure_prefix(r, v[SCHEMA_ID_FIELD].i,
					     out->instance);
	struct span s = r->is_singleton ? SPAN_NONE : v[r->name_field].s;
	size_t n = s.n < NAME_MAX_SHOWN ? s.n : NAME_MAX_SHOWN;
	out->name = name;
	(void)snprintf(out->instance + prefix.n,
		       sizeof(out->instance) - prefix.n, "%.*s%s%s", (int)n,
		       n ? (const char *)s.p : "",
		       *field && !r->is_singleton ? ": " : "", field);
	(void)snprintf(out->details, sizeof(out->details), "%s", why);
}

static size_t weak_values(const struct schema_resource *r,
			  const struct schema_value *v,
			  struct insecure out[INSECURE_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		const struct weak *w = &weak[i];
		if (w->res != r->id || v[w->field].is_null ||
		    v[w->field].i < w->low || v[w->field].i > w->high)
			continue;
		add(r, v, ALARM_INSECURE_SETTING, r->fields[w->field].name,
		    w->why, &out[n++]);
	}
	return n;
}

_Static_assert(sizeof(weak) / sizeof(weak[0]) + 2 <= INSECURE_MAX,
	       "raise INSECURE_MAX");

static bool is_open_rule(const struct schema_value *v)
{
	return v[GATEWAY_ROUTING_RULE_ENABLE].i &&
	       v[GATEWAY_ROUTING_RULE_CALLED_DEVICE_TYPE].i ==
	       SV_RULE_EXTERNAL;
}

static bool lets_strangers_out(const struct schema_value *v)
{
	return is_open_rule(v) &&
	       v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_CALLS].i &&
	       !v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_ONLY_IF_REGISTERED].i;
}

/* A proxy's word is believed for everybody behind it. */
static bool is_wide(const struct schema_value *v)
{
	struct span s = v[BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS].s;
	bool is_v6 = s.n > 0 && memchr(s.p, ':', s.n) != NULL;
	return v[BREAK_IN_ALLOW_LIST_ADDRESS_PREFIX].i <
	       (is_v6 ? WIDE_V6 : WIDE_V4);
}

size_t insecure_row(const struct schema_resource *r,
		    const struct schema_value *v,
		    struct insecure out[INSECURE_MAX])
{
	size_t n = weak_values(r, v, out);
	if (r->id == RES_CONFERENCE && v[CONFERENCE_PIN].is_null &&
	    v[CONFERENCE_SERVICE_TYPE].i == SV_CONFERENCE)
		add(r, v, ALARM_ROOM_WITHOUT_PIN, "",
		    "anybody who knows an alias gets in", &out[n++]);
	if (r->id == RES_GATEWAY_ROUTING_RULE && lets_strangers_out(v))
		add(r, v, ALARM_RULE_OPEN_TO_OUTSIDE,
		    "allow_unregistered_external",
		    "callers who are not registered reach outside systems",
		    &out[n++]);
	if (r->id == RES_GATEWAY_ROUTING_RULE && is_open_rule(v) &&
	    v[GATEWAY_ROUTING_RULE_RECEPTION_MAY_REACH].i)
		add(r, v, ALARM_RULE_OPEN_TO_OUTSIDE, "reception_may_reach",
		    "what is typed into a reception reaches outside systems",
		    &out[n++]);
	if (r->id == RES_BREAK_IN_ALLOW_LIST_ADDRESS && is_wide(v))
		add(r, v, ALARM_INSECURE_SETTING, "prefix",
		    "a very large network is trusted", &out[n++]);
	return n;
}
