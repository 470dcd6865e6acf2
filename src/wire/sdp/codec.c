/* The codecs that we speak. */
#include <stdio.h>
#include "wire/sdp/codec.h"
#include "wire/sdp/sdp_int.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *name;
	enum sdp_codec_id id;
	uint32_t clock_hz;		/* 0 = any */
	uint8_t channels;
	enum sdp_kind kind;
} codecs[] = {
	{"opus", SDP_OPUS, 48000, 2, SDP_AUDIO},
	{"G722", SDP_G722, 8000, 1, SDP_AUDIO},
	{"PCMU", SDP_PCMU, 8000, 1, SDP_AUDIO},
	{"PCMA", SDP_PCMA, 8000, 1, SDP_AUDIO},
	{"telephone-event", SDP_TELEPHONE_EVENT, 0, 1, SDP_AUDIO},
	{"VP8", SDP_VP8, 90000, 1, SDP_VIDEO},
	{"H264", SDP_H264, 90000, 1, SDP_VIDEO},
	{"rtx", SDP_RTX, 90000, 1, SDP_VIDEO},
	{"H224", SDP_H224, 4800, 1, SDP_APPLICATION},
};

static const struct {
	const char *uri;
	enum sdp_ext_id id;
} exts[] = {
	{"urn:ietf:params:rtp-hdrext:sdes:mid", SDP_EXT_MID},
	{"urn:ietf:params:rtp-hdrext:ssrc-audio-level", SDP_EXT_AUDIO_LEVEL},
	{"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	 SDP_EXT_ABS_SEND_TIME},
	{"http://www.ietf.org/id/"
	 "draft-holmer-rmcat-transport-wide-cc-extensions-01", SDP_EXT_TWCC},
};

/* type, parameter, bit; also the order in which they are written. */
static const struct {
	const char *type, *param;
	unsigned bit;
} feedbacks[] = {
	{"goog-remb", "", SDP_FB_REMB}, {"transport-cc", "", SDP_FB_TWCC},
	{"ccm", "fir", SDP_FB_FIR}, {"nack", "", SDP_FB_NACK},
	{"nack", "pli", SDP_FB_PLI},
};

/* --- reading --- */

static int codec_of(const struct sdp_rtpmap *m, enum sdp_kind kind)
{
	for (size_t i = 0; i < COUNT(codecs); i++)
		if (codecs[i].kind == kind &&
		    span_eq_nocase(m->name, span_str(codecs[i].name)) &&
		    (codecs[i].clock_hz == 0 ||
		     codecs[i].clock_hz == m->clock_hz) &&
		    codecs[i].channels == m->channels)
			return (int)i;
	return -1;
}

/* What the attributes say of each payload type. */
struct by_pt {
	const struct sdp_attr *rtpmap[128], *fmtp[128];	/* the first counts */
	unsigned feedback[128];
	unsigned for_all;		/* rtcp-fb:* */
	unsigned ptime_ms;
};

static unsigned feedback_of(const struct sdp_rtcp_fb *fb)
{
	for (size_t i = 0; i < COUNT(feedbacks); i++)
		if (span_eq(fb->type, span_str(feedbacks[i].type)) &&
		    span_eq(fb->param, span_str(feedbacks[i].param)))
			return feedbacks[i].bit;
	return 0;
}

static void note_feedback(struct by_pt *b, struct span text)
{
	struct sdp_rtcp_fb fb = {.all = false};

	if (sdp_get_rtcp_fb(&fb, text) < 0)
		return;
	if (fb.all)
		b->for_all |= feedback_of(&fb);
	else
		b->feedback[fb.pt] |= feedback_of(&fb);
}

static void note(struct by_pt *b, const struct sdp_attr *a)
{
	struct sdp_rtpmap map;
	struct span params;
	uint64_t v;
	uint8_t pt;

	if (span_eq(a->name, SPAN_LIT("rtpmap"))) {
		if (sdp_get_rtpmap(&map, a->value) == 0 && !b->rtpmap[map.pt])
			b->rtpmap[map.pt] = a;
	} else if (span_eq(a->name, SPAN_LIT("fmtp"))) {
		if (sdp_get_fmtp(&pt, &params, a->value) == 0 && !b->fmtp[pt])
			b->fmtp[pt] = a;
	} else if (span_eq(a->name, SPAN_LIT("rtcp-fb"))) {
		note_feedback(b, a->value);
	} else if (b->ptime_ms == 0 && span_eq(a->name, SPAN_LIT("ptime"))) {
		if (span_u64(a->value, 120, &v) == 0)
			b->ptime_ms = (unsigned)v;
	}
}

static void read_h264(struct sdp_codec *c, struct span p)
{
	uint32_t profile;

	c->packetization_mode = (uint8_t)sdp_fmtp_uint(p, "packetization-mode",
						       2, 0);
	if (sdp_fmtp_hex24(p, "profile-level-id", &profile))
		c->profile_level_id = profile;
	c->max_mbps = (uint32_t)sdp_fmtp_uint(p, "max-mbps", UINT32_MAX, 0);
	c->max_fs = (uint32_t)sdp_fmtp_uint(p, "max-fs", UINT32_MAX, 0);
	c->max_br = (uint32_t)sdp_fmtp_uint(p, "max-br", UINT32_MAX, 0);
	c->level_asymmetry = sdp_fmtp_uint(p, "level-asymmetry-allowed", 1, 0);
}

/* RFC 7741 6.1: macroblocks of a picture, and pictures in a second. */
static void read_vp8(struct sdp_codec *c, struct span p)
{
	enum { FS_MAX = 1 << 20, FR_MAX = 1000 };

	c->max_fs = (uint32_t)sdp_fmtp_uint(p, "max-fs", FS_MAX, 0);
	c->max_mbps = c->max_fs *
		      (uint32_t)sdp_fmtp_uint(p, "max-fr", FR_MAX, 0);
}

static void read_fmtp(struct sdp_codec *c, const struct sdp_attr *fmtp)
{
	struct span p;
	uint8_t pt;

	if (!fmtp || sdp_get_fmtp(&pt, &p, fmtp->value) != 0)
		return;
	switch (c->id) {
	case SDP_OPUS:
		c->useinbandfec = sdp_fmtp_uint(p, "useinbandfec", 1, 0);
		c->usedtx = sdp_fmtp_uint(p, "usedtx", 1, 0);
		c->stereo = sdp_fmtp_uint(p, "stereo", 1, 0);
		c->maxaveragebitrate = (uint32_t)
			sdp_fmtp_uint(p, "maxaveragebitrate", 510000, 0);
		break;
	case SDP_VP8:
		read_vp8(c, p);
		break;
	case SDP_H264:
		read_h264(c, p);
		break;
	case SDP_RTX:
		c->apt = (uint8_t)sdp_fmtp_uint(p, "apt", 127, 0);
		break;
	default:
		break;
	}
}

/* Payload types that need no rtpmap (RFC 3551 6). */
static bool get_map(struct sdp_rtpmap *out, const struct by_pt *b, uint8_t pt)
{
	static const struct {
		uint8_t pt;
		const char *name;
	} fixed[] = {{0, "PCMU"}, {8, "PCMA"}, {9, "G722"}};

	if (b->rtpmap[pt])
		return sdp_get_rtpmap(out, b->rtpmap[pt]->value) == 0;
	for (size_t i = 0; i < COUNT(fixed); i++)
		if (fixed[i].pt == pt) {
			*out = (struct sdp_rtpmap){
				pt, span_str(fixed[i].name), 8000, 1};
			return true;
		}
	return false;
}

size_t sdp_codecs(const struct sdp_section *m, struct sdp_codec *out,
		  size_t max)
{
	struct by_pt b = {.for_all = 0};
	struct sdp_rtpmap map;
	uint64_t pt;
	size_t n = 0;

	for (size_t i = 0; i < m->attrs.n; i++)
		note(&b, &m->attrs.v[i]);
	for (size_t i = 0; i < m->fmts_n && n < max; i++) {
		if (span_u64(m->fmts[i], 127, &pt) != 0 ||
		    !get_map(&map, &b, (uint8_t)pt))
			continue;
		int k = codec_of(&map, m->kind);
		if (k < 0)
			continue;
		out[n] = (struct sdp_codec){
			.id = codecs[k].id, .pt = (uint8_t)pt,
			.clock_hz = map.clock_hz, .channels = map.channels,
			.feedback = b.feedback[pt] | b.for_all,
			.ptime_ms = m->kind == SDP_AUDIO ? b.ptime_ms : 0};
		read_fmtp(&out[n++], b.fmtp[pt]);
	}
	return n;
}

bool sdp_has_tmmbr(const struct sdp_section *m)
{
	struct sdp_rtcp_fb fb;
	size_t it = 0;

	while (sdp_rtcp_fb_next(m, &it, &fb))
		if (span_eq(fb.type, SPAN_LIT("ccm")) &&
		    span_starts(fb.param, SPAN_LIT("tmmbr")))
			return true;
	return false;
}

enum sdp_dir sdp_dir_allowed(enum sdp_dir offered)
{
	switch (offered) {
	case SDP_SENDRECV: return SDP_SENDRECV;
	case SDP_SENDONLY: return SDP_RECVONLY;
	case SDP_RECVONLY: return SDP_SENDONLY;
	default: return SDP_INACTIVE;
	}
}

/* --- names --- */

const char *sdp_codec_word(enum sdp_codec_id id)
{
	for (size_t i = 0; i < COUNT(codecs); i++)
		if (codecs[i].id == id)
			return codecs[i].name;
	return NULL;
}

enum sdp_ext_id sdp_ext_of(struct span uri)
{
	for (size_t i = 0; i < COUNT(exts); i++)
		if (span_eq(uri, span_str(exts[i].uri)))
			return exts[i].id;
	return SDP_EXT_NONE;
}

const char *sdp_ext_uri(enum sdp_ext_id id)
{
	for (size_t i = 0; i < COUNT(exts); i++)
		if (exts[i].id == id)
			return exts[i].uri;
	return NULL;
}

/* --- writing --- */

static void write_opus(struct wr *w, const struct sdp_codec *c)
{
	char bitrate[40] = "";

	if (c->maxaveragebitrate)
		(void)snprintf(bitrate, sizeof(bitrate),
			       ";maxaveragebitrate=%u", c->maxaveragebitrate);
	sdp_wr_attrf(w, "fmtp", "%u minptime=10;useinbandfec=%d%s%s%s", c->pt,
		     c->useinbandfec, bitrate, c->stereo ? ";stereo=1" : "",
		     c->usedtx ? ";usedtx=1" : "");
}

static void write_h264(struct wr *w, const struct sdp_codec *c)
{
	char fs[32] = "", mbps[32] = "", br[32] = "", profile[40] = "";

	if (c->max_fs)
		(void)snprintf(fs, sizeof(fs), ";max-fs=%u", c->max_fs);
	if (c->max_mbps)
		(void)snprintf(mbps, sizeof(mbps), ";max-mbps=%u", c->max_mbps);
	if (c->max_br)
		(void)snprintf(br, sizeof(br), ";max-br=%u", c->max_br);
	if (c->profile_level_id)
		(void)snprintf(profile, sizeof(profile),
			       ";profile-level-id=%06x",
			       c->profile_level_id & 0xffffff);
	sdp_wr_attrf(w, "fmtp", "%u %spacketization-mode=%u%s%s%s%s", c->pt,
		     c->level_asymmetry ? "level-asymmetry-allowed=1;" : "",
		     c->packetization_mode, profile, mbps, fs, br);
}

static void write_vp8(struct wr *w, const struct sdp_codec *c)
{
	char fr[32] = "";

	if (!c->max_fs)
		return;
	if (c->max_mbps)
		(void)snprintf(fr, sizeof(fr), ";max-fr=%u",
			       c->max_mbps / c->max_fs);
	sdp_wr_attrf(w, "fmtp", "%u max-fs=%u%s", c->pt, c->max_fs, fr);
}

static void write_fmtp(struct wr *w, const struct sdp_codec *c)
{
	switch (c->id) {
	case SDP_OPUS:
		write_opus(w, c);
		break;
	case SDP_VP8:
		write_vp8(w, c);
		break;
	case SDP_H264:
		write_h264(w, c);
		break;
	case SDP_RTX:
		sdp_wr_attrf(w, "fmtp", "%u apt=%u", c->pt, c->apt);
		break;
	case SDP_TELEPHONE_EVENT:
		sdp_wr_attrf(w, "fmtp", "%u 0-15", c->pt);
		break;
	default:
		break;
	}
}

void sdp_wr_codec(struct wr *w, const struct sdp_codec *c)
{
	const char *word = sdp_codec_word(c->id);

	if (!word || c->pt > 127) {
		wr_fail(w);
		return;
	}
	sdp_wr_rtpmap(w, &(struct sdp_rtpmap){
		.pt = c->pt, .name = span_str(word),
		.clock_hz = c->clock_hz, .channels = c->channels,
	});
	for (size_t i = 0; i < COUNT(feedbacks); i++)
		if (c->feedback & feedbacks[i].bit)
			sdp_wr_rtcp_fb(w, c->pt, feedbacks[i].type,
				       feedbacks[i].param[0]
					       ? feedbacks[i].param
					       : NULL);
	write_fmtp(w, c);
}

void sdp_wr_pts(struct wr *w, const struct sdp_codec *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			wr_u8(w, ' ');
		wr_dec(w, v[i].pt);
	}
}
