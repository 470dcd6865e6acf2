#include "cli/doctor.h"

#include <stdarg.h>
#include <string.h>

enum { NAME_LEN = 300, SRV_PARTS = 4 };

struct look {
	struct doctor_report *out;
	const struct rows *told;
	const struct doctor_local *l;
};

/* --- lines ------------------------------------------------------------------- */

/* One that is only begun: evidence and fix are put in by the next two. */
static struct doctor_line *say(const struct look *k, enum doctor_result r,
			       const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static struct doctor_line *say(const struct look *k, enum doctor_result r,
			       const char *fmt, ...)
{
	struct doctor_report *d = k->out;
	/* The last one takes what is too much. */
	struct doctor_line *x = &d->lines[d->n < DOCTOR_LINES_MAX ? d->n++ :
					  DOCTOR_LINES_MAX - 1];
	va_list ap;

	d->is_cut |= d->n == DOCTOR_LINES_MAX;
	*x = (struct doctor_line){.result = r};
	va_start(ap, fmt);
	(void)vsnprintf(x->what, sizeof(x->what), fmt, ap);
	va_end(ap);
	return x;
}

static void put(char dst[DOCTOR_TEXT_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void put(char dst[DOCTOR_TEXT_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(dst, DOCTOR_TEXT_MAX, fmt, ap);
	va_end(ap);
}

/* --- what core told ------------------------------------------------------------ */

static bool is_fact(const struct look *k, size_t i, const char *name)
{
	return span_eq(rows_get(k->told, i, "kind"), SPAN_LIT("fact")) &&
	       span_eq(rows_get(k->told, i, "name"), span_str(name));
}

/* The first of this name. */
static struct span fact(const struct look *k, const char *name)
{
	for (size_t i = 0; i < rows_count(k->told); i++)
		if (is_fact(k, i, name))
			return rows_get(k->told, i, "value");
	return SPAN_NONE;
}

static bool has(const struct look *k, const char *name)
{
	return span_eq(fact(k, name), SPAN_LIT("true"));
}

static uint16_t port(const struct look *k, const char *name)
{
	uint64_t v = 0;

	(void)span_u64(fact(k, name), UINT16_MAX, &v);
	return (uint16_t)v;
}

/* Clean text for paper. */
static void text_of(struct span s, char *dst, size_t cap)
{
	(void)print_clean(dst, cap, s);
}

/* --- roles ----------------------------------------------------------------------- */

static void judge_roles(const struct look *k)
{
	static const struct {
		const char *fact, *role, *without;
	} roles[] = {
		{"web_up", "web", "browsers are not served"},
		{"media_up", "media", "nobody hears anybody"},
		{"sip_up", "sip", "no SIP: package conclave-sip, or "
		 "enable_sip is off"},
		{"courier_up", "courier", "nothing calls out: no names, no "
		 "policy servers, no calls"},
	};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		const bool up = has(k, roles[i].fact);
		const bool off = !up && strcmp(roles[i].role, "sip") == 0 &&
				 !has(k, "enable_sip");
		struct doctor_line *x = say(k, up || off ? DOCTOR_OK :
			DOCTOR_FAIL, "role %s", roles[i].role);

		put(x->evidence, "%s", up ? "serves" : off ? "switched off" :
		    "is not there");
		if (!up && !off)
			put(x->fix, "%s; see the log", roles[i].without);
	}
}

/* --- names ------------------------------------------------------------------------ */

/* "192.0.2.1", "[2001:db8::1]", either with a port behind. */
static bool parse_advertised(struct addr *a, struct span v)
{
	struct span head, rest;

	if (v.n && v.p[0] == '[') {
		(void)span_split(span_of(v.p + 1, v.n - 1), ']', &head, &rest);
		return addr_parse(a, head, 0) == 0;
	}
	(void)span_split(v, ':', &head, &rest);
	return addr_parse(a, head, 0) == 0;
}

static bool is_advertised(const struct look *k, struct span ip)
{
	struct addr a, b;

	if (addr_parse(&a, ip, 0) < 0)
		return false;
	for (size_t i = 0; i < rows_count(k->told); i++)
		if (is_fact(k, i, "advertise") &&
		    parse_advertised(&b, rows_get(k->told, i, "value")) &&
		    addr_ip_eq(&a, &b))
			return true;
	return false;
}

/* All values of an answer, in one text. */
static void list_of(const struct look *k, size_t row, char *dst, size_t cap)
{
	size_t at = 0;

	dst[0] = 0;
	for (size_t n = 0; at + 2 < cap; n++) {
		const struct span v = rows_nth(k->told, row, "value", n);

		if (!v.n)
			return;
		if (at)
			at += (size_t)snprintf(dst + at, cap - at, ", ");
		if (at < cap)
			text_of(v, dst + at, cap - at);
		at += strlen(dst + at);
	}
}

static void judge_addresses(const struct look *k, size_t row, const char *name)
{
	char all[DOCTOR_TEXT_MAX - 64];
	struct doctor_line *x;
	bool ours = false, any = false;

	for (size_t n = 0; rows_nth(k->told, row, "value", n).n; n++) {
		any = true;
		ours |= is_advertised(k, rows_nth(k->told, row, "value", n));
	}
	list_of(k, row, all, sizeof(all));
	x = say(k, ours ? DOCTOR_OK : any ? DOCTOR_WARN : DOCTOR_FAIL,
		"name %.280s", name);
	put(x->evidence, "A/AAAA: %s", any ? all : "none");
	if (!any)
		put(x->fix, "add an A (AAAA) record of %.250s with this "
		    "platform's address", name);
	else if (!ours)
		put(x->fix, "none of these is advertised (--advertise): media "
		    "goes elsewhere than signalling");
}

/* "priority weight port target", made by courier. */
static bool srv_leads_here(const struct look *k, struct span srv)
{
	struct span part[SRV_PARTS], rest = srv;
	uint64_t p;

	for (size_t i = 0; i < SRV_PARTS; i++)
		(void)span_split(rest, ' ', &part[i], &rest);
	if (span_u64(part[2], UINT16_MAX, &p) < 0 ||
	    p != port(k, "sip_port"))
		return false;
	for (size_t i = 0; i < rows_count(k->told); i++)
		if (is_fact(k, i, "name") &&
		    span_eq_nocase(part[3], rows_get(k->told, i, "value")))
			return true;
	return false;
}

/* Devices that know no SRV, and those that find none, go to the name itself;
 * so that one is missing is a warning, but a wrong one leads them astray. */
static void judge_srv(const struct look *k, size_t row, const char *name)
{
	const char *host = strstr(name, "._tcp.") ? strstr(name, "._tcp.") + 6 :
			   strstr(name, "._tls.") ? strstr(name, "._tls.") + 6 :
			   name;
	char all[DOCTOR_TEXT_MAX - 64];
	struct doctor_line *x;
	bool here = false, any = false;

	for (size_t n = 0; rows_nth(k->told, row, "value", n).n; n++) {
		any = true;
		here |= srv_leads_here(k, rows_nth(k->told, row, "value", n));
	}
	list_of(k, row, all, sizeof(all));
	x = say(k, here ? DOCTOR_OK : any ? DOCTOR_FAIL : DOCTOR_WARN,
		"record %.280s", name);
	put(x->evidence, "SRV: %s", any ? all : "none");
	if (!here)
		put(x->fix, "%.150s. IN SRV 10 10 %u %.150s.", name,
		    port(k, "sip_port"), host);
}

static void judge_name(const struct look *k, size_t row)
{
	const struct span error = rows_get(k->told, row, "error");
	const bool missing = span_eq(rows_get(k->told, row, "is_missing"),
				     SPAN_LIT("true"));
	char name[NAME_LEN], why[64];

	text_of(rows_get(k->told, row, "name"), name, sizeof(name));
	if (error.n && !missing) {
		struct doctor_line *x = say(k, DOCTOR_WARN, "name %.280s",
					    name);

		text_of(error, why, sizeof(why));
		put(x->evidence, "cannot be told: %s", why);
		put(x->fix, "are the name servers of /etc/resolv.conf there, "
		    "and may courier reach them?");
	} else if (span_eq(rows_get(k->told, row, "type"), SPAN_LIT("SRV"))) {
		judge_srv(k, row, name);
	} else {
		judge_addresses(k, row, name);
	}
}

static void judge_names(const struct look *k)
{
	struct doctor_line *x;

	for (size_t i = 0; i < rows_count(k->told); i++)
		if (span_eq(rows_get(k->told, i, "kind"), SPAN_LIT("dns")))
			judge_name(k, i);
	if (fact(k, "name").n)
		return;
	x = say(k, DOCTOR_WARN, "names");
	put(x->evidence, "the platform was started without a name");
	put(x->fix, "--host NAME, or CONCLAVE_HOSTS: the name that people and "
	    "devices use");
}

/* --- certificate -------------------------------------------------------------------- */

static void judge_cert_names(const struct look *k)
{
	char name[NAME_LEN];

	for (size_t i = 0; i < rows_count(k->told); i++) {
		struct doctor_line *x;
		bool web, sip;

		if (!is_fact(k, i, "name"))
			continue;
		text_of(rows_get(k->told, i, "value"), name, sizeof(name));
		web = cert_is_for(k->l->cert, name, false);
		sip = !has(k, "enable_sip") ||
		      cert_is_for(k->l->cert, name, true);
		x = say(k, web && sip ? DOCTOR_OK : DOCTOR_FAIL,
			"certificate for %.280s", name);
		put(x->evidence, "%s", web && sip ? "is in subjectAltName" :
		    web ? "only by a wildcard, which SIP does not take (RFC "
		    "5922)" : "is not in subjectAltName");
		if (!web || !sip)
			put(x->fix, "a certificate with DNS:%.250s in "
			    "subjectAltName", name);
	}
}

static void judge_cert_time(const struct look *k)
{
	const int64_t from = cert_not_before(k->l->cert);
	const int64_t to = cert_not_after(k->l->cert);
	const int64_t left = (to - k->l->now_s) / 86400;
	const bool good = from && to && from <= k->l->now_s &&
			  to > k->l->now_s;
	struct doctor_line *x = say(k, !good ? DOCTOR_FAIL : left <
		DOCTOR_EXPIRES_DAYS ? DOCTOR_WARN : DOCTOR_OK,
		"certificate's time");

	if (!from || !to)
		put(x->evidence, "cannot be read");
	else if (from > k->l->now_s)
		put(x->evidence, "is not valid yet");
	else if (!good)
		put(x->evidence, "expired %lld days ago", (long long)-left);
	else
		put(x->evidence, "%lld days left", (long long)left);
	if (x->result != DOCTOR_OK)
		put(x->fix, "renew it (and look at the clock)");
}

static void judge_cert(const struct look *k)
{
	struct doctor_line *x;

	if (!k->l->cert) {
		x = say(k, DOCTOR_WARN, "certificate");
		put(x->evidence, "tls/server.crt cannot be read");
		put(x->fix, "run as root, on the platform's own machine");
		return;
	}
	judge_cert_names(k);
	judge_cert_time(k);
	x = say(k, k->l->cert_trusted ? DOCTOR_OK : DOCTOR_WARN,
		"certificate's chain");
	put(x->evidence, "%s", k->l->cert_trusted ?
	    "leads to a CA that this machine trusts" : k->l->cert_why);
	if (!k->l->cert_trusted)
		put(x->fix, "a certificate of a CA that browsers and devices "
		    "trust, with what stands between in tls/server.crt");
}

/* --- addresses -------------------------------------------------------------------------- */

static bool is_here(const struct doctor_local *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n_addrs; i++)
		if (addr_ip_eq(&l->addrs[i], a))
			return true;
	return false;
}

static bool is_private(const struct addr *a)
{
	const uint8_t *v4 = a->ip + 12;

	if (!addr_is_v4(a))
		return (a->ip[0] & 0xfe) == 0xfc;
	return v4[0] == 10 || v4[0] == 127 || (v4[0] == 192 && v4[1] == 168) ||
	       (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
	       (v4[0] == 100 && (v4[1] & 0xc0) == 64);
}

static void judge_advertised(const struct look *k)
{
	char text[ADDR_TEXT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < rows_count(k->told); i++) {
		struct doctor_line *x;
		struct addr a;
		bool here, private;

		if (!is_fact(k, i, "advertise") ||
		    !parse_advertised(&a, rows_get(k->told, i, "value")))
			continue;
		n++;
		here = is_here(k->l, &a);
		private = is_private(&a);
		addr_print_ip(&a, text);
		x = say(k, here && !private ? DOCTOR_OK : DOCTOR_WARN,
			"address %s", text);
		put(x->evidence, "%s, %s", private ? "private" : "public",
		    here ? "of this machine" : "no interface here has it");
		if (!here)
			put(x->fix, "behind NAT: forward the media ports and "
			    "5061 to this machine; else correct --advertise");
		else if (private)
			put(x->fix, "nobody outside reaches it: --advertise the "
			    "public address, if there is an outside");
	}
	if (!n)
		put(say(k, DOCTOR_FAIL, "address")->evidence,
		    "none is advertised");
}

/* --- ports ---------------------------------------------------------------------------------- */

static bool is_open(const struct doctor_local *l, bool udp, uint16_t p)
{
	for (size_t i = 0; i < l->n_open; i++)
		if (l->open[i].udp == udp && l->open[i].port == p)
			return true;
	return false;
}

static void judge_port(const struct look *k, bool udp, uint16_t p, bool want,
		       const char *name)
{
	const bool open = is_open(k->l, udp, p);
	struct doctor_line *x = say(k, open == want ? DOCTOR_OK : DOCTOR_FAIL,
				    "port %u/%s (%s)", p, udp ? "udp" : "tcp",
				    name);

	put(x->evidence, "%s", open ? "open" : "closed");
	if (open && !want)
		put(x->fix, "it should be closed: another program listens "
		    "there, or the platform is not the one that was asked");
	else if (!open && want)
		put(x->fix, "nobody listens: see the log of the role");
}

static void judge_ports(const struct look *k)
{
	const uint16_t clear = port(k, "sip_clear_port");
	struct doctor_line *x;

	if (!k->l->ports_known) {
		x = say(k, DOCTOR_WARN, "ports");
		put(x->evidence, "/proc/net cannot be read");
		return;
	}
	judge_port(k, false, port(k, "https_port"), true, "HTTPS");
	if (port(k, "sip_port"))
		judge_port(k, false, port(k, "sip_port"), has(k, "enable_sip"),
			   "SIP over TLS");
	if (clear) {
		judge_port(k, false, clear, has(k, "enable_sip_tcp"),
			   "SIP in clear");
		judge_port(k, true, clear, has(k, "enable_sip_udp"),
			   "SIP in clear");
	}
}

/* --- the machine -------------------------------------------------------------------------------- */

static void judge_machine(const struct look *k)
{
	const struct doctor_local *l = k->l;
	const bool table = has(k, "bans_in_kernel");
	struct doctor_line *x = say(k, table ? DOCTOR_OK : DOCTOR_WARN,
				    "firewall table");

	put(x->evidence, "%s", table ? "bans are in the kernel" :
	    "bans act in the faces only");
	if (!table)
		put(x->fix, "conclave firewall apply --bans-only, or in full "
		    "(docs/handbook/firewall.md)");
	x = say(k, l->clock_synced ? DOCTOR_OK : DOCTOR_WARN, "clock");
	put(x->evidence, "%s", !l->clock_known ? "cannot be told" :
	    l->clock_synced ? "is kept by a time service" :
	    "is not kept by a time service");
	if (!l->clock_synced)
		put(x->fix, "chrony, with servers that you trust (NTS): "
		    "certificates and records depend on it");
}

static void judge_mode(const struct look *k, const char *what, unsigned mode,
		       unsigned bad)
{
	struct doctor_line *x = say(k, mode & bad ? DOCTOR_FAIL : DOCTOR_OK,
				    "rights of %s", what);

	put(x->evidence, "mode %04o", mode & 07777);
	if (mode & bad)
		put(x->fix, "chmod %04o", (mode & ~bad) & 07777);
}

static void judge_data(const struct look *k)
{
	const struct doctor_local *l = k->l;
	struct doctor_line *x;
	bool low;

	if (!l->dir_known) {
		x = say(k, DOCTOR_WARN, "data directory");
		put(x->evidence, "cannot be looked at");
		put(x->fix, "run as root, on the platform's own machine");
		return;
	}
	judge_mode(k, "the data directory", l->dir_mode, 022);
	judge_mode(k, "data.key", l->key_mode, 0377);
	judge_mode(k, "tls", l->tls_mode, 077);
	judge_mode(k, "tls/server.key", l->tls_key_mode, 0377);
	low = l->disk_free_mb < DOCTOR_DISK_MB ||
	      l->disk_percent_free < DOCTOR_DISK_PERCENT;
	x = say(k, low ? DOCTOR_FAIL : DOCTOR_OK, "disk");
	put(x->evidence, "%llu MB free (%llu %%)",
	    (unsigned long long)l->disk_free_mb,
	    (unsigned long long)l->disk_percent_free);
	if (low)
		put(x->fix, "make room: without it nothing is recorded and "
		    "configuration cannot change");
}

void doctor_judge(struct doctor_report *out, const struct rows *told,
		  const struct doctor_local *l)
{
	const struct look k = {out, told, l};

	out->n = 0;
	out->is_cut = false;
	judge_roles(&k);
	judge_names(&k);
	judge_cert(&k);
	judge_advertised(&k);
	judge_ports(&k);
	judge_machine(&k);
	judge_data(&k);
}

/* --- on paper ------------------------------------------------------------------------------------- */

static const char *result_name(enum doctor_result r)
{
	return r == DOCTOR_OK ? "ok" : r == DOCTOR_WARN ? "warn" : "FAIL";
}

enum doctor_result doctor_worst(const struct doctor_report *d)
{
	enum doctor_result r = d->is_cut ? DOCTOR_WARN : DOCTOR_OK;

	for (size_t i = 0; i < d->n; i++)
		if (d->lines[i].result > r)
			r = d->lines[i].result;
	return r;
}

void doctor_print(FILE *f, const struct doctor_report *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_line *x = &d->lines[i];

		(void)fprintf(f, "%-5s %s: %s\n", result_name(x->result),
			      x->what, x->evidence);
		if (x->fix[0])
			(void)fprintf(f, "      %s\n", x->fix);
	}
	if (d->is_cut)
		(void)fputs("warn  there is more than fits here\n", f);
}

static int add_line(struct rows *r, const struct doctor_line *x)
{
	const char *const pairs[][2] = {
		{"result", result_name(x->result)}, {"what", x->what},
		{"evidence", x->evidence}, {"fix", x->fix}};
	enum { N = sizeof(pairs) / sizeof(pairs[0]) };
	Cv__CliField f[N], *list[N];
	Cv__CliRow row = CV__CLI_ROW__INIT;

	for (size_t i = 0; i < N; i++) {
		cv__cli_field__init(&f[i]);
		f[i].name = (char *)(uintptr_t)pairs[i][0];
		f[i].value.data = (uint8_t *)(uintptr_t)pairs[i][1];
		f[i].value.len = strlen(pairs[i][1]);
		list[i] = &f[i];
	}
	row.fields = list;
	row.n_fields = N;
	return rows_add(r, &row);
}

int doctor_print_json(FILE *f, const struct doctor_report *d)
{
	struct rows *r;
	int e = rows_new(&r);

	if (e < 0)
		return e;
	for (size_t i = 0; i < d->n && e == 0; i++)
		e = add_line(r, &d->lines[i]);
	if (e == 0)
		print_json(f, r, NULL);
	rows_free(&r);
	return e;
}
