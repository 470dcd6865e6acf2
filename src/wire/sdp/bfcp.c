/* Sections of BFCP. */
#include "wire/sdp/bfcp.h"
#include "wire/sdp/sdp_int.h"

static const char *const role_words[] = {"c-only", "s-only", "c-s"};

static bool get_roles(struct span v, unsigned *out)
{
	struct span word;
	unsigned bits = 0;

	while (sdp_word_next(&v, &word)) {
		unsigned i = 0;
		while (i < 3 && !span_eq(word, span_str(role_words[i])))
			i++;
		if (i == 3)
			return false;
		bits |= 1u << i;
	}
	*out = bits;
	return bits != 0;
}

static bool get_versions(struct span v, unsigned *out)
{
	struct span word;
	unsigned bits = 0;
	uint64_t n;

	while (sdp_word_next(&v, &word)) {
		if (span_u64(word, 255, &n) != 0)
			return false;
		if (n < 31)
			bits |= 1u << n;
	}
	*out = bits;
	return true;
}

static bool get_number(const struct sdp_section *m, const char *name,
		       uint64_t max, uint64_t *out, bool *has)
{
	const struct sdp_attr *a = sdp_attr_find(&m->attrs, name);

	*has = a != NULL;
	return !a || span_u64(span_trim(a->value), max, out) == 0;
}

bool sdp_bfcp(const struct sdp_section *m, struct sdp_bfcp *out)
{
	const struct sdp_attr *roles = sdp_attr_find(&m->attrs, "floorctrl");
	const struct sdp_attr *vers = sdp_attr_find(&m->attrs, "bfcpver");
	struct sdp_bfcp b = {.versions = 1u << 1};
	uint64_t conf = 0, user = 0;

	if ((roles && !get_roles(roles->value, &b.roles)) ||
	    (vers && !get_versions(vers->value, &b.versions)) ||
	    !get_number(m, "confid", UINT32_MAX, &conf, &b.has_conf) ||
	    !get_number(m, "userid", UINT16_MAX, &user, &b.has_user))
		return false;
	b.conf = (uint32_t)conf;
	b.user = (uint16_t)user;
	*out = b;
	return true;
}

static bool get_floor(struct sdp_floor *out, struct span v)
{
	struct span id = sdp_word(&v), word = v, labels;
	struct sdp_floor f = {.labels = SPAN_NONE};
	uint64_t n;

	if (span_u64(id, UINT16_MAX, &n) != 0)
		return false;
	f.id = (uint16_t)n;
	if (span_split(word, ':', &word, &labels) &&
	    (span_eq(word, SPAN_LIT("mstrm")) ||
	     span_eq(word, SPAN_LIT("m-stream"))))
		f.labels = labels;
	*out = f;
	return true;
}

bool sdp_floor_next(const struct sdp_section *m, size_t *it,
		    struct sdp_floor *out)
{
	const struct sdp_attr *a;

	while ((a = sdp_attr_next(&m->attrs, "floorid", it)) != NULL)
		if (get_floor(out, a->value))
			return true;
	return false;
}

struct span sdp_label(const struct sdp_section *m)
{
	const struct sdp_attr *a = sdp_attr_find(&m->attrs, "label");

	return a ? span_trim(a->value) : SPAN_NONE;
}

static const char *const protos[] = {"", "TCP/BFCP", "TCP/TLS/BFCP",
				     "UDP/BFCP", "UDP/TLS/BFCP"};

enum sdp_bfcp_proto sdp_bfcp_proto(struct span proto)
{
	for (int i = SDP_BFCP_TCP; i <= SDP_BFCP_DTLS; i++)
		if (span_eq_nocase(proto, span_str(protos[i])))
			return (enum sdp_bfcp_proto)i;
	return SDP_BFCP_NONE;
}

const char *sdp_bfcp_proto_name(enum sdp_bfcp_proto p)
{
	return p <= SDP_BFCP_DTLS ? protos[p] : "";
}

void sdp_wr_bfcp(struct wr *w, const struct sdp_bfcp *b)
{
	unsigned i = 0;

	while (i < 3 && b->roles != 1u << i)
		i++;
	if (i == 3) {
		wr_fail(w);
		return;
	}
	sdp_wr_attr(w, "floorctrl", span_str(role_words[i]));
	if (b->has_conf)
		sdp_wr_attrf(w, "confid", "%u", b->conf);
	if (b->has_user)
		sdp_wr_attrf(w, "userid", "%u", b->user);
	for (unsigned v = 1; v < 31; v++)
		if (b->versions == 1u << v)
			sdp_wr_attrf(w, "bfcpver", "%u", v);
}

void sdp_wr_floor(struct wr *w, const struct sdp_floor *f)
{
	if (f->labels.n > 0)
		sdp_wr_attrf(w, "floorid", "%u mstrm:%.*s", f->id,
			     SDP_S(f->labels));
	else
		sdp_wr_attrf(w, "floorid", "%u", f->id);
}
