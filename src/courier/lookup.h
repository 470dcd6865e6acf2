/* courier/lookup.h - what a name server says about a name, for the operator
 * (LOOKUP of courier.proto): addresses or SRV records as text. Nothing is
 * connected to. At most LOOKUPS_MAX at once; more are answered E_FULL. */
#pragma once
#include "courier/courier.h"

enum { LOOKUPS_MAX = 32 };

void lookup_take(struct courier *c, const Cv__Lookup *m);
/* The link to core went: nobody will hear. */
void lookup_drop_all(struct courier *c);
