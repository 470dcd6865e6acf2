/* SDP to the neutral description. What a section may be is asked first, for
 * all of them, so that one is taken of each kind; then those are read. */
#include "sip/offer_int.h"
#include "base/secret.h"

enum { PORT_MIN = 1024, FLOORS_MAX = 8, FINGERPRINTS_MAX = 4 };

struct reader {
	const struct sip_offer_rules *rules;
	struct sdp sdp, ours;
	bool is_answer;
	struct arena *a;
	struct sip_offer_seen seen;
	const char *why;
	int taken[TAKE_COUNT];		/* index of a section, or -1 */
};

static int fail(struct reader *r, int code, const char *why)
{
	r->why = why;
	return code;
}

/* --- what a section is ----------------------------------------------------- */

static const struct {
	const char *proto;
	Cv__RtpProfile profile;
} profiles[] = {
	{"RTP/AVP", CV__RTP_PROFILE__PROFILE_AVP},
	{"RTP/AVPF", CV__RTP_PROFILE__PROFILE_AVPF},
	{"RTP/SAVP", CV__RTP_PROFILE__PROFILE_SAVP},
	{"RTP/SAVPF", CV__RTP_PROFILE__PROFILE_SAVPF},
	{"UDP/TLS/RTP/SAVP", CV__RTP_PROFILE__PROFILE_TLS_SAVP},
	{"UDP/TLS/RTP/SAVPF", CV__RTP_PROFILE__PROFILE_TLS_SAVPF},
	{"TCP/BFCP", CV__RTP_PROFILE__PROFILE_BFCP_TCP},
	{"TCP/TLS/BFCP", CV__RTP_PROFILE__PROFILE_BFCP_TLS},
	{"UDP/BFCP", CV__RTP_PROFILE__PROFILE_BFCP_UDP},
	{"UDP/TLS/BFCP", CV__RTP_PROFILE__PROFILE_BFCP_DTLS},
};

Cv__RtpProfile offer_profile(struct span proto)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (span_eq(proto, span_str(profiles[i].proto)))
			return profiles[i].profile;
	return CV__RTP_PROFILE__PROFILE_NONE;
}

const char *offer_proto(Cv__RtpProfile p)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (profiles[i].profile == p)
			return profiles[i].proto;
	return NULL;
}

bool offer_is_bfcp(Cv__RtpProfile p)
{
	return p >= CV__RTP_PROFILE__PROFILE_BFCP_TCP &&
	       p <= CV__RTP_PROFILE__PROFILE_BFCP_DTLS;
}

static bool is_rtp(Cv__RtpProfile p)
{
	return p >= CV__RTP_PROFILE__PROFILE_AVP &&
	       p <= CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
}

static bool is_tls(Cv__RtpProfile p)
{
	return p == CV__RTP_PROFILE__PROFILE_TLS_SAVP ||
	       p == CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
}

static bool floor_names(struct sdp_floor f, struct span label)
{
	struct span word;

	for (unsigned n = 0; n < FLOORS_MAX && sdp_word_next(&f.labels, &word);
	     n++)
		if (span_eq(word, label))
			return true;
	return false;
}

/* Does a floor of the description name this stream? Few are looked at: it is
 * asked of every section. */
static bool is_floors_stream(const struct sdp *sdp, struct span label)
{
	struct sdp_floor f;
	unsigned n = 0;

	for (size_t i = 0; label.n > 0 && i < sdp->sections_n; i++) {
		const struct sdp_section *m = &sdp->sections[i];
		size_t it = 0;
		if (!offer_is_bfcp(offer_profile(m->proto)))
			continue;
		while (n++ < FLOORS_MAX && sdp_floor_next(m, &it, &f))
			if (floor_names(f, label))
				return true;
	}
	return false;
}

Cv__MediaKind offer_kind(const struct sdp *sdp, const struct sdp_section *m)
{
	unsigned content = sdp_content(m);

	if (m->kind == SDP_AUDIO)
		return CV__MEDIA_KIND__KIND_AUDIO;
	if (m->kind == SDP_APPLICATION && is_rtp(offer_profile(m->proto)))
		return CV__MEDIA_KIND__KIND_FECC;
	if (m->kind != SDP_VIDEO)
		return CV__MEDIA_KIND__KIND_OTHER;
	if (content & (SDP_CONTENT_SLIDES | SDP_CONTENT_ALT))
		return CV__MEDIA_KIND__KIND_SLIDES;
	return !(content & SDP_CONTENT_MAIN) &&
	       is_floors_stream(sdp, sdp_label(m))
		? CV__MEDIA_KIND__KIND_SLIDES : CV__MEDIA_KIND__KIND_VIDEO;
}

/* --- taking ---------------------------------------------------------------- */

/* A codec that carries something by itself. */
static bool has_codec(const struct sdp_section *m)
{
	struct sdp_codec c[SIP_OFFER_CODECS_MAX];
	size_t n = sdp_codecs(m, c, SIP_OFFER_CODECS_MAX);

	for (size_t i = 0; i < n; i++)
		if (c[i].id != SDP_TELEPHONE_EVENT && c[i].id != SDP_RTX)
			return true;
	return false;
}

static bool is_wanted(const struct sip_offer_rules *rules, enum sdp_suite s)
{
	return s != SDP_AES_CM_128_HMAC_SHA1_32 || rules->sdes_32;
}

static bool has_keys(const struct sip_offer_rules *rules,
		     const struct sdp_section *m)
{
	uint8_t key[SDP_KEY_MAX];
	struct sdp_crypto c;
	bool found = false;
	size_t it = 0;

	while (rules->sdes && !found && sdp_crypto_next(m, &it, &c, key))
		found = c.mki_bytes == 0 && is_wanted(rules, c.suite);
	secret_wipe(key, sizeof(key));
	return found;
}

static bool get_fingerprint(const struct sdp *sdp, const struct sdp_section *m,
			    struct sdp_fingerprint *out)
{
	for (size_t nth = 0; nth < FINGERPRINTS_MAX &&
			     sdp_fingerprint(sdp, m, nth, out); nth++)
		if (out->hash == SDP_SHA256)
			return true;
	return false;
}

/* We are the floor control server, and connections are opened by the device:
 * a section that wants either the other way round is not taken. */
static bool may_be_client(const struct reader *r, const struct sdp_section *m)
{
	const bool tcp = offer_profile(m->proto) <=
			 CV__RTP_PROFILE__PROFILE_BFCP_TLS;
	struct sdp_bfcp b;

	if (tcp && !r->is_answer && sdp_setup(&r->sdp, m) == SDP_PASSIVE)
		return false;
	/* what cannot be read is told of when it is */
	return !sdp_bfcp(m, &b) || b.roles != SDP_FLOOR_SERVER;
}

/* Old devices offer a kind twice, with keys and without: the better one
 * counts. 0 = cannot be taken. */
static int worth(const struct reader *r, const struct sdp_section *m)
{
	Cv__RtpProfile p = offer_profile(m->proto);
	struct sdp_fingerprint f;
	bool dtls = get_fingerprint(&r->sdp, m, &f);

	if (p == CV__RTP_PROFILE__PROFILE_NONE || m->port == 0)
		return 0;
	if (offer_is_bfcp(p))
		return m->kind == SDP_APPLICATION && may_be_client(r, m);
	if (!has_codec(m))
		return 0;
	if (is_tls(p))
		return dtls ? 4 : 0;
	if (has_keys(r->rules, m) || dtls)
		return 3;
	return p <= CV__RTP_PROFILE__PROFILE_AVPF ? 2 : 1;
}

static enum take take_of(const struct sdp *sdp, const struct sdp_section *m)
{
	switch (offer_kind(sdp, m)) {
	case CV__MEDIA_KIND__KIND_AUDIO: return TAKE_AUDIO;
	case CV__MEDIA_KIND__KIND_VIDEO: return TAKE_VIDEO;
	case CV__MEDIA_KIND__KIND_SLIDES: return TAKE_SLIDES;
	case CV__MEDIA_KIND__KIND_FECC: return TAKE_FECC;
	default: return TAKE_BFCP;
	}
}

static void choose(struct reader *r)
{
	int best[TAKE_COUNT] = {0};

	for (int i = 0; i < TAKE_COUNT; i++)
		r->taken[i] = -1;
	for (size_t i = 0; i < r->sdp.sections_n; i++) {
		const struct sdp_section *m = &r->sdp.sections[i];
		enum take t = take_of(&r->sdp, m);
		int w = worth(r, m);
		if (w > best[t]) {
			best[t] = w;
			r->taken[t] = (int)i;
		}
	}
}

static bool is_taken(const struct reader *r, size_t i)
{
	for (int t = 0; t < TAKE_COUNT; t++)
		if (r->taken[t] == (int)i)
			return true;
	return false;
}

/* --- addresses ------------------------------------------------------------- */

enum where { WHERE_NOWHERE = 0, WHERE_HERE, WHERE_HOLD };

/* What kind of refusal: may the one it comes from name it, or nobody? */
static bool is_unnamed(enum outguard_reason why)
{
	return why == OUTGUARD_PRIVATE || why == OUTGUARD_SPECIAL ||
	       why == OUTGUARD_MANAGEMENT;
}

static int judge(struct reader *r, const struct addr *to, enum where *out)
{
	enum outguard_reason why = outguard_check(to, OUTGUARD_NAMED,
						  r->rules->guard);
	const struct addr *source = r->rules->source;

	*out = WHERE_HERE;
	if (why == OUTGUARD_ALLOWED)
		return 0;
	if (!is_unnamed(why)) {
		if (r->seen.refused == OUTGUARD_ALLOWED)
			r->seen.refused = why;
		return fail(r, E_DENIED, "an address that media is never "
					 "sent to");
	}
	if (source && addr_ip_eq(source, to))
		return 0;
	r->seen.unnamed++;
	*out = WHERE_NOWHERE;
	return 0;
}

static bool is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, 16) == 0 ||
	       (addr_is_v4(a) && memcmp(a->ip + 12, zero, 4) == 0);
}

static int locate(struct reader *r, const struct sdp_conn *c, uint16_t port,
		  struct addr *to, enum where *out)
{
	struct span text, ttl;
	bool many = span_split(c->addr, '/', &text, &ttl);

	*out = WHERE_NOWHERE;
	if (c->addr.n == 0)
		return fail(r, E_FORMAT, "c= is missing");
	if (addr_parse(to, text, port) != 0) {
		r->seen.names++;
		return many ? fail(r, E_FORMAT, "c=IN IP4|IP6 <address>") : 0;
	}
	if (is_unspecified(to)) {
		*out = WHERE_HOLD;
		return 0;
	}
	int e = judge(r, to, out);
	if (e == 0 && many)
		e = fail(r, E_FORMAT, "c=IN IP4|IP6 <address>");
	if (e == 0 && port < PORT_MIN)
		e = fail(r, E_DENIED, "a port below 1024");
	return e;
}

static Cv__Addr *neutral_addr(struct arena *a, const struct addr *from)
{
	Cv__Addr *out = arena_alloc(a, sizeof(*out));
	struct span ip = arena_dup(a, span_of(from->ip, sizeof(from->ip)));

	if (!out || !ip.p)
		return NULL;
	cv__addr__init(out);
	out->ip = ipc_data(ip);
	out->port = from->port;
	return out;
}

static int read_rtcp(struct reader *r, Cv__Section *s,
		     const struct sdp_section *m)
{
	struct sdp_conn conn;
	struct addr to;
	enum where w;
	uint16_t port;
	int e;

	if (!sdp_rtcp(m, &port, &conn) || s->rtcp_mux)
		return 0;
	if (conn.addr.n == 0)
		conn = *sdp_conn(&r->sdp, m);
	e = locate(r, &conn, port, &to, &w);
	if (e != 0 || w != WHERE_HERE)
		return e;
	s->rtcp = neutral_addr(r->a, &to);
	return s->rtcp ? 0 : E_NOMEM;
}

/* A connection that its writer will open names port 9 (RFC 4145 4.1). */
static bool is_active_tcp(const struct reader *r, const struct sdp_section *m)
{
	Cv__RtpProfile p = offer_profile(m->proto);

	return (p == CV__RTP_PROFILE__PROFILE_BFCP_TCP ||
		p == CV__RTP_PROFILE__PROFILE_BFCP_TLS) &&
	       m->port == 9 && sdp_setup(&r->sdp, m) == SDP_ACTIVE;
}

static int read_addr(struct reader *r, Cv__Section *s,
		     const struct sdp_section *m)
{
	struct sdp_ice ice;
	struct addr to;
	enum where w;
	int e;

	if (is_active_tcp(r, m))
		return 0;
	e = locate(r, sdp_conn(&r->sdp, m), m->port, &to, &w);
	if (e != 0)
		return e;
	sdp_ice(&r->sdp, m, &ice);
	/* with ICE, 0.0.0.0 only says that candidates are still gathered */
	if (w == WHERE_HOLD && ice.ufrag.n == 0)
		s->direction = (Cv__Direction)((unsigned)s->direction &
					       SDP_SENDONLY);
	if (w != WHERE_HERE)
		return 0;
	s->addr = neutral_addr(r->a, &to);
	return s->addr ? read_rtcp(r, s, m) : E_NOMEM;
}

/* --- keys ------------------------------------------------------------------ */

/* An answer must name a tag of ours, with the suite that it stood for. */
static bool is_ours(const struct reader *r, size_t i,
		    const struct sdp_crypto *c)
{
	uint8_t key[SDP_KEY_MAX];
	struct sdp_crypto own;
	bool found = false;
	size_t it = 0;

	if (!r->is_answer)
		return true;
	while (!found && sdp_crypto_next(&r->ours.sections[i], &it, &own, key))
		found = own.tag == c->tag && own.suite == c->suite;
	secret_wipe(key, sizeof(key));
	return found;
}

static int add_key(struct reader *r, Cv__Section *s,
		   const struct sdp_crypto *c, const uint8_t *key)
{
	Cv__SdesKey *k = arena_alloc(r->a, sizeof(*k));
	/* last, so that no copy is left where nothing would wipe it */
	struct span copy = k ? arena_dup(r->a, span_of(key, c->key_n))
			     : SPAN_NONE;

	if (!copy.p)
		return E_NOMEM;
	cv__sdes_key__init(k);
	k->tag = c->tag;
	k->suite = (Cv__SdesSuite)c->suite;
	k->key_salt = ipc_data(copy);
	s->sdes[s->n_sdes++] = k;
	return 0;
}

static int read_keys(struct reader *r, Cv__Section *s, size_t i)
{
	const struct sdp_section *m = &r->sdp.sections[i];
	uint8_t key[SDP_KEY_MAX];
	struct sdp_crypto c;
	size_t it = 0;
	int e = 0;

	if (!r->rules->sdes)
		return 0;
	s->sdes = arena_alloc(r->a, SIP_OFFER_KEYS_MAX * sizeof(*s->sdes));
	if (!s->sdes)
		return E_NOMEM;
	while (e == 0 && s->n_sdes < SIP_OFFER_KEYS_MAX &&
	       sdp_crypto_next(m, &it, &c, key))
		if (c.mki_bytes == 0 && is_wanted(r->rules, c.suite) &&
		    is_ours(r, i, &c))
			e = add_key(r, s, &c, key);
	secret_wipe(key, sizeof(key));
	if (e == 0 && r->is_answer && s->n_sdes > 1)
		e = fail(r, E_UNSUPPORTED, "more than one key in an answer");
	return e;
}

static Cv__DtlsSetup neutral_setup(const struct reader *r,
				   const struct sdp_section *m)
{
	switch (sdp_setup(&r->sdp, m)) {
	case SDP_ACTIVE:
		return CV__DTLS_SETUP__SETUP_ACTIVE;
	case SDP_PASSIVE:
		return CV__DTLS_SETUP__SETUP_PASSIVE;
	default:
		/* an answer must have decided; who did not, is active */
		return r->is_answer ? CV__DTLS_SETUP__SETUP_ACTIVE
				    : CV__DTLS_SETUP__SETUP_ACTPASS;
	}
}

static int read_dtls(struct reader *r, Cv__Section *s,
		     const struct sdp_section *m)
{
	struct sdp_fingerprint f;
	struct span copy;

	s->setup = neutral_setup(r, m);
	if (!get_fingerprint(&r->sdp, m, &f))
		return 0;
	copy = arena_dup(r->a, span_of(f.v, f.n));
	if (!copy.p)
		return E_NOMEM;
	s->fingerprint_sha256 = ipc_data(copy);
	return 0;
}

/* --- codecs ---------------------------------------------------------------- */

/* Of what an answer lists, what we offered. */
static size_t only_offered(const struct reader *r, size_t i,
			   struct sdp_codec *c, size_t n)
{
	struct sdp_codec own[SIP_OFFER_CODECS_MAX];
	size_t kept = 0, owns;

	if (!r->is_answer)
		return n;
	owns = sdp_codecs(&r->ours.sections[i], own, SIP_OFFER_CODECS_MAX);
	for (size_t k = 0; k < n; k++) {
		size_t j = 0;
		while (j < owns && own[j].id != c[k].id)
			j++;
		if (j < owns)
			c[kept++] = c[k];
	}
	return kept;
}

static Cv__Codec *neutral_codec(const struct sdp_codec *c, struct arena *a)
{
	Cv__Codec *out = arena_alloc(a, sizeof(*out));

	if (!out)
		return NULL;
	CODEC_TO_IPC(out, c);
	return out;
}

static int read_codecs(struct reader *r, Cv__Section *s, size_t i)
{
	const struct sdp_section *m = &r->sdp.sections[i];
	struct sdp_codec c[SIP_OFFER_CODECS_MAX];
	size_t n = sdp_codecs(m, c, SIP_OFFER_CODECS_MAX);
	bool useful = false;

	n = only_offered(r, i, c, n);
	s->codecs = arena_alloc(r->a,
				SIP_OFFER_CODECS_MAX * sizeof(*s->codecs));
	if (!s->codecs)
		return E_NOMEM;
	for (size_t k = 0; k < n; k++) {
		Cv__Codec *one = neutral_codec(&c[k], r->a);
		if (!one)
			return E_NOMEM;
		s->codecs[s->n_codecs++] = one;
		useful |= c[k].id != SDP_TELEPHONE_EVENT && c[k].id != SDP_RTX;
	}
	if (!useful)
		return fail(r, E_UNSUPPORTED, "an answer without a codec of "
					      "the offer");
	s->rtcp_fb_tmmbr = sdp_has_tmmbr(m);
	return 0;
}

static int read_ssrcs(struct reader *r, Cv__Section *s,
		      const struct sdp_section *m)
{
	enum { SSRCS_MAX = 8 };
	struct sdp_ssrc e;
	size_t it = 0;

	s->ssrcs = arena_alloc(r->a, SSRCS_MAX * sizeof(*s->ssrcs));
	if (!s->ssrcs)
		return E_NOMEM;
	while (sdp_ssrc_next(m, &it, &e)) {
		bool known = s->n_ssrcs == SSRCS_MAX;
		for (size_t i = 0; i < s->n_ssrcs && !known; i++)
			known = s->ssrcs[i] == e.ssrc;
		if (!known)
			s->ssrcs[s->n_ssrcs++] = e.ssrc;
	}
	return 0;
}

/* --- sections -------------------------------------------------------------- */

static uint32_t label_of(struct span text)
{
	uint64_t n;

	return span_u64(text, UINT32_MAX, &n) == 0 ? (uint32_t)n : 0;
}

static int read_bfcp(struct reader *r, Cv__Section *s,
		     const struct sdp_section *m)
{
	struct sdp_floor f = {.id = 0};
	struct sdp_bfcp b;
	struct span first;
	size_t it = 0;

	if (!sdp_bfcp(m, &b))
		return fail(r, E_FORMAT, "floorctrl, confid, userid, bfcpver");
	s->bfcp_conf = b.conf;
	s->bfcp_user = b.user;
	s->bfcp_server = b.roles & (SDP_FLOOR_SERVER | SDP_FLOOR_BOTH);
	if (sdp_floor_next(m, &it, &f)) {
		s->bfcp_floor = f.id;
		if (sdp_word_next(&f.labels, &first))
			s->label = label_of(first);
	}
	return 0;
}

/* A lite agent answers checks; two of them would wait for each other. In an
 * answer it counts only where we offered it. */
static int read_ice(struct reader *r, Cv__Section *s, size_t i)
{
	const struct sdp_section *m = &r->sdp.sections[i];
	struct span ufrag, pwd;
	struct sdp_ice ice;

	sdp_ice(&r->sdp, m, &ice);
	if (!s->rtcp_mux || !ice.ufrag.n || !ice.pwd.n ||
	    sdp_attr_has(&r->sdp.attrs, "ice-lite") ||
	    (r->is_answer &&
	     !sdp_attr_has(&r->ours.sections[i].attrs, "ice-ufrag")))
		return 0;
	ufrag = arena_dup(r->a, ice.ufrag);
	pwd = arena_dup(r->a, ice.pwd);
	if (!ufrag.p || !pwd.p)
		return E_NOMEM;
	s->ice_ufrag = ipc_data(ufrag);
	s->ice_pwd = ipc_data(pwd);
	return 0;
}

static int read_media(struct reader *r, Cv__Section *s, size_t i)
{
	const struct sdp_section *m = &r->sdp.sections[i];
	int e = read_codecs(r, s, i);

	s->rtcp_mux = sdp_attr_has(&m->attrs, "rtcp-mux") &&
		      (!r->is_answer ||
		       sdp_attr_has(&r->ours.sections[i].attrs, "rtcp-mux"));
	s->label = label_of(sdp_label(m));
	s->kbps = sdp_kbps(&r->sdp, m);
	if (e == 0)
		e = read_keys(r, s, i);
	if (e == 0)
		e = read_ssrcs(r, s, m);
	if (e == 0)
		e = read_ice(r, s, i);
	return e;
}

/* Who answers, answers what was asked, in its order. */
static int check_answer(struct reader *r, size_t i)
{
	const struct sdp_section *m = &r->sdp.sections[i];
	const struct sdp_section *o = &r->ours.sections[i];

	if (!span_eq(m->media, o->media))
		return fail(r, E_UNSUPPORTED, "an answer in another order");
	if (m->port != 0 && !span_eq_nocase(m->proto, o->proto))
		return fail(r, E_UNSUPPORTED, "an answer with another profile");
	if (m->port != 0 && o->port == 0)
		return fail(r, E_UNSUPPORTED, "an answer to what was not "
					      "offered");
	return 0;
}

/* Is it a profile that means nothing without keys, and there are none? */
static bool needs_keys(const Cv__Section *s)
{
	return s->profile >= CV__RTP_PROFILE__PROFILE_SAVP &&
	       s->profile <= CV__RTP_PROFILE__PROFILE_TLS_SAVPF &&
	       s->fingerprint_sha256.len == 0 &&
	       (is_tls(s->profile) || s->n_sdes == 0);
}

static int read_section(struct reader *r, Cv__Section **out, size_t i)
{
	const struct sdp_section *m = &r->sdp.sections[i];
	Cv__Section *s = arena_alloc(r->a, sizeof(*s));
	int e = r->is_answer ? check_answer(r, i) : 0;

	if (!s)
		return E_NOMEM;
	cv__section__init(s);
	*out = s;
	if (e != 0)
		return e;
	if (m->mid.n > SIP_OFFER_MID_MAX)
		return fail(r, E_LIMIT, "mid is too long");
	s->mid = ipc_data(m->mid);
	s->kind = r->is_answer ? offer_kind(&r->ours, &r->ours.sections[i])
			       : offer_kind(&r->sdp, m);
	s->profile = offer_profile(m->proto);
	s->rejected = !is_taken(r, i);
	if (s->rejected)
		return 0;
	s->direction = (Cv__Direction)m->dir;
	e = offer_is_bfcp(s->profile) ? read_bfcp(r, s, m)
				      : read_media(r, s, i);
	if (e == 0)
		e = read_dtls(r, s, m);
	if (e == 0 && r->is_answer && needs_keys(s))
		e = fail(r, E_UNSUPPORTED, "an answer without keys");
	if (e == 0)
		e = read_addr(r, s, m);
	return e;
}

/* --- the description --------------------------------------------------------- */

/* An answer rejects by port 0 and by nothing else: we do not choose there. */
static void choose_answered(struct reader *r)
{
	for (int t = 0; t < TAKE_COUNT; t++)
		r->taken[t] = -1;
	for (size_t i = 0; i < r->sdp.sections_n; i++) {
		enum take t = take_of(&r->ours, &r->ours.sections[i]);
		if (r->sdp.sections[i].port != 0 && r->taken[t] < 0)
			r->taken[t] = (int)i;
	}
}

static void read_transport(struct reader *r, Cv__LegDescription *d)
{
	struct sdp_ice ice;

	for (size_t i = 0; i < d->n_sections; i++) {
		const Cv__Section *s = d->sections[i];
		if (s->rejected || offer_is_bfcp(s->profile))
			continue;
		sdp_ice(&r->sdp, &r->sdp.sections[i], &ice);
		if (ice.ufrag.n > 0 && ice.pwd.n > 0) {
			d->ice_ufrag = ipc_data(ice.ufrag);
			d->ice_pwd = ipc_data(ice.pwd);
		}
		d->fingerprint_sha256 = s->fingerprint_sha256;
		d->setup = s->setup;
		return;
	}
}

static int read_sections(struct reader *r, Cv__LegDescription *d)
{
	d->sections = arena_zalloc(r->a, (r->sdp.sections_n + 1) *
					 sizeof(*d->sections));
	if (!d->sections)
		return E_NOMEM;
	for (size_t i = 0; i < r->sdp.sections_n; i++) {
		int e = read_section(r, &d->sections[i], i);
		d->n_sections += d->sections[i] != NULL;
		if (e < 0)
			return e;
	}
	return 0;
}

static int decode(struct reader *r, struct span text, struct sdp *out)
{
	struct sdp_err err = {0, NULL};
	int e = sdp_decode(out, text, r->a, &err);

	return e < 0 && e != E_NOMEM && err.rule ? fail(r, e, err.rule) : e;
}

static int read_all(struct reader *r, struct span text, Cv__LegDescription *d)
{
	int e = decode(r, text, &r->sdp);

	if (e == 0 && r->is_answer)
		e = decode(r, r->rules->ours, &r->ours);
	if (e != 0)
		return e;
	if (r->is_answer && r->sdp.sections_n != r->ours.sections_n)
		return fail(r, E_UNSUPPORTED, "an answer with more or fewer "
					      "m= lines");
	if (r->is_answer)
		choose_answered(r);
	else
		choose(r);
	e = read_sections(r, d);
	if (e != 0)
		return e;
	d->kbps = sdp_bw_kbps(&r->sdp.bw);
	read_transport(r, d);
	return 0;
}

int sip_offer_read(Cv__LegDescription **out, struct span text,
		   const struct sip_offer_rules *rules, struct arena *a,
		   struct sip_offer_seen *seen, const char **why)
{
	struct reader r = {.rules = rules, .a = a, .why = "out of memory",
			   .is_answer = rules->ours.n > 0};
	Cv__LegDescription *d = arena_alloc(a, sizeof(*d));
	int e = E_NOMEM;

	if (d) {
		cv__leg_description__init(d);
		e = read_all(&r, text, d);
	}
	if (e == 0)
		*out = d;
	else if (d)
		sip_offer_wipe(d);
	if (e != 0)
		*why = r.why;
	if (seen)
		*seen = r.seen;
	return e;
}

void sip_offer_wipe(Cv__LegDescription *d)
{
	for (size_t i = 0; d && i < d->n_sections; i++)
		for (size_t k = 0; k < d->sections[i]->n_sdes; k++) {
			ProtobufCBinaryData *b =
				&d->sections[i]->sdes[k]->key_salt;
			if (b->len > 0)
				secret_wipe(b->data, b->len);
		}
}
