/* argv[1]: packaging/nftables, whose files must be what the generator makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/firewall.h"
#include "ipc/ban_sets.h"

static const char *examples;
static char text[FIREWALL_TEXT_MAX + 1];
static char error[FIREWALL_ERROR_MAX];

static int set(struct firewall_cfg *c, const char *name, const char *value)
{
	error[0] = 0;
	return firewall_set(c, span_str(name), span_str(value), error);
}

static const char *made(const struct firewall_cfg *c)
{
	struct wr w = wr_of(text, FIREWALL_TEXT_MAX);

	assert_int_equal(firewall_check(c, error), 0);
	assert_int_equal(firewall_text(c, &w), 0);
	text[wr_len(&w)] = 0;
	return text;
}

static void full(struct firewall_cfg *c)
{
	firewall_defaults(c);
	assert_int_equal(set(c, "https", "443"), 0);
	assert_int_equal(set(c, "management", "10.0.0.0/8,2001:db8::/32"), 0);
	assert_int_equal(set(c, "also", "tcp/22"), 0);
}

static void test_set__refuses_with_the_name_and_the_rule(void **state)
{
	static const char *const bad[][2] = {
		{"https", "65536"}, {"https", "x"}, {"https", ""},
		{"media", "1"}, {"media", "0-5"}, {"media", "9-5"},
		{"management", "10.0.0.0/33"}, {"management", "x"},
		{"also", "tcp"}, {"also", "tcp/"}, {"also", "sctp/1"},
		{"also", "tcp/0"}, {"also", "tcp/1,"}, {"open", "udp/70000"},
		{"syn_rate", "0"}, {"udp_rate", "-1"},
		{"connections", "9999999"},
	};
	struct firewall_cfg c, before;

	(void)state;
	full(&c);
	before = c;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(set(&c, bad[i][0], bad[i][1]) < 0);
		assert_non_null(strstr(error, bad[i][0]));
	}
	assert_int_equal(set(&c, "policy", "drop"), E_NOTFOUND);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void test_ports__are_read_as_super_writes_them(void **state)
{
	struct firewall_cfg c;

	(void)state;
	firewall_defaults(&c);
	assert_int_equal(firewall_read_ports(&c, SPAN_LIT(
		"https 443 443\nhttp 80 80\nadmin 0 0\nmedia 50000 50009\n")),
		0);
	assert_int_equal(c.https, 443);
	assert_int_equal(c.http, 80);
	assert_int_equal(c.admin, 0);
	assert_int_equal(c.media_first, 50000);
	assert_int_equal(c.media_last, 50009);
	assert_int_equal(firewall_read_ports(&c, SPAN_LIT("https\n")),
			 E_FORMAT);
	assert_int_equal(firewall_read_ports(&c, SPAN_LIT("ssh 22 22\n")),
			 E_FORMAT);
	assert_int_equal(c.https, 443);
}

static void test_check__refuses_what_contradicts_itself(void **state)
{
	static const struct {
		const char *name, *value;
	} bad[] = {
		{"https", "0"}, {"admin", "443"}, {"https", "40001"},
		{"http", "49999"}, {"admin", "45000"}, {"management", ""},
	};
	struct firewall_cfg c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		full(&c);
		assert_int_equal(set(&c, bad[i].name, bad[i].value), 0);
		assert_int_equal(firewall_check(&c, error), E_INVAL);
		assert_true(error[0] != 0);
	}
	/* nobody needs to be named for bans only, and media is not in it */
	full(&c);
	assert_int_equal(set(&c, "http", "49999"), 0);
	assert_int_equal(set(&c, "management", ""), 0);
	c.bans_only = true;
	assert_int_equal(firewall_check(&c, error), 0);
}

static void test_bans_only__touches_nothing_but_new_flows_of_the_group(void **state)
{
	struct firewall_cfg c;
	const char *t;

	(void)state;
	full(&c);
	c.bans_only = true;
	assert_int_equal(set(&c, "http", "80"), 0);
	t = made(&c);
	assert_non_null(strstr(t, "(fin | syn | rst | ack) == syn tcp dport { 443, 80 } jump"));
	assert_non_null(strstr(t, "syn tcp dport { 5061 } jump sip_bans"));
	assert_null(strstr(t, "5060"));
	assert_null(strstr(t, "policy drop"));
	assert_null(strstr(t, "9443"));
	assert_null(strstr(t, "22"));
	assert_non_null(strstr(t, "closes no port"));
	assert_null(strstr(t, " ct "));
	assert_null(strstr(t, "notrack"));
	assert_null(strstr(t, "update @"));
	assert_null(strstr(t, "add @"));
}

static size_t count(const char *t, const char *what)
{
	size_t n = 0;

	for (; (t = strstr(t, what)); t++)
		n++;
	return n;
}

static void test_every_form__names_our_table_and_no_other(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	for (int i = 0; i < 2; i++) {
		c.bans_only = i;
		assert_int_equal(count(made(&c), "table "), 3);
		assert_int_equal(count(text, "table inet conclave"), 3);
		assert_null(strstr(text, "flush"));
		assert_int_equal(count(text, "flags timeout"),
				 2 * BAN_GROUP_COUNT);
		assert_int_equal(count(text, "flags interval,timeout"),
				 2 * BAN_GROUP_COUNT);
	}
}

/* Only the ban role fills a ban set: no packet can. */
static void test_every_form__lets_no_packet_ban(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	(void)made(&c);
	for (const char *p = text; (p = strstr(p, "update @")); p++)
		assert_true(strncmp(p, "update @syn", 11) == 0 ||
			    strncmp(p, "update @udp", 11) == 0);
	for (const char *p = text; (p = strstr(p, "add @")); p++)
		assert_true(strncmp(p, "add @conn", 9) == 0);
}

static void test_full__holds_every_dynamic_set_down(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	(void)made(&c);
	assert_int_equal(count(text, "flags dynamic"), 6);
	assert_int_equal(count(text, "timeout 10s"), 4);
	assert_int_equal(count(text, "size "), 4 * BAN_GROUP_COUNT + 6);
}

static void test_nets__that_overlap_are_named_once(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	assert_int_equal(set(&c, "management", "10.1.0.0/16,10.0.0.0/8,"
			     "10.0.0.0/8,192.0.2.1,2001:db8::/32,2001:db8:1::/48"),
			 0);
	(void)made(&c);
	assert_non_null(strstr(text, "ip saddr { 10.0.0.0/8, 192.0.2.1/32 } tcp dport { 9443, 22 } accept"));
	assert_non_null(strstr(text, "ip6 saddr { 2001:db8::/32 } tcp dport { 9443, 22 } accept"));
	assert_null(strstr(text, "10.1.0.0"));
}

static void test_management__is_loopback_only_until_somebody_is_named(void **state)
{
	struct firewall_cfg c;

	(void)state;
	firewall_defaults(&c);
	assert_null(strstr(made(&c), "dport { 9443"));
	assert_non_null(strstr(text, "# tcp 9443             this machine         management\n"));
	assert_non_null(strstr(text, "iif \"lo\" accept"));
}

static bool admits(const struct firewall_cfg *c, bool udp, uint16_t port,
		   const char *from)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, span_str(from), 0), 0);
	return firewall_admits(c, udp, port, a.ip);
}

static void test_admits__what_the_text_says(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	assert_int_equal(set(&c, "open", "udp/123"), 0);
	assert_true(admits(&c, false, 443, "198.51.100.1"));
	assert_true(admits(&c, true, 40000, "198.51.100.1"));
	assert_true(admits(&c, false, 49999, "198.51.100.1"));
	assert_true(admits(&c, true, 123, "198.51.100.1"));
	assert_false(admits(&c, false, 123, "198.51.100.1"));
	assert_false(admits(&c, true, 443, "198.51.100.1"));
	assert_false(admits(&c, false, 0, "198.51.100.1"));
	assert_false(admits(&c, false, 22, "198.51.100.1"));
	assert_true(admits(&c, false, 22, "10.255.0.1"));
	assert_true(admits(&c, false, 22, "2001:db8::9"));
	assert_true(admits(&c, false, 9443, "10.0.0.1"));
	assert_false(admits(&c, false, 9443, "11.0.0.1"));
	assert_false(admits(&c, true, 22, "10.0.0.1"));
}

static void test_listens__counts_what_others_can_reach(void **state)
{
	static const struct {
		const char *line;
		bool udp, listens;
		uint16_t port;
	} rows[] = {
		{"   0: 00000000:0016 00000000:0000 0A 00000000:00000000", false, true, 22},
		{"   0: 0100007F:0016 00000000:0000 0A 00000000:00000000", false, false, 22},
		{"   0: 0200A8C0:0016 0100A8C0:9999 01 00000000:00000000", false, false, 22},
		{"  12: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0", false, true, 443},
		{"  12: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0", false, false, 443},
		{"  12: 0000000000000000FFFF00000100007F:01BB 00000000000000000000000000000000:0000 0A 0", false, false, 443},
		{"   0: 00000000:007B 00000000:0000 07 00000000:00000000", true, true, 123},
		{"   0: 00000000:A123 00000000:0000 07 00000000:00000000", true, false, 0xa123},
		{"  sl  local_address rem_address   st tx_queue rx_queue", false, false, 0},
		{"", false, false, 0}, {"   0: 00000000:00", false, false, 0},
		{"   0: 00000000:00xy 00000000:0000 0A", false, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t port = 0;

		assert_int_equal(firewall_listens(span_str(rows[i].line),
						  rows[i].udp, &port),
				 rows[i].listens);
		if (rows[i].listens)
			assert_int_equal(port, rows[i].port);
	}
}

static void test_text__that_does_not_fit_is_refused(void **state)
{
	struct firewall_cfg c;
	struct wr w = wr_of(text, 1000);

	(void)state;
	full(&c);
	assert_int_equal(firewall_text(&c, &w), E_FULL);
}

static void test_text__of_the_longest_settings_fits(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	c.management.n = c.exempt.n = FIREWALL_NETS_MAX;
	for (size_t i = 0; i < FIREWALL_NETS_MAX; i++) {
		struct firewall_net *n = &c.management.net[i];

		memset(n->ip, 0xab, 16);
		n->ip[14] = (uint8_t)(i >> 8);
		n->ip[15] = (uint8_t)i;
		n->prefix = 128;
		c.exempt.net[i] = *n;
	}
	for (size_t i = 0; i < FIREWALL_PORTS_MAX; i++)
		c.also.port[i] = c.open.port[i] = (struct firewall_port){
			.udp = i & 1, .port = (uint16_t)(60000 + i)};
	c.also.n = c.open.n = FIREWALL_PORTS_MAX;
	(void)made(&c);
}

static void same_as_example(const char *name)
{
	static char want[FIREWALL_TEXT_MAX];
	char path[512];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", examples, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(want, 1, sizeof(want) - 1, f);
	want[n] = 0;
	(void)fclose(f);
	assert_string_equal(text, want);
}

static void test_examples__are_what_the_generator_makes(void **state)
{
	struct firewall_cfg c;

	(void)state;
	full(&c);
	(void)made(&c);
	same_as_example("full.nft");
	c.bans_only = true;
	(void)made(&c);
	same_as_example("bans-only.nft");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set__refuses_with_the_name_and_the_rule),
		cmocka_unit_test(test_ports__are_read_as_super_writes_them),
		cmocka_unit_test(test_check__refuses_what_contradicts_itself),
		cmocka_unit_test(test_bans_only__touches_nothing_but_new_flows_of_the_group),
		cmocka_unit_test(test_every_form__names_our_table_and_no_other),
		cmocka_unit_test(test_every_form__lets_no_packet_ban),
		cmocka_unit_test(test_full__holds_every_dynamic_set_down),
		cmocka_unit_test(test_nets__that_overlap_are_named_once),
		cmocka_unit_test(test_management__is_loopback_only_until_somebody_is_named),
		cmocka_unit_test(test_admits__what_the_text_says),
		cmocka_unit_test(test_listens__counts_what_others_can_reach),
		cmocka_unit_test(test_text__that_does_not_fit_is_refused),
		cmocka_unit_test(test_text__of_the_longest_settings_fits),
		cmocka_unit_test(test_examples__are_what_the_generator_makes),
	};

	if (argc != 2)
		return 2;
	examples = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
