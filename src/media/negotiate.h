/* media/negotiate.h - what we make of a peer's offer: a pure function from the
 * neutral description (ipc/proto/common.proto) to our choice, and from the
 * choice to the answer.
 *
 * One audio and one main video section are used; further ones of these kinds
 * are refused, slides are answered inactive until presentation lands, anything
 * else is refused. Audio: Opus whenever offered, else the first of G.722, PCMA,
 * PCMU. Video: VP8 or H.264 (Constrained Baseline, packetization mode 1) in the
 * offer's order, H.264 mode 0 only when there is nothing else. Payload types
 * and extension ids are the offer's.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "common.pb-c.h"

enum {
	NEGO_SECTIONS_MAX = 64,
	NEGO_CODECS_MAX = 32,
	NEGO_EXTS_MAX = 16,
	NEGO_MID_MAX = 16,
	NEGO_NONE = -1,
};

struct nego_stream {
	int section;			/* index in the offer, or NEGO_NONE */
	bool we_send, we_receive;
	uint8_t pt;
	Cv__CodecName codec;
	uint32_t clock_hz;
	bool has_rtx;
	uint8_t rtx_pt;
	uint32_t feedback;		/* bits of Cv__Feedback, agreed */
	uint8_t ext_level, ext_twcc;	/* 0 = not agreed */
	uint32_t kbps;			/* the peer's b= line, 0 = unset */
	/* audio */
	uint32_t ptime_ms, max_bitrate_bps;
	bool is_fec;
	/* H.264 */
	uint8_t mode;
	uint32_t profile_level_id;
};

struct nego {
	struct nego_stream audio, video;
	bool is_dtls_client;		/* the offer said setup:passive */
	uint8_t fingerprint[32];
};

/* E_FORMAT (lengths), E_LIMIT (counts), E_UNSUPPORTED (neither sound nor
 * picture can be agreed). *out only on success. */
int nego_choose(struct nego *out, const Cv__LegDescription *offer);

/* What the answer needs beside the choice. Spans must live until
 * nego_answer_free(). */
struct nego_local {
	struct span ufrag, pwd, fingerprint;
	uint32_t audio_ssrc, video_ssrc, video_rtx_ssrc;
	const Cv__Candidate *candidates;
	size_t n_candidates;
};

/* Points into the offer, the choice and `local`; one block. E_NOMEM. */
int  nego_answer_new(Cv__LegDescription **out, const struct nego *n,
		     const Cv__LegDescription *offer,
		     const struct nego_local *local);
void nego_answer_free(Cv__LegDescription **d);
