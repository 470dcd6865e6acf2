/* media/negotiate_offer.h - offers of ours, for legs without ICE.
 *
 * Camera control (H.224) where wanted, behind all others. Slides: what picture has, both codecs to be agreed. Floor control goes with it.
 * Sound: Opus, G.722, PCMA, PCMU, telephone events at 48 and 8 kHz. Picture:
 * H.264 mode 1, mode 0, VP8: all of it also on an open leg (RFC 3261 14.2), where what
 * is agreed keeps its number, profile and suite. Keys by policy:
 *   on          UDP/TLS/RTP/SAVPF when DTLS is wanted, else RTP/SAVP with SDES
 *               (E_UNSUPPORTED where SDES is not allowed)
 *   besteffort  the same with DTLS; else RTP/AVP, with keys where SDES is
 *               allowed: an answer with keys is encrypted
 *   off         RTP/AVP, clear
 * Pure; no randomness: keys are the caller's.
 */
#pragma once
#include "media/negotiate.h"

enum { NEGO_SUITES = 5 };

/* Keys of one section, one for each suite. Wipe it. */
struct nego_offer_keys {
	uint8_t key_salt[NEGO_SUITES][NEGO_KEY_SALT_MAX];
};

struct nego_offer_section {
	bool is_wanted;
	struct nego_local_plain local;		/* key_salt is not used */
	const struct nego_offer_keys *keys;	/* NULL: none are told */
	/* Of an open leg: what is agreed, else NULL. */
	const struct nego_stream *agreed;
	uint32_t ssrc;
};

struct nego_offer_cfg {
	struct nego_offer_section audio, video, slides, fecc;
	/* BFCP: our port, 0 = none is offered; the profile that is agreed, NONE =
	 * by policy: UDP/TLS with `on`, else UDP. Offered with slides only. */
	struct nego_local_plain bfcp_local;
	Cv__RtpProfile bfcp_profile;
	struct nego_policy policy;
	bool is_dtls;
	struct span fingerprint;
	uint32_t kbps_in;
};

/* One block, freed with nego_answer_free(); points into cfg's keys and
 * fingerprint. E_NOMEM, E_INVAL (nothing wanted), E_UNSUPPORTED. */
int nego_offer_new(Cv__LegDescription **out, const struct nego_offer_cfg *cfg);

/* What the answer to `offer` means. Its sections are held against those of the
 * offer by their kind, in any order, with others among them that are rejected.
 * E_FORMAT when it does not fit the offer;
 * else as nego_choose_plain(). */
int nego_accept(struct nego *out, const Cv__LegDescription *offer,
		const Cv__LegDescription *answer,
		const struct nego_policy *policy);
/* Our key of the suite that the answer chose. */
const uint8_t *nego_offer_key(const struct nego_offer_keys *k,
			      Cv__SdesSuite suite);
