#include "core/row_check.h"

#include "core/policy/script/script.h"
#include "core/regex/regex.h"
#include "core/routing/rule_row.h"
#include "core/routing/toll.h"

/* 1-based character of a line and column; 0 when there is none. */
static size_t place_of(struct span text, const struct script_error *e)
{
	uint32_t line = 1;
	size_t chars = 0, i = 0;

	for (; i < text.n && line < e->line; i++) {
		line += text.p[i] == '\n';
		chars += (text.p[i] & 0xc0) != 0x80;
	}
	return e->line == 0 || line < e->line ? 0 : chars + e->column;
}

static int check_template(const struct schema_value *v, unsigned field,
			  struct schema_error *why)
{
	const struct schema_resource *r = schema_resource(RES_POLICY_SERVER);
	struct script_error err = {.line = 0};
	struct script *s = NULL;
	int e;

	if (v[field].s.n == 0)
		return 0;
	e = script_compile(&s, v[field].s, &err);
	script_free(&s);
	if (e < 0)
		schema_fail(why, r, r->fields[field].name, "template",
			    place_of(v[field].s, &err),
			    "line %u, column %u: %s", err.line, err.column,
			    err.text);
	return e;
}

static int check_policy(const struct schema_value *v,
			struct schema_error *why)
{
	static const unsigned fields[] = {
		POLICY_SERVER_INTERNAL_SERVICE_POLICY_TEMPLATE,
		POLICY_SERVER_INTERNAL_PARTICIPANT_POLICY_TEMPLATE,
		POLICY_SERVER_INTERNAL_MEDIA_LOCATION_POLICY_TEMPLATE};
	int e = 0;

	for (size_t i = 0; i < 3 && e == 0; i++)
		e = check_template(v, fields[i], why);
	return e;
}

static int check_global(const struct schema_value *v,
			struct schema_error *why)
{
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	size_t place = 0;
	int e = toll_denied_check(v[GLOBAL_DIALOUT_DENIED_PREFIXES].s, &place);

	if (e < 0)
		schema_fail(why, r, "dialout_denied_prefixes", "prefixes",
			    place, "cannot be used (character %zu)", place);
	return e;
}

static int check_conference(const struct schema_value *v,
			    struct schema_error *why)
{
	const struct schema_resource *r = schema_resource(RES_CONFERENCE);
	const struct span match = v[CONFERENCE_MATCH_STRING].s;
	struct regex_error err = {.at = 0};
	struct regex *re = NULL;
	int e = 0;

	if (match.n)
		e = regex_new(&re, match, REGEX_NOCASE, &err);
	if (e < 0)
		schema_fail(why, r, "match_string", "pattern", err.at + 1,
			    "%s", err.text);
	else if (re && regex_replacement_check(re,
			v[CONFERENCE_REPLACE_STRING].s) < 0) {
		e = E_FORMAT;
		schema_fail(why, r, "replace_string", "pattern", 0,
			    "\\1 to \\9 name groups that match_string has, "
			    "\\\\ is a backslash");
	}
	regex_free(&re);
	return e;
}

int core_row_check(enum schema_resource_id res,
		   const struct schema_value *values,
		   struct schema_error *why)
{
	switch (res) {
	case RES_GATEWAY_ROUTING_RULE:
		return rule_values_check(values, why);
	case RES_CONFERENCE:
		return check_conference(values, why);
	case RES_POLICY_SERVER:
		return check_policy(values, why);
	case RES_GLOBAL:
		return check_global(values, why);
	default:
		return 0;
	}
}
