/* before libsrtp2's header, whose macros are names here */
#include "media/media.h"
#include "media/t/swarm.h"
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "ipc/frame.h"

enum { FRAMES = 200, VOICES = 5 };

struct voice {
	uint8_t data[FRAMES][400];
	size_t n[FRAMES];
	int level[FRAMES];
};

static struct voice voices[VOICES + 1];		/* the last one is silence */

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

int swarm_voices(void)
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
	o.room = SWARM_ROOM;
	o.leg = s->n++;
	o.flags = &f;
	o.offer = client_offer(s->c[o.leg], false);
	(void)ipc_send(s->core, LEG_OPEN, &o);
}

void swarm_step(struct swarm *s)
{
	uint64_t now = clock_mono_ns();

	(void)ipc_chan_output(s->core);
	(void)ipc_chan_input(s->core, 64);
	for (unsigned i = 0; i < s->answers; i++)
		client_step(s->c[i], now);
}

/* The worker may be up before its last flight reached the client. */
static bool all_are_up(const struct swarm *s, unsigned people)
{
	for (unsigned i = 0; i < people; i++)
		if (i >= s->n || !client_is_up(s->c[i]))
			return false;
	return true;
}

bool swarm_join(struct swarm *s, unsigned people)
{
	uint64_t end = clock_mono_ns() + 60 * NS_PER_S;

	while (!(s->secure >= people && all_are_up(s, people)) &&
	       clock_mono_ns() < end) {
		/* a few at a time, as people come */
		if (s->n < people && s->n < s->secure + 8)
			leg_add(s);
		swarm_step(s);
	}
	return all_are_up(s, people);
}

void swarm_talk(struct swarm *s, unsigned talking, bool has_level,
		unsigned seconds)
{
	uint64_t due = clock_mono_ns();

	for (unsigned k = 0; k < seconds * 50; k++, due += 20 * NS_PER_MS) {
		for (unsigned i = 0; i < s->n; i++) {
			unsigned v = i < talking ? i % VOICES : VOICES;
			unsigned f = (k + i * 7) % FRAMES;

			client_send_audio(s->c[i],
					  span_of(voices[v].data[f],
						  voices[v].n[f]),
					  has_level ? voices[v].level[f] : -1);
			if (i % 16 == 15)
				swarm_step(s);
		}
		do
			swarm_step(s);
		while (clock_mono_ns() < due + 20 * NS_PER_MS);
	}
}

/* --- a room ------------------------------------------------------------ */

bool swarm_open(struct swarm *s, uint32_t talkers)
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
	room.room = SWARM_ROOM;
	room.max_talkers = talkers;
	(void)ipc_send(s->core, ROOM_OPEN, &room);
	for (unsigned i = 0; i < 200; i++)
		swarm_step(s);
	return true;
}

void swarm_close(struct swarm *s)
{
	for (unsigned i = 0; i < s->n; i++)
		client_free(s->c[i]);
	ipc_chan_free(&s->core);
	close(s->video);
	(void)waitpid(s->pid, NULL, 0);
}

void swarm_frame(struct swarm *s, const struct frame *f)
{
	static uint8_t buf[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	struct span out;

	if (frame_encode(f, buf, sizeof(buf), &out) == 0)
		(void)send(s->video, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void swarm_hello(struct swarm *s)
{
	uint8_t hash[32];
	struct frame f = {.kind = FRAME_HELLO, .chunks = 1,
			  .total = sizeof(hash)};

	ipc_proto_hash(hash);
	f.data = span_of(hash, sizeof(hash));
	swarm_frame(s, &f);
}
