/* ban/sandbox.h - the walls of the role that holds CAP_NET_ADMIN. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile ban_sandbox;
