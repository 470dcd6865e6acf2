/* One value: text to value, value to text, and its own limits. */
#include <stdarg.h>
#include <stdio.h>
#include "schema/schema.h"
#include "schema/schema_int.h"

void schema_fail(struct schema_error *why, const struct schema_resource *r,
		 const char *field, const char *rule, size_t place,
		 const char *fmt, ...)
{
	if (why == NULL)
		return;
	*why = (struct schema_error){
		.resource = r ? r->name : NULL, .field = field, .rule = rule,
		.place = place,
	};
	int n = 0;
	if (r != NULL)
		n = snprintf(why->text, sizeof(why->text), "%s%s%s: ",
			     r->name, field ? "." : "", field ? field : "");
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(why->text + n, sizeof(why->text) - (size_t)n, fmt, ap);
	va_end(ap);
}

static int fail_range(const struct schema_resource *r,
		      const struct schema_field *f, struct schema_error *why)
{
	schema_fail(why, r, f->name, "range", 0,
		    "must be %lld to %lld%s%s", (long long)f->min,
		    (long long)f->max, *f->unit ? " " : "", f->unit);
	return E_LIMIT;
}

static int fail_integer(const struct schema_resource *r,
			const struct schema_field *f, size_t place,
			struct schema_error *why)
{
	schema_fail(why, r, f->name, "integer", place,
		    "must be a whole number (character %zu)", place);
	return E_FORMAT;
}

static size_t first_not_digit(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return i;
	return s.n;
}

static int parse_int(const struct schema_resource *r,
		     const struct schema_field *f, struct span text,
		     struct schema_value *out, struct schema_error *why)
{
	size_t bad = first_not_digit(text);
	if (text.n == 0 || bad < text.n)
		return fail_integer(r, f, bad + 1, why);
	uint64_t v;
	if (span_u64(text, INT64_MAX, &v) < 0)
		return fail_range(r, f, why);
	out->i = (int64_t)v;
	return 0;
}

static int parse_bool(const struct schema_resource *r,
		      const struct schema_field *f, struct span text,
		      struct schema_value *out, struct schema_error *why)
{
	if (span_eq_nocase(text, SPAN_LIT("true")) ||
	    span_eq(text, SPAN_LIT("1"))) {
		out->i = 1;
		return 0;
	}
	if (span_eq_nocase(text, SPAN_LIT("false")) ||
	    span_eq(text, SPAN_LIT("0"))) {
		out->i = 0;
		return 0;
	}
	schema_fail(why, r, f->name, "boolean", 1, "must be true or false");
	return E_FORMAT;
}

struct span schema_choice(const struct schema_field *f, int64_t index)
{
	struct span rest = span_str(f->choices), word;
	for (int64_t i = 0;; i++) {
		bool more = span_split(rest, '|', &word, &rest);
		if (i == index)
			return word;
		if (!more)
			return SPAN_NONE;
	}
}

static int parse_enum(const struct schema_resource *r,
		      const struct schema_field *f, struct span text,
		      struct schema_value *out, struct schema_error *why)
{
	struct span rest = span_str(f->choices), word;
	bool more = true;
	for (int64_t i = 0; more; i++) {
		more = span_split(rest, '|', &word, &rest);
		if (!span_eq(word, text))
			continue;
		out->i = i;
		out->s = word;
		return 0;
	}
	schema_fail(why, r, f->name, "choice", 1, "must be one of %s",
		    f->choices);
	return E_FORMAT;
}

static bool is_empty_null(const struct schema_field *f, struct span text)
{
	if (text.n != 0)
		return false;
	if (f->flags & SCHEMA_F_REQUIRED)
		return false;
	return (f->flags & SCHEMA_F_NULLABLE) || f->type == SCHEMA_PIN ||
	       f->type == SCHEMA_SECRET;
}

int schema_parse(const struct schema_resource *r, unsigned field,
		 struct span text, struct schema_value *out,
		 struct schema_error *why)
{
	if (field >= r->n_fields)
		return E_INVAL;
	const struct schema_field *f = &r->fields[field];
	if (f->flags & (SCHEMA_F_READONLY | SCHEMA_F_BY_CORE)) {
		schema_fail(why, r, f->name, "readonly", 0,
			    "is set by the server");
		return E_DENIED;
	}
	struct schema_value v = {.is_null = is_empty_null(f, text)};
	int e = 0;
	if (!v.is_null && (f->type == SCHEMA_INT || f->type == SCHEMA_REF ||
			   f->type == SCHEMA_TIME))
		e = parse_int(r, f, text, &v, why);
	else if (!v.is_null && f->type == SCHEMA_BOOL)
		e = parse_bool(r, f, text, &v, why);
	else if (!v.is_null && f->type == SCHEMA_ENUM)
		e = parse_enum(r, f, text, &v, why);
	else if (!v.is_null)
		v.s = text;
	if (e < 0)
		return e;
	e = schema_check(r, field, &v, why);
	if (e == 0)
		*out = v;
	return e;
}

static int64_t default_int(const struct schema_field *f)
{
	uint64_t v = 0;
	(void)span_u64(span_str(f->def), INT64_MAX, &v);
	return (int64_t)v;
}

struct schema_value schema_default(const struct schema_resource *r,
				   unsigned field)
{
	const struct schema_field *f = &r->fields[field];
	struct schema_value v = {.is_null = true};
	if (f->def == NULL || is_empty_null(f, span_str(f->def)))
		return v;
	v.is_null = false;
	if (f->type == SCHEMA_BOOL)
		(void)parse_bool(r, f, span_str(f->def), &v, NULL);
	else if (f->type == SCHEMA_ENUM)
		(void)parse_enum(r, f, span_str(f->def), &v, NULL);
	else if (schema_is_text(f->type))
		v.s = span_str(f->def);
	else
		v.i = default_int(f);
	return v;
}

/* --- limits of one value -------------------------------------------------- */

static size_t value_max(const struct schema_field *f)
{
	return f->type == SCHEMA_TEMPLATE ? SCHEMA_VALUE_MAX : SCHEMA_TEXT_MAX;
}

static bool is_control(const struct schema_field *f, uint8_t c)
{
	if (f->type == SCHEMA_TEMPLATE && (c == '\n' || c == '\t' || c == '\r'))
		return false;
	return c < 0x20 || c == 0x7f;
}

int check_text(const struct schema_resource *r, const struct schema_field *f,
	       struct span s, struct schema_error *why)
{
	if (s.n > value_max(f)) {
		schema_fail(why, r, f->name, "length", 0, "is too long");
		return E_LIMIT;
	}
	if (!span_is_utf8(s)) {
		schema_fail(why, r, f->name, "utf8", 0, "is not valid UTF-8");
		return E_FORMAT;
	}
	int64_t chars = 0;
	for (size_t i = 0; i < s.n; i++) {
		chars += (s.p[i] & 0xc0) != 0x80;
		if (!is_control(f, s.p[i]))
			continue;
		schema_fail(why, r, f->name, "control", (size_t)chars,
			    "holds a control character (character %lld)",
			    (long long)chars);
		return E_FORMAT;
	}
	if (chars >= f->min && chars <= f->max)
		return 0;
	schema_fail(why, r, f->name, "length", 0,
		    "must have %lld to %lld characters, has %lld",
		    (long long)f->min, (long long)f->max, (long long)chars);
	return E_LIMIT;
}

/* features.md 3.4: digits, one '#' behind them, 4 to 20 counting it. */
static int check_pin(const struct schema_resource *r,
		     const struct schema_field *f, struct span s,
		     struct schema_error *why)
{
	size_t bad = first_not_digit(s);
	if (bad < s.n && !(bad == s.n - 1 && s.p[bad] == '#')) {
		schema_fail(why, r, f->name, "pin-digits", bad + 1,
			    "must be digits with an optional # at the end "
			    "(character %zu)", bad + 1);
		return E_FORMAT;
	}
	if ((int64_t)s.n < f->min || (int64_t)s.n > f->max) {
		schema_fail(why, r, f->name, "pin-length", 0,
			    "must have %lld to %lld characters",
			    (long long)f->min, (long long)f->max);
		return E_LIMIT;
	}
	return 0;
}

static bool is_host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' ||
	       c == '[' || c == ']';
}

static int check_hosts(const struct schema_resource *r,
		       const struct schema_field *f, struct span s,
		       struct schema_error *why)
{
	size_t len = 0;
	for (size_t i = 0; i <= s.n; i++) {
		bool is_end = i == s.n || s.p[i] == ',';
		if ((is_end && s.n > 0 && (len == 0 || len > 253)) ||
		    (!is_end && !is_host_char(s.p[i]))) {
			schema_fail(why, r, f->name, "hosts", i + 1,
				    "must be host names or addresses with "
				    "commas between (character %zu)", i + 1);
			return E_FORMAT;
		}
		len = is_end ? 0 : len + 1;
	}
	return check_text(r, f, s, why);
}

/* RFC 6454 origins; only https, in lower case as browsers send them. */
static bool is_origin(struct span s)
{
	static const struct span scheme = SPAN_LIT("https://");
	if (!span_starts(s, scheme) || s.n == scheme.n || s.n > 260)
		return false;
	for (size_t i = scheme.n; i < s.n; i++)
		if (!is_host_char(s.p[i]) || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return true;
}

static int check_origins(const struct schema_resource *r,
			 const struct schema_field *f, struct span s,
			 struct schema_error *why)
{
	struct span rest = s, one;
	bool more = s.n > 0;
	while (more) {
		size_t place = s.n - rest.n + 1;
		more = span_split(rest, ',', &one, &rest);
		if (is_origin(one))
			continue;
		schema_fail(why, r, f->name, "origins", place, "must be "
			    "https://host or https://host:port in lower case, "
			    "commas between (character %zu)", place);
		return E_FORMAT;
	}
	return check_text(r, f, s, why);
}

static int check_null(const struct schema_resource *r,
		      const struct schema_field *f, struct schema_error *why)
{
	if (is_empty_null(f, SPAN_NONE))
		return 0;
	schema_fail(why, r, f->name, "null", 0, "may not be empty");
	return E_FORMAT;
}

int schema_check(const struct schema_resource *r, unsigned field,
		 const struct schema_value *v, struct schema_error *why)
{
	if (field >= r->n_fields)
		return E_INVAL;
	const struct schema_field *f = &r->fields[field];
	if (v->is_null)
		return check_null(r, f, why);
	switch (f->type) {
	case SCHEMA_BOOL:
	case SCHEMA_INT:
	case SCHEMA_REF:
	case SCHEMA_TIME:
		if (v->i < f->min || v->i > f->max)
			return fail_range(r, f, why);
		return 0;
	case SCHEMA_ENUM:
		if (v->i >= 0 && schema_choice(f, v->i).n > 0)
			return 0;
		schema_fail(why, r, f->name, "choice", 0,
			    "must be one of %s", f->choices);
		return E_FORMAT;
	case SCHEMA_TEXT:
	case SCHEMA_TEMPLATE:
	case SCHEMA_PASSWORD:
	case SCHEMA_SECRET:
		return check_text(r, f, v->s, why);
	case SCHEMA_PIN:
		return check_pin(r, f, v->s, why);
	case SCHEMA_HOSTS:
		return check_hosts(r, f, v->s, why);
	case SCHEMA_ORIGINS:
		return check_origins(r, f, v->s, why);
	case SCHEMA_ADDRESS:
		return check_address(r, f, v->s, why);
	case SCHEMA_HOST:
		return check_host(r, f, v->s, why);
	case SCHEMA_URL:
		return check_url(r, f, v->s, why);
	case SCHEMA_NETS:
		return check_nets(r, f, v->s, why);
	case SCHEMA_REFS:
		return check_refs(r, f, v->s, why);
	case SCHEMA_PREFIXES:
		return check_prefixes(r, f, v->s, why);
	case SCHEMA_HEX:
		return check_hex(r, f, v->s, why);
	case SCHEMA_NONE:
	case SCHEMA_TYPE_COUNT:
		break;
	}
	return E_INVAL;
}

int schema_print(const struct schema_field *f, const struct schema_value *v,
		 char *dst, size_t cap)
{
	dst[0] = 0;
	if (v->is_null)
		return 0;
	if (f->flags & SCHEMA_F_SECRET) {
		int n = snprintf(dst, cap, "********");
		return (size_t)n < cap ? n : E_LIMIT;
	}
	int n = 0;
	switch (f->type) {
	case SCHEMA_BOOL:
		n = snprintf(dst, cap, "%s", v->i ? "true" : "false");
		break;
	case SCHEMA_INT:
	case SCHEMA_REF:
	case SCHEMA_TIME:
		n = snprintf(dst, cap, "%lld", (long long)v->i);
		break;
	default: {
		struct span s = f->type == SCHEMA_ENUM ?
				schema_choice(f, v->i) : v->s;
		int e = span_cstr(s, dst, cap);
		return e < 0 ? E_LIMIT : (int)s.n;
	}
	}
	return (size_t)n < cap ? n : E_LIMIT;
}

struct span schema_text(const struct schema_field *f,
			const struct schema_value *v,
			char small[SCHEMA_SMALL_MAX])
{
	bool is_hidden = v->is_null || (f->flags & SCHEMA_F_SECRET);
	if (!is_hidden && schema_is_text(f->type))
		return v->s;
	if (!is_hidden && f->type == SCHEMA_ENUM)
		return schema_choice(f, v->i);
	int n = schema_print(f, v, small, SCHEMA_SMALL_MAX);
	return n < 0 ? SPAN_NONE : span_of(small, (size_t)n);
}
