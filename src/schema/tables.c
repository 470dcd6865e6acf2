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
static const struct schema_field system_location_fields[] = {
#include "schema/system_location.def"
};
static const struct schema_field policy_server_fields[] = {
#include "schema/policy_server.def"
};
static const struct schema_field gateway_routing_rule_fields[] = {
#include "schema/gateway_routing_rule.def"
};
static const struct schema_field break_in_allow_list_address_fields[] = {
#include "schema/break_in_allow_list_address.def"
};
static const struct schema_field conference_invitation_fields[] = {
#include "schema/conference_invitation.def"
};
static const struct schema_field device_fields[] = {
#include "schema/device.def"
};
static const struct schema_field sip_proxy_fields[] = {
#include "schema/sip_proxy.def"
};
static const struct schema_field stun_server_fields[] = {
#include "schema/stun_server.def"
};
static const struct schema_field turn_server_fields[] = {
#include "schema/turn_server.def"
};
static const struct schema_field automatic_participant_fields[] = {
#include "schema/automatic_participant.def"
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
	[RES_SYSTEM_LOCATION] = {
		.id = RES_SYSTEM_LOCATION,
		.name = "system_location",
		.title = "System location", .fields = system_location_fields,
		.n_fields = SYSTEM_LOCATION_COUNT, .rows_max = 256,
		.name_field = SYSTEM_LOCATION_NAME,
	},
	[RES_POLICY_SERVER] = {
		.id = RES_POLICY_SERVER,
		.name = "policy_server",
		.title = "Policy profile", .fields = policy_server_fields,
		.n_fields = POLICY_SERVER_COUNT, .rows_max = 256,
		.name_field = POLICY_SERVER_NAME,
	},
	[RES_GATEWAY_ROUTING_RULE] = {
		.id = RES_GATEWAY_ROUTING_RULE,
		.name = "gateway_routing_rule",
		.title = "Call routing rule", .fields = gateway_routing_rule_fields,
		.n_fields = GATEWAY_ROUTING_RULE_COUNT, .rows_max = 2000,
		.name_field = GATEWAY_ROUTING_RULE_NAME,
	},
	[RES_BREAK_IN_ALLOW_LIST_ADDRESS] = {
		.id = RES_BREAK_IN_ALLOW_LIST_ADDRESS,
		.name = "break_in_allow_list_address",
		.title = "Allow list address", .fields = break_in_allow_list_address_fields,
		.n_fields = BREAK_IN_ALLOW_LIST_ADDRESS_COUNT, .rows_max = 4096,
		.name_field = BREAK_IN_ALLOW_LIST_ADDRESS_NAME,
	},
	[RES_CONFERENCE_INVITATION] = {
		.id = RES_CONFERENCE_INVITATION,
		.name = "conference_invitation",
		.title = "Invitation", .fields = conference_invitation_fields,
		.n_fields = CONFERENCE_INVITATION_COUNT, .rows_max = 200000,
		.name_field = SCHEMA_ID_FIELD,
	},
	[RES_DEVICE] = {
		.id = RES_DEVICE,
		.name = "device",
		.title = "Device alias", .fields = device_fields,
		.n_fields = DEVICE_COUNT, .rows_max = 100000,
		.name_field = DEVICE_ALIAS,
	},
	[RES_SIP_PROXY] = {
		.id = RES_SIP_PROXY,
		.name = "sip_proxy",
		.title = "SIP proxy", .fields = sip_proxy_fields,
		.n_fields = SIP_PROXY_COUNT, .rows_max = 1000,
		.name_field = SIP_PROXY_NAME,
	},
	[RES_STUN_SERVER] = {
		.id = RES_STUN_SERVER,
		.name = "stun_server",
		.title = "STUN server", .fields = stun_server_fields,
		.n_fields = STUN_SERVER_COUNT, .rows_max = 1000,
		.name_field = STUN_SERVER_NAME,
	},
	[RES_TURN_SERVER] = {
		.id = RES_TURN_SERVER,
		.name = "turn_server",
		.title = "TURN server", .fields = turn_server_fields,
		.n_fields = TURN_SERVER_COUNT, .rows_max = 1000,
		.name_field = TURN_SERVER_NAME,
	},
	[RES_AUTOMATIC_PARTICIPANT] = {
		.id = RES_AUTOMATIC_PARTICIPANT,
		.name = "automatic_participant",
		.title = "Automatically dialled participant",
		.fields = automatic_participant_fields,
		.n_fields = AUTOMATIC_PARTICIPANT_COUNT, .rows_max = 5000,
		.name_field = AUTOMATIC_PARTICIPANT_ALIAS,
	},
};

_Static_assert((int)CONFERENCE_COUNT <= (int)SCHEMA_FIELDS_MAX &&
	       (int)GATEWAY_ROUTING_RULE_COUNT <= (int)SCHEMA_FIELDS_MAX &&
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
