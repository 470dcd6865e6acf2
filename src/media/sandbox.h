/* media/sandbox.h - the walls of media. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile media_sandbox;
