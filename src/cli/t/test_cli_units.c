#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "cli/args.h"
#include "cli/doctor.h"
#include "cli/ladder.h"
#include "cli/print.h"

static int parse(struct args *a, const char *const *words, char *error)
{
	int n = 0;
	while (words[n] != NULL)
		n++;
	return args_parse(a, n, (char *const *)(uintptr_t)words, error);
}
#define PARSE(a, e, ...)                                                      \
	parse(a, (const char *const[]){"conclave", __VA_ARGS__, NULL}, e)

static void test_args__words_fields_and_options(void **state)
{
	(void)state;
	struct args a;
	char e[ARGS_ERROR_MAX];
	assert_int_equal(PARSE(&a, e, "--json", "change", "room", "Board",
			       "pin=1=2", "--open", "name=", "--socket", "x"),
			 0);
	assert_true(a.json && a.open);
	assert_string_equal(a.resource, "conference");
	assert_string_equal(a.which, "Board");
	assert_string_equal(a.socket, "x");
	assert_int_equal(a.n_fields, 2);
	assert_string_equal(a.field[0].name, "pin");
	assert_string_equal(a.field[0].value, "1=2");
	assert_string_equal(a.field[1].value, "");
	assert_int_equal(PARSE(&a, e, "list", "alias", "which=a=b"), 0);
	assert_string_equal(a.which, "a=b");
	assert_int_equal(PARSE(&a, e, "list", "alias", "--", "-x"), 0);
	assert_string_equal(a.which, "-x");
}

static void test_args__wrong_lines_are_refused(void **state)
{
	(void)state;
	struct args a;
	char e[ARGS_ERROR_MAX];
	assert_int_equal(PARSE(&a, e, "frobnicate"), E_INVAL);
	assert_int_equal(PARSE(&a, e, "list"), E_INVAL);
	assert_int_equal(PARSE(&a, e, "list", "participant"), E_INVAL);
	assert_int_equal(PARSE(&a, e, "list", "conference", "a", "b"),
			 E_INVAL);
	assert_int_equal(PARSE(&a, e, "status", "x"), E_INVAL);
	assert_int_equal(PARSE(&a, e, "--socket"), E_INVAL);
	assert_int_equal(PARSE(&a, e, "--bogus", "status"), E_INVAL);
	assert_int_equal(PARSE(&a, e, "remove", "global"), E_INVAL);
}

static void test_args__the_verbs_name_real_resources(void **state)
{
	(void)state;
	for (const struct args_verb *v = args_verbs; v->name; v++) {
		if (strcmp(v->name, "list") && strcmp(v->name, "create") &&
		    strcmp(v->name, "change") && strcmp(v->name, "remove"))
			continue;
		struct span rest = span_str(v->resources), one;
		for (bool more = true; more;) {
			more = span_split(rest, ' ', &one, &rest);
			assert_non_null(schema_resource_named(one));
		}
	}
}

static void test_print_clean__stops_terminal_tricks(void **state)
{
	(void)state;
	char text[64];
	static const struct {
		struct span in;
		const char *out;
		size_t width;
	} rows[] = {
		{SPAN_NONE, "", 0},
		{{(const uint8_t *)"a\x1b[31mb", 7}, "a?[31mb", 7},
		{{(const uint8_t *)"\xc2\x9b" "31m", 5}, "?31m", 4},
		{{(const uint8_t *)"a\r\nb", 4}, "a??b", 4},
		{{(const uint8_t *)"J\xc3\xb6rg", 5}, "J\xc3\xb6rg", 4},
		{{(const uint8_t *)"\xe2\x80\xae" "x", 4}, "?x", 2},
		{{(const uint8_t *)"\xff\xc3", 2}, "??", 2},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(print_clean(text, sizeof(text), rows[i].in),
				 rows[i].width);
		assert_string_equal(text, rows[i].out);
	}
	assert_int_equal(print_clean(text, 3, SPAN_LIT("\xc3\xb6\xc3\xb6")),
			 1);
	assert_string_equal(text, "\xc3\xb6");
}

static struct rows *sample(void)
{
	struct rows *r;
	Cv__CliRow row = CV__CLI_ROW__INIT;
	Cv__CliField f[4], *ptr[4];
	static const char *const name[] = {"id", "name", "allow_guests",
					   "participant_limit"};
	static const struct span value[] = {
		{(const uint8_t *)"7", 1},
		{(const uint8_t *)"a\"\\\x1b\xff", 5},
		{(const uint8_t *)"true", 4}, {NULL, 0}};
	for (int i = 0; i < 4; i++) {
		cv__cli_field__init(&f[i]);
		f[i].name = (char *)(uintptr_t)name[i];
		f[i].value.data = (uint8_t *)(uintptr_t)value[i].p;
		f[i].value.len = value[i].n;
		ptr[i] = &f[i];
	}
	row.fields = ptr;
	row.n_fields = 4;
	if (rows_new(&r) < 0)
		return NULL;
	if (rows_add(r, &row) < 0)
		rows_free(&r);
	return r;
}

static void test_print_json__types_and_escapes(void **state)
{
	(void)state;
	struct rows *r = sample();
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	print_json(f, r, schema_resource(RES_CONFERENCE));
	(void)fclose(f);
	assert_string_equal(text, "[\n {\"id\": 7, \"name\": "
		"\"a\\\"\\\\\\u001b\\ufffd\", \"allow_guests\": true, "
		"\"participant_limit\": null}\n]\n");
	free(text);
	rows_free(&r);
	assert_int_equal(rows_new(&r), 0);
	f = open_memstream(&text, &n);
	print_json(f, r, NULL);
	print_table(f, r, NULL);
	(void)fclose(f);
	assert_string_equal(text, "[]\n");
	free(text);
	rows_free(&r);
}

/* "kind=row from=peer ..." as a row. */
static void add_row(struct rows *r, const char *const pairs[][2], size_t n)
{
	Cv__CliField f[16], *list[16];
	Cv__CliRow row = CV__CLI_ROW__INIT;

	for (size_t i = 0; i < n; i++) {
		cv__cli_field__init(&f[i]);
		f[i].name = (char *)(uintptr_t)pairs[i][0];
		f[i].value.data = (uint8_t *)(uintptr_t)pairs[i][1];
		f[i].value.len = strlen(pairs[i][1]);
		list[i] = &f[i];
	}
	row.fields = list;
	row.n_fields = n;
	assert_int_equal(rows_add(r, &row), 0);
}
#define ROW(r, ...) do {                                                      \
	const char *const p_[][2] = {__VA_ARGS__};                            \
	add_row(r, p_, sizeof(p_) / sizeof(p_[0]));                           \
} while (0)

/* Columns hold, what comes from the wire is cleaned and cut. */
static void test_ladder__draws_columns_of_one_width(void **state)
{
	struct rows *r;
	char *text, *line, *rest;
	size_t n, lines = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_int_equal(rows_new(&r), 0);
	ROW(r, {"kind", "call"}, {"reference", "0123456789abcdef"},
	    {"at_us", "0"}, {"way", "sip in"}, {"alias", "a\033[31mb"});
	ROW(r, {"kind", "row"}, {"at_us", "1500"}, {"from", "peer"},
	    {"to", "sip"}, {"what", "INVITE sip:a\033b@h SIP/2.0"},
	    {"headers", "Via: x\nTo: \033]0;y\n"});
	ROW(r, {"kind", "row"}, {"at_us", "2000"}, {"from", "core"},
	    {"to", "core"}, {"what", "service"}, {"detail", "board"});
	ROW(r, {"kind", "row"}, {"at_us", "3000"}, {"from", "sip"},
	    {"to", "peer"}, {"what", "SIP/2.0 200 "
	     "0123456789012345678901234567890123456789012345678901234567890"});
	ROW(r, {"kind", "note"}, {"what", "something is missing"});
	ladder_print(f, r, 10, true);
	(void)fclose(f);
	assert_null(strchr(text, 033));
	assert_non_null(strstr(text, "reference 0123456789abcdef"));
	assert_non_null(strstr(text, "--INVITE sip:a"));
	assert_null(strstr(text, "SIP/2.0"));
	assert_non_null(strstr(text, "..-"));
	assert_non_null(strstr(text, "* service: board"));
	assert_non_null(strstr(text, "\n                 Via: x\n"));
	assert_non_null(strstr(text, "\nsomething is missing\n"));
	for (line = text; (rest = strchr(line, '\n')); line = rest + 1, lines++)
		assert_true(rest - line <= LADDER_WIDTH_MIN);
	assert_true(lines > 8);
	free(text);
	rows_free(&r);
}

static enum doctor_result said(const struct doctor_report *d, const char *what)
{
	for (size_t i = 0; i < d->n; i++)
		if (strncmp(d->lines[i].what, what, strlen(what)) == 0)
			return d->lines[i].result;
	fail_msg("%s", what);
	return DOCTOR_OK;
}

/* What cannot be told is never an ok. */
static void test_doctor__knows_nothing_and_says_so(void **state)
{
	static struct doctor_report d;
	static const struct doctor_local nothing;
	struct rows *r;

	(void)state;
	assert_int_equal(rows_new(&r), 0);
	doctor_judge(&d, r, &nothing);
	for (size_t i = 0; i < d.n; i++)
		if (strcmp(d.lines[i].what, "role sip") != 0)
			assert_int_not_equal(d.lines[i].result, DOCTOR_OK);
	assert_int_equal(doctor_worst(&d), DOCTOR_FAIL);
	rows_free(&r);
}

static void test_doctor__judges_what_it_sees(void **state)
{
	static struct doctor_report d;
	static struct doctor_local l = {
		.clock_known = true, .clock_synced = true, .n_addrs = 1,
		.ports_known = true, .n_open = 2, .dir_known = true,
		.open = {{false, 443}, {true, 5060}}, .dir_mode = 0711,
		.key_mode = 0400, .tls_mode = 0700, .tls_key_mode = 0440,
		.disk_free_mb = 100, .disk_percent_free = 50};
	struct rows *r;

	(void)state;
	assert_int_equal(addr_parse(&l.addrs[0], SPAN_LIT("2001:db8::1"), 0),
			 0);
	assert_int_equal(rows_new(&r), 0);
	ROW(r, {"kind", "fact"}, {"name", "name"}, {"value", "m.example"});
	ROW(r, {"kind", "fact"}, {"name", "advertise"},
	    {"value", "[2001:db8::1]:40000"});
	ROW(r, {"kind", "fact"}, {"name", "advertise"},
	    {"value", "203.0.113.7"});
	ROW(r, {"kind", "fact"}, {"name", "https_port"}, {"value", "443"});
	ROW(r, {"kind", "fact"}, {"name", "sip_port"}, {"value", "5061"});
	ROW(r, {"kind", "fact"}, {"name", "sip_clear_port"},
	    {"value", "5060"});
	ROW(r, {"kind", "fact"}, {"name", "enable_sip"}, {"value", "true"});
	ROW(r, {"kind", "dns"}, {"name", "m.example"}, {"type", "A/AAAA"},
	    {"error", ""}, {"value", "192.0.2.1"}, {"value", "203.0.113.7"});
	ROW(r, {"kind", "dns"}, {"name", "_sips._tcp.m.example"},
	    {"type", "SRV"}, {"error", ""}, {"value", "1 1 5062 m.example"},
	    {"value", "2 1 5061 M.example"});
	ROW(r, {"kind", "dns"}, {"name", "_sip._tls.m.example"},
	    {"type", "SRV"}, {"error", ""}, {"value", "1 1 5061 n.example"});
	doctor_judge(&d, r, &l);
	assert_int_equal(said(&d, "name m.example"), DOCTOR_OK);
	assert_int_equal(said(&d, "record _sips._tcp"), DOCTOR_OK);
	assert_int_equal(said(&d, "record _sip._tls"), DOCTOR_FAIL);
	assert_int_equal(said(&d, "address 2001:db8::1"), DOCTOR_OK);
	assert_int_equal(said(&d, "address 203.0.113.7"), DOCTOR_WARN);
	assert_int_equal(said(&d, "port 443/tcp"), DOCTOR_OK);
	assert_int_equal(said(&d, "port 5061/tcp"), DOCTOR_FAIL);
	assert_int_equal(said(&d, "port 5060/tcp"), DOCTOR_OK);
	assert_int_equal(said(&d, "port 5060/udp"), DOCTOR_FAIL);
	assert_int_equal(said(&d, "clock"), DOCTOR_OK);
	assert_int_equal(said(&d, "rights of data.key"), DOCTOR_OK);
	assert_int_equal(said(&d, "rights of tls/server.key"), DOCTOR_FAIL);
	assert_int_equal(said(&d, "disk"), DOCTOR_FAIL);
	rows_free(&r);
}

static int body(void *arg)
{
	(void)arg;
	struct rows *r = sample();
	if (r == NULL)
		return E_NOMEM;
	FILE *f = fopen("/dev/null", "w");
	print_fields(f, r);
	(void)fclose(f);
	rows_free(&r);
	return 0;
}

static void test_rows__survive_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body, NULL, 100) > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args__words_fields_and_options),
		cmocka_unit_test(test_args__wrong_lines_are_refused),
		cmocka_unit_test(test_args__the_verbs_name_real_resources),
		cmocka_unit_test(test_print_clean__stops_terminal_tricks),
		cmocka_unit_test(test_print_json__types_and_escapes),
		cmocka_unit_test(test_ladder__draws_columns_of_one_width),
		cmocka_unit_test(test_doctor__knows_nothing_and_says_so),
		cmocka_unit_test(test_doctor__judges_what_it_sees),
		cmocka_unit_test(test_rows__survive_every_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
