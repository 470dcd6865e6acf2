/* super/sandbox.h - super's own walls, which every role inherits. */
#pragma once
#include "super/options.h"

/* Writes stay in the data and run directories, exec in the libexec directory
 * and the dynamic loader. With net_admin super keeps CAP_NET_ADMIN, permitted
 * but not effective, to hand it to ban.  See base/sandbox.h for the rest and the errors. */
int super_walls(const struct options *o, bool net_admin);
