#include "core/t/entry_kit.h"

int entry_setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	kit_start(k);
	kit_demo_room(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	kit_forget(k);
	*state = k;
	return 0;
}

int entry_teardown(void **state)
{
	kit_release(*state);
	free(*state);
	return 0;
}

void entry_crash(struct kit *k)
{
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
}

Cv__JoinOutcome entry_outcome(struct kit *k, const char *alias,
			       const char *pin, uint32_t ip)
{
	const struct kit_ask a = {.alias = alias, .pin = pin, .ip = ip};

	return kit_join_ask(k, &a).outcome;
}

void entry_set(struct kit *k, const char *name, const char *value)
{
	const char *const f[] = {name, value, NULL, NULL};
	Cv__CliReply *r = kit_cli(k, "change", "global", f);

	if (r->error)
		fail_msg("%s: %s", name, r->message);
	kit_free(r);
}

void entry_cli_ok(struct kit *k, const char *verb, const char *resource,
		   const char *const *fields)
{
	Cv__CliReply *r = kit_cli(k, verb, resource, fields);

	if (r->error)
		fail_msg("%s %s: %s", verb, resource, r->message);
	kit_free(r);
}

struct span entry_field_of(const Cv__CliRow *row, const char *name)
{
	for (size_t i = 0; i < row->n_fields; i++)
		if (strcmp(row->fields[i]->name, name) == 0)
			return ipc_bytes(row->fields[i]->value);
	return SPAN_NONE;
}

uint64_t entry_status_of(struct kit *k, const char *field)
{
	Cv__CliReply *r = kit_cli(k, "status", "", NULL);
	uint64_t v = 0;

	assert_int_equal(r->n_rows, 1);
	assert_int_equal(span_u64(entry_field_of(r->rows[0], field), UINT64_MAX,
				  &v), 0);
	kit_free(r);
	return v;
}

/* The row of `conclave VERB RESOURCE` whose field is that; id or seconds. */
bool entry_listed(struct kit *k, const char *verb, const char *resource,
		   const char *field, const char *value, const char *number,
		   uint64_t *out)
{
	Cv__CliReply *r = kit_cli(k, verb, resource, NULL);
	bool found = false;

	assert_int_equal(r->error, 0);
	for (size_t i = 0; i < r->n_rows && !found; i++) {
		found = span_eq(entry_field_of(r->rows[i], field), span_str(value));
		if (found && number)
			assert_int_equal(span_u64(entry_field_of(r->rows[i], number),
						  UINT64_MAX, out), 0);
	}
	kit_free(r);
	return found;
}

bool entry_has_alarm(struct kit *k, const char *name)
{
	return entry_listed(k, "alarms", "list", "name", name, NULL, NULL);
}

/* A source that no count speaks against, each time another. */
uint32_t entry_stranger(void)
{
	static uint32_t n;

	n++;
	return NET(100, n >> 8 & 255, n & 255, 1);
}

void entry_exhaust_pair(struct kit *k, const char *alias, uint32_t ip)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(entry_outcome(k, alias, "111111", ip), WRONG);
}

/* From everywhere, so that only the room counts. */
void entry_attack_room(struct kit *k, int misses)
{
	for (int i = 0; i < misses; i++) {
		const Cv__JoinOutcome o = entry_outcome(k, "demo", "111111",
						  entry_stranger());

		assert_true(o == WRONG || o == UNKNOWN);
	}
}

void entry_quarantine(struct kit *k, uint32_t ip)
{
	char alias[16];

	for (int i = 0; i < 25; i++) {
		snprintf(alias, sizeof(alias), "scan-%c", 'a' + i);
		(void)entry_outcome(k, alias, NULL, ip);
	}
	kit_forget(k);
}

void entry_allow(struct kit *k, const char *address, const char *prefix,
		  const char *type, const char *aliases, const char *pins)
{
	const char *const f[] = {
		"name", address, "address", address, "prefix", prefix,
		"allowlist_entry_type", type, "ignore_incorrect_aliases",
		aliases, "ignore_incorrect_pins", pins, NULL, NULL};

	entry_cli_ok(k, "create", "break_in_allow_list_address", f);
}
