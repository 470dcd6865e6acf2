/* Far-end camera control in a whole worker: a device on 127.0.0.1 in clear, a
 * core over a socketpair. Waits end with what is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/text.h"
#include "media/media.h"

enum { ROOM = 7, LEG = 100, WAIT_MS = 8000, PT = 107, HEX_MAX = 80 };

static const uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
				     127, 0, 0, 1};

struct world {
	struct media *m;
	struct ipc_chan *core;
	unsigned answers, refused, wishes, states;
	bool is_taken, has_camera;
	uint16_t port;
	Cv__CameraMove wish;
	int fd;				/* the device */
	uint16_t own, seq;
	char heard[16][HEX_MAX];
	unsigned heards;
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

static void note_answer(struct world *w, const Cv__LegAnswer *a)
{
	const Cv__Section *s;

	w->answers++;
	w->refused += !a->ok;
	if (!a->ok || !a->answer || a->answer->n_sections != 2)
		return;
	s = a->answer->sections[1];
	w->is_taken = !s->rejected;
	w->port = s->addr ? (uint16_t)s->addr->port : 0;
	assert_true(s->rejected ||
		    (s->n_codecs == 1 && s->codecs[0]->pt == PT &&
		     s->codecs[0]->name == CV__CODEC_NAME__CODEC_H224));
}

static void core_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		     const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct world *w = arg;

	(void)ch;
	(void)fds;
	(void)n;
	if (type == IPC_LEG_ANSWER) {
		note_answer(w, (const void *)msg);
	} else if (type == IPC_LEG_CAMERA) {
		const Cv__LegCamera *c = (const void *)msg;

		assert_true(c->leg == LEG);
		w->wish = *c->move;
		w->wishes++;
	} else if (type == IPC_LEG_STATE) {
		w->states++;
		w->has_camera = ((const Cv__LegState *)msg)->has_camera;
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
	close(w->fd);
	media_free(&w->m);
	ipc_chan_free(&w->core);
}

static void device_send(struct world *w, const char *hex)
{
	uint8_t b[12 + HEX_MAX] = {0x80, PT};
	struct addr to = {.port = w->port};
	struct sockaddr_storage ss;
	const size_t n = strlen(hex) / 2;
	socklen_t len;

	b[3] = (uint8_t)++w->seq;
	b[11] = 77;
	assert_int_equal(hex_decode(b + 12, n, span_str(hex)), 0);
	memcpy(to.ip, loopback, 16);
	addr_to_sockaddr(&to, &ss, &len);
	(void)sendto(w->fd, b, 12 + n, 0, (struct sockaddr *)&ss, len);
}

static void turn(struct world *w)
{
	uint8_t b[1500];
	ssize_t n;

	media_turn(w->m, 1);
	(void)ipc_chan_input(w->core, 64);
	while ((n = recv(w->fd, b, sizeof(b), 0)) > 12) {
		if ((b[1] & 0x7f) != PT || w->heards == 16)
			continue;
		assert_true(n < 12 + HEX_MAX / 2);
		hex_encode(w->heard[w->heards++], b + 12, (size_t)n - 12);
	}
}

#define UNTIL(w, cond)                                                        \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			turn(w);                                              \
		assert_true(cond);                                            \
	} while (0)

static bool heard(const struct world *w, const char *hex)
{
	for (unsigned i = 0; i < w->heards; i++)
		if (strcmp(w->heard[i], hex) == 0)
			return true;
	return false;
}

static void open_leg(struct world *w, Cv__CryptoMode mode)
{
	Cv__LegOpen o = CV__LEG_OPEN__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__Section audio = CV__SECTION__INIT, fecc = CV__SECTION__INIT;
	Cv__Section *all[] = {&audio, &fecc};
	Cv__Codec pcma = CV__CODEC__INIT, h224 = CV__CODEC__INIT;
	Cv__Codec *codecs[] = {&pcma}, *h224s[] = {&h224};
	Cv__Addr at = CV__ADDR__INIT, there = CV__ADDR__INIT;
	uint8_t ip[16], key[30] = {1};
	Cv__SdesKey sdes = CV__SDES_KEY__INIT, *keys[] = {&sdes};
	const bool on = mode == CV__CRYPTO_MODE__CRYPTO_ON;

	memcpy(ip, loopback, 16);
	pcma.name = CV__CODEC_NAME__CODEC_PCMA;
	pcma.pt = 8;
	pcma.clock_hz = 8000;
	h224.name = CV__CODEC_NAME__CODEC_H224;
	h224.pt = PT;
	h224.clock_hz = H224_CLOCK_HZ;
	at.ip = there.ip = (ProtobufCBinaryData){16, ip};
	at.port = 40000;
	there.port = w->own;
	audio.kind = CV__MEDIA_KIND__KIND_AUDIO;
	audio.profile = on ? CV__RTP_PROFILE__PROFILE_SAVP
			   : CV__RTP_PROFILE__PROFILE_AVP;
	sdes.tag = 1;
	sdes.suite = CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80;
	sdes.key_salt = (ProtobufCBinaryData){30, key};
	audio.sdes = keys;
	audio.n_sdes = on;
	audio.direction = CV__DIRECTION__DIR_SENDRECV;
	audio.codecs = codecs;
	audio.n_codecs = 1;
	audio.addr = &at;
	fecc.kind = CV__MEDIA_KIND__KIND_FECC;
	fecc.profile = CV__RTP_PROFILE__PROFILE_AVP;
	fecc.direction = CV__DIRECTION__DIR_SENDRECV;
	fecc.codecs = h224s;
	fecc.n_codecs = 1;
	fecc.addr = &there;
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

static void order(struct world *w, Cv__CameraAction action, int pan, int tilt,
		  int zoom, unsigned ms)
{
	Cv__LegCamera m = CV__LEG_CAMERA__INIT;
	Cv__CameraMove move = CV__CAMERA_MOVE__INIT;

	move.action = action;
	move.pan = pan;
	move.tilt = tilt;
	move.zoom = zoom;
	move.timeout_ms = ms;
	m.leg = LEG;
	m.move = &move;
	assert_int_equal(ipc_send(w->core, LEG_CAMERA, &m), 0);
}

#define CME "00610300000000" "00c0"
#define H281 "00610300000000" "01c0"

static void test_fecc__the_camera_is_moved_both_ways(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__CRYPTO_MODE__CRYPTO_OFF);
	assert_true(w.is_taken);
	/* before anything came from it nothing is sent there */
	device_send(&w, CME "01ff");
	UNTIL(&w, heard(&w, CME "01000181"));
	UNTIL(&w, heard(&w, CME "01ff"));
	device_send(&w, CME "01000181");
	device_send(&w, CME "02ff01");
	UNTIL(&w, heard(&w, CME "02008100"));
	UNTIL(&w, w.has_camera);
	order(&w, CV__CAMERA_ACTION__CAMERA_START, -1, 0, 1, 1000);
	UNTIL(&w, heard(&w, H281 "018c00"));
	order(&w, CV__CAMERA_ACTION__CAMERA_CONTINUE, -1, 0, 1, 200);
	UNTIL(&w, heard(&w, H281 "028c"));
	order(&w, CV__CAMERA_ACTION__CAMERA_STOP, -1, 0, 1, 0);
	UNTIL(&w, heard(&w, H281 "038c"));
	device_send(&w, H281 "013004");
	UNTIL(&w, w.wishes == 1);
	assert_int_equal(w.wish.action, CV__CAMERA_ACTION__CAMERA_START);
	assert_true(w.wish.pan == 0 && w.wish.tilt == 1 && w.wish.zoom == 0);
	assert_int_equal(w.wish.timeout_ms, 200);
	world_release(&w);
}

static void test_fecc__who_knows_no_h281_has_no_camera(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__CRYPTO_MODE__CRYPTO_OFF);
	device_send(&w, CME "01ff");
	UNTIL(&w, w.has_camera);
	device_send(&w, CME "01000102");
	UNTIL(&w, !w.has_camera);
	order(&w, CV__CAMERA_ACTION__CAMERA_START, 1, 0, 0, 500);
	UNTIL(&w, w.m->stats.fecc_dropped == 1);
	assert_false(heard(&w, H281 "01c00a"));
	world_release(&w);
}

static void test_fecc__a_flood_of_wishes_is_cut(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__CRYPTO_MODE__CRYPTO_OFF);
	for (int i = 0; i < 200; i++) {
		device_send(&w, H281 "0280");
		turn(&w);
	}
	UNTIL(&w, w.m->stats.fecc_in + w.m->stats.fecc_dropped == 200);
	assert_true(w.m->stats.fecc_dropped > 50);
	UNTIL(&w, w.wishes == w.m->stats.fecc_in);
	world_release(&w);
}

static void test_fecc__what_is_no_frame_is_nobodys(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__CRYPTO_MODE__CRYPTO_OFF);
	device_send(&w, "ffffffffffffffffffff");
	device_send(&w, H281);
	UNTIL(&w, w.m->stats.packets_dropped == 2);
	assert_int_equal(w.wishes, 0);
	world_release(&w);
}

static void test_fecc__in_clear_it_is_refused_alone(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_leg(&w, CV__CRYPTO_MODE__CRYPTO_ON);
	assert_false(w.is_taken);
	assert_int_equal(w.port, 0);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fecc__the_camera_is_moved_both_ways),
		cmocka_unit_test(test_fecc__who_knows_no_h281_has_no_camera),
		cmocka_unit_test(test_fecc__a_flood_of_wishes_is_cut),
		cmocka_unit_test(test_fecc__what_is_no_frame_is_nobodys),
		cmocka_unit_test(test_fecc__in_clear_it_is_refused_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
