/* media/negotiate.h - what we make of a peer's offer: a pure function from the
 * neutral description (ipc/proto/common.proto) to our choice, and from the
 * choice to the answer.
 *
 * One audio, one main video and one slides section are used; further ones of
 * these kinds are refused, and so is anything else. In a slides section both
 * VP8 and H.264 are agreed where both are offered, because what one peer
 * presents is forwarded to all others as it is. Audio: Opus whenever offered, else the first of G.722, PCMA,
 * PCMU. Video: VP8 or H.264 (Constrained Baseline, packetization mode 1) in the
 * offer's order, H.264 mode 0 only when there is nothing else. Payload types
 * and extension ids are the offer's.
 *
 * Legs without ICE (SIP) have a transport of its own in each section, and keys
 * by what nego_policy allows:
 *   on          a section without usable keys is refused
 *   besteffort  keys when there are usable ones, else clear
 *   off         clear; a section that insists on keys is refused
 * DTLS comes before SDES where a section offers both, of SDES's suites the
 * first of: AEAD_AES_256_GCM, AEAD_AES_128_GCM, AES_256_CM_HMAC_SHA1_80,
 * AES_CM_128_HMAC_SHA1_80, and where it is allowed AES_CM_128_HMAC_SHA1_32.
 * SDES needs signalling that is encrypted (is_sdes_allowed). There is no RTX,
 * and feedback only where the profile has it (AVPF, SAVPF).
 *
 * BFCP is taken over UDP/TLS and TCP/TLS with `on` and `besteffort`, in clear with
 * `besteffort` and `off`.
 *
 * Far-end camera control (H.224) is taken like any other stream, with the keys that the
 * policy wants; without them it is refused alone.
 *
 * struct nego holds keys of such a leg: wipe what is not kept.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "base/span.h"
#include "media.pb-c.h"

enum {
	NEGO_SECTIONS_MAX = 64,
	NEGO_CODECS_MAX = 32,
	NEGO_EXTS_MAX = 16,
	NEGO_MID_MAX = 16,
	NEGO_SSRCS_MAX = 8,
	NEGO_NONE = -1,
};

enum { H224_CLOCK_HZ = 4800 };	/* RFC 4573 */
enum nego_crypto { NEGO_CLEAR = 0, NEGO_SDES, NEGO_DTLS };
enum { NEGO_KEY_SALT_MAX = 46, NEGO_NO_PT = 255, NEGO_UFRAG_MAX = 64 };

struct nego_policy {
	Cv__CryptoMode crypto;
	bool is_sdes_allowed, is_sha1_32_allowed;
};

/* Of one section of a leg without ICE. */
struct nego_transport {
	Cv__RtpProfile profile;		/* the offer's */
	enum nego_crypto crypto;
	bool is_mux;			/* RTCP on RTP's port */
	bool has_addr;
	bool is_waiting;		/* no address, but no hold either: we
					 * learn it from his packets */
	struct addr rtp, rtcp;		/* of the peer */
	uint32_t sdes_tag;
	Cv__SdesSuite suite;
	uint8_t key_salt[NEGO_KEY_SALT_MAX];	/* the peer's */
	size_t key_salt_n;
	uint8_t fingerprint[32];	/* the peer's */
	bool is_dtls_client;
	/* The peer's, 0 = no ICE; longer ones are as none, and so is ICE
	 * without RTCP on RTP's port. */
	uint8_t ice_ufrag[NEGO_UFRAG_MAX];
	size_t ice_ufrag_n;
};

/* One codec of a video section. */
struct nego_way {
	Cv__CodecName codec;		/* NONE: there is none */
	uint8_t pt, rtx_pt;
	bool has_rtx;
	uint8_t mode;			/* H.264 */
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
	bool has_tmmbr;			/* RFC 5104, of a camera */
	uint8_t ext_level, ext_twcc;	/* 0 = not agreed */
	uint32_t kbps;			/* the peer's b= line, 0 = unset */
	/* audio */
	uint32_t ptime_ms, max_bitrate_bps;
	bool is_fec;
	uint8_t dtmf_pt;		/* RFC 4733, NEGO_NO_PT = none */
	uint32_t dtmf_hz;
	/* H.264 */
	uint8_t mode;
	uint32_t profile_level_id;	/* of the offer */
	uint32_t answer_level_id;	/* what we answer */
	bool is_asymmetric;
	/* What it takes, 0 = any: macroblocks of a picture and in a second. */
	uint32_t max_fs, max_mbps;
	uint32_t max_kbps;		/* of its level, likewise */
	/* slides: the other codec, NONE = none */
	struct nego_way alt;
	uint32_t alt_feedback, alt_level_id;
	/* Whose packets are whose, where sections share a transport. */
	uint8_t mid[NEGO_MID_MAX];
	uint8_t mid_n, ext_mid;		/* 0 = not agreed */
	uint32_t ssrcs[NEGO_SSRCS_MAX];	/* as announced */
	uint8_t n_ssrcs;
	struct nego_transport t;	/* without ICE */
};

/* Floor control (RFC 8856), of a leg without ICE. Over TCP and TLS it is the
 * face's own: only whether it may be is decided here. */
struct nego_bfcp {
	int section;			/* or NEGO_NONE */
	struct nego_transport t;
};
bool nego_profile_is_bfcp(Cv__RtpProfile p);
bool nego_bfcp_is_stream(Cv__RtpProfile p);
/* The codec with this payload type, or with this name; codec NONE: it was not
 * agreed. *is_rtx says that the number is that of its repair. */
struct nego_way nego_way_of_pt(const struct nego_stream *st, uint8_t pt,
			       bool *is_rtx);
struct nego_way nego_way_of(const struct nego_stream *st, Cv__CodecName codec);
/* What this section can be sent, bits of Cv__SlidesCodec. */
uint32_t nego_takes(const struct nego_stream *st);

struct nego {
	struct nego_stream audio, video, slides;
	struct nego_stream fecc;	/* H.224 (RFC 4573), without ICE only */
	bool is_dtls_client;		/* the offer said setup:passive */
	uint8_t fingerprint[32];
	struct nego_bfcp bfcp;
};

/* E_FORMAT (lengths), E_LIMIT (counts), E_UNSUPPORTED (neither sound nor
 * picture can be agreed). *out only on success. */
int nego_choose(struct nego *out, const Cv__LegDescription *offer);

/* The same for a leg without ICE. E_UNSUPPORTED also when no section has keys
 * that the policy wants. */
int nego_choose_plain(struct nego *out, const Cv__LegDescription *offer,
		      const struct nego_policy *policy);

/* How many bytes a suite's key and salt have, and its registered name; 0 and
 * NULL for what is none. */
size_t nego_suite_bytes(Cv__SdesSuite suite);
const char *nego_suite_name(Cv__SdesSuite suite);
/* Does the profile carry feedback (RFC 4585)? */
bool nego_profile_has_feedback(Cv__RtpProfile profile);

/* Our end of a section without ICE. */
struct nego_local_plain {
	struct addr addr;		/* RTP; RTCP is one above */
	struct span key_salt;		/* SDES */
	struct span ufrag, pwd;		/* ICE-lite; empty: none */
};

/* What the answer needs beside the choice. Spans must live until
 * nego_answer_free(). */
struct nego_local {
	struct span ufrag, pwd, fingerprint;
	uint32_t audio_ssrc, video_ssrc, video_rtx_ssrc;
	uint32_t slides_ssrc, slides_rtx_ssrc;
	const Cv__Candidate *candidates;
	size_t n_candidates;
	/* A leg without ICE: of sound and of picture, else NULL. */
	const struct nego_local_plain *audio_plain, *video_plain;
	const struct nego_local_plain *slides_plain, *bfcp_plain;
	const struct nego_local_plain *fecc_plain;
	uint32_t fecc_ssrc;
	uint32_t kbps_in;		/* told in b= of its picture */
};

/* Points into the offer, the choice and `local`; one block. E_NOMEM. */
int  nego_answer_new(Cv__LegDescription **out, const struct nego *n,
		     const Cv__LegDescription *offer,
		     const struct nego_local *local);
void nego_answer_free(Cv__LegDescription **d);
