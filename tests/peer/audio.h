/* Sound of the peer: a source of speech-like tones, and a receiver with an
 * adaptive jitter buffer of at most 200 ms that judges what it plays.
 *
 * There is no sound card: a frame is due when `base + RTP time + target` has
 * passed, base being the shortest transit of the last ten seconds. So all
 * verdicts are on the RTP time line of the server. */
#pragma once
#include <opus/opus.h>
#include "rtp.h"

enum {
	AUDIO_HZ = 48000, AUDIO_FRAME = 960, AUDIO_TONES = 8,
	AUDIO_RING = 256, AUDIO_DELAY_MAX_MS = 200, AUDIO_HISTORY = 512,
	AUDIO_MINIMA = 10,
};

/* --- out --------------------------------------------------------------- */

struct audio_out {
	OpusEncoder *enc;
	double hz;
	uint32_t on_ms, off_ms;		/* 0 = always on */
	uint64_t samples;		/* of the phase */
	int level;			/* of the last frame, RFC 6464 */
};
bool audio_out_open(struct audio_out *a, double hz, bool is_fec);
/* The frame whose first sample is spoken at `now`; bursts follow the
 * monotonic clock, so that a receiver on this machine can tell the delay. */
size_t audio_out_frame(struct audio_out *a, uint64_t now, uint8_t out[400]);

/* --- in ---------------------------------------------------------------- */

struct tone {
	double hz;
	uint64_t heard, frames;		/* frames */
	int64_t first, last;		/* frame numbers, -1 = never */
	uint64_t absent, absent_max;	/* frames between two hearings */
	double power;			/* of the running second */
	double second_max_db, mean;	/* loudest second; mean square sum */
	uint64_t seconds_heard;
};

struct audio_slot {
	int64_t seq;			/* -1 = empty */
	int64_t ts;
	uint16_t n;
	uint8_t data[RTP_MAX];
};

struct audio_in {
	OpusDecoder *dec;
	bool uses_fec;
	struct audio_slot slot[AUDIO_RING];
	bool is_started;
	int64_t seq, ts;		/* highest */
	int64_t next_seq, next_ts;	/* to be played */
	/* time line */
	int64_t minimum[AUDIO_MINIMA];	/* of transit, per second; ns */
	uint64_t minute_ns;		/* begin of the running one */
	unsigned at_minimum;
	int64_t first_base, base;
	int64_t late[AUDIO_HISTORY];	/* transit over base, ns */
	unsigned n_late;
	int64_t target;			/* ns */
	unsigned late_run;
	/* verdicts */
	uint64_t played, fec, concealed;	/* frames */
	uint64_t run, gap_max;			/* frames concealed at a stretch */
	uint64_t packets, duplicates, too_late, resyncs, bad;
	uint64_t ts_jumps;			/* time stamp does not fit number */
	double delay_sum_ms;
	struct tone tone[AUDIO_TONES];
	unsigned n_tones;
	/* bursts of the first tone */
	uint32_t beat_ms;
	double onset_first_ms, onset_last_ms;	/* means over five */
	unsigned onsets;
	double onset_ring[5];
};
bool audio_in_open(struct audio_in *a, bool uses_fec);
void audio_in_packet(struct audio_in *a, const struct rtp *r, uint64_t now);
void audio_in_play(struct audio_in *a, uint64_t now);
