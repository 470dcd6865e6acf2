#include "super/options.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

const char options_usage[] =
"usage: conclave-super --data-dir DIR --run-dir DIR --libexec-dir DIR --static-dir DIR\n"
"  --https-port N          public HTTPS (8443)\n"
"  --http-port N           plain HTTP that only redirects; 0 = off (0)\n"
"  --sip-port N            SIP over TLS; 0 = off (5061)\n"
"  --sip-clear-port N      SIP over TCP and UDP, closed until a switch opens it; 0 = never (5060)\n"
"  --admin-port N          reserved for management (9443)\n"
"  --media-port-first N    UDP and TCP of the first media worker (40000)\n"
"  --media-port-last N     end of the range (49999)\n"
"  --media-workers N       0 = one for each core (0)\n"
"  --advertise ADDR[:PORT] address that clients are told to send media to\n"
"  --host NAME             further name under which clients may call us\n"
"  --trust FILE            CAs (PEM) that servers we call must come from, instead of the system's\n"
"  --nameserver ADDR[:PORT] server that names are asked of, instead of the system's; at most 3\n"
"  --log FILE              append records to FILE instead of stderr\n"
"  --unsafe-same-user      as root: do not give each role a user of its own\n";

__attribute__((format(printf, 2, 3)))
static int complain(char error[OPT_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, OPT_ERROR_MAX, fmt, ap);
	va_end(ap);
	return E_INVAL;
}

enum kind { PATH, PORT, NUMBER, ADVERTISE, HOST, NAMESERVER };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	unsigned max;
};

#define AT(member) offsetof(struct options, member)
static const struct row rows[] = {
	{"--data-dir", PATH, AT(data_dir), 0},
	{"--run-dir", PATH, AT(run_dir), 0},
	{"--libexec-dir", PATH, AT(libexec_dir), 0},
	{"--static-dir", PATH, AT(static_dir), 0},
	{"--log", PATH, AT(log_file), 0},
	{"--trust", PATH, AT(trust_file), 0},
	{"--https-port", PORT, AT(https_port), 0},
	{"--http-port", PORT, AT(http_port), 0},
	{"--admin-port", PORT, AT(admin_port), 0},
	{"--sip-port", PORT, AT(sip_port), 0},
	{"--sip-clear-port", PORT, AT(sip_clear_port), 0},
	{"--media-port-first", PORT, AT(media_first), 0},
	{"--media-port-last", PORT, AT(media_last), 0},
	{"--media-workers", NUMBER, AT(workers), OPT_WORKERS_MAX},
	{"--advertise", ADVERTISE, 0, 0},
	{"--host", HOST, 0, 0},
	{"--nameserver", NAMESERVER, 0, 0},
};

/* ADDR, [ADDR], V4:PORT or [V6]:PORT. */
static int advertise_parse(struct addr *out, struct span s)
{
	struct span ip = s, port = SPAN_NONE;
	uint64_t n = 0;
	bool has_port = false;

	if (s.n && s.p[0] == '[') {
		struct span rest;

		if (!span_split(span_of(s.p + 1, s.n - 1), ']', &ip, &rest))
			return E_FORMAT;
		has_port = rest.n > 0;
		if (has_port && rest.p[0] != ':')
			return E_FORMAT;
		if (has_port)
			port = span_of(rest.p + 1, rest.n - 1);
	} else if (addr_parse(out, s, 0) < 0) {
		has_port = span_split(s, ':', &ip, &port);
	}
	if (has_port && (span_u64(port, 65535, &n) < 0 || n == 0))
		return E_FORMAT;
	return addr_parse(out, ip, (uint16_t)n);
}

static bool is_host(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '-' ||
		      c == ':'))
			return false;
	}
	return s.n > 0 && s.n < OPT_HOST_LEN_MAX;
}

static int take(struct options *o, const struct row *row, const char *value,
		char error[OPT_ERROR_MAX])
{
	struct span v = span_str(value);
	uint8_t *field = (uint8_t *)o + row->offset;
	uint64_t n;

	switch (row->kind) {
	case PATH:
		if (!v.n || span_cstr(v, (char *)field, OPT_PATH_MAX) < 0)
			return complain(error, "%s: the path is empty or longer than %d bytes",
					row->name, OPT_PATH_MAX - 1);
		return 0;
	case PORT:
		if (span_u64(v, 65535, &n) < 0)
			return complain(error, "%s %s: a port is 0 to 65535",
					row->name, value);
		*(uint16_t *)(void *)field = (uint16_t)n;
		return 0;
	case NUMBER:
		if (span_u64(v, row->max, &n) < 0)
			return complain(error, "%s %s: must be 0 to %u",
					row->name, value, row->max);
		*(unsigned *)(void *)field = (unsigned)n;
		return 0;
	case ADVERTISE:
		if (o->n_advertise == OPT_ADVERTISE_MAX)
			return complain(error, "%s: at most %d times",
					row->name, OPT_ADVERTISE_MAX);
		if (advertise_parse(&o->advertise[o->n_advertise], v) < 0)
			return complain(error, "%s %s: want ADDR, ADDR:PORT or [ADDR]:PORT",
					row->name, value);
		o->n_advertise++;
		return 0;
	case NAMESERVER:
		if (o->n_nameservers == OPT_NAMESERVERS_MAX ||
		    advertise_parse(&o->nameservers[o->n_nameservers], v) < 0)
			return complain(error, "%s %s: want ADDR, ADDR:PORT or [ADDR]:PORT, at most %d times",
					row->name, value, OPT_NAMESERVERS_MAX);
		o->n_nameservers++;
		return 0;
	case HOST:
		if (o->n_hosts == OPT_HOSTS_MAX || !is_host(v))
			return complain(error, "%s %s: not a host name, or more than %d of them",
					row->name, value, OPT_HOSTS_MAX);
		return span_cstr(v, o->hosts[o->n_hosts++], OPT_HOST_LEN_MAX);
	}
	return E_INTERNAL;
}

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static int check(const struct options *o, char error[OPT_ERROR_MAX])
{
	if (!o->data_dir[0])
		return complain(error, "--data-dir is missing");
	if (!o->run_dir[0])
		return complain(error, "--run-dir is missing");
	if (!o->libexec_dir[0])
		return complain(error, "--libexec-dir is missing");
	if (!o->static_dir[0])
		return complain(error, "--static-dir is missing");
	if (!o->https_port)
		return complain(error, "--https-port 0: the meeting page needs a port");
	if (o->https_port == o->http_port || o->https_port == o->admin_port)
		return complain(error, "two listeners on port %u",
				o->https_port);
	if (o->sip_port && (o->sip_port == o->https_port ||
			    o->sip_port == o->http_port ||
			    o->sip_port == o->admin_port ||
			    o->sip_port == o->sip_clear_port))
		return complain(error, "two listeners on port %u", o->sip_port);
	if (o->sip_clear_port && (o->sip_clear_port == o->https_port ||
				  o->sip_clear_port == o->http_port ||
				  o->sip_clear_port == o->admin_port))
		return complain(error, "two listeners on port %u",
				o->sip_clear_port);
	if (o->media_first < 1024 || o->media_last < o->media_first)
		return complain(error, "media ports %u-%u: want 1024 or more, first not above last",
				o->media_first, o->media_last);
	return 0;
}

int options_parse(struct options *o, int argc, char *const argv[],
		  char error[OPT_ERROR_MAX])
{
	*o = (struct options){
		.https_port = 8443, .admin_port = 9443,
		.sip_port = 5061, .sip_clear_port = 5060,
		.media_first = 40000, .media_last = 49999,
	};
	error[0] = 0;
	for (int i = 1; i < argc; i++) {
		const struct row *row = find(argv[i]);
		int r;

		if (strcmp(argv[i], "--unsafe-same-user") == 0) {
			o->same_user = true;
			continue;
		}
		if (!row)
			return complain(error, "%s: unknown option", argv[i]);
		if (i + 1 == argc)
			return complain(error, "%s: a value is missing",
					argv[i]);
		r = take(o, row, argv[++i], error);
		if (r < 0)
			return r;
	}
	return check(o, error);
}
