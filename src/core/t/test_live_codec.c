#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "core/live_codec.h"

static const struct live_place at = {.location = 4, .media_location = 5};
static struct live_place got_at;

static struct part person(void)
{
	struct part p = {.id = 77, .state = PART_WAIT_LOCK, .muted = true,
			 .direct_chat = true, .bypass_lock = true,
			 .control_only = true, .remote = "sip:j@ex.org",
			 .start_us = -5, .buzz_us = 9,
			 .serial = 3,
			 .uuid = "00000000-0000-4000-8000-000000000001",
			 .name = "J\xc3\xb6rg", .overlay = "J",
			 .alias = "demo", .call_tag = "t", .vendor = "v",
			 .ip = {[15] = 1},
			 .leg = {.leg = 5, .phase = LEG_SECURE,
				 .call = "10000000-0000-4000-8000-"
					 "000000000001",
				 .has_video = true, .codec = 16}};

	return p;
}

static void test_live_part__comes_back_as_it_was(void **state)
{
	const struct part p = person();
	uint8_t buf[LIVE_RECORD_MAX], again[LIVE_RECORD_MAX];
	struct span a, b;
	struct part q;
	uint64_t room;

	(void)state;
	assert_int_equal(live_encode_part(9, &at, &p, buf, &a), 0);
	assert_int_equal(live_decode_part(&room, &got_at, &q, a), 0);
	assert_int_equal(room, 9);
	assert_string_equal(q.name, p.name);
	assert_string_equal(q.leg.call, p.leg.call);
	assert_string_equal(q.remote, p.remote);
	assert_true(got_at.location == 4 && got_at.media_location == 5);
	assert_true(q.bypass_lock && q.control_only && !q.no_overlay);
	assert_int_equal(q.start_us, -5);
	assert_true(q.muted && q.direct_chat && !q.host);
	assert_int_equal(live_encode_part(9, &at, &q, again, &b), 0);
	assert_true(span_eq(a, b));
}

static void test_live_part__largest_one_fits(void **state)
{
	struct part p = person();
	uint8_t buf[LIVE_RECORD_MAX];
	struct span a;

	(void)state;
	memset(p.name, 'n', PART_NAME_MAX);
	memset(p.overlay, 'o', PART_NAME_MAX);
	memset(p.alias, 'a', PART_ALIAS_MAX);
	memset(p.call_tag, 't', PART_TAG_MAX);
	memset(p.vendor, 'v', PART_VENDOR_MAX);
	memset(p.remote, 'r', PART_ALIAS_MAX);
	assert_int_equal(live_encode_part(9, &at, &p, buf, &a), 0);
}

/* Cut or lengthened anywhere, it is refused. */
static void test_live_part__refuses_what_is_cut(void **state)
{
	const struct part p = person();
	uint8_t buf[LIVE_RECORD_MAX + 1];
	struct part q = {.id = 1};
	struct span a;
	uint64_t room;

	(void)state;
	assert_int_equal(live_encode_part(9, &at, &p, buf, &a), 0);
	for (size_t n = 0; n < a.n; n++)
		assert_true(live_decode_part(&room, &got_at, &q, span_of(a.p, n)) < 0);
	assert_true(live_decode_part(&room, &got_at, &q, span_of(a.p, a.n + 1)) < 0);
	assert_int_equal(q.id, 1);
	buf[0] = LIVE_VERSION + 1;
	assert_int_equal(live_decode_part(&room, &got_at, &q, a), E_VERSION);
}

static void test_live_part__refuses_states_that_cannot_be(void **state)
{
	struct part p = person(), q;
	uint8_t buf[LIVE_RECORD_MAX];
	struct span a;
	uint64_t room;

	(void)state;
	p.state = PART_WAIT_HOST;
	p.host = true;
	assert_int_equal(live_encode_part(9, &at, &p, buf, &a), 0);
	assert_int_equal(live_decode_part(&room, &got_at, &q, a), E_TRUNC);
	p = person();
	p.leg.leg = 0;
	assert_int_equal(live_encode_part(9, &at, &p, buf, &a), 0);
	assert_int_equal(live_decode_part(&room, &got_at, &q, a), E_TRUNC);
	p = person();
	p.uuid[3] = 'x';
	assert_int_equal(live_encode_part(9, &at, &p, buf, &a), 0);
	assert_int_equal(live_decode_part(&room, &got_at, &q, a), E_TRUNC);
	p = person();
	assert_int_equal(live_encode_part(9, &(struct live_place){-1, 0}, &p,
					  buf, &a), 0);
	assert_int_equal(live_decode_part(&room, &got_at, &q, a), E_TRUNC);
}

static void test_live_records__come_back_as_they_were(void **state)
{
	struct live_room r = {.conf = 3, .worker = -1, .state = ROOM_HOSTED,
			      .locked = true, .started = true, .view = "1:7",
			      .presenter = 77};
	struct session_state s = {.room = 1, .part = 2,
				  .n = SESSION_TOKENS_MAX};
	struct reconnect_state c = {.room = 1, .holder = 2, .id = 3,
				    .host = true, .has_former = true,
				    .hash = {1}, .former = {2}};
	uint8_t buf[LIVE_RECORD_MAX];
	struct live_room r2;
	struct session_state s2;
	struct reconnect_state c2;
	struct span a;

	(void)state;
	assert_int_equal(live_encode_room(&r, buf, &a), 0);
	assert_int_equal(live_decode_room(&r2, a), 0);
	assert_true(r2.conf == 3 && r2.worker == -1 && r2.locked &&
		    !r2.guests_muted && r2.state == ROOM_HOSTED);
	r.conf = -77;
	assert_int_equal(live_encode_room(&r, buf, &a), 0);
	assert_true(live_decode_room(&r2, a) < 0);
	r.sv = (struct service){.id = -77, .name = "by policy", .tag = "t",
				.call_type = 2, .kbps_in = 512,
				.overlay_text = true,
				.cfg = {.locked = true, .participant_limit = 5,
					.chat_enabled = true, .waiting_s = 60,
					.view = "4:0"}};
	assert_int_equal(live_encode_room(&r, buf, &a), 0);
	assert_int_equal(live_decode_room(&r2, a), 0);
	assert_memory_equal(&r.sv.cfg, &r2.sv.cfg, sizeof(r.sv.cfg));
	assert_string_equal(r2.sv.name, "by policy");
	assert_true(r2.sv.id == -77 && r2.sv.kbps_in == 512 &&
		    r2.sv.call_type == 2 && r2.sv.overlay_text);
	for (uint32_t i = 0; i < s.n; i++)
		s.tokens[i].ends_ns = i;
	assert_int_equal(live_encode_session(&s, buf, &a), 0);
	assert_int_equal(live_decode_session(&s2, a), 0);
	assert_memory_equal(&s, &s2, sizeof(s));
	assert_int_equal(live_encode_credential(&c, buf, &a), 0);
	assert_int_equal(live_decode_credential(&c2, a), 0);
	assert_true(c2.holder == 2 && c2.id == 3 && c2.host);
	assert_memory_equal(c.former, c2.former, sizeof(c.former));
}

static void dump(const char *dir, const char *name, uint8_t kind,
		 struct span a)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	(void)fputc(kind, f);
	(void)fwrite(a.p, 1, a.n, f);
	(void)fclose(f);
}

/* `test_live_codec DIR` writes seeds for the fuzz target instead. */
static int make_corpus(const char *dir)
{
	const struct part p = person();
	const struct live_room r = {.conf = 3, .worker = 1,
				    .state = ROOM_HOSTED, .view = "4:0"};
	const struct session_state s = {.room = 1, .part = 2, .n = 2};
	const struct reconnect_state c = {.room = 1, .id = 3};
	uint8_t buf[LIVE_RECORD_MAX];
	struct span a;

	(void)live_encode_room(&r, buf, &a);
	dump(dir, "room", 0, a);
	(void)live_encode_part(9, &at, &p, buf, &a);
	dump(dir, "part", 1, a);
	(void)live_encode_session(&s, buf, &a);
	dump(dir, "session", 2, a);
	(void)live_encode_credential(&c, buf, &a);
	dump(dir, "credential", 3, a);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_part__comes_back_as_it_was),
		cmocka_unit_test(test_live_part__largest_one_fits),
		cmocka_unit_test(test_live_part__refuses_what_is_cut),
		cmocka_unit_test(test_live_part__refuses_states_that_cannot_be),
		cmocka_unit_test(test_live_records__come_back_as_they_were),
	};

	if (argc == 2)
		return make_corpus(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
