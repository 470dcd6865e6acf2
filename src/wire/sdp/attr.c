/* Grammar of attribute values, and the typed accessors on top of it. */
#include "wire/sdp/sdp_int.h"
#include "base/text.h"

const char *const sdp_dir_names[4] = {"inactive", "sendonly", "recvonly",
				      "sendrecv"};
const char *const sdp_setup_names[5] = {"", "actpass", "active", "passive",
					"holdconn"};
const char *const sdp_hash_names[6] = {"", "sha-1", "sha-224", "sha-256",
				       "sha-384", "sha-512"};

/* --- words --- */

struct span sdp_word(struct span *rest)
{
	struct span word;

	span_split(*rest, ' ', &word, rest);
	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = span_of(rest->p + 1, rest->n - 1);
	return word;
}

bool sdp_word_next(struct span *rest, struct span *word)
{
	while (rest->n > 0) {
		*word = sdp_word(rest);
		if (word->n > 0)
			return true;
	}
	return false;
}

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* token-char of RFC 8866 section 9 */
static bool is_token_char(uint8_t c)
{
	return is_alnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`{|}~", c));
}

bool sdp_is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

bool sdp_is_ice_chars(struct span s, size_t min, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
			return false;
	return s.n >= min && s.n <= max;
}

static int get_uint(struct span s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (span_u64(s, max, &v) != 0 || v < min)
		return E_FORMAT;
	*out = v;
	return 0;
}

/* The index of a word in a list; -1 when it is not there. */
static int index_of(const char *const *names, int n, struct span word)
{
	for (int i = 0; i < n; i++)
		if (span_eq_nocase(word, span_str(names[i])))
			return i;
	return -1;
}

/* --- grammar --- */

bool sdp_get_dir(enum sdp_dir *out, struct span name)
{
	for (unsigned i = 0; i < 4; i++) {
		if (span_eq(name, span_str(sdp_dir_names[i]))) {
			*out = (enum sdp_dir)i;
			return true;
		}
	}
	return false;
}

int sdp_get_rtpmap(struct sdp_rtpmap *out, struct span v)
{
	uint64_t pt, clock, channels = 1;
	struct span word, rest;
	struct sdp_rtpmap m;

	if (get_uint(sdp_word(&v), 0, 127, &pt) != 0)
		return E_FORMAT;
	if (!span_split(sdp_word(&v), '/', &m.name, &rest) || v.n > 0)
		return E_FORMAT;
	bool has_channels = span_split(rest, '/', &word, &rest);
	if (!sdp_is_token(m.name) ||
	    get_uint(word, 1, UINT32_MAX, &clock) != 0 ||
	    (has_channels && get_uint(rest, 1, 255, &channels) != 0))
		return E_FORMAT;
	m.pt = (uint8_t)pt;
	m.clock_hz = (uint32_t)clock;
	m.channels = (uint8_t)channels;
	*out = m;
	return 0;
}

int sdp_get_fmtp(uint8_t *pt, struct span *params, struct span v)
{
	uint64_t n;

	if (get_uint(sdp_word(&v), 0, 127, &n) != 0)
		return E_FORMAT;
	*pt = (uint8_t)n;
	*params = v;
	return 0;
}

int sdp_get_rtcp_fb(struct sdp_rtcp_fb *out, struct span v)
{
	struct sdp_rtcp_fb f = {0};
	struct span who = sdp_word(&v);
	uint64_t pt = 0;

	f.all = span_eq(who, SPAN_LIT("*"));
	if (!f.all && get_uint(who, 0, 127, &pt) != 0)
		return E_FORMAT;
	f.pt = (uint8_t)pt;
	f.type = sdp_word(&v);
	f.param = v;
	if (!sdp_is_token(f.type))
		return E_FORMAT;
	*out = f;
	return 0;
}

/* RFC 8285: 1..14, 1..255 in the two-byte form, 4096..4351 provisional. */
static bool is_ext_id(uint64_t id)
{
	return (id >= 1 && id <= 255) || (id >= 4096 && id <= 4351);
}

int sdp_get_extmap(struct sdp_extmap *out, struct span v)
{
	struct sdp_extmap e = {.dir = SDP_SENDRECV};
	struct span id_text, dir;
	uint64_t id;

	if (span_split(sdp_word(&v), '/', &id_text, &dir) &&
	    !sdp_get_dir(&e.dir, dir))
		return E_FORMAT;
	if (span_u64(id_text, 4351, &id) != 0 || !is_ext_id(id))
		return E_FORMAT;
	e.id = (uint16_t)id;
	e.uri = sdp_word(&v);
	e.attrs = v;
	if (e.uri.n == 0)
		return E_FORMAT;
	*out = e;
	return 0;
}

int sdp_get_ssrc(struct sdp_ssrc *out, struct span v)
{
	struct sdp_ssrc s = {0};
	uint64_t ssrc;

	if (get_uint(sdp_word(&v), 0, UINT32_MAX, &ssrc) != 0)
		return E_FORMAT;
	s.ssrc = (uint32_t)ssrc;
	span_split(v, ':', &s.name, &s.value);
	*out = s;
	return 0;
}

int sdp_get_ssrc_group(struct sdp_ssrc_group *out, struct span v)
{
	struct sdp_ssrc_group g = {.semantics = sdp_word(&v)};
	struct span rest = v, word;
	uint64_t ssrc;

	g.ssrcs = v;
	if (!sdp_is_token(g.semantics))
		return E_FORMAT;
	while (sdp_word_next(&rest, &word))
		if (get_uint(word, 0, UINT32_MAX, &ssrc) != 0)
			return E_FORMAT;
	*out = g;
	return 0;
}

static int get_hex_colons(struct sdp_fingerprint *f, struct span v)
{
	struct span byte;
	bool more = v.n > 0;

	for (f->n = 0; more; f->n++) {
		more = span_split(v, ':', &byte, &v);
		if (f->n == sizeof(f->v) || hex_decode(&f->v[f->n], 1, byte) != 0)
			return E_FORMAT;
	}
	return 0;
}

int sdp_get_fingerprint(struct sdp_fingerprint *out, struct span v)
{
	static const uint8_t len[6] = {0, 20, 28, 32, 48, 64};
	struct sdp_fingerprint f = {0};
	struct span hash = sdp_word(&v);
	int i = index_of(sdp_hash_names, 6, hash);

	if (!sdp_is_token(hash))
		return E_FORMAT;
	/* a hash that we do not know is the peer's right, and no use to us */
	if (i > 0) {
		f.hash = (enum sdp_hash)i;
		if (get_hex_colons(&f, v) != 0 || f.n != len[i])
			return E_FORMAT;
	}
	*out = f;
	return 0;
}

int sdp_get_setup(enum sdp_setup *out, struct span v)
{
	int i = index_of(sdp_setup_names, 5, v);

	if (i <= 0)
		return E_FORMAT;
	*out = (enum sdp_setup)i;
	return 0;
}

int sdp_get_content(unsigned *out, struct span v)
{
	static const char *const names[] = {"main", "slides", "speaker", "sl",
					    "alt"};
	struct span word;
	unsigned bits = 0;
	bool more = true;

	while (more) {
		more = span_split(v, ',', &word, &v);
		word = span_trim(word);
		int i = index_of(names, 5, word);
		if (!sdp_is_token(word))
			return E_FORMAT;
		bits |= i < 0 ? (unsigned)SDP_CONTENT_OTHER : 1u << i;
	}
	*out = bits;
	return 0;
}

/* --- by name --- */

const struct sdp_attr *sdp_attr_next(const struct sdp_attrs *as,
				     const char *name, size_t *it)
{
	struct span want = span_str(name);

	while (*it < as->n) {
		const struct sdp_attr *a = &as->v[(*it)++];
		if (span_eq(a->name, want))
			return a;
	}
	return NULL;
}

const struct sdp_attr *sdp_attr_find(const struct sdp_attrs *as,
				     const char *name)
{
	size_t it = 0;

	return sdp_attr_next(as, name, &it);
}

bool sdp_attr_has(const struct sdp_attrs *as, const char *name)
{
	return sdp_attr_find(as, name) != NULL;
}

const struct sdp_attr *sdp_attr_either(const struct sdp *s,
				       const struct sdp_section *m,
				       const char *name)
{
	const struct sdp_attr *a = sdp_attr_find(&m->attrs, name);

	return a ? a : sdp_attr_find(&s->attrs, name);
}

/* --- typed --- */

static bool next_bundle(const struct sdp *s, size_t *it, struct span *mids)
{
	const struct sdp_attr *a;

	while ((a = sdp_attr_next(&s->attrs, "group", it)) != NULL) {
		struct span rest = a->value;
		if (span_eq(sdp_word(&rest), SPAN_LIT("BUNDLE"))) {
			*mids = rest;
			return true;
		}
	}
	return false;
}

bool sdp_bundle(const struct sdp *s, size_t nth, struct span *mids)
{
	struct span found = SPAN_NONE;
	size_t it = 0;

	do
		if (!next_bundle(s, &it, &found))
			return false;
	while (nth-- > 0);
	*mids = found;
	return true;
}

/* One walk: by sdp_bundle(i) many groups would cost their square. */
bool sdp_bundle_has(const struct sdp *s, struct span mid)
{
	struct span mids, word;
	size_t it = 0;

	while (next_bundle(s, &it, &mids))
		while (sdp_word_next(&mids, &word))
			if (span_eq(word, mid))
				return true;
	return false;
}

bool sdp_rtpmap_next(const struct sdp_section *m, size_t *it,
		     struct sdp_rtpmap *out)
{
	const struct sdp_attr *a = sdp_attr_next(&m->attrs, "rtpmap", it);

	return a && sdp_get_rtpmap(out, a->value) == 0;
}

static bool lists_format(const struct sdp_section *m, uint8_t pt)
{
	uint64_t v;

	for (size_t i = 0; i < m->fmts_n; i++)
		if (span_u64(m->fmts[i], 127, &v) == 0 && v == pt)
			return true;
	return false;
}

bool sdp_rtpmap_find(const struct sdp_section *m, uint8_t pt,
		     struct sdp_rtpmap *out)
{
	static const struct {
		uint8_t pt;
		const char *name;
	} fixed[] = {{0, "PCMU"}, {8, "PCMA"}, {9, "G722"}, {13, "CN"}};
	struct sdp_rtpmap map;
	size_t it = 0;

	while (sdp_rtpmap_next(m, &it, &map)) {
		if (map.pt == pt) {
			*out = map;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (fixed[i].pt == pt && lists_format(m, pt)) {
			*out = (struct sdp_rtpmap){
				pt, span_str(fixed[i].name), 8000, 1};
			return true;
		}
	}
	return false;
}

bool sdp_fmtp_find(const struct sdp_section *m, uint8_t pt,
		   struct span *params)
{
	const struct sdp_attr *a;
	size_t it = 0;

	while ((a = sdp_attr_next(&m->attrs, "fmtp", &it)) != NULL) {
		struct span p;
		uint8_t n;
		if (sdp_get_fmtp(&n, &p, a->value) == 0 && n == pt) {
			*params = p;
			return true;
		}
	}
	return false;
}

bool sdp_fmtp_param(struct span params, const char *name, struct span *value)
{
	struct span want = span_str(name), one, key, v;

	while (params.n > 0) {
		span_split(params, ';', &one, &params);
		span_split(one, '=', &key, &v);
		if (span_eq_nocase(span_trim(key), want)) {
			*value = span_trim(v);
			return true;
		}
	}
	return false;
}

uint64_t sdp_fmtp_uint(struct span params, const char *name, uint64_t max,
		       uint64_t dflt)
{
	struct span v;
	uint64_t n;

	if (!sdp_fmtp_param(params, name, &v) || span_u64(v, max, &n) != 0)
		return dflt;
	return n;
}

bool sdp_fmtp_hex24(struct span params, const char *name, uint32_t *out)
{
	uint8_t b[3];
	struct span v;

	if (!sdp_fmtp_param(params, name, &v) || v.n != 6 ||
	    hex_decode(b, sizeof(b), v) != 0)
		return false;
	*out = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
	return true;
}

bool sdp_rtcp_fb_next(const struct sdp_section *m, size_t *it,
		      struct sdp_rtcp_fb *out)
{
	const struct sdp_attr *a = sdp_attr_next(&m->attrs, "rtcp-fb", it);

	return a && sdp_get_rtcp_fb(out, a->value) == 0;
}

bool sdp_extmap_next(const struct sdp_attrs *as, size_t *it,
		     struct sdp_extmap *out)
{
	const struct sdp_attr *a = sdp_attr_next(as, "extmap", it);

	return a && sdp_get_extmap(out, a->value) == 0;
}

bool sdp_ssrc_next(const struct sdp_section *m, size_t *it,
		   struct sdp_ssrc *out)
{
	const struct sdp_attr *a = sdp_attr_next(&m->attrs, "ssrc", it);

	return a && sdp_get_ssrc(out, a->value) == 0;
}

bool sdp_ssrc_group_next(const struct sdp_section *m, size_t *it,
			 struct sdp_ssrc_group *out)
{
	const struct sdp_attr *a = sdp_attr_next(&m->attrs, "ssrc-group", it);

	return a && sdp_get_ssrc_group(out, a->value) == 0;
}

static void get_ice_options(struct sdp_ice *i, const struct sdp_attr *a)
{
	struct span rest = a ? a->value : SPAN_NONE, word;

	while (sdp_word_next(&rest, &word)) {
		if (span_eq(word, SPAN_LIT("trickle")))
			i->trickle = true;
		if (span_eq(word, SPAN_LIT("renomination")))
			i->renomination = true;
	}
}

void sdp_ice(const struct sdp *s, const struct sdp_section *m,
	     struct sdp_ice *out)
{
	const struct sdp_attr *ufrag = sdp_attr_either(s, m, "ice-ufrag");
	const struct sdp_attr *pwd = sdp_attr_either(s, m, "ice-pwd");
	struct sdp_ice i = {0};

	if (ufrag)
		i.ufrag = ufrag->value;
	if (pwd)
		i.pwd = pwd->value;
	i.lite = sdp_attr_has(&s->attrs, "ice-lite");
	get_ice_options(&i, sdp_attr_either(s, m, "ice-options"));
	*out = i;
}

bool sdp_fingerprint(const struct sdp *s, const struct sdp_section *m,
		     size_t nth, struct sdp_fingerprint *out)
{
	const struct sdp_attrs *as = sdp_attr_has(&m->attrs, "fingerprint")
					     ? &m->attrs
					     : &s->attrs;
	const struct sdp_attr *a;
	size_t it = 0;

	do
		a = sdp_attr_next(as, "fingerprint", &it);
	while (a && nth-- > 0);
	return a && sdp_get_fingerprint(out, a->value) == 0;
}

enum sdp_setup sdp_setup(const struct sdp *s, const struct sdp_section *m)
{
	const struct sdp_attr *a = sdp_attr_either(s, m, "setup");
	enum sdp_setup v = SDP_SETUP_NONE;

	if (a)
		sdp_get_setup(&v, a->value);
	return v;
}

unsigned sdp_content(const struct sdp_section *m)
{
	const struct sdp_attr *a = sdp_attr_find(&m->attrs, "content");
	unsigned bits = 0;

	if (a)
		sdp_get_content(&bits, a->value);
	return bits;
}

const struct sdp_conn *sdp_conn(const struct sdp *s,
				const struct sdp_section *m)
{
	return m->conn.addr.n > 0 ? &m->conn : &s->conn;
}

uint32_t sdp_bw_kbps(const struct sdp_bw *b)
{
	uint64_t kbps = b->tias_bps / 1000;

	if (b->tias_bps == 0)
		return b->as_kbps;
	if (kbps == 0)
		kbps = 1;
	return kbps > UINT32_MAX ? UINT32_MAX : (uint32_t)kbps;
}

uint32_t sdp_kbps(const struct sdp *s, const struct sdp_section *m)
{
	uint32_t own = sdp_bw_kbps(&m->bw);

	return own ? own : sdp_bw_kbps(&s->bw);
}

bool sdp_rtcp(const struct sdp_section *m, uint16_t *port,
	      struct sdp_conn *conn)
{
	const struct sdp_attr *a = sdp_attr_find(&m->attrs, "rtcp");
	struct span rest, net, type;
	struct sdp_conn c = {.ip6 = false};
	uint64_t n;

	if (!a)
		return false;
	rest = a->value;
	if (get_uint(sdp_word(&rest), 1, 65535, &n) != 0)
		return false;
	if (rest.n > 0) {
		net = sdp_word(&rest);
		type = sdp_word(&rest);
		c.addr = sdp_word(&rest);
		c.ip6 = span_eq(type, SPAN_LIT("IP6"));
		if (!span_eq(net, SPAN_LIT("IN")) || c.addr.n == 0 ||
		    (!c.ip6 && !span_eq(type, SPAN_LIT("IP4"))))
			return false;
	}
	*port = (uint16_t)n;
	*conn = c;
	return true;
}

/* --- candidates (RFC 8839 5.1, RFC 6544 4.5) --- */

static struct span strip_prefix(struct span s, struct span prefix)
{
	if (span_starts(s, prefix))
		return span_of(s.p + prefix.n, s.n - prefix.n);
	return s;
}

static int get_transport(struct sdp_candidate *c, struct span word)
{
	c->tcp = span_eq_nocase(word, SPAN_LIT("tcp"));
	return c->tcp || span_eq_nocase(word, SPAN_LIT("udp")) ? 0
							      : E_UNSUPPORTED;
}

static int get_cand_type(struct sdp_candidate *c, struct span word)
{
	static const char *const names[] = {"host", "srflx", "prflx", "relay"};
	int i = index_of(names, 4, word);

	if (i < 0)
		return E_UNSUPPORTED;
	c->type = (enum sdp_cand_type)i;
	return 0;
}

/* Host names, IPv4 and IPv6 text: nothing else belongs into an address. */
static bool is_addr_text(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != ':' &&
		    s.p[i] != '-')
			return false;
	return s.n > 0 && s.n <= 253;
}

static void get_cand_exts(struct sdp_candidate *c, struct span rest)
{
	struct span name, value;

	while (sdp_word_next(&rest, &name) && sdp_word_next(&rest, &value)) {
		if (span_eq_nocase(name, SPAN_LIT("tcptype")))
			c->tcptype = value;
		if (span_eq_nocase(name, SPAN_LIT("ufrag")))
			c->ufrag = value;
	}
}

int sdp_candidate_decode(struct sdp_candidate *out, struct span text)
{
	struct sdp_candidate c = {0};
	uint64_t component, priority, port;
	int r;

	if (text.n > SDP_LINE_MAX)
		return E_FORMAT;
	text = strip_prefix(text, SPAN_LIT("a="));
	text = strip_prefix(text, SPAN_LIT("candidate:"));
	c.foundation = sdp_word(&text);
	if (!sdp_is_ice_chars(c.foundation, 1, 32) ||
	    get_uint(sdp_word(&text), 1, 256, &component) != 0)
		return E_FORMAT;
	r = get_transport(&c, sdp_word(&text));
	if (r != 0)
		return r;
	if (get_uint(sdp_word(&text), 0, UINT32_MAX, &priority) != 0)
		return E_FORMAT;
	c.addr = sdp_word(&text);
	if (!is_addr_text(c.addr) ||
	    get_uint(sdp_word(&text), 0, 65535, &port) != 0 ||
	    !span_eq_nocase(sdp_word(&text), SPAN_LIT("typ")))
		return E_FORMAT;
	r = get_cand_type(&c, sdp_word(&text));
	if (r != 0)
		return r;
	c.component = (uint16_t)component;
	c.priority = (uint32_t)priority;
	c.port = (uint16_t)port;
	get_cand_exts(&c, text);
	*out = c;
	return 0;
}

bool sdp_candidate_next(const struct sdp_section *m, size_t *it,
			struct sdp_candidate *out)
{
	const struct sdp_attr *a;

	while ((a = sdp_attr_next(&m->attrs, "candidate", it)) != NULL)
		if (sdp_candidate_decode(out, a->value) == 0)
			return true;
	return false;
}
