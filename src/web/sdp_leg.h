/* web/sdp_leg.h - an SDP offer as the neutral leg description, and the
 * description of an answer as SDP.
 *
 * core and media never see SDP. What the neutral form does not carry (media
 * words, rejected sections, content attributes, the mirrored order) is read
 * again from the offer when the answer is written, so the caller keeps the
 * offer's text until then.
 *
 * Taken from an offer: the sections of the first BUNDLE group (without a
 * group: only the first section), with rtcp-mux, over UDP/TLS/RTP/SAVPF, of
 * kind audio, video, or video with content slides. Every other section is
 * described as rejected. ICE credentials, SHA-256 fingerprint and setup are
 * those of the first section taken.
 *
 * Pure; all memory comes from the arena. Thread safe.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "ipc/web.pb-c.h"

enum {
	SDP_LEG_ARENA_BYTES = 1024 * 1024,
	SDP_LEG_CODECS_MAX = 32,
	SDP_LEG_EXTS_MAX = 16,
	SDP_LEG_SSRCS_MAX = 8,
	SDP_LEG_MID_MAX = 16,
	SDP_LEG_CANDIDATES_MAX = 16,
	SDP_LEG_ANSWER_MAX = 64 * 1024,
};

/* *why gets a constant text for the client on failure. E_FORMAT, E_LIMIT
 * (64 KB, 64 sections, a mid over 16 bytes), E_UNSUPPORTED (no fingerprint we
 * accept, nothing to talk with), E_NOMEM. */
int sdp_leg_offer(Cv__LegDescription **out, struct span sdp, struct arena *a,
		  const char **why);

/* `answer` must describe the sections of `offer` in their order: E_INVAL
 * otherwise. `sess_id` must be below 2^62 and the same for all answers of
 * one call; `version` grows. *out lives in the arena. */
int sdp_leg_answer(struct span *out, struct span offer,
		   const Cv__LegDescription *answer, uint64_t sess_id,
		   uint64_t version, struct arena *a);
