#include "core/gateway_machine.h"

#include <stddef.h>
#include <stdint.h>

int gateway_next(enum gateway_state s, enum gateway_event e)
{
	static const int8_t next[GATEWAY_STATE_COUNT][GATEWAY_EVENT_COUNT] = {
		/*                    CALLER           CALLEE             LEFT          STOP          DROP */
		[GATEWAY_OVER] =      {-1,              -1,                -1,           -1,           -1},
		[GATEWAY_ROUTED] =    {GATEWAY_RINGING, -1,                -1,           GATEWAY_OVER, GATEWAY_OVER},
		[GATEWAY_RINGING] =   {-1,              GATEWAY_CONNECTED, GATEWAY_OVER, GATEWAY_OVER, -1},
		[GATEWAY_CONNECTED] = {-1,              -1,                GATEWAY_OVER, GATEWAY_OVER, -1},
	};

	if ((unsigned)s >= GATEWAY_STATE_COUNT ||
	    (unsigned)e >= GATEWAY_EVENT_COUNT)
		return -1;
	return next[s][e];
}

const char *gateway_state_name(enum gateway_state s)
{
	static const char *const names[GATEWAY_STATE_COUNT] = {
		"over", "routed", "ringing", "connected"};

	return (unsigned)s < GATEWAY_STATE_COUNT ? names[s] : NULL;
}
