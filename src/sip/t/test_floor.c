/* The floor control server: each cell of its table, and what a device hears
 * over datagrams and connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "sip/floor.h"

/* --- the table --------------------------------------------------------- */

/* One letter for where it goes (i a h l g d), one for what is done:
 * . nothing, A ask, W wait, B both, G granted, D denied, R released and given
 * back, V given back, E denied and given back, X revoked, 8 and 7 errors. "--" = refused. Columns:
 * REQUEST RELEASE GONE SLOW GRANTED DENIED RELEASED REVOKED. */
static const char *const want[FLOOR_STATE_COUNT] = {
	"aB i7 i. -- -- -- -- --",
	"a8 a7 d. lE hG iD iD --",
	"h8 lR lV -- -- -- -- iX",
	"gW l7 l. lV -- i. i. l.",
	"g8 g7 l. lE -- aA aA g.",
	"d8 d7 d. lV lV i. i. --",
};

static char done(unsigned todo)
{
	static const struct {
		unsigned todo;
		char c;
	} names[] = {
		{0, '.'}, {FLOOR_DO_ASK, 'A'}, {FLOOR_DO_WAIT, 'W'},
		{FLOOR_DO_ASK | FLOOR_DO_WAIT, 'B'}, {FLOOR_DO_GRANTED, 'G'},
		{FLOOR_DO_DENIED, 'D'}, {FLOOR_DO_GIVE, 'V'},
		{FLOOR_DO_GIVE | FLOOR_DO_RELEASED, 'R'},
		{FLOOR_DO_GIVE | FLOOR_DO_DENIED, 'E'},
		{FLOOR_DO_REVOKED, 'X'}, {FLOOR_DO_TOO_MANY, '8'},
		{FLOOR_DO_NO_REQUEST, '7'},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].todo == todo)
			return names[i].c;
	return '?';
}

static void test_floor_machine__each_cell(void **state)
{
	(void)state;
	for (int s = 0; s < FLOOR_STATE_COUNT; s++)
		for (int e = 0; e < FLOOR_EVENT_COUNT; e++) {
			struct floor_step x = floor_step((enum floor_state)s,
							 (enum floor_event)e);
			char got[3] = "--";

			if (x.todo != FLOOR_DO_REFUSED) {
				got[0] = "iahlgd"[x.next];
				got[1] = done(x.todo);
			} else {
				assert_int_equal(x.next, s);
			}
			if (memcmp(got, want[s] + 3 * e, 2) != 0)
				fail_msg("%d %d: %s, want %.2s", s, e, got,
					 want[s] + 3 * e);
		}
	assert_int_equal(floor_step(FLOOR_STATE_COUNT, FLOOR_EV_GONE).todo,
			 FLOOR_DO_REFUSED);
	assert_string_equal(floor_state_name(FLOOR_HELD), "held");
}

/* --- a device ---------------------------------------------------------- */

enum { SAID_MAX = 32, CONF = 0x1234, USER = 10 };

struct fx {
	struct timer_wheel *wheel;
	struct floor *floor;
	struct floor_stats stats;
	uint64_t now_ns;
	unsigned asked, given;
	uint8_t bytes[SAID_MAX][FLOOR_MSG_MAX];
	struct bfcp_msg said[SAID_MAX];
	size_t said_n;
	uint16_t txn;
	uint8_t version;
};

static void on_send(void *arg, struct span m)
{
	struct fx *x = arg;

	assert_true(x->said_n < SAID_MAX && m.n <= FLOOR_MSG_MAX);
	memcpy(x->bytes[x->said_n], m.p, m.n);
	assert_int_equal(bfcp_decode(&x->said[x->said_n],
				     span_of(x->bytes[x->said_n], m.n)), 0);
	x->said_n++;
}

static void on_ask(void *arg, bool is_wanted)
{
	struct fx *x = arg;

	x->asked += is_wanted;
	x->given += !is_wanted;
}

static void set_up(struct fx *x, bool is_stream)
{
	const struct floor_ops ops = {on_send, on_ask, x};

	*x = (struct fx){.now_ns = NS_PER_S, .txn = 100,
			 .version = is_stream ? 1 : 2};
	assert_int_equal(timer_wheel_new(&x->wheel, x->now_ns), 0);
	assert_int_equal(floor_new(&x->floor, x->wheel, &ops, &x->stats, CONF,
				   USER, is_stream), 0);
}

static void tear_down(struct fx *x)
{
	floor_free(&x->floor);
	timer_wheel_free(&x->wheel);
}

static void run(struct fx *x, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		x->now_ns += NS_PER_MS;
		timer_wheel_advance(x->wheel, x->now_ns);
	}
}

static struct bfcp_msg msg(struct fx *x, enum bfcp_primitive p)
{
	return (struct bfcp_msg){.version = x->version,
				 .primitive = (uint8_t)p, .conf = CONF,
				 .user = USER, .txn = ++x->txn};
}

static void say(struct fx *x, const struct bfcp_msg *m)
{
	uint8_t buf[BFCP_MSG_MAX];
	struct span out;

	assert_int_equal(bfcp_encode(buf, sizeof(buf), &out, m), 0);
	floor_input(x->floor, out, x->now_ns);
}

static const struct bfcp_msg *last(const struct fx *x)
{
	assert_true(x->said_n > 0);
	return &x->said[x->said_n - 1];
}

static void request(struct fx *x)
{
	struct bfcp_msg m = msg(x, BFCP_FLOOR_REQUEST);

	m.floors[0] = FLOOR_ID;
	m.floors_n = 1;
	say(x, &m);
}

static void release(struct fx *x, uint16_t id)
{
	struct bfcp_msg m = msg(x, BFCP_FLOOR_RELEASE);

	m.has_request = true;
	m.request = id;
	say(x, &m);
}

static uint16_t hold(struct fx *x)
{
	request(x);
	floor_decided(x->floor, FLOOR_EV_GRANTED, x->now_ns);
	return last(x)->requests[0].id;
}

static void assert_status(const struct fx *x, enum bfcp_status s)
{
	assert_int_equal(last(x)->primitive, BFCP_FLOOR_REQUEST_STATUS);
	assert_int_equal(last(x)->requests_n, 1);
	assert_int_equal(last(x)->requests[0].overall.status, s);
	assert_int_equal(last(x)->requests[0].floors[0].id, FLOOR_ID);
}

static void assert_error(const struct fx *x, enum bfcp_error e)
{
	assert_int_equal(last(x)->primitive, BFCP_ERROR);
	assert_int_equal(last(x)->error, e);
}

static void test_floor__hello_is_answered(void **state)
{
	struct bfcp_msg m;
	struct fx x;

	(void)state;
	set_up(&x, false);
	m = msg(&x, BFCP_HELLO);
	say(&x, &m);
	assert_int_equal(last(&x)->primitive, BFCP_HELLO_ACK);
	assert_true(last(&x)->is_response);
	assert_int_equal(last(&x)->txn, m.txn);
	assert_int_equal(last(&x)->version, 2);
	assert_int_equal(last(&x)->primitives.n, 15);
	assert_int_equal(last(&x)->attributes.n, 18);
	tear_down(&x);
	set_up(&x, true);
	m = msg(&x, BFCP_HELLO);
	say(&x, &m);
	assert_false(last(&x)->is_response);
	assert_int_equal(last(&x)->version, 1);
	assert_int_equal(last(&x)->primitives.n, 11);
	tear_down(&x);
}

static void test_floor__a_request_is_granted_and_released(void **state)
{
	struct fx x;
	uint16_t id;

	(void)state;
	set_up(&x, false);
	request(&x);
	/* core has not said yet */
	assert_int_equal(x.asked, 1);
	assert_int_equal(x.said_n, 0);
	floor_decided(x.floor, FLOOR_EV_GRANTED, x.now_ns);
	assert_status(&x, BFCP_GRANTED);
	assert_true(last(&x)->is_response);
	assert_int_equal(last(&x)->txn, x.txn);
	assert_int_equal(floor_state(x.floor), FLOOR_HELD);
	id = last(&x)->requests[0].id;
	release(&x, id);
	assert_int_equal(x.given, 1);
	assert_status(&x, BFCP_RELEASED);
	assert_int_equal(last(&x)->txn, x.txn);
	floor_decided(x.floor, FLOOR_EV_RELEASED, x.now_ns);
	assert_int_equal(floor_state(x.floor), FLOOR_IDLE);
	/* the next request has another number */
	assert_true(hold(&x) != id);
	tear_down(&x);
}

static void test_floor__a_request_is_denied(void **state)
{
	struct fx x;

	(void)state;
	set_up(&x, true);
	request(&x);
	floor_decided(x.floor, FLOOR_EV_DENIED, x.now_ns);
	assert_status(&x, BFCP_DENIED);
	assert_int_equal(floor_state(x.floor), FLOOR_IDLE);
	/* nobody decides: denied in time, and whatever core gave is given
	 * back until it says so */
	request(&x);
	run(&x, FLOOR_CORE_MS + 10);
	assert_status(&x, BFCP_DENIED);
	assert_int_equal(x.given, 1);
	run(&x, FLOOR_CORE_MS);
	assert_int_equal(x.given, 2);
	floor_decided(x.floor, FLOOR_EV_RELEASED, x.now_ns);
	assert_int_equal(floor_state(x.floor), FLOOR_IDLE);
	run(&x, 2 * FLOOR_CORE_MS);
	assert_int_equal(x.given, 2);
	tear_down(&x);
}

static void test_floor__repeated_requests_get_the_same_answer(void **state)
{
	struct bfcp_msg m;
	struct fx x;

	(void)state;
	set_up(&x, false);
	m = msg(&x, BFCP_FLOOR_REQUEST);
	m.floors[0] = FLOOR_ID;
	m.floors_n = 1;
	say(&x, &m);
	say(&x, &m);		/* core has not answered: silence */
	assert_int_equal(x.asked, 1);
	assert_int_equal(x.said_n, 0);
	floor_decided(x.floor, FLOOR_EV_GRANTED, x.now_ns);
	say(&x, &m);		/* the answer was lost */
	assert_int_equal(x.said_n, 2);
	assert_memory_equal(x.bytes[0], x.bytes[1], 12);
	assert_status(&x, BFCP_GRANTED);
	assert_int_equal(x.asked, 1);
	/* after T2 it is a new request: one is held already */
	run(&x, FLOOR_T2_MS + 1);
	say(&x, &m);
	assert_error(&x, BFCP_TOO_MANY);
	tear_down(&x);
}

static void test_floor__revocation_is_repeated_until_acknowledged(void **state)
{
	struct bfcp_msg ack;
	struct fx x;
	size_t n;

	(void)state;
	set_up(&x, false);
	hold(&x);
	n = x.said_n;
	floor_decided(x.floor, FLOOR_EV_REVOKED, x.now_ns);
	assert_status(&x, BFCP_REVOKED);
	assert_false(last(&x)->is_response);
	assert_true(last(&x)->txn != 0);
	run(&x, FLOOR_T1_MS - 2);
	assert_int_equal(x.said_n, n + 1);
	run(&x, 4);
	assert_int_equal(x.said_n, n + 2);	/* T1 */
	run(&x, 2 * FLOOR_T1_MS);
	assert_int_equal(x.said_n, n + 3);	/* 2 T1 */
	ack = msg(&x, BFCP_FLOOR_REQUEST_STATUS_ACK);
	ack.is_response = true;
	ack.txn = (uint16_t)(last(&x)->txn + 1);
	say(&x, &ack);			/* of something else */
	run(&x, 4 * FLOOR_T1_MS);
	assert_int_equal(x.said_n, n + 4);
	ack.txn = last(&x)->txn;
	say(&x, &ack);
	run(&x, 60000);
	assert_int_equal(x.said_n, n + 4);
	assert_int_equal(x.stats.lost, 0);
	assert_int_equal(x.stats.unexpected, 1);
	tear_down(&x);
}

static void test_floor__what_nobody_acknowledges_ends(void **state)
{
	struct fx x;
	size_t n;

	(void)state;
	set_up(&x, false);
	hold(&x);
	n = x.said_n;
	floor_decided(x.floor, FLOOR_EV_REVOKED, x.now_ns);
	run(&x, 60000);
	assert_int_equal(x.said_n, n + FLOOR_TRIES);
	assert_int_equal(x.stats.lost, 1);
	tear_down(&x);
}

static void test_floor__streams_need_no_acknowledgement(void **state)
{
	struct fx x;
	size_t n;

	(void)state;
	set_up(&x, true);
	hold(&x);
	n = x.said_n;
	floor_decided(x.floor, FLOOR_EV_REVOKED, x.now_ns);
	assert_int_equal(last(&x)->txn, 0);
	run(&x, 60000);
	assert_int_equal(x.said_n, n + 1);
	tear_down(&x);
}

static void query(struct fx *x, bool with_floor)
{
	struct bfcp_msg m = msg(x, BFCP_FLOOR_QUERY);

	m.floors[0] = FLOOR_ID;
	m.floors_n = with_floor;
	say(x, &m);
}

static void test_floor__news_go_to_who_asked(void **state)
{
	const struct floor_news ann = {true, false, SPAN_LIT("Ann")};
	const struct floor_news none = {false, false, SPAN_NONE};
	struct fx x;

	(void)state;
	set_up(&x, true);
	floor_news(x.floor, &ann, x.now_ns);
	assert_int_equal(x.said_n, 0);
	query(&x, true);
	assert_int_equal(last(&x)->primitive, BFCP_FLOOR_STATUS);
	assert_int_equal(last(&x)->requests_n, 1);
	assert_int_equal(last(&x)->requests[0].overall.status, BFCP_GRANTED);
	assert_true(last(&x)->requests[0].beneficiary.user != USER);
	assert_int_equal(last(&x)->requests[0].beneficiary.name.n, 3);
	floor_news(x.floor, &ann, x.now_ns);
	assert_int_equal(x.said_n, 1);		/* the same again */
	floor_news(x.floor, &none, x.now_ns);
	assert_int_equal(x.said_n, 2);
	assert_int_equal(last(&x)->requests_n, 0);
	query(&x, false);
	floor_news(x.floor, &ann, x.now_ns);
	assert_int_equal(x.said_n, 3);
	tear_down(&x);
}

static void test_floor__news_are_said_once_as_they_then_are(void **state)
{
	const struct floor_news ann = {true, false, SPAN_LIT("Ann")};
	const struct floor_news bob = {true, false, SPAN_LIT("Bob")};
	const struct floor_news none = {false, false, SPAN_NONE};
	struct bfcp_msg ack;
	struct fx x;

	(void)state;
	set_up(&x, false);
	query(&x, true);
	floor_news(x.floor, &ann, x.now_ns);
	floor_news(x.floor, &none, x.now_ns);
	floor_news(x.floor, &bob, x.now_ns);
	assert_int_equal(x.said_n, 2);		/* the answer, Ann */
	ack = msg(&x, BFCP_FLOOR_STATUS_ACK);
	ack.is_response = true;
	ack.txn = last(&x)->txn;
	say(&x, &ack);
	assert_int_equal(x.said_n, 3);
	assert_memory_equal(last(&x)->requests[0].beneficiary.name.p, "Bob",
			    3);
	assert_true(last(&x)->txn != ack.txn);
	tear_down(&x);
}

static void test_floor__nothing_is_said_to_who_has_not_spoken(void **state)
{
	const struct floor_news ann = {true, false, SPAN_LIT("Ann")};
	struct fx x;

	(void)state;
	set_up(&x, false);
	floor_news(x.floor, &ann, x.now_ns);
	floor_decided(x.floor, FLOOR_EV_REVOKED, x.now_ns);
	run(&x, 10000);
	assert_int_equal(x.said_n, 0);
	tear_down(&x);
}

static void test_floor__errors(void **state)
{
	struct bfcp_msg m;
	struct fx x;

	(void)state;
	set_up(&x, false);
	m = msg(&x, BFCP_HELLO);
	m.conf++;
	say(&x, &m);
	assert_error(&x, BFCP_NO_CONFERENCE);
	assert_int_equal(last(&x)->conf, m.conf);	/* ours is not told */
	m = msg(&x, BFCP_HELLO);
	m.user++;
	say(&x, &m);
	assert_error(&x, BFCP_NO_USER);
	m = msg(&x, BFCP_HELLO);
	m.version = 1;
	say(&x, &m);
	assert_error(&x, BFCP_BAD_VERSION);
	m = msg(&x, BFCP_FLOOR_REQUEST);
	m.floors[0] = FLOOR_ID + 1;
	m.floors_n = 1;
	say(&x, &m);
	assert_error(&x, BFCP_BAD_FLOOR);
	m = msg(&x, BFCP_FLOOR_REQUEST);
	m.floors[0] = FLOOR_ID;
	m.floors_n = 1;
	m.has_beneficiary = true;
	m.beneficiary = USER + 1;
	say(&x, &m);
	assert_error(&x, BFCP_UNAUTHORIZED);
	m = msg(&x, BFCP_FLOOR_REQUEST);
	say(&x, &m);
	assert_error(&x, BFCP_UNPARSABLE);
	m = msg(&x, BFCP_CHAIR_ACTION);
	say(&x, &m);
	assert_error(&x, BFCP_UNAUTHORIZED);
	m = msg(&x, (enum bfcp_primitive)77);
	say(&x, &m);
	assert_error(&x, BFCP_UNKNOWN_PRIMITIVE);
	release(&x, 9);
	assert_error(&x, BFCP_NO_REQUEST);
	assert_int_equal(x.asked + x.given, 0);
	/* two servers must not talk for ever */
	x.said_n = 0;
	m = msg(&x, BFCP_ERROR);
	m.error = 3;
	say(&x, &m);
	m = msg(&x, BFCP_FLOOR_STATUS);
	say(&x, &m);
	assert_int_equal(x.said_n, 0);
	tear_down(&x);
}

static void test_floor__unreadable_messages(void **state)
{
	static const uint8_t unknown[] = {0x40, 11, 0, 1, 0, 0, 0x12, 0x34,
					  0, 1, 0, USER, 60 << 1 | 1, 4, 0, 0};
	static const uint8_t torn[] = {0x40, 11, 0, 1, 0, 0, 0x12, 0x34,
				       0, 2, 0, USER, 5, 9, 0, 1};
	static const uint8_t piece[] = {0x48, 11, 0, 0, 0, 0, 0x12, 0x34,
					0, 3, 0, USER};
	struct fx x;

	(void)state;
	set_up(&x, false);
	floor_input(x.floor, span_of(unknown, sizeof(unknown)), x.now_ns);
	assert_error(&x, BFCP_UNKNOWN_ATTRIBUTE);
	assert_int_equal(last(&x)->error_details.n, 1);
	assert_int_equal(last(&x)->error_details.p[0], 60 << 1);
	floor_input(x.floor, span_of(torn, sizeof(torn)), x.now_ns);
	assert_error(&x, BFCP_UNPARSABLE);
	x.said_n = 0;
	floor_input(x.floor, span_of(piece, sizeof(piece)), x.now_ns);
	floor_input(x.floor, SPAN_LIT("OPTIONS sip:x SIP/2.0"), x.now_ns);
	floor_input(x.floor, SPAN_NONE, x.now_ns);
	assert_int_equal(x.said_n, 0);
	assert_int_equal(x.stats.bad, 4);
	tear_down(&x);
}

static void test_floor__floods_are_dropped(void **state)
{
	struct fx x;

	(void)state;
	set_up(&x, true);
	for (int i = 0; i < FLOOR_BURST + 100; i++) {
		query(&x, true);
		x.said_n = 0;
	}
	assert_int_equal(x.stats.dropped, 100);
	x.now_ns += NS_PER_S;
	for (int i = 0; i < FLOOR_PER_S; i++) {
		query(&x, true);
		x.said_n = 0;
	}
	assert_int_equal(x.stats.dropped, 100);
	tear_down(&x);
}

static void test_floor__goodbye_gives_the_floor_back(void **state)
{
	struct bfcp_msg m;
	struct fx x;

	(void)state;
	set_up(&x, false);
	hold(&x);
	m = msg(&x, BFCP_GOODBYE);
	say(&x, &m);
	assert_int_equal(last(&x)->primitive, BFCP_GOODBYE_ACK);
	assert_int_equal(x.given, 1);
	floor_decided(x.floor, FLOOR_EV_RELEASED, x.now_ns);
	assert_int_equal(floor_state(x.floor), FLOOR_IDLE);
	/* and it may come again */
	hold(&x);
	floor_gone(x.floor, x.now_ns);
	assert_int_equal(x.given, 2);
	tear_down(&x);
}

static void test_floor__asked_again_before_the_release_was_answered(void **s)
{
	struct fx x;

	(void)s;
	set_up(&x, true);
	release(&x, hold(&x));
	request(&x);
	assert_int_equal(x.asked, 1);
	floor_decided(x.floor, FLOOR_EV_RELEASED, x.now_ns);
	assert_int_equal(x.asked, 2);
	floor_decided(x.floor, FLOOR_EV_GRANTED, x.now_ns);
	assert_status(&x, BFCP_GRANTED);
	assert_int_equal(last(&x)->txn, x.txn);
	tear_down(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floor_machine__each_cell),
		cmocka_unit_test(test_floor__hello_is_answered),
		cmocka_unit_test(test_floor__a_request_is_granted_and_released),
		cmocka_unit_test(test_floor__a_request_is_denied),
		cmocka_unit_test(
			test_floor__repeated_requests_get_the_same_answer),
		cmocka_unit_test(
			test_floor__revocation_is_repeated_until_acknowledged),
		cmocka_unit_test(test_floor__what_nobody_acknowledges_ends),
		cmocka_unit_test(test_floor__streams_need_no_acknowledgement),
		cmocka_unit_test(test_floor__news_go_to_who_asked),
		cmocka_unit_test(
			test_floor__news_are_said_once_as_they_then_are),
		cmocka_unit_test(
			test_floor__nothing_is_said_to_who_has_not_spoken),
		cmocka_unit_test(test_floor__errors),
		cmocka_unit_test(test_floor__unreadable_messages),
		cmocka_unit_test(test_floor__floods_are_dropped),
		cmocka_unit_test(test_floor__goodbye_gives_the_floor_back),
		cmocka_unit_test(
			test_floor__asked_again_before_the_release_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
