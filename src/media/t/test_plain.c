/* Legs without ICE in a whole worker: telephones on 127.0.0.1, a core over a
 * socketpair. The guard refuses to send to loopback by name, so every phone
 * here is answered only because it latched. Waits end with what is waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <srtp2/srtp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/rand.h"
#include "media/media.h"
#include "media/t/phone.h"
#include "media/video/in.h"
#include "media/video/out.h"

enum { ROOM = 7, ROOM2 = 8, WAIT_MS = 8000, LEGS = 3 };

struct world {
	struct media *m;
	struct ipc_chan *core;
	struct phone *p[LEGS];
	unsigned answers, refused, dtmf, want_keys;
	uint8_t digit;
	uint32_t digit_ms;
	Cv__LegPhase phase[LEGS];
	bool is_encrypted[LEGS];
	char suite[40];
	Cv__CodecName codec;
	bool is_offer;			/* the next answer is an offer */
	Cv__LegDescription *kept;	/* copy of the last answer */
	uint32_t max_fs;
};

static int bound(int type)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int off = 0, fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static uint64_t leg_of(int i)
{
	return 100 + (uint64_t)i;
}

static void keep(struct world *w, const Cv__LegDescription *d)
{
	static uint8_t buf[65536];
	size_t n = cv__leg_description__get_packed_size(d);

	assert_true(n <= sizeof(buf));
	cv__leg_description__pack(d, buf);
	if (w->kept)
		cv__leg_description__free_unpacked(w->kept, NULL);
	w->kept = cv__leg_description__unpack(NULL, n, buf);
	assert_non_null(w->kept);
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
		if (a->ok && a->answer)
			keep(w, a->answer);
	} else if (type == IPC_LEG_STATE) {
		const Cv__LegState *s = (const void *)msg;
		int i = (int)(s->leg - 100);

		w->phase[i] = s->phase;
		w->is_encrypted[i] = s->encrypted;
		w->codec = s->audio_codec;
		w->max_fs = s->max_fs;
		memset(w->suite, 0, sizeof(w->suite));
		if (s->suite.len)
			memcpy(w->suite, s->suite.data, s->suite.len);
	} else if (type == IPC_LEG_DTMF) {
		const Cv__LegDtmf *d = (const void *)msg;

		w->dtmf++;
		w->digit = (uint8_t)d->digit;
		w->digit_ms = d->ms;
	} else if (type == IPC_LEG_WANT_KEY) {
		w->want_keys++;
	}
}

static void core_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
	fail_msg("the channel fell");
}

static void room_make(struct world *w, uint64_t room)
{
	Cv__RoomOpen o = CV__ROOM_OPEN__INIT;

	o.room = room;
	assert_int_equal(ipc_send(w->core, ROOM_OPEN, &o), 0);
}

static void world_init(struct world *w)
{
	struct media_cfg cfg = {.is_loopback = true};
	struct ipc_chan_cfg ch = {.self = ROLE_CORE, .peer = ROLE_MEDIA,
				  .on_msg = core_msg, .on_down = core_down,
				  .arg = w};
	int pair[2];

	memset(w, 0, sizeof(*w));
	cfg.udp_fd = bound(SOCK_DGRAM);
	cfg.tcp_fd = bound(SOCK_STREAM);
	assert_int_equal(media_new(&w->m, &cfg), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	ch.fd = pair[0];
	assert_int_equal(ipc_chan_new(&w->core, &ch), 0);
	control_link(w->m, pair[1], 0);
	room_make(w, ROOM);
	room_make(w, ROOM2);
}

static void world_release(struct world *w)
{
	for (int i = 0; i < LEGS; i++)
		phone_free(w->p[i]);
	media_free(&w->m);
	ipc_chan_free(&w->core);
	if (w->kept)
		cv__leg_description__free_unpacked(w->kept, NULL);
}

static void turn(struct world *w)
{
	uint64_t now;

	media_turn(w->m, 1);
	(void)ipc_chan_input(w->core, 64);
	now = clock_mono_ns();
	for (int i = 0; i < LEGS; i++)
		if (w->p[i])
			phone_step(w->p[i], now);
}

#define UNTIL(w, cond)                                                        \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			turn(w);                                              \
		assert_true(cond);                                            \
	} while (0)

static void run_ms(struct world *w, unsigned ms)
{
	uint64_t end = clock_mono_ns() + ms * NS_PER_MS;

	while (clock_mono_ns() < end)
		turn(w);
}

/* What core orders, with what most tests want. */
struct order {
	Cv__LegOpen o;
	Cv__LegFlags f;
	Cv__Addr signalling;
	uint8_t ip[16];
};

static void order_init(struct order *o, int i)
{
	static const uint8_t loopback[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

	cv__leg_open__init(&o->o);
	cv__leg_flags__init(&o->f);
	cv__addr__init(&o->signalling);
	memcpy(o->ip, loopback, 16);
	o->f.admitted = true;
	o->signalling.ip = (ProtobufCBinaryData){16, o->ip};
	o->signalling.port = 5061;
	o->o.room = ROOM;
	o->o.leg = leg_of(i);
	o->o.flags = &o->f;
	o->o.transport = CV__LEG_TRANSPORT__LEG_PLAIN;
	o->o.crypto = CV__CRYPTO_MODE__CRYPTO_BESTEFFORT;
	o->o.sdes_allowed = true;
	o->o.signalling = &o->signalling;
	o->o.local_ip = (ProtobufCBinaryData){16, o->ip};
}

/* Sends and waits for the answer; true when it was taken. */
static bool opened(struct world *w, struct order *o)
{
	unsigned before = w->answers, refused = w->refused;

	assert_int_equal(ipc_send(w->core, LEG_OPEN, &o->o), 0);
	UNTIL(w, w->answers == before + 1);
	return w->refused == refused;
}

static void leg_make_plain(struct world *w, int i, const struct phone_cfg *cfg)
{
	struct order o;

	order_init(&o, i);
	w->p[i] = phone_new(cfg);
	o.o.offer = phone_offer(w->p[i], CV__DIRECTION__DIR_SENDRECV);
	if (cfg->suite || cfg->dtls)
		o.o.crypto = CV__CRYPTO_MODE__CRYPTO_ON;
	assert_true(opened(w, &o));
	phone_answer(w->p[i], w->kept);
}

static bool updated(struct world *w, int i, Cv__LegDescription *offer)
{
	Cv__LegUpdate u = CV__LEG_UPDATE__INIT;
	unsigned before = w->answers, refused = w->refused;

	u.leg = leg_of(i);
	u.offer = offer;
	assert_int_equal(ipc_send(w->core, LEG_UPDATE, &u), 0);
	UNTIL(w, w->answers == before + 1);
	return w->refused == refused;
}

static const struct { double hz[2]; } tones = {{500, 1100}};

/* Each hears the other and not himself. */
static bool is_right(const struct world *w)
{
	for (int i = 0; i < 2; i++) {
		double other = phone_hears(w->p[i], tones.hz[!i]);

		if (other < 0.05 ||
		    phone_hears(w->p[i], tones.hz[i]) > other / 10)
			return false;
	}
	return true;
}

/* Until a stretch of sound is right: on a machine that is busy with other
 * things some are not. What must never happen is counted all the time. */
static void hear_each_other(struct world *w)
{
	uint64_t end = clock_mono_ns() + 2 * WAIT_MS * NS_PER_MS;
	unsigned got[2] = {0, 0};

	while (clock_mono_ns() < end &&
	       !(got[0] > 20 && got[1] > 20 && is_right(w))) {
		phone_reset(w->p[0]);
		phone_reset(w->p[1]);
		run_ms(w, 240);
		for (int i = 0; i < 2; i++) {
			got[i] += phone_got(w->p[i])->rtp;
			assert_int_equal(phone_got(w->p[i])->bad, 0);
			assert_int_equal(phone_got(w->p[i])->seq_holes, 0);
		}
	}
	assert_true(got[0] > 20 && got[1] > 20);
	assert_true(is_right(w));
}

static void pair_talks(const struct phone_cfg *a, const struct phone_cfg *b)
{
	struct phone_cfg one = *a, two = *b;
	struct world w;

	world_init(&w);
	one.hz = tones.hz[0];
	two.hz = tones.hz[1];
	leg_make_plain(&w, 0, &one);
	leg_make_plain(&w, 1, &two);
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_SECURE &&
		  w.phase[1] == CV__LEG_PHASE__LEG_SECURE);
	assert_int_equal(w.is_encrypted[0], a->suite || a->dtls);
	assert_int_equal(w.is_encrypted[1], b->suite || b->dtls);
	hear_each_other(&w);
	world_release(&w);
}

static void test_plain__mixes_clear_legs_of_each_codec(void **state)
{
	(void)state;
	pair_talks(&(struct phone_cfg){.codec = AUDIO_PCMU},
		   &(struct phone_cfg){.codec = AUDIO_PCMA});
	pair_talks(&(struct phone_cfg){.codec = AUDIO_G722},
		   &(struct phone_cfg){.codec = AUDIO_OPUS});
}

static void test_plain__mixes_each_suite(void **state)
{
	(void)state;
	pair_talks(&(struct phone_cfg){.codec = AUDIO_PCMA,
			.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80},
		   &(struct phone_cfg){.codec = AUDIO_G722, .is_mux = true,
			.suite = CV__SDES_SUITE__SDES_AEAD_AES_256_GCM});
	pair_talks(&(struct phone_cfg){.codec = AUDIO_OPUS,
			.suite = CV__SDES_SUITE__SDES_AEAD_AES_128_GCM},
		   &(struct phone_cfg){.codec = AUDIO_OPUS,
			.suite =
			CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80});
}

static void test_plain__takes_other_packet_times(void **state)
{
	(void)state;
	pair_talks(&(struct phone_cfg){.codec = AUDIO_PCMU, .ptime_ms = 30},
		   &(struct phone_cfg){.codec = AUDIO_PCMA, .ptime_ms = 10});
	pair_talks(&(struct phone_cfg){.codec = AUDIO_G722, .ptime_ms = 60},
		   &(struct phone_cfg){.codec = AUDIO_OPUS, .ptime_ms = 40});
}

static void test_plain__sdes_without_encrypted_signalling_is_refused(
	void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA,
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	struct order o;
	struct world w;

	(void)state;
	world_init(&w);
	w.p[0] = phone_new(&cfg);
	order_init(&o, 0);
	o.o.offer = phone_offer(w.p[0], CV__DIRECTION__DIR_SENDRECV);
	o.o.sdes_allowed = false;
	assert_false(opened(&w, &o));
	assert_null(leg_find(w.m, leg_of(0)));
	world_release(&w);
}

static void dtls_pair(bool is_server, bool is_mux)
{
	struct dtls_env *env = NULL;
	struct srtp_env *srtp = NULL;

	assert_int_equal(dtls_env_new(&env), 0);
	assert_int_equal(srtp_env_new(&srtp), 0);
	pair_talks(&(struct phone_cfg){.codec = AUDIO_OPUS, .dtls = env,
				       .srtp = srtp, .is_mux = is_mux,
				       .is_dtls_server = is_server},
		   &(struct phone_cfg){.codec = AUDIO_PCMA});
	srtp_env_free(&srtp);
	dtls_env_free(&env);
}

static void test_plain__speaks_dtls_with_the_one_who_begins(void **state)
{
	(void)state;
	dtls_pair(false, true);
	dtls_pair(false, false);
}

/* A peer that shall be greeted, at a plain socket. The guard lets nobody name
 * 127.0.0.1, so the path that it would have is set here. */
static int greeted(struct world *w, struct dtls_env *env, bool is_unproven,
		   struct flow **f)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .dtls = env,
				.is_dtls_server = true, .is_mux = true};
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct order o;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	order_init(&o, 0);
	w->p[0] = phone_new(&cfg);
	o.o.offer = phone_offer(w->p[0], CV__DIRECTION__DIR_SENDRECV);
	o.o.offer->sections[0]->addr->port = ntohs(a.sin_port);
	o.o.crypto = CV__CRYPTO_MODE__CRYPTO_ON;
	o.o.unproven = is_unproven;
	assert_true(opened(w, &o));
	*f = leg_find(w->m, leg_of(0))->audio_flow;
	assert_true((*f)->t.is_dtls_client);
	(*f)->to.to = (*f)->to.signalled;
	(*f)->path = (struct path){.kind = PATH_PORT,
		.conn = (uint64_t)(*f)->rtp.watch.fd, .peer = (*f)->to.to};
	a.sin_port = htons((*f)->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Who only named an address has nobody greeted there: a ClientHello is not
 * small, and comes again. */
static void test_plain__begins_dtls_with_nobody_who_was_only_named(void **state)
{
	static const uint8_t word[12] = {0x80};
	struct dtls_env *env = NULL;

	(void)state;
	assert_int_equal(dtls_env_new(&env), 0);
	for (int is_unproven = 0; is_unproven < 2; is_unproven++) {
		uint8_t got[2048] = {0};
		struct world w;
		struct flow *f;
		int fd;

		world_init(&w);
		fd = greeted(&w, env, is_unproven, &f);
		run_ms(&w, 300);
		assert_int_equal(recv(fd, got, sizeof(got), 0) > 0,
				 !is_unproven);
		assert_int_equal(f->dtls != NULL, !is_unproven);
		assert_int_equal(send(fd, word, sizeof(word), 0),
				 sizeof(word));
		UNTIL(&w, f->dtls != NULL && (got[0] == 22 ||
		      recv(fd, got, sizeof(got), 0) > 0));
		assert_int_equal(got[0], 22);	/* handshake */
		close(fd);
		world_release(&w);
	}
	dtls_env_free(&env);
}

/* A stranger on the way: from another IP, and after the latch from another
 * port of the same. */
static void strangers(Cv__SdesSuite suite)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500,
				.suite = suite};
	struct sockaddr_in to = {.sin_family = AF_INET};
	const uint8_t forged[172] = {0x80, 0, 0, 1};
	struct sockaddr_in from = {.sin_family = AF_INET};
	uint64_t before, got;
	struct world w;
	uint8_t buf[2000];
	int other, same;

	world_init(&w);
	other = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	same = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	assert_int_equal(bind(other, (struct sockaddr *)&from, sizeof(from)),
			 0);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(same, (struct sockaddr *)&from, sizeof(from)),
			 0);
	leg_make_plain(&w, 0, &cfg);
	to.sin_port = htons(phone_port(w.p[0]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	phone_hush(w.p[0], true);
	before = w.m->stats.strangers;
	(void)sendto(other, forged, sizeof(forged), 0, (void *)&to,
		     sizeof(to));
	/* nothing is sent to anybody: the signalled address is loopback */
	UNTIL(&w, w.m->stats.strangers == before + 1);
	if (suite)	/* what does not authenticate does not latch */
		(void)sendto(same, forged, sizeof(forged), 0, (void *)&to,
			     sizeof(to));
	run_ms(&w, 100);
	assert_int_equal(phone_got(w.p[0])->rtp, 0);
	phone_hush(w.p[0], false);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	before = w.m->stats.strangers;
	(void)sendto(same, forged, sizeof(forged), 0, (void *)&to, sizeof(to));
	UNTIL(&w, w.m->stats.strangers == before + 1);
	got = phone_got(w.p[0])->rtp;
	UNTIL(&w, phone_got(w.p[0])->rtp > got + 10);
	assert_true(recv(same, buf, sizeof(buf), 0) < 0);
	assert_true(recv(other, buf, sizeof(buf), 0) < 0);
	close(other);
	close(same);
	world_release(&w);
}

static void test_plain__a_stranger_gets_nothing(void **state)
{
	(void)state;
	strangers(CV__SDES_SUITE__SDES_NONE);
	strangers(CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
}

static void test_plain__moves_only_with_a_new_offer(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	phone_move(w.p[0], false);
	run_ms(&w, 150);
	phone_reset(w.p[0]);
	run_ms(&w, 150);
	assert_int_equal(phone_got(w.p[0])->rtp, 0);
	assert_true(updated(&w, 0, phone_offer(w.p[0],
					       CV__DIRECTION__DIR_SENDRECV)));
	phone_answer(w.p[0], w.kept);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	world_release(&w);
}

/* What may go to an address that somebody named, before and after something
 * came from there. The packets are not sent: the addresses are strangers'. */
static void test_plain__floods_nobody_who_was_only_named(void **state)
{
	static const struct {
		bool is_unproven, is_signalling_there;
		int heard;		/* flow, -1 none */
		bool audio, video;
	} rows[] = {
		{false, true, -1, true, true},
		{false, false, -1, true, false},
		{false, false, 0, true, true},
		{false, false, 1, true, true},
		{true, true, -1, false, false},
		{true, false, -1, false, false},
		{true, true, 0, true, true},
		{true, false, 1, true, true},
	};
	struct leg *leg = mem_zalloc(sizeof(*leg));
	struct addr there, elsewhere;

	(void)state;
	assert_non_null(leg);
	assert_int_equal(addr_parse(&there, SPAN_LIT("192.0.2.1"), 4000), 0);
	assert_int_equal(addr_parse(&elsewhere, SPAN_LIT("192.0.2.2"), 4000),
			 0);
	leg->phase = CV__LEG_PHASE__LEG_SECURE;
	leg->audio_flow = &leg->flows[0];
	leg->video_flow = &leg->flows[1];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		leg->plain.is_unproven = rows[i].is_unproven;
		for (int k = 0; k < LEG_FLOWS; k++) {
			struct flow *f = &leg->flows[k];

			flow_init(f, leg);
			f->is_used = true;
			f->crypto = NEGO_CLEAR;
			f->path.kind = PATH_PORT;
			f->to.to = there;
			f->to.has_signalling = true;
			f->to.signalling = rows[i].is_signalling_there ?
					   there : elsewhere;
			f->to.is_latched = rows[i].heard == k;
		}
		assert_int_equal(flow_is_open(leg->audio_flow), rows[i].audio);
		assert_int_equal(flow_is_open(leg->video_flow), rows[i].video);
	}
	/* heard from elsewhere says nothing of this address */
	leg->plain.is_unproven = false;
	leg->flows[0].to.to = elsewhere;
	leg->flows[0].to.is_latched = true;
	leg->flows[1].to.is_latched = false;
	leg->flows[1].to.signalling = elsewhere;
	assert_false(flow_is_open(leg->video_flow));
	mem_free(leg);
}

static void test_plain__ignores_a_bye(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500};
	struct world w;
	unsigned got;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	phone_bye(w.p[0]);
	got = phone_got(w.p[0])->rtp;
	UNTIL(&w, phone_got(w.p[0])->rtp > got + 20);
	assert_int_equal(w.phase[0], CV__LEG_PHASE__LEG_SECURE);
	world_release(&w);
}

static void test_plain__has_ports_of_its_own_and_gives_them_back(
	void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .has_video = true};
	Cv__LegClose c = CV__LEG_CLOSE__INIT;
	struct ports_stats st;
	struct world w;
	uint16_t a, b;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	leg_make_plain(&w, 1, &cfg);
	a = phone_port(w.p[0]);
	b = phone_port(w.p[1]);
	assert_true(a != b && a % 2 == 0 && b % 2 == 0);
	assert_in_range(a, 40000, 49998);
	ports_get_stats(w.m->ports, &st);
	assert_int_equal(st.open, 4);
	c.leg = leg_of(0);
	assert_int_equal(ipc_send(w.core, LEG_CLOSE, &c), 0);
	UNTIL(&w, !leg_find(w.m, leg_of(0)));
	ports_get_stats(w.m->ports, &st);
	assert_int_equal(st.open, 2);
	world_release(&w);
}

/* As behind a translator: his face kept his address back. */
static void test_plain__waits_for_one_without_address(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500};
	Cv__LegDescription *d;
	struct order o;
	struct world w;

	(void)state;
	world_init(&w);
	order_init(&o, 0);
	w.p[0] = phone_new(&cfg);
	d = phone_offer(w.p[0], CV__DIRECTION__DIR_SENDRECV);
	d->sections[0]->addr = d->sections[0]->rtcp = NULL;
	o.o.offer = d;
	assert_true(opened(&w, &o));
	phone_answer(w.p[0], w.kept);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	world_release(&w);
}

/* From an address that neither the offer nor signalling named. */
static void test_plain__ice_proves_another_address(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500, .is_mux = true,
		.is_ice = true,
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	struct world w;
	uint64_t strangers;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	assert_int_equal(w.kept->sections[0]->ice_ufrag.len, ICE_UFRAG_LEN);
	assert_int_equal(w.kept->sections[0]->ice_pwd.len, ICE_PWD_LEN);
	strangers = w.m->stats.strangers;
	phone_move(w.p[0], true);
	phone_check(w.p[0], false);
	UNTIL(&w, w.m->stats.strangers > strangers + 5);
	assert_int_equal(phone_got(w.p[0])->checked, 0);
	assert_int_equal(phone_got(w.p[0])->rtp, 0);
	phone_check(w.p[0], true);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	assert_int_equal(phone_got(w.p[0])->checked, 1);
	/* an offer that names another one does not undo it */
	phone_hush(w.p[0], true);
	assert_true(updated(&w, 0, phone_offer(w.p[0],
					       CV__DIRECTION__DIR_SENDRECV)));
	phone_answer(w.p[0], w.kept);
	phone_reset(w.p[0]);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	world_release(&w);
}

/* RTCP on a port of its own: no ICE, and so no answer to checks. */
static void test_plain__ice_needs_one_port(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500, .is_ice = true};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	assert_int_equal(w.kept->sections[0]->ice_ufrag.len, 0);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	world_release(&w);
}

/* --- keys pressed ------------------------------------------------------ */

static void test_plain__tells_each_press_once(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = 500,
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	phone_hush(w.p[0], true);
	for (unsigned k = 1; k <= 5; k++)
		phone_event(w.p[0], 7, (uint16_t)(160 * k), false, k == 1);
	for (unsigned k = 0; k < 3; k++)
		phone_event(w.p[0], 7, 800, true, false);
	UNTIL(&w, w.dtmf == 1);
	assert_int_equal(w.digit, 7);
	assert_int_equal(w.digit_ms, 100);
	/* the same key again, and its end is lost */
	phone_event_next(w.p[0]);
	phone_event(w.p[0], 7, 400, false, true);
	UNTIL(&w, w.dtmf == 2);
	assert_int_equal(w.digit_ms, 50);
	run_ms(&w, 300);
	assert_int_equal(w.dtmf, 2);
	world_release(&w);
}

static void test_plain__sends_keys(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_OPUS, .hz = 500};
	Cv__LegSendDtmf d = CV__LEG_SEND_DTMF__INIT;
	uint8_t keys[2] = {5, 11};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	d.leg = leg_of(0);
	d.digits = (ProtobufCBinaryData){2, keys};
	assert_int_equal(ipc_send(w.core, LEG_SEND_DTMF, &d), 0);
	UNTIL(&w, phone_got(w.p[0])->dtmf_ends == 6);
	assert_int_equal(phone_got(w.p[0])->dtmf_event, 11);
	assert_int_equal(phone_got(w.p[0])->dtmf_duration, 120 * 48);
	assert_int_equal(phone_got(w.p[0])->seq_holes, 0);
	world_release(&w);
}

/* --- hold, moves, offers of ours --------------------------------------- */

static void test_plain__holds_and_resumes_with_the_same_keys(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500,
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	Cv__LegDescription *d;
	struct world w;
	struct leg *leg;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	/* past the roll-over of the phone's numbers */
	UNTIL(&w, phone_got(w.p[0])->rtp > 80);
	d = phone_offer(w.p[0], CV__DIRECTION__DIR_INACTIVE);
	d->sections[0]->addr = NULL;
	assert_true(updated(&w, 0, d));
	assert_int_equal(w.kept->sections[0]->direction,
			 CV__DIRECTION__DIR_INACTIVE);
	phone_hush(w.p[0], true);
	run_ms(&w, 60);
	phone_reset(w.p[0]);
	run_ms(&w, 200);
	assert_int_equal(phone_got(w.p[0])->rtp, 0);
	/* however long: a held leg may be silent */
	leg = leg_find(w.m, leg_of(0));
	leg->flows[0].heard_ns -= 300 * NS_PER_S;
	leg->plain.since_ns -= 300 * NS_PER_S;
	run_ms(&w, 200);
	assert_int_equal(w.phase[0], CV__LEG_PHASE__LEG_SECURE);
	assert_true(updated(&w, 0, phone_offer(w.p[0],
					       CV__DIRECTION__DIR_SENDRECV)));
	phone_answer(w.p[0], w.kept);
	phone_hush(w.p[0], false);
	UNTIL(&w, phone_got(w.p[0])->rtp > 20);
	assert_int_equal(phone_got(w.p[0])->bad, 0);
	leg = leg_find(w.m, leg_of(0));
	assert_int_equal(leg->audio_in.ssrc != 0, 1);
	world_release(&w);
}

static void test_plain__a_silent_leg_ends(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500};
	struct world w;
	struct leg *leg;
	unsigned got;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	phone_hush(w.p[0], true);
	run_ms(&w, 40);
	leg = leg_find(w.m, leg_of(0));
	leg->flows[0].heard_ns -= (MEDIA_PLAIN_SILENT_S + 1) * NS_PER_S;
	leg->plain.since_ns -= 300 * NS_PER_S;
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_SILENT);
	/* he may still listen */
	got = phone_got(w.p[0])->rtp;
	UNTIL(&w, phone_got(w.p[0])->rtp > got + 5);
	leg->flows[0].heard_ns -= MEDIA_PLAIN_GONE_S * NS_PER_S;
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_GONE);
	UNTIL(&w, !leg_find(w.m, leg_of(0)));
	world_release(&w);
}

static void test_plain__comfort_noise_is_a_sign_of_life(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500};
	struct world w;
	struct leg *leg;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	phone_hush(w.p[0], true);
	run_ms(&w, 40);
	leg = leg_find(w.m, leg_of(0));
	leg->plain.since_ns -= 300 * NS_PER_S;
	leg->flows[0].heard_ns -= (MEDIA_PLAIN_SILENT_S + 1) * NS_PER_S;
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_SILENT);
	phone_noise(w.p[0]);
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_SECURE);
	world_release(&w);
}

static void test_plain__moves_to_another_room(void **state)
{
	struct phone_cfg a = {.codec = AUDIO_PCMA, .hz = 500,
		.suite = CV__SDES_SUITE__SDES_AEAD_AES_128_GCM};
	struct phone_cfg b = {.codec = AUDIO_OPUS, .hz = 1100};
	Cv__LegMove v = CV__LEG_MOVE__INIT;
	Cv__LegFlags f = CV__LEG_FLAGS__INIT;
	struct world w;
	uint32_t ssrc;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &a);
	leg_make_plain(&w, 1, &b);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5 && phone_got(w.p[1])->rtp > 5);
	ssrc = phone_got(w.p[0])->ssrc;
	f.admitted = true;
	v.flags = &f;
	v.room = ROOM2;
	v.leg = leg_of(0);
	assert_int_equal(ipc_send(w.core, LEG_MOVE, &v), 0);
	UNTIL(&w, leg_find(w.m, leg_of(0))->room->handle == ROOM2);
	run_ms(&w, 700);
	phone_reset(w.p[0]);
	run_ms(&w, 400);
	assert_true(phone_hears(w.p[0], 1100) < 0.01);
	v.leg = leg_of(1);
	assert_int_equal(ipc_send(w.core, LEG_MOVE, &v), 0);
	hear_each_other(&w);
	assert_int_equal(phone_got(w.p[0])->ssrc, ssrc);
	assert_int_equal(phone_got(w.p[0])->bad, 0);
	world_release(&w);
}

static void our_offer(const struct phone_cfg *cfg, Cv__CryptoMode crypto)
{
	struct phone_cfg b = {.codec = AUDIO_OPUS, .hz = tones.hz[1]};
	Cv__LegWant want = CV__LEG_WANT__INIT;
	Cv__LegAccept acc = CV__LEG_ACCEPT__INIT;
	struct order o;
	struct world w;

	world_init(&w);
	w.p[0] = phone_new(cfg);
	order_init(&o, 0);
	want.audio = true;
	want.dtls = cfg->dtls != NULL;
	o.o.make_offer = true;
	o.o.want = &want;
	o.o.crypto = crypto;
	assert_true(opened(&w, &o));
	assert_int_equal(w.kept->n_sections, 1);
	run_ms(&w, 60);
	assert_int_equal(w.phase[0], CV__LEG_PHASE__LEG_GONE);	/* unsaid */
	acc.leg = leg_of(0);
	acc.answer = phone_reply(w.p[0], w.kept);
	assert_int_equal(ipc_send(w.core, LEG_ACCEPT, &acc), 0);
	UNTIL(&w, w.answers == 2);
	assert_int_equal(w.refused, 0);
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_SECURE);
	assert_int_equal(w.is_encrypted[0], cfg->suite || cfg->dtls);
	leg_make_plain(&w, 1, &b);
	hear_each_other(&w);
	/* the answer is taken once */
	assert_int_equal(ipc_send(w.core, LEG_ACCEPT, &acc), 0);
	UNTIL(&w, w.answers == 4);
	assert_int_equal(w.refused, 1);
	world_release(&w);
}

static void test_plain__offers_and_takes_the_answer(void **state)
{
	struct dtls_env *env = NULL;
	struct srtp_env *srtp = NULL;

	(void)state;
	our_offer(&(struct phone_cfg){.codec = AUDIO_G722, .hz = tones.hz[0]},
		  CV__CRYPTO_MODE__CRYPTO_OFF);
	our_offer(&(struct phone_cfg){.codec = AUDIO_PCMA, .hz = tones.hz[0],
		  .suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80},
		  CV__CRYPTO_MODE__CRYPTO_ON);
	our_offer(&(struct phone_cfg){.codec = AUDIO_PCMU, .hz = tones.hz[0]},
		  CV__CRYPTO_MODE__CRYPTO_BESTEFFORT);
	assert_int_equal(dtls_env_new(&env), 0);
	assert_int_equal(srtp_env_new(&srtp), 0);
	our_offer(&(struct phone_cfg){.codec = AUDIO_OPUS, .hz = tones.hz[0],
		  .dtls = env, .srtp = srtp, .is_mux = true},
		  CV__CRYPTO_MODE__CRYPTO_ON);
	srtp_env_free(&srtp);
	dtls_env_free(&env);
}

/* Our key is told again with a new offer, and the peer takes another one of its
 * own: what we seal goes on counting, or the same bytes of the cipher would
 * come twice. */
static void test_plain__seals_nothing_twice_when_only_their_key_changes(
	void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500,
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	Cv__LegUpdate again = CV__LEG_UPDATE__INIT;
	Cv__LegAccept acc = CV__LEG_ACCEPT__INIT;
	Cv__LegWant want = CV__LEG_WANT__INIT;
	const struct srtp *rx, *tx;
	uint8_t was[NEGO_KEY_SALT_MAX];
	struct flow *f;
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	UNTIL(&w, phone_got(w.p[0])->rtp > 5);
	f = leg_find(w.m, leg_of(0))->audio_flow;
	rx = f->rx;
	tx = f->tx;
	memcpy(was, f->tx_key, sizeof(was));
	again.leg = acc.leg = leg_of(0);
	want.audio = true;
	again.want = &want;
	assert_int_equal(ipc_send(w.core, LEG_UPDATE, &again), 0);
	UNTIL(&w, w.answers == 2);
	acc.answer = phone_reply(w.p[0], w.kept);
	acc.answer->sections[0]->sdes[0]->key_salt.data[0] ^= 1;
	assert_int_equal(ipc_send(w.core, LEG_ACCEPT, &acc), 0);
	UNTIL(&w, w.answers == 3);
	assert_int_equal(w.refused, 0);
	assert_memory_equal(f->tx_key, was, sizeof(was));
	assert_ptr_equal(f->tx, tx);
	assert_ptr_not_equal(f->rx, rx);
	world_release(&w);
}

/* An offer of ours in an open leg: all that we can, in the same keys and from
 * the same port; what the phone takes of it goes on. */
static void test_plain__offers_anew(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMU, .hz = tones.hz[0],
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	struct phone_cfg b = {.codec = AUDIO_OPUS, .hz = tones.hz[1]};
	Cv__LegUpdate u = CV__LEG_UPDATE__INIT;
	Cv__LegAccept acc = CV__LEG_ACCEPT__INIT;
	Cv__LegWant want = CV__LEG_WANT__INIT;
	uint8_t key[64];
	struct world w;
	uint32_t port;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	port = w.kept->sections[0]->addr->port;
	memcpy(key, w.kept->sections[0]->sdes[0]->key_salt.data, 30);
	leg_make_plain(&w, 1, &b);
	hear_each_other(&w);
	u.leg = leg_of(0);
	assert_int_equal(ipc_send(w.core, LEG_UPDATE, &u), 0);
	UNTIL(&w, w.answers == 3);
	assert_int_equal(w.refused, 1);		/* of what, nobody said */
	want.audio = want.video = true;
	u.want = &want;
	assert_int_equal(ipc_send(w.core, LEG_UPDATE, &u), 0);
	UNTIL(&w, w.answers == 4);
	assert_int_equal(w.refused, 1);
	assert_int_equal(w.kept->n_sections, 2);
	assert_int_equal(w.kept->sections[0]->n_codecs, 6);
	assert_int_equal(w.kept->sections[0]->addr->port, port);
	assert_int_equal(w.kept->sections[0]->n_sdes, 1);
	assert_memory_equal(w.kept->sections[0]->sdes[0]->key_salt.data, key,
			    30);
	run_ms(&w, 60);				/* nothing has changed yet */
	assert_int_equal(w.phase[0], CV__LEG_PHASE__LEG_SECURE);
	acc.leg = leg_of(0);
	acc.answer = phone_reply(w.p[0], w.kept);
	acc.answer->sections[1]->rejected = true;
	acc.answer->sections[1]->kind = CV__MEDIA_KIND__KIND_VIDEO;
	assert_int_equal(ipc_send(w.core, LEG_ACCEPT, &acc), 0);
	UNTIL(&w, w.answers == 5);
	assert_int_equal(w.refused, 1);
	hear_each_other(&w);
	assert_int_equal(leg_find(w.m, leg_of(0))->video_flow->port, 0);
	world_release(&w);
}

/* --- picture ----------------------------------------------------------- */

static void test_plain__asks_core_for_a_keyframe(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500,
				.has_video = true};
	Cv__PicturePlan plan = CV__PICTURE_PLAN__INIT;
	uint64_t needed = leg_of(0);
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	assert_int_equal(w.kept->n_sections, 2);
	assert_int_equal(w.kept->sections[1]->codecs[0]->feedback, 0);
	plan.room = ROOM;
	plan.needed = &needed;
	plan.n_needed = 1;
	assert_int_equal(ipc_send(w.core, PICTURE_PLAN, &plan), 0);
	UNTIL(&w, leg_find(w.m, needed)->is_needed);
	for (int i = 0; i < 20 && !w.want_keys; i++) {
		phone_video(w.p[0]);
		run_ms(&w, 30);
	}
	assert_int_equal(w.want_keys, 1);
	/* level 1.3 as it was offered */
	assert_int_equal(w.max_fs, 396);
	world_release(&w);
}

static void test_plain__keeps_to_the_cap_of_the_peer(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500,
				.has_video = true};
	struct leg *leg;
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	leg = leg_find(w.m, leg_of(0));
	/* that of level 1.3 */
	assert_int_equal(leg->kbps_out, 768);
	phone_video(w.p[0]);
	phone_tmmbr(w.p[0], leg->video_ssrc, 300);
	/* 40 bytes of each packet are no payload */
	UNTIL(&w, leg->link->bwe.cap_kbps == 288);
	/* told is whose it is, and what binds, not whom it limits */
	UNTIL(&w, phone_got(w.p[0])->tmmbns == 1);
	assert_int_equal(phone_got(w.p[0])->tmmbn.ssrc, 1);
	assert_int_equal(phone_got(w.p[0])->tmmbn.bps, 292 * 1024);
	assert_int_equal(phone_got(w.p[0])->tmmbn.overhead, 40);
	/* its owner may raise it, up to what signalling left */
	phone_tmmbr(w.p[0], leg->video_ssrc, 5000);
	UNTIL(&w, leg->link->bwe.cap_kbps == 768);
	/* what limits somebody else is not answered */
	phone_tmmbr(w.p[0], leg->video_ssrc + 1, 300);
	UNTIL(&w, phone_got(w.p[0])->tmmbns == 2);
	assert_int_equal(leg->link->bwe.cap_kbps, 768);
	world_release(&w);
}

static void test_plain__asks_a_camera_without_remb(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .hz = 500,
				.has_video = true, .is_savpf = true};
	const struct phone_got *got;
	struct leg *leg;
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_plain(&w, 0, &cfg);
	leg = leg_find(w.m, leg_of(0));
	got = phone_got(w.p[0]);
	assert_true(leg->nego.video.has_tmmbr);
	phone_video(w.p[0]);
	/* of another stream; so that we know where its RTCP is */
	phone_tmmbr(w.p[0], leg->video_ssrc + 1, 300);
	UNTIL(&w, got->tmmbrs);
	/* nobody looks at it: it need not send much; headers count */
	assert_int_equal(got->tmmbr.ssrc, leg->vin->rx.ssrc);
	assert_int_equal(got->tmmbr.overhead, 40);
	assert_true(got->tmmbr.bps > MEDIA_KBPS_UNSEEN * 1000u &&
		    got->tmmbr.bps < MEDIA_KBPS_UNSEEN * 1050u);
	phone_tmmbn(w.p[0]);
	UNTIL(&w, leg->tmmbr_out.is_answered);
	/* a new cap, a new word */
	video_in_need(leg->vin, true);
	UNTIL(&w, got->tmmbr.bps > MEDIA_KBPS_IN * 1000u);
	assert_true(got->tmmbr.bps < MEDIA_KBPS_IN * 1050u);
	/* who never answers is asked a few times, and no more */
	UNTIL(&w, leg->tmmbr_out.asks == 4);
	world_release(&w);
}

/* --- memory ------------------------------------------------------------ */

/* Offered, offered again, moved; and one offer of ours. */
static int live_once(void *arg)
{
	struct world *w = arg;
	Cv__LegDescription *a = NULL;
	Cv__LegUpdate u = CV__LEG_UPDATE__INIT;
	Cv__LegMove v = CV__LEG_MOVE__INIT;
	Cv__LegWant want = CV__LEG_WANT__INIT;
	struct leg *leg;
	struct order o;
	int r;

	order_init(&o, 0);
	o.o.offer = u.offer = phone_offer(w->p[0],
					  CV__DIRECTION__DIR_SENDRECV);
	r = leg_open(w->m, &o.o, &a);
	nego_answer_free(&a);
	leg = leg_find(w->m, leg_of(0));
	if (r == 0)
		r = leg_update(leg, &u, &a);
	nego_answer_free(&a);
	v.room = ROOM2;
	if (r == 0)
		r = leg_move(leg, &v);
	if (leg)
		leg_close(leg);
	want.audio = want.video = true;
	o.o.offer = NULL;
	o.o.make_offer = true;
	o.o.want = &want;
	if (r == 0)
		r = leg_open(w->m, &o.o, &a);
	nego_answer_free(&a);
	leg = leg_find(w->m, leg_of(0));
	if (leg)
		leg_close(leg);
	legs_bury(w->m);
	return r;
}

static void test_plain__survives_failing_allocations(void **state)
{
	struct phone_cfg cfg = {.codec = AUDIO_PCMA, .has_video = true,
		.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80};
	struct ports_stats st;
	struct world w;

	(void)state;
	world_init(&w);
	UNTIL(&w, room_find(w.m, ROOM2));
	w.p[0] = phone_new(&cfg);
	assert_int_equal(live_once(&w), 0);	/* pools are filled */
	assert_in_range(alloc_test_every(live_once, &w, 400), 5, 400);
	ports_get_stats(w.m->ports, &st);
	assert_int_equal(st.open, 0);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain__survives_failing_allocations),
		cmocka_unit_test(test_plain__mixes_clear_legs_of_each_codec),
		cmocka_unit_test(test_plain__mixes_each_suite),
		cmocka_unit_test(test_plain__takes_other_packet_times),
		cmocka_unit_test(
		  test_plain__sdes_without_encrypted_signalling_is_refused),
		cmocka_unit_test(
			test_plain__speaks_dtls_with_the_one_who_begins),
		cmocka_unit_test(
			test_plain__begins_dtls_with_nobody_who_was_only_named),
		cmocka_unit_test(
		    test_plain__seals_nothing_twice_when_only_their_key_changes),
		cmocka_unit_test(test_plain__a_stranger_gets_nothing),
		cmocka_unit_test(test_plain__moves_only_with_a_new_offer),
		cmocka_unit_test(
			test_plain__floods_nobody_who_was_only_named),
		cmocka_unit_test(test_plain__ice_proves_another_address),
		cmocka_unit_test(test_plain__ice_needs_one_port),
		cmocka_unit_test(test_plain__ignores_a_bye),
		cmocka_unit_test(
			test_plain__has_ports_of_its_own_and_gives_them_back),
		cmocka_unit_test(test_plain__waits_for_one_without_address),
		cmocka_unit_test(test_plain__tells_each_press_once),
		cmocka_unit_test(test_plain__sends_keys),
		cmocka_unit_test(
			test_plain__holds_and_resumes_with_the_same_keys),
		cmocka_unit_test(test_plain__a_silent_leg_ends),
		cmocka_unit_test(test_plain__comfort_noise_is_a_sign_of_life),
		cmocka_unit_test(test_plain__moves_to_another_room),
		cmocka_unit_test(test_plain__offers_and_takes_the_answer),
		cmocka_unit_test(test_plain__offers_anew),
		cmocka_unit_test(test_plain__asks_core_for_a_keyframe),
		cmocka_unit_test(test_plain__keeps_to_the_cap_of_the_peer),
		cmocka_unit_test(test_plain__asks_a_camera_without_remb),
	};

	if (srtp_init() != srtp_err_status_ok)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
