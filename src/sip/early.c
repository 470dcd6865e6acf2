/* Reliable provisional answers to INVITEs of ours (RFC 3262 4): PRACK, and a
 * description that came early, which a 200 without one confirms. Early media
 * itself is not listened to. */
#include "sip/face_int.h"

#include "base/siphash.h"

/* What is known of the branch with this To tag; a new one if there is room. */
static struct fork *fork_of(struct call *c, struct span tag)
{
	const uint64_t h = siphash(c->f->hash, tag) | 1;
	struct dial *d = c->dial;

	for (size_t i = 0; i < FORKS_MAX; i++) {
		if (d->forks[i].tag == h)
			return &d->forks[i];
		if (d->forks[i].tag)
			continue;
		d->forks[i].tag = h;
		return &d->forks[i];
	}
	return NULL;
}

/* In the dialog that this answer makes, which may not become ours. */
static void prack(struct call *c, const struct sip_msg *m, uint32_t rseq)
{
	struct face *f = c->f;
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct call like = *c;
	char branch[TXN_BRANCH_LEN + 1];
	struct sip_addr to;
	struct wr w;

	if (sip_contact_next(&l, &to) == 1 && !to.star &&
	    !to.uri.has_password && to.uri.text.n <= TEXT_MAX)
		like.target = (struct text){
			(uint8_t *)(uintptr_t)to.uri.text.p, to.uri.text.n};
	like.their_tag = (struct text){(uint8_t *)(uintptr_t)m->to_tag.p,
				       m->to_tag.n};
	like.routes = (struct text){NULL, 0};
	if (call_take_routes(&like, m, true) == 0) {
		request_open(f, &w, &like, "PRACK", ++c->seq, branch);
		sip_wr_hdrf(&w, SIP_H_RACK, "%u %u INVITE", rseq, m->cseq.seq);
		account_put(&c->dial->account, &w, "PRACK",
			    text_span(&like.target));
		sip_wr_no_body(&w);
		(void)request_send(f, &w, &like, SIP_PRACK, branch, NULL, NULL,
				   NULL);
	}
	text_drop(&like.routes);
}

bool early_take(struct call *c, const struct sip_msg *m)
{
	struct span v = sip_hdr_value(m, SIP_H_RSEQ), sdp;
	uint32_t need = 0, rseq;
	struct fork *k;

	(void)sip_options(m, SIP_H_REQUIRE, &need, &(struct span){0});
	if (m->status == 100 || !(need & SIP_OPTION(100REL)))
		return true;
	/* Without a number or a tag nobody can be told that it came. */
	if (!v.n || sip_rseq_decode(&rseq, v) < 0 || !m->to_tag.n)
		return false;
	k = fork_of(c, m->to_tag);
	if (!k || (k->rseq && rseq != k->rseq + 1))
		return false;
	k->rseq = rseq;
	prack(c, m, rseq);
	if (!c->dial->early.n && sip_body_sdp(m, &sdp) == 0 &&
	    text_set(&c->dial->early, sdp) == 0)
		c->dial->early_tag = k->tag;
	return true;
}

int early_sdp(struct call *c, const struct sip_msg *m,
	      Cv__LegDescription **out)
{
	const struct dial *d = c->dial;
	struct face *f = c->f;
	const char *why;

	if (!d->early.n ||
	    d->early_tag != (siphash(f->hash, m->to_tag) | 1))
		return E_NOTFOUND;
	return f->cfg.ops.sdp_read(f->cfg.ops.arg, text_span(&d->early),
				   text_span(&c->sdp), &c->peer, f->arena,
				   out, &why);
}
