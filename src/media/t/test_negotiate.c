/* Offers as browsers write them, and what becomes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "media/negotiate.h"

enum { SECTIONS = 5, CODECS = 6 };

struct offer {
	Cv__LegDescription d;
	Cv__Section s[SECTIONS], *sp[SECTIONS];
	Cv__Codec c[SECTIONS][CODECS], *cp[SECTIONS][CODECS];
	Cv__Ext e[SECTIONS][2], *ep[SECTIONS][2];
	uint8_t fp[32];
};

static void offer_init(struct offer *o)
{
	memset(o, 0, sizeof(*o));
	cv__leg_description__init(&o->d);
	o->d.ice_ufrag = (ProtobufCBinaryData){4, (uint8_t *)"abcd"};
	o->d.ice_pwd = (ProtobufCBinaryData){
		22, (uint8_t *)"0123456789012345678901"};
	o->d.fingerprint_sha256 = (ProtobufCBinaryData){32, o->fp};
	o->d.sections = o->sp;
}

static Cv__Section *section(struct offer *o, Cv__MediaKind kind,
			    Cv__Direction dir)
{
	size_t i = o->d.n_sections++;

	cv__section__init(&o->s[i]);
	o->sp[i] = &o->s[i];
	o->s[i].kind = kind;
	o->s[i].direction = dir;
	o->s[i].codecs = o->cp[i];
	o->s[i].exts = o->ep[i];
	return &o->s[i];
}

static Cv__Codec *codec(struct offer *o, Cv__CodecName name, unsigned pt)
{
	size_t i = o->d.n_sections - 1, k = o->s[i].n_codecs++;

	cv__codec__init(&o->c[i][k]);
	o->cp[i][k] = &o->c[i][k];
	o->c[i][k].name = name;
	o->c[i][k].pt = pt;
	return &o->c[i][k];
}

static void ext(struct offer *o, Cv__ExtName name, unsigned id)
{
	size_t i = o->d.n_sections - 1, k = o->s[i].n_exts++;

	cv__ext__init(&o->e[i][k]);
	o->ep[i][k] = &o->e[i][k];
	o->e[i][k].name = name;
	o->e[i][k].id = id;
}

static void browser(struct offer *o)
{
	Cv__Codec *c;

	offer_init(o);
	section(o, CV__MEDIA_KIND__KIND_AUDIO, CV__DIRECTION__DIR_SENDRECV);
	codec(o, CV__CODEC_NAME__CODEC_PCMU, 0);
	codec(o, CV__CODEC_NAME__CODEC_OPUS, 111);
	ext(o, CV__EXT_NAME__EXT_AUDIO_LEVEL, 1);
	ext(o, CV__EXT_NAME__EXT_MID, 4);
	section(o, CV__MEDIA_KIND__KIND_VIDEO, CV__DIRECTION__DIR_SENDRECV);
	c = codec(o, CV__CODEC_NAME__CODEC_H264, 101);
	c->profile_level_id = 0x640c1f;
	c->packetization_mode = 1;
	c = codec(o, CV__CODEC_NAME__CODEC_H264, 102);
	c->profile_level_id = 0x42e01f;
	c = codec(o, CV__CODEC_NAME__CODEC_VP8, 96);
	c->feedback = CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI |
		      CV__FEEDBACK__FB_TWCC | CV__FEEDBACK__FB_REMB;
	c = codec(o, CV__CODEC_NAME__CODEC_RTX, 97);
	c->apt = 96;
	ext(o, CV__EXT_NAME__EXT_TWCC, 3);
	section(o, CV__MEDIA_KIND__KIND_SLIDES, CV__DIRECTION__DIR_SENDRECV);
	codec(o, CV__CODEC_NAME__CODEC_VP8, 96);
	section(o, CV__MEDIA_KIND__KIND_OTHER, CV__DIRECTION__DIR_SENDRECV);
}

static void test_negotiate__takes_what_a_browser_offers(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	browser(&o);
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.audio.pt, 111);
	assert_int_equal(n.audio.ext_level, 1);
	assert_true(n.audio.we_send && n.audio.we_receive);
	/* a better H.264 mode is not there, so the order gives VP8 */
	assert_int_equal(n.video.pt, 96);
	assert_true(n.video.has_rtx);
	assert_int_equal(n.video.rtx_pt, 97);
	assert_int_equal(n.video.ext_twcc, 3);
	assert_false(n.is_dtls_client);
}

static void test_negotiate__prefers_the_offers_order(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	browser(&o);
	o.c[1][1].packetization_mode = 1;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.video.pt, 102);
	assert_int_equal(n.video.mode, 1);
	assert_false(n.video.has_rtx);
	o.s[1].n_codecs = 2;
	o.c[1][1].packetization_mode = 0;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.video.pt, 102);
	assert_int_equal(n.video.mode, 0);
	/* the High profile alone is none of ours */
	o.s[1].n_codecs = 1;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.video.section, NEGO_NONE);
}

static void test_negotiate__feedback_needs_both_halves(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	browser(&o);
	o.s[1].n_exts = 0;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.video.feedback & CV__FEEDBACK__FB_TWCC, 0);
	browser(&o);
	o.c[1][2].feedback = CV__FEEDBACK__FB_NACK;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.video.ext_twcc, 0);
}

static const struct nego_local local = {
	.audio_ssrc = 11, .video_ssrc = 22, .video_rtx_ssrc = 33,
	.slides_ssrc = 44, .slides_rtx_ssrc = 55};

static void test_negotiate__answers_section_by_section(void **state)
{
	Cv__LegDescription *a = NULL;
	struct offer o;
	struct nego n;

	(void)state;
	browser(&o);
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(nego_answer_new(&a, &n, &o.d, &local), 0);
	assert_int_equal(a->n_sections, 4);
	assert_int_equal(a->setup, CV__DTLS_SETUP__SETUP_PASSIVE);
	assert_int_equal(a->sections[0]->n_codecs, 1);
	assert_int_equal(a->sections[0]->codecs[0]->pt, 111);
	assert_int_equal(a->sections[0]->ssrc, 11);
	assert_int_equal(a->sections[0]->n_exts, 2);
	assert_int_equal(a->sections[1]->n_codecs, 2);
	assert_int_equal(a->sections[1]->codecs[1]->apt, 96);
	assert_int_equal(a->sections[1]->rtx_ssrc, 33);
	assert_int_equal(a->sections[2]->direction,
			 CV__DIRECTION__DIR_SENDRECV);
	assert_int_equal(a->sections[2]->ssrc, 44);
	assert_int_equal(a->sections[2]->rtx_ssrc, 0);	/* none offered */
	assert_false(a->sections[2]->rejected);
	assert_true(a->sections[3]->rejected);
	nego_answer_free(&a);
}

/* Presentation is forwarded: both codecs are agreed, each with its repair. */
static void test_negotiate__slides_take_both_codecs(void **state)
{
	static const uint8_t order[] = {102, 103, 96, 97};
	Cv__LegDescription *a = NULL;
	struct offer o;
	struct nego n;
	Cv__Codec *c;
	bool is_rtx;

	(void)state;
	offer_init(&o);
	section(&o, CV__MEDIA_KIND__KIND_AUDIO, CV__DIRECTION__DIR_SENDRECV);
	codec(&o, CV__CODEC_NAME__CODEC_OPUS, 111);
	section(&o, CV__MEDIA_KIND__KIND_SLIDES, CV__DIRECTION__DIR_SENDONLY);
	c = codec(&o, CV__CODEC_NAME__CODEC_H264, 102);
	c->profile_level_id = 0x42e01f;
	c->packetization_mode = 1;
	c->feedback = CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI;
	codec(&o, CV__CODEC_NAME__CODEC_RTX, 103)->apt = 102;
	codec(&o, CV__CODEC_NAME__CODEC_VP8, 96)->feedback =
		CV__FEEDBACK__FB_PLI;
	codec(&o, CV__CODEC_NAME__CODEC_RTX, 97)->apt = 96;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.slides.section, 1);
	assert_true(n.slides.we_receive && !n.slides.we_send);
	assert_int_equal(nego_takes(&n.slides),
			 CV__SLIDES_CODEC__SLIDES_VP8 |
			 CV__SLIDES_CODEC__SLIDES_H264_MODE1);
	assert_int_equal(nego_way_of_pt(&n.slides, 97, &is_rtx).pt, 96);
	assert_true(is_rtx);
	assert_int_equal(nego_way_of_pt(&n.slides, 102, &is_rtx).rtx_pt, 103);
	assert_false(is_rtx);
	assert_int_equal(nego_way_of_pt(&n.slides, 99, &is_rtx).codec, 0);
	assert_int_equal(nego_answer_new(&a, &n, &o.d, &local), 0);
	assert_int_equal(a->sections[1]->direction,
			 CV__DIRECTION__DIR_RECVONLY);
	assert_int_equal(a->sections[1]->n_codecs, sizeof(order));
	for (size_t i = 0; i < sizeof(order); i++)
		assert_int_equal(a->sections[1]->codecs[i]->pt, order[i]);
	assert_int_equal(a->sections[1]->codecs[2]->feedback,
			 CV__FEEDBACK__FB_PLI);
	assert_int_equal(a->sections[1]->codecs[3]->feedback, 0);
	nego_answer_free(&a);
}

static void test_negotiate__mirrors_directions(void **state)
{
	static const Cv__Direction mirror[] = {
		CV__DIRECTION__DIR_INACTIVE, CV__DIRECTION__DIR_RECVONLY,
		CV__DIRECTION__DIR_SENDONLY, CV__DIRECTION__DIR_SENDRECV};

	(void)state;
	for (int i = 0; i < 4; i++) {
		Cv__LegDescription *a = NULL;
		struct offer o;
		struct nego n;

		browser(&o);
		o.s[0].direction = (Cv__Direction)i;
		o.d.setup = CV__DTLS_SETUP__SETUP_PASSIVE;
		assert_int_equal(nego_choose(&n, &o.d), 0);
		assert_int_equal(nego_answer_new(&a, &n, &o.d, &local), 0);
		assert_int_equal(a->sections[0]->direction, mirror[i]);
		assert_int_equal(a->setup, CV__DTLS_SETUP__SETUP_ACTIVE);
		nego_answer_free(&a);
	}
}

static void test_negotiate__refuses_what_is_out_of_bounds(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	browser(&o);
	o.d.fingerprint_sha256.len = 20;
	assert_int_equal(nego_choose(&n, &o.d), E_FORMAT);
	browser(&o);
	o.d.ice_pwd.len = 10;
	assert_int_equal(nego_choose(&n, &o.d), E_FORMAT);
	browser(&o);
	o.d.n_sections = 65;
	assert_int_equal(nego_choose(&n, &o.d), E_LIMIT);
	browser(&o);
	o.s[0].rejected = o.s[1].rejected = true;
	assert_int_equal(nego_choose(&n, &o.d), E_UNSUPPORTED);
	browser(&o);
	o.c[0][1].pt = 300;
	assert_int_equal(nego_choose(&n, &o.d), 0);
	assert_int_equal(n.audio.pt, 0);
}

static int answer(void *arg)
{
	Cv__LegDescription *a = NULL;
	struct offer o;
	struct nego n;
	int r;

	(void)arg;
	browser(&o);
	r = nego_choose(&n, &o.d);
	if (r == 0)
		r = nego_answer_new(&a, &n, &o.d, &local);
	nego_answer_free(&a);
	return r;
}

static void test_negotiate__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(answer, NULL, 5) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiate__takes_what_a_browser_offers),
		cmocka_unit_test(test_negotiate__prefers_the_offers_order),
		cmocka_unit_test(test_negotiate__feedback_needs_both_halves),
		cmocka_unit_test(test_negotiate__answers_section_by_section),
		cmocka_unit_test(test_negotiate__slides_take_both_codecs),
		cmocka_unit_test(test_negotiate__mirrors_directions),
		cmocka_unit_test(test_negotiate__refuses_what_is_out_of_bounds),
		cmocka_unit_test(test_negotiate__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
