#include <sys/resource.h>
#include "base/clock.h"
#include "base/log.h"
#include "web/web.h"

#define MOD "web"

enum { FDS_RESERVED = 256, BURST_SECONDS = 8, KB = 1024,
       CONNS_PER_REQUEST = 2 /* refused with 503 before he is cut off */ };

#define RATE(n) {(n), (n) * BURST_SECONDS}

/* As in schema/global.def: until core has told us. A whole organisation may
 * sit behind one address: 500 people hold one stream and some requests each. */
static const struct source_limits limits_default = {
	.rate = {
		[SOURCE_REQUEST] = RATE(100), [SOURCE_JOIN] = RATE(5),
		[SOURCE_CONN] = RATE(100 * CONNS_PER_REQUEST),
		[SOURCE_WRITE] = RATE(50),
	},
	.total = {
		[SOURCE_REQUEST] = RATE(5000), [SOURCE_JOIN] = RATE(200),
		[SOURCE_CONN] = RATE(500), [SOURCE_WRITE] = RATE(2000),
	},
	.held = {
		[SOURCE_CONNS] = 512, [SOURCE_HANDSHAKES] = 256,
		[SOURCE_STREAMS] = 512, [SOURCE_SESSIONS] = WEB_SESSIONS_MAX,
	},
	.total_held = {
		[SOURCE_CONNS] = HTTP_CONNS_MAX, [SOURCE_HANDSHAKES] = 2048,
		[SOURCE_STREAMS] = 8192, [SOURCE_SESSIONS] = WEB_SESSIONS_MAX,
	},
};
static const struct http_room room_default = {
	.conns_max = 12000, .proxy_conns_max = 4096, .bytes_max = 65536 * KB,
	.grace_ms = HTTP_GRACE_MS,
};

/* Not more than we have descriptors for. Asked before the sandbox closes. */
static uint32_t conns_possible(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 ||
	    l.rlim_cur >= (rlim_t)HTTP_CONNS_MAX + FDS_RESERVED)
		return HTTP_CONNS_MAX;
	return l.rlim_cur > 2 * FDS_RESERVED
		? (uint32_t)l.rlim_cur - FDS_RESERVED : FDS_RESERVED;
}

static void set_conns(struct web *w, uint32_t n)
{
	w->set.room.conns_max = n < w->set.conns_possible
		? n : w->set.conns_possible;
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
	w->set.limits = limits_default;
	w->set.room = room_default;
	w->set.conns_possible = conns_possible();
	set_conns(w, room_default.conns_max);
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

static void set_proxies(struct web *w, struct span value)
{
	int r = http_proxies_parse(&w->set.proxies, value);
	if (r < 0)
		log_error(MOD, "trusted_proxies cannot be read; unchanged",
			  LOG_E("reason", r));
}

static bool set_text(struct web *w, struct span name, struct span value)
{
	if (span_eq(name, SPAN_LIT("hosts_allowed")))
		set_hosts(w, value);
	else if (span_eq(name, SPAN_LIT("cors_origins")))
		(void)span_cstr(value, w->set.origins,
				sizeof(w->set.origins));
	else if (span_eq(name, SPAN_LIT("trusted_proxies")))
		set_proxies(w, value);
	else
		return false;
	return true;
}

static bool set_rate(struct web *w, struct span name, uint32_t v)
{
	struct source_limits *l = &w->set.limits;
	const struct {
		const char *name;
		struct source_rate_limit *to;
		uint32_t times;
	} rates[] = {
		{"max_requests_per_source", &l->rate[SOURCE_REQUEST], 1},
		{"max_requests_per_source", &l->rate[SOURCE_CONN],
		 CONNS_PER_REQUEST},
		{"max_joins_per_source", &l->rate[SOURCE_JOIN], 1},
		{"max_writes_per_source", &l->rate[SOURCE_WRITE], 1},
		{"max_request_rate", &l->total[SOURCE_REQUEST], 1},
		{"max_join_rate", &l->total[SOURCE_JOIN], 1},
		{"max_write_rate", &l->total[SOURCE_WRITE], 1},
		{"max_connection_rate", &l->total[SOURCE_CONN], 1},
	};
	bool is_one = false;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		if (!span_eq(name, span_str(rates[i].name)))
			continue;
		rates[i].to->per_s = v * rates[i].times;
		rates[i].to->burst = v * rates[i].times * BURST_SECONDS;
		is_one = true;
	}
	return is_one;
}

static void set_count(struct web *w, struct span name, uint32_t v)
{
	struct source_limits *l = &w->set.limits;
	const struct {
		const char *name;
		uint32_t *to;
	} counts[] = {
		{"max_connections_per_source", &l->held[SOURCE_CONNS]},
		{"max_handshakes_per_source", &l->held[SOURCE_HANDSHAKES]},
		{"max_handshakes", &l->total_held[SOURCE_HANDSHAKES]},
		{"max_streams_per_source", &l->held[SOURCE_STREAMS]},
		{"max_streams", &l->total_held[SOURCE_STREAMS]},
		{"max_proxy_connections", &w->set.room.proxy_conns_max},
		{"pin_entry_timeout", &w->set.pin_entry_s},
	};
	if (span_eq(name, SPAN_LIT("max_connections")))
		set_conns(w, v);
	else if (span_eq(name, SPAN_LIT("max_unproven_memory")))
		w->set.room.bytes_max = (size_t)v * KB;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (span_eq(name, span_str(counts[i].name)))
			*counts[i].to = v;
}

static void set_one(struct web *w, struct span name, struct span value)
{
	enum { MAX = 10000000 };
	uint64_t v;
	if (set_text(w, name, value) || span_u64(value, MAX, &v) < 0 || v == 0)
		return;
	if (!set_rate(w, name, (uint32_t)v))
		set_count(w, name, (uint32_t)v);
}

/* The plain listener only redirects: an eighth is plenty. */
static void use_room(struct web *w)
{
	struct http_room small = w->set.room;
	small.conns_max /= 8;
	small.proxy_conns_max /= 8;
	small.bytes_max /= 8;
	http_server_set_room(w->https, &w->set.room);
	if (w->http)
		http_server_set_room(w->http, &small);
}

void settings_apply(struct web *w, const Cv__Settings *m)
{
	Cv__SettingsAck ack = CV__SETTINGS_ACK__INIT;
	for (size_t i = 0; i < m->n_settings; i++)
		set_one(w, span_str(m->settings[i]->name),
			ipc_bytes(m->settings[i]->value));
	sources_set(w->sources, &w->set.limits, clock_mono_ns());
	use_room(w);
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
