/* Properties: a description, written again with our writer (typed where a
 * typed writer exists), decodes to the same; every iterator ends. */
#include <assert.h>
#include "wire/sdp/bfcp.h"
#include "wire/sdp/codec.h"
#include "wire/sdp/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_attr(struct wr *w, const struct sdp_attr *a)
{
	char name[SDP_LINE_MAX + 1];

	assert(span_cstr(a->name, name, sizeof(name)) == 0);
	if (a->has_value)
		sdp_wr_attr(w, name, a->value);
	else
		sdp_wr_flag(w, name);
}

static void put_attrs(struct wr *w, const struct sdp_attrs *as)
{
	for (size_t i = 0; i < as->n; i++)
		put_attr(w, &as->v[i]);
}

static void put_bw(struct wr *w, const struct sdp_bw *b)
{
	sdp_wr_bw(w, "AS", b->as_kbps);
	sdp_wr_bw(w, "CT", b->ct_kbps);
	sdp_wr_bw(w, "TIAS", b->tias_bps);
}

static void put_section(struct wr *w, const struct sdp_section *m)
{
	/* the formats stand in one row of the text, single words apart */
	char fmts[SDP_LINE_MAX];
	struct wr f = wr_of(fmts, sizeof(fmts));
	struct span s;

	for (size_t i = 0; i < m->fmts_n; i++) {
		if (i)
			wr_u8(&f, ' ');
		wr_span(&f, m->fmts[i]);
	}
	assert(wr_end(&f, &s) == 0);
	sdp_wr_media(w, m->media, m->port, m->proto, s);
	if (m->conn.addr.n > 0)
		sdp_wr_conn(w, m->conn.addr, m->conn.ip6);
	put_bw(w, &m->bw);
	put_attrs(w, &m->attrs);
}

static void check_attrs(const struct sdp_attrs *a, const struct sdp_attrs *b)
{
	assert(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert(span_eq(a->v[i].name, b->v[i].name));
		assert(span_eq(a->v[i].value, b->v[i].value));
		assert(a->v[i].has_value == b->v[i].has_value);
	}
}

static void check_section(const struct sdp_section *a,
			  const struct sdp_section *b)
{
	assert(a->kind == b->kind && a->port == b->port);
	assert(span_eq(a->proto, b->proto) && span_eq(a->mid, b->mid));
	assert(a->dir == b->dir && a->has_dir == b->has_dir);
	assert(a->fmts_n == b->fmts_n);
	for (size_t i = 0; i < a->fmts_n; i++)
		assert(span_eq(a->fmts[i], b->fmts[i]));
	assert(span_eq(a->conn.addr, b->conn.addr));
	assert(a->bw.as_kbps == b->bw.as_kbps);
	assert(a->bw.tias_bps == b->bw.tias_bps);
	check_attrs(&a->attrs, &b->attrs);
}

static void round_trip(const struct sdp *s)
{
	/* every LF may become CR LF, and our session lines are a bit longer */
	static uint8_t buf[2 * SDP_BYTES_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct arena *a = NULL;
	struct span text;
	struct sdp t;

	sdp_wr_session(&w, 1, 2, s->origin.addr, s->origin.ip6);
	if (s->conn.addr.n > 0)
		sdp_wr_conn(&w, s->conn.addr, s->conn.ip6);
	put_bw(&w, &s->bw);
	put_attrs(&w, &s->attrs);
	for (size_t i = 0; i < s->sections_n; i++)
		put_section(&w, &s->sections[i]);
	assert(wr_end(&w, &text) == 0);
	if (text.n > SDP_BYTES_MAX || arena_new(&a, SDP_ARENA_BYTES) != 0)
		return;
	assert(sdp_decode(&t, text, a, NULL) == 0);
	assert(t.sections_n == s->sections_n);
	check_attrs(&s->attrs, &t.attrs);
	for (size_t i = 0; i < s->sections_n; i++)
		check_section(&s->sections[i], &t.sections[i]);
	arena_free(&a);
}

/* One attribute from the typed writer must read back as it was. */
static void round_typed(const struct sdp_section *m)
{
	char buf[2 * SDP_LINE_MAX];
	struct sdp_candidate c, d;
	struct sdp_fingerprint fp;
	struct sdp_rtpmap map;
	struct sdp_extmap e;
	struct span line;
	size_t it = 0;

	while (sdp_candidate_next(m, &it, &c)) {
		struct wr w = wr_of(buf, sizeof(buf));
		sdp_wr_candidate(&w, &c);
		assert(wr_end(&w, &line) == 0);
		line.n -= 2;
		assert(sdp_candidate_decode(&d, line) == 0);
		assert(span_eq(c.addr, d.addr) && c.port == d.port);
		assert(c.tcp == d.tcp && c.priority == d.priority);
		assert(span_eq(c.tcptype, d.tcptype));
		assert(span_eq(c.ufrag, d.ufrag) && c.type == d.type);
	}
	for (it = 0; sdp_rtpmap_next(m, &it, &map);) {
		struct wr w = wr_of(buf, sizeof(buf));
		sdp_wr_rtpmap(&w, &map);
		assert(wr_end(&w, &line) == 0 && map.pt <= 127);
	}
	for (it = 0; sdp_extmap_next(&m->attrs, &it, &e);) {
		struct wr w = wr_of(buf, sizeof(buf));
		sdp_wr_extmap(&w, &e);
		assert(wr_end(&w, &line) == 0);
	}
	struct sdp none = {.sections_n = 0};
	for (it = 0; sdp_fingerprint(&none, m, it, &fp); it++) {
		struct wr w = wr_of(buf, sizeof(buf));
		if (fp.hash == SDP_HASH_OTHER)
			continue;
		sdp_wr_fingerprint(&w, &fp);
		assert(wr_end(&w, &line) == 0);
	}
}

/* Keys, floors and codecs that were read, written and read again. */
static void round_sip(const struct sdp_section *m)
{
	uint8_t key[SDP_KEY_MAX], again[SDP_KEY_MAX];
	char buf[3 * SDP_LINE_MAX];
	struct sdp_crypto c, d;
	struct sdp_codec k[SDP_CODECS_MAX];
	struct sdp_floor f;
	struct sdp_conn conn;
	struct sdp_bfcp b;
	struct span line;
	uint16_t port;
	size_t it = 0;

	while (sdp_crypto_next(m, &it, &c, key)) {
		struct wr w = wr_of(buf, sizeof(buf));
		sdp_wr_crypto(&w, c.tag, c.suite, span_of(key, c.key_n));
		assert(wr_end(&w, &line) == 0);
		line = span_of(line.p + 9, line.n - 11);
		assert(sdp_crypto_decode(&d, again, line) == 0);
		assert(d.tag == c.tag && d.suite == c.suite);
		assert(memcmp(key, again, c.key_n) == 0);
	}
	size_t codecs = sdp_codecs(m, k, SDP_CODECS_MAX);
	for (size_t i = 0; i < codecs; i++) {
		struct wr w = wr_of(buf, sizeof(buf));
		struct sdp_rtpmap map;
		sdp_wr_codec(&w, &k[i]);
		assert(wr_end(&w, &line) == 0 && k[i].pt <= 127);
		/* it stops at what only sections without RTP may hold */
		if (sdp_rtpmap_find(m, k[i].pt, &map))
			assert(map.clock_hz == k[i].clock_hz);
	}
	for (it = 0; sdp_floor_next(m, &it, &f);) {
		struct wr w = wr_of(buf, sizeof(buf));
		sdp_wr_floor(&w, &f);
		assert(wr_end(&w, &line) == 0);
	}
	(void)sdp_bfcp(m, &b);
	(void)sdp_rtcp(m, &port, &conn);
	(void)sdp_label(m);
	(void)sdp_has_tmmbr(m);
	(void)sdp_bfcp_proto(m->proto);
}

static void use_accessors(const struct sdp *s, const struct sdp_section *m)
{
	struct sdp_ssrc_group g;
	struct sdp_rtcp_fb fb;
	struct sdp_rtpmap map;
	struct sdp_ssrc ssrc;
	struct sdp_ice ice;
	struct span v, mids;
	size_t it = 0;

	while (sdp_ssrc_next(m, &it, &ssrc))
		;
	for (it = 0; sdp_ssrc_group_next(m, &it, &g);)
		;
	for (it = 0; sdp_rtcp_fb_next(m, &it, &fb);)
		;
	for (unsigned pt = 0; pt < 128; pt += 8) {
		(void)sdp_rtpmap_find(m, (uint8_t)pt, &map);
		if (sdp_fmtp_find(m, (uint8_t)pt, &v))
			(void)sdp_fmtp_uint(v, "apt", 127, 0);
	}
	sdp_ice(s, m, &ice);
	assert(ice.ufrag.n == 0 || ice.ufrag.n >= 4);
	(void)sdp_setup(s, m);
	(void)sdp_content(m);
	(void)sdp_kbps(s, m);
	(void)sdp_conn(s, m);
	(void)sdp_bundle(s, 0, &mids);
	if (m->mid.n > 0)
		(void)sdp_bundle_has(s, m->mid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdp_err err = {0, NULL};
	struct arena *a = NULL;
	struct sdp s;

	if (arena_new(&a, SDP_ARENA_BYTES) != 0)
		return 0;
	if (sdp_decode(&s, span_of(data, size), a, &err) != 0) {
		assert(err.rule);
		arena_free(&a);
		return 0;
	}
	for (size_t i = 0; i < s.sections_n; i++) {
		use_accessors(&s, &s.sections[i]);
		round_typed(&s.sections[i]);
		round_sip(&s.sections[i]);
	}
	round_trip(&s);
	arena_free(&a);
	return 0;
}
