#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/err.h"
#include "super/house.h"
#include "super/listen.h"
#include "super/unit.h"

#define S NS_PER_S

/* --- the machine of one role --------------------------------------------- */

static const struct {
	enum unit_state from;
	enum unit_ev ev;
	enum unit_state to;
	unsigned todo;
} cells[] = {
	{UNIT_DOWN, UNIT_EV_START, UNIT_STARTING, UNIT_DO_SPAWN},
	{UNIT_DOWN, UNIT_EV_STOP, UNIT_DONE, 0},
	{UNIT_WAITING, UNIT_EV_TIMER, UNIT_STARTING, UNIT_DO_SPAWN},
	{UNIT_WAITING, UNIT_EV_CHANNEL_DOWN, UNIT_WAITING, 0},
	{UNIT_WAITING, UNIT_EV_STOP, UNIT_DONE, 0},
	{UNIT_STARTING, UNIT_EV_TIMER, UNIT_KILLED, UNIT_DO_KILL},
	{UNIT_STARTING, UNIT_EV_READY, UNIT_UP, UNIT_DO_TELL_UP},
	{UNIT_STARTING, UNIT_EV_EXIT, UNIT_WAITING, UNIT_DO_TELL_DIED},
	{UNIT_STARTING, UNIT_EV_CHANNEL_DOWN, UNIT_KILLED, UNIT_DO_KILL},
	{UNIT_STARTING, UNIT_EV_STOP, UNIT_STOPPING, UNIT_DO_SEND_STOP},
	{UNIT_UP, UNIT_EV_TIMER, UNIT_UP, 0},
	{UNIT_UP, UNIT_EV_EXIT, UNIT_WAITING, UNIT_DO_TELL_DIED},
	{UNIT_UP, UNIT_EV_CHANNEL_DOWN, UNIT_KILLED, UNIT_DO_KILL},
	{UNIT_UP, UNIT_EV_STOP, UNIT_STOPPING, UNIT_DO_SEND_STOP},
	{UNIT_KILLED, UNIT_EV_READY, UNIT_KILLED, 0},
	{UNIT_KILLED, UNIT_EV_EXIT, UNIT_WAITING, UNIT_DO_TELL_DIED},
	{UNIT_KILLED, UNIT_EV_CHANNEL_DOWN, UNIT_KILLED, 0},
	{UNIT_KILLED, UNIT_EV_STOP, UNIT_STOPPING, 0},
	{UNIT_STOPPING, UNIT_EV_TIMER, UNIT_STOPPING, UNIT_DO_KILL},
	{UNIT_STOPPING, UNIT_EV_READY, UNIT_STOPPING, 0},
	{UNIT_STOPPING, UNIT_EV_EXIT, UNIT_DONE, 0},
	{UNIT_STOPPING, UNIT_EV_CHANNEL_DOWN, UNIT_STOPPING, 0},
	{UNIT_STOPPING, UNIT_EV_STOP, UNIT_STOPPING, 0},
	{UNIT_DONE, UNIT_EV_CHANNEL_DOWN, UNIT_DONE, 0},
	{UNIT_DONE, UNIT_EV_STOP, UNIT_DONE, 0},
	{UNIT_DOWN, UNIT_EV_OFF, UNIT_OFF, UNIT_DO_CLOSE},
	{UNIT_DOWN, UNIT_EV_ON, UNIT_DOWN, 0},
	{UNIT_WAITING, UNIT_EV_OFF, UNIT_OFF, UNIT_DO_CLOSE},
	{UNIT_WAITING, UNIT_EV_ON, UNIT_WAITING, 0},
	{UNIT_STARTING, UNIT_EV_OFF, UNIT_LEAVING,
	 UNIT_DO_SEND_STOP | UNIT_DO_CLOSE},
	{UNIT_STARTING, UNIT_EV_ON, UNIT_STARTING, 0},
	{UNIT_UP, UNIT_EV_OFF, UNIT_LEAVING,
	 UNIT_DO_SEND_STOP | UNIT_DO_CLOSE},
	{UNIT_UP, UNIT_EV_ON, UNIT_UP, 0},
	{UNIT_KILLED, UNIT_EV_OFF, UNIT_LEAVING, UNIT_DO_CLOSE},
	{UNIT_KILLED, UNIT_EV_ON, UNIT_KILLED, 0},
	{UNIT_STOPPING, UNIT_EV_OFF, UNIT_STOPPING, 0},
	{UNIT_STOPPING, UNIT_EV_ON, UNIT_STOPPING, 0},
	{UNIT_DONE, UNIT_EV_OFF, UNIT_DONE, 0},
	{UNIT_DONE, UNIT_EV_ON, UNIT_DONE, 0},
	{UNIT_LEAVING, UNIT_EV_TIMER, UNIT_LEAVING, UNIT_DO_KILL},
	{UNIT_LEAVING, UNIT_EV_READY, UNIT_LEAVING, 0},
	{UNIT_LEAVING, UNIT_EV_EXIT, UNIT_OFF, 0},
	{UNIT_LEAVING, UNIT_EV_CHANNEL_DOWN, UNIT_LEAVING, 0},
	{UNIT_LEAVING, UNIT_EV_STOP, UNIT_STOPPING, 0},
	{UNIT_LEAVING, UNIT_EV_OFF, UNIT_LEAVING, 0},
	{UNIT_LEAVING, UNIT_EV_ON, UNIT_RETURNING, 0},
	{UNIT_OFF, UNIT_EV_CHANNEL_DOWN, UNIT_OFF, 0},
	{UNIT_OFF, UNIT_EV_STOP, UNIT_DONE, 0},
	{UNIT_OFF, UNIT_EV_OFF, UNIT_OFF, 0},
	{UNIT_OFF, UNIT_EV_ON, UNIT_STARTING, UNIT_DO_SPAWN},
	{UNIT_RETURNING, UNIT_EV_TIMER, UNIT_RETURNING, UNIT_DO_KILL},
	{UNIT_RETURNING, UNIT_EV_READY, UNIT_RETURNING, 0},
	{UNIT_RETURNING, UNIT_EV_EXIT, UNIT_STARTING, UNIT_DO_SPAWN},
	{UNIT_RETURNING, UNIT_EV_CHANNEL_DOWN, UNIT_RETURNING, 0},
	{UNIT_RETURNING, UNIT_EV_STOP, UNIT_STOPPING, 0},
	{UNIT_RETURNING, UNIT_EV_OFF, UNIT_LEAVING, 0},
	{UNIT_RETURNING, UNIT_EV_ON, UNIT_RETURNING, 0},
};

static void test_unit__does_what_each_cell_says(void **state)
{
	size_t known = 0;

	(void)state;
	for (int s = 0; s < UNIT_STATE_COUNT; s++) {
		for (int e = 0; e < UNIT_EV_COUNT; e++) {
			struct unit u = {.state = (enum unit_state)s};
			unsigned todo = unit_event(&u, (enum unit_ev)e, S);
			size_t i;

			for (i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
				if (cells[i].from == (enum unit_state)s &&
				    cells[i].ev == (enum unit_ev)e)
					break;
			if (i == sizeof(cells) / sizeof(cells[0])) {
				assert_int_equal(todo, UNIT_REFUSED);
				assert_int_equal(u.state, s);
				assert_int_equal(u.refused, 1);
				continue;
			}
			known++;
			assert_int_equal(u.state, cells[i].to);
			assert_int_equal(todo, cells[i].todo);
			assert_int_equal(u.refused, 0);
		}
	}
	assert_int_equal(known, sizeof(cells) / sizeof(cells[0]));
}

static void test_unit__backs_off_and_is_forgiven(void **state)
{
	static const uint32_t want[] = {0, 100, 200, 400, 800, 1600, 3200,
					6400, 10000, 10000, 10000};
	struct unit u = {.state = UNIT_DOWN};
	uint64_t now = S;

	(void)state;
	(void)unit_event(&u, UNIT_EV_START, now);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		(void)unit_event(&u, UNIT_EV_EXIT, now);
		assert_int_equal(u.restart_ms, want[i]);
		assert_true(u.due_ns == now + want[i] * NS_PER_MS);
		now = u.due_ns;
		assert_int_equal(unit_event(&u, UNIT_EV_TIMER, now),
				 UNIT_DO_SPAWN);
	}
	assert_true(u.due_ns == now + UNIT_START_S * S);
	(void)unit_event(&u, UNIT_EV_READY, now);
	assert_true(u.due_ns == now + UNIT_HEALTHY_S * S);
	(void)unit_event(&u, UNIT_EV_TIMER, u.due_ns);
	assert_true(u.due_ns == 0);
	(void)unit_event(&u, UNIT_EV_EXIT, now);
	assert_int_equal(u.restart_ms, 0);
}

static void test_unit__is_killed_when_it_does_not_stop(void **state)
{
	struct unit u = {.state = UNIT_UP};

	(void)state;
	(void)unit_event(&u, UNIT_EV_STOP, S);
	assert_true(u.due_ns == S + UNIT_STOP_S * S);
	assert_int_equal(unit_event(&u, UNIT_EV_TIMER, u.due_ns),
			 UNIT_DO_KILL);
	assert_true(u.due_ns == 0);
}

/* --- command line -------------------------------------------------------- */

static int parse(struct options *o, char error[OPT_ERROR_MAX],
		 const char *more, const char *value)
{
	char *argv[] = {
		(char *)"super", (char *)"--data-dir", (char *)"/d",
		(char *)"--run-dir", (char *)"/r", (char *)"--libexec-dir",
		(char *)"/l", (char *)"--static-dir", (char *)"/s",
		(char *)(uintptr_t)more, (char *)(uintptr_t)value, NULL,
	};
	int argc = 9 + (more ? 1 : 0) + (value ? 1 : 0);

	return options_parse(o, argc, argv, error);
}

static void test_options__have_safe_defaults(void **state)
{
	char error[OPT_ERROR_MAX];
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, error, NULL, NULL), 0);
	assert_int_equal(o.https_port, 8443);
	assert_int_equal(o.http_port, 0);
	assert_int_equal(o.sip_port, 5061);
	assert_int_equal(o.sip_clear_port, 5060);
	assert_int_equal(o.media_first, 40000);
	assert_int_equal(o.media_last, 49999);
	assert_false(o.same_user);
}

static void test_options__name_servers_reach_courier(void **state)
{
	static struct options o;
	char error[OPT_ERROR_MAX];
	static struct house_option out[64];
	struct house_cfg cfg = {.opt = &o};
	size_t n;

	(void)state;
	assert_int_equal(parse(&o, error, "--nameserver", "192.0.2.53"), 0);
	o.nameservers[1] = o.nameservers[0];
	o.nameservers[1].port = 5353;
	o.n_nameservers = 2;
	n = house_options(out, 64, &cfg, ROLE_COURIER, 0);
	assert_string_equal(out[n - 1].name, "nameservers");
	assert_string_equal(out[n - 1].value,
			    "192.0.2.53:53,192.0.2.53:5353");
	assert_int_equal(parse(&o, error, "--nameserver", "dns.example"),
			 E_INVAL);
}

static void test_options__read_advertised_addresses(void **state)
{
	static const struct {
		const char *text, *out;
	} good[] = {
		{"192.0.2.1", "192.0.2.1:0"},
		{"192.0.2.1:40000", "192.0.2.1:40000"},
		{"2001:db8::1", "[2001:db8::1]:0"},
		{"[2001:db8::1]", "[2001:db8::1]:0"},
		{"[2001:db8::1]:7", "[2001:db8::1]:7"},
	};
	static const char *const bad[] = {
		"", "x", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
		"[2001:db8::1", "[2001:db8::1]7", "[2001:db8::1]:", "a:b",
	};
	char error[OPT_ERROR_MAX], text[ADDR_TEXT_MAX];
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(&o, error, "--advertise", good[i].text),
				 0);
		addr_print(&o.advertise[0], text);
		assert_string_equal(text, good[i].out);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(&o, error, "--advertise", bad[i]),
				 E_INVAL);
		assert_true(error[0] != 0);
	}
}

static void test_options__refuse_in_one_line(void **state)
{
	static const struct {
		const char *more, *value;
	} bad[] = {
		{"--bogus", "1"}, {"--https-port", NULL},
		{"--https-port", "65536"}, {"--https-port", "0"},
		{"--https-port", "9443"}, {"--media-port-first", "50000"},
		{"--media-port-last", "3"}, {"--media-workers", "17"},
		{"--host", "a,b"}, {"--log", ""}, {"--sip-port", "8443"},
		{"--sip-port", "5060"}, {"--sip-clear-port", "9443"},
	};
	char error[OPT_ERROR_MAX];
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(&o, error, bad[i].more, bad[i].value),
				 E_INVAL);
		assert_true(error[0] != 0);
		assert_null(strchr(error, '\n'));
	}
}

/* --- Boot ---------------------------------------------------------------- */

static void test_boot__splits_many_hosts_over_several_options(void **state)
{
	static struct options o;
	static struct house_cfg cfg = {.opt = &o, .workers = 2};
	static struct house_option out[64];
	size_t n, seen = 0;

	(void)state;
	o.n_hosts = OPT_HOSTS_MAX;
	for (size_t i = 0; i < OPT_HOSTS_MAX; i++) {
		memset(o.hosts[i], 'a', OPT_HOST_LEN_MAX - 1);
		o.hosts[i][0] = (char)('A' + i % 26);
	}
	cfg.n_addrs = HOUSE_ADDRS_MAX;
	n = house_options(out, 64, &cfg, ROLE_WEB, 0);
	assert_true(n < 64);
	for (size_t i = 0; i < n; i++) {
		assert_true(strlen(out[i].value) < 511);
		for (const char *p = out[i].value;
		     strcmp(out[i].name, "hosts") == 0 && p; seen++) {
			p = strchr(p, ',');
			p = p ? p + 1 : NULL;
		}
	}
	/* loopback in three spellings; the empty host name is left out */
	assert_int_equal(seen, 3 + OPT_HOSTS_MAX + HOUSE_ADDRS_MAX);
}

static void test_boot__fits_its_message_for_media(void **state)
{
	static struct options o = {.n_advertise = OPT_ADVERTISE_MAX};
	static struct house_cfg cfg = {.opt = &o, .workers = 16};
	static struct house_option out[64];

	(void)state;
	assert_int_equal(house_options(out, 64, &cfg, ROLE_MEDIA, 15),
			 2 + 3 + OPT_ADVERTISE_MAX);
	cfg.n_addrs = HOUSE_ADDRS_MAX;
	o.n_advertise = 0;
	assert_int_equal(house_options(out, 64, &cfg, ROLE_MEDIA, 15),
			 2 + 3 + HOUSE_ADDRS_MAX);
}

static void test_links__are_those_of_the_house(void **state)
{
	(void)state;
	assert_true(house_has_link(ROLE_WEB, 0, ROLE_KEYS, 0));
	assert_true(house_has_link(ROLE_KEYS, 0, ROLE_WEB, 0));
	assert_true(house_has_link(ROLE_CORE, 0, ROLE_MEDIA, 3));
	assert_true(house_has_link(ROLE_VIDEO, 2, ROLE_MEDIA, 2));
	assert_false(house_has_link(ROLE_VIDEO, 2, ROLE_MEDIA, 1));
	assert_false(house_has_link(ROLE_KEYS, 0, ROLE_CORE, 0));
	assert_false(house_has_link(ROLE_KEYS, 0, ROLE_MEDIA, 0));
	assert_false(house_has_link(ROLE_WEB, 0, ROLE_MEDIA, 0));
	assert_false(house_has_link(ROLE_WEB, 0, ROLE_VIDEO, 0));
	assert_false(house_has_link(ROLE_MEDIA, 0, ROLE_MEDIA, 1));
	assert_true(house_has_link(ROLE_CORE, 0, ROLE_BAN, 0));
	assert_true(house_has_link(ROLE_COURIER, 0, ROLE_CORE, 0));
	assert_true(house_has_link(ROLE_SIP, 0, ROLE_CORE, 0));
	assert_true(house_has_link(ROLE_SIP, 0, ROLE_KEYS, 0));
	assert_false(house_has_link(ROLE_SIP, 0, ROLE_MEDIA, 0));
	assert_false(house_has_link(ROLE_SIP, 0, ROLE_WEB, 0));
	for (int r = ROLE_SUPER; r < ROLE_COUNT; r++) {
		enum ipc_role o = (enum ipc_role)r;

		if (o == ROLE_CORE)
			continue;
		assert_false(house_has_link(ROLE_BAN, 0, o, 0));
		assert_false(house_has_link(ROLE_COURIER, 0, o, 0));
	}
}

static void test_roles_off__spares_those_without_whom_nothing_runs(void **state)
{
	(void)state;
	assert_int_equal(house_may_be_off(~0u),
			 1u << ROLE_WEB | 1u << ROLE_MEDIA | 1u << ROLE_VIDEO |
			 1u << ROLE_BAN | 1u << ROLE_COURIER | 1u << ROLE_SIP);
	assert_int_equal(house_may_be_off(1u << ROLE_CORE | 1u << ROLE_KEYS |
					  1u << ROLE_SUPER), 0);
}

static void test_boot__names_us_to_courier(void **state)
{
	static struct options o = {.n_advertise = 1};
	static struct house_cfg cfg = {.opt = &o, .workers = 2};
	static struct house_option out[64];
	size_t n;

	(void)state;
	assert_int_equal(addr_parse(&o.advertise[0], SPAN_LIT("192.0.2.9"),
				    50000), 0);
	n = house_options(out, 64, &cfg, ROLE_COURIER, 0);
	assert_int_equal(n, 4);
	assert_string_equal(out[2].name, "advertise");
	assert_string_equal(out[2].value, "192.0.2.9:50000");
	assert_string_equal(out[3].name, "hosts");
	assert_non_null(strstr(out[3].value, "192.0.2.9"));
}

static void test_boot__tells_core_where_browsers_reach_us(void **state)
{
	static struct options o = {.https_port = 8443};
	static struct house_cfg cfg = {.opt = &o, .workers = 2};
	static struct house_option out[64];

	(void)state;
	assert_int_equal(house_options(out, 64, &cfg, ROLE_CORE, 0), 8);
	assert_string_equal(out[2].name, "https_port");
	assert_string_equal(out[2].value, "8443");
	(void)snprintf(cfg.hostname, sizeof(cfg.hostname), "srv1");
	assert_int_equal(house_options(out, 64, &cfg, ROLE_CORE, 0), 9);
	assert_string_equal(out[3].name, "public_host");
	assert_string_equal(out[3].value, "srv1");
	o.n_hosts = 1;
	(void)snprintf(o.hosts[0], sizeof(o.hosts[0]), "meet.example.org");
	assert_int_equal(house_options(out, 64, &cfg, ROLE_CORE, 0), 10);
	assert_string_equal(out[9].name, "name");
	assert_string_equal(out[9].value, "meet.example.org");
	assert_string_equal(out[3].value, "meet.example.org");
}

/* --- memory -------------------------------------------------------------- */

static int body_house(void *arg)
{
	static const struct options o = {.workers = 2};
	struct house_cfg cfg = {.opt = &o, .workers = 2, .own_log = -1,
				.with_ban = true, .with_courier = true,
				.with_sip = true};
	struct house *h;
	struct sink sink;
	int fds[2], r;

	(void)arg;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	sink_init(&sink, 2, SINK_PLAIN);
	cfg.sink = &sink;
	cfg.own_log = fds[0];
	cfg.base = event_base_new();
	assert_non_null(cfg.base);
	r = house_new(&h, &cfg);
	if (r == 0)
		house_free(&h);
	event_base_free(cfg.base);
	close(fds[0]);
	close(fds[1]);
	return r;
}

static void test_house__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body_house, NULL, 100) > 0);
}

/* --- log sink ------------------------------------------------------------ */

static const char *formatted(const char *line, enum sink_style style, bool raw)
{
	static char out[4096];
	struct sink_src src;
	size_t n;

	sink_src_init(&src, -1, "web", 0, raw);
	n = sink_format(out, sizeof(out) - 1, &src, span_str(line), style,
			INT64_C(86400000000));
	out[n] = 0;
	return out;
}

static void test_sink__keeps_a_role_s_own_records(void **state)
{
	(void)state;
	assert_string_equal(formatted("<5>1700000000.123456 web/0 mod: it works n=1",
				      SINK_PLAIN, false),
			    "2023-11-14T22:13:20.123Z notice web/0 mod: it works n=1\n");
	assert_string_equal(formatted("<5>1700000000.123456 web/0 mod: it works n=1",
				      SINK_JOURNAL, false),
			    "<5>web/0 mod: it works n=1\n");
}

static void test_sink__wraps_what_is_not_the_role_s(void **state)
{
	static const char *const bad[] = {
		"<5>1700000000.123456 core/0 audit: forged",
		"<1>1700000000.123456 web/0 mod: x", "<5>17 web/0 mod: x",
		"<5>1700000000.12345x web/0 mod: x", "<5", "", "plain",
		"<5>1700000000.123456",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(formatted(bad[i], SINK_JOURNAL, false),
				       "<4>super/0 sink: output of web/0: "));
	assert_non_null(strstr(formatted("<5>1700000000.123456 web/0 mod: x",
					 SINK_PLAIN, true),
			       "output of web/0: <5>"));
	assert_string_equal(formatted("a\x1b[2J\xff", SINK_JOURNAL, false),
			    "<4>super/0 sink: output of web/0: a?[2J?\n");
}

struct pipes {
	struct sink sink;
	struct sink_src src;
	int in, out;
};

static void pipes_open(struct pipes *p)
{
	int a[2], b[2];

	assert_int_equal(pipe2(a, O_NONBLOCK), 0);
	assert_int_equal(pipe2(b, O_NONBLOCK), 0);
	sink_src_init(&p->src, a[0], "web", 0, false);
	sink_init(&p->sink, b[1], SINK_JOURNAL);
	p->in = a[1];
	p->out = b[0];
}

static void pipes_close(struct pipes *p)
{
	close(p->src.fd);
	close(p->sink.fd);
	close(p->in);
	close(p->out);
}

static size_t count_lines(int fd)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));
	size_t lines = 0;

	for (ssize_t i = 0; i < n; i++)
		lines += buf[i] == '\n';
	return lines;
}

static void test_sink__limits_a_role_that_floods(void **state)
{
	struct pipes p;

	(void)state;
	pipes_open(&p);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(write(p.in, "x\n", 2), 2);
	assert_int_equal(sink_pump(&p.sink, &p.src, 5 * S, 0), 0);
	assert_int_equal(count_lines(p.out), SINK_LINES_PER_S);
	/* The next second says how many were lost. */
	assert_int_equal(write(p.in, "y\n", 2), 2);
	assert_int_equal(sink_pump(&p.sink, &p.src, 6 * S, 0), 0);
	assert_int_equal(count_lines(p.out), 2);
	pipes_close(&p);
}

static void test_sink__cuts_a_line_without_end(void **state)
{
	char block[1024];
	struct pipes p;

	(void)state;
	memset(block, 'z', sizeof(block));
	pipes_open(&p);
	for (int i = 0; i < 5; i++)
		assert_int_equal(write(p.in, block, sizeof(block)),
				 sizeof(block));
	assert_int_equal(sink_pump(&p.sink, &p.src, S, 0), 0);
	assert_int_equal(count_lines(p.out), 2);
	pipes_close(&p);
}

static void test_sink__drops_when_the_output_is_full(void **state)
{
	char block[4096] = "";
	struct pipes p;

	(void)state;
	pipes_open(&p);
	while (write(p.sink.fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(write(p.in, "x\n", 2), 2);
	assert_int_equal(sink_pump(&p.sink, &p.src, S, 0), 0);
	assert_int_equal(p.sink.dropped, 1);
	pipes_close(&p);
}

/* --- the port of legs with ICE -------------------------------------------- */

static bool arrives(int to, int from, const struct sockaddr_in6 *at,
		    const char *p, size_t n)
{
	char got[64];

	assert_int_equal(sendto(from, p, n, 0, (const struct sockaddr *)at,
				sizeof(*at)), n);
	return recv(to, got, sizeof(got), MSG_DONTWAIT) == (ssize_t)n;
}

static void test_listen__drops_what_no_leg_with_ice_sends(void **state)
{
	static const struct {
		bool passes;
		size_t n;
		char bytes[32];
	} v[] = {
		{true, 20, "\x00\x01\x00\x00\x21\x12\xa4\x42"},
		{true, 20, "\x01\x01\x00\x00\x21\x12\xa4\x42"},
		{false, 20, "\x00\x01\x00\x00\x21\x12\xa4\x43"},
		{false, 7, "\x00\x01\x00\x00\x21\x12\xa4"},
		{false, 20, "\x04\x01\x00\x00\x21\x12\xa4\x42"},
		{false, 20, "\x13"}, {true, 13, "\x14"}, {false, 12, "\x16"},
		{true, 20, "\x3f"}, {false, 20, "\x40"}, {false, 20, "XXXX"},
		{false, 20, "\x7f"}, {true, 12, "\x80"}, {true, 8, "\x81\xc9"},
		{false, 7, "\x80"}, {true, 20, "\xbf"}, {false, 20, "\xc0"},
		{false, 20, "\xff"}, {false, 0, ""},
	};
	struct sockaddr_in6 at = {0};
	socklen_t at_n = sizeof(at);
	char error[LISTEN_ERROR_MAX];
	int fd, from = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(listen_udp(&fd, 0, 0, "", error), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &at_n), 0);
	at.sin6_addr = in6addr_loopback;
	assert_true(arrives(fd, from, &at, "XXXX", 4));
	assert_int_equal(listen_only_ice(fd), 0);
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		if (arrives(fd, from, &at, v[i].bytes, v[i].n) != v[i].passes)
			fail_msg("row %zu", i);
	close(from);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unit__does_what_each_cell_says),
		cmocka_unit_test(test_unit__backs_off_and_is_forgiven),
		cmocka_unit_test(test_unit__is_killed_when_it_does_not_stop),
		cmocka_unit_test(test_options__have_safe_defaults),
		cmocka_unit_test(test_options__read_advertised_addresses),
		cmocka_unit_test(test_options__name_servers_reach_courier),
		cmocka_unit_test(test_options__refuse_in_one_line),
		cmocka_unit_test(test_boot__splits_many_hosts_over_several_options),
		cmocka_unit_test(test_boot__fits_its_message_for_media),
		cmocka_unit_test(test_links__are_those_of_the_house),
		cmocka_unit_test(test_roles_off__spares_those_without_whom_nothing_runs),
		cmocka_unit_test(test_boot__names_us_to_courier),
		cmocka_unit_test(test_boot__tells_core_where_browsers_reach_us),
		cmocka_unit_test(test_house__survives_each_failing_allocation),
		cmocka_unit_test(test_sink__keeps_a_role_s_own_records),
		cmocka_unit_test(test_sink__wraps_what_is_not_the_role_s),
		cmocka_unit_test(test_sink__limits_a_role_that_floods),
		cmocka_unit_test(test_sink__cuts_a_line_without_end),
		cmocka_unit_test(test_sink__drops_when_the_output_is_full),
		cmocka_unit_test(test_listen__drops_what_no_leg_with_ice_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
