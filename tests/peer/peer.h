/* The peer: options, one session, its counters. */
#pragma once
#include <getopt.h>
#include <jansson.h>
#include "audio.h"
#include "dtmf.h"
#include "sdp.h"
#include "secure.h"
#include "stun.h"
#include "video.h"

enum { PEER_FAULTS = 24, PEER_PACKET_MAX = 1250 };

struct options {
	double seconds, ppm, tone;
	uint32_t on_ms, off_ms, beat_ms;
	double hear[AUDIO_TONES];
	unsigned n_hear;
	bool has_audio, has_video, sends_video;
	bool is_repaired, wants_pli, wants_remb, wants_twcc;
	unsigned width, height, fps, kbps;
	uint8_t rgb[3];
	double probe[VIDEO_PROBES][2];
	unsigned n_probes;
	const char *profiles;
	struct sockaddr_in to;		/* instead of the answer's candidate */
};
extern const char options_usage[];
/* Values of 256 to OPTIONS_END - 1, ended by a row of nulls. */
extern const struct option options_table[];
enum { OPTIONS_END = 300 };
void options_init(struct options *o);
bool options_take(struct options *o, int c, const char *v);
/* Prints what is wrong and returns false. */
bool options_read(struct options *o, int argc, char **argv);

/* One packet we sent, to be repeated. */
struct sent {
	bool is_used;
	uint16_t seq;
	uint64_t repeated_ns;
	struct rtp head;
	size_t n;
	uint8_t payload[VIDEO_PAYLOAD + 16];
};

struct out_stream {
	uint32_t ssrc, hz, ts0, last_ts;
	uint16_t seq;
	uint64_t packets, bytes;
};

struct counters {
	uint64_t datagrams_in, datagrams_out, datagrams_largest, send_failed;
	uint64_t stun_sent, stun_ok, stun_bad;
	uint64_t rtp_in, rtcp_in, replays, auth_failures, srtp_failures;
	uint64_t rr_in, nacks_in, nacked_packets, rtx_out, plis_in, firs_in;
	uint64_t remb_in, twcc_in, rtx_in, bye_in, unknown_pt, unknown_ssrc;
	uint64_t unknown_rtcp, rtt_samples;
	double rtt_ms, loss_max;	/* as the server reports it */
	uint64_t remb_kbps;
};

struct peer {
	struct options o;
	struct sdp_answer answer;
	struct stun_peer stun;
	struct secure *secure;		/* NULL: in clear */
	int fd, rtcp_fd;		/* rtcp_fd -1: on the same port */
	bool is_plain;			/* SIP: no ICE, no DTLS */
	uint8_t pt_audio, pt_video;
	struct dtmf dtmf;		/* keys, both ways */
	uint64_t start_ns, check_ns, checked_ns, connected_ns, end_ns;
	uint64_t video_ns;
	uint16_t mapped_port;
	bool is_nominated, is_stopping;
	const char *error;
	char cname[16];
	struct out_stream audio_tx, video_tx, rtx_tx;
	uint64_t audio_due, video_due, report_due, fast_due;
	struct audio_out audio_out;
	struct video_out video_out;
	struct sent history[VIDEO_HISTORY];
	int32_t twcc_seq;
	struct audio_in audio_in;
	struct video_in video_in;
	struct rtp_source audio_rx, video_rx, rtx_rx;
	struct twcc twcc;
	uint8_t fir_seq;
	struct counters n;
	char fault[PEER_FAULTS][160];
	unsigned n_faults, all_faults;
};

/* Something the server must not do; kept once per text. */
__attribute__((format(printf, 2, 3)))
void peer_fault(struct peer *p, const char *fmt, ...);

/* The sender's clock, which may drift. */
uint64_t peer_clock(const struct peer *p, uint64_t now);

uint32_t peer_random32(void);		/* never 0 */
void peer_random_text(char *out, size_t n);
/* Streams, encoders and judges. */
bool peer_prepare(struct peer *p);

/* Media flow from now on. */
void peer_connected(struct peer *p, uint64_t now);

void peer_send(struct peer *p, const uint8_t *bytes, size_t n);
void peer_send_rtp(struct peer *p, struct out_stream *s, struct rtp *r,
		   const uint8_t *payload, size_t n);
void peer_datagram(struct peer *p, uint8_t *bytes, size_t n, uint64_t now);
void peer_timers(struct peer *p, uint64_t now);

void rtcp_in(struct peer *p, const uint8_t *bytes, size_t n, uint64_t now);
/* Reports, and whatever is to be asked for at once. */
void rtcp_out(struct peer *p, uint64_t now);

/* The verdict; the caller owns it. */
json_t *peer_verdict(struct peer *p, uint64_t now);
/* Prints it as a line. */
void peer_report(struct peer *p, uint64_t now);
