/* The real conclave-video inside its sandbox, between a super, a core and a
 * media that this test plays. usage: test_video_role PATH-OF-CONCLAVE-VIDEO */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "ipc/ipc.h"
#include "ipc/super.pb-c.h"
#include "ipc/video.pb-c.h"
#include "video/compose/layout.h"
#include "video/t/synth.h"

enum { ROOM = 4711, PEOPLE = 3, WAIT_MS = 30000, TOLERANCE = 14, GROUPS = 4 };

static const char *program;

struct test {
	pid_t pid;
	struct ipc_chan *super, *core;
	int media;
	bool ready, media_up, core_up;
	unsigned loads, asked[PEOPLE + 1];
	struct frame_join *join[GROUPS];
	struct vdec *dec[GROUPS];
	struct pic *last[GROUPS];
	unsigned out[GROUPS], keys[GROUPS];
	struct venc *enc[PEOPLE + 1];
	uint32_t id[PEOPLE + 1];
};

/* --- the three others --- */

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct test *t = arg;

	(void)ch;
	(void)msg;
	(void)fds;
	assert_int_equal(n_fds, 0);
	if (type == IPC_READY)
		t->ready = true;
	if (type == IPC_VIDEO_LOAD)
		t->loads++;
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	print_message("channel to %s is down: %s\n",
		      ipc_role_name(ipc_chan_peer(ch, NULL)),
		      err_name(error));
}

static struct ipc_chan *channel(struct test *t, int fd, enum ipc_role self)
{
	const struct ipc_chan_cfg cfg = {
		.fd = fd, .self = self, .peer = ROLE_VIDEO, .on_msg = on_msg,
		.on_down = on_down, .arg = t};
	struct ipc_chan *ch = NULL;

	assert_int_equal(ipc_chan_new(&ch, &cfg), 0);
	return ch;
}

static void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    fd), 0);
}

/* Gives one end to the role, keeps the other. */
static int link_to(struct test *t, enum ipc_role role)
{
	Cv__Link m = CV__LINK__INIT;
	int fd[2];

	pair(fd);
	m.role = role;
	assert_int_equal(ipc_chan_send(t->super, IPC_LINK, &m.base, &fd[1],
				       1), 0);
	close(fd[1]);
	return fd[0];
}

static void media_send(struct test *t, const struct frame *f)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct span d;

	assert_int_equal(frame_encode(f, buf, sizeof(buf), &d), 0);
	assert_int_equal(send(t->media, d.p, d.n, MSG_NOSIGNAL), d.n);
}

static void media_hello(struct test *t, uint8_t twist)
{
	uint8_t hash[32];
	struct frame f = {.kind = FRAME_HELLO, .chunks = 1,
			  .total = sizeof(hash), .data = {hash, 32}};

	ipc_proto_hash(hash);
	hash[0] ^= twist;
	media_send(t, &f);
}

static void take_out(struct test *t, const struct frame *chunk)
{
	unsigned g = (unsigned)chunk->stream;
	struct frame f;
	struct pic_view v;
	bool lost;

	assert_true(g < GROUPS && chunk->room == ROOM);
	if (!t->join[g])
		assert_int_equal(frame_join_new(&t->join[g]), 0);
	if (frame_join_add(t->join[g], chunk, &f, &lost) < 0)
		return;
	t->out[g]++;
	t->keys[g] += f.flags & FRAME_F_KEY;
	if (t->dec[g] && (f.flags & FRAME_F_KEY))
		vdec_free(&t->dec[g]);
	if (!t->dec[g])
		assert_int_equal(vdec_new(&t->dec[g], f.codec), 0);
	if (vdec_decode(t->dec[g], f.data, &v) == 0)
		assert_int_equal(pic_assign(&t->last[g], &v), 0);
}

/* False when the role closed the link. */
static bool media_input(struct test *t)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct frame f;

	for (;;) {
		ssize_t n = recv(t->media, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		assert_int_equal(frame_decode(&f, span_of(buf, (size_t)n)),
				 0);
		if (f.kind == FRAME_HELLO)
			t->media_up = true;
		else if (f.kind == FRAME_WANT_KEY)
			t->asked[f.stream]++;
		else if (f.kind == FRAME_OUT)
			take_out(t, &f);
	}
}

/* One look at everything; false when media's link is gone. */
static bool turn(struct test *t)
{
	struct pollfd p[3] = {
		{.fd = ipc_chan_fd(t->super), .events = POLLIN},
		{.fd = t->core ? ipc_chan_fd(t->core) : -1, .events = POLLIN},
		{.fd = t->media, .events = POLLIN}};

	(void)poll(p, 3, 20);
	(void)ipc_chan_input(t->super, 16);
	(void)ipc_chan_output(t->super);
	if (t->core) {
		(void)ipc_chan_input(t->core, 16);
		(void)ipc_chan_output(t->core);
	}
	return t->media < 0 || media_input(t);
}

#define WAIT_FOR(t, cond)                                                     \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			(void)turn(t);                                        \
		assert_true(cond);                                            \
	} while (0)

/* --- start and end --- */

static void exec_role(int super_fd)
{
	/* away from the numbers that are about to be taken */
	int fd = dup(super_fd), log = dup(2);

	if (dup2(fd, 3) < 0 || dup2(log, 4) < 0)
		_exit(99);
	if (setenv("CONCLAVE_INSTANCE", "0", 1) < 0)
		_exit(99);
	execl(program, program, (char *)NULL);
	_exit(99);
}

static void spare_low_numbers(void)
{
	while (dup(2) < 8)
		;
}

static int setup(void **state)
{
	struct test *t = mem_zalloc(sizeof(*t));
	Cv__Boot boot = CV__BOOT__INIT;
	int fd[2];

	assert_non_null(t);
	spare_low_numbers();
	pair(fd);
	t->media = -1;
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		exec_role(fd[1]);
	close(fd[1]);
	t->super = channel(t, fd[0], ROLE_SUPER);
	assert_int_equal(ipc_send(t->super, BOOT, &boot), 0);
	WAIT_FOR(t, t->ready);
	t->core = channel(t, link_to(t, ROLE_CORE), ROLE_CORE);
	t->media = link_to(t, ROLE_MEDIA);
	media_hello(t, 0);
	WAIT_FOR(t, t->media_up && ipc_chan_is_up(t->core));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	ipc_chan_free(&t->super);
	ipc_chan_free(&t->core);
	if (t->media >= 0)
		close(t->media);
	for (unsigned i = 0; i < GROUPS; i++) {
		frame_join_free(&t->join[i]);
		vdec_free(&t->dec[i]);
		pic_free(&t->last[i]);
	}
	for (unsigned i = 0; i <= PEOPLE; i++)
		venc_free(&t->enc[i]);
	mem_free(t);
	return 0;
}

/* --- a meeting --- */

static struct pic_color color_of(unsigned leg)
{
	static const uint8_t c[PEOPLE + 1][3] = {
		{0, 0, 0}, {200, 40, 40}, {40, 180, 60}, {50, 70, 210}};

	return pic_color_rgb(c[leg][0], c[leg][1], c[leg][2]);
}

static void name_person(struct test *t, unsigned leg, const char *name)
{
	Cv__VideoPerson m = CV__VIDEO_PERSON__INIT;

	m.room = ROOM;
	m.leg = leg;
	m.video = true;
	m.name = ipc_data(span_str(name));
	assert_int_equal(ipc_send(t->core, VIDEO_PERSON, &m), 0);
}

static void open_room(struct test *t)
{
	Cv__VideoRoomOpen m = CV__VIDEO_ROOM_OPEN__INIT;

	m.room = ROOM;
	assert_int_equal(ipc_send(t->core, VIDEO_ROOM_OPEN, &m), 0);
	name_person(t, 1, "Ren\xc3\xa9" "e \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d");
	name_person(t, 2, "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf \xe6\x97\xa5");
	name_person(t, 3, "Z\xcc\x81\xcc\x81\xcc\x81\n\xf0\x9f\x98\x80");
}

/* Group 1 is VP8 in 1:7, group 2 H.264 in 2x2, group 3 a splash screen. */
static void send_plan(struct test *t)
{
	static uint64_t slots[PEOPLE] = {1, 2, 3};
	Cv__VideoGroup g[3], *list[3] = {&g[0], &g[1], &g[2]};
	Cv__VideoPlan m = CV__VIDEO_PLAN__INIT;

	for (unsigned i = 0; i < 3; i++) {
		cv__video_group__init(&g[i]);
		g[i].group = i + 1;
		g[i].codec = i == 1 ? CV__CODEC_NAME__CODEC_H264
				    : CV__CODEC_NAME__CODEC_VP8;
		g[i].width = 640;
		g[i].height = 360;
		g[i].fps = 30;
		g[i].kbps = 800;
		g[i].names = true;
		g[i].layout = (char *)(uintptr_t)(i == 0 ? "1:7" : "4:0");
		g[i].slots = slots;
		g[i].n_slots = PEOPLE;
	}
	g[2].layout = (char *)(uintptr_t)"splash";
	g[2].splash = (char *)(uintptr_t)"waiting_for_host";
	g[2].n_slots = 0;
	m.room = ROOM;
	m.groups = list;
	m.n_groups = 3;
	assert_int_equal(ipc_send(t->core, VIDEO_PLAN, &m), 0);
}

static void send_pictures(struct test *t, bool key)
{
	const struct venc_cfg cfg = {.codec = FRAME_VP8, .w = 640, .h = 360,
				     .fps = 30, .kbps = 300};

	for (unsigned i = 1; i <= PEOPLE; i++) {
		struct pic *p = synth_flat(640, 360, color_of(i));
		struct pic_view v = pic_view(p);
		struct frame f = {.kind = FRAME_IN, .codec = FRAME_VP8,
				  .chunks = 1, .room = ROOM, .stream = i};
		struct venc_out o;

		if (!t->enc[i])
			assert_int_equal(venc_new(&t->enc[i], &cfg), 0);
		assert_int_equal(venc_encode(t->enc[i], &v, 3000, key, &o),
				 0);
		f.id = t->id[i]++;
		f.total = (uint32_t)o.data.n;
		f.data = o.data;
		media_send(t, &f);
		pic_free(&p);
	}
}

static bool shows_all(const struct test *t, unsigned group, const char *view)
{
	const struct layout *l = layout_find(span_str(view), PEOPLE);

	for (unsigned i = 0; i < PEOPLE; i++) {
		struct layout_rect r = layout_rect(l, i, 640, 360);
		struct pic_view v;

		if (!t->last[group])
			return false;
		v = pic_view(t->last[group]);
		if (!synth_near(&v, r.x + r.w / 2u, r.y + r.h / 2u,
				color_of(i + 1), TOLERANCE))
			return false;
	}
	return true;
}

static void forget(struct test *t)
{
	for (unsigned i = 0; i < GROUPS; i++) {
		pic_free(&t->last[i]);
		frame_join_free(&t->join[i]);
		t->keys[i] = t->out[i] = 0;
	}
	for (unsigned i = 0; i <= PEOPLE; i++)
		t->asked[i] = 0;
}

static void begin_meeting(struct test *t)
{
	open_room(t);
	send_plan(t);
	WAIT_FOR(t, t->asked[1] && t->asked[2] && t->asked[3]);
	send_pictures(t, true);
	WAIT_FOR(t, shows_all(t, 1, "1:7") && shows_all(t, 2, "4:0"));
}

static void test_role__composes_a_meeting_in_its_sandbox(void **state)
{
	struct test *t = *state;

	begin_meeting(t);
	WAIT_FOR(t, t->out[3] > 1 && t->loads > 0);
	assert_int_equal(t->keys[1], 1);
	assert_int_equal(t->keys[2], 1);
	assert_int_equal(waitpid(t->pid, NULL, WNOHANG), 0);
}

static bool status_has(pid_t pid, const char *line)
{
	char path[64], buf[256];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(buf, sizeof(buf), f))
		found = found || span_eq(span_trim(span_of(buf,
			strcspn(buf, "\n"))), span_str(line));
	if (f)
		(void)fclose(f);
	return found;
}

static void test_role__is_walled_in_and_gives_way(void **state)
{
	struct test *t = *state;

	assert_true(status_has(t->pid, "Threads:\t1"));
	assert_true(status_has(t->pid, "Seccomp:\t2"));
	assert_true(status_has(t->pid, "NoNewPrivs:\t1"));
	assert_true(status_has(t->pid, "CapEff:\t0000000000000000"));
	assert_int_equal(sched_getscheduler(t->pid), SCHED_BATCH);
	assert_true(getpriority(PRIO_PROCESS, (id_t)t->pid) >= 10);
}

static void test_role__media_link_anew_begins_with_keyframes(void **state)
{
	struct test *t = *state;

	begin_meeting(t);
	close(t->media);
	forget(t);
	t->media_up = false;
	t->media = link_to(t, ROLE_MEDIA);
	media_hello(t, 0);
	WAIT_FOR(t, t->asked[1] && t->asked[2] && t->asked[3]);
	/* the last pictures come at once, from a keyframe on */
	WAIT_FOR(t, shows_all(t, 1, "1:7") && shows_all(t, 2, "4:0"));
	assert_true(t->keys[1] >= 1 && t->keys[2] >= 1);
	send_pictures(t, true);
	WAIT_FOR(t, t->out[1] > 3);
	assert_true(shows_all(t, 1, "1:7"));
}

static void test_role__pictures_go_on_without_core(void **state)
{
	struct test *t = *state;
	unsigned keys;

	begin_meeting(t);
	keys = t->keys[1];
	ipc_chan_free(&t->core);
	t->out[1] = 0;
	WAIT_FOR(t, t->out[1] > 4);
	t->core = channel(t, link_to(t, ROLE_CORE), ROLE_CORE);
	WAIT_FOR(t, ipc_chan_is_up(t->core));
	open_room(t);
	send_plan(t);
	send_pictures(t, false);
	t->out[1] = 0;
	WAIT_FOR(t, t->out[1] > 4);
	assert_int_equal(t->keys[1], keys);
	assert_true(shows_all(t, 1, "1:7"));
}

static void test_role__refuses_media_of_another_build(void **state)
{
	struct test *t = *state;
	uint64_t end = clock_mono_ns() + WAIT_MS * NS_PER_MS;

	close(t->media);
	t->media = link_to(t, ROLE_MEDIA);
	media_hello(t, 1);
	while (turn(t))
		assert_true(clock_mono_ns() < end);
	assert_int_equal(waitpid(t->pid, NULL, WNOHANG), 0);
	/* a good one is welcome afterwards */
	close(t->media);
	t->media_up = false;
	t->media = link_to(t, ROLE_MEDIA);
	media_hello(t, 0);
	begin_meeting(t);
}

static void test_role__rubbish_from_media_costs_nothing(void **state)
{
	struct test *t = *state;
	uint8_t noise[300];

	begin_meeting(t);
	for (unsigned i = 0; i < 300; i++) {
		for (unsigned k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)(i * 31 + k * 7 * i);
		assert_true(send(t->media, noise, 1 + i % 300,
				 MSG_NOSIGNAL) > 0);
	}
	t->out[1] = 0;
	WAIT_FOR(t, t->out[1] > 3);
	assert_true(shows_all(t, 1, "1:7"));
}

static void test_role__stops_when_asked(void **state)
{
	struct test *t = *state;
	Cv__Stop m = CV__STOP__INIT;
	int status = -1;
	uint64_t end = clock_mono_ns() + WAIT_MS * NS_PER_MS;

	begin_meeting(t);
	assert_int_equal(ipc_send(t->super, STOP, &m), 0);
	while (waitpid(t->pid, &status, WNOHANG) == 0) {
		assert_true(clock_mono_ns() < end);
		(void)poll(NULL, 0, 5);
	}
	t->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_role__composes_a_meeting_in_its_sandbox),
		CASE(test_role__is_walled_in_and_gives_way),
		CASE(test_role__media_link_anew_begins_with_keyframes),
		CASE(test_role__pictures_go_on_without_core),
		CASE(test_role__refuses_media_of_another_build),
		CASE(test_role__rubbish_from_media_costs_nothing),
		CASE(test_role__stops_when_asked),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
