/* CPU of a whole worker per participant-second: sockets, ICE, SRTP, jitter
 * buffer, mix, encode. The worker is a child process, its people are clients
 * here. Prints `name value unit target verdict`; exits 1 when one is missed.
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
       KB_MAX = 200 };

struct voice {
	uint8_t data[FRAMES][400];
	size_t n[FRAMES];
	int level[FRAMES];
};

struct setup {
	const char *name;
	unsigned people, talking;
	bool has_level;
	double target_ms;
};

static struct voice voices[VOICES + 1];		/* the last one is silence */

struct swarm {
	struct ipc_chan *core;
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

static void worker(int core_fd, int udp_fd)
{
	struct media_cfg cfg = {.udp_fd = udp_fd, .tcp_fd = -1,
				.is_loopback = true};
	struct media *m = NULL;

	if (media_new(&m, &cfg) < 0)
		_exit(1);
	control_link(m, core_fd, 0);
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
	static const struct client_cfg cfg = {
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

static void join_all(struct swarm *s, const struct setup *su)
{
	uint64_t end = clock_mono_ns() + 60 * NS_PER_S;

	while (s->secure < su->people && clock_mono_ns() < end) {
		/* a few at a time, as people come */
		if (s->n < su->people && s->n < s->secure + 8)
			leg_add(s);
		step(s);
	}
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

static bool run(const struct setup *su, unsigned seconds)
{
	struct swarm s = {.n = 0};
	Cv__RoomOpen room = CV__ROOM_OPEN__INIT;
	struct ipc_chan_cfg cfg = {.self = ROLE_CORE, .peer = ROLE_MEDIA,
				   .on_msg = on_msg, .on_down = on_down,
				   .arg = &s};
	unsigned heard = 0, lost = 0;
	int pair[2], udp = bound();
	double cpu, ms;
	long kb;
	pid_t pid;

	if (udp < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				  pair) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		worker(pair[1], udp);
	}
	close(pair[1]);
	close(udp);
	cfg.fd = pair[0];
	if (pid < 0 || ipc_chan_new(&s.core, &cfg) < 0)
		return false;
	room.room = ROOM;
	(void)ipc_send(s.core, ROOM_OPEN, &room);
	for (unsigned i = 0; i < 200; i++)
		step(&s);
	kb = rss_kb(pid);
	join_all(&s, su);
	talk(&s, su, WARM_S);
	for (unsigned i = 0; i < s.n; i++)
		client_reset_got(s.c[i]);
	cpu = cpu_of(pid);
	talk(&s, su, seconds);
	cpu = cpu_of(pid) - cpu;
	kb = (rss_kb(pid) - kb) / su->people;
	for (unsigned i = 0; i < s.n; i++) {
		heard += client_got(s.c[i])->audio;
		lost += client_got(s.c[i])->bad;
		client_free(s.c[i]);
	}
	ipc_chan_free(&s.core);
	(void)waitpid(pid, NULL, 0);
	ms = cpu * 1000 / su->people / seconds;
	printf("%s %.2f ms/participant-s %.1f %s (heard %u of %u, bad %u, late ticks %llu of %llu)\n",
	       su->name, ms, su->target_ms,
	       ms > su->target_ms ? "MISSED" : "ok", heard,
	       su->people * seconds * 50, lost, (unsigned long long)s.late,
	       (unsigned long long)s.ticks);
	printf("%s_memory %ld KB/leg %d %s\n", su->name, kb, KB_MAX,
	       kb > KB_MAX ? "MISSED" : "ok");
	return ms <= su->target_ms && kb <= KB_MAX;
}

int main(int argc, char **argv)
{
	static const struct setup setups[] = {
		{"media_100_speaking", 100, 100, false, 4.0},
		{"media_300_three_speaking", 300, 3, true, 1.0},
	};
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 8;
	struct rlimit files = {4096, 4096};
	bool ok = true;

	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (srtp_init() != srtp_err_status_ok || encode_voices() < 0)
		return 1;
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		ok &= run(&setups[i], seconds);
	return ok ? 0 : 1;
}
