/* ICE-lite on an imaginary network: each answer and each silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "media/transport/ice.h"

#define SECOND NS_PER_S

struct peer {
	struct ice *ice;
	struct ice_leg *leg;
	char ufrag[ICE_UFRAG_LEN + 1], pwd[ICE_PWD_LEN + 1];
	const char *mine;
	bool is_nominating, is_controlled;
	struct ice_result r;
};

static void learn(struct peer *p)
{
	memset(p->ufrag, 0, sizeof(p->ufrag));
	memset(p->pwd, 0, sizeof(p->pwd));
	memcpy(p->ufrag, ice_leg_ufrag(p->leg).p, ICE_UFRAG_LEN);
	memcpy(p->pwd, ice_leg_pwd(p->leg).p, ICE_PWD_LEN);
}

static void begin(struct peer *p)
{
	*p = (struct peer){.mine = "peer", .is_nominating = true};
	assert_int_equal(ice_new(&p->ice), 0);
	assert_int_equal(ice_leg_open(&p->leg, p->ice, span_str("peer"), p,
				      SECOND), 0);
	learn(p);
}

static void finish(struct peer *p)
{
	ice_leg_close(&p->leg);
	ice_free(&p->ice);
}

static struct path from_port(uint16_t port)
{
	struct path p = {.kind = PATH_UDP, .peer.port = port};

	p.peer.ip[10] = p.peer.ip[11] = 0xff;
	p.peer.ip[12] = 10;
	return p;
}

static size_t check_make(const struct peer *p, uint8_t *buf, size_t cap)
{
	char name[100];
	struct stun_request q = {.priority = 5, .tie_breaker = 9,
				 .controlling = !p->is_controlled,
				 .use_candidate = p->is_nominating,
				 .key = span_str(p->pwd)};
	struct span s;

	snprintf(name, sizeof(name), "%s:%s", p->ufrag, p->mine);
	q.username = span_str(name);
	assert_int_equal(stun_encode_request(buf, cap, &s, &q), 0);
	return s.n;
}

static void check(struct peer *p, uint16_t port, uint64_t now)
{
	struct path from = from_port(port);
	uint8_t buf[300];
	size_t n = check_make(p, buf, sizeof(buf));

	ice_input(p->ice, &from, span_of(buf, n), now, &p->r);
}

static uint16_t selected(const struct peer *p)
{
	const struct path *path = ice_leg_path(p->leg);

	return path ? path->peer.port : 0;
}

static void test_ice__answers_an_authenticated_check(void **state)
{
	struct peer p;
	struct stun_msg m;
	struct path from = from_port(100);

	(void)state;
	begin(&p);
	check(&p, 100, 2 * SECOND);
	assert_ptr_equal(p.r.leg, p.leg);
	assert_true(p.r.is_first && p.r.is_moved);
	assert_int_equal(stun_decode(&m, span_of(p.r.reply, p.r.reply_n)), 0);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_int_equal(m.mapped.port, 100);
	assert_int_equal(stun_check_integrity(&m, span_str(p.pwd)), 0);
	assert_int_equal(selected(&p), 100);
	assert_ptr_equal(ice_find(p.ice, &from), p.leg);
	check(&p, 100, 3 * SECOND);
	assert_false(p.r.is_first || p.r.is_moved);
	finish(&p);
}

static void expect_silence(struct peer *p)
{
	struct path from = from_port(100);

	check(p, 100, 2 * SECOND);
	assert_null(p->r.leg);
	assert_int_equal(p->r.reply_n, 0);
	assert_int_equal(selected(p), 0);
	assert_null(ice_find(p->ice, &from));
}

static void test_ice__is_silent_to_the_unauthenticated(void **state)
{
	struct peer p;
	struct ice_stats st;

	(void)state;
	begin(&p);
	p.pwd[0] ^= 1;
	expect_silence(&p);
	learn(&p);
	p.ufrag[0] ^= 1;
	expect_silence(&p);
	learn(&p);
	p.mine = "other";
	expect_silence(&p);
	ice_get_stats(p.ice, &st);
	assert_int_equal(st.bad_integrity, 2);
	assert_int_equal(st.unknown_ufrag, 1);
	assert_int_equal(st.checks, 0);
	finish(&p);
}

static void test_ice__moves_only_by_nomination(void **state)
{
	struct peer p;

	(void)state;
	begin(&p);
	p.is_nominating = false;
	check(&p, 100, 2 * SECOND);
	check(&p, 101, 2 * SECOND);
	assert_int_equal(selected(&p), 101);	/* nothing nominated yet */
	p.is_nominating = true;
	check(&p, 100, 2 * SECOND);
	assert_int_equal(selected(&p), 100);
	p.is_nominating = false;
	check(&p, 101, 2 * SECOND);
	assert_int_equal(selected(&p), 100);
	assert_false(p.r.is_moved);
	p.is_nominating = true;
	check(&p, 101, 2 * SECOND);
	assert_true(p.r.is_moved);
	assert_int_equal(selected(&p), 101);
	finish(&p);
}

static void test_ice__tells_a_controlled_peer_of_the_conflict(void **state)
{
	struct peer p;
	struct stun_msg m;

	(void)state;
	begin(&p);
	p.is_controlled = true;
	check(&p, 100, 2 * SECOND);
	assert_null(p.r.leg);
	assert_int_equal(stun_decode(&m, span_of(p.r.reply, p.r.reply_n)), 0);
	assert_int_equal(m.error_code, STUN_ROLE_CONFLICT);
	finish(&p);
}

static void test_ice__bounds_the_addresses_of_a_leg(void **state)
{
	struct peer p;
	struct path old = from_port(100), first = from_port(1000);

	(void)state;
	begin(&p);
	check(&p, 100, 2 * SECOND);
	p.is_nominating = false;
	for (uint16_t i = 0; i < 100; i++)
		check(&p, (uint16_t)(1000 + i), (uint64_t)(3 + i) * SECOND);
	/* the one in use stays, the oldest of the others went */
	assert_int_equal(selected(&p), 100);
	assert_ptr_equal(ice_find(p.ice, &old), p.leg);
	assert_null(ice_find(p.ice, &first));
	finish(&p);
}

static void test_ice__an_address_stays_while_its_owner_proves_it(void **state)
{
	struct peer p, q;
	struct path from = from_port(100);

	(void)state;
	begin(&p);
	q = p;
	q.leg = NULL;
	assert_int_equal(ice_leg_open(&q.leg, p.ice, span_str("peer"), &q,
				      SECOND), 0);
	learn(&q);
	check(&p, 100, 2 * SECOND);
	check(&q, 100, 9 * SECOND);
	assert_int_equal(q.r.reply_n, 0);
	assert_null(q.r.leg);
	assert_ptr_equal(ice_find(p.ice, &from), p.leg);
	assert_int_equal(selected(&p), 100);
	check(&q, 100, 10 * SECOND);
	assert_ptr_equal(ice_find(p.ice, &from), q.leg);
	assert_int_equal(selected(&p), 0);
	ice_leg_close(&q.leg);
	assert_null(ice_find(p.ice, &from));
	finish(&p);
}

static void test_ice__restart_keeps_the_old_until_the_new_is_used(void **state)
{
	struct peer p, old;

	(void)state;
	begin(&p);
	check(&p, 100, 2 * SECOND);
	old = p;
	assert_int_equal(ice_leg_restart(p.leg, span_str("next"), 3 * SECOND),
			 0);
	check(&old, 100, 3 * SECOND);
	assert_ptr_equal(old.r.leg, p.leg);
	p.mine = "next";
	learn(&p);
	check(&p, 200, 4 * SECOND);
	assert_int_equal(selected(&p), 200);
	check(&old, 100, 5 * SECOND);
	assert_null(old.r.leg);
	finish(&p);
}

static void test_ice__life_follows_the_checks(void **state)
{
	struct peer p;
	uint64_t t = SECOND;

	(void)state;
	begin(&p);
	assert_int_equal(ice_leg_life(p.leg, t + 59 * SECOND), ICE_NEW);
	assert_int_equal(ice_leg_life(p.leg, t + 60 * SECOND), ICE_GONE);
	check(&p, 100, t);
	assert_int_equal(ice_leg_life(p.leg, t + 14 * SECOND), ICE_ALIVE);
	assert_int_equal(ice_leg_life(p.leg, t + 15 * SECOND), ICE_SILENT);
	assert_int_equal(ice_leg_life(p.leg, t + 45 * SECOND), ICE_GONE);
	check(&p, 100, t + 20 * SECOND);
	assert_int_equal(ice_leg_life(p.leg, t + 21 * SECOND), ICE_ALIVE);
	finish(&p);
}

static int open_and_check(void *arg)
{
	struct peer p = {.mine = "peer", .is_nominating = true};
	int r;

	(void)arg;
	r = ice_new(&p.ice);
	if (r == 0)
		r = ice_leg_open(&p.leg, p.ice, span_str("peer"), &p, SECOND);
	if (r == 0) {
		learn(&p);
		check(&p, 1, SECOND);
		r = ice_leg_restart(p.leg, span_str("next"), SECOND);
	}
	ice_leg_close(&p.leg);
	ice_free(&p.ice);
	return r;
}

static void test_ice__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(open_and_check, NULL, 100) > 0);
}

/* A neighbour who reads the fragment on the wire, but has no password. */
static void test_ice__looks_at_so_many_checks_only(void **state)
{
	struct peer p;
	struct ice_stats st;
	char right[ICE_PWD_LEN + 1];
	uint64_t now = 10 * SECOND;

	(void)state;
	begin(&p);
	check(&p, 100, now);
	memcpy(right, p.pwd, sizeof(right));
	p.pwd[0] ^= 1;
	for (unsigned i = 0; i < 1000; i++)
		check(&p, (uint16_t)(1000 + i), now);
	ice_get_stats(p.ice, &st);
	assert_int_equal(st.bad_integrity, ICE_STRANGE_BURST - 1);
	assert_int_equal(st.too_fast, 1000 - ICE_STRANGE_BURST + 1);
	/* The peer goes on from the address that he proved. */
	memcpy(p.pwd, right, sizeof(right));
	check(&p, 100, now);
	assert_ptr_equal(p.r.leg, p.leg);
	/* Forged from there, they are bounded, too. */
	p.pwd[0] ^= 1;
	for (unsigned i = 0; i < 1000; i++)
		check(&p, 100, now);
	ice_get_stats(p.ice, &st);
	assert_int_equal(st.bad_integrity, ICE_STRANGE_BURST - 1 +
			 ICE_KNOWN_BURST - 1);
	/* A new address of the peer's is heard again soon. */
	memcpy(p.pwd, right, sizeof(right));
	check(&p, 200, now);
	assert_null(p.r.leg);
	check(&p, 200, now + SECOND / ICE_STRANGE_PER_S);
	assert_ptr_equal(p.r.leg, p.leg);
	finish(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ice__answers_an_authenticated_check),
		cmocka_unit_test(test_ice__is_silent_to_the_unauthenticated),
		cmocka_unit_test(test_ice__looks_at_so_many_checks_only),
		cmocka_unit_test(test_ice__moves_only_by_nomination),
		cmocka_unit_test(
			test_ice__tells_a_controlled_peer_of_the_conflict),
		cmocka_unit_test(test_ice__bounds_the_addresses_of_a_leg),
		cmocka_unit_test(
			test_ice__an_address_stays_while_its_owner_proves_it),
		cmocka_unit_test(
			test_ice__restart_keeps_the_old_until_the_new_is_used),
		cmocka_unit_test(test_ice__life_follows_the_checks),
		cmocka_unit_test(test_ice__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
