/* web/sandbox.h - the walls around web: see sandbox.c. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile web_sandbox;
