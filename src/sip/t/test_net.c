/* The face on real sockets of the loopback: TCP, UDP, TLS both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "sip/net.h"

enum { TURNS = 2000, PEM_MAX = 4096 };

static struct {
	struct event_base *base;
	struct event *beat;
	struct timer_wheel *wheel;
	struct face *face;
	struct net *net;
	struct sip_tls *tls;
	EVP_PKEY *key;
	X509 *cert;
	char pem[PEM_MAX];
	size_t n_pem;
	uint16_t port;
	unsigned told, untrusted;
	Cv__SipEnd why;
	bool ended;
	enum net_check check;
	uint32_t checked;		/* the flow that is asked about */
	Cv__SipFault fault;
} w;

/* --- a face that answers OPTIONS -------------------------------------------------- */

static int on_send(void *arg, const struct sip_peer *to, struct span s)
{
	(void)arg;
	return net_send(w.net, to, s);
}

static int on_tell(void *arg, enum ipc_type type, const ProtobufCMessage *m)
{
	(void)arg;
	w.told++;
	if (type == IPC_SIP_ENDED) {
		w.ended = true;
		w.why = ((const Cv__SipEnded *)(const void *)m)->why;
	}
	return 0;
}

static int on_dial(void *arg, struct face_dial *d, uint64_t now_ns)
{
	(void)arg;
	return net_dial(w.net, d, now_ns);
}

static bool on_flow(void *arg, uint32_t flow, struct sip_peer *out,
		    struct span *names)
{
	(void)arg;
	return net_flow(w.net, flow, out, names);
}

static void on_inside(void *arg, const struct sip_peer *p, bool in)
{
	(void)arg;
	net_inside(w.net, p, in);
}

static void on_registered_for(void *arg, const struct sip_peer *p,
			      uint32_t for_s)
{
	(void)arg;
	net_registered(w.net, p, for_s);
}

static void on_shut(void *arg, int fd)
{
	(void)arg;
	close(fd);
}

static enum net_check on_check(void *arg, uint32_t flow, SSL *ssl,
			       uint64_t trunk)
{
	(void)arg;
	(void)ssl;
	(void)trunk;
	w.checked = flow;
	return w.check;
}

static void on_untrusted(void *arg, const struct net_untrusted *u)
{
	(void)arg;
	w.untrusted++;
	w.fault = u->fault;
}

static void on_serving(void *arg, const struct addr *source)
{
	(void)arg;
	(void)source;
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
	if (!*out)
		return E_NOMEM;
	cv__leg_description__init(*out);
	return 0;
}

static void on_wipe(Cv__LegDescription *d)
{
	(void)d;
}

static int on_write(void *arg, struct span offer, const Cv__LegDescription *d,
		    const struct face_session *s, struct arena *a,
		    struct span *out)
{
	(void)arg;
	(void)offer;
	(void)d;
	(void)s;
	(void)a;
	*out = SPAN_LIT("v=0\r\n");
	return 0;
}

/* --- a certificate for localhost --------------------------------------------------- */

static void make_cert(void)
{
	X509_NAME *name;
	X509_EXTENSION *san;
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	w.key = EVP_EC_gen("P-256");
	w.cert = X509_new();
	assert_non_null(w.key);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(w.cert), 1);
	(void)X509_set_version(w.cert, 2);
	(void)X509_gmtime_adj(X509_getm_notBefore(w.cert), -60);
	(void)X509_gmtime_adj(X509_getm_notAfter(w.cert), 86400);
	(void)X509_set_pubkey(w.cert, w.key);
	name = X509_get_subject_name(w.cert);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					 (const unsigned char *)"t", -1, -1, 0);
	(void)X509_set_issuer_name(w.cert, name);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
				  "DNS:localhost,URI:sip:meet.example");
	assert_int_equal(X509_add_ext(w.cert, san, -1), 1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(w.cert, w.key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, w.cert), 1);
	n = BIO_get_mem_data(bio, &p);
	assert_true(n > 0 && n < PEM_MAX);
	memcpy(w.pem, p, (size_t)n);
	w.n_pem = (size_t)n;
	BIO_free(bio);
}

/* --- the world ------------------------------------------------------------------------ */

static int bound(int type, uint16_t *port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6,
				 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin6_port);
	return fd;
}

static int connected(int type)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6,
				 .sin6_addr = IN6ADDR_LOOPBACK_INIT,
				 .sin6_port = htons(w.port)};
	int fd = socket(AF_INET6, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static int open_world(bool trusted)
{
	struct face_cfg fc = {
		.ops = {.send = on_send, .tell = on_tell, .dial = on_dial,
			.flow = on_flow, .inside = on_inside,
			.registered = on_registered_for, .shut = on_shut,
			.sdp_read = on_read, .sdp_write = on_write,
			.sdp_wipe = on_wipe},
	};
	struct net_cfg nc = {.on_serving = on_serving, .check = on_check,
			     .on_untrusted = on_untrusted};
	uint64_t now = clock_mono_ns();

	memset(&w, 0, sizeof(w));
	make_cert();
	w.base = event_base_new();
	w.beat = event_new(w.base, -1, EV_PERSIST, on_beat, NULL);
	assert_int_equal(event_add(w.beat, &(struct timeval){.tv_usec = 2000}),
			 0);
	assert_int_equal(timer_wheel_new(&w.wheel, now), 0);
	fc.wheel = w.wheel;
	assert_int_equal(face_new(&w.face, &fc, now), 0);
	face_core_up(w.face, true, now);
	assert_int_equal(sip_tls_new(&w.tls, span_of(w.pem, w.n_pem), w.key,
				     trusted ? span_of(w.pem, w.n_pem) :
				     SPAN_NONE), 0);
	nc.base = w.base;
	nc.wheel = w.wheel;
	nc.tls = w.tls;
	nc.face = w.face;
	assert_int_equal(net_new(&w.net, &nc), 0);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return open_world(true);
}

static int teardown(void **state)
{
	(void)state;
	net_free(&w.net);
	face_free(&w.face);
	sip_tls_free(&w.tls);
	timer_wheel_free(&w.wheel);
	event_free(w.beat);
	event_base_free(w.base);
	EVP_PKEY_free(w.key);
	X509_free(w.cert);
	return 0;
}

/* Until something happens, or the heart beats: our own end of a connection is
 * not in the loop. */
static void turn(void)
{
	(void)event_base_loop(w.base, EVLOOP_ONCE);
}


/* Until something comes: its length, 0 = closed. */
static ssize_t wait_for(int fd, char *buf, size_t cap)
{
	for (int i = 0; i < TURNS; i++) {
		ssize_t n;

		turn();
		n = recv(fd, buf, cap - 1, 0);
		if (n >= 0) {
			buf[n] = 0;
			return n;
		}
		if (errno != EAGAIN)
			return 0;
	}
	return -1;
}

#define OPTIONS(via, n)                                                       \
	"OPTIONS sip:a@meet.example SIP/2.0\r\nVia: SIP/2.0/" via             \
	" [::1]:5060;rport;branch=z9hG4bK" n "\r\nFrom: <sip:a@b>;tag=1\r\n"  \
	"To: <sip:a@meet.example>\r\nCall-ID: " n "\r\nCSeq: 1 OPTIONS\r\n"   \
	"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* --- tests ------------------------------------------------------------------------------ */

static void test_net__answers_pings_and_pipelined_requests(void **state)
{
	char buf[4096];
	int fd;

	(void)state;
	assert_int_equal(net_listen(w.net, false,
				    bound(SOCK_STREAM, &w.port)), 0);
	fd = connected(SOCK_STREAM);
	put(fd, "\r\n\r\n");
	assert_int_equal(wait_for(fd, buf, sizeof(buf)), 2);
	put(fd, OPTIONS("TCP", "1") OPTIONS("TCP", "2") "OPTIONS sip:");
	assert_true(wait_for(fd, buf, sizeof(buf)) > 0);
	assert_non_null(strstr(buf, "SIP/2.0 200 "));
	assert_int_equal(face_count(w.face, SIP_N_REQUESTS), 2);
	assert_int_equal(net_flows(w.net), 1);
	/* the rest never comes */
	(void)timer_wheel_advance(w.wheel, clock_mono_ns() + 16 * NS_PER_S);
	while (wait_for(fd, buf, sizeof(buf)) > 0)
		;
	assert_int_equal(face_count(w.face, SIP_N_FLOWS_SLOW), 1);
	assert_int_equal(net_flows(w.net), 0);
	close(fd);
}

static void test_net__closes_what_is_no_sip(void **state)
{
	char buf[256];
	int fd;

	(void)state;
	assert_int_equal(net_listen(w.net, false,
				    bound(SOCK_STREAM, &w.port)), 0);
	fd = connected(SOCK_STREAM);
	put(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(wait_for(fd, buf, sizeof(buf)), 0);
	assert_int_equal(face_count(w.face, SIP_N_FLOWS_BAD), 1);
	close(fd);
}

static void test_net__answers_datagrams(void **state)
{
	char buf[4096];
	int fd;

	(void)state;
	assert_int_equal(net_udp(w.net, bound(SOCK_DGRAM, &w.port)), 0);
	fd = connected(SOCK_DGRAM);
	put(fd, OPTIONS("UDP", "1"));
	assert_true(wait_for(fd, buf, sizeof(buf)) > 0);
	assert_ptr_equal(strstr(buf, "SIP/2.0 200 "), buf);
	close(fd);
}

static void shake(SSL *ssl, int *done)
{
	for (int i = 0; i < TURNS && !*done; i++) {
		int r = SSL_do_handshake(ssl), e = SSL_get_error(ssl, r);

		*done = r == 1 ? 1 : e == SSL_ERROR_WANT_READ ||
			e == SSL_ERROR_WANT_WRITE ? 0 : -1;
		turn();
	}
}

static void test_net__speaks_tls_of_1_2_at_least(void **state)
{
	static const struct {
		int max, want;
	} rows[] = {{TLS1_3_VERSION, 1}, {TLS1_2_VERSION, 1},
		    {TLS1_1_VERSION, -1}};

	(void)state;
	assert_int_equal(net_listen(w.net, true,
				    bound(SOCK_STREAM, &w.port)), 0);
	for (size_t i = 0; i < 3; i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		int fd = connected(SOCK_STREAM), done = 0;
		SSL *ssl;

		(void)SSL_CTX_set_min_proto_version(ctx, TLS1_1_VERSION);
		SSL_CTX_set_security_level(ctx, 0);
		(void)SSL_CTX_set_max_proto_version(ctx, rows[i].max);
		ssl = SSL_new(ctx);
		(void)SSL_set_fd(ssl, fd);
		SSL_set_connect_state(ssl);
		shake(ssl, &done);
		assert_int_equal(done, rows[i].want);
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		close(fd);
	}
}

/* Our end of a client's connection: the socket whose peer he is. */
static int other_end(int fd)
{
	struct sockaddr_in6 me = {0}, a;
	socklen_t n = sizeof(me);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&me, &n), 0);
	for (int s = 3; s < 256; s++) {
		n = sizeof(a);
		a.sin6_port = 0;
		if (s != fd && getpeername(s, (struct sockaddr *)&a, &n) == 0 &&
		    a.sin6_port == me.sin6_port)
			return s;
	}
	return -1;
}

static int unread(int fd)
{
	int n = -1;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

/* A loaded kernel hands over late, and takes no more until then. */
static bool update_sent(SSL *ssl, int fd)
{
	enum { LATE_MS = 200 };
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
		return false;
	while (SSL_do_handshake(ssl) != 1)
		if (poll(&p, 1, LATE_MS) != 1)
			return false;
	return true;
}

static int unread_at_last(int fd, int want)
{
	enum { LATE_MS = 2000 };
	const uint64_t since = clock_mono_ns();

	while (unread(fd) < want &&
	       clock_mono_ns() - since < LATE_MS * NS_PER_MS)
		sched_yield();
	return unread(fd);
}

/* Records that carry nothing but new keys (RFC 8446 4.6.3): one turn of the
 * loop may not last until he has no more of them. */
static void test_net__leaves_a_flood_of_key_updates_for_other_turns(void **state)
{
	enum { UPDATES = 2000, LEAST = 100 };
	const int on = 1;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd, ours, done = 0, sent = 0, was;
	SSL *ssl;

	(void)state;
	assert_int_equal(net_listen(w.net, true,
				    bound(SOCK_STREAM, &w.port)), 0);
	fd = connected(SOCK_STREAM);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				    sizeof(on)), 0);
	ssl = SSL_new(ctx);
	(void)SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	shake(ssl, &done);
	assert_int_equal(done, 1);
	ours = other_end(fd);
	assert_true(ours >= 0);
	for (int i = 0; i < 20; i++)
		turn();
	while (sent < UPDATES && update_sent(ssl, fd))
		sent++;
	/* So small ones fill the kernel's buffer before they are all there. */
	was = unread_at_last(ours, LEAST * 20 + 1);
	if (sent <= LEAST || was <= LEAST * 20)
		fail_msg("%d sent, %d bytes unread", sent, was);
	turn();
	assert_int_equal(net_flows(w.net), 1);
	assert_true(unread(ours) > was / 2);
	for (int i = 0; i < 4 * UPDATES && unread(ours) > 0; i++)
		turn();
	assert_int_equal(unread(ours), 0);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
}

static void test_net__keeps_nobody_who_only_pings(void **state)
{
	char buf[16];
	uint64_t since;
	int fd;

	(void)state;
	assert_int_equal(net_listen(w.net, false,
				    bound(SOCK_STREAM, &w.port)), 0);
	fd = connected(SOCK_STREAM);
	put(fd, "\r\n\r\n");
	assert_int_equal(wait_for(fd, buf, sizeof(buf)), 2);
	/* The clock is the real one, and the ping must be later than it came. */
	since = clock_mono_ns();
	while (clock_mono_ns() < since + 500 * NS_PER_MS)
		turn();
	put(fd, "\r\n\r\n");
	assert_int_equal(wait_for(fd, buf, sizeof(buf)), 2);
	assert_int_equal(net_flows(w.net), 1);
	(void)timer_wheel_advance(w.wheel, since + NET_FIRST_S * NS_PER_S +
				  250 * NS_PER_MS);
	assert_int_equal(wait_for(fd, buf, sizeof(buf)), 0);
	assert_int_equal(net_flows(w.net), 0);
	close(fd);
}

/* --- somebody who is asked about ------------------------------------------------- */

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

/* Comes over TLS and says something at once. */
static void come(struct client *c, enum net_check check)
{
	int done = 0;

	w.check = check;
	assert_int_equal(net_listen(w.net, true,
				    bound(SOCK_STREAM, &w.port)), 0);
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->fd = connected(SOCK_STREAM);
	c->ssl = SSL_new(c->ctx);
	(void)SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	shake(c->ssl, &done);
	assert_int_equal(done, 1);
	assert_true(SSL_write(c->ssl, OPTIONS("TLS", "1"),
			      (int)strlen(OPTIONS("TLS", "1"))) > 0);
}

/* An answer: 1, closed: 0, nothing: -1. */
static int hear(struct client *c, int turns)
{
	char buf[4096];

	for (int i = 0; i < turns; i++) {
		int n, e;

		turn();
		n = SSL_read(c->ssl, buf, sizeof(buf));
		if (n > 0)
			return 1;
		e = SSL_get_error(c->ssl, n);
		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
			return 0;
	}
	return -1;
}

static void leave(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

static void test_net__holds_what_is_said_until_it_is_known_who_it_is(
	void **state)
{
	struct client c;

	(void)state;
	come(&c, NET_CHECK_ASKED);
	assert_int_equal(hear(&c, 50), -1);
	assert_int_equal(face_count(w.face, SIP_N_REQUESTS), 0);
	net_checked(w.net, w.checked + 1, CV__SIP_FAULT__SIP_FAULT_NONE, "",
		    clock_mono_ns());
	assert_int_equal(hear(&c, 20), -1);
	net_checked(w.net, w.checked, CV__SIP_FAULT__SIP_FAULT_NONE, "",
		    clock_mono_ns());
	assert_int_equal(hear(&c, TURNS), 1);
	/* said once: a second word is late */
	net_checked(w.net, w.checked, CV__SIP_FAULT__SIP_FAULT_REVOKED, "",
		    clock_mono_ns());
	assert_int_equal(net_flows(w.net), 1);
	leave(&c);
}

static void test_net__who_was_revoked_is_not_heard(void **state)
{
	struct client c;

	(void)state;
	come(&c, NET_CHECK_ASKED);
	assert_int_equal(hear(&c, 20), -1);
	net_checked(w.net, w.checked, CV__SIP_FAULT__SIP_FAULT_REVOKED,
		    "revoked", clock_mono_ns());
	assert_int_equal(hear(&c, TURNS), 0);
	assert_int_equal(face_count(w.face, SIP_N_REQUESTS), 0);
	assert_int_equal(face_count(w.face, SIP_N_CERT_REVOKED), 1);
	assert_int_equal(w.untrusted, 1);
	assert_int_equal(w.fault, CV__SIP_FAULT__SIP_FAULT_REVOKED);
	assert_int_equal(net_flows(w.net), 0);
	leave(&c);
}

/* Whose registration ended rests no longer than anybody. */
static void test_net__a_registration_that_ended_holds_no_connection(
	void **state)
{
	struct sip_peer p = {.transport = CV__SIP_TRANSPORT__SIP_TCP};
	char buf[4096];
	uint64_t now;
	int fd;

	(void)state;
	assert_int_equal(net_listen(w.net, false,
				    bound(SOCK_STREAM, &w.port)), 0);
	fd = connected(SOCK_STREAM);
	put(fd, OPTIONS("TCP", "1"));
	assert_true(wait_for(fd, buf, sizeof(buf)) > 0);
	p.flow = 1;	/* the first connection of all */
	assert_true(net_flow(w.net, p.flow, &p, &(struct span){0}));
	now = clock_mono_ns();
	net_registered(w.net, &p, 3600);
	(void)timer_wheel_advance(w.wheel, now + (NET_IDLE_S + 5) * NS_PER_S);
	assert_int_equal(net_flows(w.net), 1);
	net_registered(w.net, &p, 0);
	(void)timer_wheel_advance(w.wheel, now + (NET_IDLE_S + 10) * NS_PER_S);
	assert_int_equal(wait_for(fd, buf, sizeof(buf)), 0);
	assert_int_equal(net_flows(w.net), 0);
	close(fd);
}

static void test_net__who_cannot_be_asked_about_is_refused(void **state)
{
	struct client c;

	(void)state;
	come(&c, NET_CHECK_FAILED);
	assert_int_equal(hear(&c, TURNS), 0);
	assert_int_equal(face_count(w.face, SIP_N_CERT_UNKNOWN), 1);
	leave(&c);
}

static void test_net__nobody_is_held_for_ever(void **state)
{
	struct client c;

	(void)state;
	come(&c, NET_CHECK_ASKED);
	assert_int_equal(hear(&c, 20), -1);
	(void)timer_wheel_advance(w.wheel, clock_mono_ns() +
				  (NET_CHECK_S + 1) * NS_PER_S);
	assert_int_equal(hear(&c, TURNS), 0);
	assert_int_equal(face_count(w.face, SIP_N_FLOWS_SLOW), 1);
	leave(&c);
}

/* Our own client calls our own server. */
static void dial(const char *name)
{
	Cv__SipDial m = CV__SIP_DIAL__INIT;
	Cv__SipConnected c = CV__SIP_CONNECTED__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	static const uint8_t ip[16] = {[15] = 1};
	int fd;

	assert_int_equal(net_listen(w.net, true,
				    bound(SOCK_STREAM, &w.port)), 0);
	m.req = 1;
	m.uri = ipc_data(SPAN_LIT("sips:a@meet.example"));
	m.from_uri = ipc_data(SPAN_LIT("us@meet.example"));
	m.offer = &leg;
	face_core(w.face, IPC_SIP_DIAL, &m.base, NULL, 0, clock_mono_ns());
	fd = connected(SOCK_STREAM);
	a.ip = ipc_data(span_of(ip, 16));
	a.port = w.port;
	c.req = 1;
	c.address = &a;
	c.transport = CV__SIP_TRANSPORT__SIP_TLS;
	c.name = ipc_data(span_str(name));
	face_core(w.face, IPC_SIP_CONNECTED, &c.base, &fd, 1, clock_mono_ns());
	for (int i = 0; i < TURNS && !w.ended &&
	     !face_count(w.face, SIP_N_REQUESTS); i++)
		turn();
}

static void test_net__calls_who_proves_the_name(void **state)
{
	(void)state;
	dial("localhost");
	assert_false(w.ended);
	assert_int_equal(face_count(w.face, SIP_N_REQUESTS), 1);
	assert_int_equal(net_flows(w.net), 2);
}

static void test_net__sends_nothing_to_another_name(void **state)
{
	(void)state;
	dial("other.example");
	assert_true(w.ended);
	assert_int_equal(w.why, CV__SIP_END__SIP_END_TLS);
	assert_int_equal(face_count(w.face, SIP_N_REQUESTS), 0);
}

static void test_net__sends_nothing_to_who_nobody_vouches_for(void **state)
{
	(void)teardown(state);
	(void)open_world(false);
	dial("localhost");
	assert_true(w.ended);
	assert_int_equal(w.why, CV__SIP_END__SIP_END_TLS);
	assert_int_equal(face_count(w.face, SIP_N_REQUESTS), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_net__answers_pings_and_pipelined_requests),
		T(test_net__closes_what_is_no_sip),
		T(test_net__answers_datagrams),
		T(test_net__speaks_tls_of_1_2_at_least),
		T(test_net__leaves_a_flood_of_key_updates_for_other_turns),
		T(test_net__keeps_nobody_who_only_pings),
		T(test_net__a_registration_that_ended_holds_no_connection),
		T(test_net__holds_what_is_said_until_it_is_known_who_it_is),
		T(test_net__who_was_revoked_is_not_heard),
		T(test_net__who_cannot_be_asked_about_is_refused),
		T(test_net__nobody_is_held_for_ever),
		T(test_net__calls_who_proves_the_name),
		T(test_net__sends_nothing_to_another_name),
		T(test_net__sends_nothing_to_who_nobody_vouches_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
