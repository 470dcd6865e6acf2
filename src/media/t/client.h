/* media/t/client.h - a small endpoint for tests: ICE checks, DTLS client, SRTP
 * by libsrtp2, RTP in and out. One UDP socket (or one TCP connection) on
 * 127.0.0.1. It shares the byte codecs of wire/ with the worker; the
 * independent peer lives in tests/peer. Aborts on misuse.
 */
#pragma once
#include <openssl/ssl.h>
#include <srtp2/srtp.h>
#include "base/addr.h"
#include "common.pb-c.h"
#include "wire/rtp/rtp.h"

struct client;

struct client_got {
	unsigned checks, rtp, rtcp, bad;
	/* by payload type of the offers below */
	unsigned audio, video, rtx, padding, markers;
	unsigned sr, rr, nack, pli, remb, twcc;
	unsigned video_lost;		/* holes in the numbers */
	uint16_t video_seq;
	uint32_t video_ts, audio_ts;
	uint16_t audio_seq;
	unsigned audio_again;		/* repeated numbers */
	uint32_t remb_kbps;
	uint16_t nack_seq;
	size_t audio_bytes, video_bytes;
	size_t largest;			/* datagram of any kind */
	/* of presentation */
	unsigned slides, slides_markers, slides_lost, slides_pli;
	uint16_t slides_seq;
	uint32_t slides_ts;
};

enum { CLIENT_OPUS = 111, CLIENT_VP8 = 96, CLIENT_RTX = 97, CLIENT_TWCC_ID = 3,
       CLIENT_LEVEL_ID = 1 };

struct client_cfg {
	bool has_video, has_rtx, has_twcc, has_audio_nack, is_tcp;
	bool is_stalled;		/* never begins the handshake */
	const char *profile;		/* of SRTP, NULL = OpenSSL's list */
};

struct client *client_new(const struct client_cfg *cfg);
void client_free(struct client *c);
/* Lives as long as the client. `restart` makes new ICE credentials. */
Cv__LegDescription *client_offer(struct client *c, bool restart);
void client_answer(struct client *c, const Cv__LegDescription *answer);
/* Sends a check when due, handshakes, reads what is there. */
void client_step(struct client *c, uint64_t now_ns);
bool client_is_up(const struct client *c);
const struct client_got *client_got(const struct client *c);
void client_reset_got(struct client *c);
/* level: -1 none. Opus bytes are the caller's. */
void client_send_audio(struct client *c, struct span payload, int level);
/* One VP8 payload (descriptor included); `lose`: takes a number, is kept for
 * repair, and not sent. */
void client_send_video(struct client *c, struct span payload, uint32_t ts,
		       bool marker, bool lose);
/* The same of what it presents; never lost. */
void client_send_slides(struct client *c, struct span payload, uint32_t ts,
			bool marker);
/* PLI about what others present. */
void client_complain_slides(struct client *c);
/* Takes a number and sends nothing; kept for repair. */
void client_lose_audio(struct client *c, struct span payload);
/* NACK about our sound. */
void client_complain_audio(struct client *c, uint16_t seq);
/* Sends a NACK, or with nack < 0 a PLI, about our video. */
void client_complain(struct client *c, int nack);
/* A raw datagram from the client's address. */
void client_send_raw(struct client *c, struct span s);
/* Moves to a new local port. */
void client_move(struct client *c);
/* Any RTP or RTCP packet under our keys; what libsrtp2 refuses is not sent. */
void client_send_sealed(struct client *c, struct span s, bool is_rtcp);
/* SSRCs of what we get and send: audio, video, RTX; 0 = none. */
void client_ssrcs(const struct client *c, uint32_t theirs[3], uint32_t ours[2]);
/* Nominates two addresses in turn, `n` times each. */
void client_flap(struct client *c, unsigned n);
/* Stops sending checks. */
void client_hush(struct client *c);
