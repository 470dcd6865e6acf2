/* What a message costs the face, over a real UDP socket of the loopback: the
 * CPU time of this process in the receiving half. And the memory of dialogs.
 *
 *	bench_sip [messages] [dialogs]
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/source.h"
#include "sip/net.h"

enum { MESSAGES = 60000, DIALOGS = 10000, BURST = 128, TEXT = 2048, ROUNDS = 3 };

struct bench {
	struct event_base *base;
	struct timer_wheel *wheel;
	struct face *face;
	struct net *net;
	int tx, rx;
	bool mute;			/* answers are not sent */
	uint64_t last_call;
	uint64_t calls[BURST];		/* that core has been asked about */
	size_t n_calls;
	char tag[64];
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int on_send(void *arg, const struct sip_peer *to, struct span s)
{
	struct bench *b = arg;
	const char *p;

	if (!b->mute)
		return net_send(b->net, to, s);
	p = memmem(s.p, s.n, "\r\nTo: ", 6);
	p = p ? strstr(p, ";tag=") : NULL;
	if (p)
		(void)snprintf(b->tag, sizeof(b->tag), "%.16s", p + 5);
	return 0;
}

static int on_tell(void *arg, enum ipc_type type, const ProtobufCMessage *m)
{
	struct bench *b = arg;
	uint8_t packed[8192];

	/* As the channel would. */
	if (protobuf_c_message_get_packed_size(m) <= sizeof(packed))
		(void)protobuf_c_message_pack(m, packed);
	if (type == IPC_SIP_INVITE) {
		b->last_call = ((const Cv__SipInvite *)(const void *)m)->call;
		if (b->n_calls < BURST)
			b->calls[b->n_calls++] = b->last_call;
	}
	return 0;
}

static bool on_may(void *arg, const struct addr *a, bool literal)
{
	(void)arg;
	(void)a;
	(void)literal;
	return true;
}

static bool on_flow(void *arg, uint32_t flow, struct sip_peer *out,
		    struct span *names)
{
	(void)arg;
	(void)flow;
	(void)out;
	*names = SPAN_NONE;
	return false;
}

static void on_registered_for(void *arg, const struct sip_peer *p,
			      uint32_t for_s)
{
	(void)arg;
	(void)p;
	(void)for_s;
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
	(void)arg;
	(void)sdp;
	(void)ours;
	(void)from;
	(void)why;
	*out = arena_zalloc(a, sizeof(**out));
	cv__leg_description__init(*out);
	return 0;
}

static char answer_sdp[600];

static int on_write(void *arg, struct span offer, const Cv__LegDescription *d,
		    const struct face_session *s, struct arena *a,
		    struct span *out)
{
	(void)arg;
	(void)offer;
	(void)d;
	(void)s;
	(void)a;
	*out = span_of(answer_sdp, sizeof(answer_sdp));
	return 0;
}

static void on_wipe(Cv__LegDescription *d)
{
	(void)d;
}

static void on_serving(void *arg, const struct addr *source)
{
	(void)arg;
	(void)source;
}

static void open_face(struct bench *b)
{
	const struct source_limits none = {
		.rate = {{UINT32_MAX / 2, UINT32_MAX / 2},
			 {UINT32_MAX / 2, UINT32_MAX / 2},
			 {UINT32_MAX / 2, UINT32_MAX / 2},
			 {UINT32_MAX / 2, UINT32_MAX / 2}},
		.total = {{UINT32_MAX / 2, UINT32_MAX / 2},
			  {UINT32_MAX / 2, UINT32_MAX / 2},
			  {UINT32_MAX / 2, UINT32_MAX / 2},
			  {UINT32_MAX / 2, UINT32_MAX / 2}},
		.held = {1 << 20, 1 << 20, 1 << 20, 1 << 20},
		.total_held = {1 << 20, 1 << 20, 1 << 20, 1 << 20},
	};
	struct face_cfg cfg = {
		.ops = {.send = on_send, .tell = on_tell, .may_send = on_may,
			.flow = on_flow, .inside = on_inside,
			.registered = on_registered_for,
			.sdp_read = on_read, .sdp_write = on_write,
			.sdp_wipe = on_wipe, .arg = b},
	};
	uint64_t now = clock_mono_ns();

	if (timer_wheel_new(&b->wheel, now) < 0)
		abort();
	cfg.wheel = b->wheel;
	if (face_new(&b->face, &cfg, now) < 0)
		abort();
	face_limits(b->face, &none, now);
	face_core_up(b->face, true, now);
}

static int udp6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6,
				 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 1 << 22;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
	return fd;
}

static void open_net(struct bench *b)
{
	struct net_cfg cfg = {.on_serving = on_serving, .arg = b};
	struct sockaddr_in6 a;
	socklen_t n = sizeof(a);

	b->base = event_base_new();
	b->rx = udp6();
	b->tx = udp6();
	if (getsockname(b->rx, (struct sockaddr *)&a, &n) < 0 ||
	    connect(b->tx, (struct sockaddr *)&a, n) < 0)
		abort();
	cfg.base = b->base;
	cfg.wheel = b->wheel;
	cfg.face = b->face;
	if (net_new(&b->net, &cfg) < 0 || net_udp(b->net, b->rx) < 0)
		abort();
}

static size_t invite(char *text, unsigned i, const char *agent)
{
	static const char body[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\n";

	return (size_t)snprintf(text, TEXT,
		"INVITE sip:100%u@meet.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK%u\r\n"
		"Max-Forwards: 70\r\nFrom: \"A\" <sip:a@x.example>;tag=%u\r\n"
		"To: <sip:100@meet.example>\r\nCall-ID: %u@192.0.2.7\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.7:5060>\r\n"
		"User-Agent: %s\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n"
		"Supported: timer\r\nContent-Type: application/sdp\r\n"
		"Content-Length: %zu\r\n\r\n%s", i, i, i, i, agent,
		sizeof(body) - 1, body);
}

/* Bursts are put into the socket first, and not counted. */
static double run(struct bench *b, unsigned n, const char *agent)
{
	uint64_t spent = 0, from;
	char text[TEXT], drain[TEXT];

	for (unsigned i = 0; i < n; ) {
		for (unsigned k = 0; k < BURST && i < n; k++, i++) {
			size_t len = invite(text, i, agent);

			(void)!send(b->tx, text, len, 0);
		}
		from = cpu_ns();
		(void)event_base_loop(b->base, EVLOOP_NONBLOCK);
		spent += cpu_ns() - from;
		while (recv(b->tx, drain, sizeof(drain), 0) > 0)
			;
	}
	return (double)spent / n / 1000;
}

/* Core's word by way of its message. */
static double run_asked(struct bench *b, unsigned n)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	uint64_t spent = 0, from;
	char text[TEXT], drain[TEXT];

	v.decision = CV__SIP_DECISION__SIP_CHALLENGE;
	for (unsigned i = 0; i < n; ) {
		for (unsigned k = 0; k < BURST && i < n; k++, i++)
			(void)!send(b->tx, text, invite(text, i, "phone"), 0);
		b->n_calls = 0;
		from = cpu_ns();
		(void)event_base_loop(b->base, EVLOOP_NONBLOCK);
		for (size_t k = 0; k < b->n_calls; k++) {
			v.call = b->calls[k];
			face_core(b->face, IPC_SIP_VERDICT, &v.base, NULL, 0,
				  clock_mono_ns());
		}
		spent += cpu_ns() - from;
		while (recv(b->tx, drain, sizeof(drain), 0) > 0)
			;
	}
	return (double)spent / n / 1000;
}

static void call_up(struct bench *b, const struct sip_peer *p, unsigned i,
		    uint64_t now)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;
	char text[TEXT];

	face_datagram(b->face, p, span_of(text, invite(text, i, "phone")), now);
	v.call = b->last_call;
	v.decision = CV__SIP_DECISION__SIP_ANSWER;
	v.answer = &leg;
	face_core(b->face, IPC_SIP_VERDICT, &v.base, NULL, 0, now);
	face_datagram(b->face, p, span_of(text, (size_t)snprintf(text, TEXT,
		"ACK sip:c@192.0.2.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa%u\r\n"
		"Max-Forwards: 70\r\nFrom: \"A\" <sip:a@x.example>;tag=%u\r\n"
		"To: <sip:100@meet.example>;tag=%s\r\nCall-ID: %u@192.0.2.7\r\n"
		"CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n", i, i, b->tag, i)),
		now);
}

static void figure(const char *name, double value, const char *unit,
		   double target)
{
	(void)printf("%s %.2f %s %.1f %s\n", name, value, unit, target,
		     value <= target ? "pass" : "fail");
}

static void dialogs(struct bench *b, unsigned n)
{
	struct sip_peer p = {.transport = CV__SIP_TRANSPORT__SIP_UDP};
	uint64_t now = clock_mono_ns(), from = cpu_ns();
	struct mallinfo2 before = mallinfo2();

	(void)addr_parse(&p.source, SPAN_LIT("192.0.2.7"), 5060);
	(void)addr_parse(&p.local, SPAN_LIT("192.0.2.1"), 5060);
	b->mute = true;
	for (unsigned i = 0; i < n; i++)
		call_up(b, &p, i, now);
	(void)printf("sip_call_set_up %.1f us - info\n",
		     (double)(cpu_ns() - from) / n / 1000);
	/* Their transactions have gone. */
	for (int i = 0; i < 40; i++) {
		now += NS_PER_S;
		(void)timer_wheel_advance(b->wheel, now);
		face_turn(b->face);
	}
	figure("sip_idle_dialog",
	       (double)(mallinfo2().uordblks + mallinfo2().hblkhd -
			before.uordblks - before.hblkhd) /
	       (double)face_calls(b->face) / 1024, "KB", 12);
}

/* The best of some rounds: what others do with the machine is not ours. */
static double best(struct bench *b, unsigned n, const char *agent)
{
	double least = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		double us = agent ? run(b, n / ROUNDS, agent) :
			    run_asked(b, n / ROUNDS);

		least = us < least ? us : least;
	}
	return least;
}

int main(int argc, char **argv)
{
	static struct bench b;
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : MESSAGES;
	unsigned d = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : DIALOGS;

	memset(answer_sdp, 'x', sizeof(answer_sdp));
	open_face(&b);
	open_net(&b);
	figure("sip_soft_filter", best(&b, n, "friendly-scanner"), "us", 2.5);
	face_core_up(b.face, false, clock_mono_ns());
	figure("sip_stateless_503", best(&b, n, "phone"), "us", 6);
	face_core_up(b.face, true, clock_mono_ns());
	face_settings(b.face)->challenge_first = true;
	figure("sip_challenge_stateless", best(&b, n, "phone"), "us", 15);
	face_settings(b.face)->challenge_first = false;
	figure("sip_challenge_by_core", best(&b, n, NULL), "us", 15);
	dialogs(&b, d);
	return 0;
}
