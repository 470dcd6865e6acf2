/* Via values. */
#include "wire/sip/sip_int.h"

static enum sip_transport transport_of(struct span s)
{
	static const char *const names[] = {
		[SIP_TRANSPORT_UDP] = "UDP", [SIP_TRANSPORT_TCP] = "TCP",
		[SIP_TRANSPORT_TLS] = "TLS", [SIP_TRANSPORT_WS] = "WS",
		[SIP_TRANSPORT_WSS] = "WSS", [SIP_TRANSPORT_SCTP] = "SCTP"};

	for (int i = SIP_TRANSPORT_UDP; i < SIP_TRANSPORT_OTHER; i++)
		if (span_eq_nocase(s, span_str(names[i])))
			return (enum sip_transport)i;
	return SIP_TRANSPORT_OTHER;
}

/* SIP / 2.0 / transport, and the blanks behind it. The grammar has any token
 * for both words, and an answer of 505 needs one of another version. */
static int get_protocol(struct sip_via *v, struct lex *l)
{
	if (lex_run(l, C_TOKEN).n == 0 || !lex_mark(l, '/') ||
	    lex_run(l, C_TOKEN).n == 0 || !lex_mark(l, '/'))
		return E_FORMAT;
	v->transport_text = lex_run(l, C_TOKEN);
	v->transport = transport_of(v->transport_text);
	if (v->transport_text.n == 0 || lex_run(l, C_BLANK).n == 0)
		return E_FORMAT;
	return 0;
}

static int get_params(struct sip_via *v)
{
	static const struct span cookie = SPAN_LIT("z9hG4bK");
	struct span rest = v->params;
	struct sip_param p;
	uint64_t port;

	while (sip_param_next(&rest, &p)) {
		if (span_eq_nocase(p.name, SPAN_LIT("branch"))) {
			v->branch = p.value;
		} else if (span_eq_nocase(p.name, SPAN_LIT("received"))) {
			v->received = p.value;
		} else if (span_eq_nocase(p.name, SPAN_LIT("rport"))) {
			v->has_rport = true;
			if (p.value.n > 0 &&
			    span_u64(p.value, 65535, &port) != 0)
				return E_FORMAT;
			v->rport = p.value.n > 0 ? (uint16_t)port : 0;
		}
	}
	v->has_cookie = v->branch.n > cookie.n && span_starts(v->branch, cookie);
	return v->branch.n > SIP_TAG_MAX ? E_LIMIT : 0;
}

int sip_via_decode(struct sip_via *out, struct span value)
{
	struct sip_via v = {.text = sip_trim(value)};
	struct lex l = lex_of(v.text);
	int r = get_protocol(&v, &l);

	if (r == 0)
		r = sip_lex_host(&l, &v.sent_by);
	if (r != 0)
		return r;
	lex_blanks(&l);
	v.params = lex_rest(&l);
	r = sip_check_params(v.params);
	if (r == 0)
		r = get_params(&v);
	if (r == 0)
		*out = v;
	return r;
}

void sip_wr_via(struct wr *w, enum sip_transport t, struct span sent_by,
		uint16_t port, struct span branch, bool rport)
{
	static const char *const names[] = {
		[SIP_TRANSPORT_UDP] = "UDP ", [SIP_TRANSPORT_TCP] = "TCP ",
		[SIP_TRANSPORT_TLS] = "TLS ", [SIP_TRANSPORT_WS] = "WS ",
		[SIP_TRANSPORT_WSS] = "WSS ", [SIP_TRANSPORT_SCTP] = "SCTP "};
	bool v6 = sent_by.n > 0 && memchr(sent_by.p, ':', sent_by.n) != NULL;

	if (t <= SIP_TRANSPORT_NONE || t >= SIP_TRANSPORT_OTHER ||
	    sent_by.n == 0 || !sip_is_token(branch)) {
		wr_fail(w);
		return;
	}
	wr_str(w, "SIP/2.0/");
	wr_str(w, names[t]);
	wr_str(w, v6 ? "[" : "");
	sip_put_text(w, sent_by);
	wr_str(w, v6 ? "]" : "");
	if (port != 0) {
		wr_u8(w, ':');
		wr_dec(w, port);
	}
	wr_str(w, ";branch=");
	wr_span(w, branch);
	if (rport)
		wr_str(w, ";rport");
}
