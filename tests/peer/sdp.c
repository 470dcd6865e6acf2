#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "sdp.h"

struct out {
	char *p;
	size_t size, n;
};

__attribute__((format(printf, 2, 3)))
static void line(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->p + o->n, o->size - o->n, fmt, ap);
	va_end(ap);
	o->n += (size_t)n;
	if (o->n + 3 > o->size)
		o->n = o->size - 3;
	else
		o->n += (size_t)snprintf(o->p + o->n, o->size - o->n, "\r\n");
}

static void transport(struct out *o, const struct sdp_offer *s, int mid)
{
	char hex[100];
	int n = 0;

	for (int i = 0; i < 32; i++)
		n += snprintf(hex + n, sizeof(hex) - (size_t)n, "%s%02X",
			      i ? ":" : "", s->fingerprint[i]);
	line(o, "c=IN IP4 0.0.0.0");
	line(o, "a=rtcp:9 IN IP4 0.0.0.0");
	line(o, "a=ice-ufrag:%s", s->ufrag);
	line(o, "a=ice-pwd:%s", s->pwd);
	line(o, "a=ice-options:trickle");
	line(o, "a=fingerprint:sha-256 %s", hex);
	line(o, "a=setup:actpass");
	line(o, "a=mid:%d", mid);
	line(o, "a=sendrecv");
	line(o, "a=msid:%s stream-%d", s->cname, mid);
	line(o, "a=rtcp-mux");
	line(o, "a=rtcp-rsize");
}

static void audio(struct out *o, const struct sdp_offer *s)
{
	line(o, "m=audio 9 UDP/TLS/RTP/SAVPF %d", PT_OPUS);
	transport(o, s, 0);
	line(o, "a=extmap:%d urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	     EXT_LEVEL);
	line(o, "a=rtpmap:%d opus/48000/2", PT_OPUS);
	line(o, "a=fmtp:%d minptime=10;useinbandfec=%d", PT_OPUS,
	     s->is_repaired);
	line(o, "a=ssrc:%u cname:%s", s->audio_ssrc, s->cname);
}

static void video(struct out *o, const struct sdp_offer *s, int mid)
{
	if (s->is_repaired)
		line(o, "m=video 9 UDP/TLS/RTP/SAVPF %d %d", PT_VP8, PT_RTX);
	else
		line(o, "m=video 9 UDP/TLS/RTP/SAVPF %d", PT_VP8);
	transport(o, s, mid);
	if (s->wants_twcc)
		line(o, "a=extmap:%d http://www.ietf.org/id/draft-holmer-rmcat-"
		     "transport-wide-cc-extensions-01", EXT_TWCC);
	line(o, "a=rtpmap:%d VP8/90000", PT_VP8);
	if (s->wants_remb)
		line(o, "a=rtcp-fb:%d goog-remb", PT_VP8);
	if (s->wants_twcc)
		line(o, "a=rtcp-fb:%d transport-cc", PT_VP8);
	if (s->wants_pli)
		line(o, "a=rtcp-fb:%d ccm fir", PT_VP8);
	if (s->is_repaired)
		line(o, "a=rtcp-fb:%d nack", PT_VP8);
	if (s->wants_pli)
		line(o, "a=rtcp-fb:%d nack pli", PT_VP8);
	if (s->is_repaired) {
		line(o, "a=rtpmap:%d rtx/90000", PT_RTX);
		line(o, "a=fmtp:%d apt=%d", PT_RTX, PT_VP8);
		line(o, "a=ssrc-group:FID %u %u", s->video_ssrc, s->rtx_ssrc);
	}
	line(o, "a=ssrc:%u cname:%s", s->video_ssrc, s->cname);
	if (s->is_repaired)
		line(o, "a=ssrc:%u cname:%s", s->rtx_ssrc, s->cname);
}

bool sdp_print(const struct sdp_offer *s, char *text, size_t size)
{
	struct out o = {.p = text, .size = size};

	line(&o, "v=0");
	line(&o, "o=- 4611731400430051336 2 IN IP4 127.0.0.1");
	line(&o, "s=-");
	line(&o, "t=0 0");
	line(&o, "a=group:BUNDLE%s%s", s->has_audio ? " 0" : "",
	     !s->has_video ? "" : s->has_audio ? " 1" : " 0");
	line(&o, "a=extmap-allow-mixed");
	line(&o, "a=msid-semantic: WMS %s", s->cname);
	if (s->has_audio)
		audio(&o, s);
	if (s->has_video)
		video(&o, s, s->has_audio);
	return o.n + 3 < size;
}

/* --- the answer -------------------------------------------------------- */

static bool begins(const char *s, const char *with, const char **rest)
{
	size_t n = strlen(with);

	if (strncmp(s, with, n) != 0)
		return false;
	*rest = s + n;
	return true;
}

static bool fingerprint(struct sdp_answer *a, const char *s)
{
	for (int i = 0; i < 32; i++) {
		unsigned v;

		if (sscanf(s, "%2x", &v) != 1)
			return false;
		a->fingerprint[i] = (uint8_t)v;
		s += i < 31 ? 3 : 2;
	}
	a->has_fingerprint = true;
	return true;
}

static void candidate(struct sdp_answer *a, const char *s)
{
	char transp[16], host[80], typ[16];
	unsigned port, comp;

	if (a->has_addr || sscanf(s, "%*s %u %15s %*u %79s %u typ %15s", &comp,
				  transp, host, &port, typ) != 5)
		return;
	if (comp != 1 || (strcmp(transp, "udp") && strcmp(transp, "UDP")) ||
	    inet_pton(AF_INET, host, &a->addr.sin_addr) != 1)
		return;
	a->addr.sin_family = AF_INET;
	a->addr.sin_port = htons((uint16_t)port);
	a->has_addr = true;
}

static void feedback(struct sdp_answer *a, const char *s)
{
	const char *what = strchr(s, ' ');

	if (!what)
		return;
	what++;
	a->nack |= strcmp(what, "nack") == 0;
	a->pli |= strcmp(what, "nack pli") == 0;
	a->fir |= strcmp(what, "ccm fir") == 0;
	a->remb |= strcmp(what, "goog-remb") == 0;
	a->twcc |= strcmp(what, "transport-cc") == 0;
}

static const char *media(struct sdp_answer *a, const char *s, char *kind)
{
	char k[16];
	unsigned port;
	int pt;

	if (sscanf(s, "%15s %u %*s %d", k, &port, &pt) != 3)
		return "m= line not understood";
	*kind = k[0];
	if (*kind == 'a') {
		a->audio = port != 0;
		if (a->audio && pt != PT_OPUS)
			return "sound answered with another payload type";
	}
	if (*kind == 'v') {
		a->video = port != 0;
		if (a->video && pt != PT_VP8)
			return "picture answered with another payload type";
	}
	return NULL;
}

static void ssrc(struct sdp_answer *a, const char *s, char kind)
{
	uint32_t v = (uint32_t)strtoul(s, NULL, 10);

	if (kind == 'a')
		a->audio_ssrc = v;
	else if (kind == 'v' && v != a->rtx_ssrc)
		a->video_ssrc = v;
}

static void extension(struct sdp_answer *a, const char *s, char kind)
{
	int id = (int)strtol(s, NULL, 10);

	if (kind == 'a' && strstr(s, "ssrc-audio-level"))
		a->ext_level = id;
	if (kind == 'v' && strstr(s, "transport-wide-cc"))
		a->ext_twcc = id;
}

static const char *attribute(struct sdp_answer *a, const char *l, char kind)
{
	const char *v;
	unsigned first, second;

	if (begins(l, "a=ice-ufrag:", &v))
		(void)snprintf(a->ufrag, sizeof(a->ufrag), "%.256s", v);
	else if (begins(l, "a=ice-pwd:", &v))
		(void)snprintf(a->pwd, sizeof(a->pwd), "%.256s", v);
	else if (begins(l, "a=fingerprint:sha-256 ", &v))
		return fingerprint(a, v) ? NULL : "bad fingerprint";
	else if (begins(l, "a=setup:", &v))
		a->is_passive = strcmp(v, "passive") == 0;
	else if (begins(l, "a=candidate:", &v))
		candidate(a, v);
	else if (begins(l, "a=rtcp-fb:", &v) && kind == 'v')
		feedback(a, v);
	else if (begins(l, "a=extmap:", &v))
		extension(a, v, kind);
	else if (begins(l, "a=rtpmap:", &v) && strstr(v, " rtx/"))
		a->rtx_pt = (int)strtol(v, NULL, 10);
	else if (begins(l, "a=ssrc-group:FID ", &v) &&
		 sscanf(v, "%u %u", &first, &second) == 2) {
		a->video_ssrc = first;
		a->rtx_ssrc = second;
	} else if (begins(l, "a=ssrc:", &v))
		ssrc(a, v, kind);
	return NULL;
}

const char *sdp_read(struct sdp_answer *a, const char *text)
{
	const char *wrong = NULL;
	char l[1024], kind = 0;

	memset(a, 0, sizeof(*a));
	while (*text && !wrong) {
		size_t n = strcspn(text, "\r\n");

		if (n >= sizeof(l))
			return "line too long";
		memcpy(l, text, n);
		l[n] = 0;
		text += n + strspn(text + n, "\r\n");
		if (l[0] == 'm' && l[1] == '=')
			wrong = media(a, l + 2, &kind);
		else
			wrong = attribute(a, l, kind);
	}
	if (wrong)
		return wrong;
	if (!a->ufrag[0] || !a->pwd[0] || !a->has_fingerprint)
		return "credentials or fingerprint missing";
	if (!a->has_addr)
		return "no UDP candidate over IPv4";
	return a->is_passive ? NULL : "the server is not passive in DTLS";
}
