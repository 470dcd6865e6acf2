#include "wire/t/test_help.h"
#include "wire/stun/stun.h"

/* RFC 5769: the password of all short-term vectors. */
#define KEY SPAN_LIT("VOkJxbRl1RmTxUk/WvJxBt")

#define TXID "b7e7a701 bc34d686 fa87dfae"

static const char rfc5769_request[] =
	"00010058 2112a442" TXID
	"80220010 5354554e 20746573 7420636c 69656e74"
	"00240004 6e0001ff"
	"80290008 932ff9b1 51263b36"
	"00060009 6576746a 3a683676 59202020"
	"00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2"
	"80280004 e57a3bcf";

static const char rfc5769_ip4[] =
	"0101003c 2112a442" TXID
	"8022000b 74657374 20766563 746f7220"
	"00200008 0001a147 e112a643"
	"00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7"
	"80280004 c07d4c96";

static const char rfc5769_ip6[] =
	"01010048 2112a442" TXID
	"8022000b 74657374 20766563 746f7220"
	"00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"
	"00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41"
	"80280004 c8fb0b4c";

static void test_stun__reads_the_request_of_rfc5769(void **state)
{
	struct bytes b = hex(rfc5769_request);
	struct span local, remote;
	struct stun_msg m;

	(void)state;
	assert_int_equal(stun_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.cls, STUN_REQUEST);
	assert_int_equal(m.method, STUN_METHOD_BINDING);
	assert_true(m.has_fingerprint);
	assert_true(m.has_priority && m.priority == 0x6e0001ff);
	assert_true(m.has_controlled && !m.has_controlling);
	assert_true(m.tie_breaker == 0x932ff9b151263b36);
	assert_int_equal(m.unknown_n, 0);
	assert_int_equal(stun_username_split(&m, &local, &remote), 0);
	assert_span(local, "evtj");
	assert_span(remote, "h6vY");
	assert_int_equal(stun_check_integrity(&m, KEY), 0);
	assert_int_equal(stun_check_integrity(&m, SPAN_LIT("other")), E_AUTH);
	assert_int_equal(stun_check_integrity(&m, SPAN_NONE), E_AUTH);
}

static void assert_mapped(const char *text, const char *ip)
{
	struct bytes b = hex(text);
	struct stun_msg m;
	struct addr want;

	assert_int_equal(addr_parse(&want, span_str(ip), 32853), 0);
	assert_int_equal(stun_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_true(m.has_mapped && m.has_fingerprint);
	assert_true(addr_eq(&m.mapped, &want));
	assert_int_equal(stun_check_integrity(&m, KEY), 0);
}

static void test_stun__reads_the_responses_of_rfc5769(void **state)
{
	(void)state;
	assert_mapped(rfc5769_ip4, "192.0.2.1");
	assert_mapped(rfc5769_ip6, "2001:db8:1234:5678:11:2233:4455:6677");
}

/* A single changed bit is seen by the CRC, unless the FINGERPRINT itself turns
 * into something else; with it cut off and the length corrected, by the HMAC. */
static void test_stun__sees_each_flipped_bit(void **state)
{
	struct bytes good = hex(rfc5769_request);
	struct stun_msg m;

	(void)state;
	for (size_t bit = 0; bit < 8 * good.n; bit++) {
		struct bytes b = good;
		b.v[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (stun_decode(&m, bytes_span(&b)) == 0)
			assert_false(m.has_fingerprint);
	}
	good.n -= 8;
	good.v[3] -= 8;
	for (size_t bit = 0; bit < 8 * good.n; bit++) {
		struct bytes b = good;
		b.v[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (stun_decode(&m, bytes_span(&b)) == 0)
			assert_int_equal(stun_check_integrity(&m, KEY), E_AUTH);
	}
}

static void refuse_prefix(struct span prefix, void *arg)
{
	struct stun_msg m;

	(void)arg;
	assert_int_not_equal(stun_decode(&m, prefix), 0);
	assert_false(stun_is_message(prefix));
}

static void test_stun__refuses_every_prefix(void **state)
{
	struct bytes b = hex(rfc5769_request);

	(void)state;
	each_prefix(bytes_span(&b), refuse_prefix, NULL);
}

static void test_stun__ignores_what_follows_integrity(void **state)
{
	/* USE-CANDIDATE behind MESSAGE-INTEGRITY is not authenticated */
	struct bytes b = hex("0001001c 2112a442" TXID
			     "00080014 00000000 00000000 00000000 00000000"
			     "00000000 00250000");
	struct stun_msg m;

	(void)state;
	assert_int_equal(stun_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.integrity_at, 20);
	assert_false(m.use_candidate);
}

static void test_stun__first_of_two_equal_attributes_counts(void **state)
{
	struct bytes b = hex("00010020 2112a442" TXID
			     "00240004 00000001 00240004 00000002"
			     "00060001 61000000 00060001 62000000");
	struct stun_msg m;

	(void)state;
	assert_int_equal(stun_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.priority, 1);
	assert_span(m.username, "a");
}

static void test_stun__counts_unknown_required_attributes(void **state)
{
	struct bytes b = hex("00010010 2112a442" TXID
			     "7ffe0000 80ff0000 001e0004 00000000");
	struct stun_msg m;

	(void)state;
	assert_int_equal(stun_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.unknown_n, 2);
	assert_int_equal(m.unknown[0], 0x7ffe);
	assert_int_equal(m.unknown[1], 0x001e);
}

static void test_stun__refuses_malformed_attributes(void **state)
{
	static const char *const bad[] = {
		"00240003 00000000",		/* PRIORITY of 3 bytes */
		"00250004 00000000",		/* USE-CANDIDATE with a value */
		"00080004 00000000",		/* integrity of 4 bytes */
		"002a0008 00000000",		/* longer than the message */
		"802a0004 00000000",		/* tie-breaker of 4 bytes */
		"00200008 0003a147",		/* unknown family, cut */
		"00090004 00000163",		/* ERROR-CODE class 1 */
		"80280004 00000000",		/* wrong FINGERPRINT */
	};
	struct stun_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes b = hex("00010008 2112a442" TXID);
		struct bytes attr = hex(bad[i]);
		memcpy(b.v + b.n, attr.v, attr.n);
		b.n += attr.n;
		b.v[3] = (uint8_t)attr.n;
		assert_int_equal(stun_decode(&m, bytes_span(&b)), E_FORMAT);
	}
}

static void test_stun__refuses_fingerprint_before_the_end(void **state)
{
	struct bytes b = hex(rfc5769_request);
	struct stun_msg m;

	(void)state;
	memcpy(b.v + b.n, "\x80\x22\0\0", 4);
	b.n += 4;
	b.v[3] += 4;
	assert_int_equal(stun_decode(&m, bytes_span(&b)), E_FORMAT);
}

static void test_stun__success_goes_round(void **state)
{
	static const char *const ips[] = {"192.0.2.1", "2001:db8::1", "::1"};
	uint8_t buf[STUN_REPLY_MAX], txid[STUN_TXID_LEN] = {1, 2, 3};
	struct stun_msg m;
	struct span out;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(addr_parse(&a, span_str(ips[i]), 4711), 0);
		assert_int_equal(stun_encode_success(buf, sizeof(buf), &out,
						     txid, &a, KEY), 0);
		assert_int_equal(stun_decode(&m, out), 0);
		assert_int_equal(m.cls, STUN_SUCCESS);
		assert_memory_equal(m.txid, txid, sizeof(txid));
		assert_true(m.has_fingerprint && addr_eq(&m.mapped, &a));
		assert_int_equal(stun_check_integrity(&m, KEY), 0);
	}
}

static void test_stun__error_goes_round(void **state)
{
	static const unsigned codes[] = {400, 401, 420, 487, 500};
	static const uint16_t unknown[] = {0x7ffe, 0x001e, 0x0002};
	uint8_t buf[STUN_REPLY_MAX], txid[STUN_TXID_LEN] = {9};
	struct stun_msg m;
	struct span out;

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(stun_encode_error(buf, sizeof(buf), &out, txid,
						   codes[i], unknown, 3, KEY),
				 0);
		assert_int_equal(stun_decode(&m, out), 0);
		assert_int_equal(m.cls, STUN_ERROR);
		assert_int_equal(m.error_code, codes[i]);
		assert_int_equal(stun_check_integrity(&m, KEY), 0);
	}
	assert_int_equal(stun_encode_error(buf, sizeof(buf), &out, txid, 401,
					   NULL, 0, SPAN_NONE), 0);
	assert_int_equal(stun_decode(&m, out), 0);
	assert_int_equal(m.integrity_at, 0);
	assert_int_equal(stun_encode_error(buf, sizeof(buf), &out, txid, 200,
					   NULL, 0, KEY), E_INVAL);
}

static void test_stun__request_goes_round(void **state)
{
	struct stun_request q = {.username = SPAN_LIT("abcd:efgh"),
				 .key = KEY, .priority = 77,
				 .tie_breaker = 1234, .controlling = true,
				 .use_candidate = true};
	uint8_t buf[STUN_REPLY_MAX];
	struct stun_msg m;
	struct span out;

	(void)state;
	assert_int_equal(stun_encode_request(buf, sizeof(buf), &out, &q), 0);
	assert_int_equal(stun_decode(&m, out), 0);
	assert_true(m.has_controlling && m.use_candidate);
	assert_true(m.tie_breaker == 1234 && m.priority == 77);
	assert_span(m.username, "abcd:efgh");
	assert_int_equal(stun_check_integrity(&m, KEY), 0);
}

static void test_stun__small_buffer_is_full(void **state)
{
	uint8_t buf[STUN_REPLY_MAX], txid[STUN_TXID_LEN] = {0};
	struct addr a = {.port = 1};
	struct span out;

	(void)state;
	for (size_t n = 0; n < 20 + 24 + 24 + 8; n++)
		assert_int_equal(stun_encode_success(buf, n, &out, txid, &a,
						     KEY), E_FULL);
}

static void test_stun__username_needs_two_parts(void **state)
{
	static const char *const bad[] = {"", "abc", ":abc", "abc:"};
	struct stun_msg m = {.has_username = true};
	struct span a, b;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		m.username = span_str(bad[i]);
		assert_int_equal(stun_username_split(&m, &a, &b), E_FORMAT);
	}
	m.has_username = false;
	m.username = span_str("a:b");
	assert_int_equal(stun_username_split(&m, &a, &b), E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stun__reads_the_request_of_rfc5769),
		cmocka_unit_test(test_stun__reads_the_responses_of_rfc5769),
		cmocka_unit_test(test_stun__sees_each_flipped_bit),
		cmocka_unit_test(test_stun__refuses_every_prefix),
		cmocka_unit_test(test_stun__ignores_what_follows_integrity),
		cmocka_unit_test(test_stun__first_of_two_equal_attributes_counts),
		cmocka_unit_test(test_stun__counts_unknown_required_attributes),
		cmocka_unit_test(test_stun__refuses_malformed_attributes),
		cmocka_unit_test(test_stun__refuses_fingerprint_before_the_end),
		cmocka_unit_test(test_stun__success_goes_round),
		cmocka_unit_test(test_stun__error_goes_round),
		cmocka_unit_test(test_stun__request_goes_round),
		cmocka_unit_test(test_stun__small_buffer_is_full),
		cmocka_unit_test(test_stun__username_needs_two_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
