/* core/rooms/alias.h - what was dialled, in the form that is looked up.
 *
 * Removes a URI scheme (sip: sips: h323: https: and the like), URI parameters
 * and headers (from the first ';' or '?'), and a host that is an address
 * literal ("alice@192.0.2.1", "alice@[2001:db8::1]:5061"); ASCII letters
 * become lower case. Matching is of the whole result. Pure.
 */
#pragma once
#include "base/addr.h"
#include "base/span.h"

enum { ALIAS_MAX = 250 };

/* dst gets the NUL-terminated alias. E_FORMAT: empty, control characters or
 * not UTF-8; E_LIMIT: longer than ALIAS_MAX bytes. dst[0] is 0 then. */
int alias_normalise(char dst[ALIAS_MAX + 1], struct span dialled);

/* The part of `dialled` without white space around it, URI scheme, parameters
 * and headers; the host stays, and so does the case of letters. */
struct span alias_strip(struct span dialled);
/* Is the host behind the last '@' of a stripped alias an address literal?
 * *user gets what stands before it, *host the address, port 0 if none was
 * said. */
bool alias_split_address(struct span stripped, struct span *user,
			 struct addr *host);
