/* The tables, each cell; nonces; the filter; the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "sip/call_machine.h"
#include "sip/filter.h"
#include "sip/nonce.h"
#include "sip/stream.h"
#include "sip/sub_machine.h"
#include "sip/txn_machine.h"

/* One letter for what is done, one for where it goes. Rows: states; columns:
 * REQUEST ACK 1XX 2XX 3XX RETRANS LIFE ERROR. "--" = refused.
 * next: t p c f(confirmed) a x(terminated); do: . nothing, s send, r resend,
 * k ack, T tell, K ack+tell, o timeout, e failed. */
static const char *const txn_want[TXN_KIND_COUNT][TXN_STATE_COUNT] = {
	[TXN_IST] = {
		"-- -- -- -- -- -- -- --",
		"pr -- ps as cs -- xo xe",
		"cr f. -- -- -- cr xo xe",
		"f. f. -- -- -- -- x. f.",
		"a. aT -- as -- -- x. ae",
		"-- -- -- -- -- -- -- --",
	},
	[TXN_NIST] = {
		"t. -- ps cs cs -- xo xe",
		"pr -- ps cs cs -- xo xe",
		"cr -- -- -- -- -- x. xe",
		"-- -- -- -- -- -- -- --",
		"-- -- -- -- -- -- -- --",
		"-- -- -- -- -- -- -- --",
	},
	[TXN_ICT] = {
		"-- -- pT aT cK tr xo xe",
		"-- -- pT aT cK -- xo xe",
		"-- -- -- -- ck -- x. xe",
		"-- -- -- -- -- -- -- --",
		"-- -- -- aT -- -- x. a.",
		"-- -- -- -- -- -- -- --",
	},
	[TXN_NICT] = {
		"-- -- pT cT cT tr xo xe",
		"-- -- pT cT cT pr xo xe",
		"-- -- c. c. c. -- x. c.",
		"-- -- -- -- -- -- -- --",
		"-- -- -- -- -- -- -- --",
		"-- -- -- -- -- -- -- --",
	},
};

static void txn_cell(char out[3], int k, int s, int e)
{
	struct txn_step x = txn_step((enum txn_kind)k, (enum txn_state)s,
				     (enum txn_event)e);
	static const struct {
		unsigned todo;
		char c;
	} names[] = {
		{0, '.'}, {TXN_DO_SEND, 's'}, {TXN_DO_RESEND, 'r'},
		{TXN_DO_ACK, 'k'}, {TXN_DO_TELL, 'T'},
		{TXN_DO_ACK | TXN_DO_TELL, 'K'}, {TXN_DO_TIMEOUT, 'o'},
		{TXN_DO_FAILED, 'e'},
	};

	(void)snprintf(out, 3, "--");
	if (x.todo & TXN_DO_REFUSE) {
		assert_int_equal(x.next, s);
		return;
	}
	out[0] = "tpcfax"[x.next];
	out[1] = '?';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].todo == x.todo)
			out[1] = names[i].c;
}

static void test_txn_machine__does_what_the_rfc_says_in_each_cell(void **state)
{
	(void)state;
	for (int k = 0; k < TXN_KIND_COUNT; k++)
		for (int s = 0; s < TXN_STATE_COUNT; s++)
			for (int e = 0; e < TXN_EVENT_COUNT; e++) {
				char got[3], want[3];

				txn_cell(got, k, s, e);
				(void)snprintf(want, 3, "%.2s",
					       txn_want[k][s] + 3 * e);
				if (strcmp(got, want) != 0)
					fail_msg("%d %d %d: %s, want %s", k, s,
						 e, got, want);
			}
	assert_true(txn_step(TXN_KIND_COUNT, TXN_TRYING, TXN_EV_1XX).todo &
		    TXN_DO_REFUSE);
}

static void test_txn_machine__times_are_those_of_the_table(void **state)
{
	(void)state;
	assert_int_equal(txn_times(TXN_ICT, TXN_TRYING, false).retrans_ms, 500);
	assert_int_equal(txn_times(TXN_ICT, TXN_TRYING, true).retrans_ms, 0);
	assert_int_equal(txn_times(TXN_ICT, TXN_TRYING, true).life_ms, 32000);
	assert_int_equal(txn_times(TXN_IST, TXN_COMPLETED, false).retrans_ms,
			 500);
	assert_int_equal(txn_times(TXN_IST, TXN_COMPLETED, true).life_ms,
			 32000);
	assert_int_equal(txn_times(TXN_IST, TXN_CONFIRMED, true).life_ms, 0);
	assert_int_equal(txn_times(TXN_IST, TXN_CONFIRMED, false).life_ms,
			 5000);
	assert_int_equal(txn_times(TXN_NIST, TXN_COMPLETED, true).life_ms, 0);
	assert_int_equal(txn_times(TXN_NICT, TXN_TRYING, false).retrans_max_ms,
			 4000);
	assert_false(txn_times(TXN_NICT, TXN_PROCEEDING, false).sets_life);
	assert_int_equal(txn_times(TXN_ICT, TXN_COMPLETED, false).life_ms,
			 32000);
	assert_int_equal(txn_times(TXN_ICT, TXN_ACCEPTED, true).life_ms,
			 32000);
}

/* Which events a state takes, and where they lead; the rest is refused. */
static const struct {
	enum call_state s;
	enum call_event e;
	enum call_state next;
	unsigned todo;
} call_want[] = {
#define C(s, e, n, t) {CALL_##s, CALL_EV_##e, CALL_##n, (t)}
#define D(x) CALL_DO_##x
	C(ASKED, CHALLENGE, OVER, D(CHALLENGE)),
	C(ASKED, REFUSE, OVER, D(REFUSE) | D(ENDED)),
	C(ASKED, RING, RINGING, D(RING)),
	C(ASKED, ANSWER, ANSWERED, D(ANSWER)),
	C(ASKED, REDIRECT, OVER, D(REDIRECT) | D(ENDED)),
	C(ASKED, HANGUP, OVER, D(UNAVAILABLE) | D(ENDED)),
	C(ASKED, CANCEL, OVER, D(TERMINATED) | D(ENDED)),
	C(ASKED, BYE, OVER, D(TERMINATED) | D(ENDED)),
	C(ASKED, TIMEOUT, OVER, D(UNAVAILABLE) | D(ENDED)),
	C(ASKED, UNSENT, OVER, D(ENDED)),
	C(RINGING, REFUSE, OVER, D(REFUSE) | D(ENDED)),
	C(RINGING, RING, RINGING, 0),
	C(RINGING, ANSWER, ANSWERED, D(ANSWER)),
	C(RINGING, REDIRECT, OVER, D(REDIRECT) | D(ENDED)),
	C(RINGING, HANGUP, OVER, D(UNAVAILABLE) | D(ENDED)),
	C(RINGING, CANCEL, OVER, D(TERMINATED) | D(ENDED)),
	C(RINGING, BYE, OVER, D(TERMINATED) | D(ENDED)),
	C(RINGING, NO_ACK, OVER, D(UNAVAILABLE) | D(ENDED)),
	C(RINGING, TIMEOUT, OVER, D(UNAVAILABLE) | D(ENDED)),
	C(RINGING, UNSENT, OVER, D(ENDED)),
	C(ANSWERED, HANGUP, ANSWERED, D(LATER)),
	C(ANSWERED, CANCEL, ANSWERED, 0),
	C(ANSWERED, ACK, UP, D(UP)),
	C(ANSWERED, BYE, OVER, D(ENDED)),
	C(ANSWERED, NO_ACK, OVER, D(BYE) | D(ENDED)),
	C(ANSWERED, EXPIRED, OVER, D(BYE) | D(ENDED)),
	C(ANSWERED, TIMEOUT, ANSWERED, 0),
	C(ANSWERED, UNSENT, OVER, D(ENDED)),
	C(UP, HANGUP, OVER, D(BYE) | D(ENDED)),
	C(UP, CANCEL, UP, 0),
	C(UP, ACK, UP, 0),
	C(UP, BYE, OVER, D(ENDED)),
	C(UP, NO_ACK, OVER, D(BYE) | D(ENDED)),
	C(UP, EXPIRED, OVER, D(BYE) | D(ENDED)),
	C(UP, TIMEOUT, UP, 0),
	C(UP, UNSENT, UP, 0),
	C(UP, 1XX, UP, 0),
	C(UP, 2XX, UP, D(ACK_BYE)),
	C(DIALING, HANGUP, OVER, D(ENDED)),
	C(DIALING, CONNECTED, CALLING, D(INVITE)),
	C(DIALING, NEXT, DIALING, D(CONNECT)),
	C(DIALING, TIMEOUT, OVER, D(ENDED)),
	C(DIALING, UNSENT, OVER, D(ENDED)),
	C(CALLING, HANGUP, CANCELLING, 0),
	C(CALLING, 1XX, EARLY, D(PROGRESS)),
	C(CALLING, 2XX, UP, D(ACCEPTED)),
	C(CALLING, REJECTED, OVER, D(REJECTED)),
	C(CALLING, AGAIN, CALLING, D(INVITE)),
	C(CALLING, NEXT, DIALING, D(CONNECT)),
	C(CALLING, TIMEOUT, OVER, D(ENDED)),
	C(CALLING, UNSENT, OVER, D(ENDED)),
	C(EARLY, HANGUP, CANCELLING, D(CANCEL)),
	C(EARLY, 1XX, EARLY, D(PROGRESS)),
	C(EARLY, 2XX, UP, D(ACCEPTED)),
	C(EARLY, REJECTED, OVER, D(REJECTED)),
	C(EARLY, AGAIN, CALLING, D(INVITE)),
	C(EARLY, BYE, OVER, D(ENDED)),
	C(EARLY, TIMEOUT, CANCELLING, D(CANCEL)),
	C(EARLY, UNSENT, OVER, D(ENDED)),
	C(CANCELLING, HANGUP, CANCELLING, 0),
	C(CANCELLING, 1XX, CANCELLING, D(CANCEL)),
	C(CANCELLING, 2XX, OVER, D(ACK_BYE) | D(ENDED)),
	C(CANCELLING, REJECTED, OVER, D(ENDED)),
	C(CANCELLING, AGAIN, OVER, D(ENDED)),
	C(CANCELLING, BYE, OVER, D(ENDED)),
	C(CANCELLING, TIMEOUT, OVER, D(ENDED)),
	C(CANCELLING, UNSENT, OVER, D(ENDED)),
};

static void test_call_machine__goes_as_drawn_in_each_cell(void **state)
{
	(void)state;
	for (int s = 0; s < CALL_STATE_COUNT; s++)
		for (int e = 0; e < CALL_EVENT_COUNT; e++) {
			struct call_step x = call_step((enum call_state)s,
						       (enum call_event)e);
			struct call_step w = {(enum call_state)s,
					      CALL_DO_REFUSED};

			for (size_t i = 0; i < sizeof(call_want) /
			     sizeof(call_want[0]); i++)
				if ((int)call_want[i].s == s &&
				    (int)call_want[i].e == e)
					w = (struct call_step){
						call_want[i].next,
						call_want[i].todo};
			if (x.next != w.next || x.todo != w.todo)
				fail_msg("%s, event %d: %s %x",
					 call_state_name((enum call_state)s),
					 e, call_state_name(x.next), x.todo);
		}
}

/* Columns: SUBSCRIBE FETCH FULL PARTIAL FINAL EXPIRED REFUSED MISSED. Next: n
 * none, p pending, a active, f fetch; do: A ask, S stop, R arm, F full, P
 * partial, L last, E end. */
static const char *const sub_want[SUB_STATE_COUNT][SUB_EVENT_COUNT] = {
	[SUB_NONE] = {"pAR", "fAR", "n", "n", "n", "-", "n", "n"},
	[SUB_PENDING] = {"pR", "fR", "aF", "p", "nE", "nSE", "nS", "p"},
	[SUB_ACTIVE] = {"pAR", "fAR", "aF", "aP", "nE", "nSE", "nS", "pA"},
	[SUB_FETCH] = {"pR", "fR", "nSL", "f", "nE", "nSE", "nS", "f"},
};

static void test_sub_machine__goes_as_drawn_in_each_cell(void **state)
{
	static const char letters[] = "ASRFPLE";

	(void)state;
	for (int s = 0; s < SUB_STATE_COUNT; s++)
		for (int e = 0; e < SUB_EVENT_COUNT; e++) {
			const struct sub_step x = sub_step((enum sub_state)s,
							   (enum sub_event)e);
			char got[16] = "-";
			size_t n = 0;

			if (!(x.todo & SUB_DO_REFUSED))
				got[n++] = "npaf"[x.next];
			else
				assert_int_equal(x.next, s);
			for (int b = 0; n && letters[b]; b++)
				if (x.todo & 1u << b)
					got[n++] = letters[b];
			if (n)
				got[n] = 0;
			if (strcmp(got, sub_want[s][e]) != 0)
				fail_msg("%d %d: %s", s, e, got);
		}
	assert_true(sub_step(SUB_STATE_COUNT, SUB_EV_FULL).todo &
		    SUB_DO_REFUSED);
}

/* --- nonces ------------------------------------------------------------------------ */

static struct addr source(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, span_str(text), 0), 0);
	return a;
}

static void test_nonce__is_good_once_for_each_number(void **state)
{
	struct addr a = source("192.0.2.1"), b = source("192.0.2.2");
	const uint64_t t = 1000 * NS_PER_S;
	char text[NONCE_LEN + 1];
	struct nonces *n;
	struct span s;

	(void)state;
	assert_int_equal(nonces_new(&n), 0);
	assert_int_equal(nonce_make(n, &a, t, text), 0);
	s = span_of(text, NONCE_LEN);
	assert_int_equal(nonce_use(n, s, &b, 1, t), NONCE_FOREIGN);
	assert_int_equal(nonce_use(n, s, &a, 0, t), NONCE_STALE);
	assert_int_equal(nonce_use(n, s, &a, 1, t), NONCE_GOOD);
	assert_int_equal(nonce_use(n, s, &a, 1, t), NONCE_REPLAYED);
	assert_int_equal(nonce_use(n, s, &a, 5, t), NONCE_GOOD);
	assert_int_equal(nonce_use(n, s, &a, 3, t), NONCE_GOOD);
	assert_int_equal(nonce_use(n, s, &a, 3, t), NONCE_REPLAYED);
	assert_int_equal(nonce_use(n, s, &a, 1000, t), NONCE_GOOD);
	assert_int_equal(nonce_use(n, s, &a, 6, t), NONCE_REPLAYED);
	assert_int_equal(nonce_use(n, s, &a, 1001,
				   t + (NONCE_S + 1) * NS_PER_S), NONCE_STALE);
	text[3] ^= 1;
	assert_int_equal(nonce_use(n, s, &a, 2000, t), NONCE_FOREIGN);
	assert_int_equal(nonce_use(n, SPAN_LIT("abc"), &a, 1, t),
			 NONCE_FOREIGN);
	nonces_free(&n);
	assert_null(n);
}

/* More than the table holds: what was pushed out is stale, never good again. */
static void test_nonce__that_was_pushed_out_is_stale(void **state)
{
	enum { MANY = NONCE_BUCKETS * NONCE_WAYS * 2 };
	static char text[MANY][NONCE_LEN + 1];
	struct addr a = source("2001:db8::1");
	const uint64_t t = 5000 * NS_PER_S;
	struct nonces *n;
	unsigned pushed = 0;

	(void)state;
	assert_int_equal(nonces_new(&n), 0);
	for (int i = 0; i < MANY; i++) {
		struct span s = span_of(text[i], NONCE_LEN);

		assert_int_equal(nonce_make(n, &a, t + (uint64_t)i * NS_PER_MS,
					    text[i]), 0);
		(void)nonce_use(n, s, &a, 1, t + (uint64_t)i * NS_PER_MS);
	}
	for (int i = 0; i < MANY; i++) {
		enum nonce_verdict v = nonce_use(n, span_of(text[i], NONCE_LEN),
						 &a, 1, t + 33 * NS_PER_S);

		assert_int_not_equal(v, NONCE_GOOD);
		pushed += v == NONCE_STALE;
	}
	assert_true(pushed > 0);
	nonces_free(&n);
}

/* --- filter ------------------------------------------------------------------------- */

static enum filter_verdict look(const char *first, const char *agent)
{
	char text[512];
	struct sip_peek p;

	(void)snprintf(text, sizeof(text), "%s SIP/2.0\r\nVia: SIP/2.0/UDP "
		       "192.0.2.1;branch=z9hG4bK1234567890\r\nMax-Forwards: "
		       "70\r\nUser-Agent: %s\r\n\r\n", first, agent);
	return filter_look(&p, span_str(text));
}

static void test_filter__drops_before_anything_is_parsed(void **state)
{
	struct sip_peek p;

	(void)state;
	assert_int_equal(look("INVITE sip:a@b", "phone"), FILTER_PASS);
	assert_int_equal(look("INVITE sip:a@b", "Scandinavian Phone"),
			 FILTER_PASS);
	assert_int_equal(look("INVITE sip:a@b", "friendly-scanner"),
			 FILTER_AGENT);
	assert_int_equal(look("OPTIONS sip:a@b", "SIPVicious 0.3"),
			 FILTER_AGENT);
	assert_int_equal(look("OPTIONS sip:a@b", "sipcli/v1.8"), FILTER_AGENT);
	assert_int_equal(look("MESSAGE sip:a@b", "phone"), FILTER_METHOD);
	assert_int_equal(look("DANCE sip:a@b", "phone"), FILTER_METHOD);
	assert_int_equal(filter_look(&p, SPAN_LIT("\r\n\r\n")), FILTER_NOISE);
	assert_int_equal(filter_look(&p, SPAN_LIT("hello")), FILTER_NOISE);
	assert_int_equal(filter_look(&p, SPAN_LIT(
		"OPTIONS sip:a SIP/2.0\r\n\r\n")), FILTER_SHORT);
}

/* --- stream --------------------------------------------------------------------------- */

struct got {
	unsigned messages, pings, bfcp;
	size_t bytes;
};

static bool on_got(void *arg, enum stream_got what, struct span msg)
{
	struct got *g = arg;

	g->pings += what == STREAM_PING;
	g->messages += what == STREAM_MESSAGE;
	g->bfcp += what == STREAM_BFCP;
	g->bytes += msg.n;
	return true;
}

static int feed(struct stream *s, const char *text, size_t step, uint64_t now,
		struct got *g)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i += step) {
		size_t k = n - i < step ? n - i : step, room;
		uint8_t *p;
		int r = stream_room(s, &p, &room);

		if (r < 0)
			return r;
		assert_true(room >= k);
		memcpy(p, text + i, k);
		r = stream_feed(s, k, now, on_got, g);
		if (r < 0)
			return r;
	}
	return 0;
}

#define HEAD "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\n"
#define ONE HEAD "Content-Length: 3\r\n\r\nabc"

static void test_stream__cuts_pipelined_messages_however_they_drip(void **state)
{
	static const size_t steps[] = {1, 2, 7, 4096};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct stream s = {.buf = NULL};
		struct got g = {0};

		assert_int_equal(feed(&s, ONE ONE "\r\n\r\n" ONE "\r\n\r\n",
				      steps[i], 5, &g), 0);
		assert_int_equal(g.messages, 3);
		assert_int_equal(g.pings, 2);
		assert_int_equal(g.bytes, 3 * (sizeof(ONE) - 1));
		assert_null(s.buf);		/* nothing waits, nothing is kept */
		assert_int_equal(stream_due_ns(&s), 0);
		stream_release(&s);
	}
}

static void put(struct stream *s, const uint8_t *bytes, size_t n, size_t step,
		struct got *g, int want)
{
	for (size_t i = 0; i < n; i += step) {
		size_t k = n - i < step ? n - i : step, room;
		uint8_t *p;

		assert_int_equal(stream_room(s, &p, &room), 0);
		assert_true(room >= k);
		memcpy(p, bytes + i, k);
		assert_int_equal(stream_feed(s, k, 1, on_got, g),
				 i + k < n ? 0 : want);
	}
}

static void test_stream__knows_bfcp_by_its_first_byte(void **state)
{
	/* Hello, FloorQuery of floor 1 */
	static const uint8_t two[] = {
		0x20, 11, 0, 0, 0, 0, 0, 1, 0, 1, 0, 2,
		0x20, 7, 0, 1, 0, 0, 0, 1, 0, 2, 0, 2, 5, 4, 0, 1};
	static const uint8_t long_one[] = {0x20, 11, 0xff, 0xff, 0, 0, 0, 1,
					   0, 1, 0, 2};

	(void)state;
	for (size_t step = 1; step <= sizeof(two); step++) {
		struct stream s = {.buf = NULL};
		struct got g = {0};

		put(&s, two, sizeof(two), step, &g, 0);
		assert_int_equal(g.bfcp, 2);
		assert_int_equal(g.bytes, sizeof(two));
		assert_int_equal(stream_due_ns(&s), 0);
		/* it stays what it is, also after it was empty */
		put(&s, two, 12, step, &g, 0);
		assert_int_equal(g.bfcp, 3);
		assert_int_equal(g.messages, 0);
		stream_release(&s);
	}
	struct stream s = {.buf = NULL};
	struct got g = {0};
	put(&s, long_one, sizeof(long_one), 12, &g, E_FORMAT);
	stream_release(&s);
}

static void test_stream__deadline_does_not_move_with_drops(void **state)
{
	struct stream s = {.buf = NULL};
	struct got g = {0};

	(void)state;
	assert_int_equal(feed(&s, "OPT", 3, 100, &g), 0);
	assert_int_equal(feed(&s, "IONS", 4, 100 + NS_PER_S, &g), 0);
	assert_int_equal(stream_due_ns(&s), 100 + STREAM_MESSAGE_S * NS_PER_S);
	stream_release(&s);
}

static void test_stream__ends_at_broken_framing(void **state)
{
	struct stream s = {.buf = NULL};
	struct got g = {0};

	(void)state;
	assert_int_equal(feed(&s, HEAD "\r\n", 4096, 1, &g), E_FORMAT);
	stream_release(&s);
	assert_int_equal(feed(&s, "GET / HTTP/1.1\r\n\r\n", 4096, 1, &g),
			 E_FORMAT);
	stream_release(&s);
}

static int body_nonces(void *arg)
{
	struct nonces *n = NULL;
	int r = nonces_new(&n);

	(void)arg;
	nonces_free(&n);
	return r;
}

static void test_nonce__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body_nonces, NULL, 10) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_txn_machine__does_what_the_rfc_says_in_each_cell),
		cmocka_unit_test(test_txn_machine__times_are_those_of_the_table),
		cmocka_unit_test(test_call_machine__goes_as_drawn_in_each_cell),
		cmocka_unit_test(test_sub_machine__goes_as_drawn_in_each_cell),
		cmocka_unit_test(test_nonce__is_good_once_for_each_number),
		cmocka_unit_test(test_nonce__that_was_pushed_out_is_stale),
		cmocka_unit_test(test_filter__drops_before_anything_is_parsed),
		cmocka_unit_test(test_stream__cuts_pipelined_messages_however_they_drip),
		cmocka_unit_test(test_stream__knows_bfcp_by_its_first_byte),
		cmocka_unit_test(test_stream__deadline_does_not_move_with_drops),
		cmocka_unit_test(test_stream__ends_at_broken_framing),
		cmocka_unit_test(test_nonce__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
