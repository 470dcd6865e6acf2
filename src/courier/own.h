/* courier/own.h - is this address one of this machine, at this moment?
 *
 * Asked of the kernel: only an own address can be bound to. A list made at the
 * start would miss what comes later, and roles may not ask netlink. Costs a
 * datagram socket for a moment; nothing is sent. */
#pragma once
#include "base/addr.h"

/* True also when the kernel does not say clearly that it is not. */
bool own_is(const struct addr *a);
/* False where anything can be bound to (net.ipv4.ip_nonlocal_bind and the
 * like): then own_is() knows nothing and must not be used. */
bool own_can_tell(void);
