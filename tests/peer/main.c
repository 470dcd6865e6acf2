/* conclave-peer: a synthetic WebRTC participant. See README.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "peer.h"

enum { LINE_MAX_BYTES = 200000, CONNECT_S = 15, SILENCE_S = 30 };

/* --- signalling -------------------------------------------------------- */

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
	p->secure = secure_new(p->o.profiles, on_send, p);
	peer_random_text(p->stun.local_ufrag, 4);
	peer_random_text(p->stun.local_pwd, 24);
	p->stun.tie = (uint64_t)peer_random32() << 32 | peer_random32();
	return p->secure && peer_prepare(p);
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
	static struct peer p = {.rtcp_fd = -1};
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
