/* core/sandbox.h - the walls around core. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile core_sandbox;
