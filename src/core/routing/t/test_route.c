#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/err.h"
#include "core/routing/route.h"
#include "core/routing/route_text.h"
#include "core/routing/t/rules.h"

struct fix {
	struct route_table *t;
	struct regex_run *run;
	struct route_result out;
	struct route_facts f;
	unsigned asked;			/* services */
};

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_int_equal(regex_run_new(&f->run), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	route_table_unref(&f->t);
	regex_run_free(&f->run);
	free(f);
	return mem_live() == 0 ? 0 : -1;
}

static void load(struct fix *f, const struct rule *rules, size_t n)
{
	struct rule_error why;
	int64_t bad;

	route_table_unref(&f->t);
	assert_int_equal(route_table_new(&f->t, rules, n, &bad, &why), 0);
}

static void load_one(struct fix *f, struct rule r)
{
	load(f, &r, 1);
}

static struct rule any(void)
{
	return rule_make(7, 10, "Any", ".*");
}

static int64_t find_service(void *arg, struct span alias)
{
	struct fix *f = arg;

	f->asked++;
	return span_eq(alias, SPAN_LIT("meet.demo")) ? 42 : 0;
}

static enum route_kind resolve(struct fix *f, const char *dialled)
{
	const struct route_services services = {find_service, f};

	f->f.dialled = span_str(dialled);
	route_resolve(f->t, f->run, &f->f, &services, &f->out);
	return f->out.kind;
}

/* --- order ---------------------------------------------------------------------- */

static void test_route__nothing_without_a_rule(void **state)
{
	struct fix *f = *state;

	load(f, NULL, 0);
	assert_int_equal(resolve(f, "9123"), ROUTE_NOTHING);
	assert_string_equal(f->out.alias, "9123");
	assert_int_equal(f->out.tried, 0);
	assert_null(f->out.rule);
}

static void test_route__services_come_before_rules(void **state)
{
	struct fix *f = *state;

	load_one(f, any());
	assert_int_equal(resolve(f, "sip:Meet.Demo;x=1"), ROUTE_SERVICE);
	assert_int_equal(f->out.service, 42);
	assert_int_equal(f->out.tried, 0);
	assert_int_equal(resolve(f, "other"), ROUTE_RULE);
	assert_int_equal(f->asked, 2);
	f->f.outgoing = true;
	assert_int_equal(resolve(f, "meet.demo"), ROUTE_NOTHING);
	assert_int_equal(f->asked, 2);
}

static void test_route__lower_priority_number_comes_first(void **state)
{
	struct fix *f = *state;
	struct rule r[3] = {rule_make(1, 30, "c", ".*"),
			    rule_make(2, 20, "b", ".*"),
			    rule_make(3, 10, "a", "x.*")};

	load(f, r, 3);
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	assert_int_equal(f->out.rule->id, 3);
	assert_int_equal(f->out.tried, 1);
	assert_int_equal(resolve(f, "y"), ROUTE_RULE);
	assert_int_equal(f->out.rule->id, 2);
	assert_int_equal(f->out.tried, 2);
}

static void test_route__equal_priorities_go_by_id(void **state)
{
	struct fix *f = *state;
	struct rule r[3] = {rule_make(9, 10, "c", ".*"),
			    rule_make(2, 10, "a", ".*"),
			    rule_make(5, 10, "b", ".*")};

	load(f, r, 3);
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	assert_int_equal(f->out.rule->id, 2);
	assert_int_equal(route_table_at(f->t, 1)->id, 5);
	assert_int_equal(route_table_at(f->t, 2)->id, 9);
	assert_null(route_table_at(f->t, 3));
	assert_ptr_equal(route_table_find(f->t, 5), route_table_at(f->t, 1));
	assert_null(route_table_find(f->t, 6));
}

static void test_route__a_rule_that_fails_lets_no_other_try(void **state)
{
	struct fix *f = *state;
	struct rule r[3] = {rule_make(1, 10, "runaway", "(a+)+[bc]"),
			    rule_make(2, 20, "nothing", "e(.*)"),
			    rule_make(3, 30, "all", ".*")};

	r[1].replace_string = SPAN_LIT("\\1");
	load(f, r, 3);
	assert_int_equal(resolve(f, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
			 ROUTE_ERROR);
	assert_int_equal(f->out.error, E_TIMEOUT);
	assert_int_equal(f->out.rule->id, 1);
	assert_int_equal(resolve(f, "e"), ROUTE_ERROR);
	assert_int_equal(f->out.error, E_FORMAT);
	assert_int_equal(f->out.rule->id, 2);
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
}

/* --- what each field does ---------------------------------------------------------- */

static void test_route__enable(void **state)
{
	struct fix *f = *state;
	struct rule r = any();

	r.enable = false;
	load_one(f, r);
	assert_int_equal(resolve(f, "x"), ROUTE_NOTHING);
}

static void test_route__match_incoming_and_outgoing_calls(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < 8; i++) {
		struct rule r = any();
		const bool in = i & 1, out = i & 2;

		if (!in && !out)
			continue;
		r.match_incoming_calls = in;
		r.match_outgoing_calls = out;
		f->f.outgoing = i & 4;
		load_one(f, r);
		assert_int_equal(resolve(f, "x"),
				 (f->f.outgoing ? out : in) ? ROUTE_RULE :
				 ROUTE_NOTHING);
	}
}

static void test_route__match_source_location(void **state)
{
	struct fix *f = *state;
	struct rule r = any();

	r.match_source_location = LOC_DMZ;
	load_one(f, r);
	f->f.location = LOC_INSIDE;
	assert_int_equal(resolve(f, "x"), ROUTE_NOTHING);
	f->f.location = 0;
	assert_int_equal(resolve(f, "x"), ROUTE_NOTHING);
	f->f.location = LOC_DMZ;
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	f->f.outgoing = true;
	r.match_outgoing_calls = true;
	load_one(f, r);
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	f->f.location = LOC_INSIDE;
	assert_int_equal(resolve(f, "x"), ROUTE_NOTHING);
}

static void test_route__match_incoming_only_if_registered(void **state)
{
	struct fix *f = *state;
	struct rule r = any();

	r.match_incoming_only_if_registered = true;
	r.match_outgoing_calls = true;
	load_one(f, r);
	assert_int_equal(resolve(f, "x"), ROUTE_NOTHING);
	f->f.registered = true;
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	f->f.registered = false;
	f->f.outgoing = true;	/* about incoming calls only */
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
}

/* Every protocol of a caller against every single bit. */
static void test_route__match_incoming_protocols(void **state)
{
	struct fix *f = *state;

	for (unsigned bit = RULE_WEBRTC; bit <= RULE_TEAMS; bit++) {
		struct rule r = any();

		r.match_incoming = RULE_BIT(bit);
		load_one(f, r);
		for (unsigned p = 0; p <= RULE_PROTOCOL_COUNT; p++) {
			const bool same = p == bit ||
				(p == RULE_RTMP && bit == RULE_WEBRTC);

			f->f.protocol = (enum rule_protocol)p;
			f->f.outgoing = false;
			assert_int_equal(resolve(f, "x"), same ? ROUTE_RULE :
					 ROUTE_NOTHING);
		}
		r.match_outgoing_calls = true;
		load_one(f, r);
		f->f.outgoing = true;	/* who dials out has no protocol */
		f->f.protocol = RULE_GMS;
		assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	}
}

static void test_route__match_string_is_of_all_without_case(void **state)
{
	struct fix *f = *state;

	load_one(f, rule_make(1, 1, "r", "room-\\d+@ex\\.org"));
	assert_int_equal(resolve(f, "ROOM-12@Ex.Org"), ROUTE_RULE);
	assert_string_equal(f->out.target, "ROOM-12@Ex.Org");
	assert_int_equal(resolve(f, "sip:room-12@ex.org;transport=tls"),
			 ROUTE_RULE);
	assert_string_equal(f->out.target, "room-12@ex.org");
	assert_int_equal(resolve(f, "room-12@ex.org.evil"), ROUTE_NOTHING);
	assert_int_equal(resolve(f, "xroom-12@ex.org"), ROUTE_NOTHING);
}

static void test_route__match_string_full_sees_the_raw_uri(void **state)
{
	struct fix *f = *state;
	struct rule r = rule_make(1, 1, "r", "sip:(.*);transport=tls");

	load_one(f, r);
	assert_int_equal(resolve(f, "sip:a@b.c;transport=tls"), ROUTE_NOTHING);
	r.match_string_full = true;
	load_one(f, r);
	assert_int_equal(resolve(f, " sip:a@b.c;transport=tls "), ROUTE_RULE);
	assert_string_equal(f->out.target, "a@b.c");
	assert_int_equal(resolve(f, "sips:a@b.c;transport=tls"),
			 ROUTE_NOTHING);
}

static void test_route__replace_string(void **state)
{
	struct fix *f = *state;
	struct rule r = rule_make(1, 1, "r", "9(\\d+)@(.*)");

	r.replace_string = SPAN_LIT("+\\1;via=\\2");
	load_one(f, r);
	assert_int_equal(resolve(f, "90049@gw.example"), ROUTE_RULE);
	assert_string_equal(f->out.target, "+0049;via=gw.example");
	assert_string_equal(f->out.alias, "90049@gw.example");
}

static void test_route__a_target_is_an_alias(void **state)
{
	struct fix *f = *state;
	struct rule r = rule_make(1, 1, "r", "(.*)");
	char big[ALIAS_MAX + 1];

	r.replace_string = SPAN_LIT("\\1\\1");
	load_one(f, r);
	memset(big, 'a', ALIAS_MAX);
	big[ALIAS_MAX] = 0;
	assert_int_equal(resolve(f, big), ROUTE_ERROR);
	assert_int_equal(f->out.error, E_LIMIT);
	assert_string_equal(f->out.target, "");
	big[ALIAS_MAX / 2] = 0;
	assert_int_equal(resolve(f, big), ROUTE_RULE);
	r.replace_string = SPAN_LIT("a\nb");
	load_one(f, r);
	assert_int_equal(resolve(f, "x"), ROUTE_ERROR);
	assert_int_equal(f->out.error, E_FORMAT);
}

/* The settings of the second leg come out as they went in. */
static void test_route__settings_are_handed_on(void **state)
{
	struct fix *f = *state;
	struct rule r = any();
	const struct rule *got;

	r.description = SPAN_LIT("d");
	r.tag = SPAN_LIT("t");
	r.called_device_type = RULE_EXTERNAL;
	r.allow_unregistered_external = true;
	r.outgoing_protocol = RULE_H323;
	r.outgoing_location = LOC_DMZ;
	r.sip_proxy = 5;
	r.crypto_mode = RULE_ON;
	r.call_type = RULE_AUTO;
	r.max_callrate_in = 512;
	r.max_callrate_out = 1024;
	r.max_pixels_per_second = RULE_FULLHD;
	r.treat_as_trusted = true;
	r.reception_may_reach = true;
	r.max_calls_per_hour = 3;
	r.max_concurrent_calls = 2;
	r.max_minutes_per_hour = 1;
	load_one(f, r);
	assert_int_equal(resolve(f, "x"), ROUTE_RULE);
	got = f->out.rule;
	assert_true(span_eq(got->name, SPAN_LIT("Any")));
	assert_true(span_eq(got->description, SPAN_LIT("d")));
	assert_true(span_eq(got->tag, SPAN_LIT("t")));
	assert_true(got->name.p != r.name.p);
	assert_int_equal(got->called_device_type, RULE_EXTERNAL);
	assert_int_equal(got->outgoing_protocol, RULE_H323);
	assert_int_equal(got->outgoing_location, LOC_DMZ);
	assert_int_equal(got->sip_proxy, 5);
	assert_int_equal(got->crypto_mode, RULE_ON);
	assert_int_equal(got->call_type, RULE_AUTO);
	assert_int_equal(got->max_callrate_in, 512);
	assert_int_equal(got->max_callrate_out, 1024);
	assert_int_equal(got->max_pixels_per_second, RULE_FULLHD);
	assert_true(got->treat_as_trusted && got->reception_may_reach);
	assert_int_equal(got->max_calls_per_hour, 3);
	assert_int_equal(got->max_concurrent_calls, 2);
	assert_int_equal(got->max_minutes_per_hour, 1);
}

/* --- aliases -------------------------------------------------------------------------- */

static void test_route__only_our_own_address_is_cut(void **state)
{
	struct fix *f = *state;
	struct addr own[2];

	addr_parse(&own[0], SPAN_LIT("192.0.2.1"), 0);
	addr_parse(&own[1], SPAN_LIT("2001:db8::1"), 0);
	f->f.own = own;
	f->f.n_own = 2;
	load_one(f, any());
	assert_int_equal(resolve(f, "sip:bob@192.0.2.1:5061"), ROUTE_RULE);
	assert_string_equal(f->out.target, "bob");
	assert_int_equal(resolve(f, "bob@[2001:db8::1]"), ROUTE_RULE);
	assert_string_equal(f->out.target, "bob");
	assert_int_equal(resolve(f, "bob@203.0.113.9"), ROUTE_RULE);
	assert_string_equal(f->out.target, "bob@203.0.113.9");
}

static void test_route__what_is_no_alias_is_refused(void **state)
{
	struct fix *f = *state;
	static char big[ROUTE_RAW_MAX + 2];

	load_one(f, any());
	assert_int_equal(resolve(f, ""), ROUTE_ERROR);
	assert_int_equal(resolve(f, "sip:"), ROUTE_ERROR);
	assert_int_equal(resolve(f, "a\nb"), ROUTE_ERROR);
	assert_int_equal(resolve(f, "a;\x01"), ROUTE_ERROR);
	assert_int_equal(resolve(f, "a\xff"), ROUTE_ERROR);
	assert_int_equal(f->out.error, E_FORMAT);
	memset(big, 'a', ROUTE_RAW_MAX + 1);
	assert_int_equal(resolve(f, big), ROUTE_ERROR);
	assert_int_equal(f->out.error, E_LIMIT);
	assert_int_equal(f->asked, 0);
}

/* --- loops ------------------------------------------------------------------------------ */

static void test_route__an_alias_twice_is_a_loop(void **state)
{
	struct fix *f = *state;
	struct rule r = rule_make(1, 1, "r", "a|b");

	load_one(f, r);
	assert_int_equal(resolve(f, "a"), ROUTE_RULE);
	f->f.trail = f->out.trail;
	assert_int_equal(resolve(f, "b"), ROUTE_RULE);
	f->f.trail = f->out.trail;
	assert_int_equal(resolve(f, "sip:A"), ROUTE_LOOP);
	assert_null(f->out.rule);
}

static void test_route__too_many_hops_are_a_loop(void **state)
{
	struct fix *f = *state;
	char alias[8];

	load_one(f, any());
	for (unsigned i = 0; i < ROUTE_HOPS_MAX; i++) {
		snprintf(alias, sizeof(alias), "a%u", i);
		assert_int_equal(resolve(f, alias), ROUTE_RULE);
		f->f.trail = f->out.trail;
	}
	assert_int_equal(resolve(f, "new"), ROUTE_LOOP);
	assert_int_equal(f->out.trail.hops, ROUTE_HOPS_MAX);
	f->f.trail.hops = 255;	/* a lie */
	assert_int_equal(resolve(f, "new"), ROUTE_LOOP);
}

/* A service that was reached through a rule's target still counts the hop. */
static void test_route__services_are_part_of_the_trail(void **state)
{
	struct fix *f = *state;

	load_one(f, any());
	assert_int_equal(resolve(f, "meet.demo"), ROUTE_SERVICE);
	f->f.trail = f->out.trail;
	assert_int_equal(resolve(f, "meet.demo"), ROUTE_LOOP);
}

/* --- the table ---------------------------------------------------------------------------- */

static void test_route__a_bad_rule_makes_no_table(void **state)
{
	struct fix *f = *state;
	struct rule r[2] = {rule_make(1, 1, "r", ".*"),
			    rule_make(77, 2, "s", "(")};
	struct rule_error why;
	int64_t bad;
	struct route_table *t = NULL;

	(void)f;
	assert_int_equal(route_table_new(&t, r, 2, &bad, &why), E_FORMAT);
	assert_int_equal(bad, 77);
	assert_string_equal(why.field, "match_string");
	assert_null(t);
	assert_int_equal(route_table_new(&t, r, ROUTE_RULES_MAX + 1, &bad,
					 &why), E_LIMIT);
}

static void test_route__old_calls_keep_their_table(void **state)
{
	struct fix *f = *state;
	struct route_table *mine;

	load_one(f, any());
	mine = route_table_ref(f->t);
	load_one(f, rule_make(8, 1, "New", "y"));
	assert_int_equal(route_table_at(mine, 0)->id, 7);
	assert_int_equal(route_table_count(mine), 1);
	route_table_unref(&mine);
	assert_null(mine);
	route_table_unref(&mine);
}

static void *resolve_often(void *arg)
{
	struct fix *f = arg;
	struct route_facts facts = {.dialled = SPAN_LIT("saal07@justiz.example")};
	struct route_table *t = route_table_ref(f->t);
	struct route_result out;
	struct regex_run *run;
	uintptr_t wrong = 0;

	if (regex_run_new(&run) < 0)
		return (void *)1;
	for (unsigned i = 0; i < 500; i++) {
		route_resolve(t, run, &facts, NULL, &out);
		wrong += out.kind != ROUTE_RULE || out.rule->id != 11;
	}
	regex_run_free(&run);
	route_table_unref(&t);
	return (void *)wrong;
}

static void test_route__threads_share_a_table(void **state)
{
	struct fix *f = *state;
	struct rule r[RULES_20];
	pthread_t th[3];

	rules_20(r);
	load(f, r, RULES_20);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&th[i], NULL, resolve_often,
						f), 0);
	for (unsigned i = 0; i < 3; i++) {
		void *wrong;

		pthread_join(th[i], &wrong);
		assert_null(wrong);
	}
}

static int build(void *arg)
{
	struct rule r[RULES_20];
	struct route_table *t = NULL;
	struct rule_error why;
	int64_t bad;
	int n;

	(void)arg;
	rules_20(r);
	n = route_table_new(&t, r, 4, &bad, &why);
	route_table_unref(&t);
	return n;
}

static void test_route__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(build, NULL, 500) > 10);
}

/* --- the tester ----------------------------------------------------------------------------- */

struct page {
	struct wr w;
	unsigned lines, last_matched;
};

static void say(void *arg, const struct rule *r, enum route_why why,
		const struct regex_match *groups)
{
	struct page *p = arg;

	wr_dec(&p->w, r->priority);
	wr_str(&p->w, " \"");
	wr_span(&p->w, r->name);
	wr_str(&p->w, "\": ");
	route_say_rule(&p->w, why, groups);
	wr_str(&p->w, "\n");
	p->lines++;
}

static void question(struct page *p, const struct route_facts *f)
{
	wr_str(&p->w, "> ");
	wr_span(&p->w, f->dialled);
	wr_str(&p->w, f->outgoing ? ", outgoing" : ", ");
	if (!f->outgoing)
		wr_str(&p->w, rule_protocol_name(f->protocol));
	wr_str(&p->w, f->registered ? ", registered" : "");
	wr_str(&p->w, f->location == LOC_INSIDE ? ", inside" :
	       f->location == LOC_DMZ ? ", dmz" : "");
	wr_str(&p->w, "\n");
}

static void ask(struct fix *f, struct page *p, struct route_facts facts)
{
	const struct route_services services = {find_service, f};
	struct route_result plain;

	question(p, &facts);
	p->lines = 0;
	route_explain(f->t, f->run, &facts, &services, say, p, &f->out);
	assert_int_equal(p->lines, route_table_count(f->t));
	wr_str(&p->w, "= ");
	route_say_result(&p->w, &f->out);
	wr_str(&p->w, "\n\n");
	/* The tester and the call agree. */
	route_resolve(f->t, f->run, &facts, &services, &plain);
	assert_int_equal(plain.kind, f->out.kind);
	assert_ptr_equal(plain.rule, f->out.rule);
	assert_string_equal(plain.target, f->out.target);
}

static void test_route__the_tester_explains_twenty_rules(void **state)
{
	static const struct route_facts asked[] = {
		{.dialled = SPAN_LIT("sip:saal07@justiz.example;transport=tls"),
		 .protocol = RULE_SIP},
		{.dialled = SPAN_LIT("70123")},
		{.dialled = SPAN_LIT("9030123456"), .location = LOC_INSIDE,
		 .registered = true},
		{.dialled = SPAN_LIT("9030123456"), .location = LOC_INSIDE},
		{.dialled = SPAN_LIT("9030123456"), .protocol = RULE_H323,
		 .location = LOC_DMZ},
		{.dialled = SPAN_LIT("030123456"), .outgoing = true},
		{.dialled = SPAN_LIT("bob@b.partner.example"),
		 .registered = true},
		{.dialled = SPAN_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")},
		{.dialled = SPAN_LIT("empty")},
		{.dialled = SPAN_LIT("B\xc3\x9cRO-1"), .protocol = RULE_TEAMS},
		{.dialled = SPAN_LIT("nobody"), .registered = true},
		{.dialled = SPAN_LIT("meet.demo")},
		{.dialled = SPAN_LIT("a\x01")},
	};
	struct fix *f = *state;
	static uint8_t text[65536], want[65536];
	struct page p = {.w = wr_of(text, sizeof(text))};
	const char *golden = getenv("ROUTE_GOLDEN");
	struct rule r[RULES_20];
	struct span made;
	FILE *file;
	size_t n;

	rules_20(r);
	load(f, r, RULES_20);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		ask(f, &p, asked[i]);
	assert_int_equal(wr_end(&p.w, &made), 0);
	assert_non_null(golden);
	file = fopen(golden, getenv("ROUTE_GOLDEN_WRITE") ? "w+b" : "rb");
	assert_non_null(file);
	if (getenv("ROUTE_GOLDEN_WRITE"))
		(void)fwrite(made.p, 1, made.n, file);
	rewind(file);
	n = fread(want, 1, sizeof(want), file);
	fclose(file);
	assert_int_equal(n, made.n);
	assert_memory_equal(want, made.p, n);
}

static void test_route__every_reason_has_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUTE_WHY_COUNT; i++)
		assert_true(route_why_text((enum route_why)i)[0]);
	assert_string_equal(route_why_text(ROUTE_WHY_COUNT), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_route__nothing_without_a_rule),
		T(test_route__services_come_before_rules),
		T(test_route__lower_priority_number_comes_first),
		T(test_route__equal_priorities_go_by_id),
		T(test_route__a_rule_that_fails_lets_no_other_try),
		T(test_route__enable),
		T(test_route__match_incoming_and_outgoing_calls),
		T(test_route__match_source_location),
		T(test_route__match_incoming_only_if_registered),
		T(test_route__match_incoming_protocols),
		T(test_route__match_string_is_of_all_without_case),
		T(test_route__match_string_full_sees_the_raw_uri),
		T(test_route__replace_string),
		T(test_route__a_target_is_an_alias),
		T(test_route__settings_are_handed_on),
		T(test_route__only_our_own_address_is_cut),
		T(test_route__what_is_no_alias_is_refused),
		T(test_route__an_alias_twice_is_a_loop),
		T(test_route__too_many_hops_are_a_loop),
		T(test_route__services_are_part_of_the_trail),
		T(test_route__a_bad_rule_makes_no_table),
		T(test_route__old_calls_keep_their_table),
		T(test_route__threads_share_a_table),
		T(test_route__survives_every_failing_allocation),
		T(test_route__the_tester_explains_twenty_rules),
		T(test_route__every_reason_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
