/* The neutral description as SDP. The session has a c= line of its own,
 * because old devices look nowhere else, and rejected sections need one. */
#include "sip/offer_int.h"

struct writer {
	struct wr *w;
	const struct sdp *offer;	/* NULL: we write one */
	const struct addr *base;	/* of the session's c= */
};

/* --- pieces ---------------------------------------------------------------- */

static bool addr_of(struct addr *out, const Cv__Addr *a)
{
	if (!a || a->ip.len != sizeof(out->ip) || a->port == 0 ||
	    a->port > 65535)
		return false;
	memcpy(out->ip, a->ip.data, sizeof(out->ip));
	out->port = (uint16_t)a->port;
	return true;
}

static void write_conn(struct wr *w, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	addr_print_ip(a, text);
	sdp_wr_conn(w, span_str(text), !addr_is_v4(a));
}

static bool has_ice(const Cv__LegDescription *d)
{
	for (size_t i = 0; i < d->n_sections; i++)
		if (!d->sections[i]->rejected &&
		    d->sections[i]->ice_ufrag.len)
			return true;
	return false;
}

static void write_session(struct wr *w, const struct sip_offer_self *self,
			  const Cv__LegDescription *d)
{
	char text[ADDR_TEXT_MAX];

	addr_print_ip(self->local, text);
	wr_str(w, "v=0\r\no=- ");
	wr_dec(w, self->sess_id);
	wr_u8(w, ' ');
	wr_dec(w, self->version);
	wr_str(w, addr_is_v4(self->local) ? " IN IP4 " : " IN IP6 ");
	wr_str(w, text);
	wr_str(w, "\r\ns=-\r\n");
	write_conn(w, self->local);
	wr_str(w, "t=0 0\r\n");
	if (has_ice(d))
		sdp_wr_flag(w, "ice-lite");
}

static void write_codecs(struct wr *w, const Cv__Section *s)
{
	for (size_t i = 0; i < s->n_codecs; i++) {
		struct sdp_codec c = CODEC_TO_WIRE(s->codecs[i]);
		sdp_wr_codec(w, &c);
	}
	for (size_t i = 0; i < s->n_codecs; i++)
		if (s->codecs[i]->ptime_ms) {
			sdp_wr_attrf(w, "ptime", "%u", s->codecs[i]->ptime_ms);
			break;
		}
	if (s->rtcp_fb_tmmbr)
		wr_str(w, "a=rtcp-fb:* ccm tmmbr\r\n");
}

static void write_keys(struct wr *w, const Cv__Section *s, bool is_answer)
{
	struct sdp_fingerprint f = {.hash = SDP_SHA256, .n = 32};

	for (size_t i = 0; i < s->n_sdes; i++)
		sdp_wr_crypto(w, s->sdes[i]->tag,
			      (enum sdp_suite)s->sdes[i]->suite,
			      ipc_bytes(s->sdes[i]->key_salt));
	if (s->fingerprint_sha256.len != 32)
		return;
	memcpy(f.v, s->fingerprint_sha256.data, 32);
	sdp_wr_fingerprint(w, &f);
	sdp_wr_setup(w, !is_answer ? SDP_ACTPASS
		     : s->setup == CV__DTLS_SETUP__SETUP_ACTIVE ? SDP_ACTIVE
								: SDP_PASSIVE);
}

static void write_rtcp(const struct writer *x, const Cv__Section *s,
		       const struct sdp_section *m)
{
	if (s->rtcp_mux && (!m || sdp_attr_has(&m->attrs, "rtcp-mux")))
		sdp_wr_flag(x->w, "rtcp-mux");
	else if (s->rtcp && s->addr && s->rtcp->port != s->addr->port + 1 &&
		 s->rtcp->port <= 65535)
		sdp_wr_rtcp(x->w, (uint16_t)s->rtcp->port);
}

/* One candidate: the port of this section, which c= and m= name, too. */
static void write_ice(const struct writer *x, const Cv__Section *s,
		      const struct addr *a)
{
	enum { HOST_PRIORITY = (126 << 24) | (65535 << 8) | 255 };
	char text[ADDR_TEXT_MAX];

	if (s->ice_ufrag.len == 0)
		return;
	addr_print_ip(a, text);
	sdp_wr_attr(x->w, "ice-ufrag", ipc_bytes(s->ice_ufrag));
	sdp_wr_attr(x->w, "ice-pwd", ipc_bytes(s->ice_pwd));
	sdp_wr_candidate(x->w, &(struct sdp_candidate){
		.foundation = SPAN_LIT("1"), .component = 1,
		.priority = HOST_PRIORITY, .addr = span_str(text),
		.port = a->port, .type = SDP_CAND_HOST});
	sdp_wr_flag(x->w, "end-of-candidates");
}

static void write_bfcp(struct wr *w, const Cv__Section *s)
{
	bool tcp = s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TCP ||
		   s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TLS;
	char label[16];
	struct wr text = wr_of(label, sizeof(label));
	struct sdp_floor f = {.id = (uint16_t)s->bfcp_floor};
	/* TCP had its attribute before there were versions: it has none */
	struct sdp_bfcp b = {
		.roles = s->bfcp_server ? SDP_FLOOR_SERVER : SDP_FLOOR_CLIENT,
		.has_conf = true, .conf = s->bfcp_conf,
		.has_user = true, .user = (uint16_t)s->bfcp_user,
		.versions = tcp ? 0 : 1u << 2};

	sdp_wr_bfcp(w, &b);
	if (s->label)
		wr_dec(&text, s->label);
	(void)wr_end(&text, &f.labels);
	if (s->bfcp_floor)
		sdp_wr_floor(w, &f);
	if (tcp && s->fingerprint_sha256.len == 0)
		sdp_wr_setup(w, SDP_PASSIVE);
	if (tcp)
		sdp_wr_attr(w, "connection", SPAN_LIT("new"));
}

/* --- sections -------------------------------------------------------------- */

/* Whom we shall send to, the offer says; whether it holds, too. */
static enum sdp_dir offered_dir(const struct sdp *sdp,
				const struct sdp_section *m)
{
	struct span c = sdp_conn(sdp, m)->addr;
	bool hold = span_eq(c, SPAN_LIT("0.0.0.0")) ||
		    span_eq(c, SPAN_LIT("::"));

	return (enum sdp_dir)((unsigned)m->dir &
			      (hold ? SDP_SENDONLY : SDP_SENDRECV));
}

static void write_m(const struct writer *x, struct span media,
		    struct span proto, const Cv__Section *s, uint16_t port)
{
	struct sdp_codec c[SIP_OFFER_CODECS_MAX];
	char buf[SIP_OFFER_CODECS_MAX * 4 + 4];
	struct wr list = wr_of(buf, sizeof(buf));
	struct span text = SPAN_LIT("*");

	if (!offer_is_bfcp(s->profile)) {
		for (size_t i = 0; i < s->n_codecs; i++)
			c[i] = CODEC_TO_WIRE(s->codecs[i]);
		sdp_wr_pts(&list, c, s->n_codecs);
		if (wr_end(&list, &text) != 0)
			wr_fail(x->w);
	}
	sdp_wr_media(x->w, media, port, proto, text);
}

static void write_content(const struct writer *x, const Cv__Section *s,
			  const struct sdp_section *m)
{
	const struct sdp_attr *at =
		m ? sdp_attr_find(&m->attrs, "content") : NULL;

	if (at)
		sdp_wr_attr(x->w, "content", at->value);
	else if (!m && s->kind == CV__MEDIA_KIND__KIND_SLIDES)
		sdp_wr_attr(x->w, "content", SPAN_LIT("slides"));
	else if (!m && s->kind == CV__MEDIA_KIND__KIND_VIDEO)
		sdp_wr_attr(x->w, "content", SPAN_LIT("main"));
	if (s->label)
		sdp_wr_attrf(x->w, "label", "%u", s->label);
}

/* `m` is the offer's section, NULL when this is the offer. */
static void write_section(const struct writer *x, struct span media,
			  struct span proto, const Cv__Section *s,
			  const struct sdp_section *m)
{
	struct addr a = *x->base;
	unsigned dir = (unsigned)s->direction;

	if (m)
		dir &= (unsigned)sdp_dir_allowed(offered_dir(x->offer, m));
	if (!addr_of(&a, s->addr))
		wr_fail(x->w);
	write_m(x, media, proto, s, a.port);
	if (!addr_ip_eq(&a, x->base))
		write_conn(x->w, &a);
	sdp_wr_bw(x->w, "AS", s->kbps);
	sdp_wr_bw(x->w, "TIAS", (uint64_t)s->kbps * 1000);
	if (m && m->mid.n > 0)
		sdp_wr_attr(x->w, "mid", m->mid);
	write_keys(x->w, s, m != NULL);
	if (offer_is_bfcp(s->profile)) {
		write_bfcp(x->w, s);
		return;
	}
	write_rtcp(x, s, m);
	write_ice(x, s, &a);
	write_content(x, s, m);
	sdp_wr_dir(x->w, (enum sdp_dir)(dir & SDP_SENDRECV));
	write_codecs(x->w, s);
}

static void write_rejected(const struct writer *x, const struct sdp_section *m)
{
	sdp_wr_media(x->w, m->media, 0, m->proto,
		     m->fmts_n > 0 ? m->fmts[0] : SPAN_LIT("0"));
	if (m->mid.n > 0)
		sdp_wr_attr(x->w, "mid", m->mid);
}

/* --- whole texts ------------------------------------------------------------ */

static bool is_whole(const Cv__Section *s)
{
	if (!s->addr || s->n_codecs > SIP_OFFER_CODECS_MAX ||
	    !offer_proto(s->profile))
		return false;
	if (offer_is_bfcp(s->profile))
		return s->kind == CV__MEDIA_KIND__KIND_OTHER;
	return s->n_codecs > 0 && (s->kind == CV__MEDIA_KIND__KIND_AUDIO ||
				   s->kind == CV__MEDIA_KIND__KIND_VIDEO ||
				   s->kind == CV__MEDIA_KIND__KIND_SLIDES ||
				   s->kind == CV__MEDIA_KIND__KIND_FECC);
}

/* Does the offer list this payload type? */
static bool lists(const struct sdp_section *m, uint32_t pt)
{
	uint64_t v;

	for (size_t i = 0; i < m->fmts_n; i++)
		if (span_u64(m->fmts[i], 127, &v) == 0 && v == pt)
			return true;
	return false;
}

static bool fits(const struct sdp *offer, const Cv__LegDescription *d)
{
	if (d->n_sections != offer->sections_n)
		return false;
	for (size_t i = 0; i < d->n_sections; i++) {
		const struct sdp_section *m = &offer->sections[i];
		const Cv__Section *s = d->sections[i];
		if (s->rejected)
			continue;
		if (!is_whole(s) || m->port == 0 ||
		    offer_profile(m->proto) != s->profile || s->n_sdes > 1)
			return false;
		for (size_t k = 0; k < s->n_codecs; k++)
			if (!lists(m, s->codecs[k]->pt))
				return false;
	}
	return true;
}

static int begin(struct wr *w, struct arena *a)
{
	void *buf = arena_alloc(a, SIP_OFFER_TEXT_MAX);

	if (!buf)
		return E_NOMEM;
	*w = wr_of(buf, SIP_OFFER_TEXT_MAX);
	return 0;
}

int sip_answer_write(struct span *out, struct span offer_text,
		     const Cv__LegDescription *d,
		     const struct sip_offer_self *self, struct arena *a)
{
	struct writer x = {.base = self->local};
	struct sdp offer;
	struct wr w;
	int r = sdp_decode(&offer, offer_text, a, NULL);

	if (r == 0 && !fits(&offer, d))
		r = E_INVAL;
	if (r == 0)
		r = begin(&w, a);
	if (r != 0)
		return r;
	x.w = &w;
	x.offer = &offer;
	write_session(&w, self, d);
	for (size_t i = 0; i < d->n_sections; i++) {
		const struct sdp_section *m = &offer.sections[i];
		if (d->sections[i]->rejected)
			write_rejected(&x, m);
		else
			write_section(&x, m->media, m->proto, d->sections[i],
				      m);
	}
	return wr_end(&w, out);
}

static struct span media_word(const Cv__Section *s)
{
	switch (s->kind) {
	case CV__MEDIA_KIND__KIND_AUDIO:
		return SPAN_LIT("audio");
	case CV__MEDIA_KIND__KIND_VIDEO:
	case CV__MEDIA_KIND__KIND_SLIDES:
		return SPAN_LIT("video");
	default:
		return SPAN_LIT("application");
	}
}

static void write_offered(const struct writer *x, const Cv__Section *s)
{
	const char *proto = offer_proto(s->profile);

	if (!s->rejected) {
		write_section(x, media_word(s), span_str(proto), s, NULL);
		return;
	}
	/* A section that was there once keeps its place (RFC 3264 8.2); what
	 * stood there does not matter, it may be anything now. */
	sdp_wr_media(x->w, media_word(s), 0,
		     span_str(proto ? proto : "RTP/AVP"),
		     offer_is_bfcp(s->profile) ? SPAN_LIT("*")
					       : SPAN_LIT("0"));
}

/* --- an offer within a call -------------------------------------------------- */

/* What stands where; NULL: what stood there is rejected. */
struct places {
	const Cv__Section *at[SDP_SECTIONS_MAX];
	size_t n;
};

static bool stood_there(const struct sdp *last, size_t i, const Cv__Section *s)
{
	const struct sdp_section *m = &last->sections[i];

	return m->port != 0 && offer_kind(last, m) == s->kind &&
	       offer_is_bfcp(offer_profile(m->proto)) ==
		       offer_is_bfcp(s->profile);
}

static bool may_stand(const struct sdp *last, size_t i, const Cv__Section *s)
{
	const struct sdp_section *m = &last->sections[i];

	return m->port == 0 && span_eq(m->media, media_word(s));
}

static int place(struct places *p, const struct sdp *last, const Cv__Section *s)
{
	for (size_t i = 0; i < last->sections_n; i++)
		if (!p->at[i] && stood_there(last, i, s)) {
			p->at[i] = s;
			return 0;
		}
	for (size_t i = 0; i < last->sections_n; i++)
		if (!p->at[i] && may_stand(last, i, s)) {
			p->at[i] = s;
			return 0;
		}
	if (p->n == SDP_SECTIONS_MAX)
		return E_LIMIT;
	p->at[p->n++] = s;
	return 0;
}

static int write_within(const struct writer *x, struct span text,
			const Cv__LegDescription *d, struct arena *a)
{
	struct places p = {.n = 0};
	struct sdp last;
	int r = sdp_decode(&last, text, a, NULL);

	if (r < 0)
		return r;
	p.n = last.sections_n;
	for (size_t i = 0; r == 0 && i < d->n_sections; i++)
		if (!d->sections[i]->rejected)
			r = place(&p, &last, d->sections[i]);
	for (size_t i = 0; r == 0 && i < p.n; i++) {
		if (p.at[i])
			write_offered(x, p.at[i]);
		else
			write_rejected(x, &last.sections[i]);
	}
	return r;
}

int sip_offer_write(struct span *out, const Cv__LegDescription *d,
		    const struct sip_offer_self *self, struct arena *a)
{
	struct writer x = {.base = self->local};
	struct wr w;
	int r;

	if (d->n_sections == 0 || d->n_sections > SDP_SECTIONS_MAX)
		return E_INVAL;
	for (size_t i = 0; i < d->n_sections; i++)
		if (!d->sections[i]->rejected && !is_whole(d->sections[i]))
			return E_INVAL;
	r = begin(&w, a);
	if (r != 0)
		return r;
	x.w = &w;
	write_session(&w, self, d);
	if (self->last.n)
		r = write_within(&x, self->last, d, a);
	else
		for (size_t i = 0; i < d->n_sections; i++)
			write_offered(&x, d->sections[i]);
	return r < 0 ? r : wr_end(&w, out);
}
