/* media/audio/player.h - from packets of one sender to a frame every tick.
 *
 * Jitter buffer, decoder, concealment and time scaling of one leg. While
 * stopped it only keeps the last 100 ms of packets. While playing,
 * player_pull() always gives 20 ms, whatever arrived.
 *
 * What happens where the next packet is missing:
 *   copy in the packet after it       decoded (in-band FEC)
 *   other packets wait                concealed, counted as concealed
 *   none waits                        concealed; if it comes after all, sound
 *                                     goes on with it and the delay has grown
 *   sequence goes on, stamp jumps     DTX: the decoder's own noise
 *   nothing for 200 ms                silence until the next packet
 *
 * The delay is brought back to its target in silence (up to 20 ms at once), or
 * by a period of the voice every 60 ms when it is off by more than 25 ms; that
 * also absorbs drift.
 *
 * No allocation except in player_init(). Positions as in jitter.h. Not thread
 * safe.
 */
#pragma once
#include "media/audio/jitter.h"

enum {
	PLAYER_KEEP_SAMPLES = 100 * 48,	/* kept before the play point */
	PLAYER_HISTORY = 2048,		/* played samples, for time scaling */
	PLAYER_FIFO = AUDIO_PACKET_MAX_SAMPLES + 2 * AUDIO_FRAME_SAMPLES,
	PLAYER_STARVE_MAX = 200 * 48,
};

struct player {
	struct jitter jitter;
	struct audio_dec *dec;		/* borrowed */
	bool is_playing;
	bool is_anchored;		/* play_ts means something */
	int64_t play_ts;		/* stamp of the end of the fifo */
	int fifo_n;
	int starved;			/* samples invented with nothing waiting */
	bool is_dtx;			/* the last packet announced silence */
	int cooldown;			/* ticks until speech is scaled again */
	int level;			/* claimed in the last packet decoded */
	int last_samples;		/* of the last packet decoded */
	uint64_t played, fec, concealed, dtx, removed, inserted, decoded, bad;
	int16_t pcm[PLAYER_HISTORY + PLAYER_FIFO + 8];
};

/* p is zeroed memory. */
void player_init(struct player *p, struct audio_dec *dec);
int  player_put(struct player *p, uint16_t seq, uint32_t ts, int level,
		struct span payload, int64_t now);
/* The sender's stream ended or changed. */
void player_restart(struct player *p);
/* Begins to play: what is older than the play point is decoded to warm the
 * decoder up; with is_late_start, played instead (the delay is caught up
 * later), because nobody knew that there was speech in it. */
void player_start(struct player *p, int64_t now, bool is_late_start);
void player_stop(struct player *p);
/* 20 ms of sound. */
void player_pull(struct player *p, int64_t now, int16_t out[static 960]);
/* Decodes the two newest packets of a stopped player for their loudness, which
 * it returns as int16 samples in out (the newest 20 ms; the number of samples,
 * 0 when there is nothing). Leaves the packets in place. */
int  player_probe(struct player *p, int16_t *out);
/* Age of the sound being played beyond the fastest way through the network. */
int32_t player_delay(const struct player *p, int64_t now);
