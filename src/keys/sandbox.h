/* keys/sandbox.h - the walls of keys. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile keys_sandbox;
