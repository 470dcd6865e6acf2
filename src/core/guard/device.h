/* core/guard/device.h - what a device's secret is worth, from where.
 *
 * One decision for every face: an app that registers with a password (web),
 * and a SIP REGISTER or INVITE that brings a digest. Refuse the guesser, slow
 * the stranger, pass the proven: who has the right secret passes also from a
 * source that is in quarantine (his office's address may hold a scanner), but
 * not so that the source can go on guessing there.
 *
 *   what                     counts                 used up for 10 minutes
 *   (device, source)         5 wrong secrets        REFUSE, right ones too
 *   (device, its own flow)   5 wrong secrets        the flow proves nothing
 *   source in quarantine     5 wrong secrets of     REFUSE devices that were
 *                            devices never right    never right from there
 *                            from there, together
 *
 * All are exact to the nanosecond, as in guard.h. A source is an IPv4 address
 * or an IPv6 /64. "Right from there" is remembered for 30 days after the last
 * time, if the table has room. A right secret forgives no wrong one. A manual
 * ban refuses everybody. With scan_on off or ignore_aliases set nothing is
 * limited or counted here, and of an unverified source nothing is believed.
 * Each refusal is a GUARD_SCAN_DIGEST, whatever its reason: were a right
 * secret of a used-up pair no sign of a scanner, then the quarantine that does
 * not come would tell that it was right.
 *
 * HOW A FACE'S WIRING CALLS IT (core; web: core/reg.c; SIP: its digests):
 *   1. A request without credentials, or whose nonce is stale or not ours, is
 *      challenged and never comes here: nothing was guessed. A wrong nonce
 *      that was made up is a GUARD_SCAN_DIGEST by itself.
 *   2. Find the device by alias. Found or not, do the whole computation: take
 *      some other device's secret when there is none, open one secret, compute
 *      one digest, compare in constant time; then
 *        right = found && may do this && user name is its own && equal.
 *   3. guard_try_device() exactly once for each set of credentials, in the
 *      same turn of the loop and with the same `now` for all of it; `alias`
 *      as the caller named it, normalised, also when there is no such device
 *      (then its phantom behaves as a real one would).
 *   4. False: one answer, whatever the reason (SIP: the same 401 with a fresh
 *      challenge for wrong, unknown and used up; never a 403 for one of them),
 *      one audit line, one log line. guard_next_event() afterwards.
 *   5. True: set facts.proof = GUARD_PROOF_DEVICE and facts.proof_id = the
 *      device's row id for all that follows in this call (access, PIN, policy).
 *   flow: SIP over TLS or TCP may give the number (never 0) of its connection
 *   when this device already was right on it; then guesses of others behind
 *   the same address do not use up its tries. UDP gives 0; so does web, whose
 *   registrations are refreshed with their token.
 *
 * Pure, in the sense of guard.h: no allocation, clock or log; core's thread.
 */
#pragma once
#include "core/guard/guard.h"

enum {
	GUARD_DEVICE_TRIES = 5,		/* in GUARD_WINDOW_S */
	GUARD_DEVICE_KNOWN_S = 30 * 86400,
};

struct guard_device {
	const struct guard_facts *who;	/* ip, verified, scan_on,
					 * ignore_aliases, face; no more */
	struct span alias;
	uint64_t flow;			/* 0 = none */
	bool right;
};

/* Decides and counts. True: the secret was right and counts. */
bool guard_try_device(struct guard *g, const struct guard_device *d,
		      uint64_t now_ns);
