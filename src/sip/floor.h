/* sip/floor.h - the floor control server of one call (RFC 8855, 8856): what a
 * device says by BFCP about the presentation, and what it is told. One floor,
 * number FLOOR_ID; the device is a participant, never a chair. core decides.
 *
 * Pure but for timers: messages come in with the time, go out by functions of
 * the owner. Datagrams are version 2, connections version 1.
 *
 * Who may speak: conference and user id are random and were told in the call's
 * signalling only. A message with other ones is answered with an Error (it is
 * not larger than what came) and changes nothing.
 *
 * Datagrams: an answer is kept FLOOR_T2_MS and said again when the request
 * comes again; a request that core has not decided is not answered twice. What
 * we begin (news, a revocation) is said again after T1, 2 T1, 4 T1, 8 T1 (8.3),
 * one at a time; what changes meanwhile is said once, as it then is. Nothing
 * is said before the device has spoken: a signalled address proves nothing.
 * Messages beyond FLOOR_PER_S are dropped and counted.
 */
#pragma once
#include "base/timer.h"
#include "sip/floor_machine.h"
#include "wire/bfcp/bfcp.h"

enum {
	FLOOR_ID = 1,
	FLOOR_T1_MS = 500, FLOOR_TRIES = 5,
	FLOOR_T2_MS = 10000,
	FLOOR_CORE_MS = 3000,		/* then the request is denied */
	FLOOR_PER_S = 20, FLOOR_BURST = 40,
	FLOOR_MSG_MAX = 512,		/* of what we say */
	FLOOR_NAME_MAX = 64,		/* octets of a name that is told */
};

struct floor_ops {
	void (*send)(void *arg, struct span message);
	/* Asks core: for the floor, or gives it back. */
	void (*ask)(void *arg, bool want);
	void *arg;
};

struct floor_stats {
	uint64_t in, bad, dropped, errors, unexpected, again, lost;
};

/* News of core's. */
struct floor_news {
	bool is_held, is_self;
	struct span name;
};

struct floor;

/* `stats` may be shared by all; it outlives the floor. */
int  floor_new(struct floor **out, struct timer_wheel *wheel,
	       const struct floor_ops *ops, struct floor_stats *stats,
	       uint32_t conf, uint16_t user, bool is_stream);
void floor_free(struct floor **f);
uint32_t floor_conf(const struct floor *f);
uint16_t floor_user(const struct floor *f);
bool floor_is_stream(const struct floor *f);
enum floor_state floor_state(const struct floor *f);

/* A datagram, or a whole message of a stream (bfcp_frame()). */
void floor_input(struct floor *f, struct span message, uint64_t now_ns);
/* Core's verdict: FLOOR_EV_GRANTED .. FLOOR_EV_REVOKED. */
void floor_decided(struct floor *f, enum floor_event e, uint64_t now_ns);
/* FLOOR_EV_GRANTED .. come before the news that they bring. */
void floor_news(struct floor *f, const struct floor_news *n, uint64_t now_ns);
/* The way to the device is gone: it gives back what it holds. */
void floor_gone(struct floor *f, uint64_t now_ns);
