/* The writer. */
#include <stdarg.h>
#include <stdio.h>
#include "wire/sip/sip_int.h"
#include "wire/sip/write.h"

static bool has_line_end(struct span s, bool nul_too)
{
	return s.n > 0 && (memchr(s.p, '\r', s.n) || memchr(s.p, '\n', s.n) ||
			   (nul_too && memchr(s.p, 0, s.n)));
}

void sip_put_text(struct wr *w, struct span s)
{
	if (has_line_end(s, true))
		wr_fail(w);
	wr_span(w, s);
}

void sip_put_unfolded(struct wr *w, struct span s)
{
	if (!has_line_end(s, false)) {
		wr_span(w, s);
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		bool end = s.p[i] == '\r' || s.p[i] == '\n';
		bool next = i + 1 < s.n && sip_is(s.p[i + 1], C_BLANK);
		if (!end)
			wr_u8(w, s.p[i]);
		else if (!next)
			wr_fail(w);	/* no fold: it would end the line */
	}
}

/* --- start lines --- */

void sip_wr_request_text(struct wr *w, struct span method, struct span uri)
{
	if (!sip_is_token(method) || uri.n == 0 || memchr(uri.p, ' ', uri.n))
		wr_fail(w);
	wr_span(w, method);
	wr_u8(w, ' ');
	sip_put_text(w, uri);
	wr_str(w, " SIP/2.0\r\n");
}

void sip_wr_request(struct wr *w, struct span method,
		    const struct sip_uri *uri)
{
	if (!sip_is_token(method))
		wr_fail(w);
	wr_span(w, method);
	wr_u8(w, ' ');
	sip_wr_uri(w, uri, false);
	wr_str(w, " SIP/2.0\r\n");
}

static const struct {
	uint16_t status;
	const char *text;
} phrases[] = {
	{100, "Trying"}, {180, "Ringing"},
	{181, "Call Is Being Forwarded"}, {182, "Queued"},
	{183, "Session Progress"}, {199, "Early Dialog Terminated"},
	{200, "OK"}, {202, "Accepted"}, {204, "No Notification"},
	{300, "Multiple Choices"}, {301, "Moved Permanently"},
	{302, "Moved Temporarily"}, {305, "Use Proxy"},
	{380, "Alternative Service"}, {400, "Bad Request"},
	{401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"},
	{404, "Not Found"}, {405, "Method Not Allowed"},
	{406, "Not Acceptable"}, {407, "Proxy Authentication Required"},
	{408, "Request Timeout"}, {410, "Gone"},
	{412, "Conditional Request Failed"},
	{413, "Request Entity Too Large"}, {414, "Request-URI Too Long"},
	{415, "Unsupported Media Type"}, {416, "Unsupported URI Scheme"},
	{417, "Unknown Resource-Priority"}, {420, "Bad Extension"},
	{421, "Extension Required"}, {422, "Session Interval Too Small"},
	{423, "Interval Too Brief"}, {428, "Use Identity Header"},
	{429, "Provide Referrer Identity"}, {433, "Anonymity Disallowed"},
	{469, "Bad Info Package"}, {480, "Temporarily Unavailable"},
	{481, "Call/Transaction Does Not Exist"}, {482, "Loop Detected"},
	{483, "Too Many Hops"}, {484, "Address Incomplete"},
	{485, "Ambiguous"}, {486, "Busy Here"}, {487, "Request Terminated"},
	{488, "Not Acceptable Here"}, {489, "Bad Event"},
	{491, "Request Pending"}, {493, "Undecipherable"},
	{494, "Security Agreement Required"}, {500, "Server Internal Error"},
	{501, "Not Implemented"}, {502, "Bad Gateway"},
	{503, "Service Unavailable"}, {504, "Server Time-out"},
	{505, "Version Not Supported"}, {513, "Message Too Large"},
	{580, "Precondition Failure"}, {600, "Busy Everywhere"},
	{603, "Decline"}, {604, "Does Not Exist Anywhere"},
	{606, "Not Acceptable"},
};

const char *sip_reason_phrase(unsigned status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "Unknown";
}

static void put_status(struct wr *w, unsigned status, struct span reason)
{
	if (status < 100 || status > 699)
		wr_fail(w);
	wr_str(w, "SIP/2.0 ");
	wr_dec(w, status);
	wr_u8(w, ' ');
	sip_put_text(w, reason);
	wr_str(w, "\r\n");
}

void sip_wr_status(struct wr *w, unsigned status, struct span reason)
{
	put_status(w, status,
		   reason.n > 0 ? reason : span_str(sip_reason_phrase(status)));
}

/* --- headers --- */

static void put_name(struct wr *w, struct span name)
{
	if (!sip_is_token(name))
		wr_fail(w);
	wr_span(w, name);
	wr_str(w, ": ");
}

void sip_wr_hdr_named(struct wr *w, const char *name, struct span value)
{
	put_name(w, span_str(name));
	sip_put_text(w, value);
	wr_str(w, "\r\n");
}

void sip_wr_hdr(struct wr *w, enum sip_hdr_id id, struct span value)
{
	sip_wr_hdr_named(w, sip_hdr_name(id), value);
}

void sip_wr_hdr_str(struct wr *w, enum sip_hdr_id id, const char *value)
{
	sip_wr_hdr(w, id, span_str(value));
}

size_t sip_wr_hdr_open(struct wr *w, enum sip_hdr_id id)
{
	put_name(w, span_str(sip_hdr_name(id)));
	return wr_len(w);
}

void sip_wr_hdr_close(struct wr *w, size_t mark)
{
	if (mark > wr_len(w) ||
	    has_line_end(span_of(w->begin + mark, wr_len(w) - mark), true))
		wr_fail(w);
	wr_str(w, "\r\n");
}

void sip_wr_hdr_u32(struct wr *w, enum sip_hdr_id id, uint32_t value)
{
	size_t mark = sip_wr_hdr_open(w, id);

	wr_dec(w, value);
	sip_wr_hdr_close(w, mark);
}

void sip_wr_hdrf(struct wr *w, enum sip_hdr_id id, const char *fmt, ...)
{
	char text[SIP_HEADER_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		wr_fail(w);
	else
		sip_wr_hdr(w, id, span_of(text, (size_t)n));
}

void sip_wr_cseq(struct wr *w, uint32_t seq, struct span method)
{
	size_t mark = sip_wr_hdr_open(w, SIP_H_CSEQ);

	if (!sip_is_token(method))
		wr_fail(w);
	wr_dec(w, seq);
	wr_u8(w, ' ');
	wr_span(w, method);
	sip_wr_hdr_close(w, mark);
}

static void put_tag(struct wr *w, struct span tag)
{
	if (tag.n == 0)
		return;
	for (size_t i = 0; i < tag.n; i++)
		if (!sip_is(tag.p[i], C_VALUE))
			wr_fail(w);
	wr_str(w, ";tag=");
	wr_span(w, tag);
}

static void put_party(struct wr *w, enum sip_hdr_id id, struct span display,
		      const struct sip_uri *u, struct span tag)
{
	size_t mark = sip_wr_hdr_open(w, id);

	sip_wr_addr(w, display, u, SPAN_NONE);
	put_tag(w, tag);
	sip_wr_hdr_close(w, mark);
}

void sip_wr_from(struct wr *w, struct span display, const struct sip_uri *u,
		 struct span tag)
{
	put_party(w, SIP_H_FROM, display, u, tag);
}

void sip_wr_to(struct wr *w, struct span display, const struct sip_uri *u,
	       struct span tag)
{
	put_party(w, SIP_H_TO, display, u, tag);
}

/* --- copies --- */

static void copy_one(struct wr *w, const struct sip_hdr *h)
{
	put_name(w, h->id == SIP_H_OTHER ? h->name
					 : span_str(sip_hdr_name(h->id)));
	sip_put_unfolded(w, h->value);
	wr_str(w, "\r\n");
}

void sip_wr_copy(struct wr *w, const struct sip_msg *from,
		 enum sip_hdr_id id)
{
	const struct sip_hdr *h;
	size_t it = 0;

	while ((h = sip_hdr_next(from, id, &it)) != NULL)
		copy_one(w, h);
}

void sip_wr_copy_first(struct wr *w, const struct sip_msg *from,
		       enum sip_hdr_id id)
{
	const struct sip_hdr *h = sip_hdr(from, id);

	if (h)
		copy_one(w, h);
}

static void put_param(struct wr *w, const struct sip_param *p)
{
	wr_u8(w, ';');
	wr_span(w, p->name);
	if (!p->has_value)
		return;
	wr_str(w, p->quoted ? "=\"" : "=");
	sip_put_unfolded(w, p->value);
	wr_str(w, p->quoted ? "\"" : "");
}

/* RFC 3261 18.2.1, RFC 3581 4: what the sender believes of himself is
 * completed by where the request came from. */
static void put_top_via(struct wr *w, const struct sip_via *v,
			const struct addr *source)
{
	struct span head = span_of(v->text.p, v->text.n - v->params.n);
	struct span rest = v->params;
	char ip[ADDR_TEXT_MAX];
	struct sip_param p;

	sip_put_unfolded(w, sip_trim(head));
	while (sip_param_next(&rest, &p))
		if (!span_eq_nocase(p.name, SPAN_LIT("received")) &&
		    !span_eq_nocase(p.name, SPAN_LIT("rport")))
			put_param(w, &p);
	if (v->has_rport) {
		wr_str(w, ";rport=");
		wr_dec(w, source->port);
	}
	if (v->has_rport || v->sent_by.kind == SIP_HOST_NAME ||
	    !addr_ip_eq(&v->sent_by.ip, source)) {
		addr_print_ip(source, ip);
		wr_str(w, ";received=");
		wr_str(w, ip);
	}
}

static void copy_vias(struct wr *w, const struct sip_msg *req,
		      const struct addr *source)
{
	const struct sip_hdr *h = sip_hdr(req, SIP_H_VIA);
	struct span rest, top;
	size_t it = 0, mark;

	if (!source || !h) {
		sip_wr_copy(w, req, SIP_H_VIA);
		return;
	}
	rest = h->value;
	(void)sip_value_next(&rest, &top);
	mark = sip_wr_hdr_open(w, SIP_H_VIA);
	put_top_via(w, &req->via, source);
	sip_wr_hdr_close(w, mark);
	while (sip_value_next(&rest, &top)) {
		put_name(w, SPAN_LIT("Via"));
		sip_put_unfolded(w, top);
		wr_str(w, "\r\n");
	}
	(void)sip_hdr_next(req, SIP_H_VIA, &it);
	while ((h = sip_hdr_next(req, SIP_H_VIA, &it)) != NULL)
		copy_one(w, h);
}

static void copy_to(struct wr *w, const struct sip_msg *req, struct span tag)
{
	put_name(w, SPAN_LIT("To"));
	sip_put_unfolded(w, sip_hdr_value(req, SIP_H_TO));
	if (req->to_tag.n == 0)
		put_tag(w, tag);
	wr_str(w, "\r\n");
}

void sip_wr_response(struct wr *w, const struct sip_msg *req, unsigned status,
		     struct span reason, struct span to_tag,
		     const struct addr *source)
{
	sip_wr_status(w, status, reason);
	copy_vias(w, req, source);
	sip_wr_copy_first(w, req, SIP_H_FROM);
	copy_to(w, req, to_tag);
	sip_wr_copy_first(w, req, SIP_H_CALL_ID);
	sip_wr_copy_first(w, req, SIP_H_CSEQ);
	if (status == 100)
		sip_wr_copy_first(w, req, SIP_H_TIMESTAMP);
}

/* --- ACK and CANCEL --- */

static void put_sibling(struct wr *w, const struct sip_msg *invite,
			struct span method, const struct sip_msg *to_of)
{
	size_t mark;

	sip_wr_request(w, method, &invite->uri);
	mark = sip_wr_hdr_open(w, SIP_H_VIA);
	sip_put_unfolded(w, invite->via.text);
	sip_wr_hdr_close(w, mark);
	sip_wr_hdr_u32(w, SIP_H_MAX_FORWARDS, 70);
	sip_wr_copy(w, invite, SIP_H_ROUTE);
	sip_wr_copy_first(w, invite, SIP_H_FROM);
	sip_wr_copy_first(w, to_of, SIP_H_TO);
	sip_wr_copy_first(w, invite, SIP_H_CALL_ID);
	sip_wr_cseq(w, invite->cseq.seq, method);
	sip_wr_no_body(w);
}

void sip_wr_ack_of(struct wr *w, const struct sip_msg *invite,
		   const struct sip_msg *answer)
{
	put_sibling(w, invite, SPAN_LIT("ACK"), answer);
}

void sip_wr_cancel_of(struct wr *w, const struct sip_msg *invite)
{
	put_sibling(w, invite, SPAN_LIT("CANCEL"), invite);
}

/* --- bodies --- */

void sip_wr_body(struct wr *w, const char *content_type, struct span body)
{
	if (body.n > 0)
		sip_wr_hdr_str(w, SIP_H_CONTENT_TYPE, content_type);
	if (body.n > SIP_MESSAGE_MAX) {
		wr_fail(w);
		return;
	}
	sip_wr_hdr_u32(w, SIP_H_CONTENT_LENGTH, (uint32_t)body.n);
	wr_str(w, "\r\n");
	wr_span(w, body);
	if (wr_len(w) > SIP_MESSAGE_MAX)
		wr_fail(w);
}

void sip_wr_no_body(struct wr *w)
{
	sip_wr_body(w, "", SPAN_NONE);
}

void sip_wr_msg(struct wr *w, const struct sip_msg *m)
{
	if (m->is_request)
		sip_wr_request(w, m->method_text, &m->uri);
	else
		put_status(w, m->status, m->reason);
	for (size_t i = 0; i < m->hdrs_n; i++)
		if (m->hdrs[i].id != SIP_H_CONTENT_LENGTH)
			copy_one(w, &m->hdrs[i]);
	sip_wr_hdr_u32(w, SIP_H_CONTENT_LENGTH, (uint32_t)m->body.n);
	wr_str(w, "\r\n");
	wr_span(w, m->body);
	if (wr_len(w) > SIP_MESSAGE_MAX)
		wr_fail(w);
}
