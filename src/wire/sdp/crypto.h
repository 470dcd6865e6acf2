/* wire/sdp/crypto.h - keys for SRTP in SDP, "SDES" (RFC 4568, 6188, 7714).
 *
 *   a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:<base64>|2^31
 *
 * Key bytes go into a buffer of the caller, who wipes it (secret_wipe());
 * after anything but a success it holds zeros. Nothing else here keeps a copy.
 * Pure, no allocation; thread safe.
 */
#pragma once
#include "wire/sdp/sdp.h"

enum sdp_suite {
	SDP_SUITE_NONE = 0,
	SDP_AES_CM_128_HMAC_SHA1_80,
	SDP_AES_CM_128_HMAC_SHA1_32,
	SDP_AES_256_CM_HMAC_SHA1_80,
	SDP_AEAD_AES_128_GCM,
	SDP_AEAD_AES_256_GCM,
	SDP_SUITE_COUNT
};

enum { SDP_KEY_MAX = 46 };		/* bytes of master key and salt */

/* Bytes of key and salt of a suite; 0 for none. */
size_t sdp_suite_bytes(enum sdp_suite s);
/* "AES_CM_128_HMAC_SHA1_80"; "" for none. */
const char *sdp_suite_name(enum sdp_suite s);

struct sdp_crypto {
	uint32_t tag;			/* 1..999999999 */
	enum sdp_suite suite;
	size_t key_n;			/* sdp_suite_bytes(suite) */
	uint64_t lifetime;		/* packets, 0 = not written */
	uint8_t mki_bytes;		/* 0 = no MKI */
	uint32_t mki;
};

/* The value of one a=crypto. E_FORMAT; E_UNSUPPORTED: a suite or key method that
 * we do not know, several keys, an MKI of more than four bytes, or a session
 * parameter that we do not know or will not do (KDR, UNENCRYPTED_*,
 * UNAUTHENTICATED_SRTP, FEC_*). WSH and what starts with '-' is read over. */
int sdp_crypto_decode(struct sdp_crypto *out, uint8_t key[SDP_KEY_MAX],
		      struct span value);
/* The next one of a section that we can use; what we cannot is skipped. */
bool sdp_crypto_next(const struct sdp_section *m, size_t *it,
		     struct sdp_crypto *out, uint8_t key[SDP_KEY_MAX]);
/* One line, without lifetime and MKI. Fails the writer when the key is not as
 * long as the suite wants. */
void sdp_wr_crypto(struct wr *w, uint32_t tag, enum sdp_suite suite,
		   struct span key);
