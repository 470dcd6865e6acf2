#include "web/sdp_leg.h"
#include <assert.h>
#include <stdio.h>
#include "base/addr.h"
#include "ipc/codec_copy.h"
#include "ipc/ipc.h"
#include "wire/sdp/codec.h"

/* the same numbers on both sides: a cast carries them over */
CODEC_SAME_NUMBERS;
static_assert((int)CV__EXT_NAME__EXT_MID == SDP_EXT_MID &&
	      (int)CV__EXT_NAME__EXT_AUDIO_LEVEL == SDP_EXT_AUDIO_LEVEL &&
	      (int)CV__EXT_NAME__EXT_ABS_SEND_TIME == SDP_EXT_ABS_SEND_TIME &&
	      (int)CV__EXT_NAME__EXT_TWCC == SDP_EXT_TWCC, "cv.ExtName");

/* --- the offer ----------------------------------------------------------- */

static Cv__Codec *neutral_codec(const struct sdp_codec *c, struct arena *a)
{
	Cv__Codec *out = arena_alloc(a, sizeof(*out));
	if (!out)
		return NULL;
	CODEC_TO_IPC(out, c);
	return out;
}

static int read_codecs(Cv__Section *s, const struct sdp_section *m,
		       struct arena *a)
{
	struct sdp_codec c[SDP_LEG_CODECS_MAX];
	size_t count = sdp_codecs(m, c, SDP_LEG_CODECS_MAX);
	s->codecs = arena_alloc(a, SDP_LEG_CODECS_MAX * sizeof(*s->codecs));
	if (!s->codecs)
		return E_NOMEM;
	for (size_t i = 0; i < count; i++) {
		Cv__Codec *n = neutral_codec(&c[i], a);
		if (!n)
			return E_NOMEM;
		s->codecs[s->n_codecs++] = n;
	}
	return 0;
}

static int read_exts(Cv__Section *s, const struct sdp_section *m,
		     struct arena *a)
{
	struct sdp_extmap e;
	size_t it = 0;
	s->exts = arena_alloc(a, SDP_LEG_EXTS_MAX * sizeof(*s->exts));
	if (!s->exts)
		return E_NOMEM;
	while (s->n_exts < SDP_LEG_EXTS_MAX &&
	       sdp_extmap_next(&m->attrs, &it, &e)) {
		enum sdp_ext_id k = sdp_ext_of(e.uri);
		/* 15 is reserved in the one-byte form (RFC 8285 4.2) */
		if (k == SDP_EXT_NONE || e.id > 14 || e.dir != SDP_SENDRECV)
			continue;
		Cv__Ext *x = arena_alloc(a, sizeof(*x));
		if (!x)
			return E_NOMEM;
		cv__ext__init(x);
		x->name = (Cv__ExtName)k;
		x->id = e.id;
		s->exts[s->n_exts++] = x;
	}
	return 0;
}

static int read_ssrcs(Cv__Section *s, const struct sdp_section *m,
		      struct arena *a)
{
	struct sdp_ssrc e;
	size_t it = 0;
	s->ssrcs = arena_alloc(a, SDP_LEG_SSRCS_MAX * sizeof(*s->ssrcs));
	if (!s->ssrcs)
		return E_NOMEM;
	while (sdp_ssrc_next(m, &it, &e)) {
		bool known = s->n_ssrcs == SDP_LEG_SSRCS_MAX;
		for (size_t i = 0; i < s->n_ssrcs && !known; i++)
			known = s->ssrcs[i] == e.ssrc;
		if (!known)
			s->ssrcs[s->n_ssrcs++] = e.ssrc;
	}
	return 0;
}

static Cv__MediaKind kind_of(const struct sdp_section *m)
{
	if (m->kind == SDP_AUDIO)
		return CV__MEDIA_KIND__KIND_AUDIO;
	if (m->kind != SDP_VIDEO)
		return CV__MEDIA_KIND__KIND_OTHER;
	return sdp_content(m) & SDP_CONTENT_SLIDES
		? CV__MEDIA_KIND__KIND_SLIDES : CV__MEDIA_KIND__KIND_VIDEO;
}

static bool is_bundle_only(const struct sdp_section *m)
{
	return sdp_attr_has(&m->attrs, "bundle-only");
}

/* Whether we can talk on this section, bundling aside. */
static bool is_possible(const struct sdp_section *m)
{
	if (m->kind != SDP_AUDIO && m->kind != SDP_VIDEO)
		return false;
	if (m->port == 0 && !is_bundle_only(m))
		return false;
	return span_eq(m->proto, SPAN_LIT("UDP/TLS/RTP/SAVPF")) &&
	       sdp_attr_has(&m->attrs, "rtcp-mux");
}

static bool is_taken(const struct sdp *s, size_t i)
{
	const struct sdp_section *m = &s->sections[i];
	struct span mids;
	if (!is_possible(m))
		return false;
	if (sdp_bundle(s, 0, &mids))
		return m->mid.n > 0 && sdp_bundle_has(s, m->mid);
	for (size_t k = 0; k < i; k++)
		if (is_possible(&s->sections[k]))
			return false;
	return true;
}

static int read_section(Cv__Section **out, const struct sdp *sdp, size_t i,
			struct arena *a, const char **why)
{
	const struct sdp_section *m = &sdp->sections[i];
	Cv__Section *s = arena_alloc(a, sizeof(*s));
	int r = E_NOMEM;
	if (!s)
		return r;
	cv__section__init(s);
	*out = s;
	if (m->mid.n > SDP_LEG_MID_MAX) {
		*why = "mid is too long";
		return E_LIMIT;
	}
	s->mid = ipc_data(m->mid);
	s->kind = kind_of(m);
	s->rejected = !is_taken(sdp, i);
	if (s->rejected)
		return 0;
	s->direction = (Cv__Direction)m->dir;
	s->kbps = sdp_kbps(sdp, m);
	r = read_codecs(s, m, a);
	if (r == 0)
		r = read_exts(s, m, a);
	if (r == 0)
		r = read_ssrcs(s, m, a);
	if (r == 0 && s->n_codecs == 0)
		s->rejected = true;
	return r;
}

static int read_fingerprint(Cv__LegDescription *d, const struct sdp *sdp,
			    const struct sdp_section *m, struct arena *a)
{
	struct sdp_fingerprint f;
	for (size_t nth = 0; sdp_fingerprint(sdp, m, nth, &f); nth++) {
		if (f.hash != SDP_SHA256)
			continue;
		struct span copy = arena_dup(a, span_of(f.v, f.n));
		if (!copy.p)
			return E_NOMEM;
		d->fingerprint_sha256 = ipc_data(copy);
		return 0;
	}
	return E_UNSUPPORTED;
}

static int read_transport(Cv__LegDescription *d, const struct sdp *sdp,
			  const struct sdp_section *m, struct arena *a,
			  const char **why)
{
	struct sdp_ice ice;
	sdp_ice(sdp, m, &ice);
	if (ice.ufrag.n == 0 || ice.pwd.n == 0) {
		*why = "ICE credentials are missing";
		return E_UNSUPPORTED;
	}
	d->ice_ufrag = ipc_data(ice.ufrag);
	d->ice_pwd = ipc_data(ice.pwd);
	switch (sdp_setup(sdp, m)) {
	case SDP_ACTIVE:
		d->setup = CV__DTLS_SETUP__SETUP_ACTIVE;
		break;
	case SDP_PASSIVE:
		d->setup = CV__DTLS_SETUP__SETUP_PASSIVE;
		break;
	default:
		d->setup = CV__DTLS_SETUP__SETUP_ACTPASS;
	}
	int r = read_fingerprint(d, sdp, m, a);
	if (r == E_UNSUPPORTED)
		*why = "a SHA-256 fingerprint is missing";
	return r;
}

static int read_sections(Cv__LegDescription *d, const struct sdp *sdp,
			 struct arena *a, const char **why)
{
	const struct sdp_section *first = NULL;
	d->sections = arena_alloc(a, (sdp->sections_n + 1) *
				  sizeof(*d->sections));
	if (!d->sections)
		return E_NOMEM;
	for (size_t i = 0; i < sdp->sections_n; i++) {
		int r = read_section(&d->sections[i], sdp, i, a, why);
		if (r < 0)
			return r;
		d->n_sections++;
		if (!first && !d->sections[i]->rejected)
			first = &sdp->sections[i];
	}
	if (!first) {
		*why = "no media section that we understand";
		return E_UNSUPPORTED;
	}
	return read_transport(d, sdp, first, a, why);
}

int sdp_leg_offer(Cv__LegDescription **out, struct span text, struct arena *a,
		  const char **why)
{
	struct sdp_err err = {0};
	struct sdp sdp;
	*why = "out of memory";
	int r = sdp_decode(&sdp, text, a, &err);
	if (r < 0) {
		if (r != E_NOMEM && err.rule)
			*why = err.rule;
		return r;
	}
	Cv__LegDescription *d = arena_alloc(a, sizeof(*d));
	if (!d)
		return E_NOMEM;
	cv__leg_description__init(d);
	r = read_sections(d, &sdp, a, why);
	if (r == 0)
		*out = d;
	return r;
}

/* --- the answer ---------------------------------------------------------- */

struct answer {
	struct wr *w;
	const struct sdp *offer;
	const Cv__LegDescription *d;
	const Cv__Candidate *base;	/* for m= and c=, may be NULL */
	bool candidates_done;
};

static void addr_text(char dst[ADDR_TEXT_MAX], const Cv__Addr *from, bool *ip6)
{
	struct addr a = {0};
	if (from && from->ip.len == sizeof(a.ip))
		memcpy(a.ip, from->ip.data, sizeof(a.ip));
	addr_print_ip(&a, dst);
	*ip6 = !addr_is_v4(&a);
}

static void write_group(const struct answer *an)
{
	char buf[SDP_SECTIONS_MAX * (SDP_LEG_MID_MAX + 1) + 8];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span mids, text;
	if (!sdp_bundle(an->offer, 0, &mids))
		return;
	wr_str(&w, "BUNDLE");
	for (size_t i = 0; i < an->d->n_sections; i++) {
		if (an->d->sections[i]->rejected)
			continue;
		wr_str(&w, " ");
		wr_span(&w, an->offer->sections[i].mid);
	}
	if (wr_end(&w, &text) == 0)
		sdp_wr_attr(an->w, "group", text);
	else
		wr_fail(an->w);
}

static void write_rejected(const struct answer *an, const struct sdp_section *m)
{
	struct span fmt = m->fmts_n ? m->fmts[0] : SPAN_LIT("0");
	sdp_wr_media(an->w, m->media, 0, m->proto, fmt);
	sdp_wr_conn(an->w, SPAN_LIT("0.0.0.0"), false);
	if (m->mid.n)
		sdp_wr_attr(an->w, "mid", m->mid);
	sdp_wr_dir(an->w, SDP_INACTIVE);
}

static void write_candidates(const struct answer *an)
{
	for (size_t i = 0; i < an->d->n_candidates; i++) {
		const Cv__Candidate *c = an->d->candidates[i];
		char text[ADDR_TEXT_MAX], foundation[16];
		bool ip6;
		if (i == SDP_LEG_CANDIDATES_MAX || !c->addr)
			break;
		addr_text(text, c->addr, &ip6);
		(void)snprintf(foundation, sizeof(foundation), "%u",
			       c->foundation);
		sdp_wr_candidate(an->w, &(struct sdp_candidate){
			.foundation = span_str(foundation), .component = 1,
			.tcp = c->tcp,
			.tcptype = c->tcp ? SPAN_LIT("passive") : SPAN_NONE,
			.priority = c->priority, .addr = span_str(text),
			.port = (uint16_t)c->addr->port,
			.type = SDP_CAND_HOST,
		});
	}
	sdp_wr_flag(an->w, "end-of-candidates");
}

static void write_transport(struct answer *an)
{
	const Cv__LegDescription *d = an->d;
	struct sdp_fingerprint f = {.hash = SDP_SHA256};
	if (d->fingerprint_sha256.len != 32) {
		wr_fail(an->w);
		return;
	}
	f.n = 32;
	memcpy(f.v, d->fingerprint_sha256.data, 32);
	sdp_wr_attr(an->w, "ice-ufrag", ipc_bytes(d->ice_ufrag));
	sdp_wr_attr(an->w, "ice-pwd", ipc_bytes(d->ice_pwd));
	sdp_wr_fingerprint(an->w, &f);
	sdp_wr_setup(an->w, d->setup == CV__DTLS_SETUP__SETUP_ACTIVE
		     ? SDP_ACTIVE : SDP_PASSIVE);
	/* With everything bundled the first section's candidates are those
	 * of all (RFC 8843 7.3). */
	if (!an->candidates_done)
		write_candidates(an);
	an->candidates_done = true;
}

/* Media does not lower levels for browsers and what an offer says of its own
 * limits is no word about ours. */
static void write_codec(struct wr *w, const Cv__Codec *from)
{
	struct sdp_codec c = CODEC_TO_WIRE(from);

	if (from->pt > 127)
		wr_fail(w);
	c.level_asymmetry = true;
	c.max_mbps = c.max_fs = c.max_br = 0;
	sdp_wr_codec(w, &c);
}

static void write_exts(struct wr *w, const Cv__Section *s)
{
	for (size_t i = 0; i < s->n_exts; i++) {
		const char *uri = sdp_ext_uri((enum sdp_ext_id)s->exts[i]->name);
		if (uri)
			sdp_wr_extmap(w, &(struct sdp_extmap){
				.id = (uint16_t)s->exts[i]->id,
				.dir = SDP_SENDRECV, .uri = span_str(uri),
			});
	}
}

static void write_streams(struct wr *w, const Cv__Section *s, unsigned dir)
{
	bool slides = s->kind == CV__MEDIA_KIND__KIND_SLIDES;
	const char *stream = slides ? "conclave-slides" : "conclave";
	const char *track = s->kind == CV__MEDIA_KIND__KIND_AUDIO
		? "conclave-audio" : slides ? "conclave-slides-video"
					    : "conclave-video";
	if (!(dir & SDP_SENDONLY))
		return;
	sdp_wr_attrf(w, "msid", "%s %s", stream, track);
	if (!s->ssrc)
		return;
	if (s->rtx_ssrc)
		sdp_wr_attrf(w, "ssrc-group", "FID %u %u", s->ssrc,
			     s->rtx_ssrc);
	sdp_wr_attrf(w, "ssrc", "%u cname:conclave", s->ssrc);
	if (s->rtx_ssrc)
		sdp_wr_attrf(w, "ssrc", "%u cname:conclave", s->rtx_ssrc);
}

static void write_media(const struct answer *an, const struct sdp_section *m,
			const Cv__Section *s)
{
	char buf[SDP_LEG_CODECS_MAX * 4 + 4], text[ADDR_TEXT_MAX] = "0.0.0.0";
	struct wr fmts = wr_of(buf, sizeof(buf));
	struct span list;
	bool ip6 = false;
	uint16_t port = 9;
	for (size_t i = 0; i < s->n_codecs; i++) {
		if (i)
			wr_str(&fmts, " ");
		wr_dec(&fmts, s->codecs[i]->pt);
	}
	if (wr_end(&fmts, &list) < 0) {
		wr_fail(an->w);
		return;
	}
	if (an->base) {
		addr_text(text, an->base->addr, &ip6);
		port = (uint16_t)an->base->addr->port;
	}
	sdp_wr_media(an->w, m->media, port, m->proto, list);
	sdp_wr_conn(an->w, span_str(text), ip6);
	sdp_wr_bw(an->w, "AS", s->kbps);
	sdp_wr_bw(an->w, "TIAS", (uint64_t)s->kbps * 1000);
}

static void write_content(struct wr *w, const struct sdp_section *m)
{
	const struct sdp_attr *at = sdp_attr_find(&m->attrs, "content");
	if (at)
		sdp_wr_attr(w, "content", at->value);
}

static void write_section(struct answer *an, const struct sdp_section *m,
			  const Cv__Section *s)
{
	struct wr *w = an->w;
	unsigned dir = (unsigned)s->direction & (unsigned)sdp_dir_allowed(m->dir);
	write_media(an, m, s);
	if (m->mid.n)
		sdp_wr_attr(w, "mid", m->mid);
	write_transport(an);
	sdp_wr_flag(w, "rtcp-mux");
	if (sdp_attr_has(&m->attrs, "rtcp-rsize"))
		sdp_wr_flag(w, "rtcp-rsize");
	write_content(w, m);
	write_exts(w, s);
	sdp_wr_dir(w, (enum sdp_dir)dir);
	for (size_t i = 0; i < s->n_codecs; i++)
		write_codec(w, s->codecs[i]);
	for (size_t i = 0; i < s->n_codecs; i++)
		if (s->codecs[i]->ptime_ms) {
			sdp_wr_attrf(w, "ptime", "%u", s->codecs[i]->ptime_ms);
			break;
		}
	write_streams(w, s, dir);
}

/* The default candidate: the first that goes over UDP (RFC 8839 4.2.1.2). */
static const Cv__Candidate *default_candidate(const Cv__LegDescription *d)
{
	for (size_t i = 0; i < d->n_candidates; i++)
		if (!d->candidates[i]->tcp && d->candidates[i]->addr)
			return d->candidates[i];
	return NULL;
}

static bool matches(const struct sdp *offer, const Cv__LegDescription *d)
{
	if (d->n_sections != offer->sections_n)
		return false;
	for (size_t i = 0; i < d->n_sections; i++) {
		const Cv__Section *s = d->sections[i];
		if (s->rejected)
			continue;
		if (!is_taken(offer, i) || s->n_codecs == 0 ||
		    s->n_codecs > SDP_LEG_CODECS_MAX)
			return false;
	}
	return true;
}

int sdp_leg_answer(struct span *out, struct span offer_text,
		   const Cv__LegDescription *d, uint64_t sess_id,
		   uint64_t version, struct arena *a)
{
	struct sdp offer;
	int r = sdp_decode(&offer, offer_text, a, NULL);
	if (r < 0)
		return r;
	if (!matches(&offer, d))
		return E_INVAL;
	void *buf = arena_alloc(a, SDP_LEG_ANSWER_MAX);
	if (!buf)
		return E_NOMEM;
	struct wr w = wr_of(buf, SDP_LEG_ANSWER_MAX);
	struct answer an = {.w = &w, .offer = &offer, .d = d,
			    .base = default_candidate(d)};
	sdp_wr_session(&w, sess_id, version, SPAN_LIT("127.0.0.1"), false);
	write_group(&an);
	sdp_wr_flag(&w, "ice-lite");
	for (size_t i = 0; i < d->n_sections; i++)
		if (d->sections[i]->rejected)
			write_rejected(&an, &offer.sections[i]);
		else
			write_section(&an, &offer.sections[i], d->sections[i]);
	return wr_end(&w, out);
}
