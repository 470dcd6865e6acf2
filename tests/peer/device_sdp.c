#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "device.h"

static const char *const kinds[SECTION_COUNT] = {"audio", "video", "video",
						   "application"};

/* --- ours -------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static void add(struct device *d, const char *fmt, ...)
{
	size_t n = strlen(d->sdp);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(d->sdp + n, sizeof(d->sdp) - n, fmt, ap);
	va_end(ap);
}

static void codec(struct device *d, const struct section *s)
{
	const struct peer *p = &s->p;

	if (s == &d->s[SECTION_AUDIO])
		add(d, "a=rtpmap:%u opus/48000/2\r\n"
		    "a=rtpmap:%u telephone-event/48000\r\na=fmtp:%u 0-15\r\n",
		    p->pt_audio, p->dtmf.pt, p->dtmf.pt);
	else if (s == &d->s[SECTION_FECC])
		add(d, "a=rtpmap:%u H224/4800\r\n", s->pt_h224);
	else
		add(d, "a=rtpmap:%u VP8/90000\r\n", p->pt_video);
	if (s == &d->s[SECTION_VIDEO] && d->max_fs)
		add(d, "a=fmtp:%u max-fs=%u;max-fr=30\r\n", p->pt_video,
		    d->max_fs);
	if (s->p.o.has_video && strchr(s->profile, 'F'))
		add(d, "a=rtcp-fb:%u nack\r\na=rtcp-fb:%u nack pli\r\n"
		    "a=rtcp-fb:%u ccm fir\r\n", p->pt_video, p->pt_video,
		    p->pt_video);
}

static void crypto(struct device *d, const struct section *s)
{
	uint8_t b64[100];

	if (!s->suite[0])
		return;
	EVP_EncodeBlock(b64, s->key, (int)sdes_key_bytes(s->suite));
	add(d, "a=crypto:%u %s inline:%s\r\n", s->tag, s->suite, b64);
}

static void section(struct device *d, struct section *s)
{
	int i = (int)(s - d->s);

	add(d, "m=%s %u %s %u", kinds[i], s->is_agreed ? s->port : 0,
	    s->profile, i == SECTION_AUDIO ? s->p.pt_audio
	    : i == SECTION_FECC ? s->pt_h224 : s->p.pt_video);
	if (i == SECTION_AUDIO && s->p.dtmf.pt)
		add(d, " %u", s->p.dtmf.pt);
	add(d, "\r\n");
	if (!s->is_agreed)
		return;
	codec(d, s);
	crypto(d, s);
	if (s->is_mux)
		add(d, "a=rtcp-mux\r\n");
	if (i == SECTION_SLIDES)
		add(d, "a=content:slides\r\na=label:3\r\n");
	add(d, "a=%s\r\n", d->is_held ? "sendonly" : "sendrecv");
}

/* What we offer, before anybody answered. */
static void propose(struct device *d, struct section *s)
{
	s->is_agreed = s->is_wanted;
	s->tag = 1;
	s->is_mux = d->is_mux;
	(void)snprintf(s->suite, sizeof(s->suite), "%s",
		       d->suite ? d->suite : "");
	s->profile = d->suite ? d->has_feedback ? "RTP/SAVPF" : "RTP/SAVP"
			      : d->has_feedback ? "RTP/AVPF" : "RTP/AVP";
}

/* RFC 8856: a participant. */
static void floor_control(struct device *d, bool is_answer)
{
	add(d, "m=application %u UDP/BFCP *\r\n",
	    d->has_bfcp && (!is_answer || d->bfcp_to) ? d->bfcp.port : 0);
	add(d, "a=floorctrl:c-only\r\na=bfcpver:2\r\n");
}

const char *device_sdp(struct device *d, bool is_answer)
{
	char v = strchr(d->ip, ':') ? '6' : '4';
	unsigned n = 0;

	d->sdp[0] = 0;
	add(d, "v=0\r\no=- 77 %u IN IP%c %s\r\ns=-\r\nc=IN IP%c %s\r\n"
	    "t=0 0\r\n", ++d->version, v, d->ip, v, d->ip);
	for (unsigned at = 0; at < INDEX_MAX; at++) {
		for (int i = 0; i < SECTION_COUNT; i++) {
			struct section *s = &d->s[i];

			if (!is_answer && at == 0) {
				propose(d, s);
				s->index = s->is_wanted ? n++ : INDEX_NONE;
			}
			if (s->index == at)
				section(d, s);
		}
		if (!is_answer && at == 0)
			d->bfcp_index = d->has_bfcp ? n : INDEX_NONE;
		if (d->bfcp_index == at)
			floor_control(d, is_answer);
	}
	return d->sdp;
}

/* --- theirs ------------------------------------------------------------ */

static const char *value(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 ? line + n : NULL;
}

static const char *profile_of(const char *name)
{
	static const char *const known[] = {"RTP/AVP", "RTP/AVPF", "RTP/SAVP",
					    "RTP/SAVPF"};

	for (size_t i = 0; i < 4; i++)
		if (strcmp(known[i], name) == 0)
			return known[i];
	return NULL;
}

static struct section *begin(struct device *d, const char *l, unsigned index,
			     const char *host)
{
	char kind[16], profile[32];
	unsigned port;

	if (sscanf(l, "%15s %u %31s", kind, &port, profile) != 3)
		return NULL;
	if (strcmp(kind, "application") == 0 && strstr(profile, "BFCP")) {
		d->bfcp_index = index;
		d->bfcp_to = d->has_bfcp && strcmp(profile, "UDP/BFCP") == 0
			     ? port : 0;
		(void)snprintf(d->bfcp_host, sizeof(d->bfcp_host), "%.63s",
			       host);
		return NULL;
	}
	for (int i = 0; i < SECTION_COUNT; i++) {
		struct section *s = &d->s[i];

		if (strcmp(kind, kinds[i]) != 0 || s->index != INDEX_NONE)
			continue;
		s->index = index;
		s->to_port = port;
		s->profile = profile_of(profile);
		(void)snprintf(s->host, sizeof(s->host), "%.63s", host);
		(void)snprintf(s->direction, sizeof(s->direction), "sendrecv");
		return s;
	}
	return NULL;
}

static void rtpmap(struct section *s, const char *v)
{
	unsigned pt;
	char name[32];

	if (sscanf(v, "%u %31s", &pt, name) != 2 || pt > 127)
		return;
	if (strncasecmp(name, "opus/48000", 10) == 0)
		s->p.pt_audio = (uint8_t)pt;
	if (strcasecmp(name, "H224/4800") == 0)
		s->pt_h224 = (uint8_t)pt;
	if (strcasecmp(name, "VP8/90000") == 0)
		s->p.pt_video = (uint8_t)pt;
	if (strcasecmp(name, "telephone-event/48000") == 0)
		s->p.dtmf.pt = (uint8_t)pt;
}

static void keys(struct device *d, struct section *s, const char *v,
		 bool is_answer)
{
	char suite[40], b64[128];
	uint8_t key[100];
	unsigned tag;

	if (sscanf(v, "%u %39s inline:%127[A-Za-z0-9+/=]", &tag, suite,
		   b64) != 3 || !sdes_key_bytes(suite) || s->suite[0])
		return;
	if (is_answer ? tag != s->tag
		      : !d->suite || strcmp(d->suite, suite) != 0)
		return;			/* clear: lines that it knows not */
	if (EVP_DecodeBlock(key, (uint8_t *)b64, (int)strlen(b64)) <
	    (int)sdes_key_bytes(suite))
		return;
	memcpy(s->theirs, key, sdes_key_bytes(suite));
	memcpy(s->suite, suite, sizeof(suite));
	s->tag = tag;
}

static void feedback(struct section *s, const char *v)
{
	const char *what = strchr(v, ' ');

	if (!what)
		return;
	what++;
	s->p.answer.nack |= strcmp(what, "nack") == 0;
	s->p.answer.pli |= strcmp(what, "nack pli") == 0;
	s->p.answer.fir |= strcmp(what, "ccm fir") == 0;
}

static void attribute(struct device *d, struct section *s, const char *l,
		      bool is_answer)
{
	const char *v;

	if ((v = value(l, "c=IN IP4 ")) || (v = value(l, "c=IN IP6 ")))
		(void)snprintf(s->host, sizeof(s->host), "%.63s", v);
	else if ((v = value(l, "a=rtpmap:")))
		rtpmap(s, v);
	else if ((v = value(l, "a=crypto:")))
		keys(d, s, v, is_answer);
	else if ((v = value(l, "a=rtcp-fb:")))
		feedback(s, v);
	else if (strcmp(l, "a=rtcp-mux") == 0)
		s->is_mux = true;
	else if (value(l, "a=sendrecv") || value(l, "a=sendonly") ||
		 value(l, "a=recvonly") || value(l, "a=inactive"))
		(void)snprintf(s->direction, sizeof(s->direction), "%.11s",
			       l + 2);
}

/* Of the server's section of BFCP. */
static void floor_attribute(struct device *d, const char *l)
{
	const char *v;
	unsigned n;

	if ((v = value(l, "a=confid:")) && sscanf(v, "%u", &n) == 1)
		d->bfcp.conf = n;
	else if ((v = value(l, "a=userid:")) && sscanf(v, "%u", &n) == 1)
		d->bfcp.user = (uint16_t)n;
	else if ((v = value(l, "a=floorid:")) && sscanf(v, "%u", &n) == 1)
		d->bfcp.floor = (uint16_t)n;
	else if ((v = value(l, "a=floorctrl:")) && strcmp(v, "s-only") != 0)
		d->bfcp.wrong = "nobody is floor control server";
}

static const char *judge(struct device *d, bool is_answer)
{
	bool any = false;

	for (int i = 0; i < SECTION_COUNT; i++) {
		struct section *s = &d->s[i];

		s->is_agreed = s->is_wanted && s->to_port && s->profile;
		if (!s->is_agreed)
			continue;
		any = true;
		if (!s->suite[0] != !d->suite)
			return d->suite ? "no key of the suite wanted"
					: "keys that were not asked for";
		if (is_answer && d->suite && strcmp(s->suite, d->suite) != 0)
			return "another suite than offered";
		if (s->port < 1024 || s->to_port < 1024)
			return "a port that nobody should use";
	}
	return any ? NULL : "nothing in common";
}

const char *device_read(struct device *d, const char *sdp, bool is_answer)
{
	char l[1024], host[64] = "";
	struct section *s = NULL;
	unsigned index = 0;
	const char *v;

	for (int i = 0; i < SECTION_COUNT; i++) {
		d->s[i].to_port = 0;
		d->s[i].suite[0] = 0;
		d->s[i].is_mux = false;
		d->s[i].index = INDEX_NONE;
		memset(&d->s[i].p.answer, 0, sizeof(d->s[i].p.answer));
	}
	d->bfcp_to = 0;
	d->bfcp_index = INDEX_NONE;
	while (*sdp) {
		size_t n = strcspn(sdp, "\r\n");

		if (n >= sizeof(l))
			return "line too long";
		memcpy(l, sdp, n);
		l[n] = 0;
		sdp += n + strspn(sdp + n, "\r\n");
		if ((v = value(l, "m=")))
			s = begin(d, v, index++, host);
		else if (s)
			attribute(d, s, l, is_answer);
		else if (index && d->bfcp_index == index - 1)
			floor_attribute(d, l);
		else if (!index && ((v = value(l, "c=IN IP4 ")) ||
				    (v = value(l, "c=IN IP6 "))))
			(void)snprintf(host, sizeof(host), "%.63s", v);
	}
	return judge(d, is_answer);
}
