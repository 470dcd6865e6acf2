/* core/allow.h - the break-in allow list: networks that the defences trust.
 *
 * Made anew from the configuration on each change; asked with an address. All
 * entries that hold the address count: a flag that any of them has is set.
 *
 * Pure. Not thread safe while it is filled.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { ALLOW_MAX = 4096 };

struct allow_entry {
	uint8_t ip[16];		/* IPv4 as v4-mapped */
	unsigned prefix;	/* of the 16 bytes: 1..128 */
	bool is_proxy;		/* its X-Forwarded-For is believed */
	bool ignore_aliases, ignore_pins;
};

struct allow_facts {
	bool is_user;		/* an entry of type user holds it: a proof */
	bool is_proxy;
	bool ignore_aliases, ignore_pins;
};

struct allow_list;

int  allow_new(struct allow_list **out);
void allow_free(struct allow_list **l);
/* Bits of the address behind the prefix do not matter. E_INVAL, E_FULL,
 * E_NOMEM. */
int  allow_add(struct allow_list *l, const struct allow_entry *e);
struct allow_facts allow_of(const struct allow_list *l, const uint8_t ip[16]);
/* Does any entry share an address with this network? Whatever it is that
 * would be done to the network would be done to them. */
bool allow_touches(const struct allow_list *l, const uint8_t ip[16],
		   unsigned prefix);
size_t allow_count(const struct allow_list *l);
const struct allow_entry *allow_at(const struct allow_list *l, size_t i);

/* Is the address inside ip/prefix? */
bool net_holds(const uint8_t ip[16], unsigned prefix,
	       const uint8_t address[16]);
