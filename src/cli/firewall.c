#include "cli/firewall.h"

#include <stdarg.h>
#include <stdio.h>

#include "ipc/ban_sets.h"
#include "schema/schema.h"

enum { EPHEMERAL_FIRST = 32768, RATE_MAX = 1000000, SYN_RATE = 100,
       UDP_RATE = 20000, CONNECTIONS = 512, BURST = 2 };

void firewall_defaults(struct firewall_cfg *c)
{
	*c = (struct firewall_cfg){
		.https = 8443, .admin = 9443, .sip = 5061, .media_first = 40000,
		.media_last = 49999, .syn_rate = SYN_RATE,
		.udp_rate = UDP_RATE, .connections = CONNECTIONS,
	};
}

/* --- settings ------------------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static int complain(char error[FIREWALL_ERROR_MAX], int e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, FIREWALL_ERROR_MAX, fmt, ap);
	va_end(ap);
	return e;
}

static int read_port(struct span s, uint16_t *out)
{
	uint64_t n;
	int r = span_u64(s, 65535, &n);

	if (!r)
		*out = (uint16_t)n;
	return r;
}

static int read_range(struct span s, uint16_t *first, uint16_t *last)
{
	struct span a, b;
	uint16_t x = 0, y = 0;

	if (!span_split(s, '-', &a, &b) || read_port(a, &x) < 0 ||
	    read_port(b, &y) < 0 || x == 0 || y < x)
		return E_FORMAT;
	*first = x;
	*last = y;
	return 0;
}

static int read_nets(struct span s, struct firewall_nets *out)
{
	struct firewall_nets all = {.n = 0};
	struct firewall_net one;
	int r;

	while ((r = schema_net_next(&s, one.ip, &one.prefix)) > 0) {
		if (all.n == FIREWALL_NETS_MAX)
			return E_LIMIT;
		all.net[all.n++] = one;
	}
	if (!r)
		*out = all;
	return r;
}

static bool is_named(const struct firewall_ports *all, bool udp, uint16_t port)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->port[i].udp == udp && all->port[i].port == port)
			return true;
	return false;
}

/* tcp/22,udp/123 */
static int read_ports(struct span s, struct firewall_ports *out)
{
	struct firewall_ports all = {.n = 0};
	struct span one, proto, port;
	bool more = s.n > 0;

	while (more) {
		struct firewall_port *p = &all.port[all.n];

		more = span_split(s, ',', &one, &s);
		if (all.n == FIREWALL_PORTS_MAX)
			return E_LIMIT;
		if (!span_split(span_trim(one), '/', &proto, &port) ||
		    read_port(port, &p->port) < 0 || !p->port)
			return E_FORMAT;
		p->udp = span_eq(proto, SPAN_LIT("udp"));
		if (!p->udp && !span_eq(proto, SPAN_LIT("tcp")))
			return E_FORMAT;
		if (!is_named(&all, p->udp, p->port))
			all.n++;
	}
	*out = all;
	return 0;
}

static int read_rate(struct span s, unsigned *out)
{
	uint64_t n;

	if (span_u64(s, RATE_MAX, &n) < 0 || n == 0)
		return E_FORMAT;
	*out = (unsigned)n;
	return 0;
}

enum kind { PORT, RANGE, NETS, PORTS, RATE };

static const struct {
	const char *name;
	enum kind kind;
	size_t at;
	const char *want;
} rows[] = {
#define AT(m) offsetof(struct firewall_cfg, m)
	{"https", PORT, AT(https), "a port"},
	{"http", PORT, AT(http), "a port, 0 = off"},
	{"admin", PORT, AT(admin), "a port, 0 = off"},
	{"sip", PORT, AT(sip), "a port, 0 = off"},
	{"sip_clear", PORT, AT(sip_clear), "a port, 0 = closed"},
	{"media", RANGE, AT(media_first), "FIRST-LAST"},
	{"management", NETS, AT(management), "networks, commas between"},
	{"exempt", NETS, AT(exempt), "networks, commas between"},
	{"also", PORTS, AT(also), "tcp/PORT or udp/PORT, commas between"},
	{"open", PORTS, AT(open), "tcp/PORT or udp/PORT, commas between"},
	{"syn_rate", RATE, AT(syn_rate), "1 to 1000000 a second"},
	{"udp_rate", RATE, AT(udp_rate), "1 to 1000000 a second"},
	{"connections", RATE, AT(connections), "1 to 1000000"},
#undef AT
};

static int read_value(struct firewall_cfg *c, enum kind kind, size_t at,
		      struct span v)
{
	void *field = (uint8_t *)c + at;

	switch (kind) {
	case PORT:
		return read_port(v, field);
	case RANGE:
		return read_range(v, &c->media_first, &c->media_last);
	case NETS:
		return read_nets(v, field);
	case PORTS:
		return read_ports(v, field);
	case RATE:
		return read_rate(v, field);
	}
	return E_INTERNAL;
}

int firewall_set(struct firewall_cfg *c, struct span name, struct span value,
		 char error[FIREWALL_ERROR_MAX])
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r;

		if (!span_eq(name, span_str(rows[i].name)))
			continue;
		r = read_value(c, rows[i].kind, rows[i].at, value);
		if (r == E_LIMIT)
			return complain(error, r, "%s: too many, or too large",
					rows[i].name);
		return r < 0 ? complain(error, r, "%s: want %s", rows[i].name,
					rows[i].want) : 0;
	}
	return complain(error, E_NOTFOUND, "%.*s: unknown setting",
			name.n > 64 ? 64 : (int)name.n, (const char *)name.p);
}

int firewall_read_ports(struct firewall_cfg *c, struct span text)
{
	struct firewall_cfg got = *c;
	struct span line, name, rest, first, last;
	char error[FIREWALL_ERROR_MAX], range[16];

	while (text.n) {
		(void)span_split(text, '\n', &line, &text);
		if (!span_split(line, ' ', &name, &rest) ||
		    !span_split(rest, ' ', &first, &last))
			return E_FORMAT;
		if (!span_eq(name, SPAN_LIT("media"))) {
			if (firewall_set(&got, name, first, error) < 0)
				return E_FORMAT;
			continue;
		}
		if (first.n + last.n > 12)
			return E_FORMAT;
		(void)snprintf(range, sizeof(range), "%.*s-%.*s", (int)first.n,
			       (const char *)first.p, (int)last.n,
			       (const char *)last.p);
		if (firewall_set(&got, name, span_str(range), error) < 0)
			return E_FORMAT;
	}
	*c = got;
	return 0;
}

static bool is_media(const struct firewall_cfg *c, uint16_t port)
{
	return port >= c->media_first && port <= c->media_last;
}

int firewall_check(const struct firewall_cfg *c, char error[FIREWALL_ERROR_MAX])
{
	if (!c->https)
		return complain(error, E_INVAL, "https: the meeting page needs a port");
	if (c->admin && (c->admin == c->https || c->admin == c->http ||
			 c->admin == c->sip || c->admin == c->sip_clear))
		return complain(error, E_INVAL, "admin: port %u is published for everybody",
				c->admin);
	if (!c->bans_only && (is_media(c, c->https) || is_media(c, c->http) ||
			      is_media(c, c->admin) || is_media(c, c->sip) ||
			      is_media(c, c->sip_clear)))
		return complain(error, E_INVAL, "media: %u-%u holds another port of ours",
				c->media_first, c->media_last);
	if (!c->bans_only && c->also.n && !c->management.n)
		return complain(error, E_INVAL, "also: nobody could reach these ports: name networks with management=, or use open= for everybody");
	return 0;
}

/* --- who gets in ---------------------------------------------------------- */

static bool is_in(const uint8_t ip[16], const struct firewall_net *n)
{
	unsigned whole = n->prefix / 8, rest = n->prefix % 8;

	if (memcmp(ip, n->ip, whole) != 0)
		return false;
	return !rest || !((ip[whole] ^ n->ip[whole]) & (0xff00 >> rest) & 0xff);
}

static bool is_in_any(const uint8_t ip[16], const struct firewall_nets *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (is_in(ip, &all->net[i]))
			return true;
	return false;
}

static bool is_published(const struct firewall_cfg *c, bool udp, uint16_t port)
{
	return is_media(c, port) || (c->sip_clear && port == c->sip_clear) ||
	       (!udp && c->sip && port == c->sip) ||
	       (!udp && (port == c->https || (c->http && port == c->http)));
}

bool firewall_admits(const struct firewall_cfg *c, bool udp, uint16_t port,
		     const uint8_t from[16])
{
	if (is_published(c, udp, port) || is_named(&c->open, udp, port))
		return true;
	if (!is_named(&c->also, udp, port) && (udp || port != c->admin))
		return false;
	return is_in_any(from, &c->management);
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static struct span word(struct span *rest)
{
	struct span w;

	while (rest->n && *rest->p == ' ')
		*rest = span_of(rest->p + 1, rest->n - 1);
	(void)span_split(*rest, ' ', &w, rest);
	return w;
}

/* The kernel prints words of 32 bits in its own byte order. */
static bool is_local(struct span ip)
{
	static const char lo4[] = "0100007F", mapped[] = "0000000000000000FFFF0000";
	static const char lo6[] = "00000000000000000000000001000000";

	if (ip.n == 32 && span_starts(ip, SPAN_LIT(mapped)))
		ip = span_of(ip.p + 24, 8);
	return ip.n == 8 ? ip.p[6] == lo4[6] && ip.p[7] == lo4[7] :
	       span_eq(ip, SPAN_LIT(lo6));
}

bool firewall_listens(struct span line, bool udp, uint16_t *port)
{
	struct span ip, number, state;
	unsigned n = 0;

	(void)word(&line);
	if (!span_split(word(&line), ':', &ip, &number) || number.n != 4 ||
	    (ip.n != 8 && ip.n != 32))
		return false;
	(void)word(&line);
	state = word(&line);
	for (size_t i = 0; i < 4; i++) {
		if (hex(number.p[i]) < 0)
			return false;
		n = n << 4 | (unsigned)hex(number.p[i]);
	}
	*port = (uint16_t)n;
	if (!span_eq(state, udp ? SPAN_LIT("07") : SPAN_LIT("0A")))
		return false;
	return !is_local(ip) && (!udp || n < EPHEMERAL_FIRST);
}

/* --- the text ------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static void put(struct wr *w, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		wr_fail(w);
	else
		wr_bytes(w, line, (size_t)n);
}

#define NEW_FLOW "tcp flags & (fin | syn | rst | ack) == syn"

static void put_ban_sets(struct wr *w, const char *group)
{
	for (int v = 4; v <= 6; v += 2) {
		put(w, "\tset ban%d_%s {\n\t\ttype ipv%d_addr\n"
		    "\t\tsize %d\n\t\tflags timeout\n\t}\n", v, group, v,
		    BAN_ADDRS_MAX);
		put(w, "\tset net%d_%s {\n\t\ttype ipv%d_addr\n"
		    "\t\tsize %d\n\t\tflags interval,timeout\n\t}\n", v, group,
		    v, BAN_NET_ELEMS_MAX);
	}
}

/* A port that is off is in no list. */
static void put_ports(struct wr *w, const uint16_t *port, size_t n)
{
	const char *sep = "";

	put(w, "{ ");
	for (size_t i = 0; i < n; i++) {
		if (!port[i])
			continue;
		put(w, "%s%u", sep, port[i]);
		sep = ", ";
	}
	put(w, " }");
}

static void put_ban_chain(struct wr *w, const char *group)
{
	put(w, "\tchain %s_bans {\n", group);
	for (int v = 4; v <= 6; v += 2) {
		const char *ip = v == 4 ? "ip" : "ip6";

		put(w, "\t\t%s saddr @ban%d_%s counter drop\n", ip, v, group);
		put(w, "\t\t%s saddr @net%d_%s counter drop\n", ip, v, group);
	}
	put(w, "\t}\n");
}

static void put_bans(struct wr *w, const struct firewall_cfg *c)
{
	const uint16_t web[] = {c->https, c->http};
	const uint16_t sip[] = {c->sip, c->sip_clear};

#define X(name, bit, suffix) put_ban_sets(w, suffix);
	BAN_GROUPS(X)
#undef X
	put_ban_chain(w, "web");
	put_ban_chain(w, "sip");
	put(w, "\tchain bans {\n"
	    "\t\ttype filter hook input priority -10; policy accept;\n"
	    "\t\tiif \"lo\" accept\n\t\t" NEW_FLOW " tcp dport ");
	put_ports(w, web, 2);
	put(w, " jump web_bans\n");
	if (c->sip || c->sip_clear) {
		put(w, "\t\t" NEW_FLOW " tcp dport ");
		put_ports(w, sip, 2);
		put(w, " jump sip_bans\n");
	}
	if (c->sip_clear)
		put(w, "\t\tudp dport %u jump sip_bans\n", c->sip_clear);
	put(w, "\t}\n");
}

static bool is_v4(const struct firewall_net *n)
{
	struct addr a;

	memcpy(a.ip, n->ip, 16);
	return n->prefix >= 96 && addr_is_v4(&a);
}

/* One that lies in another, or stands there twice, is left out: nft refuses
 * overlapping intervals. */
static bool is_spare(const struct firewall_nets *all, size_t i)
{
	for (size_t k = 0; k < all->n; k++) {
		const struct firewall_net *o = &all->net[k];

		if (k != i && is_in(all->net[i].ip, o) &&
		    (o->prefix < all->net[i].prefix ||
		     (o->prefix == all->net[i].prefix && k < i)))
			return true;
	}
	return false;
}

/* "{ a, b }" of one family; false and nothing written when there is none. */
static bool put_nets(struct wr *w, const struct firewall_nets *all, bool v4,
		     const char *before)
{
	bool any = false;

	for (size_t i = 0; i < all->n; i++) {
		char text[ADDR_TEXT_MAX];
		struct addr a = {.port = 0};

		if (is_v4(&all->net[i]) != v4 || is_spare(all, i))
			continue;
		memcpy(a.ip, all->net[i].ip, 16);
		addr_print_ip(&a, text);
		put(w, "%s%s/%u", any ? ", " : before, text,
		    all->net[i].prefix - (v4 ? 96 : 0));
		any = true;
	}
	if (any)
		put(w, " }");
	return any;
}

static void put_rate_sets(struct wr *w)
{
	static const char *const names[] = {"syn", "udp"};

	for (size_t i = 0; i < 2; i++)
		for (int v = 4; v <= 6; v += 2)
			put(w, "\tset %s%d {\n\t\ttype ipv%d_addr\n"
			    "\t\tsize %d\n\t\tflags dynamic,timeout\n"
			    "\t\ttimeout 10s\n\t}\n", names[i], v, v,
			    FIREWALL_SOURCES_MAX);
	for (int v = 4; v <= 6; v += 2)
		put(w, "\tset conn%d {\n\t\ttype ipv%d_addr\n\t\tsize %d\n"
		    "\t\tflags dynamic\n\t}\n", v, v, FIREWALL_SOURCES_MAX);
}

#define SOURCE4 "ip saddr"
#define SOURCE6 "ip6 saddr & ffff:ffff:ffff:ffff::"

static void put_published(struct wr *w, const struct firewall_cfg *c)
{
	put(w, "tcp dport { %u, ", c->https);
	if (c->http)
		put(w, "%u, ", c->http);
	if (c->sip)
		put(w, "%u, ", c->sip);
	if (c->sip_clear)
		put(w, "%u, ", c->sip_clear);
	put(w, "%u-%u }", c->media_first, c->media_last);
}

static void put_exempt(struct wr *w, const struct firewall_nets *nets)
{
	if (put_nets(w, nets, true, "\t\tip saddr { "))
		put(w, " accept\n");
	if (put_nets(w, nets, false, "\t\tip6 saddr { "))
		put(w, " accept\n");
}

/* Before connection tracking, so that a flood costs no entry there. */
static void put_rates(struct wr *w, const struct firewall_cfg *c)
{
	static const char *const source[] = {SOURCE4, SOURCE6};

	put(w, "\tchain rates {\n"
	    "\t\ttype filter hook prerouting priority -300; policy accept;\n"
	    "\t\tiif \"lo\" accept\n\t\tfib daddr type != local accept\n"
	    "\t\tudp dport %u-%u notrack\n", c->media_first, c->media_last);
	put_exempt(w, &c->management);
	put_exempt(w, &c->exempt);
	for (int i = 0; i < 2; i++)
		put(w, "\t\t" NEW_FLOW " update @syn%d { %s limit rate over "
		    "%u/second burst %u packets } counter drop\n", 4 + 2 * i,
		    source[i], c->syn_rate, BURST * c->syn_rate);
	for (int i = 0; i < 2; i++)
		put(w, "\t\tudp dport %u-%u update @udp%d { %s limit rate "
		    "over %u/second burst %u packets } counter drop\n",
		    c->media_first, c->media_last, 4 + 2 * i, source[i],
		    c->udp_rate, BURST * c->udp_rate);
	put(w, "\t}\n\tchain untracked_media {\n"
	    "\t\ttype filter hook output priority -300; policy accept;\n"
	    "\t\tudp sport %u-%u notrack\n\t}\n", c->media_first,
	    c->media_last);
}

static void put_icmp(struct wr *w)
{
	put(w, "\t\ticmp type { destination-unreachable, time-exceeded, "
	    "parameter-problem } accept\n"
	    "\t\ticmpv6 type { destination-unreachable, packet-too-big, "
	    "time-exceeded, parameter-problem, mld-listener-query, "
	    "nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } "
	    "accept\n"
	    "\t\ticmp type echo-request limit rate 20/second accept\n"
	    "\t\ticmpv6 type echo-request limit rate 20/second accept\n"
	    "\t\tip6 saddr fe80::/10 udp dport 546 accept\n");
}

static void put_list(struct wr *w, const struct firewall_ports *all, bool udp,
		     uint16_t more, const char *before)
{
	const char *sep = before;

	if (more && !udp) {
		put(w, "%s%u", sep, more);
		sep = ", ";
	}
	for (size_t i = 0; i < all->n; i++) {
		if (all->port[i].udp != udp || all->port[i].port == more)
			continue;
		put(w, "%s%u", sep, all->port[i].port);
		sep = ", ";
	}
	put(w, " } accept\n");
}

static bool has(const struct firewall_ports *all, bool udp)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->port[i].udp == udp)
			return true;
	return false;
}

static void put_management(struct wr *w, const struct firewall_cfg *c)
{
	for (int i = 0; i < 4; i++) {
		bool v4 = i & 1, udp = i & 2;

		if (!has(&c->also, udp) && (udp || !c->admin))
			continue;
		if (put_nets(w, &c->management, v4, v4 ? "\t\tip saddr { " :
			     "\t\tip6 saddr { "))
			put_list(w, &c->also, udp, c->admin, udp ?
				 " udp dport { " : " tcp dport { ");
	}
	for (int udp = 0; udp < 2; udp++)
		if (has(&c->open, udp))
			put_list(w, &c->open, udp, 0, udp ?
				 "\t\tudp dport { " : "\t\ttcp dport { ");
}

static void put_counts(struct wr *w, const struct firewall_cfg *c)
{
	static const char *const source[] = {SOURCE4, SOURCE6};

	put(w, "\tchain connections {\n");
	put_exempt(w, &c->management);
	put_exempt(w, &c->exempt);
	for (int i = 0; i < 2; i++)
		put(w, "\t\tadd @conn%d { %s ct count over %u } counter "
		    "reject with tcp reset\n", 4 + 2 * i, source[i],
		    c->connections);
	put(w, "\t\taccept\n\t}\n");
}

static void put_input(struct wr *w, const struct firewall_cfg *c)
{
	put(w, "\tchain ports {\n"
	    "\t\ttype filter hook input priority 0; policy drop;\n"
	    "\t\tiif \"lo\" accept\n\t\tct state established,related accept\n"
	    "\t\tct state invalid counter drop\n");
	put_icmp(w);
	put(w, "\t\tudp dport %u-%u accept\n\t\t", c->media_first,
	    c->media_last);
	put_published(w, c);
	put(w, " jump connections\n");
	put_management(w, c);
	put(w, "\t\tcounter\n\t}\n");
}

static void put_port(struct wr *w, const char *proto, unsigned first,
		     unsigned last, const char *who, const char *what)
{
	char port[32];

	if (!first)
		return;
	(void)snprintf(port, sizeof(port), first == last ? "%s %u" : "%s %u-%u",
		       proto, first, last);
	put(w, "# %-20s %-20s %s\n", port, who, what);
}

static void put_named(struct wr *w, const struct firewall_ports *all,
		      const char *who, const char *what)
{
	for (size_t i = 0; i < all->n; i++)
		put_port(w, all->port[i].udp ? "udp" : "tcp",
			 all->port[i].port, all->port[i].port, who, what);
}

/* Who reaches what, for people. */
static void put_port_table(struct wr *w, const struct firewall_cfg *c)
{
	const char *named = c->management.n ? "management networks" :
			    "this machine";

	put(w, "#\n# %-20s %-20s %s\n", "port", "open to", "for");
	put_port(w, "tcp", c->https, c->https, "everybody",
		 "meeting page and client API, HTTPS");
	put_port(w, "tcp", c->http, c->http, "everybody",
		 "redirects to HTTPS");
	put_port(w, "tcp", c->sip, c->sip, "everybody", "SIP over TLS");
	put_port(w, "tcp", c->sip_clear, c->sip_clear, "everybody",
		 "SIP in the clear");
	put_port(w, "udp", c->sip_clear, c->sip_clear, "everybody",
		 "SIP in the clear");
	put_port(w, "udp", c->media_first, c->media_last, "everybody",
		 "media");
	put_port(w, "tcp", c->media_first, c->media_last, "everybody",
		 "media where UDP is blocked");
	if (c->bans_only) {
		put(w, "# This form closes no port: it drops new connections of"
		    " banned sources.\n#\n");
		return;
	}
	put_port(w, "tcp", c->admin, c->admin, named, "management");
	put_named(w, &c->also, named, "also=");
	put_named(w, &c->open, "everybody", "open=");
	put(w, "# Everything else is closed.\n#\n");
}

int firewall_text(const struct firewall_cfg *c, struct wr *w)
{
	struct span all;

	put(w, "# Made by conclave(1), firewall. Changes are lost.\n");
	put_port_table(w, c);
	put(w, "table inet " BAN_TABLE_NAME "\n"
	    "delete table inet " BAN_TABLE_NAME "\n"
	    "table inet " BAN_TABLE_NAME " {\n");
	put_bans(w, c);
	if (!c->bans_only) {
		put_rate_sets(w);
		put_rates(w, c);
		put_counts(w, c);
		put_input(w, c);
	}
	put(w, "}\n");
	return wr_end(w, &all);
}
