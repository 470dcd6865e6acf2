/* The interoperability profile: which settings it weakens, and how far. */
#include "schema/schema.h"

const struct schema_relaxed *schema_relaxed(void)
{
	static const struct schema_relaxed list[] = {
		{GLOBAL_CRYPTO_MODE, "besteffort"},
		{GLOBAL_ENABLE_SIP_TCP, "true"},
		{GLOBAL_ENABLE_SIP_UDP, "true"},
		{GLOBAL_ENABLE_H323, "true"},
		{GLOBAL_ENABLE_RTMP, "true"},
		{GLOBAL_ENABLE_DIALOUT, "true"},
		{GLOBAL_ENABLE_DIRECTORY, "true"},
		{GLOBAL_ENABLE_FECC, "true"},
		{GLOBAL_SIP_TLS_CERT_VERIFY_MODE, "OFF"},
		{GLOBAL_MIN_PIN_LENGTH, "4"},
		{GLOBAL_MIN_ALIAS_DIGITS, "3"},
		{GLOBAL_CONCEAL_ROOMS, "false"},
		{0, NULL},
	};
	return list;
}
