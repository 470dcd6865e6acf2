/* media/transport/srtp_int.h - for srtp.c and its vector tests only. */
#pragma once
#include "media/transport/srtp.h"

enum {
	SRTP_AUTH_LEN = 20,
	SRTP_LABEL_RTP_KEY = 0, SRTP_LABEL_RTP_AUTH = 1,
	SRTP_LABEL_RTP_SALT = 2, SRTP_LABEL_RTCP_KEY = 3,
	SRTP_LABEL_RTCP_AUTH = 4, SRTP_LABEL_RTCP_SALT = 5,
};

/* Session keys of RTP or RTCP, after the derivation of RFC 3711 4.3. */
struct srtp_session {
	uint8_t key[SRTP_KEY_MAX];
	uint8_t salt[SRTP_SALT_MAX];
	uint8_t auth[SRTP_AUTH_LEN];
};

int srtp_derive(const struct srtp_env *env, struct span key, struct span salt,
		uint8_t label, uint8_t *out, size_t n);
int srtp_new_session(struct srtp **out, const struct srtp_env *env,
		     enum srtp_profile p, enum srtp_dir dir,
		     const struct srtp_session *rtp,
		     const struct srtp_session *rtcp);
/* The SRTCP index that was used last. */
void srtp_set_rtcp_index(struct srtp *s, uint32_t index);
