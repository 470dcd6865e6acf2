/* Hostile bytes into the receiving side of each profile. Half of the inputs
 * are sealed first, so that the code behind the tag is reached too. */
#include <stdint.h>
#include <stdlib.h>
#include "media/transport/srtp_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(const struct srtp_env *env, enum srtp_profile p, uint8_t how,
		struct span in)
{
	static const struct srtp_session keys;
	struct srtp *tx = NULL, *rx = NULL;
	uint8_t pkt[2048 + SRTP_GROW_MAX];
	size_t n = in.n < 2048 ? in.n : 2048;
	bool rtcp = how & 1;

	memcpy(pkt, in.p, n);
	if (srtp_new_session(&rx, env, p, SRTP_RECEIVE, &keys, &keys) < 0)
		abort();
	if (srtp_new_session(&tx, env, p, SRTP_SEND, &keys, &keys) < 0)
		abort();
	if (how & 2) {
		if ((rtcp ? srtcp_seal : srtp_seal)(tx, pkt, &n,
						    sizeof(pkt)) == 0 &&
		    (rtcp ? srtcp_open : srtp_open)(rx, pkt, &n) < 0)
			abort();
	} else {
		(void)(rtcp ? srtcp_open : srtp_open)(rx, pkt, &n);
	}
	srtp_free(&tx);
	srtp_free(&rx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct srtp_env *env = NULL;

	if (size < 1 || srtp_env_new(&env) < 0)
		return 0;
	for (unsigned i = 0; i < 5; i++) {
		static const enum srtp_profile all[] = {
			SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM,
			SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_32,
			SRTP_AES256_CM_SHA1_80};

		one(env, all[i], data[0], span_of(data + 1, size - 1));
	}
	srtp_env_free(&env);
	return 0;
}
