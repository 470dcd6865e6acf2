/* Vectors drawn by hand from the pictures of RFC 8855 5.1 and 5.2. */
#include "wire/t/test_help.h"
#include "wire/bfcp/bfcp.h"

/* version 2, request, FloorRequest; conference 4660, transaction 7, user 2 */
static const char floor_request[] =
	"40010002 00001234 00070002"
	"0504 0001"			/* FLOOR-ID 1, M */
	"0304 0009";			/* BENEFICIARY-ID 9, M */

static const char status_granted[] =
	"50040004 00001234 00070002"	/* R */
	"1f10 0005"			/* FLOOR-REQUEST-INFORMATION 5 */
	"25080005 0b04 0300"		/* OVERALL: granted */
	"2304 0001";			/* FLOOR-REQUEST-STATUS 1 */

static const char hello_ack[] =
	"200c0005 00000001 00000001"
	"170c 01020405070b0c0d 0000"	/* 8 primitives, two bytes of room */
	"1508 0406080a 0c00";

static void test_bfcp__reads_a_floor_request(void **state)
{
	struct bytes b = hex(floor_request);
	struct bfcp_msg m;

	(void)state;
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.version, 2);
	assert_false(m.is_response);
	assert_int_equal(m.primitive, BFCP_FLOOR_REQUEST);
	assert_int_equal(m.conf, 0x1234);
	assert_int_equal(m.txn, 7);
	assert_int_equal(m.user, 2);
	assert_int_equal(m.floors_n, 1);
	assert_int_equal(m.floors[0], 1);
	assert_true(m.has_beneficiary && m.beneficiary == 9);
	assert_int_equal(m.unknown_n, 0);
}

static void test_bfcp__reads_groups_two_deep(void **state)
{
	struct bytes b = hex(status_granted);
	struct bfcp_msg m;

	(void)state;
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_true(m.is_response);
	assert_int_equal(m.requests_n, 1);
	assert_int_equal(m.requests[0].id, 5);
	assert_true(m.requests[0].has_overall);
	assert_int_equal(m.requests[0].overall.status, BFCP_GRANTED);
	assert_int_equal(m.requests[0].floors_n, 1);
	assert_int_equal(m.requests[0].floors[0].id, 1);
	assert_int_equal(m.requests[0].floors[0].state.status, 0);
}

static void test_bfcp__writes_the_same_bytes(void **state)
{
	struct bytes b = hex(status_granted);
	uint8_t buf[BFCP_MSG_MAX];
	struct bfcp_msg m;
	struct span out;

	(void)state;
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), 0);
	assert_int_equal(out.n, b.n);
	assert_memory_equal(out.p, b.v, b.n);
	b = hex(floor_request);
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), 0);
	assert_memory_equal(out.p, b.v, b.n);
	assert_int_equal(bfcp_encode(buf, b.n - 1, &out, &m), E_FULL);
}

static void test_bfcp__reads_lists_texts_and_padding(void **state)
{
	struct bytes b = hex(hello_ack);
	struct bfcp_msg m;

	(void)state;
	assert_int_equal(b.n, 32);
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.primitive, BFCP_HELLO_ACK);
	assert_int_equal(m.primitives.n, 10);
	assert_int_equal(m.primitives.p[5], BFCP_HELLO);
	assert_int_equal(m.attributes.n, 6);
	/* Error 6 with a text of five, three bytes of padding */
	b = hex("200d0004 00000001 00030002 0d03 0600"
		"0f07 48656c6c6f 00 0000 0000");
	b.n -= 4;
	b.v[3] = 3;
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.error, BFCP_BAD_FLOOR);
	assert_int_equal(m.error_details.n, 0);
	assert_span(m.error_info, "Hello");
}

static void test_bfcp__tells_unknown_mandatory_attributes(void **state)
{
	/* type 60 with M, type 61 without */
	struct bytes b = hex("40010003 00000001 00010002"
			     "7904 0000 7a04 0000 0504 0001");
	struct bfcp_msg m;

	(void)state;
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
	assert_int_equal(m.unknown_n, 1);
	assert_int_equal(m.unknown[0], 60);
	assert_int_equal(m.floors[0], 1);
}

static int decode(const char *text)
{
	struct bytes b = hex(text);
	struct bfcp_msg m;

	return bfcp_decode(&m, bytes_span(&b));
}

static void test_bfcp__refuses(void **state)
{
	(void)state;
	assert_int_equal(decode("200b0000 00000001 0001"), E_TRUNC);
	/* versions 0 and 3 */
	assert_int_equal(decode("000b0000 00000001 00010002"), E_VERSION);
	assert_int_equal(decode("600b0000 00000001 00010002"), E_VERSION);
	/* a fragment; the bit means nothing on a stream */
	assert_int_equal(decode("480b0000 00000001 00010002"), E_UNSUPPORTED);
	assert_int_equal(decode("280b0000 00000001 00010002"), 0);
	/* length: too short, too long, over the limit */
	assert_int_equal(decode("400b0000 00000001 00010002 05040001"),
			 E_FORMAT);
	assert_int_equal(decode("400b0001 00000001 00010002"), E_TRUNC);
	assert_int_equal(decode("400bffff 00000001 00010002"), E_LIMIT);
	/* attributes: of no length, longer than the message, a number of three
	 * bytes, a status of none, a group without its number */
	assert_int_equal(decode("40010001 00000001 00010002 05000001"),
			 E_FORMAT);
	assert_int_equal(decode("40010001 00000001 00010002 05080001"),
			 E_FORMAT);
	assert_int_equal(decode("40010001 00000001 00010002 05030100"),
			 E_FORMAT);
	assert_int_equal(decode("40040001 00000001 00010002 0b040000"),
			 E_FORMAT);
	assert_int_equal(decode("40040001 00000001 00010002 1f020000"),
			 E_FORMAT);
	/* the overall status of another request */
	assert_int_equal(decode("40040002 00000001 00010002"
				"1f080005 25040006"), E_FORMAT);
}

static void test_bfcp__bounds_what_repeats(void **state)
{
	struct bytes b = hex("40010009 00000001 00010002");
	struct bytes f = hex("05040001");
	struct bfcp_msg m;

	(void)state;
	for (int i = 0; i < BFCP_FLOORS_MAX + 1; i++, b.n += 4)
		memcpy(b.v + b.n, f.v, 4);
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), E_LIMIT);
	/* the header is there, for the Error that answers */
	assert_int_equal(m.primitive, BFCP_FLOOR_REQUEST);
	assert_int_equal(m.txn, 1);
	b.v[3]--;
	b.n -= 4;
	assert_int_equal(bfcp_decode(&m, bytes_span(&b)), 0);
}

static void no_prefix(struct span in, void *arg)
{
	struct bfcp_msg m;
	size_t n;

	(void)arg;
	assert_int_equal(bfcp_decode(&m, in), E_TRUNC);
	if (in.n < BFCP_HEADER_LEN)
		assert_int_equal(bfcp_frame(in, &n), E_TRUNC);
}

static void test_bfcp__prefixes_are_no_messages(void **state)
{
	struct bytes b = hex(status_granted);
	size_t n;

	(void)state;
	each_prefix(bytes_span(&b), no_prefix, NULL);
	assert_int_equal(bfcp_frame(span_of(b.v, BFCP_HEADER_LEN), &n), 0);
	assert_int_equal(n, b.n);
}

static void test_bfcp__writes_what_a_server_says(void **state)
{
	struct bfcp_msg again, m = {
		.version = 1, .primitive = BFCP_FLOOR_STATUS, .conf = 7,
		.user = 3, .floors_n = 1, .floors = {1}, .requests_n = 1};
	struct bfcp_request *q = &m.requests[0];
	uint8_t buf[BFCP_MSG_MAX];
	struct span out;

	(void)state;
	*q = (struct bfcp_request){
		.id = 12, .has_overall = true, .overall = {BFCP_GRANTED, 0},
		.floors_n = 1, .has_priority = true, .priority = 2,
		.beneficiary = {.is_there = true, .user = 9,
				.name = SPAN_LIT("Ann")},
		.info = SPAN_LIT("x")};
	q->floors[0].id = 1;
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), 0);
	assert_int_equal(out.n % 4, 0);
	assert_int_equal(bfcp_decode(&again, out), 0);
	assert_int_equal(again.requests[0].id, 12);
	assert_int_equal(again.requests[0].priority, 2);
	assert_int_equal(again.requests[0].beneficiary.user, 9);
	assert_span(again.requests[0].beneficiary.name, "Ann");
	assert_span(again.requests[0].info, "x");
}

static void test_bfcp__refuses_to_write_what_cannot_be(void **state)
{
	struct bfcp_msg m = {.version = 1, .is_response = true,
			     .primitive = BFCP_HELLO};
	uint8_t buf[BFCP_MSG_MAX], text[300] = {0};
	struct span out = SPAN_NONE;

	(void)state;
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), E_INVAL);
	m.is_response = false;
	m.version = 3;
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), E_INVAL);
	m.version = 2;
	m.info = span_of(text, BFCP_TEXT_MAX + 1);
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), E_FULL);
	m.info = span_of(text, BFCP_TEXT_MAX);
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), 0);
	/* a text that fits a message, but not its group */
	m.info = SPAN_NONE;
	m.requests_n = 1;
	m.requests[0] = (struct bfcp_request){
		.info = span_of(text, BFCP_TEXT_MAX)};
	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, &m), E_FULL);
}

static void test_bfcp__names_primitives(void **state)
{
	(void)state;
	assert_string_equal(bfcp_primitive_name(BFCP_GOODBYE_ACK),
			    "GoodbyeAck");
	assert_string_equal(bfcp_primitive_name(BFCP_HELLO), "Hello");
	assert_string_equal(bfcp_primitive_name(99), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bfcp__reads_a_floor_request),
		cmocka_unit_test(test_bfcp__reads_groups_two_deep),
		cmocka_unit_test(test_bfcp__writes_the_same_bytes),
		cmocka_unit_test(test_bfcp__reads_lists_texts_and_padding),
		cmocka_unit_test(test_bfcp__tells_unknown_mandatory_attributes),
		cmocka_unit_test(test_bfcp__refuses),
		cmocka_unit_test(test_bfcp__bounds_what_repeats),
		cmocka_unit_test(test_bfcp__prefixes_are_no_messages),
		cmocka_unit_test(test_bfcp__writes_what_a_server_says),
		cmocka_unit_test(test_bfcp__refuses_to_write_what_cannot_be),
		cmocka_unit_test(test_bfcp__names_primitives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
