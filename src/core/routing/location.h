/* core/routing/location.h - which system_location a connection belongs to.
 *
 * One machine serves several locations: internal and external callers differ
 * by the network they come from or by the interface that they reached. The
 * most specific of all source networks that hold the source address decides;
 * if none does, the most specific interface address or network that holds the
 * local address; else the default location. When two locations name the same
 * network, the lower id wins, so the answer never depends on order.
 *
 * Addresses are 16 bytes, IPv4 v4-mapped (base/addr.h). The source must be
 * the true one: behind a proxy that is the forwarded address, and only if the
 * proxy is trusted.
 *
 * Pure and immutable once made: any number of threads may ask one table. At
 * most LOCATION_NETS_MAX networks of each kind; a look-up costs one binary
 * search for each prefix length in use.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { LOCATION_NETS_MAX = 65536 };

/* One location as schema/ holds it: lists like "10.0.0.0/8,2001:db8::1". */
struct location_row {
	int64_t id;			/* of system_location, 1.. */
	struct span source_networks;
	struct span interface_addresses;
};

struct location_table;

/* default_id 0 = none: location_of() then answers 0, "no location", and the
 * global settings stand alone. Keeps nothing of `rows`. E_NOMEM, E_LIMIT (too
 * many networks), E_FORMAT (a list that schema_check() would have refused). */
int  location_table_new(struct location_table **out,
			const struct location_row *rows, size_t n,
			int64_t default_id);
void location_table_free(struct location_table **t);

/* `local` or `source` may be NULL (not known). */
int64_t location_of(const struct location_table *t, const uint8_t local[16],
		    const uint8_t source[16]);
