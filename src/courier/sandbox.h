/* courier/sandbox.h - the walls of the courier role. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile courier_sandbox;
