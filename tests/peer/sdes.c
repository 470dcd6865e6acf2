#include "sdes.h"

enum { WINDOW = 1024 };

struct suite {
	const char *name;
	size_t key;
	void (*rtp)(srtp_crypto_policy_t *);
	void (*rtcp)(srtp_crypto_policy_t *);
};

static void cm32(srtp_crypto_policy_t *p)
{
	srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(p);
}

static void cm80(srtp_crypto_policy_t *p)
{
	srtp_crypto_policy_set_rtp_default(p);
}

static const struct suite suites[] = {
	{"AES_CM_128_HMAC_SHA1_80", 30, cm80, cm80},
	{"AES_CM_128_HMAC_SHA1_32", 30, cm32, cm80},
	{"AES_256_CM_HMAC_SHA1_80", 46,
	 srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
	 srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
	{"AEAD_AES_128_GCM", 28, srtp_crypto_policy_set_aes_gcm_128_16_auth,
	 srtp_crypto_policy_set_aes_gcm_128_16_auth},
	{"AEAD_AES_256_GCM", 44, srtp_crypto_policy_set_aes_gcm_256_16_auth,
	 srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

static const struct suite *find(const char *name)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (strcmp(suites[i].name, name) == 0)
			return &suites[i];
	return NULL;
}

size_t sdes_key_bytes(const char *suite)
{
	const struct suite *s = find(suite);

	return s ? s->key : 0;
}

bool sdes_session(srtp_t *out, const char *suite, uint8_t *key, bool is_in)
{
	const struct suite *s = find(suite);
	srtp_policy_t p = {.key = key, .window_size = WINDOW,
			   .allow_repeat_tx = !is_in};

	if (!s)
		return false;
	p.ssrc.type = is_in ? ssrc_any_inbound : ssrc_any_outbound;
	s->rtp(&p.rtp);
	s->rtcp(&p.rtcp);
	return srtp_create(out, &p) == srtp_err_status_ok;
}
