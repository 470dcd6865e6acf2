/* A whole worker in this process, a core played over a socketpair, a video
 * worker over another, and clients on 127.0.0.1. Time is real, waits end with
 * what is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/rand.h"
#include "ipc/prompts.h"
#include "media/audio/prompts.h"
#include "media/media.h"
#include "media/t/client.h"
#include "media/video/in.h"
#include "media/video/out.h"

enum { ROOM = 77, WAIT_MS = 30000, LEGS = 3 };

struct world {
	struct media *m;
	struct ipc_chan *core;
	int video;			/* our end of the picture link */
	struct client *c[LEGS];
	uint64_t leg[LEGS];
	unsigned answers, refused, states, reports, speakers, bandwidth;
	uint64_t loudest;
	size_t alive;
	Cv__LegPhase phase[LEGS];
	uint32_t width[LEGS];
	/* from the video link */
	unsigned hellos, pictures, keys, want_keys, rates;
	size_t picture_bytes;
	uint32_t last_id;
	uint64_t picture_leg;
	uint64_t sent_ns;
	int level;
	unsigned played;
	uint32_t played_epoch, heard;
	uint32_t mtu[LEGS];		/* of legs that are made, 0 = usual */
	unsigned slides_pictures, slides_keys;
	bool has_slides[LEGS], sends_slides[LEGS];
	uint32_t slides_takes[LEGS], slides_width[LEGS];
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

static int index_of(const struct world *w, uint64_t leg)
{
	for (int i = 0; i < LEGS; i++)
		if (w->leg[i] == leg)
			return i;
	return -1;
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
		int i = index_of(w, a->leg);

		w->answers++;
		w->refused += !a->ok;
		if (a->ok && i >= 0)
			client_answer(w->c[i], a->answer);
	} else if (type == IPC_LEG_STATE) {
		const Cv__LegState *s = (const void *)msg;
		int i = index_of(w, s->leg);

		w->states++;
		if (i >= 0) {
			w->phase[i] = s->phase;
			w->width[i] = s->width;
			w->has_slides[i] = s->has_slides;
			w->sends_slides[i] = s->sends_slides;
			w->slides_takes[i] = s->slides_takes;
			w->slides_width[i] = s->slides_width;
		}
	} else if (type == IPC_SPEAKERS) {
		const Cv__Speakers *s = (const void *)msg;

		w->speakers++;
		if (s->n_speakers && s->speakers[0]->vad > 0)
			w->loudest = s->speakers[0]->leg;
	} else if (type == IPC_LEG_REPORT) {
		w->reports++;
		w->alive = ((const Cv__LegReport *)(const void *)msg)->n_legs;
	} else if (type == IPC_LEG_BANDWIDTH) {
		w->bandwidth++;
	} else if (type == IPC_LEG_PLAYED) {
		const Cv__LegPlayed *p = (const void *)msg;

		w->played++;
		w->played_epoch = p->epoch;
		w->heard = p->heard;
	}
}

static void core_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
}

static void core_join(struct world *w)
{
	int pair[2];
	struct ipc_chan_cfg cfg = {.self = ROLE_CORE, .peer = ROLE_MEDIA,
				   .on_msg = core_msg, .on_down = core_down,
				   .arg = w};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	cfg.fd = pair[0];
	assert_int_equal(ipc_chan_new(&w->core, &cfg), 0);
	control_link(w->m, pair[1], 0);
}

static void video_write(struct world *w, struct frame *f)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct span s;

	assert_int_equal(frame_encode(f, buf, sizeof(buf), &s), 0);
	(void)send(w->video, s.p, s.n, MSG_DONTWAIT);
}

static void video_join(struct world *w)
{
	int pair[2];
	uint8_t hash[32];
	struct frame f = {.kind = FRAME_HELLO, .chunks = 1, .total = 32};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	if (w->video >= 0)
		close(w->video);
	w->video = pair[0];
	vlink_set(w->m, pair[1]);
	ipc_proto_hash(hash);
	f.data = span_of(hash, 32);
	video_write(w, &f);
}

static void video_read(struct world *w)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct frame f;
	ssize_t n;

	if (w->video < 0)
		return;
	while ((n = recv(w->video, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		assert_int_equal(frame_decode(&f, span_of(buf, (size_t)n)), 0);
		w->hellos += f.kind == FRAME_HELLO;
		w->want_keys += f.kind == FRAME_WANT_KEY;
		w->rates += f.kind == FRAME_RATE;
		if (f.kind != FRAME_IN)
			continue;
		if (f.flags & FRAME_F_SLIDES) {
			w->slides_pictures += f.chunk + 1 == f.chunks;
			w->slides_keys += (f.flags & FRAME_F_KEY) &&
					  f.chunk == 0;
			continue;
		}
		w->pictures += f.chunk + 1 == f.chunks;
		w->keys += (f.flags & FRAME_F_KEY) && f.chunk == 0;
		w->picture_bytes += f.data.n;
		w->picture_leg = f.stream;
		w->last_id = f.id;
	}
}

/* A loud frame of Opus: CELT with random bits is noise. */
static void talk(struct world *w, int i, uint64_t now)
{
	static uint8_t frame[80];

	if (now - w->sent_ns < 20 * NS_PER_MS)
		return;
	w->sent_ns = now;
	rand_bytes(frame, sizeof(frame));
	frame[0] = 0xf8;		/* CELT fullband 20 ms mono, one frame */
	client_send_audio(w->c[i], span_of(frame, sizeof(frame)), w->level);
}

static void turn(struct world *w)
{
	uint64_t now;

	media_turn(w->m, 1);
	if (w->core)
		(void)ipc_chan_input(w->core, 64);
	video_read(w);
	now = clock_mono_ns();
	for (int i = 0; i < LEGS; i++)
		if (w->c[i] && w->leg[i])
			client_step(w->c[i], now);
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

static void room_make(struct world *w)
{
	Cv__RoomOpen o = CV__ROOM_OPEN__INIT;

	o.room = ROOM;
	assert_int_equal(ipc_send(w->core, ROOM_OPEN, &o), 0);
}

static void leg_make_test(struct world *w, int i, const struct client_cfg *cfg)
{
	Cv__LegOpen o = CV__LEG_OPEN__INIT;
	Cv__LegFlags f = CV__LEG_FLAGS__INIT;

	w->c[i] = client_new(cfg);
	w->leg[i] = 1000 + (uint64_t)i;
	f.admitted = true;
	o.req = (uint32_t)i + 1;
	o.room = ROOM;
	o.leg = w->leg[i];
	o.flags = &f;
	o.mtu = w->mtu[i];
	o.offer = client_offer(w->c[i], false);
	/* no step before the answer came */
	w->leg[i] = 0;
	{
		unsigned before = w->answers;

		assert_int_equal(ipc_send(w->core, LEG_OPEN, &o), 0);
		w->leg[i] = o.leg;
		for (int k = 0; w->answers == before && k < 2000; k++) {
			media_turn(w->m, 1);
			(void)ipc_chan_input(w->core, 64);
		}
		assert_int_equal(w->answers, before + 1);
	}
}

/* The file that the build made: argv[1]. */
static const char *prompts_path = "/dev/null";

static void world_init(struct world *w)
{
	struct media_cfg cfg = {.is_loopback = true};

	memset(w, 0, sizeof(*w));
	w->video = -1;
	w->level = 20;
	cfg.udp_fd = bound(SOCK_DGRAM);
	cfg.tcp_fd = bound(SOCK_STREAM);
	(void)prompts_open(&cfg.prompts, open(prompts_path, O_RDONLY));
	assert_int_equal(media_new(&w->m, &cfg), 0);
	core_join(w);
	room_make(w);
}

static void world_release(struct world *w)
{
	for (int i = 0; i < LEGS; i++)
		if (w->c[i])
			client_free(w->c[i]);
	media_free(&w->m);
	ipc_chan_free(&w->core);
	if (w->video >= 0)
		close(w->video);
}

static const struct client_cfg sound = {.has_video = false};
static const struct client_cfg picture = {.has_video = true, .has_rtx = true,
					  .has_twcc = true};

static void test_media__mixes_sound_between_two_clients(void **state)
{
	struct world w;
	uint64_t began;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	leg_make_test(&w, 1, &sound);
	UNTIL(&w, client_is_up(w.c[0]) && client_is_up(w.c[1]));
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_SECURE &&
		  w.phase[1] == CV__LEG_PHASE__LEG_SECURE);
	client_reset_got(w.c[1]);
	began = clock_mono_ns();
	for (unsigned k = 0; k < 150 || client_got(w.c[1])->audio < 120; k++) {
		uint64_t end = clock_mono_ns() + 20 * NS_PER_MS;

		assert_true(end - began < WAIT_MS * NS_PER_MS);
		talk(&w, 0, clock_mono_ns());
		while (clock_mono_ns() < end)
			turn(&w);
	}
	/* a frame each 20 ms and no more */
	assert_true(client_got(w.c[1])->audio <=
		    (clock_mono_ns() - began) / (20 * NS_PER_MS) + 20);
	assert_true(client_got(w.c[1])->audio_bytes > 120 * 20);
	assert_true(client_got(w.c[1])->sr >= 1);
	assert_int_equal(client_got(w.c[1])->bad, 0);
	assert_int_equal(client_got(w.c[0])->bad, 0);
	/* the noise was heard, and who made it is known */
	assert_int_equal(w.loudest, w.leg[0]);
	world_release(&w);
}

static void play(struct world *w, uint32_t prompt, uint32_t epoch, uint32_t times)
{
	Cv__LegPlay p = CV__LEG_PLAY__INIT;

	p.leg = w->leg[0];
	p.epoch = epoch;
	p.prompts = &prompt;
	p.n_prompts = prompt ? 1 : 0;
	p.times = times;
	assert_int_equal(ipc_send(w->core, LEG_PLAY, &p), 0);
}

/* Ordered before the keys are there: it waits, and nothing of it is lost. */
static void test_media__says_prompts_and_tells_when_they_end(void **state)
{
	struct world w;
	size_t quiet;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	play(&w, PROMPT_BEEP, 7, 1);
	UNTIL(&w, client_is_up(w.c[0]) && w.played == 1);
	assert_int_equal(w.played_epoch, 7);
	assert_true(client_got(w.c[0])->audio >= 15);
	/* one that goes on until it is ended; then only noise comes */
	play(&w, PROMPT_GOODBYE, 8, 0);
	run_ms(&w, 300);
	play(&w, 0, 9, 0);
	run_ms(&w, 100);
	client_reset_got(w.c[0]);
	run_ms(&w, 400);
	quiet = client_got(w.c[0])->audio_bytes;
	assert_int_equal(w.played, 1);
	play(&w, PROMPT_WELCOME, 10, 0);
	run_ms(&w, 100);
	client_reset_got(w.c[0]);
	run_ms(&w, 400);
	assert_true(client_got(w.c[0])->audio_bytes > quiet + quiet / 4);
	/* nothing like that: told at once */
	play(&w, PROMPT_COUNT, 11, 1);
	UNTIL(&w, w.played == 2 && w.played_epoch == 11);
	assert_int_equal(w.m->stats.says_refused, 1);
	world_release(&w);
}

static void test_media__plays_back_what_the_leg_said(void **state)
{
	Cv__LegLoop l = CV__LEG_LOOP__INIT;
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	UNTIL(&w, client_is_up(w.c[0]) && client_got(w.c[0])->audio > 5);
	l.leg = w.leg[0];
	l.epoch = 3;
	l.record_ms = 500;
	assert_int_equal(ipc_send(w.core, LEG_LOOP, &l), 0);
	for (int i = 0; i < 40 && !w.played; i++) {
		talk(&w, 0, clock_mono_ns());
		run_ms(&w, 20);
	}
	UNTIL(&w, w.played == 1);
	assert_int_equal(w.played_epoch, 3);
	assert_in_range(w.heard, 1, 60);
	world_release(&w);
}

static void test_media__repairs_sound_when_agreed(void **state)
{
	struct client_cfg cfg = {.has_audio_nack = true};
	struct audio_leg_stats st;
	uint8_t frame[60] = {0xf8};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &cfg);
	UNTIL(&w, client_is_up(w.c[0]) && client_got(w.c[0])->audio > 5);
	/* ours to him: the same bytes again */
	client_complain_audio(w.c[0], client_got(w.c[0])->audio_seq);
	UNTIL(&w, client_got(w.c[0])->audio_again == 1);
	/* his to us */
	for (int i = 0; i < 20; i++) {
		if (i == 10)
			client_lose_audio(w.c[0], span_of(frame, 60));
		else
			client_send_audio(w.c[0], span_of(frame, 60), -1);
		run_ms(&w, 20);
	}
	assert_true(client_got(w.c[0])->nack >= 1);
	assert_int_equal(leg_find(w.m, w.leg[0])->audio_repair->in.recovered,
			 1);
	audio_leg_stats(leg_find(w.m, w.leg[0])->audio, &st);
	assert_true(st.received >= 20);
	world_release(&w);
}

static void test_media__agrees_with_every_srtp_profile(void **state)
{
	static const char *const all[] = {
		"SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM",
		"SRTP_AES128_CM_SHA1_80"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct client_cfg cfg = {.profile = all[i]};
		struct world w;

		world_init(&w);
		leg_make_test(&w, 0, &cfg);
		UNTIL(&w, client_is_up(w.c[0]) && client_got(w.c[0])->audio > 5);
		assert_int_equal(client_got(w.c[0])->bad, 0);
		world_release(&w);
	}
}

static void test_media__serves_ice_tcp(void **state)
{
	struct client_cfg cfg = {.is_tcp = true};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &cfg);
	UNTIL(&w, client_is_up(w.c[0]) && client_got(w.c[0])->audio > 20);
	assert_int_equal(client_got(w.c[0])->bad, 0);
	world_release(&w);
}

static void test_media__stays_silent_to_strangers(void **state)
{
	static const uint8_t junk[][4] = {{0, 1, 0, 0}, {22, 254, 253, 0},
					  {0x80, 111, 0, 1}, {0x81, 201, 0, 1}};
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	client_hush(w.c[0]);
	for (unsigned i = 0; i < 400; i++) {
		client_send_raw(w.c[0], span_of(junk[i % 4], 4));
		if (i % 50 == 49)
			turn(&w);
	}
	run_ms(&w, 200);
	assert_int_equal(client_got(w.c[0])->checks, 0);
	assert_int_equal(client_got(w.c[0])->bad, 0);
	assert_int_equal(w.phase[0], 0);
	assert_true(w.m->stats.packets_in >= 400);
	world_release(&w);
}

static void test_media__follows_a_client_that_moves(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	UNTIL(&w, client_is_up(w.c[0]) && client_got(w.c[0])->audio > 5);
	client_move(w.c[0]);
	client_reset_got(w.c[0]);
	UNTIL(&w, client_got(w.c[0])->audio > 20);
	world_release(&w);
}

/* One guest must not be able to fill the channel to core, which would end it
 * for everybody's meetings. */
static void test_media__tells_core_little_of_one_who_hops(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	UNTIL(&w, client_is_up(w.c[0]) &&
		  w.phase[0] == CV__LEG_PHASE__LEG_SECURE);
	w.states = 0;
	for (int i = 0; i < 100; i++) {
		client_flap(w.c[0], 20);
		turn(&w);
	}
	run_ms(&w, 300);
	assert_in_range(w.states, 1, 100);
	world_release(&w);
}

/* Places for handshakes are few: checks without a handshake keep none. */
static void test_media__ends_a_handshake_that_takes_too_long(void **state)
{
	static const struct client_cfg stalled = {.is_stalled = true};
	struct world w;
	struct leg *leg;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &stalled);
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_CONNECTED);
	run_ms(&w, 200);
	assert_int_equal(w.phase[0], CV__LEG_PHASE__LEG_CONNECTED);
	leg = leg_find(w.m, w.leg[0]);
	assert_non_null(leg);
	leg->flows[0].dtls_ns -= (MEDIA_DTLS_S + 1) * NS_PER_S;
	UNTIL(&w, !leg_find(w.m, w.leg[0]));
	UNTIL(&w, w.phase[0] == CV__LEG_PHASE__LEG_GONE);
	world_release(&w);
}

static void test_media__restarts_ice_and_keeps_the_keys(void **state)
{
	Cv__LegUpdate u = CV__LEG_UPDATE__INIT;
	struct world w;
	unsigned before;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	UNTIL(&w, client_is_up(w.c[0]) && client_got(w.c[0])->audio > 5);
	u.leg = w.leg[0];
	u.offer = client_offer(w.c[0], true);
	before = w.answers;
	assert_int_equal(ipc_send(w.core, LEG_UPDATE, &u), 0);
	UNTIL(&w, w.answers > before);
	assert_int_equal(w.refused, 0);
	client_move(w.c[0]);
	client_reset_got(w.c[0]);
	UNTIL(&w, client_got(w.c[0])->checks && client_got(w.c[0])->audio > 20);
	world_release(&w);
}

static void test_media__lives_on_without_core(void **state)
{
	Cv__LegKeep keep = CV__LEG_KEEP__INIT;
	struct world w;

	(void)state;
	world_init(&w);
	leg_make_test(&w, 0, &sound);
	leg_make_test(&w, 1, &sound);
	UNTIL(&w, client_is_up(w.c[0]) && client_is_up(w.c[1]));
	ipc_chan_free(&w.core);
	client_reset_got(w.c[0]);
	UNTIL(&w, client_got(w.c[0])->audio > 50);
	core_join(&w);
	UNTIL(&w, w.reports > 1);
	assert_int_equal(w.alive, 2);
	keep.legs = &w.leg[1];
	keep.n_legs = 1;
	assert_int_equal(ipc_send(w.core, LEG_KEEP, &keep), 0);
	UNTIL(&w, map_count(w.m->legs) == 1);
	client_reset_got(w.c[1]);
	UNTIL(&w, client_got(w.c[1])->audio > 10);
	world_release(&w);
}

static void test_media__refuses_what_core_did_not_give(void **state)
{
	Cv__LegOpen o = CV__LEG_OPEN__INIT;
	Cv__LegSet s = CV__LEG_SET__INIT;
	struct world w;

	(void)state;
	world_init(&w);
	w.c[0] = client_new(&sound);
	o.room = ROOM + 1;
	o.leg = 5;
	o.offer = client_offer(w.c[0], false);
	assert_int_equal(ipc_send(w.core, LEG_OPEN, &o), 0);
	s.leg = 99;
	assert_int_equal(ipc_send(w.core, LEG_SET, &s), 0);
	UNTIL(&w, w.refused == 1 && w.m->stats.bad_handles == 1);
	world_release(&w);
}

/* --- video ------------------------------------------------------------- */

/* A VP8 keyframe head (64 x 48) and rubbish behind it, as one payload. */
static size_t vp8_packet(uint8_t *p, bool first, bool key, size_t n)
{
	memset(p, 0x55, n);
	p[0] = first ? 0x10 : 0;
	if (!first)
		return n;
	p[1] = key ? 0x10 : 0x11;	/* show, version 0 */
	p[2] = 0;
	p[3] = 0;
	if (key) {
		static const uint8_t head[] = {0x9d, 1, 0x2a, 64, 0, 48, 0};

		memcpy(p + 4, head, sizeof(head));
	}
	return n;
}

static void film(struct world *w, int i, uint32_t ts, bool key, int lose)
{
	uint8_t p[1000];

	for (int k = 0; k < 3; k++) {
		vp8_packet(p, k == 0, key, sizeof(p));
		client_send_video(w->c[i], span_of(p, sizeof(p)), ts, k == 2,
				  k == lose);
	}
}

static void plan(struct world *w, uint32_t group_of_1)
{
	Cv__PicturePlan p = CV__PICTURE_PLAN__INIT;
	Cv__Receiver r[2], *rp[2] = {&r[0], &r[1]};
	Cv__GroupInfo g[2], *gp[2] = {&g[0], &g[1]};

	for (int i = 0; i < 2; i++) {
		cv__receiver__init(&r[i]);
		r[i].leg = w->leg[i];
		r[i].group = i ? group_of_1 : 1;
		cv__group_info__init(&g[i]);
		g[i].group = (uint32_t)i + 1;
		g[i].codec = CV__CODEC_NAME__CODEC_VP8;
		g[i].width = 640;
		g[i].height = 360;
		g[i].kbps = 500;
	}
	p.room = ROOM;
	p.receivers = rp;
	p.n_receivers = 2;
	p.groups = gp;
	p.n_groups = 2;
	p.needed = w->leg;
	p.n_needed = 1;
	assert_int_equal(ipc_send(w->core, PICTURE_PLAN, &p), 0);
}

static void group_picture(struct world *w, uint32_t group, bool key, size_t n)
{
	static uint8_t pic[40000];
	static uint32_t id;
	struct frame f = {.kind = FRAME_OUT, .codec = FRAME_VP8,
			  .flags = key ? FRAME_F_KEY : 0, .width = 640,
			  .height = 360, .chunks = 1, .id = ++id, .room = ROOM,
			  .stream = group, .mono_ns = clock_mono_ns(),
			  .total = (uint32_t)n, .data = span_of(pic, n)};

	pic[0] = key ? 0x10 : 0x11;
	video_write(w, &f);
}

static void video_world(struct world *w)
{
	world_init(w);
	video_join(w);
	leg_make_test(w, 0, &picture);
	leg_make_test(w, 1, &picture);
	UNTIL(w, client_is_up(w->c[0]) && client_is_up(w->c[1]) &&
		 w->hellos == 1);
	plan(w, 1);
}

static void test_media__forwards_pictures_and_repairs_loss(void **state)
{
	struct world w;
	unsigned got;

	(void)state;
	video_world(&w);
	film(&w, 0, 1000, false, -1);
	/* in the middle of a stream: a keyframe is asked for */
	UNTIL(&w, client_got(w.c[0])->pli >= 1);
	assert_int_equal(w.pictures, 0);
	film(&w, 0, 4000, true, -1);
	UNTIL(&w, w.keys == 1);
	UNTIL(&w, w.width[0] == 64);
	assert_int_equal(w.picture_leg, w.leg[0]);
	assert_int_equal(w.picture_bytes, 3 * 999);
	film(&w, 0, 7000, false, 1);
	film(&w, 0, 10000, false, -1);
	got = client_got(w.c[0])->pli;
	UNTIL(&w, w.pictures == 3);
	assert_true(client_got(w.c[0])->nack >= 1);
	assert_int_equal(client_got(w.c[0])->pli, got);
	UNTIL(&w, client_got(w.c[0])->remb >= 1 && client_got(w.c[0])->twcc);
	assert_true(client_got(w.c[0])->remb_kbps > 500);
	/* nobody asked for the other one */
	film(&w, 1, 1000, true, -1);
	run_ms(&w, 100);
	assert_int_equal(w.keys, 1);
	world_release(&w);
}

static void test_media__sends_a_group_to_its_receivers(void **state)
{
	struct world w;

	(void)state;
	video_world(&w);
	UNTIL(&w, w.want_keys >= 1);
	group_picture(&w, 1, false, 3000);
	run_ms(&w, 50);
	assert_int_equal(client_got(w.c[0])->video, 0);
	group_picture(&w, 1, true, 20000);
	UNTIL(&w, client_got(w.c[0])->markers == 1 &&
		  client_got(w.c[1])->markers == 1);
	assert_in_range(client_got(w.c[0])->video, 18, 19);
	for (int i = 0; i < 30; i++) {
		group_picture(&w, 1, false, 3000);
		run_ms(&w, 33);
	}
	UNTIL(&w, client_got(w.c[1])->markers == 31);
	assert_int_equal(client_got(w.c[1])->video_lost, 0);
	assert_int_equal(client_got(w.c[0])->video_lost, 0);
	UNTIL(&w, client_got(w.c[1])->sr >= 2);
	world_release(&w);
}

/* Two in one group, one of them behind a narrow link: his packets are small,
 * from the first of the handshake on, the other's are as ever. */
static void test_media__keeps_packets_within_the_mtu(void **state)
{
	enum { MTU = 600, IP_UDP = 48 };
	struct world w;

	(void)state;
	world_init(&w);
	w.mtu[1] = MTU;
	video_join(&w);
	leg_make_test(&w, 0, &picture);
	leg_make_test(&w, 1, &picture);
	UNTIL(&w, client_is_up(w.c[0]) && client_is_up(w.c[1]) &&
		 w.hellos == 1);
	plan(&w, 1);
	UNTIL(&w, w.want_keys >= 1);
	group_picture(&w, 1, true, 20000);
	UNTIL(&w, client_got(w.c[0])->markers == 1 &&
		  client_got(w.c[1])->markers == 1);
	/* Fillers may have come, too. */
	assert_in_range(client_got(w.c[0])->video, 18, 30);
	assert_in_range(client_got(w.c[1])->video, 39, 54);
	client_complain(w.c[1], client_got(w.c[1])->video_seq);
	UNTIL(&w, client_got(w.c[1])->rtx == 1);
	UNTIL(&w, client_got(w.c[1])->sr >= 2);
	assert_in_range(client_got(w.c[1])->largest, MTU - IP_UDP - 60,
			MTU - IP_UDP);
	assert_in_range(client_got(w.c[0])->largest, 1100, 1250);
	world_release(&w);
}

static void test_media__repeats_by_rtx_and_asks_for_keyframes(void **state)
{
	struct world w;
	unsigned before;

	(void)state;
	video_world(&w);
	UNTIL(&w, w.want_keys >= 1);
	group_picture(&w, 1, true, 5000);
	UNTIL(&w, client_got(w.c[1])->markers == 1);
	client_complain(w.c[1], client_got(w.c[1])->video_seq);
	UNTIL(&w, client_got(w.c[1])->rtx == 1);
	before = w.want_keys;
	for (int i = 0; i < 20; i++)
		client_complain(w.c[1], -1);
	UNTIL(&w, w.want_keys == before + 1);
	run_ms(&w, 200);
	/* one request for all of them, and a storm is told */
	assert_int_equal(w.want_keys, before + 1);
	UNTIL(&w, w.bandwidth >= 1);
	assert_true(keystorm_is(&leg_find(w.m, w.leg[1])->vout->storm));
	world_release(&w);
}

/* --- presentation -------------------------------------------------------- */

static void screen(struct world *w, int i, uint32_t ts, bool key)
{
	uint8_t p[1000];

	for (int k = 0; k < 3; k++) {
		vp8_packet(p, k == 0, key, sizeof(p));
		client_send_slides(w->c[i], span_of(p, sizeof(p)), ts,
				   k == 2);
	}
}

static void present(struct world *w, int i, bool to_video)
{
	Cv__Presentation p = CV__PRESENTATION__INIT;

	p.room = ROOM;
	p.presenter = i < 0 ? 0 : w->leg[i];
	p.to_video = to_video;
	assert_int_equal(ipc_send(w->core, PRESENTATION, &p), 0);
}

static void flags(struct world *w, int i, bool no_slides)
{
	Cv__LegSet set = CV__LEG_SET__INIT;
	Cv__LegFlags f = CV__LEG_FLAGS__INIT;

	f.admitted = true;
	f.no_slides = no_slides;
	set.leg = w->leg[i];
	set.flags = &f;
	assert_int_equal(ipc_send(w->core, LEG_SET, &set), 0);
}

static void slides_world(struct world *w)
{
	world_init(w);
	video_join(w);
	for (int i = 0; i < LEGS; i++)
		leg_make_test(w, i, &picture);
	UNTIL(w, client_is_up(w->c[0]) && client_is_up(w->c[1]) &&
		 client_is_up(w->c[2]) && w->hellos == 1);
	UNTIL(w, w->has_slides[0] && w->has_slides[1]);
	assert_int_equal(w->slides_takes[0], CV__SLIDES_CODEC__SLIDES_VP8);
}

static void test_media__forwards_what_the_presenter_shows(void **state)
{
	const struct client_got *g0, *g1, *g2;
	struct world w;
	uint32_t ts;

	(void)state;
	slides_world(&w);
	g0 = client_got(w.c[0]);
	g1 = client_got(w.c[1]);
	g2 = client_got(w.c[2]);
	/* without the floor nothing goes anywhere */
	screen(&w, 0, 1000, true);
	UNTIL(&w, w.m->stats.slides_unasked >= 3);
	assert_int_equal(g1->slides + g2->slides, 0);
	present(&w, 0, false);
	UNTIL(&w, g0->slides_pli >= 1);
	screen(&w, 0, 4000, false);	/* nobody can begin with this */
	screen(&w, 0, 7000, true);
	UNTIL(&w, g1->slides_markers == 1 && g2->slides_markers == 1);
	ts = g1->slides_ts;
	run_ms(&w, 33);
	screen(&w, 0, 10000, false);
	UNTIL(&w, g1->slides_markers == 2 && g2->slides_markers == 2);
	assert_int_equal(g1->slides_lost + g2->slides_lost, 0);
	assert_true((int32_t)(g1->slides_ts - ts) > 0);
	assert_int_equal(g0->slides, 0);	/* not to himself */
	assert_int_equal(g0->video + g1->video, 0);
	UNTIL(&w, w.sends_slides[0] && w.slides_width[0] == 64);
	assert_int_equal(w.slides_pictures, 0);
	/* his camera beside it is told apart */
	film(&w, 0, 1000, true, -1);
	run_ms(&w, 50);
	assert_int_equal(g1->slides_markers, 2);
	/* one who is not to be shown it */
	flags(&w, 2, true);
	run_ms(&w, 50);
	screen(&w, 0, 13000, false);
	UNTIL(&w, g1->slides_markers == 3);
	assert_int_equal(g2->slides_markers, 2);
	/* taken over */
	present(&w, 1, false);
	screen(&w, 1, 100, false);
	UNTIL(&w, g1->slides_pli >= 1);
	screen(&w, 0, 16000, true);
	screen(&w, 1, 1000, true);
	UNTIL(&w, g0->slides_markers == 1);
	assert_int_equal(g1->slides_markers, 3);
	/* and nobody */
	present(&w, -1, false);
	run_ms(&w, 50);
	screen(&w, 1, 4000, false);
	run_ms(&w, 50);
	assert_int_equal(g0->slides_markers, 1);
	world_release(&w);
}

/* One who asks for keyframes without end is answered now and then; a late one
 * at once; and all together never more often than KEYREQ_INTERVAL_MS. */
static void test_media__a_storm_of_keyframe_wishes_hurts_nobody(void **state)
{
	const struct client_got *g0;
	struct world w;
	unsigned before;

	(void)state;
	slides_world(&w);
	g0 = client_got(w.c[0]);
	present(&w, 0, false);
	screen(&w, 0, 1000, false);
	UNTIL(&w, g0->slides_pli >= 1);
	/* the other one's wish may have been the first */
	UNTIL(&w, leg_find(w.m, w.leg[1])->sout->key_ns);
	screen(&w, 0, 4000, true);
	UNTIL(&w, client_got(w.c[1])->slides_markers == 1);
	run_ms(&w, KEYREQ_INTERVAL_MS);
	before = g0->slides_pli;
	for (int i = 0; i < 50; i++) {
		client_complain_slides(w.c[1]);
		turn(&w);
	}
	/* his first wish, from before the picture, was just carried out */
	run_ms(&w, 500);
	assert_int_equal(g0->slides_pli, before);
	assert_true(w.m->stats.slides_keys_held >= 1);
	UNTIL(&w, g0->slides_pli == before + 1);
	world_release(&w);
}

/* One behind a line that carries next to nothing misses pictures; the other
 * has them all, and the presenter is not told to send less. */
static void test_media__a_stalled_receiver_of_slides_harms_nobody(void **state)
{
	enum { PICTURES = 60 };
	const struct client_got *g1, *g2;
	struct leg *slow;
	struct world w;

	(void)state;
	slides_world(&w);
	g1 = client_got(w.c[1]);
	g2 = client_got(w.c[2]);
	slow = leg_find(w.m, w.leg[1]);
	slow->link->bwe.cap_kbps = slow->link->bwe.kbps = BWE_MIN_KBPS;
	present(&w, 0, false);
	UNTIL(&w, leg_presents(leg_find(w.m, w.leg[0])));
	for (uint32_t i = 0; i < PICTURES; i++) {
		screen(&w, 0, 1000 + i * 3000, i == 0);
		run_ms(&w, 33);
	}
	UNTIL(&w, g2->slides_markers == PICTURES);
	assert_int_equal(g2->slides_lost, 0);
	assert_in_range(g1->slides_markers, 1, PICTURES - 10);
	assert_int_equal(g1->slides_lost, 0);
	assert_true(slow->sout->skipped > 0);
	UNTIL(&w, slow->room->slides.kbps >= MEDIA_SLIDES_KBPS_MIN);
	/* his main picture has what presentation leaves */
	assert_true(leg_main_kbps(leg_find(w.m, w.leg[2]), w.m->now_ns) <
		    bwe_kbps(&leg_find(w.m, w.leg[2])->link->bwe,
			     w.m->now_ns));
	world_release(&w);
}

/* One for whom it is made anew gets his group's pictures and no others; each
 * change of source begins with a keyframe. */
static void test_media__a_way_leads_from_a_group_to_the_slides(void **state)
{
	const struct client_got *g1, *g2;
	Cv__Presentation p = CV__PRESENTATION__INIT;
	Cv__SlidesWay way = CV__SLIDES_WAY__INIT, *ways[] = {&way};
	struct video_out *v;
	struct world w;

	(void)state;
	slides_world(&w);
	g1 = client_got(w.c[1]);
	g2 = client_got(w.c[2]);
	plan(&w, 1);
	p.room = ROOM;
	p.presenter = w.leg[0];
	p.to_video = true;
	p.ways = ways;
	p.n_ways = 1;
	way.leg = w.leg[1];
	way.group = 1;
	assert_int_equal(ipc_send(w.core, PRESENTATION, &p), 0);
	screen(&w, 0, 1000, false);
	UNTIL(&w, client_got(w.c[0])->slides_pli >= 1);
	screen(&w, 0, 4000, true);
	UNTIL(&w, g2->slides_markers == 1 && w.slides_pictures == 1);
	group_picture(&w, 1, false, 3000);
	run_ms(&w, 50);
	assert_int_equal(g1->slides, 0);
	UNTIL(&w, w.want_keys >= 1);
	group_picture(&w, 1, true, 3000);
	UNTIL(&w, g1->slides_markers == 1);
	assert_int_equal(g2->slides_markers, 1);
	/* larger than he takes: nothing, until it fits */
	v = leg_find(w.m, w.leg[1])->sout;
	leg_find(w.m, w.leg[1])->nego.slides.max_fs = 919;
	group_picture(&w, 1, false, 3000);
	UNTIL(&w, v->too_large == 1);
	leg_find(w.m, w.leg[1])->nego.slides.max_fs = 920;
	group_picture(&w, 1, false, 3000);
	run_ms(&w, 50);
	assert_int_equal(g1->slides_markers, 1);
	group_picture(&w, 1, true, 3000);
	UNTIL(&w, g1->slides_markers == 2);
	/* forwarded from now on: not in the midst of the other's pictures */
	p.n_ways = 0;
	assert_int_equal(ipc_send(w.core, PRESENTATION, &p), 0);
	UNTIL(&w, v->needs_key);
	screen(&w, 0, 7000, false);
	UNTIL(&w, g2->slides_markers == 2);
	assert_int_equal(g1->slides_markers, 2);
	screen(&w, 0, 10000, true);
	UNTIL(&w, g1->slides_markers == 3);
	assert_int_equal(g1->slides_lost, 0);
	world_release(&w);
}

static void test_media__gives_video_the_presentation_when_asked(void **state)
{
	struct world w;

	(void)state;
	slides_world(&w);
	present(&w, 0, false);
	screen(&w, 0, 1000, false);
	UNTIL(&w, client_got(w.c[0])->slides_pli >= 1);
	screen(&w, 0, 4000, true);
	UNTIL(&w, client_got(w.c[1])->slides_markers == 1);
	assert_int_equal(w.slides_pictures, 0);
	present(&w, 0, true);
	UNTIL(&w, client_got(w.c[0])->slides_pli >= 2);
	screen(&w, 0, 7000, true);
	UNTIL(&w, w.slides_keys == 1 && w.slides_pictures == 1);
	assert_int_equal(w.pictures, 0);
	world_release(&w);
}

/* To one who cannot take what is presented goes a group's picture. */
static void test_media__sends_a_group_in_place_of_slides(void **state)
{
	Cv__Presentation p = CV__PRESENTATION__INIT;
	Cv__SlidesWay way = CV__SLIDES_WAY__INIT, *ways[1] = {&way};
	struct world w;

	(void)state;
	slides_world(&w);
	plan(&w, 1);
	p.room = ROOM;
	p.presenter = w.leg[0];
	p.ways = ways;
	p.n_ways = 1;
	way.leg = w.leg[1];
	way.group = 2;
	assert_int_equal(ipc_send(w.core, PRESENTATION, &p), 0);
	UNTIL(&w, w.want_keys >= 2);	/* group 1, and 2 for him */
	screen(&w, 0, 4000, true);
	group_picture(&w, 2, true, 3000);
	UNTIL(&w, client_got(w.c[1])->slides_markers == 1 &&
		  client_got(w.c[2])->slides_markers == 1);
	assert_int_equal(client_got(w.c[1])->slides, 3);
	world_release(&w);
}

static void test_media__changes_groups_at_a_keyframe(void **state)
{
	struct world w;
	uint32_t ts;

	(void)state;
	video_world(&w);
	UNTIL(&w, w.want_keys >= 1);
	group_picture(&w, 1, true, 5000);
	UNTIL(&w, client_got(w.c[1])->markers == 1);
	ts = client_got(w.c[1])->video_ts;
	plan(&w, 2);
	run_ms(&w, 50);
	group_picture(&w, 1, false, 2000);
	group_picture(&w, 2, false, 2000);
	run_ms(&w, 50);
	assert_int_equal(client_got(w.c[1])->markers, 1);
	group_picture(&w, 2, true, 2000);
	UNTIL(&w, client_got(w.c[1])->markers == 2);
	assert_int_equal(client_got(w.c[1])->video_lost, 0);
	assert_in_range(client_got(w.c[1])->video_ts - ts, 90 * 90, 90 * 3000);
	world_release(&w);
}

static void test_media__fills_when_video_falls_silent(void **state)
{
	struct world w;
	unsigned before;

	(void)state;
	video_world(&w);
	UNTIL(&w, w.want_keys >= 1);
	group_picture(&w, 1, true, 5000);
	UNTIL(&w, client_got(w.c[1])->markers == 1);
	before = client_got(w.c[1])->video;
	close(w.video);
	w.video = -1;
	run_ms(&w, 1700);
	assert_true(client_got(w.c[1])->padding >= 2);
	assert_int_equal(client_got(w.c[1])->video,
			 before + client_got(w.c[1])->padding);
	assert_int_equal(client_got(w.c[1])->video_lost, 0);
	/* a new worker: a keyframe is asked for again, numbers go on */
	w.want_keys = 0;
	video_join(&w);
	group_picture(&w, 1, true, 5000);
	UNTIL(&w, client_got(w.c[1])->markers == 2);
	assert_int_equal(client_got(w.c[1])->video_lost, 0);
	world_release(&w);
}

static void test_media__survives_a_hostile_video_worker(void **state)
{
	struct world w;
	uint8_t junk[200];

	(void)state;
	video_world(&w);
	group_picture(&w, 9, true, 500);
	for (int i = 0; i < 10; i++) {
		rand_bytes(junk, sizeof(junk));
		(void)send(w.video, junk, sizeof(junk), MSG_DONTWAIT);
	}
	run_ms(&w, 50);
	assert_true(w.m->stats.frames_bad >= 10);
	assert_true(w.m->stats.frames_unknown >= 1);
	group_picture(&w, 1, true, 500);
	UNTIL(&w, client_got(w.c[1])->markers == 1);
	for (int i = 0; i < 40; i++)
		(void)send(w.video, junk, sizeof(junk), MSG_DONTWAIT);
	UNTIL(&w, w.m->video_watch.fd == -1);
	client_reset_got(w.c[0]);
	UNTIL(&w, client_got(w.c[0])->audio > 20);
	world_release(&w);
}

/* --- memory ------------------------------------------------------------ */

static int live_once(void *arg)
{
	struct client *c = arg;
	struct media_cfg cfg = {.udp_fd = -1, .tcp_fd = -1,
				.is_loopback = true};
	Cv__RoomOpen ro = CV__ROOM_OPEN__INIT;
	Cv__LegOpen lo = CV__LEG_OPEN__INIT;
	Cv__LegUpdate lu = CV__LEG_UPDATE__INIT;
	Cv__LegDescription *a = NULL;
	struct media *m = NULL;
	int r = media_new(&m, &cfg);

	if (r < 0)
		return r;
	ro.room = lo.room = ROOM;
	lo.leg = lu.leg = 9;
	lo.offer = client_offer(c, false);
	r = room_open(m, &ro);
	if (r == 0)
		r = leg_open(m, &lo, &a);
	nego_answer_free(&a);
	if (r == 0) {
		lu.offer = client_offer(c, true);
		r = leg_update(leg_find(m, 9), &lu, &a);
		nego_answer_free(&a);
	}
	media_free(&m);
	return r;
}

static void test_media__survives_failing_allocations(void **state)
{
	struct client *c = client_new(&picture);

	(void)state;
	assert_in_range(alloc_test_every(live_once, c, 400), 10, 400);
	client_free(c);
}

/* A repeatable stream of numbers: a failure can be run again. */
static uint32_t dice(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static size_t junk_fill(uint64_t *seed, uint8_t *p, size_t from, size_t max)
{
	size_t n = from + dice(seed) % (max - from);

	for (size_t i = from; i < n; i++)
		p[i] = (uint8_t)dice(seed);
	return n;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* RTP whose header is near the truth or far from it. */
static void junk_rtp(struct client *c, uint64_t *seed, uint16_t *seq)
{
	static const uint8_t pts[] = {CLIENT_OPUS, CLIENT_VP8, CLIENT_VP8,
				      CLIENT_RTX, 0, 8, 127};
	uint8_t p[1300];
	uint32_t theirs[3], ours[2];
	size_t n = junk_fill(seed, p, 12, 12 + (dice(seed) % 4 ? 120 : 1200));
	unsigned how = dice(seed);

	client_ssrcs(c, theirs, ours);
	p[0] = how % 8 ? 0x80 : (uint8_t)(0x80 | dice(seed) % 64);
	p[1] = (uint8_t)(pts[dice(seed) % sizeof(pts)] | (how & 0x80));
	*seq = (uint16_t)(*seq + (how % 5 ? 1 : dice(seed) % 4000));
	p[2] = (uint8_t)(*seq >> 8);
	p[3] = (uint8_t)*seq;
	put32(p + 4, how % 3 ? *seq * 960u : dice(seed) << (dice(seed) % 3));
	put32(p + 8, how % 7 ? ours[(p[1] & 127) != CLIENT_OPUS]
			     : dice(seed) % 20);
	/* a VP8 payload that begins a key frame, of any size */
	if (how % 4 == 0 && n > 30) {
		static const uint8_t key[] = {0x10, 0x50, 0x00, 0x00, 0x9d,
					      0x01, 0x2a};

		memcpy(p + 12, key, sizeof(key));
	}
	client_send_sealed(c, span_of(p, n), false);
}

/* RTCP of every type about streams that are there. */
static void junk_rtcp(struct client *c, uint64_t *seed)
{
	static const uint8_t types[] = {200, 201, 202, 203, 204, 205, 206, 207};
	static const uint8_t formats[] = {0, 1, 4, 15, 31};
	uint8_t p[1204];
	uint32_t theirs[3], ours[2];
	size_t at = 0, n = junk_fill(seed, p, 8, 1200) & ~(size_t)3;

	client_ssrcs(c, theirs, ours);
	while (at + 12 <= n) {
		size_t left = (n - at) / 4 - 1;
		size_t words = dice(seed) % 4 ? dice(seed) % (left + 1) : left;

		p[at] = (uint8_t)(0x80 | (dice(seed) % 3 ? formats[dice(seed) % 5]
					  : dice(seed) % 32));
		p[at + 1] = types[dice(seed) % sizeof(types)];
		p[at + 2] = (uint8_t)(words >> 8);
		p[at + 3] = (uint8_t)words;
		if (words)
			put32(p + at + 4, ours[dice(seed) % 2]);
		if (words > 1)
			put32(p + at + 8, theirs[dice(seed) % 3]);
		at += 4 + words * 4;
	}
	client_send_sealed(c, span_of(p, n), true);
}

/* His keys are good, nothing else is: the others' sound goes on, and neither
 * memory nor the channel to core pays for him. */
static void test_media__survives_a_hostile_participant(void **state)
{
	uint64_t seed = 20240229;
	uint16_t seq[2] = {1, 1};
	struct world w;
	unsigned before;

	(void)state;
	video_world(&w);
	leg_make_test(&w, 2, &sound);
	UNTIL(&w, client_is_up(w.c[2]) && w.want_keys >= 1);
	w.states = 0;
	for (int i = 0; i < 600; i++) {
		for (int k = 0; k < 16; k++) {
			struct client *c = w.c[dice(&seed) % 2];

			if (k % 4)
				junk_rtp(c, &seed, &seq[c == w.c[1]]);
			else
				junk_rtcp(c, &seed);
		}
		if (i % 8 == 0)
			group_picture(&w, 1, i % 64 == 0, 5000);
		turn(&w);
	}
	before = client_got(w.c[2])->audio;
	UNTIL(&w, client_got(w.c[2])->audio > before + 20);
	assert_int_equal(client_got(w.c[2])->bad, 0);
	assert_non_null(leg_find(w.m, w.leg[0]));
	assert_non_null(leg_find(w.m, w.leg[1]));
	assert_true(w.m->core && w.m->video_is_up);
	assert_true(w.states < 1000);
	world_release(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_media__mixes_sound_between_two_clients),
		cmocka_unit_test(
			test_media__says_prompts_and_tells_when_they_end),
		cmocka_unit_test(test_media__plays_back_what_the_leg_said),
		cmocka_unit_test(test_media__repairs_sound_when_agreed),
		cmocka_unit_test(test_media__agrees_with_every_srtp_profile),
		cmocka_unit_test(test_media__serves_ice_tcp),
		cmocka_unit_test(test_media__stays_silent_to_strangers),
		cmocka_unit_test(test_media__follows_a_client_that_moves),
		cmocka_unit_test(
			test_media__tells_core_little_of_one_who_hops),
		cmocka_unit_test(test_media__survives_a_hostile_participant),
		cmocka_unit_test(
			test_media__ends_a_handshake_that_takes_too_long),
		cmocka_unit_test(test_media__restarts_ice_and_keeps_the_keys),
		cmocka_unit_test(test_media__lives_on_without_core),
		cmocka_unit_test(test_media__refuses_what_core_did_not_give),
		cmocka_unit_test(
			test_media__forwards_pictures_and_repairs_loss),
		cmocka_unit_test(test_media__sends_a_group_to_its_receivers),
		cmocka_unit_test(test_media__keeps_packets_within_the_mtu),
		cmocka_unit_test(
			test_media__repeats_by_rtx_and_asks_for_keyframes),
		cmocka_unit_test(
			test_media__forwards_what_the_presenter_shows),
		cmocka_unit_test(
			test_media__a_storm_of_keyframe_wishes_hurts_nobody),
		cmocka_unit_test(
			test_media__a_stalled_receiver_of_slides_harms_nobody),
		cmocka_unit_test(
			test_media__a_way_leads_from_a_group_to_the_slides),
		cmocka_unit_test(
			test_media__gives_video_the_presentation_when_asked),
		cmocka_unit_test(
			test_media__sends_a_group_in_place_of_slides),
		cmocka_unit_test(test_media__changes_groups_at_a_keyframe),
		cmocka_unit_test(test_media__fills_when_video_falls_silent),
		cmocka_unit_test(test_media__survives_a_hostile_video_worker),
		cmocka_unit_test(test_media__survives_failing_allocations),
	};

	if (argc > 1)
		prompts_path = argv[1];
	if (srtp_init() != srtp_err_status_ok)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
