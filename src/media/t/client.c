#include "media/t/client.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/rand.h"
#include "base/text.h"
#include "wire/rtcp/rtcp.h"
#include "wire/stun/stun.h"

#define MUST(x) do { if (!(x)) { fprintf(stderr, "client: %s:%d %s\n", \
	__FILE__, __LINE__, #x); abort(); } } while (0)

enum { KEPT = 256 };

struct client {
	struct client_cfg cfg;
	int fd;
	struct sockaddr_in server;
	char ufrag[9], pwd[25];
	char their_ufrag[300], their_pwd[300];
	uint8_t fingerprint[32], their_fingerprint[32];
	uint64_t check_ns;
	bool is_hushed, is_connected, is_started, is_up;
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	srtp_t tx, rx;
	uint32_t audio_ssrc, video_ssrc, rtx_ssrc;
	uint32_t peer_audio, peer_video, peer_rtx, peer_slides;
	uint32_t slides_ssrc;
	uint16_t slides_seq;
	uint16_t audio_seq, video_seq, rtx_seq, twcc_seq;
	uint32_t audio_ts;
	struct client_got got;
	struct { uint16_t seq; uint8_t p[1500]; size_t n; } kept[KEPT];
	struct { uint16_t seq; uint8_t p[1500]; size_t n; } lost_audio;
	uint8_t tcp[65536];
	size_t tcp_n;
	/* the offer */
	Cv__LegDescription offer;
	Cv__Section section[3], *sections[3];
	Cv__Codec codec[6], *audio_codecs[1], *video_codecs[2],
		  *slides_codecs[1];
	Cv__Ext ext[3], *audio_exts[1], *video_exts[1];
};

static void cert_make(struct client *c)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	unsigned n;

	MUST(key && x);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600 * 24);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	MUST(X509_sign(x, key, EVP_sha256()));
	MUST(X509_digest(x, EVP_sha256(), c->fingerprint, &n) == 1);
	MUST(SSL_CTX_use_certificate(c->ctx, x) == 1);
	MUST(SSL_CTX_use_PrivateKey(c->ctx, key) == 1);
	X509_free(x);
	EVP_PKEY_free(key);
}

static int any(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static void ssl_make(struct client *c)
{
	c->ssl = SSL_new(c->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(c->in, -1);
	BIO_set_mem_eof_return(c->out, -1);
	SSL_set_bio(c->ssl, c->in, c->out);
	DTLS_set_link_mtu(c->ssl, 1200);
	SSL_set_connect_state(c->ssl);
}

static int udp_open(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int bytes = 4 << 20;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return fd;
}

static void creds_make(struct client *c)
{
	uint8_t raw[12];

	rand_bytes(raw, sizeof(raw));
	hex_encode(c->ufrag, raw, 4);
	hex_encode(c->pwd, raw, 12);
}

struct client *client_new(const struct client_cfg *cfg)
{
	struct client *c = calloc(1, sizeof(*c));

	MUST(c);
	c->cfg = *cfg;
	c->fd = -1;
	c->ctx = SSL_CTX_new(DTLS_method());
	MUST(c->ctx);
	SSL_CTX_set_options(c->ctx, SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, any);
	MUST(SSL_CTX_set_tlsext_use_srtp(c->ctx, cfg->profile ? cfg->profile :
	     "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0);
	cert_make(c);
	ssl_make(c);
	creds_make(c);
	c->audio_ssrc = 0x1000 + rand_below(1000);
	c->video_ssrc = 0x2000 + rand_below(1000);
	c->rtx_ssrc = 0x3000 + rand_below(1000);
	c->slides_ssrc = 0x4000 + rand_below(1000);
	c->slides_seq = (uint16_t)rand_below(65536);
	c->audio_seq = (uint16_t)rand_below(30000);
	c->video_seq = (uint16_t)(65000 + rand_below(500));
	c->rtx_seq = (uint16_t)rand_below(30000);
	if (!cfg->is_tcp)
		c->fd = udp_open();
	return c;
}

void client_free(struct client *c)
{
	if (c->is_up) {
		srtp_dealloc(c->tx);
		srtp_dealloc(c->rx);
	}
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* --- offer and answer -------------------------------------------------- */

static ProtobufCBinaryData bytes(const void *p, size_t n)
{
	return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static void section_init(struct client *c, int i, Cv__MediaKind kind,
			 const char *mid)
{
	cv__section__init(&c->section[i]);
	c->sections[i] = &c->section[i];
	c->section[i].mid = bytes(mid, strlen(mid));
	c->section[i].kind = kind;
	c->section[i].direction = CV__DIRECTION__DIR_SENDRECV;
}

static Cv__Codec *codec_init(struct client *c, int i, Cv__CodecName name,
			     unsigned pt, unsigned clock)
{
	cv__codec__init(&c->codec[i]);
	c->codec[i].name = name;
	c->codec[i].pt = pt;
	c->codec[i].clock_hz = clock;
	return &c->codec[i];
}

static void offer_audio(struct client *c)
{
	section_init(c, 0, CV__MEDIA_KIND__KIND_AUDIO, "0");
	c->audio_codecs[0] = codec_init(c, 0, CV__CODEC_NAME__CODEC_OPUS,
					CLIENT_OPUS, 48000);
	c->codec[0].channels = 2;
	c->codec[0].useinbandfec = true;
	c->codec[0].feedback = c->cfg.has_audio_nack
			       ? CV__FEEDBACK__FB_NACK : 0;
	c->section[0].codecs = c->audio_codecs;
	c->section[0].n_codecs = 1;
	cv__ext__init(&c->ext[0]);
	c->ext[0].name = CV__EXT_NAME__EXT_AUDIO_LEVEL;
	c->ext[0].id = CLIENT_LEVEL_ID;
	c->audio_exts[0] = &c->ext[0];
	c->section[0].exts = c->audio_exts;
	c->section[0].n_exts = 1;
}

static void offer_video(struct client *c)
{
	Cv__Codec *vp8;

	section_init(c, 1, CV__MEDIA_KIND__KIND_VIDEO, "1");
	vp8 = codec_init(c, 1, CV__CODEC_NAME__CODEC_VP8, CLIENT_VP8, 90000);
	vp8->feedback = CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI |
			CV__FEEDBACK__FB_REMB |
			(c->cfg.has_twcc ? CV__FEEDBACK__FB_TWCC : 0);
	c->video_codecs[0] = vp8;
	c->video_codecs[1] = codec_init(c, 2, CV__CODEC_NAME__CODEC_RTX,
					CLIENT_RTX, 90000);
	c->codec[2].apt = CLIENT_VP8;
	c->section[1].codecs = c->video_codecs;
	c->section[1].n_codecs = c->cfg.has_rtx ? 2 : 1;
	cv__ext__init(&c->ext[1]);
	c->ext[1].name = CV__EXT_NAME__EXT_TWCC;
	c->ext[1].id = CLIENT_TWCC_ID;
	c->video_exts[0] = &c->ext[1];
	c->section[1].exts = c->video_exts;
	c->section[1].n_exts = c->cfg.has_twcc;
	section_init(c, 2, CV__MEDIA_KIND__KIND_SLIDES, "2");
	c->slides_codecs[0] = vp8;
	c->section[2].codecs = c->slides_codecs;
	c->section[2].n_codecs = 1;
	c->section[2].ssrcs = &c->slides_ssrc;
	c->section[2].n_ssrcs = 1;
	c->section[2].exts = c->video_exts;
	c->section[2].n_exts = c->cfg.has_twcc;
}

Cv__LegDescription *client_offer(struct client *c, bool restart)
{
	if (restart)
		creds_make(c);
	cv__leg_description__init(&c->offer);
	c->offer.ice_ufrag = bytes(c->ufrag, 8);
	c->offer.ice_pwd = bytes(c->pwd, 24);
	c->offer.fingerprint_sha256 = bytes(c->fingerprint, 32);
	c->offer.setup = CV__DTLS_SETUP__SETUP_ACTPASS;
	offer_audio(c);
	if (c->cfg.has_video)
		offer_video(c);
	c->offer.sections = c->sections;
	c->offer.n_sections = c->cfg.has_video ? 3 : 1;
	return &c->offer;
}

static void tcp_connect(struct client *c)
{
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	MUST(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&c->server,
				   sizeof(c->server)) == 0);
}

void client_answer(struct client *c, const Cv__LegDescription *a)
{
	const Cv__Candidate *best = NULL;

	MUST(a->ice_ufrag.len < 300 && a->ice_pwd.len < 300);
	memset(c->their_ufrag, 0, sizeof(c->their_ufrag));
	memset(c->their_pwd, 0, sizeof(c->their_pwd));
	memcpy(c->their_ufrag, a->ice_ufrag.data, a->ice_ufrag.len);
	memcpy(c->their_pwd, a->ice_pwd.data, a->ice_pwd.len);
	MUST(a->fingerprint_sha256.len == 32);
	memcpy(c->their_fingerprint, a->fingerprint_sha256.data, 32);
	c->peer_audio = a->sections[0]->ssrc;
	if (a->n_sections > 1) {
		c->peer_video = a->sections[1]->ssrc;
		c->peer_rtx = a->sections[1]->rtx_ssrc;
		c->peer_slides = a->sections[2]->ssrc;
	}
	for (size_t i = 0; i < a->n_candidates; i++) {
		const Cv__Candidate *k = a->candidates[i];

		if (k->tcp == c->cfg.is_tcp && k->addr->ip.data[10] == 0xff &&
		    k->addr->ip.data[12] == 127)
			best = k;
	}
	MUST(best);
	c->server = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)best->addr->port)};
	memcpy(&c->server.sin_addr, best->addr->ip.data + 12, 4);
	if (c->cfg.is_tcp && c->fd < 0)
		tcp_connect(c);
	c->check_ns = 0;
}

/* --- sending ----------------------------------------------------------- */

void client_send_raw(struct client *c, struct span s)
{
	uint8_t head[2];

	if (!c->cfg.is_tcp) {
		(void)sendto(c->fd, s.p, s.n, 0, (struct sockaddr *)&c->server,
			     sizeof(c->server));
		return;
	}
	MUST(rtp_frame_head(head, s.n) == 0);
	MUST(send(c->fd, head, 2, 0) == 2);
	MUST(send(c->fd, s.p, s.n, 0) == (ssize_t)s.n);
}

static void check_send(struct client *c)
{
	uint8_t buf[512];
	char name[700];
	struct stun_request q = {.priority = 1, .tie_breaker = 7,
				 .controlling = true, .use_candidate = true};
	struct span s;

	rand_bytes(q.txid, sizeof(q.txid));
	snprintf(name, sizeof(name), "%s:%s", c->their_ufrag, c->ufrag);
	q.username = span_str(name);
	q.key = span_str(c->their_pwd);
	MUST(stun_encode_request(buf, sizeof(buf), &s, &q) == 0);
	client_send_raw(c, s);
}

static void dtls_flush(struct client *c)
{
	uint8_t *p;
	long n = BIO_get_mem_data(c->out, &p);

	/* the mem BIO glues records: take them apart by their length */
	while (n >= 13) {
		long len = 13 + (p[11] << 8) + p[12];

		MUST(len <= n);
		client_send_raw(c, span_of(p, (size_t)len));
		p += len;
		n -= len;
	}
	(void)BIO_reset(c->out);
}

static void srtp_make(struct client *c)
{
	SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(c->ssl);
	size_t key = p->id == 8 ? 32 : 16, salt = p->id == 1 ? 14 : 12;
	uint8_t raw[120], ours[60], theirs[60];
	srtp_policy_t pol;

	MUST(SSL_export_keying_material(c->ssl, raw, 2 * (key + salt),
	     "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) == 1);
	memcpy(ours, raw, key);
	memcpy(ours + key, raw + 2 * key, salt);
	memcpy(theirs, raw + key, key);
	memcpy(theirs + key, raw + 2 * key + salt, salt);
	memset(&pol, 0, sizeof(pol));
	if (p->id == 1) {
		srtp_crypto_policy_set_rtp_default(&pol.rtp);
		srtp_crypto_policy_set_rtcp_default(&pol.rtcp);
	} else if (p->id == 7) {
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&pol.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&pol.rtcp);
	} else {
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&pol.rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&pol.rtcp);
	}
	pol.window_size = 1024;
	pol.key = ours;
	pol.ssrc.type = ssrc_any_outbound;
	MUST(srtp_create(&c->tx, &pol) == srtp_err_status_ok);
	pol.key = theirs;
	pol.ssrc.type = ssrc_any_inbound;
	MUST(srtp_create(&c->rx, &pol) == srtp_err_status_ok);
	c->is_up = true;
}

static void handshake(struct client *c)
{
	uint8_t md[32];
	unsigned n;
	X509 *x;

	if (c->is_up)
		return;
	ERR_clear_error();
	if (SSL_do_handshake(c->ssl) == 1) {
		x = SSL_get1_peer_certificate(c->ssl);
		MUST(x && X509_digest(x, EVP_sha256(), md, &n) == 1);
		MUST(memcmp(md, c->their_fingerprint, 32) == 0);
		X509_free(x);
		srtp_make(c);
	}
	dtls_flush(c);
}

static void rtp_send(struct client *c, const uint8_t *p, size_t n)
{
	uint8_t buf[1600];
	int len = (int)n;

	memcpy(buf, p, n);
	if (srtp_protect(c->tx, buf, &len) == srtp_err_status_ok)
		client_send_raw(c, span_of(buf, (size_t)len));
}

static void audio_send(struct client *c, struct span payload, int level,
		       bool lose)
{
	uint8_t buf[1500], ext[4] = {CLIENT_LEVEL_ID << 4, 0, 0, 0};
	struct rtp h = {.pt = CLIENT_OPUS, .seq = c->audio_seq++,
			.ts = c->audio_ts, .ssrc = c->audio_ssrc,
			.payload = payload};
	struct span s;

	if (level >= 0) {
		ext[1] = (uint8_t)level;
		h.has_ext = true;
		h.ext_profile = RTP_EXT_ONE_BYTE;
		h.ext = span_of(ext, 4);
	}
	c->audio_ts += 960;
	MUST(rtp_encode(&h, buf, sizeof(buf), &s) == 0);
	if (!lose) {
		rtp_send(c, s.p, s.n);
		return;
	}
	/* sealed now, as a sender would, and sent when asked for */
	c->lost_audio.n = s.n;
	c->lost_audio.seq = h.seq;
	memcpy(c->lost_audio.p, s.p, s.n);
	{
		int len = (int)s.n;

		MUST(srtp_protect(c->tx, c->lost_audio.p, &len) ==
		     srtp_err_status_ok);
		c->lost_audio.n = (size_t)len;
	}
}

void client_send_audio(struct client *c, struct span payload, int level)
{
	audio_send(c, payload, level, false);
}

void client_lose_audio(struct client *c, struct span payload)
{
	audio_send(c, payload, -1, true);
}

static struct span picture_packet(struct client *c, struct rtp *h,
				  uint8_t *buf, size_t cap)
{
	uint8_t ext[4] = {CLIENT_TWCC_ID << 4 | 1, 0, 0, 0};
	struct span s;

	if (c->cfg.has_twcc) {
		ext[1] = (uint8_t)(c->twcc_seq >> 8);
		ext[2] = (uint8_t)c->twcc_seq++;
		h->has_ext = true;
		h->ext_profile = RTP_EXT_ONE_BYTE;
		h->ext = span_of(ext, 4);
	}
	MUST(rtp_encode(h, buf, cap, &s) == 0);
	return s;
}

void client_send_slides(struct client *c, struct span payload, uint32_t ts,
			bool marker)
{
	uint8_t buf[1500];
	struct rtp h = {.pt = CLIENT_VP8, .seq = c->slides_seq++, .ts = ts,
			.ssrc = c->slides_ssrc, .marker = marker,
			.payload = payload};
	struct span s = picture_packet(c, &h, buf, sizeof(buf));

	rtp_send(c, s.p, s.n);
}

void client_send_video(struct client *c, struct span payload, uint32_t ts,
		       bool marker, bool lose)
{
	uint8_t buf[1500];
	struct rtp h = {.pt = CLIENT_VP8, .seq = c->video_seq++, .ts = ts,
			.ssrc = c->video_ssrc, .marker = marker,
			.payload = payload};
	struct span s = picture_packet(c, &h, buf, sizeof(buf));

	c->kept[h.seq % KEPT].seq = h.seq;
	c->kept[h.seq % KEPT].n = s.n;
	memcpy(c->kept[h.seq % KEPT].p, s.p, s.n);
	if (!lose)
		rtp_send(c, s.p, s.n);
}

static void repair(struct client *c, uint16_t seq)
{
	uint8_t buf[1600];
	struct rtp orig;
	struct span s;

	if (c->kept[seq % KEPT].seq != seq || !c->kept[seq % KEPT].n)
		return;
	MUST(rtp_decode(&orig, span_of(c->kept[seq % KEPT].p,
				       c->kept[seq % KEPT].n)) == 0);
	MUST(rtp_rtx_encode(&orig, c->rtx_ssrc, CLIENT_RTX, c->rtx_seq++, buf,
			    sizeof(buf), &s) == 0);
	rtp_send(c, s.p, s.n);
}

static void complain(struct client *c, uint32_t about, int nack)
{
	uint8_t buf[200];
	struct wr w = wr_of(buf, sizeof(buf));
	uint16_t seq = (uint16_t)nack;
	struct span s;
	int len;

	rtcp_put_rr(&w, c->audio_ssrc, NULL, 0);
	if (nack >= 0)
		rtcp_put_nack(&w, c->audio_ssrc, about, &seq, 1);
	else
		rtcp_put_pli(&w, c->audio_ssrc, about);
	MUST(wr_end(&w, &s) == 0);
	len = (int)s.n;
	MUST(srtp_protect_rtcp(c->tx, buf, &len) == srtp_err_status_ok);
	client_send_raw(c, span_of(buf, (size_t)len));
}

void client_complain(struct client *c, int nack)
{
	complain(c, c->peer_video, nack);
}

void client_complain_slides(struct client *c)
{
	complain(c, c->peer_slides, -1);
}

void client_complain_audio(struct client *c, uint16_t seq)
{
	complain(c, c->peer_audio, seq);
}

/* --- receiving --------------------------------------------------------- */

static void got_video(struct client *c, const struct rtp *p)
{
	uint16_t step = (uint16_t)(p->seq - c->got.video_seq);

	if (c->got.video && step != 1)
		c->got.video_lost++;
	c->got.video++;
	c->got.video_seq = p->seq;
	c->got.video_ts = p->ts;
	c->got.markers += p->marker;
	c->got.padding += p->payload.n == 0;
	c->got.video_bytes += p->payload.n;
}

static void got_slides(struct client *c, const struct rtp *p)
{
	uint16_t step = (uint16_t)(p->seq - c->got.slides_seq);

	c->got.slides_lost += c->got.slides && step != 1;
	c->got.slides++;
	c->got.slides_seq = p->seq;
	c->got.slides_ts = p->ts;
	c->got.slides_markers += p->marker;
}

static void got_rtp(struct client *c, uint8_t *p, int n)
{
	struct rtp h;

	/* a repeated packet is a replay, byte for byte */
	if (c->is_up && n > 4 && c->got.audio &&
	    p[2] == c->got.audio_seq >> 8 && p[3] == (c->got.audio_seq & 255) &&
	    (p[1] & 127) == CLIENT_OPUS) {
		c->got.audio_again++;
		return;
	}
	if (!c->is_up || srtp_unprotect(c->rx, p, &n) != srtp_err_status_ok ||
	    rtp_decode(&h, span_of(p, (size_t)n)) < 0) {
		c->got.bad++;
		return;
	}
	c->got.rtp++;
	if (h.pt == CLIENT_OPUS) {
		c->got.audio++;
		c->got.audio_ts = h.ts;
		c->got.audio_seq = h.seq;
		c->got.audio_bytes += h.payload.n;
	} else if (h.pt == CLIENT_VP8 && h.ssrc == c->peer_video) {
		got_video(c, &h);
	} else if (h.pt == CLIENT_VP8 && h.ssrc == c->peer_slides) {
		got_slides(c, &h);
	} else if (h.pt == CLIENT_RTX && h.ssrc == c->peer_rtx) {
		c->got.rtx++;
	} else {
		c->got.bad++;
	}
}

static void got_nack(struct client *c, struct rtcp *p)
{
	struct rtcp_nack n;

	c->got.nack++;
	while (rtcp_nack_next(&p->items, &n)) {
		c->got.nack_seq = n.seq;
		if (p->media_ssrc == c->audio_ssrc) {
			if (n.seq == c->lost_audio.seq && c->lost_audio.n)
				client_send_raw(c, span_of(c->lost_audio.p,
							   c->lost_audio.n));
			continue;
		}
		repair(c, n.seq);
		for (unsigned i = 0; i < 16; i++)
			if (n.mask >> i & 1)
				repair(c, (uint16_t)(n.seq + i + 1));
	}
}

static void got_rtcp(struct client *c, uint8_t *p, int n)
{
	struct span s;
	struct rtcp r;

	if (!c->is_up ||
	    srtp_unprotect_rtcp(c->rx, p, &n) != srtp_err_status_ok ||
	    rtcp_check(span_of(p, (size_t)n)) < 0) {
		c->got.bad++;
		return;
	}
	c->got.rtcp++;
	s = span_of(p, (size_t)n);
	while (rtcp_next(&s, &r) > 0) {
		c->got.sr += r.kind == RTCP_SR;
		c->got.rr += r.kind == RTCP_RR;
		c->got.pli += r.kind == RTCP_PLI &&
			      r.media_ssrc != c->slides_ssrc;
		c->got.slides_pli += r.kind == RTCP_PLI &&
				     r.media_ssrc == c->slides_ssrc;
		c->got.twcc += r.kind == RTCP_TWCC;
		if (r.kind == RTCP_REMB) {
			c->got.remb++;
			c->got.remb_kbps = (uint32_t)(r.bps / 1000);
		}
		if (r.kind == RTCP_NACK)
			got_nack(c, &r);
	}
}

static void got_stun(struct client *c, struct span s)
{
	struct stun_msg m;

	if (stun_decode(&m, s) < 0 || m.cls != STUN_SUCCESS ||
	    stun_check_integrity(&m, span_str(c->their_pwd)) < 0) {
		c->got.bad++;
		return;
	}
	c->got.checks++;
	c->is_connected = true;
	if (!c->is_started && !c->cfg.is_stalled) {
		c->is_started = true;
		handshake(c);
	}
}

static void got_one(struct client *c, uint8_t *p, size_t n)
{
	switch (rtp_demux(span_of(p, n))) {
	case RTP_DEMUX_STUN:
		got_stun(c, span_of(p, n));
		break;
	case RTP_DEMUX_DTLS:
		BIO_write(c->in, p, (int)n);
		if (!c->is_up)
			handshake(c);
		break;
	case RTP_DEMUX_RTP:
		got_rtp(c, p, (int)n);
		break;
	case RTP_DEMUX_RTCP:
		got_rtcp(c, p, (int)n);
		break;
	default:
		c->got.bad++;
	}
}

static void tcp_read(struct client *c)
{
	struct span in, frame;
	uint8_t buf[2000];
	ssize_t n = recv(c->fd, c->tcp + c->tcp_n, sizeof(c->tcp) - c->tcp_n,
			 MSG_DONTWAIT);

	if (n <= 0)
		return;
	c->tcp_n += (size_t)n;
	in = span_of(c->tcp, c->tcp_n);
	while (rtp_frame_next(&in, 1600, &frame) == 0) {
		memcpy(buf, frame.p, frame.n);
		got_one(c, buf, frame.n);
	}
	memmove(c->tcp, in.p, in.n);
	c->tcp_n = in.n;
}

void client_step(struct client *c, uint64_t now_ns)
{
	uint8_t buf[2000];
	ssize_t n;

	if (!c->is_hushed && (!c->check_ns ||
	    now_ns - c->check_ns > 50 * NS_PER_MS)) {
		c->check_ns = now_ns;
		check_send(c);
	}
	if (c->is_started && !c->is_up && DTLSv1_handle_timeout(c->ssl) > 0)
		dtls_flush(c);
	if (c->cfg.is_tcp) {
		tcp_read(c);
		return;
	}
	while ((n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if ((size_t)n > c->got.largest)
			c->got.largest = (size_t)n;
		got_one(c, buf, (size_t)n);
	}
}

bool client_is_up(const struct client *c)
{
	return c->is_up;
}

const struct client_got *client_got(const struct client *c)
{
	return &c->got;
}

void client_reset_got(struct client *c)
{
	c->got = (struct client_got){0};
}

void client_move(struct client *c)
{
	close(c->fd);
	c->fd = udp_open();
	c->check_ns = 0;
}

void client_send_sealed(struct client *c, struct span s, bool is_rtcp)
{
	uint8_t buf[2048];
	int len = (int)s.n;

	MUST(s.n <= 1400);
	memcpy(buf, s.p, s.n);
	if ((is_rtcp ? srtp_protect_rtcp(c->tx, buf, &len)
		     : srtp_protect(c->tx, buf, &len)) == srtp_err_status_ok)
		client_send_raw(c, span_of(buf, (size_t)len));
}

void client_ssrcs(const struct client *c, uint32_t theirs[3], uint32_t ours[2])
{
	theirs[0] = c->peer_audio;
	theirs[1] = c->peer_video;
	theirs[2] = c->peer_rtx;
	ours[0] = c->audio_ssrc;
	ours[1] = c->video_ssrc;
}

void client_flap(struct client *c, unsigned n)
{
	int own = c->fd, other = udp_open();

	while (n--) {
		check_send(c);
		c->fd = other;
		check_send(c);
		c->fd = own;
	}
	close(other);
}

void client_hush(struct client *c)
{
	c->is_hushed = true;
}
