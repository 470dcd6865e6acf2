/* core/t/entry_kit.h - what the tests of who gets in have in common. */
#pragma once
#include "core/t/core_kit.h"

#define OK CV__JOIN_OUTCOME__JOIN_OK
#define ASKED CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED
#define WRONG CV__JOIN_OUTCOME__JOIN_PIN_WRONG
#define UNKNOWN CV__JOIN_OUTCOME__JOIN_NOT_FOUND
#define BUSY CV__JOIN_OUTCOME__JOIN_OVERLOAD

#define NET(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* The room "demo", all links up. */
int  entry_setup(void **state);
int  entry_teardown(void **state);
/* kill -9 and a new one on the same data; links are up again. */
void entry_crash(struct kit *k);

Cv__JoinOutcome entry_outcome(struct kit *k, const char *alias,
			      const char *pin, uint32_t ip);
void entry_set(struct kit *k, const char *name, const char *value);
void entry_cli_ok(struct kit *k, const char *verb, const char *resource,
		  const char *const *fields);
struct span entry_field_of(const Cv__CliRow *row, const char *name);
uint64_t entry_status_of(struct kit *k, const char *field);
/* Is there a row of `conclave VERB RESOURCE` whose field is that? *out gets
 * its number, unless number is NULL. */
bool entry_listed(struct kit *k, const char *verb, const char *resource,
		  const char *field, const char *value, const char *number,
		  uint64_t *out);
bool entry_has_alarm(struct kit *k, const char *name);

/* A source that no count speaks against, each time another. */
uint32_t entry_stranger(void);
void entry_exhaust_pair(struct kit *k, const char *alias, uint32_t ip);
/* From everywhere, so that only the room counts. */
void entry_attack_room(struct kit *k, int misses);
void entry_quarantine(struct kit *k, uint32_t ip);
void entry_allow(struct kit *k, const char *address, const char *prefix,
		 const char *type, const char *aliases, const char *pins);
