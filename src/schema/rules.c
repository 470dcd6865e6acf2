/* Rules that need more than one field. */
#include "base/rand.h"
#include "schema/schema.h"

static bool has_hash(struct span pin)
{
	return pin.n > 0 && pin.p[pin.n - 1] == '#';
}

static struct span digits_of(struct span pin)
{
	return span_of(pin.p, pin.n - has_hash(pin));
}

/* --- weak PINs and aliases --------------------------------------------------- */

static bool is_run(struct span d)
{
	bool is_up = true, is_down = true;
	for (size_t i = 1; i < d.n; i++) {
		int step = (d.p[i] - d.p[i - 1] + 10) % 10;
		is_up &= step == 1;
		is_down &= step == 9;
	}
	return is_up || is_down;
}

/* 777777, 121212, 123123: the same group from beginning to end. */
static bool is_repeated(struct span d)
{
	for (size_t group = 1; group <= d.n / 2; group++)
		if (d.n % group == 0 &&
		    memcmp(d.p, d.p + group, d.n - group) == 0)
			return true;
	return false;
}

bool schema_is_weak_pin(struct span pin)
{
	struct span d = digits_of(pin);
	return d.n > 1 && (is_run(d) || is_repeated(d));
}

bool schema_pin_is_alias(struct span pin, struct span alias)
{
	struct span d = digits_of(pin), local, host;
	(void)span_split(alias, '@', &local, &host);
	return d.n > 0 && (span_eq(d, alias) || span_eq(d, local));
}

/* Digits of an alias that is nothing else; 0 when it is more than that. */
static size_t alias_digits(struct span alias)
{
	struct span local, host;
	(void)span_split(alias, '@', &local, &host);
	size_t plus = local.n > 0 && local.p[0] == '+';
	for (size_t i = plus; i < local.n; i++)
		if (local.p[i] < '0' || local.p[i] > '9')
			return 0;
	return local.n - plus;
}

static int check_alias(const struct schema_resource *r,
		       const struct schema_value *v,
		       const struct schema_context *ctx,
		       struct schema_error *why)
{
	size_t n = alias_digits(v[CONFERENCE_ALIAS_ALIAS].s);
	if (n == 0 || (int64_t)n >= ctx->min_alias_digits)
		return 0;
	schema_fail(why, r, "alias", "alias-digits", 0,
		    "a number must have at least %lld digits "
		    "(global.min_alias_digits)",
		    (long long)ctx->min_alias_digits);
	return E_INVAL;
}

static int pin_weak(const struct schema_resource *r, const char *field,
		    const struct schema_value *pin, int64_t min,
		    struct schema_error *why)
{
	if (pin->is_null || min < SCHEMA_PIN_STRONG ||
	    !schema_is_weak_pin(pin->s))
		return 0;
	schema_fail(why, r, field, "pin-weak", 0,
		    "must not be a run or one group of digits over and over "
		    "(allowed when global.min_pin_length is below %d)",
		    SCHEMA_PIN_STRONG);
	return E_INVAL;
}

/* --- rooms -------------------------------------------------------------------- */

static int pin_min_length(const struct schema_resource *r, const char *field,
			  const struct schema_value *pin, int64_t min,
			  struct schema_error *why)
{
	if (pin->is_null || (int64_t)pin->s.n >= min)
		return 0;
	schema_fail(why, r, field, "pin-length", 0,
		    "must have at least %lld characters "
		    "(global.min_pin_length)", (long long)min);
	return E_INVAL;
}

/* features.md 3.4: two PINs tell Host from Guest, so they differ, and the end
 * of an entry must be recognisable whichever of the two is being typed. */
static int pin_pair(const struct schema_resource *r, struct span host,
		    struct span guest, struct schema_error *why)
{
	if (span_eq(host, guest)) {
		schema_fail(why, r, "guest_pin", "pin-differs", 0,
			    "must differ from pin");
		return E_INVAL;
	}
	/* "1234" and "1234#" are the same to whoever ends an entry with #. */
	if (span_eq(digits_of(host), digits_of(guest))) {
		schema_fail(why, r, "guest_pin", "pin-differs", 0,
			    "must differ from pin in its digits");
		return E_INVAL;
	}
	if (host.n == guest.n || (has_hash(host) && has_hash(guest)))
		return 0;
	schema_fail(why, r, "guest_pin", "pin-same-length", 0,
		    "must be as long as pin, or both must end with #");
	return E_INVAL;
}

/* Whoever knows the alias hears himself, or is asked for another one: there is
 * nothing that a PIN would guard. */
static int check_kind(const struct schema_resource *r,
		      const struct schema_value *v, struct schema_error *why)
{
	const int64_t type = v[CONFERENCE_SERVICE_TYPE].i;
	const bool has_pattern = v[CONFERENCE_MATCH_STRING].s.n > 0;

	if (type != SV_CONFERENCE && (!v[CONFERENCE_PIN].is_null ||
				      !v[CONFERENCE_GUEST_PIN].is_null ||
				      v[CONFERENCE_ALLOW_GUESTS].i)) {
		schema_fail(why, r, "pin", "service-type", 0,
			    "belongs to service_type=conference: test calls "
			    "and receptions have no PIN");
		return E_INVAL;
	}
	if (has_pattern && type != SV_TWO_STAGE_DIALING) {
		schema_fail(why, r, "match_string", "service-type", 0,
			    "belongs to service_type=two_stage_dialing");
		return E_INVAL;
	}
	if (has_pattern || !v[CONFERENCE_REPLACE_STRING].s.n)
		return 0;
	schema_fail(why, r, "replace_string", "service-type", 0,
		    "needs a match_string");
	return E_INVAL;
}

static int check_conference(const struct schema_resource *r,
			    const struct schema_value *v,
			    const struct schema_context *ctx,
			    struct schema_error *why)
{
	const struct schema_value *pin = &v[CONFERENCE_PIN];
	const struct schema_value *guest = &v[CONFERENCE_GUEST_PIN];
	int e = check_kind(r, v, why);
	if (e == 0)
		e = pin_min_length(r, "pin", pin, ctx->min_pin_length, why);
	if (e == 0)
		e = pin_min_length(r, "guest_pin", guest, ctx->min_pin_length,
				   why);
	if (e == 0)
		e = pin_weak(r, "pin", pin, ctx->min_pin_length, why);
	if (e == 0)
		e = pin_weak(r, "guest_pin", guest, ctx->min_pin_length, why);
	if (e < 0)
		return e;
	if (v[CONFERENCE_ALLOW_GUESTS].i && pin->is_null) {
		schema_fail(why, r, "pin", "pin-required", 0,
			    "is needed when allow_guests is true");
		return E_INVAL;
	}
	if (pin->is_null || guest->is_null)
		return 0;
	return pin_pair(r, pin->s, guest->s, why);
}

static int check_refresh(const struct schema_resource *r,
			 const struct schema_value *v,
			 struct schema_error *why)
{
	static const unsigned pairs[][2] = {
		{GLOBAL_REGISTRATION_ADAPTIVE_MIN_REFRESH,
		 GLOBAL_REGISTRATION_ADAPTIVE_MAX_REFRESH},
		{GLOBAL_REGISTRATION_MAXIMUM_MIN_REFRESH,
		 GLOBAL_REGISTRATION_MAXIMUM_MAX_REFRESH},
		{GLOBAL_REGISTRATION_NATTED_MIN_REFRESH,
		 GLOBAL_REGISTRATION_NATTED_MAX_REFRESH}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const unsigned lo = pairs[i][0], hi = pairs[i][1];

		if (v[lo].i <= v[hi].i)
			continue;
		schema_fail(why, r, r->fields[hi].name, "range", 0,
			    "must not be less than %s", r->fields[lo].name);
		return E_INVAL;
	}
	return 0;
}

static int check_global(const struct schema_resource *r,
			const struct schema_value *v, struct schema_error *why)
{
	struct span ocsp = v[GLOBAL_OCSP_RESPONDER_URL].s;
	int64_t eject = v[GLOBAL_EJECT_LAST_PARTICIPANT_BACKSTOP_TIMEOUT].i;
	if (ocsp.n && !span_starts(ocsp, SPAN_LIT("http://")) &&
	    !span_starts(ocsp, SPAN_LIT("https://"))) {
		schema_fail(why, r, "ocsp_responder_url", "format", 0,
			    "must begin with http:// or https://");
		return E_INVAL;
	}
	if (eject == 0 || eject >= 60)
		return check_refresh(r, v, why);
	schema_fail(why, r, "eject_last_participant_backstop_timeout",
		    "range", 0, "must be 0 (never) or 60 to 86400 s");
	return E_INVAL;
}

/* --- the others ------------------------------------------------------------------ */

static int needs(const struct schema_resource *r, const char *field,
		 const char *when, struct schema_error *why)
{
	schema_fail(why, r, field, "required", 0, "is needed %s", when);
	return E_INVAL;
}

static bool is_self(const struct schema_value *v, unsigned field)
{
	return !v[field].is_null && v[field].i == v[SCHEMA_ID_FIELD].i;
}

static int check_location(const struct schema_resource *r,
			  const struct schema_value *v,
			  struct schema_error *why)
{
	static const unsigned fields[] = {SYSTEM_LOCATION_OVERFLOW_LOCATION1,
					  SYSTEM_LOCATION_OVERFLOW_LOCATION2};
	for (size_t i = 0; i < 2; i++)
		if (is_self(v, fields[i])) {
			schema_fail(why, r, r->fields[fields[i]].name,
				    "itself", 0, "must be another location");
			return E_INVAL;
		}
	if (v[SYSTEM_LOCATION_USE_RELAY_CANDIDATES_ONLY].i &&
	    v[SYSTEM_LOCATION_CLIENT_TURN_SERVERS].s.n == 0)
		return needs(r, "client_turn_servers",
			     "with use_relay_candidates_only", why);
	return 0;
}

static int check_policy(const struct schema_resource *r,
			const struct schema_value *v, struct schema_error *why)
{
	if (v[POLICY_SERVER_URL].s.n > 0)
		return 0;
	for (unsigned i = POLICY_SERVER_ENABLE_SERVICE_LOOKUP;
	     i <= POLICY_SERVER_ENABLE_AVATAR_LOOKUP; i++)
		if (v[i].i)
			return needs(r, "url", "when the server is asked",
				     why);
	return 0;
}

static bool leads_outside(const struct schema_value *v)
{
	return v[GATEWAY_ROUTING_RULE_CALLED_DEVICE_TYPE].i ==
	       SV_RULE_EXTERNAL;
}

static int check_rule(const struct schema_resource *r,
		      const struct schema_value *v, struct schema_error *why)
{
	bool incoming = v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_CALLS].i;
	if (!incoming && !v[GATEWAY_ROUTING_RULE_MATCH_OUTGOING_CALLS].i) {
		schema_fail(why, r, "match_incoming_calls", "no-calls", 0,
			    "or match_outgoing_calls must be true");
		return E_INVAL;
	}
	if (incoming && !v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_WEBRTC].i &&
	    !v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_SIP].i &&
	    !v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_H323].i) {
		schema_fail(why, r, "match_incoming_webrtc", "no-protocol", 0,
			    "or another protocol must be true");
		return E_INVAL;
	}
	if (!v[GATEWAY_ROUTING_RULE_ENABLE].i || !incoming ||
	    !leads_outside(v) ||
	    v[GATEWAY_ROUTING_RULE_MATCH_INCOMING_ONLY_IF_REGISTERED].i ||
	    v[GATEWAY_ROUTING_RULE_ALLOW_UNREGISTERED_EXTERNAL].i)
		return 0;
	schema_fail(why, r, "allow_unregistered_external", "confirm", 0,
		    "must be true: callers who are not registered would reach "
		    "outside systems (or set match_incoming_only_if_registered,"
		    " or called_device_type=registration)");
	return E_DENIED;
}

static int check_allow_list(const struct schema_resource *r,
			    const struct schema_value *v,
			    struct schema_error *why)
{
	struct span s = v[BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS].s;
	bool is_v6 = memchr(s.p, ':', s.n) != NULL;
	if (is_v6 || v[BREAK_IN_ALLOW_LIST_ADDRESS_PREFIX].i <= 32)
		return 0;
	schema_fail(why, r, "prefix", "range", 0,
		    "must be 1 to 32 for an IPv4 address");
	return E_INVAL;
}

static int check_turn(const struct schema_resource *r,
		      const struct schema_value *v, struct schema_error *why)
{
	bool has_name = v[TURN_SERVER_USERNAME].s.n > 0;
	if (v[TURN_SERVER_SERVER_TYPE].i == SV_TURN_COTURN_SHARED)
		return v[TURN_SERVER_SECRET_KEY].is_null ?
		       needs(r, "secret_key", "for coturn_shared", why) : 0;
	if (!has_name)
		return needs(r, "username", "for namepsw", why);
	if (v[TURN_SERVER_PASSWORD].is_null)
		return needs(r, "password", "for namepsw", why);
	return 0;
}

/* An account is shown to its realm only. */
static int check_sip_proxy(const struct schema_resource *r,
			   const struct schema_value *v,
			   struct schema_error *why)
{
	const bool has_name = v[SIP_PROXY_USERNAME].s.n > 0;

	if (has_name && !v[SIP_PROXY_REALM].s.n)
		return needs(r, "realm", "with a username", why);
	if (has_name && v[SIP_PROXY_PASSWORD].is_null)
		return needs(r, "password", "with a username", why);
	if (v[SIP_PROXY_ACCEPT_CALLS].i &&
	    v[SIP_PROXY_TRANSPORT].i != SV_SIP_TLS)
		return needs(r, "transport", "as tls to accept calls", why);
	if (v[SIP_PROXY_TLS_CA].s.n &&
	    !span_starts(span_trim(v[SIP_PROXY_TLS_CA].s),
			 SPAN_LIT("-----BEGIN CERTIFICATE-----")))
		return needs(r, "tls_ca", "as PEM certificates", why);
	return 0;
}

/* Pauses included, it must fit into one order to media. */
static int check_automatic(const struct schema_resource *r,
			   const struct schema_value *v,
			   struct schema_error *why)
{
	static const char keys[] = "0123456789*#ABCD,";
	const struct span s = v[AUTOMATIC_PARTICIPANT_DTMF_SEQUENCE].s;

	for (size_t i = 0; i < s.n; i++)
		if (!memchr(keys, s.p[i], sizeof(keys) - 1)) {
			schema_fail(why, r, "dtmf_sequence", "keys", i + 1,
				    "0 to 9, *, #, A to D and commas only");
			return E_INVAL;
		}
	if (s.n <= SCHEMA_DTMF_MAX)
		return 0;
	schema_fail(why, r, "dtmf_sequence", "length", 0,
		    "at most %d keys and pauses", SCHEMA_DTMF_MAX);
	return E_INVAL;
}

int schema_check_row(const struct schema_resource *r,
		     const struct schema_value *values,
		     const struct schema_context *ctx,
		     struct schema_error *why)
{
	for (unsigned i = 0; i < r->n_fields; i++) {
		const struct schema_field *f = &r->fields[i];
		if ((f->flags & SCHEMA_F_REQUIRED) && values[i].is_null) {
			schema_fail(why, r, f->name, "required", 0,
				    "is needed");
			return E_INVAL;
		}
	}
	switch (r->id) {
	case RES_CONFERENCE:
		return check_conference(r, values, ctx, why);
	case RES_CONFERENCE_ALIAS:
		return check_alias(r, values, ctx, why);
	case RES_GLOBAL:
		return check_global(r, values, why);
	case RES_SYSTEM_LOCATION:
		return check_location(r, values, why);
	case RES_POLICY_SERVER:
		return check_policy(r, values, why);
	case RES_GATEWAY_ROUTING_RULE:
		return check_rule(r, values, why);
	case RES_BREAK_IN_ALLOW_LIST_ADDRESS:
		return check_allow_list(r, values, why);
	case RES_SIP_PROXY:
		return check_sip_proxy(r, values, why);
	case RES_TURN_SERVER:
		return check_turn(r, values, why);
	case RES_AUTOMATIC_PARTICIPANT:
		return check_automatic(r, values, why);
	default:
		return 0;
	}
}

/* --- proposing ------------------------------------------------------------ */

void schema_propose_pin(char *dst, unsigned digits)
{
	do {
		for (unsigned i = 0; i < digits; i++)
			dst[i] = (char)('0' + rand_below(10));
		dst[digits] = 0;
	} while (schema_is_weak_pin(span_of(dst, digits)));
}
