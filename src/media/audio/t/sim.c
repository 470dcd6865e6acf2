#include "media/audio/t/sim.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

#define TICK_NS UINT64_C(20000000)

uint32_t sim_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

int16_t sim_speech(int64_t pos, double pitch_hz, uint32_t *rng)
{
	double t = (double)pos / AUDIO_RATE_HZ;
	double syllable = sin(2 * M_PI * 2.1 * t);
	double hz = pitch_hz * (1 + 0.1 * sin(2 * M_PI * 0.7 * t));
	double v = 0, gain = syllable > -0.3 ? 0.3 + 0.7 * syllable : 0.02;

	if (gain < 0.02)
		gain = 0.02;
	for (int h = 1; h <= 12; h++)
		v += sin(2 * M_PI * hz * h * t) / h;
	v = v * 0.16 * gain;
	v += ((double)(sim_random(rng) & 0xffff) / 65536 - 0.5) * 0.06 * gain;
	return (int16_t)(v * 32767 * 0.8);
}

static void make_signal(struct sim_peer *p, int16_t *pcm, int n)
{
	double gain = p->cfg.gain > 0 ? p->cfg.gain : 0.25;

	for (int i = 0; i < n; i++, p->pos++) {
		double t = (double)p->pos / AUDIO_RATE_HZ;
		double r = (double)(sim_random(&p->rng) & 0xffff) / 32768 - 1;

		switch (p->cfg.signal) {
		case SIM_TONE:
			pcm[i] = (int16_t)(gain * 32767 *
					   sin(2 * M_PI * p->cfg.hz * t));
			break;
		case SIM_SPEECH:
			pcm[i] = (int16_t)(4 * gain *
				 sim_speech(p->pos, p->cfg.hz, &p->rng));
			break;
		case SIM_HISS:
			pcm[i] = (int16_t)(gain * 32767 * r);
			break;
		default:
			pcm[i] = 0;
		}
	}
}

static int level_of(const int16_t *pcm, int n)
{
	double e = 0;

	for (int i = 0; i < n; i++)
		e += (double)pcm[i] * pcm[i];
	if (e <= 0)
		return 127;
	e = -10 * log10(e / n / (32768.0 * 32768.0));
	return e > 127 ? 127 : (int)e;
}

static void send_one(struct sim_peer *p)
{
	uint32_t clock = audio_codec_clock_hz(audio_enc_codec(p->enc));
	int16_t pcm[AUDIO_FRAME_SAMPLES];
	struct sim_flight *f = NULL;
	uint32_t jitter = p->cfg.jitter_ms ?
		sim_random(&p->rng) % (p->cfg.jitter_ms * 1000 + 1) : 0;
	uint32_t dice = sim_random(&p->rng) % 100000;
	int n;

	make_signal(p, pcm, AUDIO_FRAME_SAMPLES);
	p->ts += 20 * clock / 1000;
	if (p->cfg.is_dtx && p->cfg.signal == SIM_SILENCE)
		return;
	p->seq++;
	p->sent++;
	for (int i = 0; i < SIM_FLIGHT_MAX && !f; i++)
		if (!p->flight[i].is_used)
			f = &p->flight[i];
	if (!f)
		return;
	n = audio_enc_frame(p->enc, pcm, AUDIO_FRAME_SAMPLES, f->data,
			    sizeof(f->data));
	if (dice < p->cfg.loss * 100000) {
		p->lost++;
		return;
	}
	f->is_used = n > 0;
	f->n = n > 0 ? (uint32_t)n : 0;
	f->seq = p->seq;
	f->ts = p->ts;
	f->at_ns = p->next_send_ns + p->cfg.delay_ms * UINT64_C(1000000) +
		   jitter * UINT64_C(1000);
	f->level = AUDIO_LEVEL_NONE;
	if (p->cfg.has_level)
		f->level = p->cfg.level_lie > 0 ? p->cfg.level_lie :
				level_of(pcm, AUDIO_FRAME_SAMPLES);
}

static struct sim_flight *first_due(struct sim_peer *p, uint64_t now)
{
	struct sim_flight *best = NULL;

	for (int i = 0; i < SIM_FLIGHT_MAX; i++) {
		struct sim_flight *f = &p->flight[i];

		if (f->is_used && f->at_ns <= now &&
		    (!best || f->at_ns < best->at_ns))
			best = f;
	}
	return best;
}

static void peer_packets(struct sim *sim, struct sim_peer *p)
{
	struct sim_flight *f;

	while (p->next_send_ns <= sim->now_ns) {
		if (!sim->is_silent_forever)
			send_one(p);
		p->next_send_ns += p->period_ns;
	}
	while ((f = first_due(p, sim->now_ns)) != NULL) {
		struct audio_packet k = {
			.seq = f->seq, .ts = f->ts, .level = f->level,
			.payload = span_of(f->data, f->n),
		};

		(void)audio_leg_packet(p->leg, &k, f->at_ns);
		f->is_used = false;
	}
}

void sim_packets(struct sim *sim)
{
	sim->now_ns += TICK_NS;
	for (int i = 0; i < sim->peers; i++)
		if (sim->peer[i].leg)
			peer_packets(sim, &sim->peer[i]);
}

static void on_emit(void *arg, const struct audio_out *out)
{
	struct sim *sim = arg;
	struct sim_peer *p = out->user;
	uint32_t step = p->cfg.ptime_ms ? p->cfg.ptime_ms : 20;
	uint32_t clock = audio_codec_clock_hz(audio_enc_codec(p->enc));

	if (p->emits++ && out->rtp_ts != p->last_ts + step * clock / 1000)
		p->ts_breaks++;
	p->last_ts = out->rtp_ts;
	p->mix = out->mix;
	p->noise += out->mix == AUDIO_MIX_NOISE;
	p->shared += out->mix == AUDIO_MIX_SHARED;
	p->own += out->mix == AUDIO_MIX_OWN;
	p->payload = out->payload;
	memcpy(p->last, out->payload.p, out->payload.n);
	p->last_n = out->payload.n;
	if (sim->on_emit)
		sim->on_emit(sim, p, out);
}

static void listen(struct sim_peer *p)
{
	int16_t pcm[AUDIO_PACKET_MAX_SAMPLES];
	int n;

	if (!p->payload.p)
		return;
	p->payload = SPAN_NONE;
	if (p->cfg.no_listen)
		return;
	n = audio_dec_packet(p->dec, span_of(p->last, p->last_n), pcm,
			     AUDIO_PACKET_MAX_SAMPLES);
	for (int i = 0; i < n; i++)
		p->heard[p->heard_n++ % SIM_KEEP] = pcm[i];
}

void sim_room_tick(struct sim *sim)
{
	audio_room_tick(sim->room, sim->now_ns, on_emit, sim);
}

void sim_tick(struct sim *sim)
{
	sim_packets(sim);
	sim_room_tick(sim);
	for (int i = 0; i < sim->peers; i++)
		if (sim->peer[i].leg)
			listen(&sim->peer[i]);
}

void sim_run(struct sim *sim, double seconds)
{
	for (int i = (int)(seconds * 50 + 0.5); i > 0; i--)
		sim_tick(sim);
}

int sim_new(struct sim **out, const struct audio_room_cfg *cfg)
{
	struct sim *sim = mem_zalloc(sizeof(*sim));
	int r;

	if (!sim)
		return E_NOMEM;
	sim->now_ns = UINT64_C(1000000000000);
	r = audio_pool_new(&sim->pool);
	if (r == 0)
		r = audio_room_new(&sim->room, sim->pool, cfg);
	if (r < 0)
		sim_free(&sim);
	else
		*out = sim;
	return r;
}

static void peer_release(struct sim_peer *p)
{
	audio_leg_free(&p->leg);
	audio_enc_free(&p->enc);
	audio_dec_free(&p->dec);
	mem_free(p->heard);
	p->heard = NULL;
}

void sim_free(struct sim **sim)
{
	if (!*sim)
		return;
	for (int i = 0; i < (*sim)->peers; i++)
		peer_release(&(*sim)->peer[i]);
	audio_room_free(&(*sim)->room);
	audio_pool_free(&(*sim)->pool);
	mem_free(*sim);
	*sim = NULL;
}

void sim_remove(struct sim *sim, struct sim_peer *peer)
{
	(void)sim;
	audio_leg_free(&peer->leg);
}

static int peer_equip(struct sim *sim, struct sim_peer *p)
{
	struct audio_format f = {
		.codec = p->cfg.codec ? p->cfg.codec : AUDIO_OPUS,
		.ptime_ms = 20, .bitrate_bps = 32000, .bandwidth_hz = 48000,
		.is_fec = p->cfg.is_fec,
	};
	struct audio_leg_cfg cfg = {
		.codec = f.codec, .ptime_ms = p->cfg.ptime_ms, .user = p,
		.rtp_ts_start = 0xfffff000u,
	};
	int r = audio_leg_new(&p->leg, sim->room, &cfg);

	if (r == 0)
		r = audio_enc_new(&p->enc, f.codec);
	if (r == 0)
		r = audio_dec_new(&p->dec, f.codec);
	if (r < 0)
		return r;
	audio_enc_setup(p->enc, &f, 5);
	p->heard = mem_calloc(SIM_KEEP, sizeof(*p->heard));
	return p->heard ? 0 : E_NOMEM;
}

struct sim_peer *sim_add(struct sim *sim, const struct sim_peer_cfg *cfg)
{
	struct sim_peer *p = &sim->peer[sim->peers];

	if (sim->peers == SIM_PEERS_MAX)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	p->rng = 0x9e3779b9u * (uint32_t)(sim->peers + 1);
	p->period_ns = (uint64_t)(20e6 * (1 - cfg->drift_ppm / 1e6) + 0.5);
	p->next_send_ns = sim->now_ns +
			  (uint64_t)(sim->peers * 3 % 20) * 1000000 + 1;
	p->pos = sim->peers * 7919;
	p->seq = (uint16_t)(65500 + sim->peers);
	p->ts = 0xffff0000u + (uint32_t)sim->peers * 12345;
	sim->peers++;
	if (peer_equip(sim, p) < 0) {
		peer_release(p);
		sim->peers--;
		return NULL;
	}
	audio_leg_set(p->leg, false, true);
	return p;
}

double sim_tone(const int16_t *pcm, int n, double hz)
{
	double re = 0, im = 0, wsum = 0;

	for (int i = 0; i < n; i++) {
		double w = 0.5 - 0.5 * cos(2 * M_PI * i / n);
		double a = 2 * M_PI * hz * i / AUDIO_RATE_HZ;

		re += w * pcm[i] * cos(a);
		im += w * pcm[i] * sin(a);
		wsum += w;
	}
	return 2 * sqrt(re * re + im * im) / wsum;
}

double sim_heard_tone(const struct sim_peer *peer, double hz, int n)
{
	int16_t pcm[SIM_KEEP / 4];

	if (n > SIM_KEEP / 4)
		n = SIM_KEEP / 4;
	if (peer->heard_n < n)
		return 0;
	for (int i = 0; i < n; i++)
		pcm[i] = peer->heard[(peer->heard_n - n + i) % SIM_KEEP];
	return sim_tone(pcm, n, hz);
}
