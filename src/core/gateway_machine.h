/* core/gateway_machine.h - the life of a call between two registered or
 * joined apps that a routing rule placed, as a table.
 *
 * ROUTED: a rule took it and the toll guard let it pass; the caller has no
 * seat yet. RINGING: he has, and the callee's apps ring. CONNECTED: both sit.
 * OVER: nothing is left of it. Pure and constant.
 */
#pragma once

enum gateway_state {
	GATEWAY_OVER = 0,
	GATEWAY_ROUTED,
	GATEWAY_RINGING,
	GATEWAY_CONNECTED,
	GATEWAY_STATE_COUNT
};

enum gateway_event {
	GATEWAY_CALLER_SEATED = 0,
	GATEWAY_CALLEE_SEATED,
	GATEWAY_LEFT,		/* one of those who sat */
	GATEWAY_STOP,		/* nobody answered, or a limit was reached */
	GATEWAY_DROP,		/* the caller's join came to nothing */
	GATEWAY_EVENT_COUNT
};

/* The next state; -1: the cell is empty, refuse and count. */
int gateway_next(enum gateway_state s, enum gateway_event e);
const char *gateway_state_name(enum gateway_state s);
