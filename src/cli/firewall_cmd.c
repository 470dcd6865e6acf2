#include "cli/firewall_cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/conn.h"
#include "cli/firewall.h"
#include "cli/firewall_nft.h"
#include "cli/print.h"
#include "ipc/ban_sets.h"

#define PORTS_DEFAULT  "/run/conclave/ports"
#define SOCKET_DEFAULT "/run/conclave/cli.sock"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_NFT = 3, CLOSED_MAX = 32 };

struct command {
	const char *what;
	const char *ports_file, *socket;
	bool closing, has_management;
	struct firewall_cfg cfg;
	uint8_t text[FIREWALL_TEXT_MAX];
	struct span rules;
};

static const char usage[] =
"usage: conclave firewall show|apply|check|remove [--bans-only] [--closing]\n"
"         [--ports FILE] [--socket PATH] [SETTING=VALUE]...\n"
"  show     the rule set on paper\n"
"  apply    load it (root); replaces table inet conclave, touches no other\n"
"  check    is it valid, and is exactly this loaded?\n"
"  remove   take table inet conclave away; with --bans-only a full one stays\n"
"  --bans-only  sets and drops for bans, nothing else\n"
"  --closing    yes, close the listening ports that were not named\n"
"  SETTING  https http admin sip sip_clear media=FIRST-LAST: ports, else those of the running\n"
"           platform; management=NETS, else its management_allowed_networks;\n"
"           also=tcp/22 for the management networks; open=tcp/25 for everybody;\n"
"           exempt=NETS from rates; syn_rate udp_rate connections of one source\n"
"See docs/handbook/firewall.md.\n";

__attribute__((format(printf, 1, 2)))
static int complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("conclave: firewall: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	return EXIT_REFUSED;
}

/* --- what is asked for ----------------------------------------------------- */

static size_t read_file(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(buf, 1, cap, f) : 0;

	if (f)
		(void)fclose(f);
	return n;
}

/* The running platform's ports, where the command line names none. */
static int take_ports(struct command *c)
{
	const char *path = c->ports_file ? c->ports_file : PORTS_DEFAULT;
	char buf[1024];
	size_t n = read_file(path, buf, sizeof(buf));

	if (n == 0 && c->ports_file)
		return complain("%s: cannot be read", path);
	if (firewall_read_ports(&c->cfg, span_of(buf, n)) < 0)
		return complain("%s: not a list of ports", path);
	return 0;
}

static bool is_word(const char *arg, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(arg, *words) == 0)
			return true;
	return false;
}

/* Options first, because --ports gives the settings behind it their start. */
static int read_options(struct command *c, int argc, char **argv)
{
	static const char *const verbs[] = {"show", "apply", "check",
					    "remove", NULL};

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--bans-only") == 0)
			c->cfg.bans_only = true;
		else if (strcmp(argv[i], "--closing") == 0)
			c->closing = true;
		else if (strcmp(argv[i], "--ports") == 0 && i + 1 < argc)
			c->ports_file = argv[++i];
		else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
			c->socket = argv[++i];
		else if (!c->what && is_word(argv[i], verbs))
			c->what = argv[i];
		else if (argv[i][0] == '-' || !strchr(argv[i], '='))
			return EXIT_USAGE;
	}
	return c->what ? 0 : EXIT_USAGE;
}

static int read_settings(struct command *c, int argc, char **argv)
{
	char error[FIREWALL_ERROR_MAX];

	for (int i = 2; i < argc; i++) {
		struct span name, value;

		if (strcmp(argv[i], "--ports") == 0 ||
		    strcmp(argv[i], "--socket") == 0) {
			i++;
			continue;
		}
		if (!span_split(span_str(argv[i]), '=', &name, &value))
			continue;
		if (firewall_set(&c->cfg, name, value, error) < 0) {
			(void)complain("%s", error);
			return EXIT_USAGE;
		}
		if (span_eq(name, SPAN_LIT("management")))
			c->has_management = true;
	}
	return 0;
}

/* --- what core knows -------------------------------------------------------- */

struct answer {
	struct command *c;
	bool known;
};

static void on_reply(void *arg, const Cv__CliReply *reply)
{
	struct answer *a = arg;
	char error[FIREWALL_ERROR_MAX];
	struct rows *rows;

	if (reply->error || rows_new(&rows) < 0)
		return;
	for (size_t i = 0; i < reply->n_rows; i++)
		if (rows_add(rows, reply->rows[i]) == 0)
			a->known = firewall_set(&a->c->cfg,
				SPAN_LIT("management"),
				rows_last(rows, "management_allowed_networks"),
				error) == 0;
	rows_free(&rows);
}

/* Without the platform running nobody is named: loopback only. */
static void ask_core(struct command *c)
{
	Cv__CliRequest rq = CV__CLI_REQUEST__INIT;
	struct answer a = {.c = c};
	struct conn *conn;

	if (!c->socket)
		c->socket = getenv("CONCLAVE_SOCKET");
	rq.verb = (char *)(uintptr_t)"list";
	rq.resource = (char *)(uintptr_t)"global";
	if (conn_open(&conn, c->socket && *c->socket ? c->socket :
		      SOCKET_DEFAULT) == 0) {
		(void)conn_request(conn, &rq, on_reply, &a);
		conn_close(&conn);
	}
	if (!a.known)
		(void)complain("the platform does not answer: its management networks are not known, so the management port is open for this machine only (or say management=)");
}

/* --- what would be cut off -------------------------------------------------- */

struct closed {
	struct firewall_ports ports;
	bool more;
};

static bool admits_anybody(const struct firewall_cfg *c, bool udp,
			   uint16_t port)
{
	static const uint8_t nobody[16];

	if (firewall_admits(c, udp, port, nobody))
		return true;
	for (size_t i = 0; i < c->management.n; i++)
		if (firewall_admits(c, udp, port, c->management.net[i].ip))
			return true;
	/* Ours, and loopback only is what was asked for. */
	return !udp && port == c->admin;
}

static void note_closed(struct closed *all, bool udp, uint16_t port)
{
	for (size_t i = 0; i < all->ports.n; i++)
		if (all->ports.port[i].udp == udp &&
		    all->ports.port[i].port == port)
			return;
	if (all->ports.n == FIREWALL_PORTS_MAX)
		all->more = true;
	else
		all->ports.port[all->ports.n++] =
			(struct firewall_port){.udp = udp, .port = port};
}

static void read_listeners(const struct firewall_cfg *c, const char *path,
			   bool udp, struct closed *all)
{
	FILE *f = fopen(path, "re");
	char line[512];
	uint16_t port;

	while (f && fgets(line, sizeof(line), f))
		if (firewall_listens(span_str(line), udp, &port) &&
		    !admits_anybody(c, udp, port))
			note_closed(all, udp, port);
	if (f)
		(void)fclose(f);
}

static int refuse_closing(const struct closed *all)
{
	char list[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < all->ports.n && n < sizeof(list) - 16; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s/%u",
				      i ? "," : "", all->ports.port[i].udp ?
				      "udp" : "tcp", all->ports.port[i].port);
	return complain("others listen on %s%s here, and these ports would be closed: name them with also= (management networks) or open= (everybody), or say --closing",
			list, all->more ? " and more" : "");
}

/* The operator's own session, as sshd tells it. */
static int check_session(const struct firewall_cfg *c)
{
	const char *text = getenv("SSH_CONNECTION");
	struct span rest = span_str(text), from, ip, port;
	struct addr a;
	uint64_t n;

	if (!text || !span_split(rest, ' ', &from, &rest) ||
	    !span_split(rest, ' ', &port, &rest) ||
	    !span_split(rest, ' ', &ip, &port) ||
	    addr_parse(&a, from, 0) < 0 || span_u64(port, 65535, &n) < 0 ||
	    addr_is_loopback(&a) || firewall_admits(c, false, (uint16_t)n, a.ip))
		return 0;
	return complain("your own session from %.*s to port %u would be locked out: name its network with management= and the port with also=, or say --closing",
			(int)from.n, (const char *)from.p, (unsigned)n);
}

static int check_closing(const struct command *c)
{
	struct closed all = {.more = false};

	if (c->cfg.bans_only || c->closing)
		return 0;
	read_listeners(&c->cfg, "/proc/net/tcp", false, &all);
	read_listeners(&c->cfg, "/proc/net/tcp6", false, &all);
	read_listeners(&c->cfg, "/proc/net/udp", true, &all);
	read_listeners(&c->cfg, "/proc/net/udp6", true, &all);
	return all.ports.n ? refuse_closing(&all) : check_session(&c->cfg);
}

/* --- nft --------------------------------------------------------------------- */

static int explain(int r)
{
	if (r == E_NOTFOUND) {
		(void)complain("nft is not installed (Debian: nftables): bans act in the faces only");
		return EXIT_NO_NFT;
	}
	if (r < 0)
		return complain("nft: %s", err_text(r));
	return r ? complain("nft refused: is this root, with the right to administer the network?") : 0;
}

static int load(const struct command *c, const char *const *argv)
{
	struct nft_run r = {.argv = argv, .input = c->rules};

	return explain(nft_run(&r));
}

static const char *const load_args[] = {"-f", "-", NULL};
static const char *const try_args[] = {"-c", "-f", "-", NULL};
static const char *const list_args[] = {"-s", "-t", "list", "table", "inet",
					BAN_TABLE_NAME, NULL};
static const char *const list_full_args[] = {
	"-s", "-t", "list", "chain", "inet", BAN_TABLE_NAME, "ports", NULL};
static const char *const delete_args[] = {"delete", "table", "inet",
					  BAN_TABLE_NAME, NULL};

/* What the start and the stop of the platform do must not take away what the
 * operator asked for: the full form holds the bans too. */
static bool is_full_loaded(void)
{
	struct nft_run r = {.argv = list_full_args, .quiet = true};

	return nft_run(&r) == 0;
}

static int apply(const struct command *c)
{
	int r = check_closing(c);

	if (!r && c->cfg.bans_only && is_full_loaded()) {
		(void)complain("the full rule set is loaded and stays; it holds the bans too");
		return 0;
	}
	return r ? r : load(c, load_args);
}

/* The same rules loaded in an empty network namespace and listed by the same
 * nft are what ours must look like. */
static int compare(const struct command *c, char *ours, char *theirs)
{
	struct nft_run loaded = {.argv = list_args, .output = theirs,
				 .quiet = true};
	struct nft_run wanted = {.argv = load_args, .input = c->rules,
				 .fresh = true, .then = list_args,
				 .output = ours};
	int r = nft_run(&loaded);

	if (r > 0)
		return complain("table inet " BAN_TABLE_NAME " is not loaded (or this is not root)");
	if (r == 0)
		r = nft_run(&wanted);
	if (r)
		return explain(r);
	if (!span_eq(span_of(ours, wanted.n_output),
		     span_of(theirs, loaded.n_output)))
		return complain("what is loaded differs from these settings: conclave firewall apply");
	(void)puts("the rule set is valid and loaded");
	return 0;
}

static int check(const struct command *c)
{
	char *buf = mem_alloc(2 * NFT_OUTPUT_MAX);
	int r = buf ? load(c, try_args) : EXIT_REFUSED;

	if (!r)
		r = compare(c, buf, buf + NFT_OUTPUT_MAX);
	mem_free(buf);
	return r;
}

/* Gone is what was asked for. */
static int take_away(const struct command *c)
{
	struct nft_run there = {.argv = list_args, .quiet = true};
	struct nft_run away = {.argv = delete_args};
	int r = nft_run(&there);

	if (r > 0 || (!r && c->cfg.bans_only && is_full_loaded()))
		return 0;
	return explain(r ? r : nft_run(&away));
}

/* --- the command --------------------------------------------------------------- */

static int generate(struct command *c)
{
	struct wr w = wr_of(c->text, sizeof(c->text));
	char error[FIREWALL_ERROR_MAX];

	if (firewall_check(&c->cfg, error) < 0)
		return complain("%s", error);
	if (firewall_text(&c->cfg, &w) < 0 || wr_end(&w, &c->rules) < 0)
		return complain("the rule set is longer than %d bytes",
				FIREWALL_TEXT_MAX);
	return 0;
}

static int run(struct command *c)
{
	int r;

	if (strcmp(c->what, "remove") == 0)
		return take_away(c);
	if (!c->cfg.bans_only && !c->has_management)
		ask_core(c);
	r = generate(c);
	if (r)
		return r;
	if (strcmp(c->what, "apply") == 0)
		return apply(c);
	if (strcmp(c->what, "check") == 0)
		return check(c);
	return fwrite(c->rules.p, 1, c->rules.n, stdout) == c->rules.n &&
	       fflush(stdout) == 0 ? 0 : EXIT_REFUSED;
}

int firewall_main(int argc, char **argv)
{
	static struct command c;
	int r;

	if (argc > 2 && strcmp(argv[2], "--help") == 0)
		return fputs(usage, stdout) < 0;
	firewall_defaults(&c.cfg);
	r = read_options(&c, argc, argv);
	if (r) {
		(void)fputs(usage, stderr);
		return r;
	}
	r = take_ports(&c);
	if (!r)
		r = read_settings(&c, argc, argv);
	return r ? r : run(&c);
}
