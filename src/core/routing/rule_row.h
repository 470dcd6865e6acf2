/* core/routing/rule_row.h - a row of gateway_routing_rule as a struct rule. */
#pragma once
#include "core/routing/rule.h"
#include "schema/schema.h"

/* `v`: one value per field, as schema/ orders them. The text of *out points
 * into them. */
void rule_of_values(struct rule *out, const struct schema_value *v);
/* rule_check() in schema/'s words. Thread safe. */
int  rule_values_check(const struct schema_value *v,
		       struct schema_error *why);
