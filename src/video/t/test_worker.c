#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/clock.h"
#include "ipc/ipc.h"
#include "video/compose/layout.h"
#include "video/t/synth.h"
#include "video/text/text.h"
#include "video/worker_int.h"

/* The sender who stands for what leg 1 presents. */
enum { SLIDES = 4 };
enum { ROOM = 77, W = 320, H = 180, SENDERS_MAX = 40, TOLERANCE = 14 };
#define MS NS_PER_MS

struct sender {
	struct venc *enc;
	struct pic *pic;
	uint32_t id;
};

/* A worker whose clock, CPU and both links belong to the test. */
struct house {
	struct worker *w;
	struct text *text;
	uint64_t now, cpu, cost;	/* cost: CPU per look at the clock */
	struct sender senders[SENDERS_MAX];
	/* what came out */
	struct vdec *dec[4];		/* by group id */
	struct pic *last[4];
	uint32_t last_id[4];
	unsigned out[4], keys[4];
	size_t bytes[4];
	unsigned asked[SENDERS_MAX], asked_slides;
	uint8_t flags;			/* of what senders send, beside KEY */
	int send_error;
};

static int on_send(void *arg, const struct frame *f)
{
	struct house *h = arg;
	struct pic_view v;
	uint64_t i = f->stream;

	if (h->send_error)
		return h->send_error;
	if (f->kind == FRAME_WANT_KEY && f->flags & FRAME_F_SLIDES) {
		h->asked_slides += i == 1;
		return 0;
	}
	if (f->kind == FRAME_WANT_KEY) {
		h->asked[i]++;
		return 0;
	}
	h->out[i]++;
	h->keys[i] += f->flags & FRAME_F_KEY;
	h->bytes[i] += f->data.n;
	h->last_id[i] = f->id;
	if (h->dec[i] && vdec_codec(h->dec[i]) != f->codec)
		vdec_free(&h->dec[i]);
	if (!h->dec[i])
		(void)vdec_new(&h->dec[i], f->codec);
	if (h->dec[i] && vdec_decode(h->dec[i], f->data, &v) == 0)
		(void)pic_assign(&h->last[i], &v);
	return 0;
}

static uint64_t on_cpu(void *arg)
{
	struct house *h = arg;

	h->cpu += h->cost;
	return h->cpu;
}

static int house_new(struct house *h)
{
	const struct worker_cfg cfg = {.send = on_send, .cpu_ns = on_cpu,
				       .arg = h};
	struct worker_cfg c = cfg;
	int r = text_new(&h->text);

	c.text = h->text;
	if (r == 0)
		r = worker_new(&h->w, &c, h->now);
	return r;
}

static void house_free(struct house *h)
{
	worker_free(&h->w);
	text_free(&h->text);
	for (unsigned i = 0; i < 4; i++) {
		vdec_free(&h->dec[i]);
		pic_free(&h->last[i]);
	}
	for (unsigned i = 0; i < SENDERS_MAX; i++) {
		venc_free(&h->senders[i].enc);
		pic_free(&h->senders[i].pic);
	}
}

static struct pic_color color_of(unsigned leg)
{
	static const uint8_t c[5][3] = {{20, 20, 20}, {200, 40, 40},
					{40, 180, 60}, {50, 70, 210},
					{200, 190, 50}};

	return pic_color_rgb(c[leg % 5][0], c[leg % 5][1], c[leg % 5][2]);
}

static int person(struct house *h, uint64_t leg, const char *name, bool video)
{
	Cv__VideoPerson m = CV__VIDEO_PERSON__INIT;

	m.room = ROOM;
	m.leg = leg;
	m.name = ipc_data(span_str(name));
	m.video = video;
	return worker_person(h->w, &m, h->now);
}

static void gone(struct house *h, uint64_t leg)
{
	Cv__VideoPerson m = CV__VIDEO_PERSON__INIT;

	m.room = ROOM;
	m.leg = leg;
	m.gone = true;
	assert_int_equal(worker_person(h->w, &m, h->now), 0);
}

/* One group, id 1, everybody from leg 1 to n. */
static Cv__VideoGroup group_of(uint64_t slots[LAYOUT_SLOTS_MAX], unsigned n,
			       const char *layout)
{
	Cv__VideoGroup g = CV__VIDEO_GROUP__INIT;

	for (unsigned i = 0; i < n; i++)
		slots[i] = i + 1;
	g.group = 1;
	g.codec = CV__CODEC_NAME__CODEC_VP8;
	g.width = W;
	g.height = H;
	g.fps = 30;
	g.kbps = 600;
	g.layout = (char *)(uintptr_t)layout;
	g.slots = slots;
	g.n_slots = n;
	return g;
}

static void plan(struct house *h, Cv__VideoGroup **groups, size_t n)
{
	Cv__VideoPlan m = CV__VIDEO_PLAN__INIT;

	m.room = ROOM;
	m.groups = groups;
	m.n_groups = n;
	assert_int_equal(worker_plan(h->w, &m, h->now), 0);
}

static void plan_one(struct house *h, unsigned people, const char *layout)
{
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g = group_of(slots, people, layout), *list[1] = {&g};

	plan(h, list, 1);
}

static int send_picture(struct house *h, unsigned leg, bool key, bool lose)
{
	struct sender *s = &h->senders[leg];
	const struct venc_cfg cfg = {.codec = FRAME_VP8, .w = 160, .h = 90,
				     .fps = 30, .kbps = 200};
	struct frame f = {.kind = FRAME_IN, .codec = FRAME_VP8, .chunks = 1,
			  .room = ROOM, .stream = leg};
	struct pic_view v;
	struct venc_out o;
	int r = 0;

	if (!s->enc)
		r = venc_new(&s->enc, &cfg);
	if (r == 0 && !s->pic) {
		r = pic_new(&s->pic, 160, 90);
		if (r == 0)
			pic_fill(s->pic, color_of(leg));
	}
	if (r < 0)
		return r;
	v = pic_view(s->pic);
	r = venc_encode(s->enc, &v, 3000, key, &o);
	if (r < 0)
		return r;
	f.id = s->id++;
	f.data = o.data;
	f.total = (uint32_t)o.data.n;
	f.flags = (uint8_t)((o.key ? FRAME_F_KEY : 0) | h->flags);
	if (h->flags & FRAME_F_SLIDES)
		f.stream = 1;
	if (!lose)
		worker_frame(h->w, &f, h->now);
	return 0;
}

/* Time goes on in steps of a millisecond. */
static void pass(struct house *h, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		h->now += MS;
		for (int k = 0; k < 8 && worker_due(h->w) <= h->now; k++)
			worker_run(h->w, h->now);
	}
}

/* A room with n senders, each having sent a keyframe, in one group. */
static void open_meeting(struct house *h, unsigned n, const char *layout)
{
	assert_int_equal(house_new(h), 0);
	worker_media_up(h->w, h->now);
	assert_int_equal(worker_room_open(h->w, ROOM, h->now), 0);
	for (unsigned i = 1; i <= n; i++)
		assert_int_equal(person(h, i, "Anna Berg", true), 0);
	plan_one(h, n, layout);
	for (unsigned i = 1; i <= n; i++)
		assert_int_equal(send_picture(h, i, true, false), 0);
	pass(h, 100);
}

static struct worker_stats stats(const struct house *h)
{
	struct worker_stats st;

	worker_stats(h->w, &st);
	return st;
}

static bool cell_is(const struct house *h, unsigned group, const char *layout,
		    unsigned people, unsigned slot, struct pic_color c)
{
	const struct layout *l = layout_find(span_str(layout), people);
	struct layout_rect r;
	struct pic_view v;

	if (!h->last[group])
		return false;
	v = pic_view(h->last[group]);
	r = layout_rect(l, slot, v.w, v.h);
	return synth_near(&v, r.x + r.w / 2u, r.y + r.h / 2u, c, TOLERANCE);
}

static void test_worker__composes_everybody_at_his_place(void **state)
{
	static const struct {
		const char *layout;
		unsigned people;
	} rows[] = {{"1:7", 8}, {"1:7", 3}, {"1:0", 1}, {"4:0", 4},
		    {"9:0", 9}, {"16:0", 16}, {"25:0", 25}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct house h = {.now = NS_PER_S};

		open_meeting(&h, rows[i].people, rows[i].layout);
		for (unsigned k = 0; k < rows[i].people; k++)
			assert_true(cell_is(&h, 1, rows[i].layout,
					    rows[i].people, k,
					    color_of(k + 1)));
		house_free(&h);
	}
}

static void test_worker__presentation_has_the_main_place(void **state)
{
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g = group_of(slots, 2, "1:7"), *list[1] = {&g};
	struct house h = {.now = NS_PER_S};

	(void)state;
	open_meeting(&h, 2, "1:7");
	g.slides = 1;
	plan(&h, list, 1);
	assert_int_equal(h.asked_slides, 1);
	h.flags = FRAME_F_SLIDES;
	assert_int_equal(send_picture(&h, SLIDES, true, false), 0);
	h.flags = 0;
	pass(&h, 100);
	assert_true(cell_is(&h, 1, "1:7", 3, 0, color_of(SLIDES)));
	/* whoever presents keeps his own place beside it */
	assert_true(cell_is(&h, 1, "1:7", 3, 1, color_of(1)));
	assert_true(cell_is(&h, 1, "1:7", 3, 2, color_of(2)));
	/* alone */
	g.layout = (char *)(uintptr_t)"slides";
	plan(&h, list, 1);
	pass(&h, 100);
	assert_true(cell_is(&h, 1, "1:0", 1, 0, color_of(SLIDES)));
	/* over: nothing of it stays */
	assert_int_equal(h.w->n_legs, 3);
	plan_one(&h, 2, "1:7");
	pass(&h, 100);
	assert_int_equal(h.w->n_legs, 2);
	assert_true(cell_is(&h, 1, "1:7", 2, 0, color_of(1)));
	/* "slides" of nobody, and a leg that cannot be */
	g.slides = 0;
	plan(&h, list, 1);
	g.slides = PLAN_SLIDES_BIT | 1;
	plan(&h, list, 1);
	assert_int_equal(stats(&h).refused, 2);
	assert_int_equal(person(&h, PLAN_SLIDES_BIT | 1, "x", true), E_INVAL);
	house_free(&h);
}

static void test_worker__speaks_h264_too(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g, *list[1] = {&g};

	(void)state;
	open_meeting(&h, 4, "4:0");
	g = group_of(slots, 4, "4:0");
	g.codec = CV__CODEC_NAME__CODEC_H264;
	plan(&h, list, 1);
	pass(&h, 100);
	assert_int_equal(vdec_codec(h.dec[1]), FRAME_H264);
	for (unsigned k = 0; k < 4; k++)
		assert_true(cell_is(&h, 1, "4:0", 4, k, color_of(k + 1)));
	house_free(&h);
}

static void test_worker__follows_a_new_order_of_people(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g, *list[1] = {&g};

	(void)state;
	open_meeting(&h, 3, "1:7");
	g = group_of(slots, 3, "1:7");
	slots[0] = 3;
	slots[2] = 1;
	plan(&h, list, 1);
	pass(&h, 200);
	assert_true(cell_is(&h, 1, "1:7", 3, 0, color_of(3)));
	assert_true(cell_is(&h, 1, "1:7", 3, 1, color_of(2)));
	assert_true(cell_is(&h, 1, "1:7", 3, 2, color_of(1)));
	/* nobody had to send a keyframe, nor did we */
	assert_int_equal(h.keys[1], 1);
	assert_int_equal(h.asked[1] + h.asked[2] + h.asked[3], 3);
	house_free(&h);
}

static void test_worker__new_plan_goes_on_without_a_keyframe(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint32_t before;

	(void)state;
	open_meeting(&h, 4, "4:0");
	before = h.last_id[1];
	plan_one(&h, 4, "1:7");
	pass(&h, 100);
	assert_int_equal(h.keys[1], 1);
	assert_true(h.last_id[1] > before);
	assert_int_equal(h.last_id[1] + 1, h.out[1]);
	house_free(&h);
}

static void test_worker__new_size_is_a_new_encoder_one_stream(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g, *list[1] = {&g};
	uint32_t before;

	(void)state;
	open_meeting(&h, 2, "4:0");
	before = h.last_id[1];
	g = group_of(slots, 2, "4:0");
	g.width = 640;
	g.height = 360;
	plan(&h, list, 1);
	pass(&h, 60);
	assert_int_equal(h.keys[1], 2);
	assert_true(h.last_id[1] > before);
	assert_int_equal(h.last[1]->w, 640);
	house_free(&h);
}

static void test_worker__leaves_bad_groups_out_and_keeps_good_ones(
	void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[8][LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g[8], *list[8];

	(void)state;
	open_meeting(&h, 2, "4:0");
	for (unsigned i = 0; i < 8; i++) {
		g[i] = group_of(slots[i], 2, "4:0");
		g[i].group = i == 7 ? 1 : i + 10;
		list[i] = &g[i];
	}
	g[0].width = 4000;
	g[1].height = 181;
	g[2].fps = 0;
	g[3].kbps = 1000000;
	g[4].layout = (char *)"3:3";
	g[5].codec = CV__CODEC_NAME__CODEC_OPUS;
	g[6].layout = (char *)"splash";
	g[6].splash = (char *)"no such text";
	plan(&h, list, 8);
	assert_int_equal(stats(&h).groups, 1);
	assert_int_equal(stats(&h).refused, 7);
	pass(&h, 100);
	assert_int_equal(h.keys[1], 1);
	house_free(&h);
}

static void test_worker__caps_groups_of_a_room(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[20][LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g[20], *list[20];

	(void)state;
	open_meeting(&h, 1, "1:0");
	for (unsigned i = 0; i < 20; i++) {
		g[i] = group_of(slots[i], 1, "1:0");
		g[i].group = i;
		g[i].width = 64;
		g[i].height = 64;
		list[i] = &g[i];
	}
	worker_set_groups_max(h.w, 6);
	plan(&h, list, 20);
	assert_int_equal(stats(&h).groups, 6);
	worker_set_groups_max(h.w, 1000);	/* no such setting */
	plan(&h, list, 20);
	assert_int_equal(stats(&h).groups, 6);
	plan(&h, list, 0);
	assert_int_equal(stats(&h).groups, 0);
	house_free(&h);
}

static void test_worker__same_group_twice_in_a_plan_counts_once(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g, *list[2] = {&g, &g};

	(void)state;
	open_meeting(&h, 1, "1:0");
	g = group_of(slots, 1, "1:0");
	plan(&h, list, 2);
	assert_int_equal(stats(&h).groups, 1);
	assert_int_equal(stats(&h).refused, 1);
	house_free(&h);
}

static void test_worker__still_picture_keeps_two_frames_a_second(void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned before, drawn;

	(void)state;
	open_meeting(&h, 3, "4:0");
	pass(&h, 1000);
	before = h.out[1];
	drawn = (unsigned)stats(&h).cells_drawn;
	pass(&h, 10000);
	assert_in_range(h.out[1] - before, 20, 30);
	assert_int_equal(stats(&h).cells_drawn, drawn);	/* not composed */
	house_free(&h);
}

static void test_worker__moving_picture_keeps_the_rate_of_the_group(
	void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned before;

	(void)state;
	open_meeting(&h, 2, "4:0");
	before = h.out[1];
	for (unsigned i = 0; i < 200; i++) {	/* 100 pictures a second each */
		assert_int_equal(send_picture(&h, 1, false, false), 0);
		assert_int_equal(send_picture(&h, 2, false, false), 0);
		pass(&h, 10);
	}
	assert_in_range(h.out[1] - before, 58, 61);
	assert_int_equal(stats(&h).missed, 0);
	house_free(&h);
}

static void test_worker__keyframes_are_limited_in_rate(void **state)
{
	struct house h = {.now = NS_PER_S};
	struct frame f = {.kind = FRAME_WANT_KEY, .chunks = 1, .room = ROOM,
			  .stream = 1};

	(void)state;
	open_meeting(&h, 1, "1:0");
	pass(&h, 1000);
	assert_int_equal(h.keys[1], 1);
	worker_frame(h.w, &f, h.now);
	pass(&h, 40);
	assert_int_equal(h.keys[1], 2);		/* the first at once */
	for (unsigned i = 0; i < 3000; i++) {
		worker_frame(h.w, &f, h.now);
		pass(&h, 1);
	}
	assert_in_range(h.keys[1], 7, 8);	/* a storm: one per 500 ms */
	house_free(&h);
}

static void test_worker__lower_rate_makes_smaller_pictures(void **state)
{
	struct house h = {.now = NS_PER_S};
	struct frame f = {.kind = FRAME_RATE, .chunks = 1, .room = ROOM,
			  .stream = 1, .kbps = 60};
	size_t high, low;

	(void)state;
	open_meeting(&h, 1, "1:0");
	for (unsigned k = 0; k < 2; k++) {
		h.bytes[1] = 0;
		for (unsigned i = 0; i < 90; i++) {
			synth_person(h.senders[1].pic, 1, i);
			assert_int_equal(send_picture(&h, 1, false, false),
					 0);
			pass(&h, 33);
			if (i == 30)
				h.bytes[1] = 0;
		}
		if (k == 0)
			high = h.bytes[1];
		worker_frame(h.w, &f, h.now);
	}
	low = h.bytes[1];
	assert_true(low * 2 < high);
	f.kbps = 100000;	/* never above the plan */
	worker_frame(h.w, &f, h.now);
	assert_int_equal(stats(&h).dropped, 0);
	house_free(&h);
}

static void test_worker__lost_picture_asks_for_a_keyframe(void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned before;

	(void)state;
	open_meeting(&h, 2, "4:0");
	pass(&h, 1000);
	before = h.asked[1];
	assert_int_equal(send_picture(&h, 1, false, true), 0);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(send_picture(&h, 1, false, false), 0);
		pass(&h, 33);
	}
	assert_in_range(h.asked[1] - before, 2, 3);	/* 1 s, 500 ms apart */
	assert_true(cell_is(&h, 1, "4:0", 2, 0, color_of(1)));
	pic_fill(h.senders[1].pic, color_of(4));
	assert_int_equal(send_picture(&h, 1, true, false), 0);
	pass(&h, 100);
	assert_true(cell_is(&h, 1, "4:0", 2, 0, color_of(4)));
	before = h.asked[1];
	pass(&h, 3000);
	assert_int_equal(h.asked[1], before);
	house_free(&h);
}

static void test_worker__rubbish_is_dropped_and_counted(void **state)
{
	struct house h = {.now = NS_PER_S};
	static const uint8_t bomb[16] = {0x10, 2, 0, 0x9d, 1, 0x2a, 0xff, 0x3f,
					 0xff, 0x3f};
	struct frame f = {.kind = FRAME_IN, .codec = FRAME_VP8, .chunks = 1,
			  .room = ROOM, .stream = 1, .id = 1,
			  .data = {bomb, sizeof(bomb)}, .total = sizeof(bomb)};

	(void)state;
	open_meeting(&h, 1, "1:0");
	worker_frame(h.w, &f, h.now);
	assert_int_equal(stats(&h).dropped, 1);
	f.stream = 99;				/* nobody */
	worker_frame(h.w, &f, h.now);
	f.room = 5;
	worker_frame(h.w, &f, h.now);
	f.kind = FRAME_OUT;			/* not from media */
	worker_frame(h.w, &f, h.now);
	f.kind = FRAME_WANT_KEY;
	worker_frame(h.w, &f, h.now);
	assert_int_equal(stats(&h).dropped, 5);
	assert_int_equal(stats(&h).rooms, 1);
	assert_int_equal(stats(&h).legs, 1);
	pass(&h, 600);
	assert_true(cell_is(&h, 1, "1:0", 1, 0, color_of(1)));
	house_free(&h);
}

static void test_worker__camera_off_is_a_card(void **state)
{
	struct house h = {.now = NS_PER_S};

	(void)state;
	open_meeting(&h, 2, "4:0");
	assert_int_equal(person(&h, 2, "Anna Berg", false), 0);
	pass(&h, 300);
	assert_true(cell_is(&h, 1, "4:0", 2, 0, color_of(1)));
	assert_false(cell_is(&h, 1, "4:0", 2, 1, color_of(2)));
	assert_int_equal(stats(&h).decoders, 1);
	/* and nothing of his is decoded meanwhile */
	assert_int_equal(send_picture(&h, 2, true, false), 0);
	pass(&h, 300);
	assert_false(cell_is(&h, 1, "4:0", 2, 1, color_of(2)));
	assert_int_equal(person(&h, 2, "Anna Berg", true), 0);
	assert_int_equal(send_picture(&h, 2, true, false), 0);
	pass(&h, 300);
	assert_true(cell_is(&h, 1, "4:0", 2, 1, color_of(2)));
	house_free(&h);
}

static void test_worker__who_leaves_is_not_drawn(void **state)
{
	struct house h = {.now = NS_PER_S};

	(void)state;
	open_meeting(&h, 2, "4:0");
	gone(&h, 2);
	pass(&h, 300);
	assert_true(cell_is(&h, 1, "4:0", 2, 1, COMPOSE_BACK));
	assert_int_equal(stats(&h).legs, 1);
	house_free(&h);
}

static void test_worker__decodes_only_who_is_shown(void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned before;

	(void)state;
	open_meeting(&h, 4, "4:0");
	assert_int_equal(stats(&h).decoders, 4);
	plan_one(&h, 2, "4:0");
	pass(&h, 4000);
	assert_int_equal(stats(&h).decoders, 2);
	assert_int_equal(send_picture(&h, 3, true, false), 0);
	assert_int_equal(stats(&h).decoders, 2);
	before = h.asked[3];
	plan_one(&h, 4, "4:0");
	assert_int_equal(h.asked[3], before + 1);	/* at once */
	house_free(&h);
}

static void test_worker__caps_decoders_of_a_room(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[2][LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g[2], *list[2] = {&g[0], &g[1]};

	(void)state;
	open_meeting(&h, 25, "25:0");
	for (unsigned i = 26; i < SENDERS_MAX; i++)
		assert_int_equal(person(&h, i, "x", true), 0);
	g[0] = group_of(slots[0], 25, "25:0");
	g[1] = group_of(slots[1], 14, "16:0");
	g[1].group = 2;
	for (unsigned i = 0; i < 14; i++)
		slots[1][i] = 26 + i;
	plan(&h, list, 2);
	for (unsigned i = 1; i < SENDERS_MAX; i++)
		assert_int_equal(send_picture(&h, i, true, false), 0);
	assert_int_equal(stats(&h).decoders, VIDEO_DECODERS_ROOM_MAX);
	assert_int_equal(stats(&h).refused,
			 SENDERS_MAX - 1 - VIDEO_DECODERS_ROOM_MAX);
	house_free(&h);
}

static void test_worker__sender_that_costs_too_much_is_paused(void **state)
{
	struct house h = {.now = NS_PER_S};

	(void)state;
	open_meeting(&h, 2, "4:0");
	h.cost = 150 * MS;		/* per look at the CPU clock */
	assert_int_equal(send_picture(&h, 1, false, false), 0);
	h.cost = 0;
	assert_int_equal(stats(&h).paused, 1);
	assert_int_equal(stats(&h).decoders, 1);
	pass(&h, 500);
	assert_false(cell_is(&h, 1, "4:0", 2, 0, color_of(1)));	/* a card */
	assert_true(cell_is(&h, 1, "4:0", 2, 1, color_of(2)));
	assert_int_equal(send_picture(&h, 1, true, false), 0);
	assert_int_equal(stats(&h).decoders, 1);
	pass(&h, VIDEO_PAUSE_MS + 1000);
	assert_int_equal(send_picture(&h, 1, true, false), 0);
	pass(&h, 300);
	assert_true(cell_is(&h, 1, "4:0", 2, 0, color_of(1)));
	house_free(&h);
}

static void test_worker__overload_lowers_the_rate_and_lets_it_rise(
	void **state)
{
	struct house h = {.now = NS_PER_S};

	(void)state;
	open_meeting(&h, 1, "1:0");
	for (unsigned i = 0; i < 40; i++) {	/* 100 ms a turn: too late */
		assert_int_equal(send_picture(&h, 1, false, false), 0);
		h.now += 100 * MS;
		worker_run(h.w, h.now);
	}
	assert_true(stats(&h).missed > 10);
	/* 10 pictures a second is what it can do */
	assert_int_equal(stats(&h).divisor, 3);
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(send_picture(&h, 1, false, false), 0);
		pass(&h, 40);
	}
	assert_int_equal(stats(&h).divisor, 1);
	house_free(&h);
}

static void test_worker__new_media_link_begins_anew(void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned keys, asked, out;

	(void)state;
	open_meeting(&h, 2, "4:0");
	pass(&h, 600);
	worker_media_down(h.w);
	out = h.out[1];
	pass(&h, 2000);
	assert_int_equal(h.out[1], out);	/* nobody to encode for */
	keys = h.keys[1];
	asked = h.asked[1];
	worker_media_up(h.w, h.now);
	pass(&h, 50);
	assert_int_equal(h.keys[1], keys + 1);
	assert_int_equal(h.asked[1], asked + 1);
	/* the last pictures are still shown, and nothing counts as missed */
	assert_true(cell_is(&h, 1, "4:0", 2, 1, color_of(2)));
	assert_int_equal(stats(&h).missed, 0);
	assert_int_equal(send_picture(&h, 2, false, false), 0);	/* no ref */
	assert_int_equal(stats(&h).dropped, 1);
	house_free(&h);
}

static void test_worker__full_socket_ends_in_a_keyframe(void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned keys;

	(void)state;
	open_meeting(&h, 1, "1:0");
	pass(&h, 1000);
	keys = h.keys[1];
	h.send_error = E_FULL;
	pass(&h, 600);
	h.send_error = 0;
	pass(&h, 600);
	assert_int_equal(h.keys[1], keys + 1);
	assert_true(stats(&h).send_full > 0);
	house_free(&h);
}

static void test_worker__new_core_keeps_what_it_names(void **state)
{
	struct house h = {.now = NS_PER_S};
	unsigned out;

	(void)state;
	open_meeting(&h, 1, "1:0");
	assert_int_equal(worker_room_open(h.w, 5, h.now), 0);
	worker_core_up(h.w, h.now);
	out = h.out[1];
	assert_int_equal(worker_room_open(h.w, ROOM, h.now), 0);
	plan_one(&h, 1, "1:0");
	pass(&h, VIDEO_STALE_ROOM_MS + 3000);
	assert_int_equal(stats(&h).rooms, 1);
	assert_true(h.out[1] > out + 60);
	assert_int_equal(h.keys[1], 1);
	house_free(&h);
}

static void test_worker__closed_rooms_leave_nothing(void **state)
{
	struct house h = {.now = NS_PER_S};
	struct frame f = {.kind = FRAME_ROOM_GONE, .chunks = 1, .room = ROOM};
	unsigned out;

	(void)state;
	open_meeting(&h, 3, "4:0");
	worker_frame(h.w, &f, h.now);
	assert_int_equal(stats(&h).decoders, 0);
	out = h.out[1];
	pass(&h, 1000);
	assert_int_equal(h.out[1], out);
	worker_room_close(h.w, ROOM);
	worker_room_close(h.w, ROOM);
	assert_int_equal(stats(&h).rooms, 0);
	assert_int_equal(stats(&h).legs, 0);
	assert_int_equal(stats(&h).groups, 0);
	assert_int_equal(stats(&h).picture_bytes, 0);
	assert_int_equal(person(&h, 1, "x", true), E_NOTFOUND);
	house_free(&h);
}

static void test_worker__speaking_redraws_two_cells(void **state)
{
	struct house h = {.now = NS_PER_S};
	Cv__VideoSpeaking m = CV__VIDEO_SPEAKING__INIT;
	uint64_t leg = 2, drawn;

	(void)state;
	open_meeting(&h, 4, "4:0");
	m.room = ROOM;
	m.legs = &leg;
	m.n_legs = 1;
	drawn = stats(&h).cells_drawn;
	assert_int_equal(worker_speaking(h.w, &m, h.now), 0);
	pass(&h, 50);
	assert_int_equal(stats(&h).cells_drawn, drawn + 1);
	leg = 3;
	assert_int_equal(worker_speaking(h.w, &m, h.now), 0);
	pass(&h, 50);
	assert_int_equal(stats(&h).cells_drawn, drawn + 3);
	house_free(&h);
}

static void test_worker__shows_a_splash_screen(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g, *list[1] = {&g};
	struct pic_view v;

	(void)state;
	open_meeting(&h, 1, "1:0");
	g = group_of(slots, 1, "splash");
	g.splash = (char *)"waiting_for_host";
	plan(&h, list, 1);
	pass(&h, 1000);
	v = pic_view(h.last[1]);
	assert_true(synth_near(&v, 4, 4, COMPOSE_BACK, TOLERANCE));
	g.splash = (char *)"locked";
	plan(&h, list, 1);
	pass(&h, 100);
	plan_one(&h, 1, "1:0");
	pass(&h, 500);
	assert_true(cell_is(&h, 1, "1:0", 1, 0, color_of(1)));
	assert_int_equal(h.keys[1], 1);
	house_free(&h);
}

static void test_worker__reports_its_load_once_a_window(void **state)
{
	struct house h = {.now = NS_PER_S};
	uint32_t permille = 0;

	(void)state;
	open_meeting(&h, 1, "1:0");
	(void)worker_load(h.w, &permille);
	pass(&h, 1100);
	assert_true(worker_load(h.w, &permille));
	assert_false(worker_load(h.w, &permille));
	house_free(&h);
}

static int meeting_once(void *arg)
{
	struct house h = {.now = NS_PER_S};
	Cv__VideoPlan m = CV__VIDEO_PLAN__INIT;
	uint64_t slots[LAYOUT_SLOTS_MAX];
	Cv__VideoGroup g = group_of(slots, 2, "4:0"), *list[1] = {&g};
	int r = house_new(&h);

	(void)arg;
	if (r == 0) {
		g.width = g.height = 64;
		g.names = true;
		m.room = ROOM;
		m.groups = list;
		m.n_groups = 1;
		worker_media_up(h.w, h.now);
		r = worker_room_open(h.w, ROOM, h.now);
		for (unsigned i = 1; i <= 2 && r == 0; i++)
			r = person(&h, i, "Anna Berg", i == 1);
		if (r == 0)
			r = worker_plan(h.w, &m, h.now);
		for (unsigned i = 0; i < 3 && r == 0; i++) {
			r = send_picture(&h, 1, i == 0, false);
			pass(&h, 40);
		}
	}
	house_free(&h);
	return r;
}

static void test_worker__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(meeting_once, NULL, 500) > 20);
}

/* --- pace and load alone --- */

static void test_pace__keeps_the_grid_within_a_period(void **state)
{
	struct pace p;
	uint64_t now = NS_PER_S, first;

	(void)state;
	pace_init(&p, 25, now);
	first = now;
	for (unsigned i = 0; i < 25; i++) {
		uint64_t due = pace_due(&p, 0);

		/* up to 15 ms late, again and again */
		assert_int_equal(pace_made(&p, 0, due + i % 16 * MS), 0);
	}
	assert_int_equal(pace_due(&p, 0), first + NS_PER_S);
}

static void test_pace__late_periods_are_lost_not_made_up(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 30, NS_PER_S);
	assert_int_equal(pace_made(&p, NS_PER_S, NS_PER_S + 200 * MS), 6);
	assert_true(pace_due(&p, 0) > NS_PER_S + 230 * MS);
	/* a rest is not lateness */
	assert_int_equal(pace_made(&p, NS_PER_S + 600 * MS,
				   NS_PER_S + 600 * MS), 0);
}

static void test_pace__divisor_never_breaks_the_still_rate(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 5, 0);
	pace_set(&p, 5, 5);
	assert_true(p.period_ns <= 500 * MS);
	pace_set(&p, 1, 1);
	assert_true(p.period_ns <= 500 * MS);
}

static void test_load__rises_at_once_and_falls_after_calm(void **state)
{
	struct load l;
	uint64_t now = 0, cpu = 0;

	(void)state;
	load_init(&l, now, cpu);
	for (unsigned i = 0; i < 10; i++) {
		now += NS_PER_S;
		cpu += 990 * MS;
		assert_true(load_turn(&l, now, cpu));
	}
	assert_int_equal(load_divisor(&l), 5);
	for (unsigned i = 0; i < LOAD_CALM_WINDOWS; i++) {
		assert_int_equal(load_divisor(&l), 5);
		now += NS_PER_S;
		cpu += 100 * MS;
		assert_true(load_turn(&l, now, cpu));
	}
	assert_int_equal(load_divisor(&l), 3);
	/* what would be too much one level lower stays */
	for (unsigned i = 0; i < 20; i++) {
		now += NS_PER_S;
		cpu += 600 * MS;
		assert_true(load_turn(&l, now, cpu));
	}
	assert_int_equal(load_divisor(&l), 3);
	assert_false(load_turn(&l, now + 10, cpu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker__composes_everybody_at_his_place),
		cmocka_unit_test(test_worker__presentation_has_the_main_place),
		cmocka_unit_test(test_worker__speaks_h264_too),
		cmocka_unit_test(test_worker__follows_a_new_order_of_people),
		cmocka_unit_test(
			test_worker__new_plan_goes_on_without_a_keyframe),
		cmocka_unit_test(
			test_worker__new_size_is_a_new_encoder_one_stream),
		cmocka_unit_test(
			test_worker__leaves_bad_groups_out_and_keeps_good_ones),
		cmocka_unit_test(test_worker__caps_groups_of_a_room),
		cmocka_unit_test(
			test_worker__same_group_twice_in_a_plan_counts_once),
		cmocka_unit_test(
			test_worker__still_picture_keeps_two_frames_a_second),
		cmocka_unit_test(
			test_worker__moving_picture_keeps_the_rate_of_the_group),
		cmocka_unit_test(test_worker__keyframes_are_limited_in_rate),
		cmocka_unit_test(
			test_worker__lower_rate_makes_smaller_pictures),
		cmocka_unit_test(
			test_worker__lost_picture_asks_for_a_keyframe),
		cmocka_unit_test(test_worker__rubbish_is_dropped_and_counted),
		cmocka_unit_test(test_worker__camera_off_is_a_card),
		cmocka_unit_test(test_worker__who_leaves_is_not_drawn),
		cmocka_unit_test(test_worker__decodes_only_who_is_shown),
		cmocka_unit_test(test_worker__caps_decoders_of_a_room),
		cmocka_unit_test(
			test_worker__sender_that_costs_too_much_is_paused),
		cmocka_unit_test(
			test_worker__overload_lowers_the_rate_and_lets_it_rise),
		cmocka_unit_test(test_worker__new_media_link_begins_anew),
		cmocka_unit_test(test_worker__full_socket_ends_in_a_keyframe),
		cmocka_unit_test(test_worker__new_core_keeps_what_it_names),
		cmocka_unit_test(test_worker__closed_rooms_leave_nothing),
		cmocka_unit_test(test_worker__speaking_redraws_two_cells),
		cmocka_unit_test(test_worker__shows_a_splash_screen),
		cmocka_unit_test(test_worker__reports_its_load_once_a_window),
		cmocka_unit_test(
			test_worker__survives_every_failing_allocation),
		cmocka_unit_test(test_pace__keeps_the_grid_within_a_period),
		cmocka_unit_test(test_pace__late_periods_are_lost_not_made_up),
		cmocka_unit_test(
			test_pace__divisor_never_breaks_the_still_rate),
		cmocka_unit_test(
			test_load__rises_at_once_and_falls_after_calm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
