#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "ua.h"

static const char allow[] = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, "
			    "UPDATE\r\n";

struct text {
	char *p;
	size_t n, size;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, t->size - t->n, fmt, ap);
	va_end(ap);
	t->n += (size_t)n < t->size - t->n ? (size_t)n : t->size - t->n - 1;
}

static void token(char *out, size_t bytes)
{
	unsigned char b[32];

	RAND_bytes(b, (int)bytes);
	for (size_t i = 0; i < bytes; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", b[i]);
}

static bool is_datagram(const struct ua *u)
{
	return strcmp(u->line.kind, "udp") == 0;
}

static void address(const struct ua *u, char out[128])
{
	char host[80];

	(void)snprintf(out, 128, "sip:%s@%s:%u;transport=%s", u->name,
		       line_host(&u->line, host), u->line.port, u->line.kind);
}

void ua_start(struct ua *u)
{
	token(u->call_id, 12);
	token(u->tag, 8);
	u->state = UA_IDLE;
}

/* --- requests ---------------------------------------------------------- */

static void body(struct text *t, const char *sdp)
{
	if (sdp)
		add(t, "Content-Type: application/sdp\r\n");
	add(t, "Content-Length: %zu\r\n\r\n%s", sdp ? strlen(sdp) : 0,
	    sdp ? sdp : "");
}

static void head(struct ua *u, struct text *t, const char *method,
		 unsigned cseq)
{
	char host[80], me[128];

	address(u, me);
	add(t, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s:%u;branch=%s;rport\r\n",
	    method, u->uri, is_datagram(u) ? "UDP" : u->line.ssl ? "TLS"
								 : "TCP",
	    line_host(&u->line, host), u->line.port, u->branch);
	add(t, "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
	    "CSeq: %u %s\r\nContact: <%s>\r\n%s", u->from, u->to, u->call_id,
	    cseq, method, me, allow);
	if (u->state == UA_UP)
		add(t, "%s", u->routes);
}

static void request(struct ua *u, const char *method, const char *extra,
		    const char *sdp)
{
	struct text t = {u->out, 0, sizeof(u->out)};

	(void)snprintf(u->method, sizeof(u->method), "%s", method);
	memcpy(u->branch, "z9hG4bK", 8);
	token(u->branch + 7, 10);
	head(u, &t, method, ++u->cseq);
	add(&t, "%s", extra);
	body(&t, sdp);
	u->out_n = t.n;
	u->wait_ns = is_datagram(u) ? 500 * MS : 0;
	u->again_ns = mono_ns() + u->wait_ns;
	line_send(&u->line, u->out, u->out_n);
}

static void outside(struct ua *u, const char *uri)
{
	(void)snprintf(u->uri, sizeof(u->uri), "%s", uri);
	(void)snprintf(u->from, sizeof(u->from), "<sip:%s@%s>;tag=%s", u->name,
		       u->domain, u->tag);
	(void)snprintf(u->to, sizeof(u->to), "<%s>", uri);
	u->asked = 0;
}

void ua_register(struct ua *u, unsigned seconds)
{
	char uri[200], extra[64];

	(void)snprintf(uri, sizeof(uri), "sip:%s", u->domain);
	outside(u, uri);
	(void)snprintf(u->to, sizeof(u->to), "<sip:%s@%s>", u->name,
		       u->domain);
	(void)snprintf(extra, sizeof(extra), "Expires: %u\r\n", seconds);
	request(u, "REGISTER", extra, NULL);
}

void ua_call(struct ua *u, const char *sdp)
{
	outside(u, u->target);
	u->state = UA_CALLING;
	u->is_inviting = true;
	request(u, "INVITE", "", sdp);
}

void ua_reinvite(struct ua *u, const char *sdp)
{
	u->is_inviting = true;
	request(u, "INVITE", "", sdp);
}

static void ack(struct ua *u, const struct sip_msg *m)
{
	char b[4096], branch[64];
	struct text t = {b, 0, sizeof(b)};

	memcpy(branch, u->branch, sizeof(branch));
	if (m->code < 300)
		token(u->branch + 7, 10);
	(void)snprintf(u->to, sizeof(u->to), "%.599s", sip_line(m, "To", 0));
	head(u, &t, "ACK", m->cseq);
	body(&t, NULL);
	line_send(&u->line, b, t.n);
	memcpy(u->branch, branch, sizeof(branch));
}

void ua_hang_up(struct ua *u)
{
	char b[4096];
	struct text t = {b, 0, sizeof(b)};

	if (u->state == UA_UP) {
		request(u, "BYE", "", NULL);
	} else if (u->state == UA_CALLING) {
		head(u, &t, "CANCEL", u->cseq);
		body(&t, NULL);
		line_send(&u->line, b, t.n);
	} else {
		u->state = UA_OVER;
	}
}

/* --- answers to us ------------------------------------------------------ */

static void over(struct ua *u, unsigned code, const char *reason)
{
	u->state = UA_OVER;
	u->code = code;
	u->again_ns = UINT64_MAX;
	(void)snprintf(u->reason, sizeof(u->reason), "%.63s", reason);
}

static bool challenged(struct ua *u, const struct sip_msg *m)
{
	bool is_proxy = m->code == 407;
	const char *c = NULL;
	char value[2048] = "", extra[2200], method[24];
	const char *sdp = strstr(u->out, "\r\n\r\n") + 4;
	static char copy[SIP_MAX];

	if (!u->user || u->asked++ >= 2)
		return false;
	for (unsigned i = 0; !value[0] &&
	     (c = sip_line(m, is_proxy ? "Proxy-Authenticate"
				       : "WWW-Authenticate", i)); i++)
		sip_digest(value, sizeof(value), c, u->method, u->uri, u->user,
			   u->pass);
	if (!value[0])
		return false;
	(void)snprintf(extra, sizeof(extra), "%sAuthorization: %s\r\n%s",
		       is_proxy ? "Proxy-" : "", value,
		       strcmp(u->method, "REGISTER") == 0
			       ? "Expires: 3600\r\n" : "");
	(void)snprintf(copy, sizeof(copy), "%s", sdp);
	memcpy(method, u->method, sizeof(method));
	request(u, method, extra, copy[0] ? copy : NULL);
	return true;
}

/* Where requests of the dialog go: Contact, and Record-Route. */
static void dialog(struct ua *u, const struct sip_msg *m)
{
	const char *c = sip_line(m, "Contact", 0), *r;
	struct text t = {u->routes, 0, sizeof(u->routes)};
	unsigned n = 0;

	u->routes[0] = 0;
	while (sip_line(m, "Record-Route", n))
		n++;
	for (unsigned i = 0; i < n; i++) {
		r = sip_line(m, "Record-Route", u->is_called ? i : n - 1 - i);
		add(&t, "Route: %s\r\n", r);
	}
	if (c && sscanf(c, "%*[^<]<%511[^>]>", u->uri) != 1 &&
	    sscanf(c, "<%511[^>]>", u->uri) != 1)
		(void)sscanf(c, "%511[^; ]", u->uri);
}

static void stands(struct ua *u)
{
	if (u->state == UA_UP)
		return;
	u->state = UA_UP;
	u->fns->up(u->arg);
}

static void invited(struct ua *u, const struct sip_msg *m)
{
	const char *wrong = NULL;
	bool is_first = u->state == UA_CALLING;

	if (m->code >= 300) {
		ack(u, m);
		if ((m->code == 401 || m->code == 407) && challenged(u, m))
			return;
		if (is_first)
			over(u, m->code, m->first + 12);
		else
			u->code = m->code;
		return;
	}
	dialog(u, m);
	if (m->cseq == u->cseq && u->is_inviting)
		wrong = u->fns->answer(u->arg, m->body);
	u->is_inviting = false;
	u->again_ns = UINT64_MAX;
	ack(u, m);
	if (wrong) {
		u->state = UA_UP;
		ua_hang_up(u);
		over(u, 0, wrong);
		return;
	}
	stands(u);
}

static void answered(struct ua *u, const struct sip_msg *m)
{
	if (strcmp(m->method, "INVITE") == 0 && m->code >= 200) {
		invited(u, m);
		return;
	}
	if (m->cseq != u->cseq)
		return;
	if (m->code < 200) {
		u->again_ns = UINT64_MAX;
		return;
	}
	u->again_ns = UINT64_MAX;
	if (strcmp(m->method, "BYE") == 0) {
		over(u, m->code, "hung up");
	} else if (strcmp(m->method, "REGISTER") == 0) {
		if ((m->code == 401 || m->code == 407) && challenged(u, m))
			return;
		u->code = m->code;
		u->registered += m->code == 200;
		if (m->code != 200)
			over(u, m->code, m->first + 12);
	}
}

/* --- requests to us ----------------------------------------------------- */

static void say(struct ua *u, const struct sip_msg *m, const char *line,
		const char *sdp)
{
	const char *v, *to = sip_line(m, "To", 0);
	struct text t = {u->said, 0, sizeof(u->said)};
	char me[128];

	address(u, me);
	add(&t, "SIP/2.0 %s\r\n", line);
	for (unsigned i = 0; (v = sip_line(m, "Via", i)); i++)
		add(&t, "Via: %s\r\n", v);
	for (unsigned i = 0; (v = sip_line(m, "Record-Route", i)); i++)
		add(&t, "Record-Route: %s\r\n", v);
	add(&t, "From: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
	    "Contact: <%s>\r\n%s", sip_line(m, "From", 0), to,
	    strstr(to, "tag=") ? "" : ";tag=", strstr(to, "tag=") ? "" : u->tag,
	    sip_line(m, "Call-ID", 0), m->cseq, m->method, me, allow);
	body(&t, sdp);
	u->said_n = t.n;
	line_send(&u->line, u->said, t.n);
}

/* The caller becomes the one that our requests of the dialog go to. */
static void take_dialog(struct ua *u, const struct sip_msg *m)
{
	(void)snprintf(u->call_id, sizeof(u->call_id), "%.63s",
		       sip_line(m, "Call-ID", 0));
	(void)snprintf(u->to, sizeof(u->to), "%.599s", sip_line(m, "From", 0));
	(void)snprintf(u->from, sizeof(u->from), "%.560s;tag=%s",
		       sip_line(m, "To", 0), u->tag);
	u->is_called = true;
	dialog(u, m);
}

static void on_invite(struct ua *u, const struct sip_msg *m)
{
	bool is_again = u->state == UA_UP || u->state == UA_RINGING;
	const char *sdp;

	if (is_again && strncmp(sip_line(m, "Call-ID", 0), u->call_id,
				strlen(u->call_id)) != 0) {
		say(u, m, "486 Busy Here", NULL);
		return;
	}
	if (u->awaits_ack) {		/* the same once more */
		line_send(&u->line, u->said, u->said_n);
		return;
	}
	sdp = u->fns->offer(u->arg, m->n_body ? m->body : NULL);
	if (!sdp) {
		say(u, m, "488 Not Acceptable Here", NULL);
		return;
	}
	if (!is_again) {
		take_dialog(u, m);
		u->state = UA_RINGING;
	} else {
		u->reinvites++;
	}
	u->has_body_in_ack = m->n_body == 0;
	say(u, m, "200 OK", sdp);
	u->awaits_ack = true;
	u->wait_ns = 500 * MS;
	u->again_ns = mono_ns() + u->wait_ns;
}

static void on_ack(struct ua *u, const struct sip_msg *m)
{
	if (!u->awaits_ack)
		return;
	u->awaits_ack = false;
	u->again_ns = UINT64_MAX;
	if (u->has_body_in_ack)
		(void)u->fns->answer(u->arg, m->body);
	stands(u);
}

static void on_update(struct ua *u, const struct sip_msg *m)
{
	const char *sdp = NULL;

	u->updates++;
	if (m->n_body && !(sdp = u->fns->offer(u->arg, m->body)))
		say(u, m, "488 Not Acceptable Here", NULL);
	else
		say(u, m, "200 OK", sdp);
}

static void requested(struct ua *u, const struct sip_msg *m)
{
	if (strcmp(m->method, "INVITE") == 0) {
		on_invite(u, m);
	} else if (strcmp(m->method, "ACK") == 0) {
		on_ack(u, m);
	} else if (strcmp(m->method, "UPDATE") == 0) {
		on_update(u, m);
	} else if (strcmp(m->method, "BYE") == 0) {
		const char *why = sip_line(m, "Reason", 0);

		say(u, m, "200 OK", NULL);
		over(u, 0, why ? why : "BYE");
	} else if (strcmp(m->method, "CANCEL") == 0) {
		say(u, m, "200 OK", NULL);
		over(u, 487, "CANCEL");
	} else if (strcmp(m->method, "INFO") == 0) {
		u->infos++;
		if (m->body && strstr(m->body, "picture_fast_update"))
			u->fns->picture(u->arg);
		say(u, m, "200 OK", NULL);
	} else if (strcmp(m->method, "OPTIONS") == 0) {
		u->options++;
		say(u, m, "200 OK", NULL);
	} else {
		say(u, m, "405 Method Not Allowed", NULL);
	}
}

void ua_message(void *arg, char *p, size_t n)
{
	struct ua *u = arg;
	struct sip_msg m;
	const char *wrong;

	wrong = sip_read(&m, p, n);

	if (wrong) {
		over(u, 0, wrong);
		return;
	}
	if (m.is_request)
		requested(u, &m);
	else
		answered(u, &m);
}

/* Over datagrams what was lost is said again, for 32 s (RFC 3261 17). */
void ua_timers(struct ua *u, uint64_t now)
{
	if (!u->wait_ns || now < u->again_ns)
		return;
	if (u->wait_ns > 32 * SEC) {
		over(u, 408, "no answer");
		return;
	}
	if (u->awaits_ack)
		line_send(&u->line, u->said, u->said_n);
	else if (is_datagram(u))
		line_send(&u->line, u->out, u->out_n);
	u->wait_ns *= 2;
	u->again_ns = now + u->wait_ns;
}
