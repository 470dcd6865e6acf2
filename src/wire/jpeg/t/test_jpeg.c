#include "wire/t/test_help.h"
#include "wire/jpeg/jpeg.h"

/* An application segment, then a frame of 100 x 80 in three colours. */
#define APP0 "ffe0 0004 0000 "
#define FRAME "ffc0 0011 08 0050 0064 03 012200 021101 031101 "

static int read_hex(const char *text, struct jpeg_head *out)
{
	struct bytes b = hex(text);
	uint8_t *p = mem_dup(b.v, b.n);
	int r;

	assert_non_null(p);
	r = jpeg_head_read(out, span_of(p, b.n));
	mem_free(p);
	return r;
}

static void test_jpeg_head__reads_size_and_colours(void **state)
{
	struct jpeg_head h;

	(void)state;
	assert_int_equal(read_hex("ffd8 " APP0 FRAME "ffda 0000", &h), 0);
	assert_true(h.width == 100 && h.height == 80 && h.components == 3);
	assert_int_equal(read_hex("ffd8 ffc2 000b 08 0001 ffff 01 000000", &h),
			 0);
	assert_true(h.width == 65535 && h.height == 1 && h.components == 1);
}

static void test_jpeg_head__tables_before_the_frame_are_no_frame(void **state)
{
	struct jpeg_head h;

	(void)state;
	assert_int_equal(read_hex("ffd8 ffc4 0003 00 ffdb 0002 ffcc 0002 "
				  "ffc8 0002 fffe 0002 " FRAME, &h), 0);
	assert_int_equal(h.width, 100);
}

static void test_jpeg_head__refuses_what_is_none(void **state)
{
	static const char *const bad[] = {
		"", "ff", "ffd8", "ffd9 " FRAME, "89504e47 0d0a1a0a",
		"ffd8 ffd9", "ffd8 ffda 0004 0000 " FRAME,
		"ffd8 ffd0 " FRAME, "ffd8 ff00 0002 " FRAME,
		"ffd8 ffff 0002 " FRAME, "ffd8 ff01 0002 " FRAME,
		"ffd8 ffe0 0001 " FRAME, "ffd8 ffe0 0000 " FRAME,
		"ffd8 00e0 0002 " FRAME, "ffd8 ffe0 ffff " FRAME,
		/* height or width 0; no component; another length */
		"ffd8 ffc0 000b 08 0000 0064 01 000000",
		"ffd8 ffc0 000b 08 0050 0000 01 000000",
		"ffd8 ffc0 0008 08 0050 0064 00",
		"ffd8 ffc0 000c 08 0050 0064 01 000000 00",
		"ffd8 ffc0 000a 08 0050 0064 01 0000",
	};
	struct jpeg_head h = {.width = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_hex(bad[i], &h) != E_FORMAT)
			fail_msg("%s", bad[i]);
	assert_int_equal(h.width, 7);
}

static void prefix(struct span in, void *arg)
{
	struct jpeg_head h;

	(void)arg;
	assert_int_equal(jpeg_head_read(&h, in), E_FORMAT);
}

static void test_jpeg_head__is_bounded_at_every_step(void **state)
{
	struct bytes b = hex("ffd8 " APP0 FRAME);

	(void)state;
	each_prefix(bytes_span(&b), prefix, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jpeg_head__reads_size_and_colours),
		cmocka_unit_test(
			test_jpeg_head__tables_before_the_frame_are_no_frame),
		cmocka_unit_test(test_jpeg_head__refuses_what_is_none),
		cmocka_unit_test(test_jpeg_head__is_bounded_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
