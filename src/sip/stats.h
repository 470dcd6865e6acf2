/* sip/stats.h - what the face counts. */
#pragma once
#include "ipc/sip_stats.h"
