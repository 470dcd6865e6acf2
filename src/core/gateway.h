/* core/gateway.h - calls that routing rules place between apps.
 *
 * A caller dials an alias that is no service; a rule takes it; the toll guard
 * lets it pass; apps and SIP devices that registered the rule's target ring,
 * or, where none is there and the rule allows it, the outside is called by
 * SIP. An app that answers
 * first joins with the one-time token from his `incoming` event, and both
 * sit in a meeting of their own: service type gateway, no PIN, no row, ended
 * when one of them leaves. Nothing of it outlives core.
 *
 * Whatever refuses a call (no rule, no device, a limit), the caller is
 * answered as for an unknown alias. Targets outside are refused so, too:
 * there is no face yet that could reach them.
 *
 * The machine is gateway_machine.h. core's main thread only. Gateways are
 * named by handles; 0 is none.
 */
#pragma once
#include "core/core.h"
#include "core/gateway_machine.h"
#include "core/reg.h"
#include "core/routing/toll.h"

enum {
	GATEWAY_MAX = 1024,		/* at once, ringing ones included */
	GATEWAY_RINGS_MAX = REG_PER_ALIAS_MAX,
	GATEWAY_TOKEN_BYTES = 24,
	GATEWAY_ALARMS_MAX = 64,	/* rules whose limit is told */
	GATEWAY_ALARM_S = 600,
};

struct gateway_ask {
	const struct route_result *route;	/* ROUTE_RULE */
	struct span dialled;		/* raw */
	const char *alias;		/* normalised, the caller's path */
	const char *name;		/* of the caller */
	const uint8_t *ip;
	const struct reg *caller;	/* his registration, or NULL */
	int64_t device, trunk;		/* a SIP caller's, proven; 0 = none */
	const char *registered;		/* alias that he proved, or NULL */
	int64_t location;		/* of the caller */
	bool from_reception;
};

struct gateways;

/* Bytes that the toll guard counts in. */
size_t gateways_memory(void);
/* `mem`: that many, 64-byte aligned, kept until gateways_close(): what was
 * counted there by a former process goes on, its calls are over. */
int  gateways_open(struct core *c, void *mem);
void gateways_close(struct core *c);
/* Limits and prefixes as settings say now. */
int  gateways_limits(struct core *c);
void gateways_tick(struct core *c);	/* once a second */

/* Are there rules, and may calls be placed at all? */
bool gateways_on(const struct core *c);

/* A rule took the call. A handle when it may be placed (to be given up with
 * gateway_drop() or seated), else 0: answer as for an unknown alias. */
uint64_t gateway_route(struct core *c, const struct gateway_ask *ask);
/* A callee shows his one-time token for the alias he was told. 0: neither is
 * right, or the call is no more. */
uint64_t gateway_claim(struct core *c, struct span alias, struct span token);
/* The service that both join. False: the call is no more. */
bool gateway_service(struct core *c, uint64_t id, bool is_caller,
		     struct service *out);
/* His join came to nothing. Only a caller's ends the call. */
void gateway_drop(struct core *c, uint64_t id, bool is_caller);
/* He sits, and was told so. May end the meeting. */
void gateway_seated(struct core *c, uint64_t id, bool is_caller,
		    struct meeting *m);

/* A SIP call of it ended before it was answered, or after. */
void gateway_ring_over(struct core *c, uint64_t id, uint64_t call,
		       uint32_t status);

/* The toll guard, for calls that a room places. */
enum toll_verdict gateways_toll_begin(struct core *c,
				      const struct toll_facts *f,
				      uint64_t *call);
int  gateways_toll_answer(struct core *c, uint64_t call);
void gateways_toll_end(struct core *c, uint64_t call);

/* Is it a call that nobody has answered yet? */
bool gateway_rings(const struct meeting *m);

/* For core_acts(): must this meeting end because one of two left? */
bool gateway_is_over(const struct meeting *m);
/* Ends it; m is gone then. */
void gateway_end(struct meeting *m);
/* The meeting is being freed. */
void gateway_meeting_gone(struct meeting *m);
/* A registration opened a stream, or ended. */
void gateway_reg_listens(struct core *c, struct reg *r);
void gateway_reg_gone(struct core *c, uint64_t reg);

struct gateway_stats {
	uint32_t live;
	uint64_t routed, refused, connected, no_device, bad_tokens, bad_cells;
};
void gateways_stats(const struct core *c, struct gateway_stats *out);
