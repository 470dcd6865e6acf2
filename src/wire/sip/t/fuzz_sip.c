/* Properties: no error without a rule and a place inside of the input; what
 * decodes, written again, decodes to the same; what the stream framing cut out
 * is what the reader takes; every list ends; typed headers go round. The
 * first byte chooses what the rest is. */
#include <assert.h>
#include "wire/sip/auth.h"
#include "wire/sip/body.h"
#include "wire/sip/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[2 * SIP_MESSAGE_MAX];

/* Folds go, everything else stays. */
static bool same_text(struct span a, struct span b)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a.n && (a.p[i] == '\r' || a.p[i] == '\n'))
			i++;
		while (k < b.n && (b.p[k] == '\r' || b.p[k] == '\n'))
			k++;
		if (i == a.n || k == b.n)
			return i == a.n && k == b.n;
		if (a.p[i++] != b.p[k++])
			return false;
	}
}

static void same(const struct sip_msg *a, const struct sip_msg *b)
{
	size_t k = 0;

	assert(a->is_request == b->is_request && a->status == b->status);
	assert(span_eq(a->method_text, b->method_text));
	assert(span_eq(a->reason, b->reason));
	assert(span_eq(a->body, b->body) && a->vias_n == b->vias_n);
	assert(span_eq(a->call_id, b->call_id));
	assert(span_eq(a->from_tag, b->from_tag));
	assert(span_eq(a->to_tag, b->to_tag));
	assert(span_eq(a->via.branch, b->via.branch));
	assert(a->via.sent_by.port == b->via.sent_by.port);
	assert(a->cseq.seq == b->cseq.seq && a->method == b->method);
	assert(a->max_forwards == b->max_forwards);
	assert(a->uri.scheme == b->uri.scheme);
	assert(span_eq(a->uri.user, b->uri.user));
	assert(sip_host_eq(&a->uri.host, &b->uri.host));
	assert(a->from.uri.scheme == b->from.uri.scheme);
	assert(same_text(a->from.display, b->from.display));
	for (size_t i = 0; i < a->hdrs_n; i++) {
		if (a->hdrs[i].id == SIP_H_CONTENT_LENGTH)
			continue;
		assert(a->hdrs[i].id == b->hdrs[k].id);
		assert(same_text(a->hdrs[i].value, b->hdrs[k].value));
		k++;
	}
	assert(k + 1 == b->hdrs_n);
}

static void round_trip(const struct sip_msg *m)
{
	static struct sip_msg again;
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_err err = {0, NULL, 0};
	struct span text;

	sip_wr_msg(&w, m);
	/* only these bounds may stand in the way */
	if (wr_end(&w, &text) != 0 || m->hdrs_n == SIP_HEADERS_MAX) {
		assert(wr_len(&w) > SIP_MESSAGE_MAX / 2 ||
		       m->hdrs_n == SIP_HEADERS_MAX);
		return;
	}
	for (size_t i = 0; i < m->hdrs_n; i++)	/* long forms are longer */
		if (m->hdrs[i].value.n > SIP_HEADER_MAX - 64)
			return;
	if (m->uri.text.n > SIP_URI_MAX - 64)
		return;
	assert(sip_decode(&again, text, SIP_STREAM, &err) == 0);
	same(m, &again);
}

static void answer(const struct sip_msg *m)
{
	static const struct addr from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255,
					  255, 192, 0, 2, 1}, 5060};
	static struct sip_msg back;
	struct wr w = wr_of(buf, sizeof(buf));
	struct span text;

	sip_wr_response(&w, m, 400, SPAN_NONE, SPAN_LIT("t"), &from);
	sip_wr_no_body(&w);
	if (wr_end(&w, &text) != 0)
		return;
	(void)sip_decode(&back, text, SIP_STREAM, NULL);
	assert(back.status == 400 && back.vias_n > 0);
	assert(back.hdrs_n == m->vias_n + 5 || back.hdrs_n <= SIP_HEADERS_MAX);
}

static void use_uri(const struct sip_uri *u)
{
	uint8_t out[SIP_URI_MAX + 64], small[SIP_USER_MAX + SIP_HOST_MAX + 1];
	struct wr w = wr_of(out, sizeof(out));
	struct sip_uri v;
	struct span s;
	char text[64];

	sip_wr_uri(&w, u, true);
	assert(wr_end(&w, &s) == 0);
	assert(s.n > SIP_URI_MAX || sip_uri_decode(&v, s) == 0);
	if (!u->has_password && s.n <= SIP_URI_MAX) {
		bool eq = sip_uri_eq(u, &v);
		assert(eq == sip_uri_eq(&v, u));
	}
	(void)sip_uri_alias(u, small, sizeof(small), &s);
	(void)sip_uri_header(u, "Replaces", small, sizeof(small), &s);
	(void)sip_uri_transport(u);
	sip_uri_print(u, text, sizeof(text));
}

static void use_addr(const struct sip_addr *a)
{
	uint8_t out[SIP_DISPLAY_MAX];
	struct span s = sip_addr_display(a, out, sizeof(out));
	uint32_t secs;

	assert(span_is_utf8(s));
	(void)sip_addr_tag(a);
	(void)sip_addr_q(a);
	(void)sip_addr_expires(a, &secs);
	if (!a->star)
		use_uri(&a->uri);
}

static void use_headers(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_parts parts;
	struct sip_part part;
	struct sip_addr a;
	struct sip_via v;
	struct span s;
	uint32_t bits;
	int r;

	while ((r = sip_contact_next(&l, &a)) > 0)
		use_addr(&a);
	assert(r == 0);
	l = sip_list(m, SIP_H_RECORD_ROUTE);
	while ((r = sip_addr_next(&l, &a)) > 0)
		use_addr(&a);
	assert(r == 0);
	l = sip_list(m, SIP_H_VIA);
	while (sip_via_next(&l, &v) > 0)
		assert(v.text.n > 0);
	use_addr(&m->from);
	use_addr(&m->to);
	if (m->is_request)
		use_uri(&m->uri);
	(void)sip_options(m, SIP_H_SUPPORTED, &bits, &s);
	(void)sip_allow(m);
	if (sip_parts(&parts, m) == 0)
		while (sip_parts_next(&parts, &part) > 0)
			assert(part.body.n <= m->body.n);
	(void)sip_body_sdp(m, &s);
}

static void message(struct span in, enum sip_carrier how)
{
	static struct sip_msg m;
	struct sip_err err = {SIZE_MAX, NULL, 0};
	struct sip_peek k;
	int r = sip_decode(&m, in, how, &err), f = sip_filter(&k, in);

	if (r != 0) {
		assert(err.rule && err.offset <= in.n);
		if (err.status != 0)
			answer(&m);
		return;
	}
	/* what is a message gets through the filter */
	assert(f == 0 && k.is_request == m.is_request);
	if (k.is_request)
		assert(span_eq(k.method_text, m.method_text));
	use_headers(&m);
	answer(&m);
	round_trip(&m);
}

static void stream(struct span in)
{
	static struct sip_msg m;
	struct sip_frame whole = {.seen = 0}, bytes = {.seen = 0};
	struct sip_err err;
	size_t n, k;

	while (in.n > 0) {
		enum sip_frame_result r = sip_frame(&whole, in, &n, &err);
		/* fed in steps it comes to the same */
		enum sip_frame_result s = SIP_FRAME_MORE;
		for (size_t have = 1; have <= in.n && s == SIP_FRAME_MORE;
		     have += 1 + have / 8)
			s = sip_frame(&bytes, span_of(in.p, have), &k, NULL);
		if (s == SIP_FRAME_MORE)
			s = sip_frame(&bytes, in, &k, NULL);
		assert(r == s && (r == SIP_FRAME_BAD || n == k));
		if (r == SIP_FRAME_BAD || r == SIP_FRAME_MORE)
			return;
		assert(n > 0 && n <= in.n);
		if (r == SIP_FRAME_DONE &&
		    sip_decode(&m, span_of(in.p, n), SIP_STREAM, &err) == 0)
			assert(m.all.n == n);
		in = span_of(in.p + n, in.n - n);
	}
}

static void auth(struct span in)
{
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_credentials c, d;
	struct sip_challenge x, y;
	struct span s;

	if (sip_credentials_decode(&c, in) == 0) {
		sip_wr_credentials(&w, &c);
		if (wr_end(&w, &s) == 0) {
			assert(sip_credentials_decode(&d, s) == 0);
			assert(span_eq(c.username, d.username));
			assert(c.nc == d.nc || c.qop != d.qop ||
			       c.qop == SIP_QOP_NONE);
		}
	}
	w = wr_of(buf, sizeof(buf));
	if (sip_challenge_decode(&x, in) == 0) {
		sip_wr_challenge(&w, &x);
		if (wr_end(&w, &s) == 0) {
			assert(sip_challenge_decode(&y, s) == 0);
			assert(span_eq(x.nonce, y.nonce) && x.alg == y.alg);
		}
	}
}

static void value(struct span in)
{
	struct sip_subscription_state ss;
	struct sip_session_expires se;
	struct sip_priority pr;
	struct sip_replaces rp;
	struct sip_warning wa;
	struct sip_reason re;
	struct sip_event ev;
	struct sip_addr a;
	struct sip_mime mi;
	struct sip_rack ra;
	struct sip_via v;
	struct sip_uri u;
	struct wr w = wr_of(buf, sizeof(buf));
	struct span s;
	uint64_t t, t2;
	uint32_t n;

	if (sip_uri_decode(&u, in) == 0)
		use_uri(&u);
	if (sip_contact_decode(&a, in) == 0)
		use_addr(&a);
	if (sip_date_decode(&t, in) == 0) {
		sip_wr_date(&w, t);
		assert(wr_end(&w, &s) == 0);
		assert(sip_date_decode(&t2, s) == 0 && t == t2);
	}
	(void)sip_via_decode(&v, in);
	(void)sip_seconds_decode(&n, in);
	(void)sip_session_expires_decode(&se, in);
	(void)sip_rack_decode(&ra, in);
	(void)sip_replaces_decode(&rp, in);
	(void)sip_event_decode(&ev, in);
	(void)sip_subscription_state_decode(&ss, in);
	(void)sip_reason_decode(&re, in);
	(void)sip_priority_decode(&pr, in);
	(void)sip_warning_decode(&wa, in);
	(void)sip_retry_after_decode(&n, in);
	(void)sip_mime_decode(&mi, in);
	(void)sip_unquote(in, buf, sizeof(buf), &s);
	(void)sip_is_keepalive(in);
	auth(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size == 0)
		return 0;
	in = span_of(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		value(in);
		break;
	case 1:
		stream(in);
		break;
	case 2:
		message(in, SIP_STREAM);
		break;
	default:
		message(in, SIP_DATAGRAM);
	}
	return 0;
}
