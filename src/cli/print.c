#include "cli/print.h"
#include "base/alloc.h"

enum { FIELDS_MAX = SCHEMA_FIELDS_MAX + 8, COLUMNS_MAX = 24, CELL_MAX = 60, CLEAN_MAX = 33000,
       NAME_MAX_LEN = 64 };

struct cell {
	char name[NAME_MAX_LEN];
	struct span value;	/* owned */
};

struct line {
	struct cell *cell;
	size_t n;
};

struct rows {
	struct line *line;
	size_t n, cap;
};

/* --- keeping -------------------------------------------------------------- */

int rows_new(struct rows **out)
{
	*out = mem_zalloc(sizeof(**out));
	return *out ? 0 : E_NOMEM;
}

static void line_free(struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free((void *)(uintptr_t)l->cell[i].value.p);
	mem_free(l->cell);
}

void rows_free(struct rows **pr)
{
	struct rows *r = *pr;
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		line_free(&r->line[i]);
	mem_free(r->line);
	mem_free(r);
	*pr = NULL;
}

static int line_fill(struct line *l, const Cv__CliRow *row)
{
	l->cell = mem_calloc(row->n_fields + 1, sizeof(*l->cell));
	if (l->cell == NULL)
		return E_NOMEM;
	for (size_t i = 0; i < row->n_fields; i++) {
		const Cv__CliField *f = row->fields[i];
		uint8_t *p = mem_dup(f->value.data, f->value.len);
		if (p == NULL)
			return E_NOMEM;
		(void)snprintf(l->cell[i].name, NAME_MAX_LEN, "%s", f->name);
		l->cell[i].value = span_of(p, f->value.len);
		l->n++;
	}
	return 0;
}

int rows_add(struct rows *r, const Cv__CliRow *row)
{
	struct line l = {NULL, 0};
	if (row->n_fields > FIELDS_MAX)
		return E_LIMIT;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct line *p = mem_realloc(r->line, cap * sizeof(*p));
		if (p == NULL)
			return E_NOMEM;
		r->line = p;
		r->cap = cap;
	}
	int e = line_fill(&l, row);
	if (e < 0) {
		line_free(&l);
		return e;
	}
	r->line[r->n++] = l;
	return 0;
}

size_t rows_count(const struct rows *r)
{
	return r->n;
}

static struct span value_of(const struct line *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->cell[i].name, name) == 0)
			return l->cell[i].value;
	return SPAN_NONE;
}

struct span rows_last(const struct rows *r, const char *field)
{
	return r->n ? value_of(&r->line[r->n - 1], field) : SPAN_NONE;
}

struct span rows_get(const struct rows *r, size_t i, const char *field)
{
	return i < r->n ? value_of(&r->line[i], field) : SPAN_NONE;
}

struct span rows_nth(const struct rows *r, size_t i, const char *field,
		     size_t n)
{
	for (size_t k = 0; i < r->n && k < r->line[i].n; k++)
		if (strcmp(r->line[i].cell[k].name, field) == 0 && n-- == 0)
			return r->line[i].cell[k].value;
	return SPAN_NONE;
}

/* --- characters ----------------------------------------------------------- */

static uint32_t next_char(struct span s, size_t *len)
{
	uint8_t c = s.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (n > s.n || !span_is_utf8(span_of(s.p, n))) {
		*len = 1;
		return 0;	/* shown as '?' */
	}
	uint32_t cp = n == 1 ? c : c & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | (s.p[i] & 0x3f);
	*len = n;
	return cp;
}

static bool is_safe(uint32_t cp)
{
	return cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0) &&
	       !(cp >= 0x200e && cp <= 0x200f) &&
	       !(cp >= 0x2028 && cp <= 0x202e) &&
	       !(cp >= 0x2066 && cp <= 0x2069) && cp != 0xfeff;
}

size_t print_clean(char *dst, size_t cap, struct span s)
{
	size_t n = 0, width = 0;
	while (s.n > 0) {
		size_t len;
		uint32_t cp = next_char(s, &len);
		size_t put = is_safe(cp) ? len : 1;
		if (n + put + 1 > cap)
			break;
		if (is_safe(cp))
			memcpy(dst + n, s.p, len);
		else
			dst[n] = '?';
		n += put;
		width++;
		s.p += len;
		s.n -= len;
	}
	dst[n] = 0;
	return width;
}

/* --- table ---------------------------------------------------------------- */

/* What fits on a line; everything else is in the list of one row and JSON. */
static bool is_column(const struct schema_resource *r, const char *name)
{
	static const char *const shown[RES_COUNT] = {
		[RES_CONFERENCE] = " id name aliases pin allow_guests "
				   "guest_pin participant_limit ",
		[RES_CONFERENCE_ALIAS] = " id alias conference description ",
		[RES_ADMINISTRATOR] = " id username ",
		[RES_SYSTEM_LOCATION] = " id name source_networks "
			"interface_addresses policy_server ",
		[RES_POLICY_SERVER] = " id name url description ",
		[RES_GATEWAY_ROUTING_RULE] = " id priority enable name "
			"match_string replace_string called_device_type ",
		[RES_BREAK_IN_ALLOW_LIST_ADDRESS] = " id name address prefix "
			"allowlist_entry_type ignore_incorrect_aliases "
			"ignore_incorrect_pins ",
		[RES_CONFERENCE_INVITATION] = " id conference description "
			"creation_time expiry_time ",
		[RES_DEVICE] = " id alias username description ",
		[RES_SIP_PROXY] = " id name address port transport ",
		[RES_STUN_SERVER] = " id name address port ",
		[RES_TURN_SERVER] = " id name address port server_type "
			"transport_type ",
		[RES_AUTOMATIC_PARTICIPANT] = " id alias conference role "
			"routing ",
	};
	char word[NAME_MAX_LEN + 2];
	if (r == NULL || shown[r->id] == NULL)
		return true;
	(void)snprintf(word, sizeof(word), " %s ", name);
	return strstr(shown[r->id], word) != NULL;
}

static void pad(FILE *f, const char *text, size_t width, size_t to)
{
	(void)fputs(text, f);
	for (; width < to; width++)
		(void)fputc(' ', f);
}

static size_t find_columns(const struct rows *r,
			   const struct schema_resource *resource,
			   const char *name[COLUMNS_MAX])
{
	size_t n = 0;
	const struct line *l = &r->line[0];
	for (size_t i = 0; i < l->n && n < COLUMNS_MAX; i++)
		if (is_column(resource, l->cell[i].name))
			name[n++] = l->cell[i].name;
	return n;
}

/* Cut at CELL_MAX characters, however many bytes these take. */
static size_t cell_text(char *dst, size_t cap, struct span s)
{
	size_t width = print_clean(dst, cap, s);
	if (width <= CELL_MAX)
		return width;
	struct span rest = span_str(dst);
	for (size_t i = 0; i < CELL_MAX - 3; i++) {
		size_t len;
		(void)next_char(rest, &len);
		rest.p += len;
		rest.n -= len;
	}
	size_t at = (size_t)((const char *)rest.p - dst);
	(void)snprintf(dst + at, cap - at, "...");
	return CELL_MAX;
}

void print_table(FILE *f, const struct rows *r,
		 const struct schema_resource *resource)
{
	const char *name[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	char text[CELL_MAX * 16];
	if (r->n == 0)
		return;
	size_t n = find_columns(r, resource, name);
	for (size_t c = 0; c < n; c++) {
		width[c] = strlen(name[c]);
		for (size_t i = 0; i < r->n; i++) {
			size_t w = cell_text(text, sizeof(text),
					     value_of(&r->line[i], name[c]));
			width[c] = w > width[c] ? w : width[c];
		}
	}
	for (size_t c = 0; c < n; c++)
		pad(f, name[c], strlen(name[c]), c + 1 < n ? width[c] + 2 : 0);
	(void)fputc('\n', f);
	for (size_t i = 0; i < r->n; i++) {
		for (size_t c = 0; c < n; c++) {
			size_t w = cell_text(text, sizeof(text),
					     value_of(&r->line[i], name[c]));
			pad(f, text, w, c + 1 < n ? width[c] + 2 : 0);
		}
		(void)fputc('\n', f);
	}
}

/* A template has lines of its own. */
static void print_lines(FILE *f, char *text, struct span s, size_t indent)
{
	struct span line;
	bool more = true, is_first = true;
	while (more) {
		more = span_split(s, '\n', &line, &s);
		if (!is_first)
			pad(f, "", 0, indent);
		is_first = false;
		(void)print_clean(text, CLEAN_MAX, line);
		(void)fprintf(f, "%s\n", text);
	}
}

void print_fields(FILE *f, const struct rows *r)
{
	char *text = mem_alloc(CLEAN_MAX);
	size_t widest = 0;
	for (size_t i = 0; i < r->n && text != NULL; i++) {
		const struct line *l = &r->line[i];
		for (size_t k = 0; k < l->n; k++)
			if (strlen(l->cell[k].name) > widest)
				widest = strlen(l->cell[k].name);
		for (size_t k = 0; k < l->n; k++) {
			pad(f, l->cell[k].name, strlen(l->cell[k].name),
			    widest + 2);
			print_lines(f, text, l->cell[k].value, widest + 2);
		}
	}
	mem_free(text);
}

/* --- JSON ----------------------------------------------------------------- */

static void json_text(FILE *f, struct span s)
{
	(void)fputc('"', f);
	while (s.n > 0) {
		size_t len;
		uint32_t cp = next_char(s, &len);
		if (cp == 0 && s.p[0] != 0)
			(void)fprintf(f, "\\ufffd");
		else if (cp == '"' || cp == '\\')
			(void)fprintf(f, "\\%c", (int)cp);
		else if (!is_safe(cp))
			(void)fprintf(f, "\\u%04x", (unsigned)(cp & 0xffff));
		else
			(void)fwrite(s.p, 1, len, f);
		s.p += len;
		s.n -= len;
	}
	(void)fputc('"', f);
}

static bool is_number(struct span s)
{
	uint64_t v;
	return s.n > 0 && (s.n == 1 || s.p[0] != '0') &&
	       span_u64(s, INT64_MAX, &v) == 0;
}

/* Values travel as text; the schema knows what they are. */
static void json_value(FILE *f, const struct schema_resource *r,
		       const struct cell *c)
{
	int i = r ? schema_field_named(r, span_str(c->name)) : -1;
	enum schema_type type = i < 0 ? SCHEMA_TEXT : r->fields[i].type;
	bool is_null = i >= 0 && c->value.n == 0 &&
		       (r->fields[i].flags & SCHEMA_F_NULLABLE);
	if (is_null)
		(void)fputs("null", f);
	else if ((type == SCHEMA_BOOL &&
		  (span_eq(c->value, SPAN_LIT("true")) ||
		   span_eq(c->value, SPAN_LIT("false")))) ||
		 ((type == SCHEMA_INT || type == SCHEMA_REF ||
		   type == SCHEMA_TIME) && is_number(c->value)))
		(void)fwrite(c->value.p, 1, c->value.n, f);
	else
		json_text(f, c->value);
}

void print_json(FILE *f, const struct rows *r,
		const struct schema_resource *resource)
{
	(void)fputc('[', f);
	for (size_t i = 0; i < r->n; i++) {
		const struct line *l = &r->line[i];
		(void)fputs(i ? ",\n {" : "\n {", f);
		for (size_t k = 0; k < l->n; k++) {
			(void)fputs(k ? ", " : "", f);
			json_text(f, span_str(l->cell[k].name));
			(void)fputs(": ", f);
			json_value(f, resource, &l->cell[k]);
		}
		(void)fputc('}', f);
	}
	(void)fputs(r->n ? "\n]\n" : "]\n", f);
}
