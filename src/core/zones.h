/* core/zones.h - the machine's time zones, for policy scripts.
 *
 * Read on demand from /usr/share/zoneinfo (Debian: tzdata), which core's
 * sandbox lets it read and nothing beside it. Safe on any thread: touches the
 * arena it is given only.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { ZONE_BYTES_MAX = 64 * 1024, ZONE_NAME_MAX = 64 };
#define ZONES_DIR "/usr/share/zoneinfo"

/* A script_env's zone function whose `arg` is the run's arena. The name is as
 * script.h promises; checked again. E_NOTFOUND, E_LIMIT, E_NOMEM. */
int zones_read(void *arena, struct span name, struct span *tzif);
