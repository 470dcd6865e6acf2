/* CPU and memory of a whole worker: sockets, ICE, SRTP, jitter buffer, mix,
 * encode; and of giving one composed picture to many. The worker is a child
 * process, its people are clients here, and so is the video worker. Prints
 * `name value unit target verdict`; exits 1 when a target is missed.
 *
 * usage: bench_media [seconds]
 */
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "media/media.h"
#include "media/t/client.h"

enum { PEOPLE_MAX = 300, FRAMES = 200, VOICES = 5, WARM_S = 4, ROOM = 1,
       KB_MAX = 200, GROUP = 1, WATCHERS = 40, FPS = 30,
       PICTURE_BYTES = 1500 * 1000 / 8 / FPS };

struct voice {
	uint8_t data[FRAMES][400];
	size_t n[FRAMES];
	int level[FRAMES];
};

struct setup {
	const char *name;
	unsigned people, talking, talkers;	/* talkers = K, 0: default */
	bool has_level;
	double target_ms, target_kb;		/* 0: none */
};

static struct voice voices[VOICES + 1];		/* the last one is silence */

struct swarm {
	pid_t pid;
	struct ipc_chan *core;
	int video;			/* we play the video worker */
	bool has_video;
	uint32_t pictures;
	struct client *c[PEOPLE_MAX];
	unsigned n, answers, secure;
	uint64_t ticks, late;
};

/* --- people ------------------------------------------------------------ */

/* Harmonics under syllables: near enough to speech for a coder's work. */
static void speech(int16_t *pcm, unsigned voice, unsigned frame)
{
	double base = 110 + 25.0 * voice;

	for (unsigned i = 0; i < AUDIO_FRAME_SAMPLES; i++) {
		double t = (frame * (double)AUDIO_FRAME_SAMPLES + i) / 48000;
		double env = sin(t * 2 * M_PI * 2.1 + voice);
		double s = 0;

		for (int h = 1; h < 20; h++)
			s += sin(2 * M_PI * base * h * t * (1 + 0.01 *
			     sin(t * 5))) / h;
		s += (rand() % 2000 - 1000) / 4000.0;
		pcm[i] = (int16_t)(voice == VOICES ? rand() % 5 - 2
						   : s * env * env * 4000);
	}
}

static int encode_voices(void)
{
	struct audio_format f = {.codec = AUDIO_OPUS, .ptime_ms = 20,
				 .bitrate_bps = 32000, .bandwidth_hz = 48000,
				 .is_fec = true};
	int16_t pcm[AUDIO_FRAME_SAMPLES];

	for (unsigned v = 0; v <= VOICES; v++) {
		struct audio_enc *e = NULL;

		if (audio_enc_new(&e, AUDIO_OPUS) < 0)
			return -1;
		audio_enc_setup(e, &f, 5);
		for (unsigned k = 0; k < FRAMES; k++) {
			int n;

			speech(pcm, v, k);
			n = audio_enc_frame(e, pcm, AUDIO_FRAME_SAMPLES,
					    voices[v].data[k], 400);
			if (n < 0)
				return -1;
			voices[v].n[k] = (size_t)n;
			voices[v].level[k] = v == VOICES ? 90 : 22;
		}
		audio_enc_free(&e);
	}
	return 0;
}

/* --- the worker -------------------------------------------------------- */

static int bound(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int off = 0, bytes = 8 << 20;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : fd;
}

static void worker(int core_fd, int video_fd, int udp_fd)
{
	struct media_cfg cfg = {.udp_fd = udp_fd, .tcp_fd = -1,
				.is_loopback = true};
	struct media *m = NULL;

	if (media_new(&m, &cfg) < 0)
		_exit(1);
	control_link(m, core_fd, 0);
	vlink_set(m, video_fd);
	while (m->core)
		media_turn(m, 1000);
	media_free(&m);
	_exit(0);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct swarm *s = arg;

	(void)ch;
	(void)fds;
	(void)n;
	if (type == IPC_LEG_ANSWER) {
		const Cv__LegAnswer *a = (const void *)msg;

		client_answer(s->c[a->leg], a->answer);
		s->answers++;
	} else if (type == IPC_LEG_STATE) {
		s->secure += ((const Cv__LegState *)(const void *)msg)->phase ==
			     CV__LEG_PHASE__LEG_SECURE;
	} else if (type == IPC_MEDIA_STATS) {
		const Cv__MediaStats *st = (const void *)msg;

		s->ticks = st->ticks;
		s->late = st->late_ticks;
	}
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
}

static void leg_add(struct swarm *s)
{
	const struct client_cfg cfg = {
		.has_video = s->has_video, .has_rtx = s->has_video,
		.has_twcc = s->has_video,
		.profile = "SRTP_AEAD_AES_128_GCM"};
	Cv__LegOpen o = CV__LEG_OPEN__INIT;
	Cv__LegFlags f = CV__LEG_FLAGS__INIT;

	s->c[s->n] = client_new(&cfg);
	f.admitted = true;
	o.room = ROOM;
	o.leg = s->n++;
	o.flags = &f;
	o.offer = client_offer(s->c[o.leg], false);
	(void)ipc_send(s->core, LEG_OPEN, &o);
}

static void step(struct swarm *s)
{
	uint64_t now = clock_mono_ns();

	(void)ipc_chan_output(s->core);
	(void)ipc_chan_input(s->core, 64);
	for (unsigned i = 0; i < s->answers; i++)
		client_step(s->c[i], now);
}

static bool join_all(struct swarm *s, unsigned people)
{
	uint64_t end = clock_mono_ns() + 60 * NS_PER_S;

	while (s->secure < people && clock_mono_ns() < end) {
		/* a few at a time, as people come */
		if (s->n < people && s->n < s->secure + 8)
			leg_add(s);
		step(s);
	}
	return s->secure == people;
}

static void talk(struct swarm *s, const struct setup *su, unsigned seconds)
{
	uint64_t due = clock_mono_ns();

	for (unsigned k = 0; k < seconds * 50; k++, due += 20 * NS_PER_MS) {
		for (unsigned i = 0; i < s->n; i++) {
			unsigned v = i < su->talking ? i % VOICES : VOICES;
			unsigned f = (k + i * 7) % FRAMES;

			client_send_audio(s->c[i],
					  span_of(voices[v].data[f],
						  voices[v].n[f]),
					  su->has_level ? voices[v].level[f]
							: -1);
			if (i % 16 == 15)
				step(s);
		}
		do
			step(s);
		while (clock_mono_ns() < due + 20 * NS_PER_MS);
	}
}

static double cpu_of(pid_t pid)
{
	struct timespec t = {0};
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) != 0)
		return 0;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long rss_kb(pid_t pid)
{
	char path[64];
	long all = 0, rss = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%ld %ld", &all, &rss) != 2)
		rss = 0;
	if (f)
		fclose(f);
	return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A target of 0 is none. */
static bool report(const char *name, double value, const char *unit,
		   double target)
{
	if (target <= 0)
		printf("%s %.3f %s - info\n", name, value, unit);
	else
		printf("%s %.3f %s %.3f %s\n", name, value, unit, target,
		       value > target ? "fail" : "pass");
	return target <= 0 || value <= target;
}

/* --- a room ------------------------------------------------------------ */

static bool swarm_open(struct swarm *s, uint32_t talkers)
{
	Cv__RoomOpen room = CV__ROOM_OPEN__INIT;
	struct ipc_chan_cfg cfg = {.self = ROLE_CORE, .peer = ROLE_MEDIA,
				   .on_msg = on_msg, .on_down = on_down,
				   .arg = s};
	int core[2], video[2], udp = bound();

	if (udp < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, core) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, video) < 0)
		return false;
	s->pid = fork();
	if (s->pid == 0) {
		close(core[0]);
		close(video[0]);
		worker(core[1], video[1], udp);
	}
	close(core[1]);
	close(video[1]);
	close(udp);
	cfg.fd = core[0];
	s->video = video[0];
	if (s->pid < 0 || ipc_chan_new(&s->core, &cfg) < 0)
		return false;
	room.room = ROOM;
	room.max_talkers = talkers;
	(void)ipc_send(s->core, ROOM_OPEN, &room);
	for (unsigned i = 0; i < 200; i++)
		step(s);
	return true;
}

static void swarm_close(struct swarm *s)
{
	for (unsigned i = 0; i < s->n; i++)
		client_free(s->c[i]);
	ipc_chan_free(&s->core);
	close(s->video);
	(void)waitpid(s->pid, NULL, 0);
}

static bool run(const struct setup *su, unsigned seconds)
{
	struct swarm s = {.n = 0};
	unsigned heard = 0, bad = 0, due = su->people * seconds * 50;
	char name[64];
	bool ok = false;
	double cpu;
	long kb;

	if (!swarm_open(&s, su->talkers))
		return false;
	kb = rss_kb(s.pid);
	ok = join_all(&s, su->people);
	talk(&s, su, WARM_S);
	for (unsigned i = 0; i < s.n; i++)
		client_reset_got(s.c[i]);
	cpu = cpu_of(s.pid);
	talk(&s, su, seconds);
	cpu = cpu_of(s.pid) - cpu;
	kb = rss_kb(s.pid) - kb;
	for (unsigned i = 0; i < s.n; i++) {
		heard += client_got(s.c[i])->audio;
		bad += client_got(s.c[i])->bad;
	}
	/* per second of sound that was delivered: on a busy machine ticks are
	 * skipped, and work that was not done must not look cheap */
	ok &= report(su->name, cpu * 1000 / (heard / 50.0 + 1e-9),
		     "ms/participant-s", su->target_ms);
	snprintf(name, sizeof(name), "%s_memory", su->name);
	ok &= report(name, (double)kb / su->people, "KB/leg", su->target_kb);
	printf("# %s: heard %u packets of %u, bad %u, late ticks %llu of %llu\n",
	       su->name, heard, due, bad, (unsigned long long)s.late,
	       (unsigned long long)s.ticks);
	swarm_close(&s);
	return ok && heard > due / 10;
}

/* --- one picture for many ---------------------------------------------- */

static void frame_send(struct swarm *s, const struct frame *f)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct span out;

	if (frame_encode(f, buf, sizeof(buf), &out) == 0)
		(void)send(s->video, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void hello_send(struct swarm *s)
{
	uint8_t hash[32];
	struct frame f = {.kind = FRAME_HELLO, .chunks = 1,
			  .total = sizeof(hash)};

	ipc_proto_hash(hash);
	f.data = span_of(hash, sizeof(hash));
	frame_send(s, &f);
}

static void plan_send(struct swarm *s)
{
	Cv__PicturePlan p = CV__PICTURE_PLAN__INIT;
	Cv__GroupInfo g = CV__GROUP_INFO__INIT, *groups[] = {&g};
	Cv__Receiver r[WATCHERS], *list[WATCHERS];

	for (unsigned i = 0; i < WATCHERS; i++) {
		cv__receiver__init(&r[i]);
		r[i].leg = i;
		r[i].group = GROUP;
		list[i] = &r[i];
	}
	g.group = GROUP;
	g.codec = CV__CODEC_NAME__CODEC_VP8;
	g.width = 1280;
	g.height = 720;
	g.fps = FPS;
	g.kbps = 1500;
	p.room = ROOM;
	p.epoch = 1;
	p.groups = groups;
	p.n_groups = 1;
	p.receivers = list;
	p.n_receivers = WATCHERS;
	(void)ipc_send(s->core, PICTURE_PLAN, &p);
}

/* Media looks at no bit of a VP8 picture but its length and the key flag. */
static void picture_send(struct swarm *s, uint64_t now_ns)
{
	static const uint8_t data[PICTURE_BYTES];
	struct frame f = {.kind = FRAME_OUT, .codec = FRAME_VP8, .chunks = 1,
			  .flags = s->pictures % (10 * FPS) ? 0 : FRAME_F_KEY,
			  .width = 1280, .height = 720, .id = s->pictures,
			  .room = ROOM, .stream = GROUP, .mono_ns = now_ns,
			  .total = sizeof(data),
			  .data = span_of(data, sizeof(data))};

	s->pictures++;
	frame_send(s, &f);
}

static double watch_cpu(struct swarm *s, unsigned seconds, bool has_pictures)
{
	uint64_t due = clock_mono_ns();
	double cpu = cpu_of(s->pid);

	for (unsigned k = 0; k < seconds * FPS; k++) {
		if (has_pictures)
			picture_send(s, clock_mono_ns());
		due += NS_PER_S / FPS;
		do
			step(s);
		while (clock_mono_ns() < due);
	}
	return cpu_of(s->pid) - cpu;
}

/* The work per receiver and that per picture (once) are taken together: more
 * than the further receiver costs, never less. */
static bool run_watchers(unsigned seconds)
{
	struct swarm s = {.has_video = true};
	uint64_t bytes = 0, due = (uint64_t)PICTURE_BYTES * FPS * seconds *
				  WATCHERS;
	double idle, busy;
	bool ok;

	if (!swarm_open(&s, 0))
		return false;
	hello_send(&s);
	ok = join_all(&s, WATCHERS);
	plan_send(&s);
	(void)watch_cpu(&s, 1, false);
	idle = watch_cpu(&s, seconds, false);
	(void)watch_cpu(&s, 1, true);
	for (unsigned i = 0; i < s.n; i++)
		client_reset_got(s.c[i]);
	busy = watch_cpu(&s, seconds, true);
	for (unsigned i = 0; i < s.n; i++)
		bytes += client_got(s.c[i])->video_bytes;
	ok &= report("media_picture_receiver",
		     (busy - idle) / seconds / WATCHERS * 100,
		     "percent_of_core", 0.3);
	printf("# media_picture_receiver: %u receivers, got %.1f %% of the bytes, "
	       "without pictures %.3f %% each\n", (unsigned)WATCHERS,
	       (double)bytes * 100 / (double)due,
	       idle / seconds / WATCHERS * 100);
	swarm_close(&s);
	return ok && bytes > due - due / 20;
}

int main(int argc, char **argv)
{
	static const struct setup setups[] = {
		{"media_100_speaking_k5", 100, 100, 5, false, 4.0, KB_MAX},
		{"media_100_speaking_k100", 100, 100, 100, false, 0, 0},
		{"media_300_three_speaking", 300, 3, 0, true, 1.0, KB_MAX},
	};
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 8;
	struct rlimit files = {4096, 4096};
	bool ok = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (srtp_init() != srtp_err_status_ok || encode_voices() < 0)
		return 1;
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		ok &= run(&setups[i], seconds);
	ok &= run_watchers(seconds);
	return ok ? 0 : 1;
}
