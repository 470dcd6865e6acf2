/* CPU and memory of the sound path: jitter buffer, decode, mix, encode.
 *
 * Prints `name value unit target verdict` and exits 1 when a target is missed.
 * What the senders send is encoded beforehand. CPU is that of this process
 * over the ticks and the packets put in; best of a few rounds, because the
 * machine is shared. SRTP and sending come on top of it.
 */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "media/audio/kernels.h"
#include "media/audio/pitch.h"
#include "media/audio/t/sim.h"

enum {
	VOICES = 8, FRAMES = 150, PEOPLE_MAX = 300,
	WARM_TICKS = 150, RUN_TICKS = 250, ROUNDS = 3,
};

struct voice {
	uint8_t data[FRAMES][400];
	uint16_t n[FRAMES];
	int level[FRAMES];
};

struct person {
	struct audio_leg *leg;
	const struct voice *voice;
	uint32_t at;
	uint16_t seq;
	uint32_t ts;
};

struct setup {
	const char *name;
	enum audio_codec codec;
	int people, talking;
	uint32_t talkers;	/* K */
	bool has_level;
	double target;		/* ms of CPU per participant-second; 0: none */
};

static struct voice voices[VOICES + 1];
static struct person people[PEOPLE_MAX];
static bool has_failed;

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A target of 0 is none. */
static void report(const char *name, double value, const char *unit,
		   double target)
{
	const char *verdict = value <= target ? "pass" : "fail";

	if (target <= 0) {
		printf("%s %.3f %s - info\n", name, value, unit);
		return;
	}
	printf("%s %.3f %s %.3f %s\n", name, value, unit, target, verdict);
	has_failed = has_failed || value > target;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_audio: %s\n", what);
	exit(2);
}

static void record(struct voice *v, enum audio_codec codec, double hz)
{
	struct audio_format f = {
		.codec = codec, .ptime_ms = 20, .bitrate_bps = 32000,
		.bandwidth_hz = 48000, .is_fec = true,
	};
	struct audio_enc *enc = NULL;
	uint32_t rng = 1 + (uint32_t)hz;
	int64_t pos = (int64_t)(hz * 997);

	if (audio_enc_new(&enc, codec) < 0)
		die("no encoder");
	audio_enc_setup(enc, &f, 5);
	for (int k = 0; k < FRAMES; k++) {
		int16_t pcm[960];
		double e = 1;
		int n;

		for (int i = 0; i < 960; i++, pos++) {
			pcm[i] = hz > 0 ? sim_speech(pos, hz, &rng) :
				 (int16_t)(sim_random(&rng) % 9) - 4;
			e += (double)pcm[i] * pcm[i];
		}
		n = audio_enc_frame(enc, pcm, 960, v->data[k],
				    sizeof(v->data[k]));
		v->n[k] = n > 0 ? (uint16_t)n : 1;
		v->level[k] = (int)(-10 * log10(e / 960 / (32768. * 32768.)));
	}
	audio_enc_free(&enc);
}

static void record_all(enum audio_codec codec)
{
	for (int i = 0; i < VOICES; i++)
		record(&voices[i], codec, 95 + 20 * i);
	record(&voices[VOICES], codec, 0);	/* a quiet microphone */
}

static void nobody(void *arg, const struct audio_out *out)
{
	uint64_t *bytes = arg;

	*bytes += out->payload.n;
}

static void send_all(const struct setup *s, uint64_t now)
{
	for (int i = 0; i < s->people; i++) {
		struct person *p = &people[i];
		uint32_t k = p->at++ % FRAMES;
		struct audio_packet packet = {
			.seq = p->seq++, .ts = p->ts,
			.level = s->has_level ? p->voice->level[k] :
						AUDIO_LEVEL_NONE,
			.payload = span_of(p->voice->data[k], p->voice->n[k]),
		};

		p->ts += audio_codec_clock_hz(s->codec) / 50;
		(void)audio_leg_packet(p->leg, &packet, now);
	}
}

static void enter_all(const struct setup *s, struct audio_room *room)
{
	struct audio_leg_cfg cfg = { .codec = s->codec };

	for (int i = 0; i < s->people; i++) {
		struct person *p = &people[i];

		*p = (struct person){
			.voice = &voices[i < s->talking ? i % VOICES : VOICES],
			.at = (uint32_t)i * 37,
			.seq = (uint16_t)i,
		};
		if (audio_leg_new(&p->leg, room, &cfg) < 0)
			die("no leg");
		audio_leg_set(p->leg, false, true);
	}
}

static double run_ticks(const struct setup *s, struct audio_room *room,
			uint64_t *now, int ticks)
{
	uint64_t bytes = 0;
	double from = cpu_s();

	for (int i = 0; i < ticks; i++) {
		*now += 20000000;
		send_all(s, *now - 1);
		audio_room_tick(room, *now, nobody, &bytes);
	}
	return cpu_s() - from;
}

static void run(const struct setup *s)
{
	struct audio_room_cfg cfg = { .max_talkers = s->talkers,
				      .complexity = 5 };
	struct audio_pool *pool = NULL;
	struct audio_room *room = NULL;
	struct audio_room_stats stats;
	uint64_t now = UINT64_C(1000000000000);
	double best = 1e9;

	if (audio_pool_new(&pool) < 0 || audio_room_new(&room, pool, &cfg) < 0)
		die("no room");
	enter_all(s, room);
	run_ticks(s, room, &now, WARM_TICKS);
	for (int i = 0; i < ROUNDS; i++) {
		double t = run_ticks(s, room, &now, RUN_TICKS);

		best = t < best ? t : best;
	}
	audio_room_stats(room, &stats);
	report(s->name, best * 1000 / s->people / (RUN_TICKS / 50.0),
	       "ms/participant-s", s->target);
	printf("# %s: talkers %u, per tick: decodes %.1f, probes %.1f, own "
	       "encodes %.1f, shared %.1f\n", s->name, stats.talkers,
	       (double)stats.decodes / (double)stats.ticks,
	       (double)stats.probes / (double)stats.ticks,
	       (double)stats.encodes_own / (double)stats.ticks,
	       (double)stats.encodes_shared / (double)stats.ticks);
	audio_room_free(&room);
	audio_pool_free(&pool);
}

/* Everything on the heap, the libraries' own blocks included, after the room
 * has worked for a while. */
static void memory(const char *name, int n)
{
	const struct setup s = { .codec = AUDIO_OPUS, .people = n,
				 .talking = n, .talkers = 5,
				 .has_level = true };
	struct audio_room_cfg cfg = { .max_talkers = 5, .complexity = 5 };
	struct audio_pool *pool = NULL;
	struct audio_room *room = NULL;
	uint64_t now = UINT64_C(1000000000000);
	struct mallinfo2 from, to;

	if (audio_pool_new(&pool) < 0)
		die("no pool");
	from = mallinfo2();
	if (audio_room_new(&room, pool, &cfg) < 0)
		die("no room");
	enter_all(&s, room);
	for (int i = 0; i < n; i++)
		(void)audio_leg_loss_report(people[i].leg, i % 2 * 10);
	run_ticks(&s, room, &now, 100);
	to = mallinfo2();
	report(name, (double)(to.uordblks + to.hblkhd - from.uordblks -
			      from.hblkhd) / 1024 / n, "KiB/leg", 200);
	audio_room_free(&room);
	audio_pool_free(&pool);
}

static int16_t pcm_a[1600], pcm_b[960];
static int32_t sums[960];
static volatile uint64_t sink;

static double time_set(const struct audio_kernels *k)
{
	enum { TIMES = 20000 };
	double best = 1e9;

	for (int round = 0; round < 5; round++) {
		double from = cpu_s();

		for (int i = 0; i < TIMES; i++) {
			memset(sums, 0, sizeof(sums));
			k->add(sums, pcm_a, 960);
			k->minus(pcm_b, sums, pcm_a, 960);
			k->pack(pcm_b, sums, 960);
			sink += k->energy(pcm_b, 960);
		}
		from = (cpu_s() - from) / TIMES * 1e9;
		best = from < best ? from : best;
	}
	return best;
}

static void kernels(void)
{
	uint32_t rng = 3;
	double plain, fast, from;

	for (int i = 0; i < 1600; i++)
		pcm_a[i] = sim_speech(i, 110, &rng);
	plain = time_set(audio_kernels_plain());
	fast = time_set(audio_kernels_best());
	report("audio_kernels_plain", plain, "ns/frame", 0);
	report("audio_kernels_best", fast, "ns/frame", 0);
	from = cpu_s();
	for (int i = 0; i < 1000; i++)
		sink += (uint64_t)audio_pitch_lag(pcm_a, 1600,
						  AUDIO_PITCH_MAX);
	report("audio_pitch", (cpu_s() - from) * 1e3, "us", 0);
}

int main(void)
{
	static const struct setup opus[] = {
		{ "audio_opus_100_speaking_k5", AUDIO_OPUS, 100, 100, 5, true,
		  2.5 },
		{ "audio_opus_100_speaking_k5_no_level", AUDIO_OPUS, 100, 100,
		  5, false, 2.5 },
		{ "audio_opus_100_speaking_k100", AUDIO_OPUS, 100, 100, 100,
		  true, 0 },
		{ "audio_opus_300_levels_3_speaking", AUDIO_OPUS, 300, 3, 5,
		  true, 0.6 },
		{ "audio_opus_300_no_levels_3_speaking", AUDIO_OPUS, 300, 3, 5,
		  false, 0 },
	};
	static const struct setup others[] = {
		{ "audio_pcmu_100_speaking_k5", AUDIO_PCMU, 100, 100, 5, false,
		  0 },
		{ "audio_g722_100_speaking_k5", AUDIO_G722, 100, 100, 5, false,
		  0 },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	record_all(AUDIO_OPUS);
	for (size_t i = 0; i < sizeof(opus) / sizeof(opus[0]); i++)
		run(&opus[i]);
	memory("audio_memory_100_legs", 100);
	memory("audio_memory_3_legs", 3);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		record_all(others[i].codec);
		run(&others[i]);
	}
	kernels();
	return has_failed ? 1 : 0;
}
