#include "sip/t/fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static int on_send(void *arg, const struct sip_peer *to, struct span bytes)
{
	struct fake *k = arg;
	struct fake_sent *s;

	if (k->send_error)
		return k->send_error;
	if (k->n_sent == FAKE_SENT_MAX)
		return 0;
	s = &k->sent[k->n_sent++];
	s->to = *to;
	/* A quoted NUL may be echoed (RFC 3261 25.1): here it is a dot. */
	for (size_t i = 0; i < sizeof(s->text) - 1 && i < bytes.n; i++)
		s->text[i] = bytes.p[i] ? (char)bytes.p[i] : '.';
	s->text[bytes.n < sizeof(s->text) ? bytes.n : sizeof(s->text) - 1] = 0;
	return 0;
}

static int on_tell(void *arg, enum ipc_type type, const ProtobufCMessage *m)
{
	struct fake *k = arg;
	struct fake_told *t;

	if (k->tell_error)
		return k->tell_error;
	if (k->n_told == FAKE_TOLD_MAX)
		return 0;
	t = &k->told[k->n_told++];
	t->type = type;
	t->n = protobuf_c_message_get_packed_size(m);
	if (t->n > sizeof(t->packed))
		abort();
	(void)protobuf_c_message_pack(m, t->packed);
	t->m = protobuf_c_message_unpack(m->descriptor, NULL, t->n, t->packed);
	return 0;
}

static int on_dial(void *arg, struct face_dial *d, uint64_t now_ns)
{
	struct fake *k = arg;

	(void)now_ns;
	if (k->dial_error)
		return k->dial_error;
	d->peer.flow = ++k->next_flow;
	return 0;
}

static void on_shut(void *arg, int fd)
{
	struct fake *k = arg;

	(void)fd;
	k->shut++;
}

static bool on_may(void *arg, const struct addr *a, bool literal)
{
	(void)arg;
	(void)literal;
	return !addr_is_loopback(a);
}

static bool on_flow(void *arg, uint32_t flow, struct sip_peer *out,
		    struct span *names)
{
	struct fake *k = arg;

	(void)flow;
	*names = span_str(k->names);
	if (out && k->flow_is_there)
		*out = k->tls;
	return k->flow_is_there;
}

static bool on_trunk(void *arg, uint32_t flow, struct span *name)
{
	const struct fake *k = arg;

	(void)flow;
	*name = k->trunk ? span_str(k->trunk) : SPAN_NONE;
	return k->trunk && k->believed;
}

static void on_registered_for(void *arg, const struct sip_peer *p,
			      uint32_t for_s)
{
	struct fake *k = arg;

	(void)p;
	k->n_registered++;
	k->registered_s = for_s;
}

static void on_inside(void *arg, const struct sip_peer *p, bool in)
{
	(void)arg;
	(void)p;
	(void)in;
}

static int on_read(void *arg, struct span sdp, struct span ours,
		   const struct sip_peer *from, struct arena *a,
		   Cv__LegDescription **out, const char **why)
{
	struct fake *k = arg;
	Cv__LegDescription *d = arena_zalloc(a, sizeof(*d));

	(void)ours;
	(void)from;
	(void)why;
	if (!d)
		return E_NOMEM;
	if (sdp.n < 4 || memcmp(sdp.p, "v=0", 3) != 0)
		return E_FORMAT;
	k->sdps++;
	cv__leg_description__init(d);
	d->kbps = (uint32_t)sdp.n;
	*out = d;
	return 0;
}

static int on_write(void *arg, struct span offer, const Cv__LegDescription *d,
		    const struct face_session *s, struct arena *a,
		    struct span *out)
{
	enum { TEXT_BYTES = 1024 };
	char *text = arena_alloc(a, TEXT_BYTES);
	size_t n;

	(void)arg;
	if (!text)
		return E_NOMEM;
	(void)snprintf(text, TEXT_BYTES, "v=0\r\nfake %s %llu kbps %u\r\n",
		       offer.n ? "answer" : "offer",
		       (unsigned long long)s->version, d->kbps);
	for (size_t i = 0; i < d->n_sections && i < 8; i++) {
		const Cv__Section *e = d->sections[i];

		n = strlen(text);
		(void)snprintf(text + n, TEXT_BYTES - n, "%s profile %d label "
			       "%u bfcp %u %u %u port %u\r\n",
			       e->rejected ? "rejected" : "section",
			       (int)e->profile, e->label, e->bfcp_conf,
			       e->bfcp_user, e->bfcp_floor,
			       e->addr ? e->addr->port : 0);
	}
	*out = span_str(text);
	return 0;
}

static void on_wipe(Cv__LegDescription *d)
{
	(void)d;
}

int fake_init(struct fake *k)
{
	struct face_cfg cfg = {
		.ops = {.send = on_send, .tell = on_tell, .dial = on_dial,
			.shut = on_shut, .may_send = on_may, .flow = on_flow,
			.trunk = on_trunk, .inside = on_inside,
			.registered = on_registered_for,
			.sdp_read = on_read,
			.sdp_write = on_write, .sdp_wipe = on_wipe, .arg = k},
	};
	int r;

	memset(k, 0, sizeof(*k));
	k->now_ns = 1000 * NS_PER_S;
	k->names = "";
	k->flow_is_there = true;
	k->next_flow = 100;
	k->peer.transport = CV__SIP_TRANSPORT__SIP_UDP;
	k->tls.transport = CV__SIP_TRANSPORT__SIP_TLS;
	k->tls.flow = 7;
	if (addr_parse(&k->peer.source, SPAN_LIT("192.0.2.7"), 5060) < 0 ||
	    addr_parse(&k->peer.local, SPAN_LIT("192.0.2.1"), 5060) < 0 ||
	    addr_parse(&k->tls.source, SPAN_LIT("192.0.2.8"), 40001) < 0 ||
	    addr_parse(&k->tls.local, SPAN_LIT("192.0.2.1"), 5061) < 0)
		abort();
	r = timer_wheel_new(&k->wheel, k->now_ns);
	cfg.wheel = k->wheel;
	if (!r)
		r = face_new(&k->face, &cfg, k->now_ns);
	if (!r)
		face_core_up(k->face, true, k->now_ns);
	else
		timer_wheel_free(&k->wheel);
	return r;
}

void fake_forget(struct fake *k)
{
	for (size_t i = 0; i < k->n_told; i++)
		if (k->told[i].m)
			protobuf_c_message_free_unpacked(k->told[i].m, NULL);
	k->n_told = k->n_sent = 0;
}

void fake_release(struct fake *k)
{
	face_free(&k->face);
	timer_wheel_free(&k->wheel);
	fake_forget(k);
}

void fake_say(struct fake *k, const struct sip_peer *from, const char *text)
{
	char out[FAKE_BYTES];
	const char *body = strstr(text, "\n\n");
	size_t n = 0, head = body ? (size_t)(body - text) + 1 : strlen(text);
	size_t len = 0;

	body = body ? body + 2 : "";
	for (const char *p = body; *p; p++)
		len += *p == '\n' ? 2 : 1;
	for (size_t i = 0; i < head + strlen(body); i++) {
		char c = i < head ? text[i] : body[i - head];

		if (i == head)
			n += (size_t)snprintf(out + n, sizeof(out) - n,
				"Content-Length: %zu\r\n\r\n", len);
		if (c == '\n')
			out[n++] = '\r';
		out[n++] = c;
	}
	if (!*body)
		n += (size_t)snprintf(out + n, sizeof(out) - n,
				      "Content-Length: 0\r\n\r\n");
	if (from->flow)
		face_message(k->face, from, span_of(out, n), k->now_ns);
	else
		face_datagram(k->face, from, span_of(out, n), k->now_ns);
}

void fake_sayf(struct fake *k, const struct sip_peer *from, const char *fmt,
	       ...)
{
	char text[FAKE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fake_say(k, from, text);
}

void fake_run(struct fake *k, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 10) {
		k->now_ns += 10 * NS_PER_MS;
		(void)timer_wheel_advance(k->wheel, k->now_ns);
		face_turn(k->face);
	}
}

void fake_core(struct fake *k, enum ipc_type type, const ProtobufCMessage *m)
{
	face_core(k->face, type, m, NULL, 0, k->now_ns);
}

const char *fake_last(const struct fake *k, size_t back)
{
	return back < k->n_sent ? k->sent[k->n_sent - 1 - back].text : "";
}

unsigned fake_count(const struct fake *k, const char *part)
{
	unsigned n = 0;

	for (size_t i = 0; i < k->n_sent; i++)
		n += strstr(k->sent[i].text, part) != NULL;
	return n;
}

bool fake_sent_has(const struct fake *k, const char *part)
{
	return fake_count(k, part) > 0;
}

const void *fake_told(struct fake *k, enum ipc_type type)
{
	for (size_t i = k->n_told; i > 0; i--)
		if (k->told[i - 1].type == type)
			return k->told[i - 1].m;
	return NULL;
}

unsigned fake_told_count(const struct fake *k, enum ipc_type type)
{
	unsigned n = 0;

	for (size_t i = 0; i < k->n_told; i++)
		n += k->told[i].type == type;
	return n;
}

const char *fake_hdr(const char *text, const char *name, char *buf, size_t cap)
{
	char want[64];
	const char *p, *end;

	(void)snprintf(want, sizeof(want), "\r\n%s: ", name);
	p = strstr(text, want);
	buf[0] = 0;
	if (!p)
		return buf;
	p += strlen(want);
	end = strchr(p, '\r');
	(void)snprintf(buf, cap, "%.*s", end ? (int)(end - p) : 0, p);
	return buf;
}

const char *fake_to_tag(const char *text, char *buf, size_t cap)
{
	char to[512];
	const char *p = strstr(fake_hdr(text, "To", to, sizeof(to)), ";tag=");

	(void)snprintf(buf, cap, "%s", p ? p + 5 : "");
	return buf;
}
