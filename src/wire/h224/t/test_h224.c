#include "wire/t/test_help.h"
#include "wire/h224/h224.h"

static int read_hex(struct h224_frame *f, const char *text)
{
	struct bytes b = hex(text);

	return h224_decode(f, bytes_span(&b));
}

static void assert_written(const struct h224_frame *f, const char *text)
{
	struct bytes want = hex(text);
	uint8_t buf[H224_FRAME_MAX];
	struct span out;

	assert_int_equal(h224_encode(buf, sizeof(buf), &out, f), 0);
	assert_int_equal(out.n, want.n);
	assert_memory_equal(out.p, want.v, want.n);
}

static void assert_move(const struct h224_frame *f, int pan, int tilt,
			int zoom, int focus)
{
	assert_int_equal(f->move.pan, pan);
	assert_int_equal(f->move.tilt, tilt);
	assert_int_equal(f->move.zoom, zoom);
	assert_int_equal(f->move.focus, focus);
}

/* H.281: P R/L T U/D Z I/O F I/O, four bits of timeout in steps of 50 ms. */
static void test_h224__reads_what_a_camera_is_told(void **state)
{
	struct h224_frame f;

	(void)state;
	assert_int_equal(read_hex(&f, "006103 0000 0000 01 c0 01 c0 05"), 0);
	assert_int_equal(f.kind, H224_START);
	assert_move(&f, 1, 0, 0, 0);
	assert_int_equal(f.timeout_ms, 250);
	assert_int_equal(read_hex(&f, "007103 0001 0002 01 00 01 b4 00"), 0);
	assert_move(&f, -1, 1, 0, 0);
	assert_int_equal(f.timeout_ms, 800);
	assert_int_equal(read_hex(&f, "006103 0000 0000 01 c0 02 28"), 0);
	assert_int_equal(f.kind, H224_CONTINUE);
	assert_move(&f, 0, -1, -1, 0);
	assert_int_equal(read_hex(&f, "006103 0000 0000 01 c0 03 0f"), 0);
	assert_int_equal(f.kind, H224_STOP);
	assert_move(&f, 0, 0, 1, 1);
	assert_int_equal(read_hex(&f, "006103 0000 0000 01 c0 04 10"), 0);
	assert_int_equal(f.kind, H224_SOURCE);
	assert_int_equal(read_hex(&f, "006103 0000 0000 01 c0 07 30"), 0);
	assert_int_equal(f.kind, H224_PRESET);
}

static void test_h224__reads_who_speaks_what(void **state)
{
	struct h224_frame f;

	(void)state;
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 c0 01 ff"), 0);
	assert_int_equal(f.kind, H224_CLIENTS_ASKED);
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 c0 01 00 01 81"),
			 0);
	assert_int_equal(f.kind, H224_CLIENTS);
	assert_true(f.has_h281);
	/* extended and non-standard ones before it; T.140 (2) alone */
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 00 01 00 03"
				  "fe01 ff0102030405 01"), 0);
	assert_true(f.has_h281);
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 c0 01 00 01 02"),
			 0);
	assert_false(f.has_h281);
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 c0 02 ff 01"), 0);
	assert_int_equal(f.kind, H224_EXTRAS_ASKED);
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 c0 02 00 81 00"),
			 0);
	assert_int_equal(f.kind, H224_EXTRAS);
}

static void test_h224__leaves_what_is_none_of_ours(void **state)
{
	static const char *const others[] = {
		"006103 0000 0000 02 c0 41",		/* another client */
		"006103 0000 0000 7e 01 c0 41",		/* extended */
		"006103 0000 0000 01 40 01 c0 05",	/* first of several */
		"006103 0000 0000 01 c1 01 c0 05",	/* segment 1 */
		"006103 0000 0000 01 c0 09 c0 05",	/* no such message */
		"006103 0000 0000 00 c0 02 ff 02",	/* extras of another */
	};
	struct h224_frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(read_hex(&f, others[i]), 0);
		assert_int_equal(f.kind, H224_OTHER);
	}
}

static void test_h224__refuses_what_is_no_frame(void **state)
{
	struct bytes b = {.n = H224_FRAME_MAX + 1};
	struct h224_frame f;

	(void)state;
	assert_int_equal(read_hex(&f, ""), E_TRUNC);
	assert_int_equal(read_hex(&f, "006103 0000 0000 01"), E_TRUNC);
	assert_int_equal(read_hex(&f, "016103 0000 0000 01 c0 03 c0"),
			 E_FORMAT);
	assert_int_equal(read_hex(&f, "006003 0000 0000 01 c0 03 c0"),
			 E_FORMAT);
	assert_int_equal(read_hex(&f, "006113 0000 0000 01 c0 03 c0"),
			 E_FORMAT);
	assert_int_equal(read_hex(&f, "006103 0000 0000 01 c0 01 c0"),
			 E_TRUNC);
	assert_int_equal(read_hex(&f, "006103 0000 0000 00 c0 01 00 02 81"),
			 E_TRUNC);
	b.v[1] = 0x61;
	b.v[2] = 0x03;
	assert_int_equal(h224_decode(&f, bytes_span(&b)), E_FORMAT);
}

static void test_h224__writes_what_it_reads(void **state)
{
	const struct h224_frame start = {.kind = H224_START,
		.move = {.pan = -1, .zoom = 1}, .timeout_ms = 1000};
	const struct h224_frame brief = {.kind = H224_START,
		.move = {.tilt = 1, .focus = -1}, .timeout_ms = 20};
	const struct h224_frame stop = {.kind = H224_STOP,
					.move = {.pan = 1, .tilt = -1}};
	const struct h224_frame asks = {.kind = H224_CLIENTS_ASKED};
	const struct h224_frame list = {.kind = H224_CLIENTS,
					.has_h281 = true};
	const struct h224_frame preset = {.kind = H224_PRESET};
	uint8_t buf[H224_FRAME_MAX];
	struct span out;

	(void)state;
	assert_written(&start, "006103 0000 0000 01 c0 01 8c 00");
	assert_written(&brief, "006103 0000 0000 01 c0 01 32 01");
	assert_written(&stop, "006103 0000 0000 01 c0 03 e0");
	assert_written(&asks, "006103 0000 0000 00 c0 01 ff");
	assert_written(&list, "006103 0000 0000 00 c0 01 00 01 81");
	assert_int_equal(h224_encode(buf, sizeof(buf), &out, &preset),
			 E_INVAL);
	assert_int_equal(h224_encode(buf, 10, &out, &stop), E_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_h224__reads_what_a_camera_is_told),
		cmocka_unit_test(test_h224__reads_who_speaks_what),
		cmocka_unit_test(test_h224__leaves_what_is_none_of_ours),
		cmocka_unit_test(test_h224__refuses_what_is_no_frame),
		cmocka_unit_test(test_h224__writes_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
