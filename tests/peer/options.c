/* What a peer is told on its command line. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include "peer.h"

const char options_usage[] =
	"  --seconds N        after the connection (10)\n"
	"  --tone HZ          of our voice (440); 0 = silence is sent\n"
	"  --pattern ON/OFF   bursts, ms of the monotonic clock\n"
	"  --hear HZ,HZ,...   tones to look for\n"
	"  --beat MS          period of the first one's bursts: measures delay\n"
	"  --ppm P            our clock runs fast by P\n"
	"  --video WxH@FPS    (320x180@15)    --kbps N (300)    --color R,G,B\n"
	"  --probe X,Y        tell the colour there, 0..1; repeatable\n"
	"  --audio-only, --video-only, --no-camera (receives pictures only)\n"
	"  --no-repair        no FEC, NACK, RTX\n"
	"  --no-pli           no requests for keyframes either\n"
	"  --feedback LIST    of remb,twcc (both)\n"
	"  --srtp LIST        OpenSSL's names of profiles\n"
	"  --to IP:PORT       instead of the answer's candidate\n";

enum {
	SECONDS = 256, TONE, PATTERN, HEAR, BEAT, PPM, VIDEO, KBPS, COLOR,
	PROBE, AUDIO_ONLY, VIDEO_ONLY, NO_CAMERA, NO_REPAIR, NO_PLI, FEEDBACK,
	SRTP, TO, HELP,
};

const struct option options_table[] = {
	{"seconds", 1, NULL, SECONDS}, {"tone", 1, NULL, TONE},
	{"pattern", 1, NULL, PATTERN}, {"hear", 1, NULL, HEAR},
	{"beat", 1, NULL, BEAT}, {"ppm", 1, NULL, PPM},
	{"video", 1, NULL, VIDEO}, {"kbps", 1, NULL, KBPS},
	{"color", 1, NULL, COLOR}, {"probe", 1, NULL, PROBE},
	{"audio-only", 0, NULL, AUDIO_ONLY},
	{"video-only", 0, NULL, VIDEO_ONLY},
	{"no-camera", 0, NULL, NO_CAMERA}, {"no-repair", 0, NULL, NO_REPAIR},
	{"no-pli", 0, NULL, NO_PLI},
	{"feedback", 1, NULL, FEEDBACK}, {"srtp", 1, NULL, SRTP},
	{"to", 1, NULL, TO}, {"help", 0, NULL, HELP}, {NULL, 0, NULL, 0},
};

static bool hear(struct options *o, const char *s)
{
	while (*s && o->n_hear < AUDIO_TONES) {
		char *end;

		o->hear[o->n_hear++] = strtod(s, &end);
		if (end == s)
			return false;
		s = *end == ',' ? end + 1 : end;
	}
	return *s == 0;
}

static bool destination(struct sockaddr_in *a, const char *s)
{
	char host[64];
	unsigned port;

	if (sscanf(s, "%63[^:]:%u", host, &port) != 2 || port > 65535)
		return false;
	a->sin_family = AF_INET;
	a->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

static bool color(struct options *o, const char *s)
{
	unsigned r, g, b;

	if (sscanf(s, "%u,%u,%u", &r, &g, &b) != 3)
		return false;
	o->rgb[0] = (uint8_t)r;
	o->rgb[1] = (uint8_t)g;
	o->rgb[2] = (uint8_t)b;
	return true;
}

static bool picture(struct options *o, const char *s)
{
	return sscanf(s, "%ux%u@%u", &o->width, &o->height, &o->fps) == 3 &&
	       o->width >= 32 && o->width <= 1920 && o->height >= 32 &&
	       o->height <= 1088 && o->fps >= 1 && o->fps <= 60 &&
	       !(o->width % 2) && !(o->height % 2);
}

static bool probe(struct options *o, const char *s)
{
	double *at = o->probe[o->n_probes];

	if (o->n_probes == VIDEO_PROBES)
		return false;
	o->n_probes++;
	return sscanf(s, "%lf,%lf", &at[0], &at[1]) == 2;
}

bool options_take(struct options *o, int c, const char *v)
{
	switch (c) {
	case SECONDS: o->seconds = atof(v); return o->seconds > 0;
	case TONE: o->tone = atof(v); return true;
	case PATTERN: return sscanf(v, "%u/%u", &o->on_ms, &o->off_ms) == 2;
	case HEAR: return hear(o, v);
	case BEAT: return sscanf(v, "%u", &o->beat_ms) == 1;
	case PPM: o->ppm = atof(v); return true;
	case VIDEO: return picture(o, v);
	case KBPS: return sscanf(v, "%u", &o->kbps) == 1;
	case COLOR: return color(o, v);
	case PROBE: return probe(o, v);
	case AUDIO_ONLY: o->has_video = o->sends_video = false; return true;
	case VIDEO_ONLY: o->has_audio = false; return true;
	case NO_CAMERA: o->sends_video = false; return true;
	case NO_REPAIR: o->is_repaired = false; return true;
	case NO_PLI: o->wants_pli = false; return true;
	case FEEDBACK:
		o->wants_remb = strstr(v, "remb") != NULL;
		o->wants_twcc = strstr(v, "twcc") != NULL;
		return true;
	case SRTP: o->profiles = v; return true;
	case TO: return destination(&o->to, v);
	default: return false;
	}
}

void options_init(struct options *o)
{
	*o = (struct options){.seconds = 10, .tone = 440, .has_audio = true,
			      .has_video = true, .sends_video = true,
			      .is_repaired = true, .wants_pli = true,
			      .wants_remb = true,
			      .wants_twcc = true, .width = 320, .height = 180,
			      .fps = 15, .kbps = 300, .rgb = {40, 60, 210}};
}

bool options_read(struct options *o, int argc, char **argv)
{
	int c;

	options_init(o);
	while ((c = getopt_long(argc, argv, "", options_table, NULL)) != -1)
		if (!options_take(o, c, optarg)) {
			fprintf(stderr, "conclave-peer [options]\n%s",
				options_usage);
			return false;
		}
	return optind == argc;
}
