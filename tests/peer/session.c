/* Datagrams in and out, and the clocks of what we send. */
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include "peer.h"

enum { CATCH_UP = 10 };

void peer_fault(struct peer *p, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->all_faults++;
	for (unsigned i = 0; i < p->n_faults; i++)
		if (strcmp(p->fault[i], text) == 0)
			return;
	if (p->n_faults < PEER_FAULTS)
		memcpy(p->fault[p->n_faults++], text, sizeof(text));
}

uint64_t peer_clock(const struct peer *p, uint64_t now)
{
	double since = (double)(now - p->start_ns);

	return p->start_ns + (uint64_t)(since * (1 + p->o.ppm * 1e-6));
}

void peer_send(struct peer *p, const uint8_t *bytes, size_t n)
{
	bool is_rtcp = n > 1 && bytes[1] >= 192 && bytes[1] <= 223;

	p->n.datagrams_out++;
	if (send(is_rtcp && p->rtcp_fd >= 0 ? p->rtcp_fd : p->fd, bytes, n,
		 MSG_DONTWAIT) < 0)
		p->n.send_failed++;
}

void peer_send_rtp(struct peer *p, struct out_stream *s, struct rtp *r,
		   const uint8_t *payload, size_t n)
{
	uint8_t b[RTP_MAX + SECURE_GROWS];
	bool is_video = s != &p->audio_tx;
	size_t len;

	r->ssrc = s->ssrc;
	r->twcc = -1;
	if (is_video && p->answer.ext_twcc)
		r->twcc = p->twcc_seq = (p->twcc_seq + 1) & 0xffff;
	len = rtp_write(r, b, is_video ? 0 : p->answer.ext_level,
			is_video ? p->answer.ext_twcc : 0);
	memcpy(b + len, payload, n);
	len += n;
	s->packets++;
	s->bytes += n;
	s->last_ts = r->ts;
	if (secure_seal(p->secure, b, &len, false))
		peer_send(p, b, len);
	else
		p->n.srtp_failures++;
}

/* --- what we send ------------------------------------------------------ */

/* A key instead of sound; the stream's clock goes on. */
static void send_key(struct peer *p, uint32_t ts)
{
	uint8_t b[4];
	bool is_first;
	unsigned times = dtmf_next(&p->dtmf, ts, b, &is_first);
	struct rtp r = {.pt = p->dtmf.pt, .level = -1, .marker = is_first,
			.ts = p->dtmf.ts};

	for (unsigned i = 0; i < times; i++) {
		r.seq = ++p->audio_tx.seq;
		peer_send_rtp(p, &p->audio_tx, &r, b, sizeof(b));
	}
	p->audio_tx.last_ts = ts;
}

static void send_audio(struct peer *p)
{
	uint8_t payload[400];
	uint64_t begin = p->audio_due - 20 * MS;	/* spoken before */
	struct rtp r = {.pt = p->pt_audio, .level = -1};
	size_t n = audio_out_frame(&p->audio_out, begin, payload);
	uint32_t ts = p->audio_tx.last_ts + AUDIO_FRAME;

	if (dtmf_is_busy(&p->dtmf)) {
		send_key(p, ts);
		return;
	}
	r.seq = ++p->audio_tx.seq;
	r.level = p->audio_out.level;
	r.ts = ts;
	r.marker = p->audio_tx.packets == 0;
	peer_send_rtp(p, &p->audio_tx, &r, payload, n);
}

static void on_payload(void *arg, const uint8_t *payload, size_t n,
		       bool is_last)
{
	struct peer *p = arg;
	uint16_t seq = ++p->video_tx.seq;
	struct sent *h = &p->history[seq % VIDEO_HISTORY];

	*h = (struct sent){.is_used = true, .seq = seq, .n = n,
			   .head = {.pt = p->pt_video, .seq = seq, .level = -1,
				    .ts = p->video_tx.last_ts,
				    .marker = is_last}};
	memcpy(h->payload, payload, n);
	peer_send_rtp(p, &p->video_tx, &h->head, payload, n);
}

static void send_video(struct peer *p, uint64_t now)
{
	uint64_t since = peer_clock(p, now) - p->start_ns;

	p->video_tx.last_ts = p->video_tx.ts0 +
			      (uint32_t)((double)since * 90000 / 1e9);
	video_out_frame(&p->video_out, on_payload, p);
}

/* A sender whose clock runs fast speaks sooner, in our time. */
static uint64_t period(const struct peer *p, uint64_t ns)
{
	return (uint64_t)((double)ns / (1 + p->o.ppm * 1e-6));
}

static void media_timers(struct peer *p, uint64_t now)
{
	unsigned budget = CATCH_UP;

	while (p->o.has_audio && p->answer.audio && now >= p->audio_due &&
	       budget--) {
		send_audio(p);
		p->audio_due += period(p, 20 * MS);
	}
	if (p->o.sends_video && p->answer.video && now >= p->video_due) {
		send_video(p, now);
		p->video_due += period(p, SEC / p->o.fps);
		if (p->video_due < now)
			p->video_due = now;
	}
	audio_in_play(&p->audio_in, now);
	video_in_play(&p->video_in, now);
	rtcp_out(p, now);
}

/* --- connectivity ------------------------------------------------------ */

static void check(struct peer *p, uint64_t now)
{
	uint8_t b[512], id[12];

	if (now < p->check_ns)
		return;
	RAND_bytes(id, sizeof(id));
	peer_send(p, b, stun_request(&p->stun, id, b));
	p->n.stun_sent++;
	p->check_ns = now + (p->is_nominated ? 2500 : 50) * MS;
}

static void on_stun(struct peer *p, const uint8_t *b, size_t n, uint64_t now)
{
	uint8_t id[12];
	uint16_t mapped;

	if (stun_read(&p->stun, b, n, id, &mapped) != STUN_SUCCESS) {
		p->n.stun_bad++;
		return;
	}
	p->n.stun_ok++;
	p->checked_ns = now;
	p->mapped_port = mapped;
	if (p->is_nominated)
		return;
	p->is_nominated = true;
	p->check_ns = now + 2500 * MS;
	p->error = secure_start(p->secure, p->answer.fingerprint);
}

void peer_connected(struct peer *p, uint64_t now)
{
	p->connected_ns = now;
	p->end_ns = now + (uint64_t)(p->o.seconds * 1e9);
	p->audio_due = p->video_due = now;
	p->report_due = now + 500 * MS;
}

static void on_connected(struct peer *p, uint64_t now)
{
	peer_connected(p, now);
	printf("{\"type\": \"connected\", \"ms\": %llu, \"srtp\": \"%s\"}\n",
	       (unsigned long long)((now - p->start_ns) / MS),
	       secure_profile(p->secure));
	fflush(stdout);
}

void peer_timers(struct peer *p, uint64_t now)
{
	if (!p->is_plain)
		check(p, now);
	if (!p->is_nominated && !p->is_plain)
		return;
	if (!p->connected_ns && !p->is_plain) {
		if (!p->error)
			p->error = secure_timer(p->secure);
		if (secure_is_up(p->secure))
			on_connected(p, now);
		return;
	}
	if (p->connected_ns)
		media_timers(p, now);
}

/* --- what comes -------------------------------------------------------- */

static void on_rtx(struct peer *p, struct rtp *r, uint64_t now)
{
	p->n.rtx_in++;
	rtp_source_packet(&p->rtx_rx, r, now);
	if (r->n == 0)
		return;			/* padding, a probe */
	if (r->n < 2) {
		peer_fault(p, "RTX without an original number");
		return;
	}
	r->seq = (uint16_t)get16(r->payload);
	r->payload += 2;
	r->n -= 2;
	video_in_packet(&p->video_in, r, true, now);
}

static void check_ssrc(struct peer *p, uint32_t *told, uint32_t ssrc,
		       const char *what)
{
	if (!*told)
		*told = ssrc;
	if (*told == ssrc)
		return;
	p->n.unknown_ssrc++;
	peer_fault(p, "%s under an SSRC that was not told", what);
}

static void on_rtp(struct peer *p, const uint8_t *b, size_t n, uint64_t now)
{
	struct rtp r;
	const char *wrong = rtp_read(&r, b, n, p->answer.ext_level,
				     p->answer.ext_twcc);

	p->n.rtp_in++;
	if (wrong) {
		peer_fault(p, "%s", wrong);
		return;
	}
	if (r.twcc >= 0 && r.pt != p->pt_audio)
		twcc_saw(&p->twcc, (uint32_t)r.twcc, now);
	if (p->o.has_audio && r.pt == p->pt_audio) {
		check_ssrc(p, &p->answer.audio_ssrc, r.ssrc, "sound");
		rtp_source_packet(&p->audio_rx, &r, now);
		audio_in_packet(&p->audio_in, &r, now);
	} else if (p->o.has_video && r.pt == p->pt_video) {
		check_ssrc(p, &p->answer.video_ssrc, r.ssrc, "picture");
		if (!p->video_ns)
			p->video_ns = now;
		rtp_source_packet(&p->video_rx, &r, now);
		video_in_packet(&p->video_in, &r, false, now);
	} else if (p->dtmf.pt && r.pt == p->dtmf.pt) {
		dtmf_packet(&p->dtmf, &r);
	} else if (r.pt == PT_RTX && p->o.is_repaired) {
		check_ssrc(p, &p->answer.rtx_ssrc, r.ssrc, "RTX");
		on_rtx(p, &r, now);
	} else {
		p->n.unknown_pt++;
		peer_fault(p, "payload type %u was not offered", r.pt);
	}
}

static void on_media(struct peer *p, uint8_t *b, size_t n, uint64_t now)
{
	bool is_rtcp = n > 1 && b[1] >= 192 && b[1] <= 223;

	if (!secure_is_up(p->secure))
		return;
	switch (secure_open(p->secure, b, &n, is_rtcp)) {
	case SECURE_REPLAY:
		p->n.replays++;
		peer_fault(p, "%s number used twice",
			   is_rtcp ? "an SRTCP" : "an SRTP");
		return;
	case SECURE_AUTH:
		p->n.auth_failures++;
		peer_fault(p, "a packet did not authenticate");
		return;
	case SECURE_FAIL:
		p->n.srtp_failures++;
		peer_fault(p, "a packet that libsrtp does not take");
		return;
	case SECURE_OK:
		break;
	}
	if (is_rtcp)
		rtcp_in(p, b, n, now);
	else
		on_rtp(p, b, n, now);
}

void peer_datagram(struct peer *p, uint8_t *b, size_t n, uint64_t now)
{
	const char *wrong = NULL;

	p->n.datagrams_in++;
	if (n > p->n.datagrams_largest)
		p->n.datagrams_largest = n;
	if (n > PEER_PACKET_MAX)
		peer_fault(p, "a datagram of more than %d bytes",
			   PEER_PACKET_MAX);
	if (n == 0)
		return;
	if (b[0] < 4 && !p->is_plain)
		on_stun(p, b, n, now);
	else if (b[0] >= 20 && b[0] < 64 && p->is_nominated)
		wrong = secure_input(p->secure, b, n);
	else if (b[0] >= 128 && b[0] < 192)
		on_media(p, b, n, now);
	if (wrong && !p->error)
		p->error = wrong;
}
