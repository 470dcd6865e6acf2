/* Profiles, addresses and keys of sections without ICE. */
#include "media/negotiate_int.h"

static const struct suite {
	Cv__SdesSuite id;
	size_t bytes;
	const char *name;
} suites[] = {	/* the best first */
	{CV__SDES_SUITE__SDES_AEAD_AES_256_GCM, 44, "AEAD_AES_256_GCM"},
	{CV__SDES_SUITE__SDES_AEAD_AES_128_GCM, 28, "AEAD_AES_128_GCM"},
	{CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80, 46,
	 "AES_256_CM_HMAC_SHA1_80"},
	{CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80, 30,
	 "AES_CM_128_HMAC_SHA1_80"},
	{CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32, 30,
	 "AES_CM_128_HMAC_SHA1_32"},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]), SDES_MAX = 8 };

static const struct suite *suite_of(Cv__SdesSuite id)
{
	for (size_t i = 0; i < SUITES; i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

size_t nego_suite_bytes(Cv__SdesSuite suite)
{
	const struct suite *s = suite_of(suite);

	return s ? s->bytes : 0;
}

const char *nego_suite_name(Cv__SdesSuite suite)
{
	const struct suite *s = suite_of(suite);

	return s ? s->name : NULL;
}

bool nego_profile_has_feedback(Cv__RtpProfile p)
{
	return p == CV__RTP_PROFILE__PROFILE_AVPF ||
	       p == CV__RTP_PROFILE__PROFILE_SAVPF ||
	       p == CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
}

/* Profiles that mean nothing without keys. */
static bool is_secure(Cv__RtpProfile p)
{
	return p >= CV__RTP_PROFILE__PROFILE_SAVP &&
	       p <= CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
}

static bool is_dtls(Cv__RtpProfile p)
{
	return p == CV__RTP_PROFILE__PROFILE_TLS_SAVP ||
	       p == CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
}

/* --- addresses --------------------------------------------------------- */

static int take_addr(struct addr *out, const Cv__Addr *a)
{
	if (a->ip.len != 16 || a->port < 1 || a->port > 65535)
		return E_FORMAT;
	memcpy(out->ip, a->ip.data, 16);
	out->port = (uint16_t)a->port;
	return 0;
}

static int take_addrs(struct nego_transport *t, const Cv__Section *s)
{
	int r;

	t->is_mux = s->rtcp_mux;
	if (t->is_mux && s->ice_ufrag.len &&
	    s->ice_ufrag.len <= NEGO_UFRAG_MAX) {
		t->ice_ufrag_n = s->ice_ufrag.len;
		memcpy(t->ice_ufrag, s->ice_ufrag.data, s->ice_ufrag.len);
	}
	if (!s->addr)
		return 0;
	r = take_addr(&t->rtp, s->addr);
	if (r < 0)
		return r;
	t->has_addr = true;
	t->rtcp = t->rtp;
	if (s->rtcp)
		return take_addr(&t->rtcp, s->rtcp);
	if (t->rtp.port < 65535)
		t->rtcp.port++;
	return 0;
}

/* --- keys -------------------------------------------------------------- */

static bool is_usable(const Cv__SdesKey *k, const struct suite *want,
		      const struct nego_policy *policy)
{
	if (k->suite == CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32 &&
	    !policy->is_sha1_32_allowed)
		return false;
	return k->suite == want->id && k->key_salt.len == want->bytes &&
	       k->tag;
}

static bool take_sdes(struct nego_transport *t, const Cv__Section *s,
		      const struct nego_policy *policy)
{
	size_t n = s->n_sdes < SDES_MAX ? s->n_sdes : SDES_MAX;

	if (!policy->is_sdes_allowed || is_dtls(s->profile))
		return false;
	for (size_t i = 0; i < SUITES; i++)
		for (size_t j = 0; j < n; j++) {
			const Cv__SdesKey *k = s->sdes[j];

			if (!is_usable(k, &suites[i], policy))
				continue;
			t->crypto = NEGO_SDES;
			t->sdes_tag = k->tag;
			t->suite = k->suite;
			t->key_salt_n = k->key_salt.len;
			memcpy(t->key_salt, k->key_salt.data,
			       k->key_salt.len);
			return true;
		}
	return false;
}

static bool take_dtls(struct nego_transport *t, const Cv__Section *s,
		      const Cv__LegDescription *d)
{
	bool is_own = s->fingerprint_sha256.len == 32;
	const ProtobufCBinaryData *f = is_own ? &s->fingerprint_sha256
					      : &d->fingerprint_sha256;

	if (f->len != 32)
		return false;
	t->crypto = NEGO_DTLS;
	memcpy(t->fingerprint, f->data, 32);
	t->is_dtls_client = (is_own ? s->setup : d->setup) ==
			    CV__DTLS_SETUP__SETUP_PASSIVE;
	return true;
}

int nego_transport_choose(struct nego_transport *out, const Cv__Section *s,
			  const Cv__LegDescription *d,
			  const struct nego_policy *policy)
{
	struct nego_transport t = {.profile = s->profile};
	bool has_keys = false;
	int r;

	if (s->profile < CV__RTP_PROFILE__PROFILE_AVP ||
	    s->profile > CV__RTP_PROFILE__PROFILE_TLS_SAVPF)
		return E_UNSUPPORTED;
	if (policy->crypto != CV__CRYPTO_MODE__CRYPTO_OFF)
		has_keys = take_dtls(&t, s, d) || take_sdes(&t, s, policy);
	if (!has_keys && (is_secure(s->profile) ||
			  policy->crypto == CV__CRYPTO_MODE__CRYPTO_ON))
		return E_UNSUPPORTED;
	r = take_addrs(&t, s);
	if (r == 0)
		*out = t;
	return r;
}

/* --- floor control ----------------------------------------------------- */

bool nego_profile_is_bfcp(Cv__RtpProfile p)
{
	return p >= CV__RTP_PROFILE__PROFILE_BFCP_TCP &&
	       p <= CV__RTP_PROFILE__PROFILE_BFCP_DTLS;
}

bool nego_bfcp_is_stream(Cv__RtpProfile p)
{
	return p == CV__RTP_PROFILE__PROFILE_BFCP_TCP ||
	       p == CV__RTP_PROFILE__PROFILE_BFCP_TLS;
}

int nego_bfcp_choose(struct nego_transport *out, const Cv__Section *s,
		     const Cv__LegDescription *d,
		     const struct nego_policy *policy)
{
	const bool is_clear = s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TCP ||
			      s->profile == CV__RTP_PROFILE__PROFILE_BFCP_UDP;
	struct nego_transport t = {.profile = s->profile};
	int r;

	if (policy->crypto == (is_clear ? CV__CRYPTO_MODE__CRYPTO_ON
					: CV__CRYPTO_MODE__CRYPTO_OFF))
		return E_UNSUPPORTED;
	if (s->profile == CV__RTP_PROFILE__PROFILE_BFCP_DTLS &&
	    !take_dtls(&t, s, d))
		return E_UNSUPPORTED;
	r = take_addrs(&t, s);
	if (r == 0)
		*out = t;
	return r;
}
