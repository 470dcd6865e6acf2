/* libre's parser (Debian libre-dev), a test peer only. */
#include "oracle.h"
#include <re.h>

static struct oracle_field field(const struct pl *s)
{
	return (struct oracle_field){s->p, s->p ? s->l : 0};
}

int oracle_read(const char *p, size_t n, struct oracle_field f[ORACLE_FIELDS])
{
	static char cseq[128];
	struct mbuf *mb = mbuf_alloc(n ? n : 1);
	struct sip_msg *m = NULL;

	if (!mb || mbuf_write_mem(mb, (const uint8_t *)p, n))
		return -1;
	mb->pos = 0;
	if (sip_msg_decode(&m, mb) || !m)
		return -1;
	/* the library leaves these to its user */
	if (!pl_isset(&m->callid) || !pl_isset(&m->from.auri) ||
	    !pl_isset(&m->to.auri) || !pl_isset(&m->cseq.met) ||
	    !pl_isset(&m->via.sentby))
		return -1;
	if (m->req) {
		f[0] = field(&m->met);
		f[1] = field(&m->uri.user);
		f[2] = field(&m->uri.host);
	}
	f[3] = field(&m->from.tag);
	f[4] = field(&m->to.tag);
	f[5] = field(&m->callid);
	snprintf(cseq, sizeof(cseq), "%u %.*s", m->cseq.num,
		 (int)m->cseq.met.l, m->cseq.met.p);
	f[6] = (struct oracle_field){cseq, strlen(cseq)};
	f[7] = field(&m->via.branch);
	return 0;
}

int main(void)
{
	return oracle_main();
}
