/* The common list alone: what every role has. */
#include "base/sandbox.h"

const struct sandbox_profile bare_sandbox = {
	.role = "bare", .kill = SANDBOX_KILL,
};
const struct sandbox_profile threaded_sandbox = {
	.role = "threaded", .allow_threads = true, .kill = SANDBOX_KILL,
};
