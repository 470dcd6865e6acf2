#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"

static void test_rd__past_the_end_is_sticky(void **s)
{
	static const uint8_t b[] = {1, 2, 3};
	struct rd r = rd_of(span_of(b, sizeof(b)));

	(void)s;
	assert_int_equal(rd_u16(&r), 0x0102);
	assert_int_equal(rd_u16(&r), 0);
	assert_true(r.failed);
	assert_int_equal(rd_u8(&r), 0);	/* the byte is there, the flag rules */
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(rd_end(&r), E_TRUNC);
}

static void test_rd__success_needs_everything_consumed(void **s)
{
	static const uint8_t b[] = {0, 0, 0, 0, 0, 0, 0, 9, 7, 7, 7, 1, 2, 3, 4};
	struct rd r = rd_of(span_of(b, sizeof(b)));

	(void)s;
	assert_true(rd_u64(&r) == 9);
	assert_int_equal(rd_u24(&r), 0x070707);
	assert_int_equal(rd_end(&r), E_FORMAT);
	assert_int_equal(rd_u32(&r), 0x01020304);
	assert_int_equal(rd_end(&r), 0);
	assert_int_equal(rd_span(&r, 0).n, 0);
	assert_int_equal(rd_end(&r), 0);
	assert_int_equal(rd_span(&r, SIZE_MAX).n, 0);
	assert_int_equal(rd_end(&r), E_TRUNC);
}

static void test_rd__copy_zeroes_on_error(void **s)
{
	uint8_t d[4] = {9, 9, 9, 9}, zero[4] = {0};
	struct rd r = rd_of(SPAN_LIT("ab"));

	(void)s;
	rd_copy(&r, d, 4);
	assert_memory_equal(d, zero, 4);
}

static void test_wr__round_trip_and_full(void **s)
{
	uint8_t buf[24];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span out = SPAN_NONE;
	struct rd r;

	(void)s;
	wr_u8(&w, 1);
	wr_u16(&w, 0x0203);
	wr_u24(&w, 0x040506);
	wr_u32(&w, 0x0708090a);
	wr_u64(&w, UINT64_C(0x1112131415161718));
	wr_dec(&w, 120);
	wr_at_u16(&w, 1, 0xbeef);
	assert_int_equal(wr_end(&w, &out), 0);
	r = rd_of(out);
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_u16(&r), 0xbeef);
	assert_int_equal(rd_u24(&r), 0x040506);
	assert_int_equal(rd_u32(&r), 0x0708090a);
	assert_true(rd_u64(&r) == UINT64_C(0x1112131415161718));
	assert_true(span_eq(rd_rest(&r), SPAN_LIT("120")));
	wr_u32(&w, 0);
	assert_int_equal(wr_end(&w, &out), E_FULL);
	wr_u8(&w, 0);
	assert_int_equal(wr_len(&w), 21);
}

static void test_wr__patch_outside_is_refused(void **s)
{
	uint8_t buf[4];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span out;

	(void)s;
	wr_u8(&w, 0);
	wr_at_u16(&w, 0, 1);
	assert_int_equal(wr_end(&w, &out), E_FULL);
}

static void test_span__decimal(void **s)
{
	uint64_t v = 7;

	(void)s;
	assert_int_equal(span_u64(SPAN_LIT("65535"), 65535, &v), 0);
	assert_int_equal(v, 65535);
	assert_int_equal(span_u64(SPAN_LIT("65536"), 65535, &v), E_LIMIT);
	assert_int_equal(span_u64(SPAN_LIT(""), 9, &v), E_FORMAT);
	assert_int_equal(span_u64(SPAN_LIT("+1"), 9, &v), E_FORMAT);
	assert_int_equal(span_u64(SPAN_LIT("18446744073709551615"), UINT64_MAX,
				  &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(span_u64(SPAN_LIT("18446744073709551616"), UINT64_MAX,
				  &v), E_LIMIT);
}

static void test_span__text(void **s)
{
	char buf[4];
	struct span h, r;

	(void)s;
	assert_true(span_eq_nocase(SPAN_LIT("Room"), SPAN_LIT("rOOM")));
	assert_false(span_eq_nocase(SPAN_LIT("a"), SPAN_LIT("ab")));
	assert_true(span_eq(span_trim(SPAN_LIT(" \ta b\t")), SPAN_LIT("a b")));
	assert_true(span_split(SPAN_LIT("k=v=w"), '=', &h, &r));
	assert_true(span_eq(h, SPAN_LIT("k")) && span_eq(r, SPAN_LIT("v=w")));
	assert_false(span_split(SPAN_LIT("kv"), '=', &h, &r));
	assert_int_equal(r.n, 0);
	assert_int_equal(span_cstr(SPAN_LIT("abcd"), buf, 4), E_LIMIT);
	assert_int_equal(buf[0], 0);
	assert_int_equal(span_cstr(SPAN_LIT("a\0b"), buf, 4), E_FORMAT);
	assert_int_equal(span_cstr(SPAN_LIT("abc"), buf, 4), 0);
}

static void test_span__utf8_refuses_overlong_and_surrogates(void **s)
{
	(void)s;
	assert_true(span_is_utf8(SPAN_LIT("\xc3\xa5 \xe2\x82\xac \xf0\x9f\x98\x80")));
	assert_false(span_is_utf8(SPAN_LIT("\xc0\xaf")));
	assert_false(span_is_utf8(SPAN_LIT("\xe0\x80\xaf")));
	assert_false(span_is_utf8(SPAN_LIT("\xed\xa0\x80")));
	assert_false(span_is_utf8(SPAN_LIT("\xf4\x90\x80\x80")));
	assert_false(span_is_utf8(SPAN_LIT("\xe2\x82")));
}

/* RFC 4648 section 10, and the URL-safe alphabet. */
static void test_text__base64_vectors(void **s)
{
	char t[16];
	uint8_t d[8];
	size_t n;

	(void)s;
	b64_encode(t, "fooba", 5);
	assert_string_equal(t, "Zm9vYmE=");
	b64_encode(t, "f", 1);
	assert_string_equal(t, "Zg==");
	b64url_encode(t, "\xfb\xff", 2);
	assert_string_equal(t, "-_8");
	assert_int_equal(b64url_decode(d, sizeof(d), &n, SPAN_LIT("-_8")), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(d, "\xfb\xff", 2);
	assert_int_equal(b64url_decode(d, 8, &n, SPAN_LIT("-_9")), E_FORMAT);
	assert_int_equal(b64url_decode(d, 8, &n, SPAN_LIT("+/8")), E_FORMAT);
	assert_int_equal(b64url_decode(d, 1, &n, SPAN_LIT("-_8")), E_LIMIT);
	assert_int_equal(b64_decode(d, 8, &n, SPAN_LIT("Zm9vYmE=")), 0);
	assert_int_equal(n, 5);
	assert_int_equal(b64_decode(d, 8, &n, SPAN_LIT("Zm9vYmE")), E_FORMAT);
}

static void test_text__hex_and_uuid(void **s)
{
	char t[UUID_TEXT_LEN + 1];
	uint8_t d[2];

	(void)s;
	assert_int_equal(hex_decode(d, 2, SPAN_LIT("fF01")), 0);
	assert_int_equal(d[0], 0xff);
	assert_int_equal(hex_decode(d, 2, SPAN_LIT("fF0")), E_FORMAT);
	assert_int_equal(hex_decode(d, 2, SPAN_LIT("fF0g")), E_FORMAT);
	uuid_make(t);
	assert_true(uuid_is_valid(span_str(t)));
	assert_int_equal(t[14], '4');
	t[3] = 'g';
	assert_false(uuid_is_valid(span_str(t)));
}

static void test_text__escape_cannot_forge_a_line(void **s)
{
	char t[32];

	(void)s;
	text_escape(t, sizeof(t), SPAN_LIT("a\nb=\"c\\"));
	assert_string_equal(t, "a\\x0ab\\x3d\\x22c\\x5c");
	text_escape(t, 12, SPAN_LIT("0123456789abcdef"));
	assert_string_equal(t, "01234567...");
}

static void test_text__percent_keeps_the_unreserved(void **s)
{
	char t[12];

	(void)s;
	assert_int_equal(text_percent(t, sizeof(t), SPAN_LIT("a ;~\xc3")), 11);
	assert_string_equal(t, "a%20%3B~%C3");
	/* no half of an escape */
	assert_int_equal(text_percent(t, sizeof(t), SPAN_LIT("0123456789\n")),
			 10);
	assert_string_equal(t, "0123456789");
	assert_int_equal(text_percent(t, 1, SPAN_LIT("a")), 0);
	assert_string_equal(t, "");
}

static void test_addr__one_spelling_per_source(void **s)
{
	struct addr a, b;
	char t[ADDR_TEXT_MAX];

	(void)s;
	assert_int_equal(addr_parse(&a, SPAN_LIT("192.0.2.7"), 5), 0);
	assert_int_equal(addr_parse(&b, SPAN_LIT("::ffff:192.0.2.7"), 5), 0);
	assert_true(addr_eq(&a, &b) && addr_is_v4(&b));
	addr_print(&b, t);
	assert_string_equal(t, "192.0.2.7:5");
	assert_int_equal(addr_parse(&a, SPAN_LIT("2001:db8::1"), 443), 0);
	addr_print(&a, t);
	assert_string_equal(t, "[2001:db8::1]:443");
	assert_int_equal(addr_parse(&a, SPAN_LIT("192.0.2.256"), 1), E_FORMAT);
	assert_int_equal(addr_parse(&a, SPAN_LIT("localhost"), 1), E_FORMAT);
	assert_int_equal(addr_parse(&a, SPAN_LIT("127.9.9.9"), 1), 0);
	assert_true(addr_is_loopback(&a));
}

static void test_addr__one_source_is_an_ipv6_64(void **s)
{
	struct addr a, b;

	(void)s;
	assert_int_equal(addr_parse(&a, SPAN_LIT("2001:db8::1"), 0), 0);
	assert_int_equal(addr_parse(&b, SPAN_LIT("2001:db8::ffff:2"), 9), 0);
	assert_true(addr_is_same_source(&a, &b));
	assert_int_equal(addr_parse(&b, SPAN_LIT("2001:db8:0:1::1"), 0), 0);
	assert_false(addr_is_same_source(&a, &b));
	/* not all of IPv4 is one /64 */
	assert_int_equal(addr_parse(&a, SPAN_LIT("10.0.0.1"), 0), 0);
	assert_int_equal(addr_parse(&b, SPAN_LIT("10.0.0.2"), 0), 0);
	assert_false(addr_is_same_source(&a, &b));
	assert_true(addr_is_same_source(&a, &a));
	assert_int_equal(addr_parse(&b, SPAN_LIT("::1"), 0), 0);
	assert_false(addr_is_same_source(&a, &b));
}

static void test_addr__sockaddr_round_trip(void **s)
{
	struct sockaddr_storage ss;
	struct addr a, b;
	socklen_t n;

	(void)s;
	assert_int_equal(addr_parse(&a, SPAN_LIT("10.1.2.3"), 40000), 0);
	addr_to_sockaddr(&a, &ss, &n);
	assert_int_equal(addr_from_sockaddr(&b, (struct sockaddr *)&ss, n), 0);
	assert_true(addr_eq(&a, &b));
	ss.ss_family = AF_UNIX;
	assert_int_equal(addr_from_sockaddr(&b, (struct sockaddr *)&ss, n),
			 E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(test_rd__past_the_end_is_sticky),
		cmocka_unit_test(test_rd__success_needs_everything_consumed),
		cmocka_unit_test(test_rd__copy_zeroes_on_error),
		cmocka_unit_test(test_wr__round_trip_and_full),
		cmocka_unit_test(test_wr__patch_outside_is_refused),
		cmocka_unit_test(test_span__decimal),
		cmocka_unit_test(test_span__text),
		cmocka_unit_test(test_span__utf8_refuses_overlong_and_surrogates),
		cmocka_unit_test(test_text__base64_vectors),
		cmocka_unit_test(test_text__hex_and_uuid),
		cmocka_unit_test(test_text__escape_cannot_forge_a_line),
		cmocka_unit_test(test_text__percent_keeps_the_unreserved),
		cmocka_unit_test(test_addr__one_spelling_per_source),
		cmocka_unit_test(test_addr__one_source_is_an_ipv6_64),
		cmocka_unit_test(test_addr__sockaddr_round_trip),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
