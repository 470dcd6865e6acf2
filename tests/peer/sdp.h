/* The offer we make, shaped like Chromium's, and what we need of the answer. */
#pragma once
#include <netinet/in.h>
#include "bytes.h"

enum { PT_OPUS = 111, PT_VP8 = 96, PT_RTX = 97, EXT_LEVEL = 1, EXT_TWCC = 3 };

struct sdp_offer {
	const char *ufrag, *pwd, *cname;
	uint8_t fingerprint[32];
	uint32_t audio_ssrc, video_ssrc, rtx_ssrc;
	bool has_audio, has_video;
	bool is_repaired;	/* FEC, NACK, RTX */
	bool wants_pli;
	bool wants_remb, wants_twcc;
};
/* Returns false when `out` is too small. */
bool sdp_print(const struct sdp_offer *o, char *out, size_t size);

struct sdp_answer {
	char ufrag[257], pwd[257];
	uint8_t fingerprint[32];
	bool has_fingerprint, is_passive;
	struct sockaddr_in addr;
	bool has_addr;
	bool audio, video;	/* accepted */
	int rtx_pt, ext_level, ext_twcc;
	bool nack, pli, fir, remb, twcc;
	uint32_t audio_ssrc, video_ssrc, rtx_ssrc;	/* 0 = not told */
};
/* Returns NULL, or what is wrong. */
const char *sdp_read(struct sdp_answer *a, const char *text);
