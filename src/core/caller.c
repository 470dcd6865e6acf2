#include "core/caller.h"

int64_t caller_location(const struct core *c, const uint8_t *local,
			const uint8_t *ip)
{
	return location_of(c->places, local, ip);
}

uint32_t caller_dscp(const struct core *c, int64_t location)
{
	const struct store_row *row = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;

	return row ? (uint32_t)store_int(row, SYSTEM_LOCATION_SIGNALLING_QOS)
		   : 0;
}

static bool is_on(const struct core *c, int64_t location, unsigned global,
		  unsigned field)
{
	const struct store_row *row = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;
	const int64_t own = row ? store_int(row, field) : SV_BDPM_GLOBAL;

	return own == SV_BDPM_GLOBAL ? store_global(c->store, global) :
		own == SV_BDPM_ON;
}

void caller_facts(const struct core *c, const uint8_t *ip, int64_t location,
		  struct guard_facts *out)
{
	static const uint8_t nobody[16] = {0};
	const struct allow_facts allow = allow_of(c->allow, ip ? ip : nobody);

	*out = (struct guard_facts){
		.pin_on = is_on(c, location, GLOBAL_BDPM_PIN_CHECKS_ENABLED,
				SYSTEM_LOCATION_BDPM_PIN_CHECKS_ENABLED),
		.scan_on = is_on(c, location,
				 GLOBAL_BDPM_SCAN_QUARANTINE_ENABLED,
				 SYSTEM_LOCATION_BDPM_SCAN_QUARANTINE_ENABLED),
		.ignore_pins = allow.ignore_pins,
		.ignore_aliases = allow.ignore_aliases,
		/* web answers nobody whose TLS handshake is not complete. */
		.verified = ip != NULL,
		.face = GUARD_FACE_WEB,
	};
	if (ip)
		memcpy(out->ip, ip, sizeof(out->ip));
}
