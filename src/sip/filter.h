/* sip/filter.h - who is dropped before anything is parsed.
 *
 * Reads the start line and the User-Agent (sip_filter() of wire/sip) and holds
 * them against lists: programs that scan for SIP servers, methods that nobody
 * may send from outside of a dialog, lengths. What is dropped gets silence.
 * Pure; no allocation.
 */
#pragma once
#include "wire/sip/sip.h"

enum { FILTER_DATAGRAM_MIN = 100 };	/* no request has fewer bytes */

enum filter_verdict {
	FILTER_PASS = 0,
	FILTER_NOISE,		/* no SIP, a keep-alive: not worth a word */
	FILTER_SHORT,
	FILTER_AGENT,		/* a scanner that says so */
	FILTER_METHOD,		/* MESSAGE, PUBLISH, or one that nobody knows */
};

/* `peek` is filled unless it is NOISE. */
enum filter_verdict filter_look(struct sip_peek *peek, struct span bytes);
/* The list: without case, at the start of the User-Agent. */
bool filter_is_scanner(struct span user_agent);
