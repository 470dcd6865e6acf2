/* What each role is told when it starts (see README.md). */
#include <stdarg.h>
#include <stdio.h>

#include "super/house.h"

/* All fit: names and addresses are bounded, see the test. */
struct list_of {
	struct house_option *out;
	size_t n, max;
};

__attribute__((format(printf, 3, 4)))
static void add(struct list_of *l, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (l->n == l->max)
		return;
	(void)snprintf(l->out[l->n].name, sizeof(l->out[l->n].name), "%s",
		       name);
	va_start(ap, fmt);
	(void)vsnprintf(l->out[l->n].value, sizeof(l->out[l->n].value), fmt,
			ap);
	va_end(ap);
	l->n++;
}

static void add_advertise(struct list_of *l, const struct addr *a,
			  uint32_t instance)
{
	char text[ADDR_TEXT_MAX];
	struct addr b = *a;

	if (!a->port) {
		addr_print_ip(a, text);
		add(l, "advertise", addr_is_v4(a) ? "%s" : "[%s]", text);
		return;
	}
	b.port = (uint16_t)(a->port + instance);
	addr_print(&b, text);
	add(l, "advertise", "%s", text);
}

static void add_advertised(struct list_of *l, const struct house_cfg *cfg,
			   uint32_t instance)
{
	const struct options *o = cfg->opt;

	for (size_t i = 0; i < o->n_advertise; i++)
		add_advertise(l, &o->advertise[i], instance);
	for (size_t i = 0; i < cfg->n_addrs && !o->n_advertise; i++)
		add_advertise(l, &cfg->addrs[i], instance);
}

static void add_media(struct list_of *l, const struct house_cfg *cfg,
		      uint32_t instance)
{
	const struct options *o = cfg->opt;

	add(l, "media_port", "%u", o->media_first + instance);
	add(l, "media_port_first", "%u", o->media_first);
	add(l, "media_port_last", "%u", o->media_last);
	add_advertised(l, cfg, instance);
}

/* One more name for the comma-separated value; a full one goes out first. */
static void host(struct list_of *l, char *value, size_t cap, const char *name)
{
	size_t used = strlen(value);

	if (!name[0])
		return;
	if (used && used + 1 + strlen(name) >= cap) {
		add(l, "hosts", "%s", value);
		used = 0;
	}
	(void)snprintf(value + used, cap - used, "%s%s", used ? "," : "",
		       name);
}

static void add_hosts(struct list_of *l, const struct house_cfg *cfg)
{
	const struct options *o = cfg->opt;
	char value[512] = "", text[ADDR_TEXT_MAX];

	host(l, value, sizeof(value), "localhost");
	host(l, value, sizeof(value), "127.0.0.1");
	host(l, value, sizeof(value), "::1");
	host(l, value, sizeof(value), cfg->hostname);
	for (size_t i = 0; i < o->n_hosts; i++)
		host(l, value, sizeof(value), o->hosts[i]);
	for (size_t i = 0; i < o->n_advertise; i++) {
		addr_print_ip(&o->advertise[i], text);
		host(l, value, sizeof(value), text);
	}
	for (size_t i = 0; i < cfg->n_addrs; i++) {
		addr_print_ip(&cfg->addrs[i], text);
		host(l, value, sizeof(value), text);
	}
	if (value[0])
		add(l, "hosts", "%s", value);
}

/* How it was started, for conclave doctor. */
static void add_for_doctor(struct list_of *l, const struct house_cfg *cfg)
{
	const struct options *o = cfg->opt;
	struct addr a;

	add(l, "sip_port", "%u", o->sip_port);
	add(l, "sip_clear_port", "%u", o->sip_clear_port);
	add(l, "media_port_first", "%u", o->media_first);
	add(l, "media_port_last", "%u", o->media_last);
	add(l, "data_dir", "%s", o->data_dir);
	if (o->trust_file[0])
		add(l, "trust", "%s", o->trust_file);
	for (size_t i = 0; i < o->n_hosts; i++)
		if (addr_parse(&a, span_str(o->hosts[i]), 0) < 0)
			add(l, "name", "%s", o->hosts[i]);
	add_advertised(l, cfg, 0);
}

/* Where browsers reach us, for the links that core prints: the first name that
 * the operator gave, else the machine's. */
static void add_public(struct list_of *l, const struct house_cfg *cfg)
{
	const struct options *o = cfg->opt;
	const char *name = o->n_hosts ? o->hosts[0] : cfg->hostname;

	add(l, "https_port", "%u", o->https_port);
	if (name[0])
		add(l, "public_host", "%s", name);
	add_for_doctor(l, cfg);
}

static void add_nameservers(struct list_of *l, const struct options *o)
{
	enum { PORT_DNS = 53 };
	char value[OPT_NAMESERVERS_MAX * (ADDR_TEXT_MAX + 1)] = "";
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < o->n_nameservers; i++) {
		struct addr a = o->nameservers[i];
		const size_t n = strlen(value);

		a.port = a.port ? a.port : PORT_DNS;
		addr_print(&a, text);
		(void)snprintf(value + n, sizeof(value) - n, "%s%s",
			       n ? "," : "", text);
	}
	if (value[0])
		add(l, "nameservers", "%s", value);
}

size_t house_options(struct house_option *out, size_t max,
		     const struct house_cfg *cfg, enum ipc_role role,
		     uint32_t instance)
{
	struct list_of l = {.out = out, .max = max};

	add(&l, "instance", "%u", instance);
	add(&l, "workers", "%u", cfg->workers);
	if (role == ROLE_CORE)
		add_public(&l, cfg);
	if (role == ROLE_WEB) {
		add(&l, "https_port", "%u", cfg->opt->https_port);
		add(&l, "http_port", "%u", cfg->opt->http_port);
		add_hosts(&l, cfg);
	}
	if (role == ROLE_MEDIA)
		add_media(&l, cfg, instance);
	if (role == ROLE_SIP) {
		add(&l, "sip_port", "%u", cfg->opt->sip_port);
		add(&l, "sip_clear_port", "%u", cfg->opt->sip_clear_port);
		add_advertised(&l, cfg, 0);
		add_hosts(&l, cfg);
	}
	if (role == ROLE_COURIER) {
		add_advertised(&l, cfg, instance);
		add_hosts(&l, cfg);
		add_nameservers(&l, cfg->opt);
	}
	return l.n;
}

uint32_t house_may_be_off(uint32_t mask)
{
	return mask & (1u << ROLE_WEB | 1u << ROLE_MEDIA | 1u << ROLE_VIDEO |
		       1u << ROLE_BAN | 1u << ROLE_COURIER | 1u << ROLE_SIP);
}

bool house_has_link(enum ipc_role a, uint32_t ai, enum ipc_role b,
		    uint32_t bi)
{
	if (a > b) {
		enum ipc_role r = a;

		a = b;
		b = r;
	}
	if (a == ROLE_KEYS)
		return b == ROLE_WEB || b == ROLE_SIP;
	if (a == ROLE_CORE)
		return b == ROLE_WEB || b == ROLE_MEDIA ||
		       b == ROLE_VIDEO || b == ROLE_BAN || b == ROLE_COURIER ||
		       b == ROLE_SIP;
	return a == ROLE_MEDIA && b == ROLE_VIDEO && ai == bi;
}
