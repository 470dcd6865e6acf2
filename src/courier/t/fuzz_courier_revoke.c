/* Answers of responders, and certificates, that lie: the first byte says what
 * the rest is. Nobody but the issuer of this run can say anything of the leaf,
 * and its key is new in each process. */
#include <stdlib.h>
#include "courier/t/revoke_kit.h"

enum { NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct party ca, leaf;

static void once(void)
{
	static const struct kit_ext of_ca[] = {
		{NID_basic_constraints, "critical,CA:TRUE"}, {0, NULL}};

	ca = kit_party("CA", 1, NULL, NOW, of_ca);
	leaf = kit_party("leaf", 2, &ca, NOW, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t nonce[REVOKE_NONCE_LEN] = {1};
	static struct revoke_places places;
	struct revoke_says s = {REVOKE_UNKNOWN, "", 0, 0};
	uint8_t ask[REVOKE_ASK_MAX];
	struct span in;
	size_t got;

	if (!leaf.cert)
		once();
	if (n == 0)
		return 0;
	in = span_of(p + 1, n - 1);
	switch (p[0] % 5) {
	case 0:
		revoke_read_ocsp(&s, in, leaf.bytes, ca.bytes, nonce, NOW);
		break;
	case 1:
		revoke_read_crl(&s, in, leaf.bytes, ca.bytes, NOW);
		break;
	case 2:
		(void)revoke_places(&places, in);
		if (places.n > REVOKE_URLS_MAX)
			abort();
		break;
	case 3:
		(void)revoke_ask(ask, &got, in, ca.bytes, nonce);
		break;
	default:
		(void)revoke_ask(ask, &got, leaf.bytes, in, nonce);
		break;
	}
	if (s.verdict != REVOKE_UNKNOWN || !s.why)
		abort();
	return 0;
}
