/* conclave-peer: a synthetic WebRTC participant. See README.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "peer.h"

enum { LINE_MAX_BYTES = 200000, CONNECT_S = 15, SILENCE_S = 30 };

static const char usage[] =
	"conclave-peer [options]\n"
	"  --seconds N        after the connection (10)\n"
	"  --tone HZ          of our voice (440); 0 = silence is sent\n"
	"  --pattern ON/OFF   bursts, ms of the monotonic clock\n"
	"  --hear HZ,HZ,...   tones to look for\n"
	"  --beat MS          period of the first one's bursts: measures delay\n"
	"  --ppm P            our clock runs fast by P\n"
	"  --video WxH@FPS    (320x180@15)    --kbps N (300)    --color R,G,B\n"
	"  --probe X,Y        tell the colour there, 0..1; repeatable\n"
	"  --audio-only, --video-only, --no-camera (receives pictures only)\n"
	"  --no-repair        no FEC, NACK, RTX\n"
	"  --no-pli           no requests for keyframes either\n"
	"  --feedback LIST    of remb,twcc (both)\n"
	"  --srtp LIST        OpenSSL's names of profiles\n"
	"  --to IP:PORT       instead of the answer's candidate\n";

enum {
	SECONDS = 256, TONE, PATTERN, HEAR, BEAT, PPM, VIDEO, KBPS, COLOR,
	PROBE, AUDIO_ONLY, VIDEO_ONLY, NO_CAMERA, NO_REPAIR, NO_PLI, FEEDBACK,
	SRTP, TO, HELP,
};

static const struct option table[] = {
	{"seconds", 1, NULL, SECONDS}, {"tone", 1, NULL, TONE},
	{"pattern", 1, NULL, PATTERN}, {"hear", 1, NULL, HEAR},
	{"beat", 1, NULL, BEAT}, {"ppm", 1, NULL, PPM},
	{"video", 1, NULL, VIDEO}, {"kbps", 1, NULL, KBPS},
	{"color", 1, NULL, COLOR}, {"probe", 1, NULL, PROBE},
	{"audio-only", 0, NULL, AUDIO_ONLY},
	{"video-only", 0, NULL, VIDEO_ONLY},
	{"no-camera", 0, NULL, NO_CAMERA}, {"no-repair", 0, NULL, NO_REPAIR},
	{"no-pli", 0, NULL, NO_PLI},
	{"feedback", 1, NULL, FEEDBACK}, {"srtp", 1, NULL, SRTP},
	{"to", 1, NULL, TO}, {"help", 0, NULL, HELP}, {NULL, 0, NULL, 0},
};

static bool hear(struct options *o, const char *s)
{
	while (*s && o->n_hear < AUDIO_TONES) {
		char *end;

		o->hear[o->n_hear++] = strtod(s, &end);
		if (end == s)
			return false;
		s = *end == ',' ? end + 1 : end;
	}
	return *s == 0;
}

static bool destination(struct sockaddr_in *a, const char *s)
{
	char host[64];
	unsigned port;

	if (sscanf(s, "%63[^:]:%u", host, &port) != 2 || port > 65535)
		return false;
	a->sin_family = AF_INET;
	a->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

static bool color(struct options *o, const char *s)
{
	unsigned r, g, b;

	if (sscanf(s, "%u,%u,%u", &r, &g, &b) != 3)
		return false;
	o->rgb[0] = (uint8_t)r;
	o->rgb[1] = (uint8_t)g;
	o->rgb[2] = (uint8_t)b;
	return true;
}

static bool picture(struct options *o, const char *s)
{
	return sscanf(s, "%ux%u@%u", &o->width, &o->height, &o->fps) == 3 &&
	       o->width >= 32 && o->width <= 1920 && o->height >= 32 &&
	       o->height <= 1088 && o->fps >= 1 && o->fps <= 60 &&
	       !(o->width % 2) && !(o->height % 2);
}

static bool probe(struct options *o, const char *s)
{
	double *at = o->probe[o->n_probes];

	if (o->n_probes == VIDEO_PROBES)
		return false;
	o->n_probes++;
	return sscanf(s, "%lf,%lf", &at[0], &at[1]) == 2;
}

static bool option(struct options *o, int c, const char *v)
{
	switch (c) {
	case SECONDS: o->seconds = atof(v); return o->seconds > 0;
	case TONE: o->tone = atof(v); return true;
	case PATTERN: return sscanf(v, "%u/%u", &o->on_ms, &o->off_ms) == 2;
	case HEAR: return hear(o, v);
	case BEAT: return sscanf(v, "%u", &o->beat_ms) == 1;
	case PPM: o->ppm = atof(v); return true;
	case VIDEO: return picture(o, v);
	case KBPS: return sscanf(v, "%u", &o->kbps) == 1;
	case COLOR: return color(o, v);
	case PROBE: return probe(o, v);
	case AUDIO_ONLY: o->has_video = o->sends_video = false; return true;
	case VIDEO_ONLY: o->has_audio = false; return true;
	case NO_CAMERA: o->sends_video = false; return true;
	case NO_REPAIR: o->is_repaired = false; return true;
	case NO_PLI: o->wants_pli = false; return true;
	case FEEDBACK:
		o->wants_remb = strstr(v, "remb") != NULL;
		o->wants_twcc = strstr(v, "twcc") != NULL;
		return true;
	case SRTP: o->profiles = v; return true;
	case TO: return destination(&o->to, v);
	default: return false;
	}
}

bool options_read(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){.seconds = 10, .tone = 440, .has_audio = true,
			      .has_video = true, .sends_video = true,
			      .is_repaired = true, .wants_pli = true,
			      .wants_remb = true,
			      .wants_twcc = true, .width = 320, .height = 180,
			      .fps = 15, .kbps = 300, .rgb = {40, 60, 210}};
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (!option(o, c, optarg)) {
			fputs(usage, stderr);
			return false;
		}
	return optind == argc;
}

/* --- signalling -------------------------------------------------------- */

static uint32_t random32(void)
{
	uint32_t v = 0;

	while (!v)
		RAND_bytes((unsigned char *)&v, sizeof(v));
	return v;
}

static void random_text(char *out, size_t n)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
	unsigned char b[64];

	RAND_bytes(b, (int)n);
	for (size_t i = 0; i < n; i++)
		out[i] = set[b[i] & 63];
	out[n] = 0;
}

static void stream(struct out_stream *s, uint32_t hz)
{
	*s = (struct out_stream){.ssrc = random32(), .hz = hz,
				 .seq = (uint16_t)(random32() & 0x7fff)};
	s->ts0 = s->last_ts = random32();
}

static bool offer(struct peer *p)
{
	static char text[16384];
	struct sdp_offer s = {
		.ufrag = p->stun.local_ufrag, .pwd = p->stun.local_pwd,
		.cname = p->cname, .audio_ssrc = p->audio_tx.ssrc,
		.video_ssrc = p->video_tx.ssrc, .rtx_ssrc = p->rtx_tx.ssrc,
		.has_audio = p->o.has_audio, .has_video = p->o.has_video,
		.is_repaired = p->o.is_repaired, .wants_pli = p->o.wants_pli,
		.wants_remb = p->o.wants_remb, .wants_twcc = p->o.wants_twcc};
	json_t *o;

	secure_fingerprint(p->secure, s.fingerprint);
	if (!sdp_print(&s, text, sizeof(text)))
		return false;
	o = json_pack("{s:s, s:s}", "type", "offer", "sdp", text);
	if (!o)
		return false;
	json_dumpf(o, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(o);
	return true;
}

static const char *answer(struct peer *p)
{
	static char line[LINE_MAX_BYTES];
	const char *sdp, *wrong;
	json_t *o;

	if (!fgets(line, sizeof(line), stdin))
		return "no answer came";
	o = json_loads(line, 0, NULL);
	sdp = json_string_value(json_object_get(o, "sdp"));
	wrong = sdp ? sdp_read(&p->answer, sdp) : "the answer has no sdp";
	json_decref(o);
	if (p->o.to.sin_port)
		p->answer.addr = p->o.to;
	memcpy(p->stun.ufrag, p->answer.ufrag, sizeof(p->stun.ufrag));
	memcpy(p->stun.pwd, p->answer.pwd, sizeof(p->stun.pwd));
	return wrong;
}

/* --- run --------------------------------------------------------------- */

static void on_send(void *arg, const uint8_t *b, size_t n)
{
	peer_send(arg, b, n);
}

static bool prepare(struct peer *p)
{
	struct options *o = &p->o;

	random_text(p->stun.local_ufrag, 4);
	random_text(p->stun.local_pwd, 24);
	random_text(p->cname, 12);
	p->stun.tie = (uint64_t)random32() << 32 | random32();
	stream(&p->audio_tx, AUDIO_HZ);
	stream(&p->video_tx, 90000);
	stream(&p->rtx_tx, 90000);
	p->audio_rx.hz = AUDIO_HZ;
	p->video_rx.hz = p->rtx_rx.hz = 90000;
	p->secure = secure_new(o->profiles, on_send, p);
	if (!p->secure || !audio_out_open(&p->audio_out, o->tone,
					  o->is_repaired) ||
	    !audio_in_open(&p->audio_in, o->is_repaired) ||
	    !video_in_open(&p->video_in, o->is_repaired) ||
	    !video_out_open(&p->video_out, o->width, o->height, o->fps,
			    o->kbps, o->rgb))
		return false;
	p->audio_out.on_ms = o->tone > 0 ? o->on_ms : 0;
	p->audio_out.off_ms = o->tone > 0 ? o->off_ms : 1;
	p->audio_in.n_tones = o->n_hear;
	p->audio_in.beat_ms = o->beat_ms;
	for (unsigned i = 0; i < o->n_hear; i++)
		p->audio_in.tone[i].hz = o->hear[i];
	p->video_in.n_probes = o->n_probes;
	memcpy(p->video_in.probe, o->probe, sizeof(o->probe));
	return true;
}

static bool open_socket(struct peer *p)
{
	int size = 1 << 20;

	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return false;
	setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return connect(p->fd, (struct sockaddr *)&p->answer.addr,
		       sizeof(p->answer.addr)) == 0;
}

static void read_all(struct peer *p)
{
	uint8_t b[2048];
	ssize_t n;

	while ((n = recv(p->fd, b, sizeof(b), MSG_DONTWAIT)) >= 0)
		peer_datagram(p, b, (size_t)n, mono_ns());
}

/* A line `stop` ends the run; the end of the input does not. */
static void commands(struct peer *p, struct pollfd *f)
{
	char b[64];
	ssize_t n;

	if (!f->revents)
		return;
	n = read(STDIN_FILENO, b, sizeof(b) - 1);
	if (n <= 0) {
		f->fd = -1;
		return;
	}
	b[n] = 0;
	p->is_stopping |= strstr(b, "stop") != NULL;
}

static bool is_over(struct peer *p, uint64_t now)
{
	if (p->error || p->is_stopping || secure_is_closed(p->secure))
		return true;
	if (p->connected_ns) {
		if (now - p->checked_ns > SILENCE_S * SEC)
			p->error = "consent was lost";
		return p->error || now >= p->end_ns;
	}
	if (now - p->start_ns > CONNECT_S * SEC)
		p->error = p->is_nominated ? "DTLS did not finish"
					   : "no answer to ICE checks";
	return p->error != NULL;
}

static void run(struct peer *p)
{
	struct pollfd f[2] = {{.fd = p->fd, .events = POLLIN},
			      {.fd = STDIN_FILENO, .events = POLLIN}};
	uint64_t now = mono_ns();

	p->start_ns = now;
	while (!is_over(p, now)) {
		if (poll(f, 2, 4) < 0 && errno != EINTR)
			break;
		read_all(p);
		commands(p, &f[1]);
		now = mono_ns();
		peer_timers(p, now);
	}
	if (p->connected_ns)
		audio_in_play(&p->audio_in, now);
	peer_report(p, now);
}

static int fail(const char *why)
{
	printf("{\"type\": \"error\", \"error\": \"%s\"}\n", why);
	return 1;
}

int main(int argc, char **argv)
{
	static struct peer p;
	const char *wrong;

	if (!options_read(&p.o, argc, argv))
		return 2;
	if (!prepare(&p) || !offer(&p))
		return fail("could not start");
	/* what follows the answer is read with read() */
	setvbuf(stdin, NULL, _IONBF, 0);
	wrong = answer(&p);
	if (wrong)
		return fail(wrong);
	if (!open_socket(&p))
		return fail("no socket");
	run(&p);
	secure_free(p.secure);
	return p.error ? 1 : 0;
}
