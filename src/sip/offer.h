/* sip/offer.h - SDP of legs without ICE as the neutral leg description, and
 * the description as SDP.
 *
 * core and media never see SDP. What the neutral form does not carry (media
 * words, formats of rejected sections, content attributes) is read again from
 * the offer when the answer is written, so the caller keeps its text until
 * then.
 *
 * Read: RTP/AVP, AVPF, SAVP, SAVPF and UDP/TLS/RTP/SAVP(F) for audio and video
 * (KIND_SLIDES: content slides or alt, or the stream that a BFCP floor names),
 * RTP for H.224 (KIND_FECC, RFC 4573), BFCP over TCP, TLS, UDP and DTLS (KIND_OTHER with a PROFILE_BFCP_*), unless its
 * writer is floor control server only, or wants us to open the connection.
 * Every other section, one without a codec that we know, and a second
 * one of a kind is described as rejected. ICE credentials and fingerprint of
 * the description are those of the first section taken; each section has its own
 * fingerprint too. No candidate is read and no ICE is written: legs of SIP are
 * LEG_PLAIN, and a peer that offered ICE goes on without (RFC 8839 4.2.5).
 *
 * Addresses: c= is taken as a literal only, a name is resolved by nobody. Where
 * media would be sent goes through base/outguard.h:
 * - loopback, link-local, multicast, metadata, broadcast, reserved and own
 *   addresses, and ports below 1024: the whole description is refused
 *   (E_DENIED), whoever it came from;
 * - private, special and management addresses that no rule names: taken when
 *   they are the address its signalling comes from, else the section has no
 *   address, and media waits for a packet from there;
 * - a name: likewise no address;
 * - 0.0.0.0 and ::: hold (RFC 3264 8.4), no address.
 * Of rejected sections, addresses and ports are not looked at.
 *
 * Keys: a=crypto is read only with rules->sdes, which the caller sets when the
 * signalling is encrypted, and of suites that we know (`_32` only if asked for).
 * They lie in the arena: sip_offer_wipe() before the arena goes. Nothing here
 * logs, and no text in *why comes from a peer.
 *
 * Pure; all memory comes from the arena. Thread safe.
 */
#pragma once
#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/outguard.h"
#include "ipc/sip.pb-c.h"

enum {
	SIP_OFFER_ARENA_BYTES = 1024 * 1024,
	SIP_OFFER_CODECS_MAX = 32,
	SIP_OFFER_KEYS_MAX = 8,
	SIP_OFFER_MID_MAX = 16,
	SIP_OFFER_TEXT_MAX = 32 * 1024,	/* of what is written */
};

struct sip_offer_rules {
	const struct outguard_rules *guard;	/* may be NULL */
	const struct addr *source;	/* of its signalling; may be NULL */
	bool sdes;			/* its signalling is encrypted */
	bool sdes_32;			/* AES_CM_128_HMAC_SHA1_32, too */
	struct span ours;		/* the text of our offer that `sdp`
					 * answers; empty: `sdp` is an offer */
};

/* What became of addresses; for the log and the counters. */
struct sip_offer_seen {
	enum outguard_reason refused;	/* the first, or OUTGUARD_ALLOWED */
	unsigned unnamed;		/* private and the like, left out */
	unsigned names;			/* host names in c= */
};

/* *why gets a constant text on failure. E_FORMAT, E_LIMIT (64 KB, 64 sections, a
 * mid over 16 bytes), E_DENIED (an address that nobody may name, seen->refused;
 * a port below 1024), E_UNSUPPORTED (an answer that does not fit our offer:
 * number, kind and order of sections, profile, codecs, key tags), E_NOMEM. An offer with no section
 * taken, or with none at all, is no error: all of it is rejected. `seen` may be
 * NULL. */
int sip_offer_read(Cv__LegDescription **out, struct span sdp,
		   const struct sip_offer_rules *rules, struct arena *a,
		   struct sip_offer_seen *seen, const char **why);

/* Zeroes all key material of a description; accepts NULL. */
void sip_offer_wipe(Cv__LegDescription *d);

struct sip_offer_self {
	uint64_t sess_id;		/* below 2^62, the same for one call */
	uint64_t version;		/* grows with each text */
	const struct addr *local;	/* for o=; sections have their own */
	struct span last;		/* of an offer within a call: our text
					 * before it */
};

/* An answer: `d` describes the sections of `offer` in their order, each with
 * at most the codecs of the offer (E_INVAL otherwise). An m= line for each
 * of the offer, port 0 where rejected. */
int sip_answer_write(struct span *out, struct span offer,
		     const Cv__LegDescription *d,
		     const struct sip_offer_self *self, struct arena *a);
/* An offer of ours; E_INVAL: a section without kind, profile, codec or
 * address. In an offer within a call (self->last) each section stands where one
 * of its kind stood (RFC 3264 8); those of before that are not wanted stay in
 * their places, rejected, and what is new takes the place of a rejected one of
 * its media, or comes behind. E_LIMIT: there are too many by now. */
int sip_offer_write(struct span *out, const Cv__LegDescription *d,
		    const struct sip_offer_self *self, struct arena *a);
