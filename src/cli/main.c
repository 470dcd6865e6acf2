/* conclave(1): one request to core, its answer on paper. See docs/cli.md. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/secret.h"
#include "cli/args.h"
#include "cli/complete.h"
#include "cli/conn.h"
#include "cli/doctor.h"
#include "cli/firewall_cmd.h"
#include "cli/ladder.h"
#include "cli/print.h"

#define SOCKET_DEFAULT "/run/conclave/cli.sock"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3, EXIT_MISSING = 4,
       SECRETS_MAX = 4, SECRET_LEN = 256, FILES_MAX = 4 };

struct cli {
	struct args args;
	const struct schema_resource *resource;	/* NULL: not a stored one */
	struct rows *rows;
	int error;
	char message[1024];
	char secret[SECRETS_MAX][SECRET_LEN];
	size_t n_secrets;
	char *file[FILES_MAX];		/* owned */
	size_t n_files;
	char after[24];
};

static void usage(FILE *f)
{
	(void)fputs("usage: conclave [--socket PATH] [--json] [--open] VERB "
		    "[RESOURCE] [WHICH] [FIELD=VALUE]...\n", f);
	for (const struct args_verb *v = args_verbs; v->name != NULL; v++)
		(void)fprintf(f, "  %-11s %s\n  %11s (%s)\n", v->name, v->help,
			      "", *v->resources ? v->resources : "no resource");
	(void)fputs("  firewall    the kernel's rules: conclave firewall --help\n"
		    "See docs/cli.md.\n", f);
}

/* --- secrets from the terminal -------------------------------------------- */

static int read_line(char *dst, size_t cap)
{
	if (fgets(dst, (int)cap, stdin) == NULL)
		return E_TRUNC;
	size_t n = strlen(dst);
	if (n > 0 && dst[n - 1] == '\n')
		dst[n - 1] = 0;
	else if (n + 1 == cap)
		return E_LIMIT;
	return 0;
}

static int read_secret(const char *name, char *dst, size_t cap)
{
	struct termios old, quiet;
	bool is_tty = tcgetattr(STDIN_FILENO, &old) == 0;
	if (is_tty) {
		quiet = old;
		/* No signals either: an interrupt would leave the terminal
		 * without echo. The prompt comes last, because what is typed
		 * before the flush is lost. */
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		(void)fprintf(stderr, "%s: ", name);
	}
	int e = read_line(dst, cap);
	if (is_tty) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputc('\n', stderr);
	}
	return e;
}

static int ask_secrets(struct cli *c)
{
	for (size_t i = 0; i < c->args.n_fields && c->resource != NULL; i++) {
		const char *name = c->args.field[i].name;
		int k = schema_field_named(c->resource, span_str(name));
		if (k < 0 || strcmp(c->args.field[i].value, "-") != 0 ||
		    !(c->resource->fields[k].flags & SCHEMA_F_SECRET))
			continue;
		if (c->n_secrets == SECRETS_MAX)
			return E_LIMIT;
		char *dst = c->secret[c->n_secrets++];
		int e = read_secret(name, dst, SECRET_LEN);
		if (e < 0)
			return e;
		c->args.field[i].value = dst;
	}
	return 0;
}

/* --- templates from files --------------------------------------------------- */

static int complain_file(const char *path, const char *what)
{
	(void)fprintf(stderr, "conclave: %s: %s\n", path, what);
	return E_FORMAT;
}

/* A name or, as "-", standard input. */
static int read_file(const char *path, char **out)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	if (f == NULL)
		return complain_file(path, "cannot be read");
	char *text = mem_alloc(SCHEMA_VALUE_MAX + 2);
	size_t n = text ? fread(text, 1, SCHEMA_VALUE_MAX + 1, f) : 0;
	int e = text == NULL ? complain_file(path, "out of memory") :
		ferror(f) ? complain_file(path, "cannot be read") :
		n > SCHEMA_VALUE_MAX ? complain_file(path, "is too long") :
		memchr(text, 0, n) ? complain_file(path, "is not text") : 0;
	if (!is_stdin)
		(void)fclose(f);	/* was only read */
	if (e < 0) {
		mem_free(text);
		return e;
	}
	text[n] = 0;
	*out = text;
	return 0;
}

static bool may_be_file(const struct cli *c, const char *name)
{
	if (c->resource == NULL)
		return strcmp(c->args.verb, "policy") == 0 &&
		       (strcmp(name, "script") == 0 ||
			strcmp(name, "input") == 0);
	int k = schema_field_named(c->resource, span_str(name));
	return k >= 0 && c->resource->fields[k].type == SCHEMA_TEMPLATE;
}

static int read_files(struct cli *c)
{
	for (size_t i = 0; i < c->args.n_fields; i++) {
		const char *value = c->args.field[i].value;
		if (value[0] != '@' ||
		    !may_be_file(c, c->args.field[i].name))
			continue;
		if (c->n_files == FILES_MAX)
			return E_LIMIT;
		int e = read_file(value + 1, &c->file[c->n_files]);
		if (e < 0)
			return e;
		c->args.field[i].value = c->file[c->n_files++];
	}
	return 0;
}

/* --- the request ---------------------------------------------------------- */

struct request {
	Cv__CliRequest m;
	Cv__CliField f[ARGS_FIELDS_MAX + 3], *ptr[ARGS_FIELDS_MAX + 3];
};

static void add(struct request *rq, const char *name, const char *value)
{
	Cv__CliField *f = &rq->f[rq->m.n_fields];
	cv__cli_field__init(f);
	f->name = (char *)(uintptr_t)name;
	f->value.data = (uint8_t *)(uintptr_t)value;
	f->value.len = strlen(value);
	rq->ptr[rq->m.n_fields++] = f;
}

static void build(struct request *rq, const struct cli *c)
{
	cv__cli_request__init(&rq->m);
	rq->m.verb = (char *)(uintptr_t)c->args.verb;
	rq->m.resource = (char *)(uintptr_t)c->args.resource;
	rq->m.fields = rq->ptr;
	if (c->args.which != NULL)
		add(rq, "which", c->args.which);
	if (c->args.open)
		add(rq, "open", "true");
	if (c->after[0])
		add(rq, "after", c->after);
	for (size_t i = 0; i < c->args.n_fields; i++)
		add(rq, c->args.field[i].name, c->args.field[i].value);
}

static void on_reply(void *arg, const Cv__CliReply *reply)
{
	struct cli *c = arg;
	if (reply->error != 0 && c->error == 0) {
		c->error = reply->error;
		(void)snprintf(c->message, sizeof(c->message), "%s",
			       reply->message);
	}
	for (size_t i = 0; i < reply->n_rows && c->error == 0; i++)
		c->error = rows_add(c->rows, reply->rows[i]);
}

static bool is_paged(const struct cli *c)
{
	return strcmp(c->args.verb, "list") == 0 && c->args.which == NULL &&
	       c->resource != NULL && !c->resource->is_singleton;
}

/* A long list comes in pages: until one is empty. */
static int exchange(struct cli *c, struct conn *conn)
{
	struct request rq;
	size_t before;
	do {
		before = rows_count(c->rows);
		build(&rq, c);
		int e = conn_request(conn, &rq.m, on_reply, c);
		if (e < 0)
			return e;
		if (span_cstr(rows_last(c->rows, "id"), c->after,
			      sizeof(c->after)) < 0)
			return E_FORMAT;
	} while (c->error == 0 && is_paged(c) &&
		 rows_count(c->rows) > before);
	return 0;
}

/* --- the answer ----------------------------------------------------------- */

static void tell_proposed(const struct rows *r)
{
	static const char *const names[][2] = {
		{"proposed_pin", "host PIN"},
		{"proposed_guest_pin", "guest PIN"}};
	char text[64];
	for (size_t i = 0; i < 2; i++) {
		struct span v = rows_last(r, names[i][0]);
		if (v.n == 0)
			continue;
		(void)print_clean(text, sizeof(text), v);
		(void)fprintf(stderr, "Note the %s, it is not shown again: "
			      "%s\n", names[i][1], text);
	}
}

/* Who sets something that nobody acts on yet must not believe in it. */
static void tell_later(const struct cli *c)
{
	if (c->resource == NULL || (strcmp(c->args.verb, "create") != 0 &&
				    strcmp(c->args.verb, "change") != 0))
		return;
	for (size_t i = 0; i < c->args.n_fields; i++) {
		const struct schema_field *f;
		int n = schema_field_named(c->resource,
					   span_str(c->args.field[i].name));
		if (n < 0)
			continue;
		f = &c->resource->fields[n];
		if (f->flags & SCHEMA_F_LATER &&
		    strcmp(c->args.field[i].value, f->def ? f->def : "") != 0)
			(void)fprintf(stderr, "warning: %s has no effect yet: "
				      "%s\n", f->name, f->help);
	}
}

static unsigned paper_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ?
	       w.ws_col : LADDER_WIDTH_MAX;
}

static bool has_field(const struct cli *c, const char *name, const char *value)
{
	for (size_t i = 0; i < c->args.n_fields; i++)
		if (strcmp(c->args.field[i].name, name) == 0)
			return strcmp(c->args.field[i].value, value) == 0;
	return false;
}

static void show(const struct cli *c)
{
	bool is_list = strcmp(c->args.verb, "list") == 0 ||
		       strcmp(c->args.verb, "show") == 0;
	bool is_one = c->args.which != NULL ||
		      (c->resource != NULL && c->resource->is_singleton);
	/* Verbs whose second word says what is done. */
	if (strcmp(c->args.verb, "invite") == 0 ||
	    strcmp(c->args.verb, "alarms") == 0 ||
	    strcmp(c->args.verb, "guard") == 0) {
		is_list = strcmp(c->args.resource, "list") == 0 ||
			  strcmp(c->args.resource, "history") == 0;
		is_one = false;
	}
	if (strcmp(c->args.verb, "sip") == 0)
		is_list = strcmp(c->args.resource, "calls") == 0 ||
			  strcmp(c->args.resource, "refusals") == 0;
	if (strcmp(c->args.verb, "route") == 0 ||
	    strcmp(c->args.verb, "policy") == 0) {
		is_list = true;
		is_one = false;
	}
	if (strcmp(c->args.verb, "trace") == 0 && !c->args.json) {
		ladder_print(stdout, c->rows, paper_width(),
			     has_field(c, "headers", "true"));
		return;
	}
	if (c->args.json)
		print_json(stdout, c->rows, c->resource);
	else if (is_list && !is_one)
		print_table(stdout, c->rows, c->resource);
	else if (strcmp(c->args.verb, "remove") != 0)
		print_fields(stdout, c->rows);
	if (!c->args.json)
		tell_proposed(c->rows);
}

static int unreached(const struct cli *c, const char *path, int e)
{
	const char *hint = e == E_NOTFOUND ? "is the platform running?" :
			   e == E_DENIED ? "run as root or as its own user" :
			   e == E_VERSION ? "it runs another build" :
			   e == E_CLOSED ? "it refused this user or is busy" :
			   err_text(e);
	(void)c;
	(void)fprintf(stderr, "conclave: %s: cannot be reached: %s\n", path,
		      hint);
	return EXIT_UNREACHED;
}

static int refused(const struct cli *c)
{
	char text[1024];
	(void)print_clean(text, sizeof(text), span_str(c->message[0] ?
			  c->message : err_text(c->error)));
	(void)fprintf(stderr, "conclave: %s\n", text);
	return c->error == E_NOTFOUND ? EXIT_MISSING : EXIT_REFUSED;
}

/* The first fact of this name, as text. */
static void fact_of(const struct cli *c, const char *name, char *dst,
		    size_t cap)
{
	dst[0] = 0;
	for (size_t i = 0; i < rows_count(c->rows); i++)
		if (span_eq(rows_get(c->rows, i, "name"), span_str(name)) &&
		    span_cstr(rows_get(c->rows, i, "value"), dst, cap) == 0)
			return;
}

static int examine(const struct cli *c)
{
	static struct doctor_local local;
	static struct doctor_report report;
	char data_dir[512], trust[512];

	fact_of(c, "data_dir", data_dir, sizeof(data_dir));
	fact_of(c, "trust", trust, sizeof(trust));
	doctor_look(&local, data_dir, trust);
	doctor_judge(&report, c->rows, &local);
	if (c->args.json)
		(void)doctor_print_json(stdout, &report);
	else
		doctor_print(stdout, &report);
	doctor_release(&local);
	return fflush(stdout) == 0 && doctor_worst(&report) < DOCTOR_FAIL ? 0 :
	       EXIT_REFUSED;
}

static int run(struct cli *c)
{
	const char *path = c->args.socket;
	struct conn *conn;
	if (path == NULL)
		path = getenv("CONCLAVE_SOCKET");
	if (path == NULL || !*path)
		path = SOCKET_DEFAULT;
	int e = ask_secrets(c);
	if (e < 0) {
		(void)fprintf(stderr, "conclave: the secret: %s\n",
			      err_text(e));
		return EXIT_USAGE;
	}
	if (read_files(c) < 0)
		return EXIT_USAGE;
	e = conn_open(&conn, path);
	if (e < 0)
		return unreached(c, path, e);
	if (strcmp(c->args.verb, "doctor") == 0 && isatty(STDERR_FILENO))
		(void)fputs("asking the platform and its name servers (at "
			    "most 10 s) ...\n", stderr);
	e = exchange(c, conn);
	conn_close(&conn);
	if (e < 0)
		return unreached(c, path, e);
	if (c->error < 0)
		return refused(c);
	if (strcmp(c->args.verb, "doctor") == 0)
		return examine(c);
	tell_later(c);
	show(c);
	return fflush(stdout) == 0 ? 0 : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	static struct cli c;
	char error[ARGS_ERROR_MAX];
	if (argc > 1 && strcmp(argv[1], "firewall") == 0)
		return firewall_main(argc, argv);
	if (args_parse(&c.args, argc, argv, error) < 0) {
		(void)fprintf(stderr, "conclave: %s\n", error);
		return EXIT_USAGE;
	}
	if (c.args.help) {
		usage(stdout);
		return 0;
	}
	if (strcmp(c.args.verb, "completion") == 0) {
		complete_bash(stdout);
		return 0;
	}
	c.resource = schema_resource_named(span_str(c.args.resource));
	/* Live rows have fields of their own. */
	if (strcmp(c.args.verb, "show") == 0)
		c.resource = NULL;
	if (rows_new(&c.rows) < 0)
		return EXIT_REFUSED;
	int code = run(&c);
	rows_free(&c.rows);
	for (size_t i = 0; i < c.n_files; i++)
		mem_free(c.file[i]);
	secret_wipe(c.secret, sizeof(c.secret));
	return code;
}
