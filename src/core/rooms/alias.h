/* core/rooms/alias.h - what was dialled, in the form that is looked up.
 *
 * Removes a URI scheme (sip: sips: h323: https: and the like), URI parameters
 * and headers (from the first ';' or '?'), and a host that is an address
 * literal ("alice@192.0.2.1", "alice@[2001:db8::1]:5061"); ASCII letters
 * become lower case. Matching is of the whole result. Pure.
 */
#pragma once
#include "base/span.h"

enum { ALIAS_MAX = 250 };

/* dst gets the NUL-terminated alias. E_FORMAT: empty, control characters or
 * not UTF-8; E_LIMIT: longer than ALIAS_MAX bytes. dst[0] is 0 then. */
int alias_normalise(char dst[ALIAS_MAX + 1], struct span dialled);
