/* A peer's streams, encoders and judges, as it was told. */
#include <openssl/rand.h>
#include "peer.h"

uint32_t peer_random32(void)
{
	uint32_t v = 0;

	while (!v)
		RAND_bytes((unsigned char *)&v, sizeof(v));
	return v;
}

void peer_random_text(char *out, size_t n)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
	unsigned char b[64];

	RAND_bytes(b, (int)n);
	for (size_t i = 0; i < n; i++)
		out[i] = set[b[i] & 63];
	out[n] = 0;
}

static void stream(struct out_stream *s, uint32_t hz)
{
	*s = (struct out_stream){.ssrc = peer_random32(), .hz = hz,
				 .seq = (uint16_t)(peer_random32() & 0x7fff)};
	s->ts0 = s->last_ts = peer_random32();
}

bool peer_prepare(struct peer *p)
{
	const struct options *o = &p->o;

	peer_random_text(p->cname, 12);
	stream(&p->audio_tx, AUDIO_HZ);
	stream(&p->video_tx, 90000);
	stream(&p->rtx_tx, 90000);
	p->audio_rx.hz = AUDIO_HZ;
	p->video_rx.hz = p->rtx_rx.hz = 90000;
	p->pt_audio = PT_OPUS;
	p->pt_video = PT_VP8;
	if (!audio_out_open(&p->audio_out, o->tone, o->is_repaired) ||
	    !audio_in_open(&p->audio_in, o->is_repaired) ||
	    !video_in_open(&p->video_in, o->is_repaired) ||
	    !video_out_open(&p->video_out, o->width, o->height, o->fps,
			    o->kbps, o->rgb))
		return false;
	p->audio_out.on_ms = o->tone > 0 ? o->on_ms : 0;
	p->audio_out.off_ms = o->tone > 0 ? o->off_ms : 1;
	p->audio_in.n_tones = o->n_hear;
	p->audio_in.beat_ms = o->beat_ms;
	for (unsigned i = 0; i < o->n_hear; i++)
		p->audio_in.tone[i].hz = o->hear[i];
	p->video_in.n_probes = o->n_probes;
	memcpy(p->video_in.probe, o->probe, sizeof(o->probe));
	return true;
}
