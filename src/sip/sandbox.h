/* sip/sandbox.h - what conclave-sip may ask of the kernel. */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox_profile sip_sandbox;
