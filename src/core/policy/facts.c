#include "core/policy/facts.h"

#include "base/wr.h"
#include "core/policy/text.h"

#define BIT(k) (1u << POLICY_##k)
enum {
	S = BIT(SERVICE), P = BIT(PARTICIPANT), M = BIT(LOCATION),
	A = BIT(AVATAR), D = BIT(DIRECTORY), R = BIT(REGISTRATION),
	CALL = S | P | M | A, ALL = CALL | D | R,
};

#define AT(field) offsetof(struct policy_facts, field)
#define TEXT(n, field, always_, maybe_)                                       \
	{.name = (n), .type = POLICY_FACT_TEXT, .always = (always_),          \
	 .maybe = (maybe_), .offset = AT(field)}
#define FACT(t, n, field, always_, maybe_)                                    \
	{.name = (n), .type = POLICY_FACT_##t, .always = (always_),           \
	 .maybe = (maybe_), .offset = AT(field)}

/* policy-api: request parameters. Names are what servers in the field read,
 * odd spellings included. */
static const struct policy_fact_row rows[] = {
	FACT(INT, "bandwidth", bandwidth, CALL, 0),
	TEXT("call_direction", call_direction, CALL, 0),
	TEXT("call_tag", call_tag, CALL | D, 0),
	TEXT("call_uuid", call_uuid, P, 0),
	TEXT("breakout_uuid", breakout_uuid, 0, S | P),
	FACT(TRISTATE, "bypass_lock", bypass_lock, P, 0),
	FACT(INT, "display_count", display_count, P, S),
	FACT(ON_OFF, "encryption", encryption, 0, S | P | M),
	FACT(BOOL, "has_authenticated_display_name",
	     has_authenticated_display_name, CALL, 0),
	TEXT("idp_uuid", idp_uuid, CALL, 0),
	TEXT("local_alias", local_alias, CALL, 0),
	TEXT("location", location, ALL, 0),
	TEXT("node_ip", node_ip, ALL, 0),
	{.name = "ms-subnet", .var = "ms_subnet", .type = POLICY_FACT_LIST,
	 .maybe = CALL, .offset = AT(ms_subnet), .n_offset = AT(n_ms_subnet)},
	{.name = "p_Asserted-Identity", .var = "p_asserted_identity",
	 .type = POLICY_FACT_LIST, .maybe = CALL,
	 .offset = AT(p_asserted_identity),
	 .n_offset = AT(n_p_asserted_identity)},
	TEXT("participant_type", participant_type, P, 0),
	TEXT("participant_uuid", participant_uuid, P, 0),
	TEXT("preauthenticated_role", preauthenticated_role, P, 0),
	TEXT("previous_service_name", previous_service_name, 0, S | P | M),
	TEXT("protocol", protocol, CALL | R, 0),
	TEXT("proxy_node_address", proxy_node_address, M, A),
	TEXT("proxy_node_location", proxy_node_location, M, A),
	TEXT("pseudo_version_id", pseudo_version_id, ALL, 0),
	TEXT("version_id", version_id, ALL, 0),
	{.name = "receive_from_audio_mix", .type = POLICY_FACT_TEXT,
	 .always = P, .offset = AT(receive_from_audio_mix),
	 .unknown = "main"},
	{.name = "send_to_audio_mixes_mix_name", .type = POLICY_FACT_TEXT,
	 .always = P, .offset = AT(receive_from_audio_mix),
	 .unknown = "main"},
	FACT(FALSE, "send_to_audio_mixes_prominent", registered, P, 0),
	FACT(BOOL, "registered", registered, CALL, 0),
	TEXT("remote_address", remote_address, CALL, R),
	FACT(INT, "remote_port", remote_port, CALL, 0),
	TEXT("remote_alias", remote_alias, CALL, 0),
	TEXT("remote_display_name", remote_display_name, CALL, 0),
	TEXT("request_id", request_id, 0, M),
	TEXT("role", role, A, 0),
	TEXT("service_name", service_name, P | M | A, S),
	TEXT("unique_service_name", unique_service_name, P | M | A, S),
	TEXT("service_tag", service_tag, P | M | A, S),
	FACT(BOOL, "supports_direct_media", supports_direct_media, CALL, 0),
	TEXT("teams_tenant_id", teams_tenant_id, CALL, 0),
	TEXT("telehealth_request_id", telehealth_request_id, 0, S | P | M),
	TEXT("third_party_passcode", third_party_passcode, 0, S),
	TEXT("trigger", trigger, CALL, 0),
	TEXT("vendor", vendor, CALL, 0),
	FACT(INT, "width", width, A, 0),
	FACT(INT, "height", height, A, 0),
	TEXT("q", q, D, 0),
	FACT(INT, "limit", limit, D, 0),
	TEXT("registration_alias", registration_alias, D, 0),
	TEXT("auth_type", auth_type, R, 0),
};

size_t policy_fact_rows(const struct policy_fact_row **out)
{
	*out = rows;
	return sizeof(rows) / sizeof(rows[0]);
}

void policy_facts_init(struct policy_facts *f)
{
	*f = (struct policy_facts){.display_count = -1, .limit = 10};
}

/* --- percent coding --------------------------------------------------------- */

static bool is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

static void put_byte(struct wr *w, uint8_t c)
{
	static const char hex[] = "0123456789ABCDEF";

	if (is_unreserved(c)) {
		wr_u8(w, c);
		return;
	}
	wr_u8(w, '%');
	wr_u8(w, (uint8_t)hex[c >> 4]);
	wr_u8(w, (uint8_t)hex[c & 15]);
}

static void put_bytes(struct wr *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		put_byte(w, s.p[i]);
}

static void put_text(struct wr *w, struct span s, size_t chars)
{
	for (size_t at = 0, n; at < s.n && chars--; at += n ? n : 1) {
		n = policy_char(s, at);
		if (n)
			put_bytes(w, span_of(s.p + at, n));
		else
			put_bytes(w, SPAN_LIT("\xef\xbf\xbd"));
	}
}

/* Inside the text of a JSON list. */
static void put_json(struct wr *w, struct span s, size_t chars)
{
	static const char hex[] = "0123456789abcdef";

	put_bytes(w, SPAN_LIT("\""));
	for (size_t at = 0, n; at < s.n && chars--; at += n ? n : 1) {
		uint8_t c = s.p[at];

		n = policy_char(s, at);
		if (!n) {
			put_bytes(w, SPAN_LIT("\xef\xbf\xbd"));
		} else if (c < 0x20) {
			put_bytes(w, SPAN_LIT("\\u00"));
			put_byte(w, (uint8_t)hex[c >> 4]);
			put_byte(w, (uint8_t)hex[c & 15]);
		} else {
			if (c == '"' || c == '\\')
				put_bytes(w, SPAN_LIT("\\"));
			put_bytes(w, span_of(s.p + at, n));
		}
	}
	put_bytes(w, SPAN_LIT("\""));
}

static void put_int(struct wr *w, int64_t v)
{
	if (v < 0)
		wr_u8(w, '-');
	wr_dec(w, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* --- one parameter ------------------------------------------------------------- */

static const void *field(const struct policy_facts *f, size_t offset)
{
	return (const char *)f + offset;
}

static struct span text_of(const struct policy_facts *f,
			   const struct policy_fact_row *row)
{
	struct span s;

	memcpy(&s, field(f, row->offset), sizeof(s));
	return s;
}

static int64_t int_of(const struct policy_facts *f,
		      const struct policy_fact_row *row)
{
	int64_t v;

	memcpy(&v, field(f, row->offset), sizeof(v));
	return v;
}

static enum policy_bool tristate_of(const struct policy_facts *f,
				    const struct policy_fact_row *row)
{
	enum policy_bool v;

	memcpy(&v, field(f, row->offset), sizeof(v));
	return v;
}

static size_t list_of(const struct policy_facts *f,
		      const struct policy_fact_row *row)
{
	size_t n;

	memcpy(&n, field(f, row->n_offset), sizeof(n));
	return n;
}

static bool is_known(const struct policy_facts *f,
		     const struct policy_fact_row *row)
{
	switch (row->type) {
	case POLICY_FACT_TEXT:
		return text_of(f, row).p != NULL;
	case POLICY_FACT_INT:
		return int_of(f, row) >= 0;
	case POLICY_FACT_TRISTATE:
	case POLICY_FACT_ON_OFF:
		return tristate_of(f, row) != POLICY_UNSET;
	case POLICY_FACT_LIST:
		return list_of(f, row) > 0;
	default:
		return true;
	}
}

static bool is_alias(const struct policy_fact_row *row)
{
	return row->offset == AT(local_alias) ||
	       row->offset == AT(remote_alias) ||
	       row->offset == AT(registration_alias);
}

static void put_list(struct wr *w, const struct policy_facts *f,
		     const struct policy_fact_row *row, size_t chars)
{
	const struct span *items = field(f, row->offset);
	size_t n = list_of(f, row);

	put_bytes(w, SPAN_LIT("["));
	for (size_t i = 0; i < n && i < POLICY_LIST_MAX; i++) {
		if (i)
			put_bytes(w, SPAN_LIT(", "));
		put_json(w, items[i], chars);
	}
	put_bytes(w, SPAN_LIT("]"));
}

static void put_value(struct wr *w, const struct policy_facts *f,
		      const struct policy_fact_row *row, size_t chars)
{
	struct span s;
	bool yes;

	switch (row->type) {
	case POLICY_FACT_TEXT:
		s = text_of(f, row);
		if (!s.p && row->unknown)
			s = span_str(row->unknown);
		put_text(w, s, is_alias(row) ? POLICY_VALUE_CHARS : chars);
		break;
	case POLICY_FACT_INT:
		put_int(w, int_of(f, row) > 0 ? int_of(f, row) : 0);
		break;
	case POLICY_FACT_BOOL:
		memcpy(&yes, field(f, row->offset), sizeof(yes));
		wr_str(w, yes ? "True" : "False");
		break;
	case POLICY_FACT_TRISTATE:
		wr_str(w, tristate_of(f, row) == POLICY_TRUE ? "True" :
							       "False");
		break;
	case POLICY_FACT_ON_OFF:
		wr_str(w, tristate_of(f, row) == POLICY_TRUE ? "On" : "Off");
		break;
	case POLICY_FACT_LIST:
		put_list(w, f, row, chars);
		break;
	case POLICY_FACT_FALSE:
		wr_str(w, "False");
		break;
	}
}

/* --- the URL ------------------------------------------------------------------------ */

/* An avatar of nobody in a call has next to no parameters. */
static bool is_sent(enum policy_kind kind, const struct policy_facts *f,
		    const struct policy_fact_row *row)
{
	unsigned bit = 1u << kind;

	if (kind == POLICY_AVATAR && f->is_directory_entry)
		return row->always == ALL || row->offset == AT(height) ||
		       row->offset == AT(width) ||
		       (row->offset == AT(registered) &&
			row->type == POLICY_FACT_BOOL);
	return row->always & bit || (row->maybe & bit && is_known(f, row));
}

static void put_query(struct wr *w, enum policy_kind kind,
		      const struct policy_facts *f, size_t chars)
{
	char sep = '?';

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!is_sent(kind, f, &rows[i]))
			continue;
		wr_u8(w, (uint8_t)sep);
		wr_str(w, rows[i].name);
		wr_u8(w, '=');
		put_value(w, f, &rows[i], chars);
		sep = '&';
	}
	for (size_t i = 0; kind == POLICY_PARTICIPANT &&
	     i < f->n_idp_attributes && i < POLICY_IDP_MAX; i++) {
		wr_str(w, "&idp_attribute_");
		put_text(w, f->idp_attributes[i].name, chars);
		wr_u8(w, '=');
		put_text(w, f->idp_attributes[i].value, chars);
	}
}

static const struct {
	const char *path;
	bool has_alias;
} paths[POLICY_KIND_COUNT] = {
	[POLICY_SERVICE] = {"/policy/v1/service/configuration", false},
	[POLICY_PARTICIPANT] = {"/policy/v1/participant/properties", false},
	[POLICY_LOCATION] = {"/policy/v1/participant/location", false},
	[POLICY_AVATAR] = {"/policy/v1/participant/avatar/", true},
	[POLICY_DIRECTORY] = {"/policy/v1/registrations", false},
	[POLICY_REGISTRATION] = {"/policy/v1/registrations/", true},
};

static int check_base(struct span *base)
{
	static const struct span scheme = {(const uint8_t *)"https://", 8};

	while (base->n > scheme.n && base->p[base->n - 1] == '/')
		base->n--;
	if (base->n <= scheme.n ||
	    !span_eq_nocase(span_of(base->p, scheme.n), scheme))
		return E_INVAL;
	for (size_t i = 0; i < base->n; i++)
		if (base->p[i] <= 0x20 || base->p[i] >= 0x7f ||
		    memchr("?#@\\\"<>", base->p[i], 7))
			return E_INVAL;
	return 0;
}

static int check_alias(struct span alias)
{
	bool dots = span_eq(alias, SPAN_LIT(".")) ||
		    span_eq(alias, SPAN_LIT(".."));

	return alias.n == 0 || dots ? E_INVAL : 0;
}

static int try_url(enum policy_kind kind, struct span base,
		   const struct policy_facts *f, struct wr *w, size_t chars)
{
	wr_span(w, base);
	wr_str(w, paths[kind].path);
	if (paths[kind].has_alias)
		put_text(w, f->alias, POLICY_VALUE_CHARS);
	put_query(w, kind, f, chars);
	return w->failed ? E_LIMIT : 0;
}

int policy_url(enum policy_kind kind, struct span base,
	       const struct policy_facts *f, char *dst, size_t cap, size_t *n)
{
	static const uint8_t chars[] = {POLICY_VALUE_CHARS, 120, 60, 30, 12};
	struct wr w;
	int r = E_LIMIT;

	if ((unsigned)kind >= POLICY_KIND_COUNT || cap == 0 ||
	    check_base(&base) < 0)
		return E_INVAL;
	if (paths[kind].has_alias && check_alias(f->alias) < 0)
		return E_INVAL;
	for (size_t i = 0; i < sizeof(chars); i++) {
		w = wr_of(dst, cap - 1);
		r = try_url(kind, base, f, &w, chars[i]);
		if (r == 0 && wr_len(&w) <= POLICY_URL_AIM)
			break;
	}
	if (r < 0)
		return r;
	dst[wr_len(&w)] = 0;
	*n = wr_len(&w);
	return 0;
}
