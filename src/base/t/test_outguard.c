/* Each row of the outbound guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/outguard.h"

static struct addr ip(const char *text)
{
	struct addr a;

	if (addr_parse(&a, span_str(text), 443) < 0)
		fail_msg("not an address: %s", text);
	return a;
}

static void expect(const char *text, enum outguard_origin origin,
		   const struct outguard_rules *rules,
		   enum outguard_reason want)
{
	struct addr a = ip(text);
	enum outguard_reason got = outguard_check(&a, origin, rules);

	if (got != want)
		fail_msg("%s: %s, expected %s", text,
			 outguard_reason_text(got),
			 outguard_reason_text(want));
}

static const struct {
	const char *ip;
	enum outguard_reason reason;
	bool by_literal;	/* an administrator may write it */
} table[] = {
	/* public */
	{"1.1.1.1", OUTGUARD_ALLOWED},
	{"9.255.255.255", OUTGUARD_ALLOWED},
	{"11.0.0.0", OUTGUARD_ALLOWED},
	{"100.63.255.255", OUTGUARD_ALLOWED},
	{"100.128.0.0", OUTGUARD_ALLOWED},
	{"169.253.255.255", OUTGUARD_ALLOWED},
	{"172.15.255.255", OUTGUARD_ALLOWED},
	{"172.32.0.0", OUTGUARD_ALLOWED},
	{"192.167.255.255", OUTGUARD_ALLOWED},
	{"198.17.255.255", OUTGUARD_ALLOWED},
	{"198.20.0.0", OUTGUARD_ALLOWED},
	{"223.255.255.255", OUTGUARD_ALLOWED},
	{"2606:4700::1111", OUTGUARD_ALLOWED},
	{"2a00::1", OUTGUARD_ALLOWED},
	{"3fff:1000::1", OUTGUARD_ALLOWED},
	/* each row */
	{"169.254.169.254", OUTGUARD_METADATA},
	{"169.254.170.2", OUTGUARD_METADATA},
	{"169.254.170.23", OUTGUARD_METADATA},
	{"100.100.100.200", OUTGUARD_METADATA},
	{"168.63.129.16", OUTGUARD_METADATA},
	{"192.0.0.192", OUTGUARD_METADATA},
	{"0.0.0.0", OUTGUARD_UNSPECIFIED},
	{"0.1.2.3", OUTGUARD_RESERVED},
	{"10.0.0.1", OUTGUARD_PRIVATE, true},
	{"10.255.255.255", OUTGUARD_PRIVATE, true},
	{"100.64.0.0", OUTGUARD_PRIVATE, true},
	{"100.127.255.255", OUTGUARD_PRIVATE, true},
	{"127.0.0.1", OUTGUARD_LOOPBACK},
	{"127.255.0.9", OUTGUARD_LOOPBACK},
	{"169.254.0.1", OUTGUARD_LINK_LOCAL},
	{"172.16.0.0", OUTGUARD_PRIVATE, true},
	{"172.31.255.255", OUTGUARD_PRIVATE, true},
	{"192.0.0.1", OUTGUARD_RESERVED},
	{"192.0.2.1", OUTGUARD_SPECIAL, true},
	{"192.88.99.1", OUTGUARD_RESERVED},
	{"192.168.255.255", OUTGUARD_PRIVATE, true},
	{"198.18.0.1", OUTGUARD_SPECIAL, true},
	{"198.19.255.255", OUTGUARD_SPECIAL, true},
	{"198.51.100.7", OUTGUARD_SPECIAL, true},
	{"203.0.113.7", OUTGUARD_SPECIAL, true},
	{"255.255.255.255", OUTGUARD_BROADCAST},
	{"224.0.0.1", OUTGUARD_MULTICAST},
	{"239.255.255.255", OUTGUARD_MULTICAST},
	{"240.0.0.1", OUTGUARD_RESERVED},
	{"255.255.255.254", OUTGUARD_RESERVED},
	{"::", OUTGUARD_UNSPECIFIED},
	{"::1", OUTGUARD_LOOPBACK},
	{"fe80::a9fe:a9fe", OUTGUARD_METADATA},
	{"fd00:ec2::254", OUTGUARD_METADATA},
	{"fd00:ec2::23", OUTGUARD_METADATA},
	{"fd20:ce::254", OUTGUARD_METADATA},
	{"fd00:42::42", OUTGUARD_METADATA},
	{"fd00:c1::a9fe:a9fe", OUTGUARD_METADATA},
	{"ff02::1", OUTGUARD_MULTICAST},
	{"fe80::1", OUTGUARD_LINK_LOCAL},
	{"febf::1", OUTGUARD_LINK_LOCAL},
	{"fec0::1", OUTGUARD_PRIVATE, true},
	{"fc00::1", OUTGUARD_PRIVATE, true},
	{"fdff::1", OUTGUARD_PRIVATE, true},
	{"2001:db8::1", OUTGUARD_SPECIAL, true},
	{"3fff::1", OUTGUARD_SPECIAL, true},
	{"2001:2::1", OUTGUARD_SPECIAL, true},
	{"2001:10::1", OUTGUARD_RESERVED},
	{"2001:20::1", OUTGUARD_RESERVED},
	{"2001:1ff::1", OUTGUARD_RESERVED},
	{"100::1", OUTGUARD_RESERVED},
	{"5f00::1", OUTGUARD_RESERVED},
	{"4000::1", OUTGUARD_RESERVED},
	{"64:ff9b:1::a00:1", OUTGUARD_RESERVED},
	/* IPv4 inside IPv6 */
	{"::ffff:127.0.0.1", OUTGUARD_LOOPBACK},
	{"::ffff:169.254.169.254", OUTGUARD_METADATA},
	{"::ffff:10.0.0.1", OUTGUARD_PRIVATE, true},
	{"::ffff:1.1.1.1", OUTGUARD_ALLOWED},
	{"::127.0.0.1", OUTGUARD_LOOPBACK},
	{"::10.0.0.1", OUTGUARD_PRIVATE},
	{"::1.1.1.1", OUTGUARD_ALLOWED},
	{"::ffff:0:127.0.0.1", OUTGUARD_LOOPBACK},
	{"::ffff:0:1.1.1.1", OUTGUARD_ALLOWED},
	{"64:ff9b::7f00:1", OUTGUARD_LOOPBACK},
	{"64:ff9b::a9fe:a9fe", OUTGUARD_METADATA},
	{"64:ff9b::c0a8:1", OUTGUARD_PRIVATE},
	{"64:ff9b::101:101", OUTGUARD_ALLOWED},
	{"2002:7f00:1::1", OUTGUARD_LOOPBACK},
	{"2002:a9fe:a9fe::", OUTGUARD_METADATA},
	{"2002:a00:1::1", OUTGUARD_PRIVATE},
	{"2002:101:101::1", OUTGUARD_ALLOWED},
	/* Teredo: server 65.54.227.120, client inverted */
	{"2001:0:4136:e378:8000:63bf:3fff:fdd2", OUTGUARD_SPECIAL},
	{"2001:0:4136:e378:8000:63bf:80ff:fffe", OUTGUARD_LOOPBACK},
	{"2001:0:4136:e378:8000:63bf:fefe:fefe", OUTGUARD_ALLOWED},
	{"2001:0:7f00:1:8000:63bf:fefe:fefe", OUTGUARD_LOOPBACK},
	/* ISATAP */
	{"2a00::5efe:127.0.0.1", OUTGUARD_LOOPBACK},
	{"2a00::200:5efe:10.0.0.1", OUTGUARD_PRIVATE},
	{"2a00::200:5efe:1.1.1.1", OUTGUARD_ALLOWED},
};

static void test_outguard__each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		expect(table[i].ip, OUTGUARD_NAMED, NULL, table[i].reason);
		expect(table[i].ip, OUTGUARD_NAMED,
		       &(struct outguard_rules){.n_own = 0}, table[i].reason);
	}
}

/* What an administrator writes opens private and special ranges, not more;
 * and never what is behind a translator. */
static void test_outguard__a_literal_opens_private_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect(table[i].ip, OUTGUARD_LITERAL, NULL,
		       table[i].by_literal ? OUTGUARD_ALLOWED :
					     table[i].reason);
}

static void test_outguard__named_networks_open_what_is_inside(void **state)
{
	struct outguard_net allowed[4], own[2];
	struct outguard_rules rules = {.allowed = allowed, .own = own};

	(void)state;
	assert_int_equal(outguard_nets_parse(allowed, 4, &rules.n_allowed,
		SPAN_LIT("10.1.0.0/16, fd12::/16,198.51.100.0/24,::/0")), 0);
	assert_int_equal(rules.n_allowed, 4);
	assert_int_equal(outguard_nets_parse(own, 2, &rules.n_own,
					     SPAN_LIT("10.1.0.7,2a00::7")), 0);
	expect("10.1.2.3", OUTGUARD_NAMED, &rules, OUTGUARD_ALLOWED);
	expect("::ffff:10.1.2.3", OUTGUARD_NAMED, &rules, OUTGUARD_ALLOWED);
	expect("fd12::9", OUTGUARD_NAMED, &rules, OUTGUARD_ALLOWED);
	expect("198.51.100.1", OUTGUARD_NAMED, &rules, OUTGUARD_ALLOWED);
	/* whatever somebody wrote */
	expect("127.0.0.1", OUTGUARD_NAMED, &rules, OUTGUARD_LOOPBACK);
	expect("169.254.169.254", OUTGUARD_LITERAL, &rules,
	       OUTGUARD_METADATA);
	expect("fd00:ec2::254", OUTGUARD_LITERAL, &rules, OUTGUARD_METADATA);
	expect("fe80::1", OUTGUARD_LITERAL, &rules, OUTGUARD_LINK_LOCAL);
	/* ours, in each spelling */
	expect("10.1.0.7", OUTGUARD_LITERAL, &rules, OUTGUARD_OWN);
	expect("2a00::7", OUTGUARD_NAMED, &rules, OUTGUARD_OWN);
	expect("64:ff9b::10.1.0.7", OUTGUARD_NAMED, &rules, OUTGUARD_OWN);
	/* through a translator inside only */
	expect("64:ff9b::10.1.2.3", OUTGUARD_NAMED, &rules, OUTGUARD_PRIVATE);
	expect("2002:a01:203::1", OUTGUARD_LITERAL, &rules, OUTGUARD_PRIVATE);
	rules.n_allowed = 1;
	expect("10.2.0.0", OUTGUARD_NAMED, &rules, OUTGUARD_PRIVATE);
	expect("fd12::9", OUTGUARD_NAMED, &rules, OUTGUARD_PRIVATE);
}

static void test_outguard__management_networks_must_be_named(void **state)
{
	struct outguard_net nets[3], one;
	struct outguard_rules rules = {.management = nets, .allowed = &one};

	(void)state;
	assert_int_equal(outguard_nets_parse(nets, 3, &rules.n_management,
		SPAN_LIT("10.9.0.0/16,2a00::/16,9.9.9.0/24")), 0);
	assert_int_equal(outguard_net_parse(&one, SPAN_LIT("10.9.8.0/24")),
			 0);
	expect("9.9.9.9", OUTGUARD_NAMED, &rules, OUTGUARD_MANAGEMENT);
	expect("2a00::1", OUTGUARD_NAMED, &rules, OUTGUARD_MANAGEMENT);
	expect("10.9.8.7", OUTGUARD_NAMED, &rules, OUTGUARD_MANAGEMENT);
	expect("64:ff9b::9.9.9.9", OUTGUARD_NAMED, &rules,
	       OUTGUARD_MANAGEMENT);
	expect("9.9.9.9", OUTGUARD_LITERAL, &rules, OUTGUARD_ALLOWED);
	rules.n_allowed = 1;
	expect("10.9.8.7", OUTGUARD_NAMED, &rules, OUTGUARD_ALLOWED);
	expect("10.9.7.7", OUTGUARD_NAMED, &rules, OUTGUARD_MANAGEMENT);
	/* naming a private network does not open more of it */
	expect("127.0.0.1", OUTGUARD_LITERAL, &rules, OUTGUARD_LOOPBACK);
}

static void test_outguard__networks_as_text(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned bits;
	} nets[] = {
		{"10.0.0.0/8", 0, 104}, {"10.0.0.1", 0, 128},
		{"0.0.0.0/0", 0, 96}, {"::/0", 0, 0}, {"2a00::/12", 0, 12},
		{"::ffff:10.0.0.0/104", 0, 104},
		{"10.0.0.1/8", E_INVAL, 0}, {"2a00::1/64", E_INVAL, 0},
		{"::ffff:0.0.0.0/80", E_INVAL, 0},
		{"10.0.0.0/33", E_FORMAT, 0}, {"10.0.0.0/", E_FORMAT, 0},
		{"10.0.0.0/-1", E_FORMAT, 0}, {"::/129", E_FORMAT, 0},
		{"", E_FORMAT, 0}, {"/8", E_FORMAT, 0}, {"ten", E_FORMAT, 0},
		{"10.0.0/8", E_FORMAT, 0}, {"fe80::1%1", E_FORMAT, 0},
		{"10.0.0.0/8/8", E_FORMAT, 0},
	};
	struct outguard_net net, two[2];
	size_t n = 9;

	(void)state;
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		int r = outguard_net_parse(&net, span_str(nets[i].text));

		if (r != nets[i].r || (r == 0 && net.bits != nets[i].bits))
			fail_msg("%s: %d", nets[i].text, r);
	}
	assert_int_equal(outguard_nets_parse(two, 2, &n, SPAN_LIT(" ")), 0);
	assert_int_equal(n, 0);
	n = 9;
	assert_int_equal(outguard_nets_parse(two, 2, &n,
		SPAN_LIT("1.1.1.1,2.2.2.2,3.3.3.3")), E_FULL);
	assert_int_equal(outguard_nets_parse(two, 2, &n,
		SPAN_LIT("1.1.1.1,")), E_FORMAT);
	assert_int_equal(n, 9);
}

static void test_outguard__reasons_have_words(void **state)
{
	(void)state;
	for (int i = 0; i < OUTGUARD_REASON_COUNT; i++)
		assert_non_null(outguard_reason_text((enum outguard_reason)i));
	assert_string_equal(outguard_reason_text((enum outguard_reason)99),
			    "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outguard__each_row),
		cmocka_unit_test(test_outguard__a_literal_opens_private_only),
		cmocka_unit_test(test_outguard__named_networks_open_what_is_inside),
		cmocka_unit_test(test_outguard__management_networks_must_be_named),
		cmocka_unit_test(test_outguard__networks_as_text),
		cmocka_unit_test(test_outguard__reasons_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
