/* core/alarm/insecure.h - which stored values are weaker than they should be.
 *
 * Pure: one row of the configuration in, the alarms that it deserves out,
 * whoever set it and however: by hand, by the management API, or by the
 * insecure_interoperability profile. Wiring walks all rows at the start, and
 * on a change lowers all alarms of the row (alarm_lower_all() with the
 * prefix of insecure_prefix()) and raises those of the new row.
 *
 *	global.crypto_mode, ...			insecure_setting
 *	system_location, policy_server, sip_proxy,
 *	break_in_allow_list_address		insecure_setting
 *	conference without PIN			room_without_pin
 *	gateway_routing_rule, unregistered to
 *	external or from a reception		rule_open_to_outside
 *
 * Thread safe (no state). Never prints a secret.
 */
#pragma once
#include "core/alarm/alarm.h"
#include "schema/schema.h"

enum { INSECURE_MAX = 48 };	/* of one row */

struct insecure {
	enum alarm_name name;
	char instance[ALARM_INSTANCE_MAX];	/* "global.crypto_mode" */
	char details[ALARM_DETAILS_MAX];
};

/* `v` holds one value for each field of `r`, as store_value(row, 0) points at
 * them; of a secret only is_null counts. Returns how many of `out` are set. */
size_t insecure_row(const struct schema_resource *r,
		    const struct schema_value *v,
		    struct insecure out[INSECURE_MAX]);
/* What the instances of this row begin with: "global.", "conference 12 ". */
struct span insecure_prefix(const struct schema_resource *r, int64_t id,
			    char dst[ALARM_INSTANCE_MAX]);
