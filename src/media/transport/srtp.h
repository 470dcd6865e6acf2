/* media/transport/srtp.h - SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714) on
 * OpenSSL.
 *
 * One `struct srtp` is one direction of one leg under one master key. The
 * sending side never uses one (SSRC, index) twice: an index that is not larger
 * than the last one of its SSRC is refused, so a retransmission must be the
 * stored ciphertext or RTX (RFC 4588). The receiving side keeps a replay
 * window per SSRC; a new SSRC takes a place in the table only after its packet
 * authenticated, and a full table refuses further ones.
 *
 * Packets are changed in place. No allocation, clock or log after srtp_new().
 * Not thread safe. The key material is wiped by srtp_free().
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

/* Values of the DTLS use_srtp extension (RFC 5764 4.1.2, RFC 7714 14.2), and
 * above 16 bits what only SDES can agree on. _32: RTP's tag has 4 bytes,
 * RTCP's 10 (RFC 3711 5.2). */
enum srtp_profile {
	SRTP_NONE = 0,
	SRTP_AES128_CM_SHA1_80 = 0x0001,
	SRTP_AES128_CM_SHA1_32 = 0x0002,
	SRTP_AEAD_AES_128_GCM = 0x0007,
	SRTP_AEAD_AES_256_GCM = 0x0008,
	SRTP_AES256_CM_SHA1_80 = 0x10001,	/* RFC 6188 */
};

enum {
	SRTP_SSRCS_MAX = 16,		/* per direction */
	SRTP_WINDOW_BITS = 1024,	/* RTP; SRTCP keeps 128 */
	SRTCP_WINDOW_BITS = 128,
	SRTP_KEY_MAX = 32,
	SRTP_SALT_MAX = 14,
	/* What protection may add at most: tag, and for RTCP the index. */
	SRTP_GROW_MAX = 20,
};

/* Key and salt lengths of a profile. E_UNSUPPORTED. */
int srtp_profile_lengths(enum srtp_profile p, size_t *key, size_t *salt);

/* Ciphers fetched once; make it before the sandbox closes, share it among all
 * legs. */
struct srtp_env;
int  srtp_env_new(struct srtp_env **out);
void srtp_env_free(struct srtp_env **env);

struct srtp;

enum srtp_dir { SRTP_RECEIVE = 0, SRTP_SEND };

/* E_INVAL when a length does not fit the profile, E_UNSUPPORTED, E_NOMEM,
 * E_CRYPTO. The caller wipes its own copy of the key. */
int  srtp_new(struct srtp **out, const struct srtp_env *env,
	      enum srtp_profile p, enum srtp_dir dir, struct span key,
	      struct span salt);
void srtp_free(struct srtp **s);

/* `*len` grows by the tag; `cap` is the room at pkt. E_FORMAT for what is not
 * RTP, E_LIMIT when it does not fit, E_REPLAY when the index was used or the
 * key's life is over, E_FULL (SSRC table), E_CRYPTO. */
int srtp_seal(struct srtp *s, uint8_t *pkt, size_t *len, size_t cap);
int srtcp_seal(struct srtp *s, uint8_t *pkt, size_t *len, size_t cap);

/* `*len` shrinks. E_FORMAT, E_TRUNC, E_REPLAY, E_AUTH, E_FULL. On failure the
 * packet's bytes are undefined. */
int srtp_open(struct srtp *s, uint8_t *pkt, size_t *len);
int srtcp_open(struct srtp *s, uint8_t *pkt, size_t *len);

struct srtp_stats {
	uint64_t packets;	/* protected or accepted */
	uint64_t auth_failed, replayed, malformed, ssrc_full;
};
void srtp_get_stats(const struct srtp *s, struct srtp_stats *out);

/* Tests: the roll-over counter that the next packet of `ssrc` starts from.
 * E_FULL. Takes a place in the table. */
int srtp_set_roc(struct srtp *s, uint32_t ssrc, uint32_t roc, uint16_t seq);
