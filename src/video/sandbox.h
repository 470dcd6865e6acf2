/* video/sandbox.h - what a video worker may ask of the kernel. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile video_sandbox;
