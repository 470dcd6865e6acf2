#include <sys/resource.h>
#include "base/log.h"
#include "web/web.h"

#define MOD "web"

enum { FDS_RESERVED = 64, CONNS_DEFAULT = 12000, PER_SOURCE_DEFAULT = 512,
       REQUESTS_PER_S_DEFAULT = 100, JOINS_PER_S_DEFAULT = 5,
       BURST_SECONDS = 8,
       CONNS_PER_REQUEST = 2 /* refused with 503 before he is cut off */ };

/* A whole organisation may sit behind one address: 500 people hold one
 * stream and some requests each. */
static const struct source_limits defaults = {
	.conns = PER_SOURCE_DEFAULT,
	.rate = {
		[SOURCE_REQUEST] = {REQUESTS_PER_S_DEFAULT,
				    REQUESTS_PER_S_DEFAULT * BURST_SECONDS},
		[SOURCE_JOIN] = {JOINS_PER_S_DEFAULT,
				 JOINS_PER_S_DEFAULT * BURST_SECONDS},
		[SOURCE_CONN] = {REQUESTS_PER_S_DEFAULT * CONNS_PER_REQUEST,
				 REQUESTS_PER_S_DEFAULT * BURST_SECONDS *
				 CONNS_PER_REQUEST},
	},
};

/* As many as we have descriptors for. */
static uint32_t conns_max(void)
{
	struct rlimit l;
	uint32_t n = CONNS_DEFAULT;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 &&
	    l.rlim_cur < (rlim_t)n + FDS_RESERVED)
		n = l.rlim_cur > 2 * FDS_RESERVED
			? (uint32_t)l.rlim_cur - FDS_RESERVED : FDS_RESERVED;
	return n;
}

/* The host's own names may be anything; one that no browser could send must
 * not keep the platform from starting. */
static int read_boot_hosts(struct web *w, struct span list)
{
	int r = http_hosts_new(&w->boot_hosts, SPAN_NONE);
	while (r == 0 && list.n) {
		struct span one;
		(void)span_split(list, ',', &one, &list);
		if (one.n && http_hosts_add(w->boot_hosts, one) < 0)
			log_warn(MOD, "a name of this host is left out",
				 LOG_T("name", one));
	}
	return r;
}

int settings_init(struct web *w, struct span boot_hosts, uint16_t https_port)
{
	w->set.https_port = https_port;
	w->set.limits = defaults;
	w->set.conns_max = conns_max();
	int r = read_boot_hosts(w, boot_hosts);
	if (r == 0)
		r = sources_new(&w->sources, &w->set.limits);
	return r;
}

static void use_hosts(struct web *w, const struct http_hosts *h)
{
	http_server_set_hosts(w->https, h);
	if (w->http)
		http_server_set_hosts(w->http, h);
}

static void set_hosts(struct web *w, struct span value)
{
	struct http_hosts *fresh = NULL;
	if (value.n && http_hosts_new(&fresh, value) < 0) {
		log_error(MOD, "hosts_allowed cannot be read; unchanged");
		return;
	}
	use_hosts(w, fresh ? fresh : w->boot_hosts);
	http_hosts_free(&w->hosts);
	w->hosts = fresh;
}

static void set_rate(struct web *w, enum source_kind kind, struct span value,
		     uint32_t times)
{
	uint64_t v;
	if (span_u64(value, 1000000, &v) < 0 || v == 0)
		return;
	w->set.limits.rate[kind].per_s = (uint32_t)v * times;
	w->set.limits.rate[kind].burst = (uint32_t)v * times * BURST_SECONDS;
}

static void set_one(struct web *w, struct span name, struct span value)
{
	uint64_t v;
	if (span_eq(name, SPAN_LIT("hosts_allowed")))
		set_hosts(w, value);
	else if (span_eq(name, SPAN_LIT("cors_origins")))
		(void)span_cstr(value, w->set.origins,
				sizeof(w->set.origins));
	else if (span_eq(name, SPAN_LIT("max_connections_per_source"))) {
		if (span_u64(value, HTTP_CONNS_MAX, &v) == 0 && v > 0)
			w->set.limits.conns = (uint32_t)v;
	} else if (span_eq(name, SPAN_LIT("max_requests_per_source"))) {
		set_rate(w, SOURCE_REQUEST, value, 1);
		set_rate(w, SOURCE_CONN, value, CONNS_PER_REQUEST);
	} else if (span_eq(name, SPAN_LIT("max_joins_per_source")))
		set_rate(w, SOURCE_JOIN, value, 1);
}

void settings_apply(struct web *w, const Cv__Settings *m)
{
	Cv__SettingsAck ack = CV__SETTINGS_ACK__INIT;
	for (size_t i = 0; i < m->n_settings; i++)
		set_one(w, span_str(m->settings[i]->name),
			ipc_bytes(m->settings[i]->value));
	sources_set(w->sources, &w->set.limits);
	ack.epoch = m->epoch;
	(void)ipc_send_to_core(w, SETTINGS_ACK, &ack);
}

/* Origins compare byte for byte: browsers send them in lower case. */
bool settings_allows_origin(const struct web *w, struct span origin)
{
	struct span list = span_str(w->set.origins);
	while (list.n) {
		struct span one;
		(void)span_split(list, ',', &one, &list);
		one = span_trim(one);
		if (one.n && span_eq(one, origin))
			return true;
	}
	return false;
}
