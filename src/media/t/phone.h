/* media/t/phone.h - a telephone for tests: legs without ICE. Sockets on
 * 127.0.0.1, SRTP by libsrtp2 (SDES) or by our own code (DTLS), a tone out, and
 * how loud tones come in. The independent peer lives in tests/peer. Aborts on
 * misuse.
 */
#pragma once
#include "base/addr.h"
#include "common.pb-c.h"
#include "media/audio/codec/codec.h"
#include "media/transport/dtls.h"
#include "wire/rtcp/rtcp.h"
#include "wire/rtp/rtp.h"

enum { PHONE_HZ = 6, PHONE_DTMF_PT = 101, PHONE_H264_PT = 97 };

struct phone_cfg {
	enum audio_codec codec;
	Cv__SdesSuite suite;		/* NONE: clear, or DTLS */
	struct dtls_env *dtls;		/* not NULL: DTLS */
	struct srtp_env *srtp;		/* of DTLS */
	bool is_dtls_server;		/* offers setup:passive */
	bool is_mux, has_video, is_ice;
	bool is_savpf;			/* feedback and TMMBR; clear: AVPF */
	uint32_t ptime_ms;		/* what it sends; 0 = 20 */
	double hz;			/* of its tone; 0 = says nothing */
};

struct phone;
struct phone_got {
	unsigned rtp, rtcp, bad, dtmf, dtmf_ends, video, sr, markers, checked;
	uint32_t ssrc;
	uint16_t seq;
	unsigned seq_holes;
	unsigned tmmbns, tmmbrs;	/* and the last ones */
	struct rtcp_tmmb tmmbn, tmmbr;
	uint8_t dtmf_event;
	uint16_t dtmf_duration;
};

struct phone *phone_new(const struct phone_cfg *cfg);
void phone_free(struct phone *p);
/* Lives as long as the phone. Its own ports; direction as given. */
Cv__LegDescription *phone_offer(struct phone *p, Cv__Direction d);
/* An answer to an offer of theirs; takes what it says, too. */
Cv__LegDescription *phone_reply(struct phone *p,
				const Cv__LegDescription *offer);
void phone_answer(struct phone *p, const Cv__LegDescription *a);
/* Sends what is due, reads what is there. */
void phone_step(struct phone *p, uint64_t now_ns);
const struct phone_got *phone_got(const struct phone *p);
void phone_reset(struct phone *p);
/* How loud a tone came since the reset, of full scale 1. */
double phone_hears(const struct phone *p, double hz);
bool phone_is_up(const struct phone *p);
uint16_t phone_port(const struct phone *p);	/* ours: where it sends */
/* From now on it sends from another port, or from 127.0.0.2. */
void phone_move(struct phone *p, bool other_ip);
void phone_hush(struct phone *p, bool on);	/* sends nothing */
void phone_new_ssrc(struct phone *p);
/* One packet of an event, sealed as the phone's. */
void phone_event(struct phone *p, uint8_t event, uint16_t duration, bool end,
		 bool marker);
void phone_event_next(struct phone *p);		/* a new stamp */
void phone_tmmbr(struct phone *p, uint32_t ssrc, uint32_t kbps);
/* Answers what was asked by TMMBR. */
void phone_tmmbn(struct phone *p);
void phone_video(struct phone *p);		/* one packet of H.264 */
/* A check of ICE, as the answer says; `right` false: a wrong password. */
void phone_check(struct phone *p, bool right);
void phone_bye(struct phone *p);		/* RTCP */
void phone_noise(struct phone *p);		/* comfort noise */
