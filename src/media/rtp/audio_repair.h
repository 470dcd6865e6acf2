/* media/rtp/audio_repair.h - NACK for sound, when the peer agreed to it for
 * its audio codec (a=rtcp-fb:PT nack): loss repair that works for any sound,
 * where in-band FEC works for speech only.
 *
 * Out: the last sealed packets are kept and repeated byte for byte, for SRTP
 * must never protect one number twice. In: holes are asked for while the
 * jitter buffer may still use the answer. Both bounded; no allocation after
 * _new, so putting a packet is allowed in the tick.
 */
#pragma once
#include "media/rtp/nack.h"

enum {
	AUDIO_REPAIR_PACKETS = 64,	/* power of two; 1.3 s */
	AUDIO_REPAIR_BYTES = 240,	/* longer ones are not kept */
	AUDIO_REPAIR_BEHIND = 10,	/* packets: 200 ms */
	AUDIO_REPAIR_TRIES = 3,		/* repeats of one packet */
	AUDIO_REPAIR_EACH_S = 25,	/* repeats in a second: half of it all */
};

struct audio_repair {
	struct nack in;
	uint64_t window_ns;
	unsigned repeats;		/* in this second */
	struct {
		uint16_t seq, n;	/* n 0 = empty */
		uint8_t tries;
		uint8_t p[AUDIO_REPAIR_BYTES];
	} at[AUDIO_REPAIR_PACKETS];
};

int  audio_repair_new(struct audio_repair **out);
void audio_repair_free(struct audio_repair **a);
/* What was sent. */
void audio_repair_put(struct audio_repair *a, uint16_t seq, struct span sealed);
/* The stored bytes, or an empty span: unknown, or repeated too often. */
struct span audio_repair_find(struct audio_repair *a, uint16_t seq,
			      uint64_t now_ns);
/* A packet came in. True when there are holes to ask for. */
bool audio_repair_packet(struct audio_repair *a, uint64_t ext,
			 uint64_t now_ns);
