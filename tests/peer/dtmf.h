/* Keys as RTP events, RFC 4733, both ways. Each is held for 100 ms, with
 * 100 ms of sound behind it. */
#pragma once
#include "rtp.h"

enum { DTMF_KEYS_MAX = 64 };

struct dtmf {
	uint8_t pt;			/* 0 = not agreed */
	unsigned per_ms;		/* ticks of the clock */
	char keys[DTMF_KEYS_MAX + 1];	/* still to be sent, first one first */
	unsigned ms;			/* of the running one */
	uint32_t ts;			/* of its begin */
	char heard[DTMF_KEYS_MAX + 1];	/* each once, in order */
	uint32_t heard_ts;
	uint64_t bad;
};

/* Another key or the pause behind it is due. False: sound. */
bool dtmf_is_busy(struct dtmf *d);
/* The payload for the packet of `ts`, and how often it is to be sent. */
unsigned dtmf_next(struct dtmf *d, uint32_t ts, uint8_t out[4],
		   bool *is_first);
/* Adds to what is to be sent; false when that is too much. */
bool dtmf_send(struct dtmf *d, const char *keys);
void dtmf_packet(struct dtmf *d, const struct rtp *r);
