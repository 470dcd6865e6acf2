#include "sip/filter.h"

/* What scanners call themselves, as they are found in the logs of servers;
 * those that lie are found by what they do. */
static const char *const scanners[] = {
	"friendly-scanner", "friendly-request", "sipvicious", "sipcli",
	"sipsak", "sip-scan", "sipscan", "sundayddr", "iwar", "smap",
	"vaxsipuseragent", "vaxip", "pplsip", "eyebeamscan", "sivus",
	"sipptk", "siparmyknife", "hydra", "nmap", "nm@nm",
	"testsip", "sysax", "conaito",
	"cseq-scan", "mr.voip", "viproy", "metasploit", "masscan",
	"zgrab", "sipassure", "siprogue", "sippts",
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool begins(struct span s, const char *with)
{
	size_t i = 0;

	for (; with[i]; i++)
		if (i >= s.n || lower(s.p[i]) != (uint8_t)with[i])
			return false;
	return true;
}

bool filter_is_scanner(struct span ua)
{
	for (size_t i = 0; i < sizeof(scanners) / sizeof(scanners[0]); i++)
		if (begins(ua, scanners[i]))
			return true;
	return false;
}

static bool may_start(enum sip_method m)
{
	return m != SIP_OTHER && m != SIP_MESSAGE && m != SIP_PUBLISH;
}

enum filter_verdict filter_look(struct sip_peek *peek, struct span bytes)
{
	if (sip_is_keepalive(bytes) || sip_filter(peek, bytes) < 0)
		return FILTER_NOISE;
	if (bytes.n < FILTER_DATAGRAM_MIN)
		return FILTER_SHORT;
	if (peek->is_request && filter_is_scanner(peek->user_agent))
		return FILTER_AGENT;
	if (peek->is_request && !may_start(peek->method))
		return FILTER_METHOD;
	return FILTER_PASS;
}
