/* Lines to struct sdp. One pass counts, so that the arrays have their exact
 * size; one pass reads. */
#include "wire/sdp/sdp_int.h"

struct parse {
	struct sdp *sdp;
	struct arena *arena;
	struct sdp_err *err;
	struct span rest;		/* text not read yet */
	unsigned line;
	unsigned head;			/* 0..3: v, o, s come first */

	struct sdp_section *sections;
	struct sdp_section *now;	/* NULL: session level */
	struct sdp_attr *attrs;		/* all of them, in order */
	size_t attrs_n;
	unsigned bandwidths;
};

static int fail(struct parse *p, int code, const char *rule)
{
	if (p->err)
		*p->err = (struct sdp_err){p->line, rule};
	return code;
}

/* --- lines --- */

static bool next_line(struct span *rest, struct span *line)
{
	if (rest->n == 0)
		return false;
	span_split(*rest, '\n', line, rest);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* Refuses what no line may hold; bytes only, so both loops are memchr's. */
static int check_line(struct parse *p, struct span line)
{
	if (line.n > SDP_LINE_MAX)
		return fail(p, E_LIMIT, "line too long");
	if (line.n < 2 || line.p[1] != '=')
		return fail(p, E_FORMAT, "a line is <letter>=<value>");
	if (memchr(line.p, 0, line.n) || memchr(line.p, '\r', line.n))
		return fail(p, E_FORMAT, "NUL or CR inside a line");
	return 0;
}

static int alloc_arrays(struct parse *p)
{
	struct span rest = p->rest, line;
	size_t sections = 0, attrs = 0;

	while (next_line(&rest, &line)) {
		sections += line.n > 0 && line.p[0] == 'm';
		attrs += line.n > 0 && line.p[0] == 'a';
	}
	if (sections > SDP_SECTIONS_MAX)
		return fail(p, E_LIMIT, "too many media sections");
	if (attrs > SDP_ATTRS_TOTAL_MAX)
		return fail(p, E_LIMIT, "too many attributes");
	p->sections = arena_zalloc(p->arena,
				   (sections + 1) * sizeof(*p->sections));
	p->attrs = arena_zalloc(p->arena, (attrs + 1) * sizeof(*p->attrs));
	if (!p->sections || !p->attrs)
		return fail(p, E_NOMEM, "out of memory");
	p->sdp->sections = p->sections;
	p->sdp->attrs.v = p->attrs;
	return 0;
}

/* --- one line each --- */

static int get_net(struct parse *p, struct span *v, bool *ip6,
		   struct span *addr)
{
	struct span net = sdp_word(v);
	struct span type = sdp_word(v);

	*addr = sdp_word(v);
	*ip6 = span_eq(type, SPAN_LIT("IP6"));
	if (!span_eq(net, SPAN_LIT("IN")) ||
	    (!*ip6 && !span_eq(type, SPAN_LIT("IP4"))) || addr->n == 0 ||
	    v->n > 0)
		return fail(p, E_FORMAT, "IN IP4|IP6 <address>");
	return 0;
}

static int line_o(struct parse *p, struct span v)
{
	struct sdp *s = p->sdp;
	uint64_t n;

	s->origin.user = sdp_word(&v);
	s->origin.sess_id = sdp_word(&v);
	s->origin.sess_version = sdp_word(&v);
	/* ids may be longer than 64 bits; digits are all that is asked for */
	if (s->origin.user.n == 0 ||
	    span_u64(s->origin.sess_id, UINT64_MAX, &n) == E_FORMAT ||
	    span_u64(s->origin.sess_version, UINT64_MAX, &n) == E_FORMAT)
		return fail(p, E_FORMAT, "o=<user> <id> <version> ...");
	return get_net(p, &v, &s->origin.ip6, &s->origin.addr);
}

static int line_head(struct parse *p, uint8_t letter, struct span v)
{
	static const char want[] = "vos";

	if (letter != (uint8_t)want[p->head])
		return fail(p, E_FORMAT, "v=, o=, s= come first");
	p->head++;
	if (letter == 'v' && !span_eq(v, SPAN_LIT("0")))
		return fail(p, E_FORMAT, "v=0");
	if (letter == 's')
		p->sdp->name = v;
	return letter == 'o' ? line_o(p, v) : 0;
}

static int line_c(struct parse *p, struct span v)
{
	struct sdp_conn *c = p->now ? &p->now->conn : &p->sdp->conn;

	/* a second c= in a section lists more multicast groups: not for us */
	if (c->addr.n > 0)
		return fail(p, E_FORMAT, "c= more than once");
	return get_net(p, &v, &c->ip6, &c->addr);
}

static int line_b(struct parse *p, struct span v)
{
	struct sdp_bw *b = p->now ? &p->now->bw : &p->sdp->bw;
	struct span type, value;
	uint64_t n;

	if (++p->bandwidths > SDP_BANDWIDTHS_MAX)
		return fail(p, E_LIMIT, "too many b= lines");
	if (!span_split(v, ':', &type, &value) || !sdp_is_token(type) ||
	    span_u64(value, UINT32_MAX, &n) != 0)
		return fail(p, E_FORMAT, "b=<type>:<number>");
	if (span_eq(type, SPAN_LIT("AS")))
		b->as_kbps = (uint32_t)n;
	else if (span_eq(type, SPAN_LIT("CT")))
		b->ct_kbps = (uint32_t)n;
	else if (span_eq(type, SPAN_LIT("TIAS")))
		b->tias_bps = n;
	return 0;
}

static enum sdp_kind kind_of(struct span media)
{
	if (span_eq(media, SPAN_LIT("audio")))
		return SDP_AUDIO;
	if (span_eq(media, SPAN_LIT("video")))
		return SDP_VIDEO;
	if (span_eq(media, SPAN_LIT("application")))
		return SDP_APPLICATION;
	return SDP_OTHER;
}

static bool is_rtp_proto(struct span proto)
{
	struct span word;
	bool more = true;

	while (more) {
		more = span_split(proto, '/', &word, &proto);
		if (span_eq(word, SPAN_LIT("RTP")))
			return true;
	}
	return false;
}

static int get_fmts(struct parse *p, struct sdp_section *m, struct span v)
{
	bool rtp = is_rtp_proto(m->proto);
	struct span count = v, word, *fmts;
	size_t n = 0;
	uint64_t pt;

	while (sdp_word_next(&count, &word))
		n++;
	if (n == 0)
		return fail(p, E_FORMAT, "m= without a format");
	if (n > SDP_FMTS_MAX)
		return fail(p, E_LIMIT, "too many formats");
	fmts = arena_alloc(p->arena, n * sizeof(*fmts));
	if (!fmts)
		return fail(p, E_NOMEM, "out of memory");
	for (size_t i = 0; i < n && sdp_word_next(&v, &word); i++) {
		if (rtp && span_u64(word, 127, &pt) != 0)
			return fail(p, E_FORMAT, "payload type 0..127");
		fmts[i] = word;
	}
	m->fmts = fmts;
	m->fmts_n = n;
	return 0;
}

static int line_m(struct parse *p, struct span v)
{
	struct sdp_section *m = &p->sections[p->sdp->sections_n++];
	struct span port, ports;
	uint64_t n, n_ports = 1;

	p->now = m;
	p->bandwidths = 0;
	m->line = p->line;
	m->attrs.v = p->attrs + p->attrs_n;
	m->media = sdp_word(&v);
	m->kind = kind_of(m->media);
	bool has_ports = span_split(sdp_word(&v), '/', &port, &ports);
	m->proto = sdp_word(&v);
	if (!sdp_is_token(m->media) || m->proto.n == 0 ||
	    span_u64(port, 65535, &n) != 0 ||
	    (has_ports && (span_u64(ports, 65535, &n_ports) != 0 ||
			   n_ports == 0)))
		return fail(p, E_FORMAT, "m=<media> <port> <proto> <fmt> ...");
	m->port = (uint16_t)n;
	m->ports = (uint16_t)n_ports;
	return get_fmts(p, m, v);
}

static int line_a(struct parse *p, struct span v)
{
	struct sdp_attrs *as = p->now ? &p->now->attrs : &p->sdp->attrs;
	struct sdp_attr *a = &p->attrs[p->attrs_n++];

	if (++as->n > SDP_ATTRS_MAX)
		return fail(p, E_LIMIT, "too many attributes in a section");
	a->line = p->line;
	a->has_value = span_split(v, ':', &a->name, &a->value);
	if (!sdp_is_token(a->name))
		return fail(p, E_FORMAT, "a=<token>[:<value>]");
	return 0;
}

static int one_line(struct parse *p, struct span line)
{
	uint8_t letter = line.p[0];
	struct span v = span_of(line.p + 2, line.n - 2);

	if (p->head < 3)
		return line_head(p, letter, v);
	switch (letter) {
	case 'm':
		return line_m(p, v);
	case 'a':
		return line_a(p, v);
	case 'c':
		return line_c(p, v);
	case 'b':
		return line_b(p, v);
	case 'i':
	case 'k':
		return 0;
	default:
		break;
	}
	/* e p r t u z: of no use here, and at session level only */
	if (p->now || !strchr("eprtuz", letter))
		return fail(p, E_FORMAT, "line type not allowed here");
	return 0;
}

/* --- what attributes must look like --- */

static bool ok_mid(struct span v)
{
	return v.n <= SDP_MID_MAX && sdp_is_token(v);
}

static bool ok_group(struct span v)
{
	struct span word;

	if (!sdp_is_token(sdp_word(&v)))
		return false;
	while (sdp_word_next(&v, &word))
		if (!sdp_is_token(word))
			return false;
	return true;
}

static bool ok_rtpmap(struct span v)
{
	struct sdp_rtpmap m;

	return sdp_get_rtpmap(&m, v) == 0;
}

static bool ok_fmtp(struct span v)
{
	struct span params;
	uint8_t pt;

	return sdp_get_fmtp(&pt, &params, v) == 0;
}

static bool ok_rtcp_fb(struct span v)
{
	struct sdp_rtcp_fb f;

	return sdp_get_rtcp_fb(&f, v) == 0;
}

static bool ok_extmap(struct span v)
{
	struct sdp_extmap e;

	return sdp_get_extmap(&e, v) == 0;
}

static bool ok_ssrc(struct span v)
{
	struct sdp_ssrc s;

	return sdp_get_ssrc(&s, v) == 0;
}

static bool ok_ssrc_group(struct span v)
{
	struct sdp_ssrc_group g;

	return sdp_get_ssrc_group(&g, v) == 0;
}

static bool ok_ufrag(struct span v)
{
	return sdp_is_ice_chars(v, 4, 256);
}

static bool ok_pwd(struct span v)
{
	return sdp_is_ice_chars(v, 22, 256);
}

static bool ok_fingerprint(struct span v)
{
	struct sdp_fingerprint f;

	return sdp_get_fingerprint(&f, v) == 0;
}

static bool ok_setup(struct span v)
{
	enum sdp_setup s;

	return sdp_get_setup(&s, v) == 0;
}

static bool ok_content(struct span v)
{
	unsigned bits;

	return sdp_get_content(&bits, v) == 0;
}

static const struct {
	const char *name;
	bool (*ok)(struct span v);
	const char *rule;
	bool rtp_only;	/* its grammar holds for RTP sections and session only */
} checks[] = {
	{"mid", ok_mid, "a=mid:<token>", false},
	{"group", ok_group, "a=group:<token> <mid> ...", false},
	{"rtpmap", ok_rtpmap, "a=rtpmap:<pt> <name>/<clock>[/<channels>]",
	 true},
	{"fmtp", ok_fmtp, "a=fmtp:<pt> <parameters>", true},
	{"rtcp-fb", ok_rtcp_fb, "a=rtcp-fb:<pt>|* <type>", true},
	{"extmap", ok_extmap, "a=extmap:<id>[/<dir>] <uri>", false},
	{"ssrc", ok_ssrc, "a=ssrc:<number> ...", false},
	{"ssrc-group", ok_ssrc_group, "a=ssrc-group:<token> <number> ...",
	 false},
	{"ice-ufrag", ok_ufrag, "a=ice-ufrag: 4..256 ice-chars", false},
	{"ice-pwd", ok_pwd, "a=ice-pwd: 22..256 ice-chars", false},
	{"fingerprint", ok_fingerprint, "a=fingerprint:<hash> <hex:hex...>",
	 false},
	{"setup", ok_setup, "a=setup: actpass|active|passive|holdconn", false},
	{"content", ok_content, "a=content:<token>,...", false},
};

static int check_attr(struct parse *p, const struct sdp_attr *a, bool rtp)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!span_eq(a->name, span_str(checks[i].name)))
			continue;
		if (checks[i].rtp_only && !rtp)
			return 0;
		p->line = a->line;
		return checks[i].ok(a->value)
			       ? 0
			       : fail(p, E_FORMAT, checks[i].rule);
	}
	return 0;
}

/* A direction, at most one: which one counts would depend on the reader. */
static int find_dir(struct parse *p, const struct sdp_attrs *as,
		    enum sdp_dir *dir, bool *has)
{
	for (size_t i = 0; i < as->n; i++) {
		enum sdp_dir d;
		if (as->v[i].has_value || !sdp_get_dir(&d, as->v[i].name))
			continue;
		p->line = as->v[i].line;
		if (*has)
			return fail(p, E_FORMAT, "more than one direction");
		*has = true;
		*dir = d;
	}
	return 0;
}

static int find_mid(struct parse *p, struct sdp_section *m)
{
	size_t it = 0;
	const struct sdp_attr *a = sdp_attr_next(&m->attrs, "mid", &it);

	if (!a)
		return 0;
	p->line = a->line;
	if (sdp_attr_next(&m->attrs, "mid", &it))
		return fail(p, E_FORMAT, "more than one mid");
	for (const struct sdp_section *o = p->sections; o < m; o++)
		if (span_eq(o->mid, a->value))
			return fail(p, E_FORMAT, "mid used twice");
	m->mid = a->value;
	return 0;
}

static int check_attrs(struct parse *p, const struct sdp_attrs *as, bool rtp)
{
	int r = 0;

	for (size_t i = 0; i < as->n && r == 0; i++)
		r = check_attr(p, &as->v[i], rtp);
	return r;
}

static int finish(struct parse *p)
{
	struct sdp *s = p->sdp;
	enum sdp_dir dir = SDP_SENDRECV;
	bool has = false;
	int r = check_attrs(p, &s->attrs, true);

	if (r == 0)
		r = find_dir(p, &s->attrs, &dir, &has);
	for (size_t i = 0; i < s->sections_n && r == 0; i++) {
		struct sdp_section *m = &p->sections[i];
		m->dir = dir;
		r = check_attrs(p, &m->attrs, is_rtp_proto(m->proto));
		if (r == 0)
			r = find_dir(p, &m->attrs, &m->dir, &m->has_dir);
		if (r == 0)
			r = find_mid(p, m);
	}
	return r;
}

int sdp_decode(struct sdp *out, struct span text, struct arena *a,
	       struct sdp_err *err)
{
	struct sdp s = {0};
	struct parse p = {.sdp = &s, .arena = a, .err = err, .rest = text};
	struct span line;
	int r;

	if (text.n > SDP_BYTES_MAX)
		return fail(&p, E_LIMIT, "text too long");
	if (!span_is_utf8(text))
		return fail(&p, E_FORMAT, "not UTF-8");
	r = alloc_arrays(&p);
	while (r == 0 && next_line(&p.rest, &line)) {
		p.line++;
		r = check_line(&p, line);
		if (r == 0)
			r = one_line(&p, line);
	}
	if (r == 0 && p.head < 3)
		r = fail(&p, E_FORMAT, "v=, o=, s= come first");
	if (r == 0)
		r = finish(&p);
	if (r == 0)
		*out = s;
	return r;
}
