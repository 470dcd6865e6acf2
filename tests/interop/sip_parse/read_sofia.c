/* sofia-sip's parser (Debian libsofia-sip-ua-dev), a test peer only. */
#include "oracle.h"
#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_util.h>

static struct oracle_field field(const char *s)
{
	return (struct oracle_field){s, s ? strlen(s) : 0};
}

int oracle_read(const char *p, size_t n, struct oracle_field f[ORACLE_FIELDS])
{
	static char cseq[128];
	msg_t *msg = msg_make(sip_default_mclass(), 0, p, (ssize_t)n);
	sip_t *sip = msg ? sip_object(msg) : NULL;

	if (!sip || sip->sip_error || (sip->sip_flags & MSG_FLG_ERROR) ||
	    sip_sanity_check(sip) < 0 || !sip->sip_via)
		return -1;
	if (sip->sip_request) {
		f[0] = field(sip->sip_request->rq_method_name);
		f[1] = field(sip->sip_request->rq_url->url_user);
		f[2] = field(sip->sip_request->rq_url->url_host);
	}
	f[3] = field(sip->sip_from->a_tag);
	f[4] = field(sip->sip_to->a_tag);
	f[5] = field(sip->sip_call_id->i_id);
	snprintf(cseq, sizeof(cseq), "%u %s", sip->sip_cseq->cs_seq,
		 sip->sip_cseq->cs_method_name);
	f[6] = field(cseq);
	f[7] = field(sip->sip_via->v_branch);
	return 0;
}

int main(void)
{
	return oracle_main();
}
