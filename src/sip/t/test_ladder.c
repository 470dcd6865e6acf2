/* The ladder: who is noted, what a flood can do to it, what core is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/clock.h"
#include "sip/ladder.h"
#include "sip/t/fake.h"

static struct fake k;
static struct ladder *l;
static struct ladder_found found;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(ladder_new(&l), 0);
	return fake_init(&k);
}

static int teardown(void **state)
{
	(void)state;
	ladder_free(&l);
	fake_release(&k);
	return 0;
}

/* --- the rings --------------------------------------------------------------- */

static void put(const char *call_id, bool out, bool dialog)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "BYE sip:h SIP/2.0\r\n"
		       "Call-ID: %s\r\n\r\n", call_id);
	ladder_put(l, &k.peer, out, dialog, span_str(text), 1);
}

static size_t find(const char *call_id)
{
	struct ladder_ask ask = {.n_call_ids = 1};

	ask.call_ids[0] = span_str(call_id);
	ladder_find(l, &ask, &found);
	return found.n;
}

static void test_ladder__a_flood_pushes_no_dialog_out(void **state)
{
	char id[32];

	(void)state;
	put("mine", false, true);
	for (int i = 0; i < 4 * LADDER_DIALOGS; i++) {
		(void)snprintf(id, sizeof(id), "other-%d", i);
		put(id, false, false);
	}
	assert_int_equal(find("mine"), 1);
	assert_int_equal(find("other-1"), 0);
	assert_int_equal(find(id), 1);
}

static void test_ladder__takes_so_many_strangers_a_second(void **state)
{
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		n += ladder_may(l, SPAN_LIT("x"), false, NS_PER_S);
	assert_int_equal(n, LADDER_DATAGRAMS_S);
	assert_true(ladder_may(l, SPAN_LIT("x"), true, NS_PER_S));
	assert_true(ladder_may(l, SPAN_LIT("x"), false, 2 * NS_PER_S));
	assert_int_equal(ladder_dropped(l), 10000 - LADDER_DATAGRAMS_S);
}

static void test_ladder__keeps_so_many_of_one_call(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * LADDER_CALL_MAX; i++)
		put("storm", false, true);
	assert_int_equal(find("storm"), LADDER_ROWS_MAX);
	assert_int_equal(found.left_out, 0);
	assert_int_equal(ladder_dropped(l), LADDER_CALL_MAX);
}

/* What a stranger sent goes with the dialog that comes of it. */
static void test_ladder__moves_what_led_to_a_dialog(void **state)
{
	char id[32];

	(void)state;
	put("mine", false, false);
	put("mine", true, false);
	put("mine", true, true);
	assert_int_equal(find("mine"), 3);	/* none of them twice */
	for (int i = 0; i < 2 * LADDER_OTHERS; i++) {
		(void)snprintf(id, sizeof(id), "other-%d", i);
		put(id, false, false);
	}
	assert_int_equal(find("mine"), 3);
	assert_false(found.rows[0]->out);
	assert_true(found.rows[2]->out);
}

static void test_ladder__shows_the_newest_of_many(void **state)
{
	const struct ladder_ask ask = {.peer = &k.peer.source};
	char id[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(id, sizeof(id), "call-%d", i);
		put(id, false, true);
	}
	ladder_find(l, &ask, &found);
	assert_int_equal(found.n, LADDER_CALLS_MAX);
	assert_memory_equal(found.rows[0]->id, "call-84", 7);
	assert_memory_equal(found.rows[LADDER_CALLS_MAX - 1]->id, "call-99", 7);
}

/* --- in the face ----------------------------------------------------------------- */

static void invite(const struct sip_peer *from, const char *alias, int n)
{
	fake_sayf(&k, from, "INVITE sip:%s@meet.example SIP/2.0\n"
		  "Via: SIP/2.0/%s 192.0.2.7;rport;branch=z9hG4bK%d\n"
		  "From: <sip:a@x.example>;tag=ft%d\n"
		  "To: <sip:%s@meet.example>\nCall-ID: c-%d\nCSeq: 1 INVITE\n"
		  "Contact: <sip:a@192.0.2.7>\nContent-Type: application/sdp\n"
		  "\nv=0\na=crypto:1 X inline:SECRET\nm=audio 4000 RTP/SAVP 0"
		  "\n", alias, from->flow ? "TLS" : "UDP", n, n, alias, n);
}

static void verdict(Cv__SipDecision d, const char *reference)
{
	const Cv__SipInvite *m = fake_told(&k, IPC_SIP_INVITE);
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;

	assert_non_null(m);
	v.call = m->call;
	v.decision = d;
	v.answer = &leg;
	v.reference = ipc_data(span_str(reference));
	fake_core(&k, IPC_SIP_VERDICT, &v.base);
}

static char said[64 * FAKE_BYTES];

/* All text that core is shown, and how many rows. */
static size_t ask(const char *word, const char *call_id)
{
	Cv__SipLadderAsk m = CV__SIP_LADDER_ASK__INIT;
	ProtobufCBinaryData id = ipc_data(span_str(call_id));
	size_t n = 0, at = 0;

	fake_forget(&k);
	m.req = 7;
	m.word = ipc_data(span_str(word));
	m.call_ids = &id;
	m.n_call_ids = call_id != NULL;
	fake_core(&k, IPC_SIP_LADDER_ASK, &m.base);
	said[0] = 0;
	for (size_t i = 0; i < k.n_told; i++) {
		const Cv__SipLadder *r = (const void *)k.told[i].m;

		assert_int_equal(k.told[i].type, IPC_SIP_LADDER);
		assert_int_equal(r->req, 7);
		assert_int_equal(r->last, i + 1 == k.n_told);
		for (size_t j = 0; j < r->n_rows; j++, n++)
			at += (size_t)snprintf(said + at, sizeof(said) - at,
				"%s%.*s", r->rows[j]->out ? "> " : "< ",
				(int)r->rows[j]->text.len,
				(const char *)r->rows[j]->text.data);
	}
	return n;
}

static void test_trace__shows_a_call_without_its_secrets(void **state)
{
	(void)state;
	invite(&k.peer, "room", 1);
	verdict(CV__SIP_DECISION__SIP_ANSWER, "");
	assert_int_equal(ask(NULL, "c-1"), 2);
	assert_non_null(strstr(said, "< INVITE sip:room@meet.example"));
	assert_non_null(strstr(said, "m=audio 4000 RTP/SAVP crypto*1\n"));
	assert_non_null(strstr(said, "> SIP/2.0 200 OK\n"));
	assert_null(strstr(said, "SECRET"));
	assert_int_equal(ask(NULL, "c-2"), 0);
}

static void test_trace__finds_a_refusal_by_its_number(void **state)
{
	char ref[32];

	(void)state;
	invite(&k.tls, "room", 1);
	verdict(CV__SIP_DECISION__SIP_REFUSE, "00112233445566aa");
	assert_int_equal(ask("00112233445566AA", NULL), 2);
	assert_non_null(strstr(said, "> SIP/2.0 404 "));
	/* One without state has a number, too, of the same form. */
	face_settings(k.face)->challenge_first = true;
	invite(&k.peer, "room", 2);
	assert_non_null(fake_hdr(fake_last(&k, 0), "Warning", ref,
				 sizeof(ref)));
	assert_int_equal(strlen(ref), strlen("399 - \"\"") + 16);
	ref[7 + 16] = 0;
	assert_int_equal(ask(ref + 7, NULL), 2);
	assert_non_null(strstr(said, "> SIP/2.0 401 "));
}

/* Sent again, it has the same number; another request has another. */
static void test_trace__a_number_costs_no_memory(void **state)
{
	char a[32], b[32], c[32];

	(void)state;
	face_settings(k.face)->challenge_first = true;
	invite(&k.peer, "room", 1);
	(void)fake_hdr(fake_last(&k, 0), "Warning", a, sizeof(a));
	invite(&k.peer, "room", 1);
	(void)fake_hdr(fake_last(&k, 0), "Warning", b, sizeof(b));
	invite(&k.peer, "room", 2);
	(void)fake_hdr(fake_last(&k, 0), "Warning", c, sizeof(c));
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_null(strstr(fake_last(&k, 0), "tag=\""));
}

static void test_trace__a_flood_is_answered_and_not_noted(void **state)
{
	(void)state;
	face_settings(k.face)->challenge_first = true;
	for (int i = 0; i < 200; i++) {
		fake_forget(&k);
		invite(&k.peer, "room", i);
		assert_int_equal(k.n_sent, 1);
	}
	assert_true(ask("room", NULL) <= 2 * LADDER_DATAGRAMS_S);
	assert_int_equal(ask(NULL, "c-199"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ladder__a_flood_pushes_no_dialog_out),
		T(ladder__takes_so_many_strangers_a_second),
		T(ladder__keeps_so_many_of_one_call),
		T(ladder__moves_what_led_to_a_dialog),
		T(ladder__shows_the_newest_of_many),
		T(trace__shows_a_call_without_its_secrets),
		T(trace__finds_a_refusal_by_its_number),
		T(trace__a_number_costs_no_memory),
		T(trace__a_flood_is_answered_and_not_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
