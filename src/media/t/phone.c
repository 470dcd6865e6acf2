#include "media/t/phone.h"
#include <math.h>
#include <netinet/in.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/rand.h"
#include "wire/rtcp/rtcp.h"
#include "wire/stun/stun.h"

#define MUST(x) do { if (!(x)) { fprintf(stderr, "phone: %s:%d %s\n", \
	__FILE__, __LINE__, #x); abort(); } } while (0)

enum { RATE = 48000, HEARD = RATE * 4 };

struct phone {
	struct phone_cfg cfg;
	int fd[2], video_fd[2];		/* RTP, RTCP */
	struct sockaddr_in to[2], video_to[2];
	bool is_answered, is_hushed, is_clear;
	uint8_t pt, key[46];
	srtp_t tx, rx;
	struct dtls *dtls;
	struct srtp *our_tx, *our_rx;
	struct audio_enc *enc;
	struct audio_dec *dec;
	uint32_t ssrc, ts, video_ssrc;
	uint16_t seq, video_seq;
	uint64_t due_ns;
	uint64_t phase;
	bool first;
	struct phone_got got;
	int16_t heard[HEARD];
	size_t heard_n;
	Cv__LegDescription d;
	Cv__Section s[2], *sp[2];
	Cv__Codec c[4], *ac[3], *vc[1];
	Cv__Addr a[4];
	uint8_t ip[16];
	Cv__SdesKey k, *kp[1];
	uint8_t fingerprint[32];
	char name[80], pwd[40];		/* of checks */
};

static int udp(const char *ip)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct addr x;

	MUST(addr_parse(&x, span_str(ip), 0) == 0);
	memcpy(&a.sin_addr, x.ip + 12, 4);
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	return ntohs(a.sin_port);
}

static size_t key_bytes(Cv__SdesSuite s)
{
	switch (s) {
	case CV__SDES_SUITE__SDES_AEAD_AES_256_GCM: return 44;
	case CV__SDES_SUITE__SDES_AEAD_AES_128_GCM: return 28;
	case CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80: return 46;
	default: return 30;
	}
}

static srtp_t make(Cv__SdesSuite s, uint8_t *key, bool inbound)
{
	srtp_policy_t p;
	srtp_t out;

	memset(&p, 0, sizeof(p));
	switch (s) {
	case CV__SDES_SUITE__SDES_AEAD_AES_256_GCM:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&p.rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&p.rtcp);
		break;
	case CV__SDES_SUITE__SDES_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp);
		break;
	case CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p.rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p.rtcp);
		break;
	case CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p.rtp);
		srtp_crypto_policy_set_rtcp_default(&p.rtcp);
		break;
	default:
		srtp_crypto_policy_set_rtp_default(&p.rtp);
		srtp_crypto_policy_set_rtcp_default(&p.rtcp);
		break;
	}
	p.ssrc.type = inbound ? ssrc_any_inbound : ssrc_any_outbound;
	p.key = key;
	p.window_size = 1024;
	MUST(srtp_create(&out, &p) == srtp_err_status_ok);
	return out;
}

static void dtls_out(void *arg, struct span d)
{
	struct phone *p = arg;

	(void)sendto(p->fd[0], d.p, d.n, 0, (struct sockaddr *)&p->to[0],
		     sizeof(p->to[0]));
}

struct phone *phone_new(const struct phone_cfg *cfg)
{
	struct phone *p = calloc(1, sizeof(*p));

	MUST(p);
	p->cfg = *cfg;
	for (int i = 0; i < 2; i++) {
		p->fd[i] = udp("127.0.0.1");
		p->video_fd[i] = udp("127.0.0.1");
	}
	rand_bytes(p->key, sizeof(p->key));
	MUST(audio_enc_new(&p->enc, cfg->codec) == 0);
	MUST(audio_dec_new(&p->dec, cfg->codec) == 0);
	audio_enc_setup(p->enc, &(struct audio_format){
		.codec = cfg->codec, .ptime_ms = 20, .bitrate_bps = 32000,
		.bandwidth_hz = 48000}, 5);
	p->ssrc = rand_u32();
	p->video_ssrc = rand_u32();
	p->ts = rand_u32();
	/* the roll-over comes soon */
	p->seq = (uint16_t)(65500 + rand_below(30));
	p->first = true;
	if (cfg->dtls)
		dtls_env_fingerprint(cfg->dtls, p->fingerprint);
	return p;
}

void phone_free(struct phone *p)
{
	if (!p)
		return;
	for (int i = 0; i < 2; i++) {
		close(p->fd[i]);
		close(p->video_fd[i]);
	}
	if (p->tx)
		srtp_dealloc(p->tx);
	if (p->rx)
		srtp_dealloc(p->rx);
	dtls_free(&p->dtls);
	srtp_free(&p->our_tx);
	srtp_free(&p->our_rx);
	audio_enc_free(&p->enc);
	audio_dec_free(&p->dec);
	free(p);
}

/* --- descriptions ------------------------------------------------------ */

static Cv__CodecName name_of(enum audio_codec c)
{
	switch (c) {
	case AUDIO_PCMU: return CV__CODEC_NAME__CODEC_PCMU;
	case AUDIO_PCMA: return CV__CODEC_NAME__CODEC_PCMA;
	case AUDIO_G722: return CV__CODEC_NAME__CODEC_G722;
	default: return CV__CODEC_NAME__CODEC_OPUS;
	}
}

static uint8_t pt_of(enum audio_codec c)
{
	switch (c) {
	case AUDIO_PCMU: return 0;
	case AUDIO_PCMA: return 8;
	case AUDIO_G722: return 9;
	default: return 107;
	}
}

static Cv__Addr *addr_of(struct phone *p, int i, int fd)
{
	static const uint8_t loopback[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

	memcpy(p->ip, loopback, 16);
	cv__addr__init(&p->a[i]);
	p->a[i].ip = (ProtobufCBinaryData){16, p->ip};
	p->a[i].port = port_of(fd);
	return &p->a[i];
}

static Cv__RtpProfile profile_of(const struct phone *p)
{
	if (p->cfg.dtls)
		return CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
	if (p->cfg.suite)
		return p->cfg.is_savpf ? CV__RTP_PROFILE__PROFILE_SAVPF
				       : CV__RTP_PROFILE__PROFILE_SAVP;
	return p->cfg.is_savpf ? CV__RTP_PROFILE__PROFILE_AVPF
			       : CV__RTP_PROFILE__PROFILE_AVP;
}

static char ufrag[] = "phon", own_pwd[] = "0123456789abcdefghijkl";

static void section(struct phone *p, int i, Cv__Direction d)
{
	Cv__Section *s = &p->s[i];
	const int *fd = i ? p->video_fd : p->fd;

	cv__section__init(s);
	p->sp[i] = s;
	s->kind = i ? CV__MEDIA_KIND__KIND_VIDEO : CV__MEDIA_KIND__KIND_AUDIO;
	s->direction = d;
	s->profile = profile_of(p);
	s->addr = addr_of(p, 2 * i, fd[0]);
	s->rtcp = addr_of(p, 2 * i + 1, fd[1]);
	s->rtcp_mux = p->cfg.is_mux;
	s->rtcp_fb_tmmbr = i && p->cfg.is_savpf;
	if (p->cfg.is_ice) {
		s->ice_ufrag = (ProtobufCBinaryData){4, (uint8_t *)ufrag};
		s->ice_pwd = (ProtobufCBinaryData){22, (uint8_t *)own_pwd};
	}
	if (p->cfg.dtls) {
		s->fingerprint_sha256 = (ProtobufCBinaryData){
			32, p->fingerprint};
		s->setup = p->cfg.is_dtls_server
			   ? CV__DTLS_SETUP__SETUP_PASSIVE
			   : CV__DTLS_SETUP__SETUP_ACTPASS;
	} else if (p->cfg.suite) {
		cv__sdes_key__init(&p->k);
		p->k.tag = 3;
		p->k.suite = p->cfg.suite;
		p->k.key_salt = (ProtobufCBinaryData){
			key_bytes(p->cfg.suite), p->key};
		p->kp[0] = &p->k;
		s->sdes = p->kp;
		s->n_sdes = 1;
	}
}

static void codecs(struct phone *p)
{
	bool is_opus = p->cfg.codec == AUDIO_OPUS;

	for (int i = 0; i < 4; i++)
		cv__codec__init(&p->c[i]);
	p->pt = pt_of(p->cfg.codec);
	p->c[0].name = name_of(p->cfg.codec);
	p->c[0].pt = p->pt;
	p->c[0].clock_hz = is_opus ? 48000 : 8000;
	p->c[1].name = CV__CODEC_NAME__CODEC_TELEPHONE_EVENT;
	p->c[1].pt = PHONE_DTMF_PT;
	p->c[1].clock_hz = is_opus ? 48000 : 8000;
	p->ac[0] = &p->c[0];
	p->ac[1] = &p->c[1];
	p->s[0].codecs = p->ac;
	p->s[0].n_codecs = 2;
	p->c[2].name = CV__CODEC_NAME__CODEC_H264;
	p->c[2].pt = PHONE_H264_PT;
	p->c[2].clock_hz = 90000;
	p->c[2].packetization_mode = 1;
	p->c[2].profile_level_id = 0x42e00d;
	p->c[2].feedback = CV__FEEDBACK__FB_PLI;
	p->vc[0] = &p->c[2];
	p->s[1].codecs = p->vc;
	p->s[1].n_codecs = 1;
}

Cv__LegDescription *phone_offer(struct phone *p, Cv__Direction d)
{
	cv__leg_description__init(&p->d);
	section(p, 0, d);
	section(p, 1, d);
	codecs(p);
	p->d.sections = p->sp;
	p->d.n_sections = p->cfg.has_video ? 2 : 1;
	return &p->d;
}

static void take_addr(struct sockaddr_in to[2], const Cv__Section *s)
{
	MUST(s->addr && s->addr->ip.len == 16);
	for (int i = 0; i < 2; i++) {
		to[i] = (struct sockaddr_in){.sin_family = AF_INET,
			.sin_port = htons((uint16_t)(s->addr->port +
						     (s->rtcp_mux ? 0
							: (unsigned)i)))};
		memcpy(&to[i].sin_addr, s->addr->ip.data + 12, 4);
	}
}

static void take_keys(struct phone *p, const Cv__Section *s)
{
	struct dtls_cfg cfg = {.is_client = !p->cfg.is_dtls_server,
			       .send = dtls_out, .arg = p};
	uint8_t theirs[46] = {0};

	p->is_clear = !s->n_sdes && !p->cfg.dtls;
	if (p->cfg.dtls && !p->dtls) {
		MUST(s->fingerprint_sha256.len == 32);
		memcpy(cfg.fingerprint, s->fingerprint_sha256.data, 32);
		MUST(dtls_new(&p->dtls, p->cfg.dtls, &cfg) == 0);
	}
	if (!s->n_sdes || p->tx)
		return;
	MUST(s->n_sdes == 1 && s->sdes[0]->key_salt.len ==
	     key_bytes(s->sdes[0]->suite));
	memcpy(theirs, s->sdes[0]->key_salt.data, s->sdes[0]->key_salt.len);
	p->cfg.suite = s->sdes[0]->suite;
	p->tx = make(p->cfg.suite, p->key, false);
	p->rx = make(p->cfg.suite, theirs, true);
}

void phone_answer(struct phone *p, const Cv__LegDescription *a)
{
	take_addr(p->to, a->sections[0]);
	if (p->cfg.has_video && a->n_sections > 1 &&
	    !a->sections[1]->rejected)
		take_addr(p->video_to, a->sections[1]);
	take_keys(p, a->sections[0]);
	(void)snprintf(p->name, sizeof(p->name), "%.*s:%s",
		       (int)a->sections[0]->ice_ufrag.len,
		       (const char *)a->sections[0]->ice_ufrag.data, ufrag);
	(void)snprintf(p->pwd, sizeof(p->pwd), "%.*s",
		       (int)a->sections[0]->ice_pwd.len,
		       (const char *)a->sections[0]->ice_pwd.data);
	p->is_answered = true;
}

Cv__LegDescription *phone_reply(struct phone *p, const Cv__LegDescription *o)
{
	const Cv__Section *s = o->sections[0];
	Cv__SdesSuite want = p->cfg.suite;

	(void)phone_offer(p, CV__DIRECTION__DIR_SENDRECV);
	p->d.n_sections = o->n_sections;
	for (size_t i = 0; i < o->n_sections; i++)
		p->s[i].profile = o->sections[i]->profile;
	for (size_t i = 0; i < s->n_sdes; i++)
		if (s->sdes[i]->suite == want) {
			Cv__Section one = *s;

			p->k.tag = s->sdes[i]->tag;
			one.sdes = &s->sdes[i];
			one.n_sdes = 1;
			take_keys(p, &one);
		}
	if (!want) {
		p->s[0].n_sdes = 0;
		take_keys(p, p->cfg.dtls ? s : &p->s[0]);
	}
	if (p->cfg.dtls)
		p->s[0].setup = CV__DTLS_SETUP__SETUP_ACTIVE;
	for (size_t i = 0; i < s->n_codecs; i++) {
		if (s->codecs[i]->name == p->c[0].name)
			p->pt = (uint8_t)(p->c[0].pt = s->codecs[i]->pt);
		if (s->codecs[i]->name == p->c[1].name &&
		    s->codecs[i]->clock_hz == p->c[1].clock_hz)
			p->c[1].pt = s->codecs[i]->pt;
	}
	take_addr(p->to, s);
	p->is_answered = true;
	return &p->d;
}

/* --- out --------------------------------------------------------------- */

static void seal_send(struct phone *p, int fd, const struct sockaddr_in *to,
		      uint8_t *b, size_t n, bool is_rtcp)
{
	int len = (int)n;

	if (p->our_tx)
		MUST((is_rtcp ? srtcp_seal : srtp_seal)(p->our_tx, b, &n,
							1500) == 0);
	if (p->tx) {
		MUST((is_rtcp ? srtp_protect_rtcp(p->tx, b, &len)
			      : srtp_protect(p->tx, b, &len)) ==
		     srtp_err_status_ok);
		n = (size_t)len;
	}
	(void)sendto(fd, b, n, 0, (const struct sockaddr *)to, sizeof(*to));
}

static void send_rtp(struct phone *p, struct rtp *h)
{
	uint8_t b[1500];
	struct span s;

	h->ssrc = p->ssrc;
	h->seq = p->seq++;
	MUST(rtp_encode(h, b, sizeof(b), &s) == 0);
	seal_send(p, p->fd[0], &p->to[0], b, s.n, false);
}

static void tone(struct phone *p, int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pcm[i] = (int16_t)(9000 * sin(2 * M_PI * p->cfg.hz *
					      (double)p->phase++ / RATE));
}

/* Encodes 20 ms at a time; G.711 and G.722 frames may simply be joined. */
static void send_audio(struct phone *p)
{
	unsigned ms = p->cfg.ptime_ms ? p->cfg.ptime_ms : 20;
	int16_t pcm[AUDIO_FRAME_SAMPLES * 6];
	static uint8_t all[4096];
	uint8_t *out = all;
	struct rtp h = {.pt = p->pt, .ts = p->ts, .marker = p->first};
	unsigned step = p->cfg.codec == AUDIO_OPUS ? ms : 20;
	size_t want, n = 0;

	for (unsigned at = 0; at < ms; at += step) {
		tone(p, pcm, step * 48);
		n += (size_t)audio_enc_frame(p->enc, pcm, (int)step * 48,
					     out + n, 1275);
	}
	want = p->cfg.codec == AUDIO_OPUS ? n : ms * 8;
	h.payload = span_of(all, want < n ? want : n);
	/* what was encoded too much is not said */
	if (want < n)
		p->phase -= (n - want) * 6;
	send_rtp(p, &h);
	p->ts += ms * (p->cfg.codec == AUDIO_OPUS ? 48 : 8);
	p->first = false;
}

void phone_event(struct phone *p, uint8_t event, uint16_t duration, bool end,
		 bool marker)
{
	uint8_t b[4] = {event, (uint8_t)((end ? 0x80 : 0) | 10),
			(uint8_t)(duration >> 8), (uint8_t)duration};
	struct rtp h = {.pt = (uint8_t)p->c[1].pt, .ts = p->ts,
			.marker = marker, .payload = span_of(b, 4)};

	send_rtp(p, &h);
}

void phone_event_next(struct phone *p)
{
	p->ts += 1600;
}

void phone_video(struct phone *p)
{
	static const uint8_t nal[] = {0x41, 1, 2, 3, 4, 5, 6, 7};
	struct rtp h = {.pt = PHONE_H264_PT, .ts = p->video_seq * 3000u,
			.marker = true, .ssrc = p->video_ssrc,
			.seq = p->video_seq++,
			.payload = span_of(nal, sizeof(nal))};
	uint8_t b[1500];
	struct span s;

	MUST(rtp_encode(&h, b, sizeof(b), &s) == 0);
	seal_send(p, p->video_fd[0], &p->video_to[0], b, s.n, false);
}

void phone_noise(struct phone *p)
{
	static const uint8_t level = 70;
	struct rtp h = {.pt = 13, .ts = p->ts, .payload = span_of(&level, 1)};

	send_rtp(p, &h);
}

void phone_tmmbr(struct phone *p, uint32_t ssrc, uint32_t kbps)
{
	/* RFC 5104 4.2.1.1: exponent 10, mantissa in 17 bits */
	uint32_t mantissa = kbps * 1000 / 1024;
	uint8_t b[100] = {0x80, 201, 0, 1, 0, 0, 0, 1,
			  0x83, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0,
			  (uint8_t)(ssrc >> 24), (uint8_t)(ssrc >> 16),
			  (uint8_t)(ssrc >> 8), (uint8_t)ssrc,
			  (uint8_t)(10 << 2 | mantissa >> 15),
			  (uint8_t)(mantissa >> 7),
			  (uint8_t)(mantissa << 1), 40};

	seal_send(p, p->video_fd[1], &p->video_to[1], b, 28, true);
}

void phone_tmmbn(struct phone *p)
{
	const struct rtcp_tmmb t = {.ssrc = p->got.tmmbr.ssrc,
				    .bps = p->got.tmmbr.bps,
				    .overhead = p->got.tmmbr.overhead};
	uint8_t b[200];
	struct wr w = wr_of(b, sizeof(b) - 60);
	struct span s;

	rtcp_put_rr(&w, p->video_ssrc, NULL, 0);
	rtcp_put_tmmbn(&w, p->video_ssrc, &t, 1);
	MUST(wr_end(&w, &s) == 0);
	seal_send(p, p->video_fd[1], &p->video_to[1], b, s.n, true);
}

void phone_bye(struct phone *p)
{
	uint8_t b[100] = {0x80, 201, 0, 1, (uint8_t)(p->ssrc >> 24),
			  (uint8_t)(p->ssrc >> 16), (uint8_t)(p->ssrc >> 8),
			  (uint8_t)p->ssrc, 0x81, 203, 0, 1};

	memcpy(b + 12, b + 4, 4);
	seal_send(p, p->fd[1], &p->to[1], b, 16, true);
}

/* --- in ---------------------------------------------------------------- */

static void keep(struct phone *p, const int16_t *pcm, int n)
{
	for (int i = 0; i < n && p->heard_n < HEARD; i++)
		p->heard[p->heard_n++] = pcm[i];
}

static void take_event(struct phone *p, const struct rtp *h)
{
	MUST(h->payload.n == 4);
	p->got.dtmf++;
	p->got.dtmf_event = h->payload.p[0];
	if (h->payload.p[1] & 0x80)
		p->got.dtmf_ends++;
	p->got.dtmf_duration = (uint16_t)(h->payload.p[2] << 8 |
					  h->payload.p[3]);
}

static bool opened(struct phone *p, uint8_t *b, size_t *n, bool is_rtcp)
{
	int len = (int)*n;

	if (p->our_rx)
		return (is_rtcp ? srtcp_open : srtp_open)(p->our_rx, b, n) == 0;
	if (!p->rx)
		return p->is_clear;
	if ((is_rtcp ? srtp_unprotect_rtcp(p->rx, b, &len)
		     : srtp_unprotect(p->rx, b, &len)) != srtp_err_status_ok)
		return false;
	*n = (size_t)len;
	return true;
}

static void take_rtp(struct phone *p, uint8_t *b, size_t n)
{
	int16_t pcm[AUDIO_PACKET_MAX_SAMPLES];
	struct rtp h;
	int got;

	if (!opened(p, b, &n, false) || rtp_decode(&h, span_of(b, n)) < 0) {
		p->got.bad++;
		return;
	}
	if (p->got.rtp && h.ssrc == p->got.ssrc)
		p->got.seq_holes += (uint16_t)(h.seq - p->got.seq) != 1;
	p->got.ssrc = h.ssrc;
	p->got.seq = h.seq;
	p->got.rtp++;
	p->got.markers += h.marker;
	if (h.pt == p->c[1].pt) {
		take_event(p, &h);
		return;
	}
	MUST(h.pt == p->pt);
	got = audio_dec_packet(p->dec, h.payload, pcm,
			       AUDIO_PACKET_MAX_SAMPLES);
	MUST(got > 0);
	keep(p, pcm, got);
}

static void take_rtcp(struct phone *p, uint8_t *b, size_t n)
{
	struct rtcp r;
	struct span s;

	if (!opened(p, b, &n, true) || rtcp_check(span_of(b, n)) < 0) {
		p->got.bad++;
		return;
	}
	p->got.rtcp++;
	s = span_of(b, n);
	while (rtcp_next(&s, &r) > 0) {
		p->got.sr += r.kind == RTCP_SR;
		if (r.kind == RTCP_TMMBN &&
		    rtcp_tmmb_next(&r.items, &p->got.tmmbn))
			p->got.tmmbns++;
		if (r.kind == RTCP_TMMBR &&
		    rtcp_tmmb_next(&r.items, &p->got.tmmbr))
			p->got.tmmbrs++;
	}
}

static void dtls_keys_take(struct phone *p)
{
	struct dtls_keys k;

	MUST(dtls_get_keys(p->dtls, &k) == 0);
	MUST(srtp_new(&p->our_tx, p->cfg.srtp, k.profile, SRTP_SEND,
		      span_of(k.send_key, k.key_n),
		      span_of(k.send_salt, k.salt_n)) == 0);
	MUST(srtp_new(&p->our_rx, p->cfg.srtp, k.profile, SRTP_RECEIVE,
		      span_of(k.receive_key, k.key_n),
		      span_of(k.receive_salt, k.salt_n)) == 0);
}

static void take(struct phone *p, uint8_t *b, size_t n)
{
	struct stun_msg m;

	switch (rtp_demux(span_of(b, n))) {
	case RTP_DEMUX_DTLS:
		if (!p->dtls)
			break;
		if (dtls_input(p->dtls, span_of(b, n)) == DTLS_UP &&
		    !p->our_tx)
			dtls_keys_take(p);
		return;
	case RTP_DEMUX_RTP:
		take_rtp(p, b, n);
		return;
	case RTP_DEMUX_RTCP:
		take_rtcp(p, b, n);
		return;
	case RTP_DEMUX_STUN:
		if (stun_decode(&m, span_of(b, n)) == 0 &&
		    m.cls == STUN_SUCCESS &&
		    stun_check_integrity(&m, span_str(p->pwd)) == 0) {
			p->got.checked++;
			return;
		}
		break;
	default:
		break;
	}
	p->got.bad++;
}

void phone_step(struct phone *p, uint64_t now)
{
	unsigned ms = p->cfg.ptime_ms ? p->cfg.ptime_ms : 20;
	uint8_t b[2000];
	ssize_t n;

	for (int i = 0; i < 2; i++)
		while ((n = recv(p->fd[i], b, sizeof(b), 0)) > 0)
			take(p, b, (size_t)n);
	while ((n = recv(p->video_fd[0], b, sizeof(b), 0)) > 0)
		p->got.video++;
	while ((n = recv(p->video_fd[1], b, sizeof(b), 0)) > 0) {
		/* its key is another one than that of sound */
		if (p->cfg.suite || p->cfg.dtls)
			p->got.rtcp++;
		else
			take_rtcp(p, b, (size_t)n);
	}
	if (!p->is_answered)
		return;
	if (p->dtls && dtls_state(p->dtls) == DTLS_HANDSHAKE)
		(void)dtls_timer(p->dtls);
	if (p->is_hushed || !phone_is_up(p) || now < p->due_ns)
		return;
	p->due_ns = p->due_ns + ms * NS_PER_MS < now ? now + ms * NS_PER_MS
		    : p->due_ns + ms * NS_PER_MS;
	if (p->cfg.hz > 0)
		send_audio(p);
}

/* --- the rest ---------------------------------------------------------- */

const struct phone_got *phone_got(const struct phone *p)
{
	return &p->got;
}

void phone_reset(struct phone *p)
{
	p->got = (struct phone_got){.ssrc = p->got.ssrc};
	p->heard_n = 0;
}

/* Blocks by themselves, so that a jump of the phase (a jitter buffer that
 * finds its delay) costs little. */
double phone_hears(const struct phone *p, double hz)
{
	enum { BLOCK = RATE / 25 };
	size_t blocks = p->heard_n / BLOCK;
	double power = 0;

	for (size_t k = 0; k < blocks; k++) {
		double re = 0, im = 0;

		for (size_t i = k * BLOCK; i < (k + 1) * BLOCK; i++) {
			double a = 2 * M_PI * hz * (double)i / RATE;

			re += p->heard[i] * cos(a);
			im += p->heard[i] * sin(a);
		}
		power += re * re + im * im;
	}
	return blocks ? 2 * sqrt(power / (double)blocks) / BLOCK / 32768 : 0;
}

bool phone_is_up(const struct phone *p)
{
	return p->is_answered && (p->is_clear || p->tx || p->our_tx);
}

uint16_t phone_port(const struct phone *p)
{
	return ntohs(p->to[0].sin_port);
}

void phone_move(struct phone *p, bool other_ip)
{
	close(p->fd[0]);
	p->fd[0] = udp(other_ip ? "127.0.0.2" : "127.0.0.1");
}

void phone_check(struct phone *p, bool right)
{
	struct stun_request q = {.priority = 1, .tie_breaker = 7,
				 .controlling = true, .use_candidate = true};
	uint8_t buf[512];
	struct span s;

	rand_bytes(q.txid, sizeof(q.txid));
	q.username = span_str(p->name);
	q.key = right ? span_str(p->pwd) : SPAN_LIT("0123456789abcdef01234567");
	MUST(stun_encode_request(buf, sizeof(buf), &s, &q) == 0);
	(void)sendto(p->fd[0], s.p, s.n, 0, (void *)&p->to[0],
		     sizeof(p->to[0]));
}

void phone_hush(struct phone *p, bool on)
{
	p->is_hushed = on;
}

void phone_new_ssrc(struct phone *p)
{
	p->ssrc = rand_u32();
}
