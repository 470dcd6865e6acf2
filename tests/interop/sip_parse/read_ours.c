/* wire/sip as an oracle. */
#include "oracle.h"
#include "wire/sip/sip.h"

static struct oracle_field field(struct span s)
{
	return (struct oracle_field){(const char *)s.p, s.n};
}

int oracle_read(const char *p, size_t n, struct oracle_field f[ORACLE_FIELDS])
{
	static struct sip_msg m;
	static char cseq[128];

	if (sip_decode(&m, span_of(p, n), SIP_DATAGRAM, NULL) != 0)
		return -1;
	if (m.is_request) {
		f[0] = field(m.method_text);
		f[1] = field(m.uri.user);
		f[2] = field(m.uri.host.text);
	}
	f[3] = field(m.from_tag);
	f[4] = field(m.to_tag);
	f[5] = field(m.call_id);
	snprintf(cseq, sizeof(cseq), "%u %.*s", m.cseq.seq,
		 (int)m.cseq.method_text.n,
		 (const char *)m.cseq.method_text.p);
	f[6] = (struct oracle_field){cseq, strlen(cseq)};
	f[7] = field(m.via.branch);
	return 0;
}

int main(void)
{
	return oracle_main();
}
