#include "ban/sandbox.h"

#include <linux/capability.h>

/* Nothing beyond the common list: no file, no thread, and no socket either.
 * The one netlink socket came from super, who made it before its own walls
 * closed; the kernel asks for the capability each time it is used. */
const struct sandbox_profile ban_sandbox = {
	.role = "ban",
	.keep_caps = UINT64_C(1) << CAP_NET_ADMIN,
	.max_nofile = 64,
	.kill = SANDBOX_KILL,
};
