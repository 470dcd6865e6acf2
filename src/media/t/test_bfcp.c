/* Datagrams of BFCP in a whole worker: a device on 127.0.0.1, a core over a
 * socketpair that plays the face. Waits end with what is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "media/media.h"

enum { ROOM = 7, LEG = 100, WAIT_MS = 8000, SAID_MAX = 1500 };

static const uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
				     127, 0, 0, 1};
/* Hello of conference 1, user 2 */
static const uint8_t hello[] = {0x40, 11, 0, 0, 0, 0, 0, 1, 0, 1, 0, 2};

struct world {
	struct media *m;
	struct ipc_chan *core;
	unsigned answers, refused, came, dead;
	bool is_taken, has_dtls;	/* the BFCP section of the answer */
	uint16_t port;
	uint8_t fingerprint[32];
	uint8_t last[SAID_MAX];
	size_t last_n;
	/* the device */
	int fd;
	uint16_t own;
	uint8_t heard[SAID_MAX];
	size_t heard_n;
	unsigned heards;
	struct dtls_env *env;
	struct dtls *dtls;
};

static int bound(int type, uint16_t *port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t n = sizeof(a);
	int off = 0, fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	if (port)
		*port = ntohs(a.sin6_port);
	return fd;
}

static void note_section(struct world *w, const Cv__Section *s)
{
	w->is_taken = !s->rejected;
	w->port = s->addr ? (uint16_t)s->addr->port : 0;
	w->has_dtls = s->fingerprint_sha256.len == 32;
	if (w->has_dtls)
		memcpy(w->fingerprint, s->fingerprint_sha256.data, 32);
}

static void core_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		     const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct world *w = arg;

	(void)ch;
	(void)fds;
	(void)n;
	if (type == IPC_LEG_ANSWER) {
		const Cv__LegAnswer *a = (const void *)msg;

		w->answers++;
		w->refused += !a->ok;
		if (a->ok && a->answer && a->answer->n_sections == 2)
			note_section(w, a->answer->sections[1]);
	} else if (type == IPC_LEG_BFCP) {
		const Cv__LegBfcp *b = (const void *)msg;

		assert_true(b->leg == LEG);
		assert_true(b->datagram.len <= SAID_MAX);
		w->came++;
		w->last_n = b->datagram.len;
		if (w->last_n)
			memcpy(w->last, b->datagram.data, w->last_n);
	} else if (type == IPC_LEG_STATE) {
		const Cv__LegState *s = (const void *)msg;

		w->dead += s->phase == CV__LEG_PHASE__LEG_GONE;
	}
}

static void core_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
	fail_msg("the channel fell");
}

static void world_init(struct world *w)
{
	struct media_cfg cfg = {.is_loopback = true};
	struct ipc_chan_cfg ch = {.self = ROLE_CORE, .peer = ROLE_MEDIA,
				  .on_msg = core_msg, .on_down = core_down,
				  .arg = w};
	Cv__RoomOpen o = CV__ROOM_OPEN__INIT;
	int pair[2];

	memset(w, 0, sizeof(*w));
	cfg.udp_fd = bound(SOCK_DGRAM, NULL);
	cfg.tcp_fd = bound(SOCK_STREAM, NULL);
	assert_int_equal(media_new(&w->m, &cfg), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	ch.fd = pair[0];
	assert_int_equal(ipc_chan_new(&w->core, &ch), 0);
	control_link(w->m, pair[1], 0);
	o.room = ROOM;
	assert_int_equal(ipc_send(w->core, ROOM_OPEN, &o), 0);
	w->fd = bound(SOCK_DGRAM, &w->own);
}

static void world_release(struct world *w)
{
	dtls_free(&w->dtls);
	dtls_env_free(&w->env);
	close(w->fd);
	media_free(&w->m);
	ipc_chan_free(&w->core);
}

static void send_to(void *arg, struct span s)
{
	struct world *w = arg;
	struct addr to = {.port = w->port};
	struct sockaddr_storage ss;
	socklen_t n;

	memcpy(to.ip, loopback, 16);
	addr_to_sockaddr(&to, &ss, &n);
	(void)sendto(w->fd, s.p, s.n, 0, (struct sockaddr *)&ss, n);
}

static void hear(void *arg, struct span s)
{
	struct world *w = arg;

	w->heards++;
	w->heard_n = s.n;
	memcpy(w->heard, s.p, s.n);
}

static void turn(struct world *w)
{
	uint8_t buf[SAID_MAX];
	ssize_t n;

	media_turn(w->m, 1);
	(void)ipc_chan_input(w->core, 64);
	while ((n = recv(w->fd, buf, sizeof(buf), 0)) > 0) {
		if (w->dtls)
			(void)dtls_input(w->dtls, span_of(buf, (size_t)n));
		else
			hear(w, span_of(buf, (size_t)n));
	}
	if (w->dtls)
		(void)dtls_timer(w->dtls);
}

#define UNTIL(w, cond)                                                        \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			turn(w);                                              \
		assert_true(cond);                                            \
	} while (0)

/* An offer of sound and of floor control. */
static void open_leg(struct world *w, Cv__RtpProfile p, Cv__CryptoMode mode,
		     const uint8_t *fingerprint)
{
	Cv__LegOpen o = CV__LEG_OPEN__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__Section audio = CV__SECTION__INIT, bfcp = CV__SECTION__INIT;
	Cv__Section *all[] = {&audio, &bfcp};
	Cv__Codec pcma = CV__CODEC__INIT, *codecs[] = {&pcma};
	Cv__Addr at = CV__ADDR__INIT, floor = CV__ADDR__INIT;
	uint8_t ip[16], key[30] = {1};
	Cv__SdesKey sdes = CV__SDES_KEY__INIT, *keys[] = {&sdes};

	memcpy(ip, loopback, 16);
	pcma.name = CV__CODEC_NAME__CODEC_PCMA;
	pcma.pt = 8;
	pcma.clock_hz = 8000;
	at.ip = floor.ip = (ProtobufCBinaryData){16, ip};
	at.port = 40000;
	floor.port = w->own;
	audio.kind = CV__MEDIA_KIND__KIND_AUDIO;
	audio.profile = mode == CV__CRYPTO_MODE__CRYPTO_ON
		? CV__RTP_PROFILE__PROFILE_SAVP
		: CV__RTP_PROFILE__PROFILE_AVP;
	sdes.tag = 1;
	sdes.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80;
	sdes.key_salt = (ProtobufCBinaryData){30, key};
	audio.sdes = keys;
	audio.n_sdes = mode == CV__CRYPTO_MODE__CRYPTO_ON;
	audio.direction = CV__DIRECTION__DIR_SENDRECV;
	audio.codecs = codecs;
	audio.n_codecs = 1;
	audio.addr = &at;
	bfcp.kind = CV__MEDIA_KIND__KIND_OTHER;
	bfcp.profile = p;
	bfcp.addr = &floor;
	if (fingerprint)
		bfcp.fingerprint_sha256 = (ProtobufCBinaryData){
			32, (uint8_t *)(uintptr_t)fingerprint};
	d.sections = all;
	d.n_sections = 2;
	o.room = ROOM;
	o.leg = LEG;
	o.offer = &d;
	o.transport = CV__LEG_TRANSPORT__LEG_PLAIN;
	o.crypto = mode;
	o.sdes_allowed = true;
	o.local_ip = (ProtobufCBinaryData){16, ip};
	assert_int_equal(ipc_send(w->core, LEG_OPEN, &o), 0);
	UNTIL(w, w->answers == 1);
	assert_int_equal(w->refused, 0);
}

static void say(struct world *w, struct span s)
{
	Cv__LegBfcp m = CV__LEG_BFCP__INIT;

	m.leg = LEG;
	m.datagram = ipc_data(s);
	assert_int_equal(ipc_send(w->core, LEG_BFCP, &m), 0);
}

static void test_bfcp__is_taken_as_the_call_may_be_clear(void **state)
{
	static const struct {
		Cv__RtpProfile p;
		Cv__CryptoMode mode;
		bool has_fp, is_taken, has_port;
	} cases[] = {
#define C(p, m, fp, t, port) {CV__RTP_PROFILE__PROFILE_BFCP_##p,              \
			      CV__CRYPTO_MODE__CRYPTO_##m, fp, t, port}
		C(UDP, ON, false, false, false),
		C(UDP, BESTEFFORT, false, true, true),
		C(UDP, OFF, false, true, true),
		C(DTLS, ON, true, true, true),
		C(DTLS, BESTEFFORT, true, true, true),
		C(DTLS, ON, false, false, false),	/* no fingerprint */
		C(DTLS, OFF, true, false, false),
		/* of connections the face knows the address */
		C(TCP, ON, false, false, false),
		C(TCP, BESTEFFORT, false, true, false),
		C(TLS, ON, true, true, false),
		C(TLS, OFF, true, false, false),
	};
	static const uint8_t fp[32] = {7};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_init(&w);
		open_leg(&w, cases[i].p, cases[i].mode,
			 cases[i].has_fp ? fp : NULL);
		if (w.is_taken != cases[i].is_taken ||
		    (w.port != 0) != cases[i].has_port ||
		    w.has_dtls != (cases[i].has_port &&
				   cases[i].p ==
				   CV__RTP_PROFILE__PROFILE_BFCP_DTLS))
			fail_msg("%zu: %d %u %d", i, w.is_taken, w.port,
				 w.has_dtls);
		world_release(&w);
	}
}

static void test_bfcp__clear_datagrams_pass_both_ways(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__RTP_PROFILE__PROFILE_BFCP_UDP,
		 CV__CRYPTO_MODE__CRYPTO_OFF, NULL);
	/* who has not spoken is not spoken to */
	say(&w, SPAN_LIT("too early"));
	UNTIL(&w, w.m->stats.bfcp_dropped == 1);
	send_to(&w, SPAN_LIT("no BFCP at all"));
	send_to(&w, span_of(hello, sizeof(hello)));
	UNTIL(&w, w.came == 1);
	assert_int_equal(w.last_n, sizeof(hello));
	assert_memory_equal(w.last, hello, sizeof(hello));
	say(&w, SPAN_LIT("answer"));
	UNTIL(&w, w.heards == 1);
	assert_int_equal(w.heard_n, 6);
	assert_memory_equal(w.heard, "answer", 6);
	world_release(&w);
}

static void test_bfcp__strangers_are_not_heard(void **state)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	struct world w;
	int other;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__RTP_PROFILE__PROFILE_BFCP_UDP,
		 CV__CRYPTO_MODE__CRYPTO_OFF, NULL);
	/* from another IP: nobody named it */
	other = w.fd;
	w.fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(w.fd >= 0);
	memcpy(&a.sin6_addr, loopback, 16);
	a.sin6_addr.s6_addr[15] = 2;
	assert_int_equal(bind(w.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	send_to(&w, span_of(hello, sizeof(hello)));
	UNTIL(&w, w.m->stats.strangers == 1);
	close(w.fd);
	w.fd = other;
	send_to(&w, span_of(hello, sizeof(hello)));
	UNTIL(&w, w.came == 1);
	world_release(&w);
}

static void test_bfcp__a_flood_is_cut(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__RTP_PROFILE__PROFILE_BFCP_UDP,
		 CV__CRYPTO_MODE__CRYPTO_OFF, NULL);
	for (int i = 0; i < 200; i++) {
		send_to(&w, span_of(hello, sizeof(hello)));
		turn(&w);
	}
	UNTIL(&w, w.m->stats.bfcp_in + w.m->stats.bfcp_dropped == 200);
	assert_true(w.m->stats.bfcp_dropped > 50);
	assert_int_equal(w.dead, 0);
	world_release(&w);
}

static void dtls_up(struct world *w, const uint8_t *expected)
{
	struct dtls_cfg cfg = {.is_client = true, .send = send_to,
			       .take = hear, .arg = w};

	memcpy(cfg.fingerprint, expected, 32);
	assert_int_equal(dtls_new(&w->dtls, w->env, &cfg), 0);
}

static void test_bfcp__sealed_datagrams_pass_both_ways(void **state)
{
	uint8_t fp[32];
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(dtls_env_new(&w.env), 0);
	dtls_env_fingerprint(w.env, fp);
	open_leg(&w, CV__RTP_PROFILE__PROFILE_BFCP_DTLS,
		 CV__CRYPTO_MODE__CRYPTO_ON, fp);
	/* in clear nobody listens */
	send_to(&w, span_of(hello, sizeof(hello)));
	dtls_up(&w, w.fingerprint);
	UNTIL(&w, dtls_state(w.dtls) == DTLS_UP);
	assert_int_equal(dtls_write(w.dtls, span_of(hello, sizeof(hello))),
			 0);
	UNTIL(&w, w.came == 1);
	assert_memory_equal(w.last, hello, sizeof(hello));
	say(&w, SPAN_LIT("sealed"));
	UNTIL(&w, w.heards == 1);
	assert_memory_equal(w.heard, "sealed", 6);
	world_release(&w);
}

static void test_bfcp__another_certificate_costs_the_floor_alone(void **state)
{
	static const uint8_t fp[32] = {9};
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(dtls_env_new(&w.env), 0);
	open_leg(&w, CV__RTP_PROFILE__PROFILE_BFCP_DTLS,
		 CV__CRYPTO_MODE__CRYPTO_ON, fp);
	dtls_up(&w, w.fingerprint);
	UNTIL(&w, dtls_state(w.dtls) == DTLS_UP);
	(void)dtls_write(w.dtls, span_of(hello, sizeof(hello)));
	for (int i = 0; i < 50; i++)
		turn(&w);
	assert_int_equal(w.came, 0);
	assert_int_equal(w.dead, 0);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bfcp__is_taken_as_the_call_may_be_clear),
		cmocka_unit_test(test_bfcp__clear_datagrams_pass_both_ways),
		cmocka_unit_test(test_bfcp__strangers_are_not_heard),
		cmocka_unit_test(test_bfcp__a_flood_is_cut),
		cmocka_unit_test(test_bfcp__sealed_datagrams_pass_both_ways),
		cmocka_unit_test(
			test_bfcp__another_certificate_costs_the_floor_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
