/* conclave-phone: a telephone on the wire, without ICE: RTP/AVP, or RTP/SAVP
 * with keys of SDES. Prints an SDP offer (one JSON line), reads the answer,
 * sends a tone and keys, prints what it heard. See README.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <opus/opus.h>
#include <poll.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "g711.h"
#include "rtp.h"
#include "sdes.h"
#ifdef HAVE_SPANDSP
#include <spandsp.h>
#endif

enum { LINE = 65536, TONES = 4, FRAME_MS = 20, HEARD_S = 20 };

enum codec { PCMU = 0, PCMA = 8, G722 = 9, OPUS = 107, EVENT = 101 };

struct phone {
	enum codec codec;
	const char *suite;		/* NULL: in clear */
	double seconds, tone, hear[TONES];
	unsigned n_hear;
	const char *keys, *ip;
	struct sockaddr_in to;
	bool is_told;			/* --to: an attacker, needs no answer */
	int fd[2];
	uint16_t port;
	uint8_t key[SDES_KEY_MAX];
	srtp_t tx, rx;
	OpusEncoder *enc;
	OpusDecoder *dec;
#ifdef HAVE_SPANDSP
	g722_encode_state_t *g722_out;
	g722_decode_state_t *g722_in;
#endif
	uint32_t ssrc, ts, samples;
	uint16_t seq;
	unsigned key_at, key_ms;
	uint32_t key_ts;
	uint64_t packets_in, rtcp_in, bad, strangers, markers;
	uint32_t ssrc_in;
	uint16_t seq_in;
	uint64_t holes, ssrcs;
	unsigned hz;			/* of the samples below */
	size_t n;
	int16_t heard[48000 * HEARD_S];
};

static const char usage[] =
	"conclave-phone [options]\n"
	"  --codec pcmu|pcma|g722|opus   --suite NAME (none: clear)\n"
	"  --seconds N --tone HZ --hear HZ,HZ --keys 0123456789*#\n"
	"  --ip ADDRESS (127.0.0.1)      --to IP:PORT: sends there, asks nobody\n";

/* --- options ----------------------------------------------------------- */

enum { CODEC = 256, SUITE, SECONDS, TONE, HEAR, KEYS, IP, TO };

static const struct option table[] = {
	{"codec", 1, NULL, CODEC}, {"suite", 1, NULL, SUITE},
	{"seconds", 1, NULL, SECONDS}, {"tone", 1, NULL, TONE},
	{"hear", 1, NULL, HEAR}, {"keys", 1, NULL, KEYS}, {"ip", 1, NULL, IP},
	{"to", 1, NULL, TO}, {NULL, 0, NULL, 0},
};

static bool codec(struct phone *p, const char *s)
{
	if (strcmp(s, "pcmu") == 0)
		p->codec = PCMU;
	else if (strcmp(s, "pcma") == 0)
		p->codec = PCMA;
	else if (strcmp(s, "opus") == 0)
		p->codec = OPUS;
#ifdef HAVE_SPANDSP
	else if (strcmp(s, "g722") == 0)
		p->codec = G722;
#endif
	else
		return false;
	return true;
}

static bool suite(struct phone *p, const char *s)
{
	p->suite = sdes_key_bytes(s) ? s : NULL;
	return p->suite || strcmp(s, "none") == 0;
}

static bool to(struct phone *p, const char *s)
{
	char host[64];
	unsigned port;

	p->is_told = true;
	p->to.sin_family = AF_INET;
	if (sscanf(s, "%63[^:]:%u", host, &port) != 2)
		return false;
	p->to.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &p->to.sin_addr) == 1;
}

static bool option(struct phone *p, int c, const char *v)
{
	switch (c) {
	case CODEC: return codec(p, v);
	case SUITE: return suite(p, v);
	case SECONDS: p->seconds = atof(v); return p->seconds > 0;
	case TONE: p->tone = atof(v); return true;
	case HEAR:
		p->n_hear = (unsigned)sscanf(v, "%lf,%lf,%lf,%lf",
			&p->hear[0], &p->hear[1], &p->hear[2], &p->hear[3]);
		return p->n_hear > 0;
	case KEYS: p->keys = v; return true;
	case IP: p->ip = v; return true;
	case TO: return to(p, v);
	default: return false;
	}
}

/* --- start ------------------------------------------------------------- */

static int bound(const char *ip, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, ip, &a.sin_addr);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool open_ports(struct phone *p)
{
	for (int i = 0; i < 100; i++) {
		uint16_t r;

		RAND_bytes((uint8_t *)&r, sizeof(r));
		p->port = (uint16_t)(20000 + r % 10000) & 0xfffe;
		p->fd[0] = bound(p->ip, p->port);
		p->fd[1] = bound(p->ip, p->port + 1);
		if (p->fd[0] >= 0 && p->fd[1] >= 0)
			return true;
		close(p->fd[0]);
		close(p->fd[1]);
	}
	return false;
}

static bool prepare(struct phone *p)
{
	int e = 0;

	RAND_bytes((uint8_t *)&p->ssrc, 4);
	RAND_bytes((uint8_t *)&p->ts, 4);
	RAND_bytes((uint8_t *)&p->seq, 2);
	RAND_bytes(p->key, sizeof(p->key));
	p->hz = p->codec == OPUS ? 48000 : p->codec == G722 ? 16000 : 8000;
	if (p->codec == OPUS) {
		p->enc = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP,
					     &e);
		p->dec = opus_decoder_create(48000, 1, &e);
	}
#ifdef HAVE_SPANDSP
	p->g722_out = g722_encode_init(NULL, 64000, 0);
	p->g722_in = g722_decode_init(NULL, 64000, 0);
#endif
	return e == 0 && open_ports(p) && srtp_init() == srtp_err_status_ok;
}

/* --- signalling -------------------------------------------------------- */

static void offer(const struct phone *p)
{
	static const char *const maps[] = {"PCMU/8000", "PCMA/8000",
					   "G722/8000", "opus/48000/2"};
	const char *map = maps[p->codec == OPUS ? 3 : p->codec == G722 ? 2
			       : p->codec == PCMA];
	char sdp[2048], crypto[200] = "";
	uint8_t b64[100];
	json_t *o;

	if (p->suite) {
		EVP_EncodeBlock(b64, p->key, (int)sdes_key_bytes(p->suite));
		snprintf(crypto, sizeof(crypto),
			 "a=crypto:1 %s inline:%s\r\n", p->suite, b64);
	}
	snprintf(sdp, sizeof(sdp), "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\n"
		 "c=IN IP4 %s\r\nt=0 0\r\nm=audio %u RTP/%s %d %d\r\n"
		 "a=rtpmap:%d %s\r\na=rtpmap:%d telephone-event/%d\r\n%s"
		 "a=sendrecv\r\n", p->ip, p->ip, p->port,
		 p->suite ? "SAVP" : "AVP", p->codec, EVENT, p->codec, map,
		 EVENT, p->codec == OPUS ? 48000 : 8000, crypto);
	o = json_pack("{s:s, s:s}", "type", "offer", "sdp", sdp);
	json_dumpf(o, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(o);
}

static const char *take_crypto(struct phone *p, const char *sdp)
{
	const char *c = strstr(sdp, "a=crypto:");
	char name[64], b64[128];
	uint8_t key[100] = {0};
	unsigned tag;

	if (!p->suite)
		return c ? "keys that were not asked for" : NULL;
	if (!c || sscanf(c, "a=crypto:%u %63s inline:%127[A-Za-z0-9+/=]", &tag,
			 name, b64) != 3)
		return "no key in the answer";
	if (tag != 1 || strcmp(name, p->suite) != 0)
		return "another suite than offered";
	if (EVP_DecodeBlock(key, (uint8_t *)b64, (int)strlen(b64)) <
	    (int)sdes_key_bytes(p->suite))
		return "a key that is too short";
	if (!sdes_session(&p->tx, p->suite, p->key, false) ||
	    !sdes_session(&p->rx, p->suite, key, true))
		return "libsrtp refused the keys";
	return NULL;
}

static const char *take_answer(struct phone *p, const char *sdp)
{
	const char *m = sdp ? strstr(sdp, "m=audio ") : NULL;
	const char *c = sdp ? strstr(sdp, "c=IN IP4 ") : NULL;
	char ip[64];
	unsigned port;

	if (!m || !c || sscanf(m, "m=audio %u", &port) != 1 ||
	    sscanf(c, "c=IN IP4 %63[0-9.]", ip) != 1 || !port)
		return "the answer has no address";
	p->to.sin_family = AF_INET;
	p->to.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, ip, &p->to.sin_addr) != 1)
		return "the answer's address is none";
	return take_crypto(p, sdp);
}

static const char *answer(struct phone *p)
{
	static char line[LINE];
	const char *wrong;
	json_t *o;

	if (!fgets(line, sizeof(line), stdin))
		return "no answer came";
	o = json_loads(line, 0, NULL);
	wrong = take_answer(p, json_string_value(json_object_get(o, "sdp")));
	json_decref(o);
	return wrong;
}

/* --- out --------------------------------------------------------------- */

static void send_rtp(struct phone *p, uint8_t pt, uint32_t ts, bool marker,
		     const uint8_t *payload, size_t n)
{
	struct rtp r = {.pt = pt, .ts = ts, .marker = marker, .ssrc = p->ssrc,
			.seq = p->seq++, .level = -1, .twcc = -1};
	uint8_t b[RTP_MAX + 64];
	size_t len = rtp_write(&r, b, 0, 0);
	int total;

	memcpy(b + len, payload, n);
	total = (int)(len + n);
	if (p->tx && srtp_protect(p->tx, b, &total) != srtp_err_status_ok)
		return;
	(void)sendto(p->fd[0], b, (size_t)total, 0,
		     (struct sockaddr *)&p->to, sizeof(p->to));
}

static size_t encode(struct phone *p, const int16_t *pcm, size_t n,
		     uint8_t *out)
{
	if (p->codec == OPUS) {
		int len = opus_encode(p->enc, pcm, (int)n, out, 400);

		return len < 0 ? 0 : (size_t)len;
	}
#ifdef HAVE_SPANDSP
	if (p->codec == G722)
		return (size_t)g722_encode(p->g722_out, out, pcm, (int)n);
#endif
	for (size_t i = 0; i < n; i++)
		out[i] = p->codec == PCMU ? ulaw_encode(pcm[i])
					  : alaw_encode(pcm[i]);
	return n;
}

static unsigned event_of(char c)
{
	if (c == '*')
		return 10;
	return c == '#' ? 11 : (unsigned)(c - '0');
}

/* A key for 100 ms, 100 ms of sound behind it. */
static bool send_key(struct phone *p)
{
	uint8_t b[4];
	unsigned ticks = (p->codec == OPUS ? 48 : 8) * (p->key_ms + FRAME_MS);
	bool is_end = p->key_ms == 80;

	if (!p->keys || !p->keys[p->key_at])
		return false;
	if (p->key_ms == 0)
		p->key_ts = p->ts;
	if (p->key_ms < 100) {
		b[0] = (uint8_t)event_of(p->keys[p->key_at]);
		b[1] = is_end ? 0x8a : 0x0a;
		put16(b + 2, ticks);
		for (int i = 0; i < (is_end ? 3 : 1); i++)
			send_rtp(p, EVENT, p->key_ts, p->key_ms == 0, b, 4);
	}
	p->key_ms += FRAME_MS;
	if (p->key_ms < 200)
		return p->key_ms <= 100;
	p->key_ms = 0;
	p->key_at++;
	return false;
}

static void send_frame(struct phone *p)
{
	size_t n = p->hz / 1000 * FRAME_MS;
	int16_t pcm[960];
	uint8_t out[1000];

	for (size_t i = 0; i < n; i++)
		pcm[i] = (int16_t)(9000 * sin(2 * M_PI * p->tone *
					      p->samples++ / p->hz));
	if (!send_key(p)) {
		n = encode(p, pcm, n, out);
		send_rtp(p, (uint8_t)p->codec, p->ts, false, out, n);
	}
	p->ts += (p->codec == OPUS ? 48 : 8) * FRAME_MS;
}

/* --- in ---------------------------------------------------------------- */

static void decode(struct phone *p, const uint8_t *b, size_t n)
{
	int16_t pcm[5760];
	int got = 0;

	if (p->codec == OPUS)
		got = opus_decode(p->dec, b, (int)n, pcm, 5760, 0);
#ifdef HAVE_SPANDSP
	else if (p->codec == G722)
		got = g722_decode(p->g722_in, pcm, b, (int)(n > 2000 ? 2000
								    : n));
#endif
	else
		for (; got < (int)n && got < 5760; got++)
			pcm[got] = p->codec == PCMU ? ulaw_decode(b[got])
						    : alaw_decode(b[got]);
	for (int i = 0; i < got && p->n < sizeof(p->heard) / 2; i++)
		p->heard[p->n++] = pcm[i];
}

static void take_rtp(struct phone *p, uint8_t *b, int n)
{
	struct rtp r;

	if ((p->rx && srtp_unprotect(p->rx, b, &n) != srtp_err_status_ok) ||
	    rtp_read(&r, b, (size_t)n, 0, 0)) {
		p->bad++;
		return;
	}
	if (!p->packets_in || r.ssrc != p->ssrc_in)
		p->ssrcs++;
	else if (r.seq != (uint16_t)(p->seq_in + 1))
		p->holes++;
	p->ssrc_in = r.ssrc;
	p->seq_in = r.seq;
	p->packets_in++;
	p->markers += r.marker;
	if (r.pt == (uint8_t)p->codec)
		decode(p, r.payload, r.n);
	else if (r.pt != EVENT)
		p->bad++;
}

static void take(struct phone *p, int i)
{
	uint8_t b[2000];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int n;

	while ((n = (int)recvfrom(p->fd[i], b, sizeof(b), 0,
				  (struct sockaddr *)&from, &len)) > 0) {
		bool is_rtcp = n > 1 && b[1] >= 192 && b[1] <= 223;

		/* symmetric: from where we send to, or one above */
		if (ntohs(from.sin_port) != ntohs(p->to.sin_port) + i)
			p->strangers++;
		else if (!is_rtcp)
			take_rtp(p, b, n);
		else if (p->rx && srtp_unprotect_rtcp(p->rx, b, &n) !=
					  srtp_err_status_ok)
			p->bad++;
		else
			p->rtcp_in++;
		len = sizeof(from);
	}
}

/* Of full scale 1, over the last second; in blocks of 40 ms, so that a jump of
 * the phase costs little. */
static double level(const struct phone *p, double hz)
{
	size_t block = p->hz / 25, blocks = p->n / block;
	size_t first = blocks > 25 ? blocks - 25 : 0;
	double power = 0;

	for (size_t k = first; k < blocks; k++) {
		double re = 0, im = 0;

		for (size_t i = k * block; i < (k + 1) * block; i++) {
			double a = 2 * M_PI * hz * (double)i / p->hz;

			re += p->heard[i] * cos(a);
			im += p->heard[i] * sin(a);
		}
		power += re * re + im * im;
	}
	return blocks > first ? 2 * sqrt(power / (double)(blocks - first)) /
				(double)block / 32768 : 0;
}

static void report(const struct phone *p)
{
	json_t *tones = json_array(), *o;

	for (unsigned i = 0; i < p->n_hear; i++)
		json_array_append_new(tones,
				      json_real(level(p, p->hear[i])));
	o = json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:i}",
		      "type", "report", "levels", tones,
		      "packets_in", (json_int_t)p->packets_in,
		      "rtcp_in", (json_int_t)p->rtcp_in,
		      "bad", (json_int_t)p->bad,
		      "strangers", (json_int_t)p->strangers,
		      "holes", (json_int_t)p->holes,
		      "ssrcs", (json_int_t)p->ssrcs,
		      "keys_sent", (int)p->key_at);
	json_dumpf(o, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(o);
}

/* An empty report now and then: the server learns where ours are to go. */
static void send_rtcp(struct phone *p)
{
	struct sockaddr_in a = p->to;
	uint8_t b[64] = {0x80, 201, 0, 1};
	int n = 8;

	put32(b + 4, p->ssrc);
	if (p->tx && srtp_protect_rtcp(p->tx, b, &n) != srtp_err_status_ok)
		return;
	a.sin_port = htons((uint16_t)(ntohs(a.sin_port) + 1));
	(void)sendto(p->fd[1], b, (size_t)n, 0, (struct sockaddr *)&a,
		     sizeof(a));
}

static void run(struct phone *p)
{
	uint64_t now = mono_ns(), due = now, rtcp_due = now;
	uint64_t end = now + (uint64_t)(p->seconds * 1e9);

	while (now < end) {
		struct pollfd f[2] = {{.fd = p->fd[0], .events = POLLIN},
				      {.fd = p->fd[1], .events = POLLIN}};

		(void)poll(f, 2, 2);
		take(p, 0);
		take(p, 1);
		for (now = mono_ns(); due <= now; due += FRAME_MS * MS)
			send_frame(p);
		if (rtcp_due <= now) {
			send_rtcp(p);
			rtcp_due += 500 * MS;
		}
	}
	report(p);
}

int main(int argc, char **argv)
{
	static struct phone p = {.seconds = 3, .tone = 440,
				 .ip = "127.0.0.1"};
	const char *wrong = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (!option(&p, c, optarg)) {
			fputs(usage, stderr);
			return 2;
		}
	if (!prepare(&p))
		return 1;
	if (!p.is_told) {
		offer(&p);
		wrong = answer(&p);
	}
	if (wrong) {
		printf("{\"type\": \"error\", \"error\": \"%s\"}\n", wrong);
		return 1;
	}
	run(&p);
	return 0;
}
