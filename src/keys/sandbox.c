#include "keys/sandbox.h"

/* Nothing beyond the common list: no file, no socket, no thread. */
const struct sandbox_profile keys_sandbox = {
	.role = "keys",
	.max_nofile = 64,
	.kill = SANDBOX_KILL,
};
