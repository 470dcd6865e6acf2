/* Bench of the video worker, and pictures for eyes.
 *
 *	bench_video                      the figures; exit 1 on a missed target
 *	bench_video --snapshot DIR       one PPM for each layout and splash
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "ipc/ipc.h"
#include "video/compose/compose.h"
#include "video/compose/tile.h"
#include "video/t/synth.h"
#include "video/text/text.h"
#include "video/worker.h"

enum { ROOM = 1, GROUP = 1, SENDERS = 8, FPS = 30, LOOP = 60, SECONDS = 6,
       PEOPLE_MAX = 25 };

static const char *const names[PEOPLE_MAX] = {
	"Dr. Helena Weiss", "Marek Nov\xc3\xa1k", "Ana Luc\xc3\xad" "a Prieto",
	"J\xc3\xb8rgen \xc3\x98stergaard", "Fatima Zahra Benali",
	"\xd0\x98\xd1\x80\xd0\xb8\xd0\xbd\xd0\xb0 "
	"\xd0\xa1\xd0\xbe\xd0\xba\xd0\xbe\xd0\xbb\xd0\xbe\xd0\xb2\xd0\xb0",
	"\xce\x93\xce\xb9\xce\xac\xce\xbd\xce\xbd\xce\xb7\xcf\x82",
	"Thomas M\xc3\xbcller", "Court Room 3",
	"A very long organisation name with a department and a floor",
	"\xd7\x93\xd7\xa0\xd7\x94 \xd7\x9b\xd7\x94\xd7\x9f",
	"\xd9\x85\xd8\xad\xd9\x85\xd8\xaf \xd8\xb9\xd9\x84\xd9\x8a", "O'Neill",
	"lin", "Zoe B.", "Registry", "Interpreter FR", "Ola Nordmann",
	"Priya Raman", "K. Tanaka", "Sofia Rossi", "Jan de Vries", "Mia",
	"Guest 24", "Press office"};

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t no_cost(void *arg)
{
	(void)arg;
	return 0;
}

struct stream {
	struct span frame[LOOP];
	bool key[LOOP];
};

/* The last picture of the group, decoded. */
struct sink {
	struct vdec *dec;
	struct pic *last;
	uint64_t frames, bytes;
	bool decode;
};

static int take(void *arg, const struct frame *f)
{
	struct sink *s = arg;
	struct pic_view v;

	if (f->kind != FRAME_OUT)
		return 0;
	s->frames++;
	s->bytes += f->data.n;
	if (s->decode && vdec_decode(s->dec, f->data, &v) == 0)
		(void)pic_assign(&s->last, &v);
	return 0;
}

static void encode_stream(struct stream *s, unsigned who, unsigned w,
			  unsigned h)
{
	const struct venc_cfg cfg = {.codec = FRAME_VP8, .w = (uint16_t)w,
				     .h = (uint16_t)h, .fps = FPS,
				     .kbps = 500};
	struct venc *e;
	struct pic *p = NULL;

	if (venc_new(&e, &cfg) < 0 || pic_new(&p, w, h) < 0)
		exit(2);
	for (unsigned i = 0; i < LOOP; i++) {
		struct pic_view v;
		struct venc_out o;

		synth_person(p, who, i);
		v = pic_view(p);
		if (venc_encode(e, &v, VENC_CLOCK_HZ / FPS, i == 0, &o) < 0)
			exit(2);
		s->frame[i] = span_of(mem_dup(o.data.p, o.data.n), o.data.n);
		s->key[i] = o.key;
	}
	pic_free(&p);
	venc_free(&e);
}

static void feed(struct worker *w, const struct stream *s, unsigned leg,
		 unsigned n, uint64_t now)
{
	const struct frame f = {
		.kind = FRAME_IN, .codec = FRAME_VP8, .chunks = 1,
		.flags = s->key[n % LOOP] ? FRAME_F_KEY : 0, .id = n,
		.room = ROOM, .stream = leg, .mono_ns = now,
		.total = (uint32_t)s->frame[n % LOOP].n,
		.data = s->frame[n % LOOP]};

	worker_frame(w, &f, now);
}

static void person(struct worker *w, unsigned leg, bool video)
{
	Cv__VideoPerson m = CV__VIDEO_PERSON__INIT;

	m.room = ROOM;
	m.leg = leg;
	m.name = ipc_data(span_str(names[leg - 1]));
	m.video = video;
	(void)worker_person(w, &m, 0);
}

static void plan(struct worker *w, const char *layout, const char *splash,
		 unsigned people, unsigned width, unsigned height)
{
	Cv__VideoGroup g = CV__VIDEO_GROUP__INIT, *list[1] = {&g};
	Cv__VideoPlan m = CV__VIDEO_PLAN__INIT;
	uint64_t slots[PEOPLE_MAX];

	for (unsigned i = 0; i < people; i++)
		slots[i] = i + 1;
	g.group = GROUP;
	g.codec = CV__CODEC_NAME__CODEC_VP8;
	g.width = width;
	g.height = height;
	g.fps = FPS;
	g.kbps = 1500;
	g.layout = (char *)(uintptr_t)layout;
	g.splash = (char *)(uintptr_t)splash;
	g.slots = slots;
	g.n_slots = people;
	g.names = true;
	m.room = ROOM;
	m.groups = list;
	m.n_groups = 1;
	(void)worker_plan(w, &m, 0);
}

static struct worker *start(struct sink *sink, struct text *text)
{
	const struct worker_cfg cfg = {.text = text, .send = take,
				       .cpu_ns = no_cost, .arg = sink};
	struct worker *w;

	if (worker_new(&w, &cfg, 0) < 0)
		exit(2);
	worker_media_up(w, 0);
	(void)worker_room_open(w, ROOM, 0);
	return w;
}

static void run_to(struct worker *w, uint64_t now)
{
	for (int i = 0; i < 100 && worker_due(w) <= now; i++)
		worker_run(w, now);
}

static bool report(const char *name, double value, const char *unit,
		   double target)
{
	bool pass = target < 0 || value <= target;

	if (target < 0)
		printf("%s %.3f %s - info\n", name, value, unit);
	else
		printf("%s %.3f %s %.3f %s\n", name, value, unit, target,
		       pass ? "pass" : "fail");
	return pass;
}

/* CPU seconds per second of video, in percent of a core. */
static double measure(const struct stream *streams, struct text *text,
		      unsigned w, unsigned h, bool print)
{
	struct sink sink = {0};
	struct worker *worker = start(&sink, text);
	struct worker_stats st;
	double begin = 0, share;

	for (unsigned i = 1; i <= SENDERS; i++)
		person(worker, i, true);
	plan(worker, "1:7", "", SENDERS, w, h);
	for (unsigned n = 0; n < FPS * (SECONDS + 1); n++) {
		uint64_t now = n * NS_PER_S / FPS + 1;

		if (n == FPS)
			begin = cpu_s();
		for (unsigned i = 0; i < SENDERS; i++)
			feed(worker, &streams[i], i + 1, n, now);
		run_to(worker, now);
	}
	share = (cpu_s() - begin) / SECONDS * 100;
	worker_stats(worker, &st);
	if (print) {
		printf("# %u frames in, %u out, %.0f kbit/s, %u cells\n",
		       (unsigned)st.frames_in, (unsigned)sink.frames,
		       (double)sink.bytes * 8 / (SECONDS + 1) / 1000,
		       (unsigned)st.cells_drawn);
		(void)report("video_picture_memory",
			     (double)st.picture_bytes / 1024, "KB", -1);
	}
	worker_free(&worker);
	return share;
}

static void bench_compose(void)
{
	const struct layout *l = layout_find(SPAN_LIT("1:7"), SENDERS);
	struct pic *src = synth_flat(640, 360, pic_color_rgb(90, 90, 90));
	struct pic *canvas = synth_flat(1280, 720, COMPOSE_BACK);
	struct compose_style st;
	double begin;

	compose_style_init(&st, 1280, 720);
	begin = cpu_s();
	for (unsigned n = 1; n <= 300; n++)
		for (unsigned i = 0; i < l->n; i++) {
			struct layout_rect r = layout_rect(l, i, 1280, 720);
			struct tile_cache c = {0};
			struct pic_view v;
			struct compose_cell cell = {.view = &v,
						    .speaking = i == 0};

			(void)tile_get(&c, src, n, r.w, r.h, &v);
			compose_cell(canvas, &st, r, &cell);
			tile_release(&c);
		}
	(void)report("video_compose_1_7_720p", (cpu_s() - begin) / 300 * 1000,
		     "ms", -1);
	pic_free(&src);
	pic_free(&canvas);
}

static unsigned pss_kb(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	unsigned kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %u kB", &kb) == 1)
			break;
	if (f)
		(void)fclose(f);
	return kb;
}

static int bench(void)
{
	struct stream *streams = mem_calloc(SENDERS, sizeof(*streams));
	struct text *text;
	double best = 1e9, small = 1e9;
	bool ok;

	if (!streams || text_new(&text) < 0)
		return 2;
	(void)report("video_memory_fonts_warm", pss_kb(), "KB_PSS", -1);
	for (unsigned i = 0; i < SENDERS; i++)
		encode_stream(&streams[i], i, 640, 360);
	/* the machine is shared: the best of three is the least disturbed */
	for (unsigned i = 0; i < 3; i++) {
		double a = measure(streams, text, 1280, 720, i == 0);
		double b = measure(streams, text, 640, 360, false);

		best = a < best ? a : best;
		small = b < small ? b : small;
	}
	ok = report("video_8x360p_in_720p30_out", best, "percent_of_core", 45);
	(void)report("video_8x360p_in_360p30_out", small, "percent_of_core",
		     -1);
	bench_compose();
	(void)report("video_memory_8_senders", pss_kb(), "KB_PSS", -1);
	for (unsigned i = 0; i < SENDERS * LOOP; i++)
		mem_free((void *)(uintptr_t)
			 streams[i / LOOP].frame[i % LOOP].p);
	mem_free(streams);
	text_free(&text);
	return ok ? 0 : 1;
}

/* --- for eyes --- */

static uint8_t clamp(int v)
{
	return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void write_ppm(const char *path, const struct pic *p)
{
	FILE *f = fopen(path, "wb");

	if (!f || !p)
		exit(2);
	fprintf(f, "P6\n%u %u\n255\n", p->w, p->h);
	for (int y = 0; y < p->h; y++)
		for (int x = 0; x < p->w; x++) {
			int c = 298 * (p->y[y * p->stride_y + x] - 16);
			int i = y / 2 * p->stride_uv + x / 2;
			int d = p->u[i] - 128, e = p->v[i] - 128;
			uint8_t rgb[3] = {
				clamp((c + 409 * e + 128) / 256),
				clamp((c - 100 * d - 208 * e + 128) / 256),
				clamp((c + 516 * d + 128) / 256)};

			fwrite(rgb, 1, 3, f);
		}
	(void)fclose(f);
}

static void snapshot(const char *dir, const char *layout, const char *splash,
		     unsigned people, unsigned w, unsigned h)
{
	struct sink sink = {.decode = true};
	struct stream *streams = mem_calloc(PEOPLE_MAX, sizeof(*streams));
	struct worker *worker;
	struct text *text;
	Cv__VideoSpeaking sp = CV__VIDEO_SPEAKING__INIT;
	uint64_t one = 2;
	char path[512];

	if (!streams || text_new(&text) < 0 ||
	    vdec_new(&sink.dec, FRAME_VP8) < 0)
		exit(2);
	worker = start(&sink, text);
	for (unsigned i = 1; i <= people; i++) {
		person(worker, i, i % 4 != 3);
		encode_stream(&streams[i - 1], i, i == 5 ? 360 : 640,
			      i == 5 ? 640 : 360);
	}
	plan(worker, layout, splash, people, w, h);
	sp.room = ROOM;
	sp.legs = &one;
	sp.n_legs = 1;
	(void)worker_speaking(worker, &sp, 0);
	for (unsigned n = 0; n < LOOP; n++) {
		uint64_t now = n * NS_PER_S / FPS + 1;

		for (unsigned i = 0; i < people; i++)
			feed(worker, &streams[i], i + 1, n, now);
		run_to(worker, now);
	}
	(void)snprintf(path, sizeof(path), "%s/%s%s-%u-%u.ppm", dir, layout,
		       splash, people, h);
	write_ppm(path, sink.last);
	worker_free(&worker);
	text_free(&text);
	vdec_free(&sink.dec);
	pic_free(&sink.last);
	for (unsigned i = 0; i < people * LOOP; i++)
		mem_free((void *)(uintptr_t)
			 streams[i / LOOP].frame[i % LOOP].p);
	mem_free(streams);
}

static int snapshots(const char *dir)
{
	static const struct {
		const char *layout, *splash;
		unsigned people, w, h;
	} rows[] = {
		{"1:7", "", 8, 1280, 720}, {"1:7", "", 3, 1280, 720},
		{"1:7", "", 1, 1280, 720}, {"1:0", "", 1, 640, 360},
		{"4:0", "", 4, 1280, 720}, {"9:0", "", 9, 1280, 720},
		{"16:0", "", 16, 1280, 720}, {"25:0", "", 25, 1280, 720},
		{"1:7", "", 8, 640, 360}, {"1:7", "", 8, 320, 180},
		{"splash", "waiting_for_host", 0, 1280, 720},
		{"splash", "locked", 0, 1280, 720},
		{"splash", "alone", 0, 640, 360},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		snapshot(dir, rows[i].layout, rows[i].splash, rows[i].people,
			 rows[i].w, rows[i].h);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--snapshot") == 0)
		return snapshots(argv[2]);
	return bench();
}
