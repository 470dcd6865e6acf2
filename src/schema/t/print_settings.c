/* Prints docs/settings.md from the field tables; a test compares. */
#include <stdio.h>
#include "ipc/ipc.h"
#include "schema/schema.h"

static const char *const types[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_BOOL] = "boolean", [SCHEMA_INT] = "integer",
	[SCHEMA_TEXT] = "text", [SCHEMA_ENUM] = "choice",
	[SCHEMA_PIN] = "PIN", [SCHEMA_PASSWORD] = "password",
	[SCHEMA_REF] = "reference", [SCHEMA_TIME] = "time",
	[SCHEMA_HOSTS] = "host names", [SCHEMA_ORIGINS] = "origins",
	[SCHEMA_SECRET] = "text", [SCHEMA_TEMPLATE] = "template",
	[SCHEMA_ADDRESS] = "address", [SCHEMA_HOST] = "host name",
	[SCHEMA_URL] = "https URL", [SCHEMA_NETS] = "networks",
	[SCHEMA_REFS] = "references", [SCHEMA_PREFIXES] = "number prefixes",
	[SCHEMA_HEX] = "hexadecimal",
};
static const char *const reloads[] = {
	[SCHEMA_NEXT_CALL] = "next call",
	[SCHEMA_NEXT_MEETING] = "next meeting",
	[SCHEMA_AT_ONCE] = "at once",
};

static void print_range(const struct schema_field *f)
{
	if (f->type == SCHEMA_INT && f->max < INT64_MAX)
		printf("%lld to %lld", (long long)f->min, (long long)f->max);
	else if (f->type == SCHEMA_REFS)
		printf("%lld to %lld of %s", (long long)f->min,
		       (long long)f->max, f->choices);
	else if (f->type == SCHEMA_PIN || f->type == SCHEMA_PASSWORD ||
		 f->type == SCHEMA_SECRET || schema_is_text(f->type))
		printf("%lld to %lld characters", (long long)f->min,
		       (long long)f->max);
	else if (f->type == SCHEMA_ENUM)
		for (const char *c = f->choices; *c; c++)
			printf(*c == '|' ? ", " : "%c", *c);
	else if (f->type == SCHEMA_REF)
		printf("%s", f->choices);
}

static void print_default(const struct schema_field *f)
{
	if (f->flags & SCHEMA_F_REQUIRED)
		printf("required");
	else if (f->flags & SCHEMA_F_READONLY)
		printf("set by the server");
	else if (f->def == NULL)
		printf("null");
	else
		printf(*f->def ? "`%s`" : "empty", f->def);
}

static void print_readers(const struct schema_field *f)
{
	printf("core");
	for (unsigned r = ROLE_SUPER; r < ROLE_COUNT; r++)
		if (f->readers & 1u << r)
			printf(", %s", ipc_role_name(r));
}

static void print_field(const struct schema_field *f)
{
	printf("| `%s` | %s%s | ", f->name,
	       f->flags & SCHEMA_F_SECRET ? "secret " : "", types[f->type]);
	print_range(f);
	printf(" | ");
	print_default(f);
	printf(" | %s | %s | ", f->unit, reloads[f->reload]);
	print_readers(f);
	printf(" | %s%s |\n", f->help,
	       f->flags & SCHEMA_F_LATER ? " **No effect yet.**" : "");
}

int main(void)
{
	printf("# Settings and resources\n\n"
	       "Made from `src/schema/*.def` by `print_settings`; do not edit."
	       " A test compares it with the program, and a fresh\n"
	       "installation with the defaults. Secrets are encrypted at rest "
	       "and never shown. *Takes effect* says when a change\n"
	       "is felt; *readers* are the roles that get the value. What has "
	       "no effect yet says so, and `conclave` warns when\n"
	       "it is set.\n");
	for (int i = RES_NONE + 1; i < RES_COUNT; i++) {
		const struct schema_resource *r = schema_resource(i);
		printf("\n## %s: %s\n\n"
		       "| field | type | range | default | unit | takes effect "
		       "| readers | meaning |\n"
		       "|---|---|---|---|---|---|---|---|\n",
		       r->name, r->title);
		for (unsigned k = 0; k < r->n_fields; k++)
			print_field(&r->fields[k]);
	}
	return 0;
}
