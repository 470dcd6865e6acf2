/* sip/offer - what the reader and the writer share. */
#pragma once
#include <assert.h>
#include "ipc/codec_copy.h"
#include "ipc/ipc.h"
#include "sip/offer.h"
#include "wire/sdp/bfcp.h"
#include "wire/sdp/codec.h"
#include "wire/sdp/crypto.h"

/* One section of each is taken. */
enum take { TAKE_AUDIO = 0, TAKE_VIDEO, TAKE_SLIDES, TAKE_BFCP, TAKE_FECC,
	    TAKE_COUNT };

/* PROFILE_NONE for a protocol that we do not speak. */
Cv__RtpProfile offer_profile(struct span proto);
const char *offer_proto(Cv__RtpProfile p);	/* NULL for none */
bool offer_is_bfcp(Cv__RtpProfile p);
Cv__MediaKind offer_kind(const struct sdp *sdp, const struct sdp_section *m);

/* the same numbers on both sides: a cast carries them over */
CODEC_SAME_NUMBERS;
static_assert((int)CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80 ==
		      SDP_AES_CM_128_HMAC_SHA1_80 &&
	      (int)CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32 ==
		      SDP_AES_CM_128_HMAC_SHA1_32 &&
	      (int)CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80 ==
		      SDP_AES_256_CM_HMAC_SHA1_80 &&
	      (int)CV__SDES_SUITE__SDES_AEAD_AES_128_GCM ==
		      SDP_AEAD_AES_128_GCM &&
	      (int)CV__SDES_SUITE__SDES_AEAD_AES_256_GCM ==
		      SDP_AEAD_AES_256_GCM, "cv.SdesSuite");
static_assert((int)CV__DIRECTION__DIR_SENDRECV == SDP_SENDRECV &&
	      (int)CV__DIRECTION__DIR_SENDONLY == SDP_SENDONLY,
	      "cv.Direction");
