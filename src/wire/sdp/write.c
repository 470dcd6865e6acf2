#include <stdarg.h>
#include <stdio.h>
#include "wire/sdp/sdp_int.h"

/* Text that may stand in a line: what would end the line fails the writer. */
static void put_text(struct wr *w, struct span s)
{
	if (s.n > SDP_LINE_MAX ||
	    (s.n > 0 && (memchr(s.p, '\n', s.n) || memchr(s.p, '\r', s.n) ||
			 memchr(s.p, 0, s.n))))
		wr_fail(w);
	else if (s.n > 0)
		wr_span(w, s);
}

/* One word of a line: not empty, and no space in it. */
static void put_word(struct wr *w, struct span s)
{
	if (s.n == 0 || memchr(s.p, ' ', s.n))
		wr_fail(w);
	else
		put_text(w, s);
}

static void put_sp_word(struct wr *w, struct span s)
{
	wr_u8(w, ' ');
	put_word(w, s);
}

static void end_line(struct wr *w)
{
	wr_str(w, "\r\n");
}

static void put_net(struct wr *w, struct span addr, bool ip6)
{
	wr_str(w, ip6 ? "IN IP6" : "IN IP4");
	put_sp_word(w, addr);
}

void sdp_wr_session(struct wr *w, uint64_t sess_id, uint64_t version,
		    struct span addr, bool ip6)
{
	wr_str(w, "v=0\r\no=- ");
	wr_dec(w, sess_id);
	wr_u8(w, ' ');
	wr_dec(w, version);
	wr_u8(w, ' ');
	put_net(w, addr, ip6);
	wr_str(w, "\r\ns=-\r\nt=0 0\r\n");
}

void sdp_wr_media(struct wr *w, struct span media, uint16_t port,
		  struct span proto, struct span fmts)
{
	wr_str(w, "m=");
	put_word(w, media);
	wr_u8(w, ' ');
	wr_dec(w, port);
	put_sp_word(w, proto);
	wr_u8(w, ' ');
	if (fmts.n == 0)
		wr_fail(w);
	put_text(w, fmts);
	end_line(w);
}

void sdp_wr_conn(struct wr *w, struct span addr, bool ip6)
{
	wr_str(w, "c=");
	put_net(w, addr, ip6);
	end_line(w);
}

void sdp_wr_bw(struct wr *w, const char *type, uint64_t value)
{
	if (value == 0)
		return;
	wr_str(w, "b=");
	put_word(w, span_str(type));
	wr_u8(w, ':');
	wr_dec(w, value);
	end_line(w);
}

static void put_name(struct wr *w, const char *name)
{
	wr_str(w, "a=");
	if (!sdp_is_token(span_str(name)))
		wr_fail(w);
	wr_str(w, name);
}

/* "a=name:" */
static void put_value(struct wr *w, const char *name)
{
	put_name(w, name);
	wr_u8(w, ':');
}

void sdp_wr_flag(struct wr *w, const char *name)
{
	put_name(w, name);
	end_line(w);
}

void sdp_wr_attr(struct wr *w, const char *name, struct span value)
{
	put_value(w, name);
	put_text(w, value);
	end_line(w);
}

void sdp_wr_attrf(struct wr *w, const char *name, const char *fmt, ...)
{
	char text[SDP_LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		wr_fail(w);
	else
		sdp_wr_attr(w, name, span_of(text, (size_t)n));
}

void sdp_wr_rtcp(struct wr *w, uint16_t port)
{
	sdp_wr_attrf(w, "rtcp", "%u", port);
}

void sdp_wr_dir(struct wr *w, enum sdp_dir dir)
{
	sdp_wr_flag(w, sdp_dir_names[dir & 3]);
}

void sdp_wr_setup(struct wr *w, enum sdp_setup setup)
{
	if (setup <= SDP_SETUP_NONE || setup > SDP_HOLDCONN)
		wr_fail(w);
	else
		sdp_wr_attr(w, "setup", span_str(sdp_setup_names[setup]));
}

void sdp_wr_rtpmap(struct wr *w, const struct sdp_rtpmap *m)
{
	put_value(w, "rtpmap");
	wr_dec(w, m->pt);
	put_sp_word(w, m->name);
	wr_u8(w, '/');
	wr_dec(w, m->clock_hz);
	if (m->channels > 1) {
		wr_u8(w, '/');
		wr_dec(w, m->channels);
	}
	end_line(w);
}

void sdp_wr_rtcp_fb(struct wr *w, uint8_t pt, const char *type,
		    const char *param)
{
	put_value(w, "rtcp-fb");
	wr_dec(w, pt);
	put_sp_word(w, span_str(type));
	if (param && param[0]) {
		wr_u8(w, ' ');
		put_text(w, span_str(param));
	}
	end_line(w);
}

void sdp_wr_extmap(struct wr *w, const struct sdp_extmap *e)
{
	put_value(w, "extmap");
	wr_dec(w, e->id);
	if (e->dir != SDP_SENDRECV) {
		wr_u8(w, '/');
		wr_str(w, sdp_dir_names[e->dir & 3]);
	}
	put_sp_word(w, e->uri);
	if (e->attrs.n > 0) {
		wr_u8(w, ' ');
		put_text(w, e->attrs);
	}
	end_line(w);
}

void sdp_wr_fingerprint(struct wr *w, const struct sdp_fingerprint *f)
{
	static const char hex[] = "0123456789ABCDEF";

	if (f->hash <= SDP_HASH_OTHER || f->hash > SDP_SHA512 || f->n == 0 ||
	    f->n > sizeof(f->v)) {
		wr_fail(w);
		return;
	}
	put_value(w, "fingerprint");
	wr_str(w, sdp_hash_names[f->hash]);
	for (size_t i = 0; i < f->n; i++) {
		wr_u8(w, i ? ':' : ' ');
		wr_u8(w, (uint8_t)hex[f->v[i] >> 4]);
		wr_u8(w, (uint8_t)hex[f->v[i] & 15]);
	}
	end_line(w);
}

void sdp_wr_candidate(struct wr *w, const struct sdp_candidate *c)
{
	static const char *const types[4] = {"host", "srflx", "prflx", "relay"};

	put_value(w, "candidate");
	put_word(w, c->foundation);
	wr_u8(w, ' ');
	wr_dec(w, c->component);
	wr_str(w, c->tcp ? " tcp " : " udp ");
	wr_dec(w, c->priority);
	put_sp_word(w, c->addr);
	wr_u8(w, ' ');
	wr_dec(w, c->port);
	wr_str(w, " typ ");
	wr_str(w, types[c->type & 3]);
	if (c->tcptype.n > 0) {
		wr_str(w, " tcptype");
		put_sp_word(w, c->tcptype);
	}
	if (c->ufrag.n > 0) {
		wr_str(w, " ufrag");
		put_sp_word(w, c->ufrag);
	}
	end_line(w);
}
