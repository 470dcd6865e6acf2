#include "core/audit/audit.h"
#include "core/store/cli_config.h"
#include "core/store/t/store_kit.h"

struct fix {
	char dir[256], audit_dir[300];
	struct store *st;
	struct audit *audit;
	struct cli_config *c;
	/* The last answer. */
	int error;
	char message[300];
	unsigned replies, rows;
	bool done;
	char pin[32], guest_pin[32], id[32], aliases[300], shown_pin[32];
};

static struct fix fix;

static void keep(char *dst, size_t cap, const Cv__CliField *f)
{
	assert_int_equal(span_cstr(span_of(f->value.data, f->value.len), dst,
				   cap), 0);
}

static void on_reply(void *arg, uint64_t client, const Cv__CliReply *m)
{
	struct fix *f = arg;
	assert_int_equal(client, 77);
	assert_false(f->done);
	f->replies++;
	f->error = m->error;
	f->done = !m->more;
	(void)snprintf(f->message, sizeof(f->message), "%s", m->message);
	f->rows += (unsigned)m->n_rows;
	assert_true(cv__cli_reply__get_packed_size(m) < 262144);
	for (size_t i = 0; i < m->n_rows; i++) {
		for (size_t k = 0; k < m->rows[i]->n_fields; k++) {
			const Cv__CliField *x = m->rows[i]->fields[k];
			if (!strcmp(x->name, "proposed_pin"))
				keep(f->pin, 32, x);
			if (!strcmp(x->name, "proposed_guest_pin"))
				keep(f->guest_pin, 32, x);
			if (!strcmp(x->name, "id"))
				keep(f->id, 32, x);
			if (!strcmp(x->name, "pin"))
				keep(f->shown_pin, 32, x);
			if (!strcmp(x->name, "aliases"))
				keep(f->aliases, 300, x);
		}
	}
}

static int setup(void **state)
{
	fix = (struct fix){.error = 0};
	kit_mkdir(fix.dir);
	(void)snprintf(fix.audit_dir, sizeof(fix.audit_dir), "%s/audit",
		       fix.dir);
	struct audit_cfg cfg = {.dir = fix.audit_dir};
	assert_int_equal(kit_open(&fix.st, fix.dir, NULL), 0);
	assert_int_equal(audit_open(&fix.audit, &cfg, 1, 1), 0);
	assert_int_equal(store_attach(fix.st, audit_sync, fix.audit), 0);
	assert_int_equal(cli_config_new(&fix.c, fix.st, fix.audit,
					fix.audit_dir, on_reply, &fix), 0);
	*state = &fix;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&fix.st);
	audit_close(&fix.audit);
	cli_config_free(&fix.c);
	kit_rm(fix.dir);
	assert_int_equal(mem_live(), 0);
	return 0;
}

/* words: "name=value", ..., NULL */
static int run(struct fix *f, const char *verb, const char *resource,
	       const char *const *words)
{
	Cv__CliRequest rq = CV__CLI_REQUEST__INIT;
	Cv__CliField fields[CLI_FIELDS_MAX + 2], *ptr[CLI_FIELDS_MAX + 2];
	char names[CLI_FIELDS_MAX + 2][64];
	rq.verb = (char *)(uintptr_t)verb;
	rq.resource = (char *)(uintptr_t)resource;
	rq.fields = ptr;
	for (; words[rq.n_fields] != NULL; rq.n_fields++) {
		struct span name, value;
		Cv__CliField *x = &fields[rq.n_fields];
		(void)span_split(span_str(words[rq.n_fields]), '=', &name,
				 &value);
		cv__cli_field__init(x);
		(void)span_cstr(name, names[rq.n_fields], 64);
		x->name = names[rq.n_fields];
		x->value.data = (uint8_t *)(uintptr_t)value.p;
		x->value.len = value.n;
		ptr[rq.n_fields] = x;
	}
	f->done = false;
	f->replies = f->rows = 0;
	f->pin[0] = f->guest_pin[0] = f->aliases[0] = f->shown_pin[0] = 0;
	assert_true(cli_config_handles(&rq));
	cli_config_request(f->c, &rq, 77, SPAN_LIT("uid 0"), 1, 1);
	store_wait(f->st);
	assert_true(f->done);
	return f->error;
}
#define RUN(f, verb, res, ...)                                                \
	run(f, verb, res, (const char *const[]){__VA_ARGS__, NULL})

static void test_cli_config__a_pin_is_proposed_when_none_is_given(void **state)
{
	struct fix *f = *state;
	assert_int_equal(RUN(f, "create", "conference", "name=Board",
			     "allow_guests=true", "alias=board",
			     "alias=100200"), 0);
	assert_int_equal(strlen(f->pin), 6);
	assert_int_equal(strlen(f->guest_pin), 6);
	assert_string_equal(f->aliases, "board,100200");
	const struct store_row *row = store_find(f->st, RES_CONFERENCE,
		CONFERENCE_NAME, SPAN_LIT("Board"));
	struct secret s;
	assert_int_equal(store_secret(f->st, row, CONFERENCE_PIN, &s), 0);
	assert_true(span_eq(secret_span(&s), span_str(f->pin)));
	secret_release(&s);
	/* Told once only. */
	assert_int_equal(RUN(f, "list", "conference", "which=Board"), 0);
	assert_string_equal(f->pin, "");
	assert_string_equal(f->shown_pin, "********");
}

static void test_cli_config__an_open_room_must_be_meant(void **state)
{
	struct fix *f = *state;
	assert_int_equal(RUN(f, "create", "conference", "name=A", "pin="),
			 E_DENIED);
	assert_non_null(strstr(f->message, "--open"));
	assert_int_equal(RUN(f, "create", "conference", "name=A",
			     "open=true"), 0);
	assert_string_equal(f->pin, "");
	assert_int_equal(RUN(f, "create", "conference", "name=B"), 0);
	assert_int_equal(RUN(f, "change", "conference", "which=B", "pin="),
			 E_DENIED);
	assert_int_equal(RUN(f, "change", "conference", "which=B", "pin=",
			     "open=true"), 0);
}

static void test_cli_config__changes_and_removes_by_name_or_id(void **state)
{
	struct fix *f = *state;
	assert_int_equal(RUN(f, "create", "conference", "name=A"), 0);
	assert_int_equal(RUN(f, "create", "conference_alias", "alias=a1",
			     "conference=A"), 0);
	assert_int_equal(RUN(f, "change", "conference", "which=1",
			     "description=new text"), 0);
	assert_int_equal(RUN(f, "change", "global", "max_talkers=7"), 0);
	assert_int_equal(store_global(f->st, GLOBAL_MAX_TALKERS), 7);
	assert_int_equal(RUN(f, "remove", "conference", "which=A"), 0);
	assert_int_equal(store_count(f->st, RES_CONFERENCE_ALIAS), 0);
	assert_int_equal(RUN(f, "remove", "conference", "which=A"),
			 E_NOTFOUND);
}

static void test_cli_config__errors_name_field_and_rule(void **state)
{
	struct fix *f = *state;
	assert_int_equal(RUN(f, "create", "conference", "name=A",
			     "participant_limit=1x"), E_FORMAT);
	assert_non_null(strstr(f->message, "conference.participant_limit"));
	assert_non_null(strstr(f->message, "character 2"));
	assert_int_equal(RUN(f, "create", "conference", "name=A",
			     "colour=red"), E_INVAL);
	assert_non_null(strstr(f->message, "colour"));
	assert_int_equal(RUN(f, "create", "conference", "name=A", "name=B"),
			 E_INVAL);
	assert_int_equal(RUN(f, "create", "conference_alias", "alias=a",
			     "conference=nowhere"), E_NOTFOUND);
	assert_int_equal(RUN(f, "change", "conference", "name=x"),
			 E_NOTFOUND);
	assert_int_equal(RUN(f, "list", "conference", "pin=123456"), E_INVAL);
	assert_int_equal(store_count(f->st, RES_CONFERENCE), 0);
}

static void test_cli_config__long_lists_come_in_bounded_pieces(void **state)
{
	struct fix *f = *state;
	for (int i = 0; i < 100; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "name=room %d", i);
		assert_int_equal(RUN(f, "create", "conference", name,
				     i % 2 ? "tag=odd" : "tag=even"), 0);
	}
	assert_int_equal(run(f, "list", "conference",
			     (const char *const[]){NULL}), 0);
	assert_int_equal(f->rows, 100);
	assert_int_equal(f->replies, 4);
	assert_int_equal(RUN(f, "list", "conference", "after=90"), 0);
	assert_int_equal(f->rows, 10);
	assert_int_equal(RUN(f, "list", "conference", "tag=odd"), 0);
	assert_int_equal(f->rows, 50);
}

static void on_flush(void *arg, int result)
{
	(void)arg;
	assert_int_equal(result, 0);
}

static void test_cli_config__changes_are_audited_without_secrets(void **state)
{
	struct fix *f = *state;
	assert_int_equal(RUN(f, "create", "conference", "name=Secret room",
			     "pin=86753091"), 0);
	assert_int_equal(store_flush(f->st, on_flush, NULL), 0);
	store_wait(f->st);
	char path[400], text[8192];
	(void)snprintf(path, sizeof(path), "%s/audit-00000001.log",
		       f->audit_dir);
	FILE *fp = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, fp);
	(void)fclose(fp);
	text[n] = 0;
	assert_non_null(strstr(text, "conference.create"));
	assert_non_null(strstr(text, "Secret room"));
	assert_null(strstr(text, "86753091"));
	assert_int_equal(run(f, "verify", "audit",
			     (const char *const[]){NULL}), 0);
	assert_int_equal(f->rows, 1);
	fp = fopen(path, "r+");
	(void)fseek(fp, 30, SEEK_SET);
	(void)fputc('X', fp);
	(void)fclose(fp);
	assert_int_equal(run(f, "verify", "audit",
			     (const char *const[]){NULL}), E_CORRUPT);
	assert_non_null(strstr(f->message, "audit-00000001.log line 1"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_cli_config__a_pin_is_proposed_when_none_is_given),
		T(test_cli_config__an_open_room_must_be_meant),
		T(test_cli_config__changes_and_removes_by_name_or_id),
		T(test_cli_config__errors_name_field_and_rule),
		T(test_cli_config__long_lists_come_in_bounded_pieces),
		T(test_cli_config__changes_are_audited_without_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
