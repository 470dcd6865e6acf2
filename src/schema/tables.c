/* The field tables, from the .def files. */
#include "ipc/ipc.h"
#include "schema/schema.h"

#define X(e, name_, type_, flags_, min_, max_, def_, choices_, unit_,         \
	  reload_, readers_, help_)                                           \
	{.name = name_, .type = SCHEMA_##type_, .flags = flags_, .min = min_, \
	 .max = max_, .def = def_, .choices = choices_, .unit = unit_,        \
	 .reload = SCHEMA_##reload_, .readers = readers_, .help = help_},

static const struct schema_field conference_fields[] = {
#include "schema/conference.def"
};
static const struct schema_field conference_alias_fields[] = {
#include "schema/conference_alias.def"
};
static const struct schema_field global_fields[] = {
#include "schema/global.def"
};
static const struct schema_field administrator_fields[] = {
#include "schema/administrator.def"
};
#undef X

static const struct schema_resource resources[RES_COUNT] = {
	[RES_CONFERENCE] = {
		.id = RES_CONFERENCE, .name = "conference",
		.title = "Virtual Meeting Room", .fields = conference_fields,
		.n_fields = CONFERENCE_COUNT, .rows_max = 100000,
		.name_field = CONFERENCE_NAME,
	},
	[RES_CONFERENCE_ALIAS] = {
		.id = RES_CONFERENCE_ALIAS, .name = "conference_alias",
		.title = "Alias", .fields = conference_alias_fields,
		.n_fields = CONFERENCE_ALIAS_COUNT, .rows_max = 400000,
		.name_field = CONFERENCE_ALIAS_ALIAS,
	},
	[RES_GLOBAL] = {
		.id = RES_GLOBAL, .name = "global",
		.title = "Global settings", .fields = global_fields,
		.n_fields = GLOBAL_COUNT, .rows_max = 1,
		.name_field = SCHEMA_ID_FIELD, .is_singleton = true,
	},
	[RES_ADMINISTRATOR] = {
		.id = RES_ADMINISTRATOR, .name = "administrator",
		.title = "Administrator account",
		.fields = administrator_fields,
		.n_fields = ADMINISTRATOR_COUNT, .rows_max = 1000,
		.name_field = ADMINISTRATOR_USERNAME,
	},
};

_Static_assert((int)CONFERENCE_COUNT <= (int)SCHEMA_FIELDS_MAX &&
	       (int)GLOBAL_COUNT <= (int)SCHEMA_FIELDS_MAX,
	       "raise SCHEMA_FIELDS_MAX");

const struct schema_resource *schema_resource(enum schema_resource_id id)
{
	if (id <= RES_NONE || id >= RES_COUNT)
		return NULL;
	return &resources[id];
}

const struct schema_resource *schema_resource_named(struct span name)
{
	for (int i = RES_NONE + 1; i < RES_COUNT; i++)
		if (span_eq(name, span_str(resources[i].name)))
			return &resources[i];
	return NULL;
}

int schema_field_named(const struct schema_resource *r, struct span name)
{
	for (unsigned i = 0; i < r->n_fields; i++)
		if (span_eq(name, span_str(r->fields[i].name)))
			return (int)i;
	return -1;
}
