#include "sip/app.h"

#include <event2/event.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/tls.h"
#include "ipc/super.pb-c.h"
#include "sip/offer.h"

#define MOD "sip"

/* --- what the face needs ------------------------------------------------------ */

static int on_send(void *arg, const struct sip_peer *to, struct span bytes)
{
	const struct app *a = arg;

	return net_send(a->net, to, bytes);
}

static int on_tell(void *arg, enum ipc_type type, const ProtobufCMessage *m)
{
	const struct app *a = arg;

	return a->core ? ipc_chan_send(ipc_ev_chan(a->core), type, m, NULL,
				       0) : E_CLOSED;
}

static int on_dial(void *arg, struct face_dial *d, uint64_t now_ns)
{
	const struct app *a = arg;

	return net_dial(a->net, d, now_ns);
}

static void on_shut(void *arg, int fd)
{
	(void)arg;
	close(fd);
}

static bool on_may_send(void *arg, const struct addr *to, bool literal)
{
	const struct app *a = arg;

	return outguard_check(to, literal ? OUTGUARD_LITERAL : OUTGUARD_NAMED,
			      &a->guard) == OUTGUARD_ALLOWED;
}

static bool on_flow(void *arg, uint32_t flow, struct sip_peer *out,
		    struct span *names)
{
	const struct app *a = arg;

	return net_flow(a->net, flow, out, names);
}

static bool on_trunk(void *arg, uint32_t flow, struct span *name)
{
	const struct app *a = arg;

	return net_trunk(a->net, flow, name);
}

static void on_inside(void *arg, const struct sip_peer *p, bool in)
{
	const struct app *a = arg;

	net_inside(a->net, p, in);
}

static void on_registered_for(void *arg, const struct sip_peer *p,
			      uint32_t for_s)
{
	const struct app *a = arg;

	net_registered(a->net, p, for_s);
}

static int on_sdp_read(void *arg, struct span sdp, struct span ours,
		       const struct sip_peer *from, struct arena *arena,
		       Cv__LegDescription **out, const char **why)
{
	const struct app *a = arg;
	const struct sip_offer_rules rules = {
		.guard = &a->guard, .source = &from->source,
		.sdes = from->transport == CV__SIP_TRANSPORT__SIP_TLS,
		.sdes_32 = a->sdes_32, .ours = ours,
	};

	return sip_offer_read(out, sdp, &rules, arena, NULL, why);
}

static int on_sdp_write(void *arg, struct span offer,
			const Cv__LegDescription *d,
			const struct face_session *s, struct arena *arena,
			struct span *out)
{
	const struct sip_offer_self self = {
		.sess_id = s->id, .version = s->version, .local = s->local,
		.last = s->last,
	};

	(void)arg;
	return offer.n ? sip_answer_write(out, offer, d, &self, arena) :
	       sip_offer_write(out, d, &self, arena);
}

static void on_serving(void *arg, const struct addr *source)
{
	const struct app *a = arg;

	role_serving(a->role, source);
}

/* --- certificates ------------------------------------------------------------------ */

static int on_ask(void *arg, const Cv__CertCheck *m)
{
	const struct app *a = arg;

	return a->core ? ipc_send(ipc_ev_chan(a->core), CERT_CHECK, m) :
	       E_CLOSED;
}

static void note_soft(struct app *a, const char *why)
{
	face_add(a->face, SIP_N_CERT_SOFT);
	log_warn(MOD, "a certificate is taken though nobody says whether it was revoked",
		 LOG_S("reason", why));
}

static void on_decide(void *arg, uint32_t flow, Cv__SipFault fault,
		      const char *why, bool soft)
{
	struct app *a = arg;

	if (soft)
		note_soft(a, why);
	net_checked(a->net, flow, fault, why, clock_mono_ns());
}

static enum net_check on_check(void *arg, uint32_t flow, SSL *ssl,
			       uint64_t trunk)
{
	struct app *a = arg;
	bool soft;
	enum net_check r = checks_begin(a->checks, flow, ssl, trunk, &soft);

	if (soft)
		note_soft(a, "nobody can be asked");
	return r;
}

static void on_untrusted(void *arg, const struct net_untrusted *u)
{
	struct app *a = arg;
	Cv__SipUntrusted m = CV__SIP_UNTRUSTED__INIT;
	Cv__Addr from = CV__ADDR__INIT;

	if (a->untrusted >= APP_UNTRUSTED_PER_S)
		return;
	a->untrusted++;
	from.ip = ipc_data(span_of(u->source.ip, sizeof(u->source.ip)));
	from.port = u->source.port;
	m.source = &from;
	m.fault = u->fault;
	m.names = ipc_data(u->names);
	m.trunk = ipc_data(u->trunk);
	m.out = u->out;
	(void)on_tell(a, IPC_SIP_UNTRUSTED, &m.base);
}

static void take_trunk(struct app *a, const Cv__SipTrunk *m)
{
	int r = trunks_put(sip_tls_trunks(a->tls), m);

	if (r < 0)
		log_error(MOD, "SIP proxies cannot be taken over; unchanged",
			  LOG_E("reason", r));
	if (m->last)
		sip_tls_trunks_changed(a->tls);
}

/* --- core ------------------------------------------------------------------------ */

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct app *a = arg;

	(void)ch;
	if (type == IPC_SETTINGS)
		settings_apply(a, (const void *)msg);
	else if (type == IPC_SIP_TRUNK)
		take_trunk(a, (const void *)msg);
	else if (type == IPC_CERT_STATUS)
		checks_status(a->checks, (const void *)msg, clock_mono_ns());
	else
		face_core(a->face, type, msg, fds, n_fds, clock_mono_ns());
}

static void lost(struct app *a)
{
	ipc_ev_free(&a->core);
	checks_core(a->checks, false, clock_mono_ns());
	face_core_up(a->face, false, clock_mono_ns());
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct app *a = arg;

	(void)ch;
	log_warn(MOD, "core is away", LOG_E("reason", error));
	lost(a);
	role_link_lost(a->role, ROLE_CORE, a->core_instance);
}

void app_core(struct app *a, uint32_t instance, int fd)
{
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = ROLE_SIP, .peer = ROLE_CORE,
		.self_instance = a->instance, .peer_instance = instance,
		.on_msg = on_msg, .on_down = on_down, .arg = a,
	};
	int r;

	if (a->core)
		lost(a);
	r = ipc_ev_new(&a->core, a->base, &cfg);
	a->core_instance = instance;
	if (r < 0) {
		a->core = NULL;
		log_error(MOD, "no channel to core", LOG_E("reason", r));
		return;
	}
	checks_core(a->checks, true, clock_mono_ns());
	face_core_up(a->face, true, clock_mono_ns());
}

/* Another certificate; `keys` has judged it. Connections that stand keep
 * theirs, calls that begin are told the fingerprint of the new one. */
static int take_certificate(struct app *a, int fd)
{
	struct face_settings *f = face_settings(a->face);
	EVP_PKEY *key = NULL;
	uint8_t *pem = NULL;
	X509 *leaf = NULL;
	size_t n = 0;
	int r = http_tls_read(&pem, &n, fd);

	if (!r)
		r = http_tls_leaf(&leaf, span_of(pem, n));
	if (!r)
		r = tls_key_make(a->key, &key, leaf);
	if (!r)
		r = sip_tls_change(a->tls, span_of(pem, n), key);
	if (!r) {
		f->has_fingerprint = sip_tls_fingerprint(a->tls,
							 f->fingerprint) == 0;
		checks_own_changed(a->checks, clock_mono_ns());
		log_notice(MOD, "the certificate was changed");
	}
	EVP_PKEY_free(key);
	X509_free(leaf);
	mem_free(pem);
	return r;
}

void app_listen(struct app *a, uint32_t name, int fd)
{
	int r = 0;

	if (name == CV__FD_NAME__FD_TLS_CERT && fd >= 0) {
		r = take_certificate(a, fd);
		if (r < 0)
			log_error(MOD, "the certificate cannot be changed; "
				  "the former stays", LOG_E("reason", r));
		return;
	}
	if (name == CV__FD_NAME__FD_LISTEN_SIP_TCP) {
		face_settings(a->face)->is_tcp_open = fd >= 0;
		r = net_listen(a->net, false, fd);
	} else if (name == CV__FD_NAME__FD_SIP_UDP) {
		r = net_udp(a->net, fd);
	} else if (fd >= 0) {
		close(fd);
	}
	if (r < 0)
		log_error(MOD, "a socket cannot be used",
			  LOG_E("reason", r));
}

/* --- time ------------------------------------------------------------------------- */

void app_tick_again(struct app *a, uint64_t now_ns)
{
	uint64_t ms = timer_wheel_wait_ns(a->wheel, now_ns) / NS_PER_MS;
	struct timeval tv = {0};

	if (ms < APP_TICK_MIN_MS)
		ms = APP_TICK_MIN_MS;
	if (ms > APP_TICK_MAX_MS)
		ms = APP_TICK_MAX_MS;
	tv.tv_usec = (suseconds_t)ms * 1000;
	(void)event_add(a->tick, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;
	uint64_t now_ns = clock_mono_ns();

	(void)fd;
	(void)what;
	(void)timer_wheel_advance(a->wheel, now_ns);
	face_turn(a->face);
	app_tick_again(a, now_ns);
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void on_second(struct timer *t, void *arg, uint64_t now_ns)
{
	struct app *a = arg;
	uint64_t us = cpu_us();
	uint64_t wall_us = (now_ns - a->cpu_ns) / NS_PER_US;
	uint32_t permille = wall_us ? (uint32_t)((us - a->cpu_us) * 1000 /
						 wall_us) : 0;

	a->cpu_us = us;
	a->cpu_ns = now_ns;
	a->untrusted = 0;
	face_second(a->face, net_flows(a->net), NET_CONNS_MAX, permille,
		    now_ns);
	timer_set(a->wheel, t, now_ns + NS_PER_S);
}

/* --- start -------------------------------------------------------------------------- */

/* Where we are reached: what we tell, and what is never called. */
static void take_own(struct app *a, const struct role_boot *boot)
{
	struct face_settings *f = face_settings(a->face);

	for (size_t i = 0; i < boot->n_options; i++) {
		struct span text = span_str(boot->options[i].value);
		struct addr one;
		struct span host, port;

		if (strcmp(boot->options[i].name, "advertise") != 0)
			continue;
		/* 192.0.2.1, 192.0.2.1:PORT, [v6], [v6]:PORT */
		if (text.n && text.p[0] == '[')
			(void)span_split(span_of(text.p + 1, text.n - 1), ']',
					 &host, &port);
		else
			(void)span_split(text, ':', &host, &port);
		if (addr_parse(&one, host, 0) < 0)
			continue;
		if (f->n_own < FACE_OWN_MAX)
			f->own[f->n_own++] = one;
		if (a->guard.n_own < APP_OWN_MAX)
			a->own[a->guard.n_own++] = outguard_net_of(&one);
	}
}

static void take_ports(struct app *a, const struct role_boot *boot)
{
	struct face_settings *f = face_settings(a->face);
	uint64_t n;

	if (span_u64(span_str(role_boot_option(boot, "sip_port", "")), 65535,
		     &n) == 0 && n)
		f->tls_port = (uint16_t)n;
	if (span_u64(span_str(role_boot_option(boot, "sip_clear_port", "")),
		     65535, &n) == 0 && n)
		f->clear_port = (uint16_t)n;
}

int app_open(struct app *a, const struct role_boot *boot)
{
	uint64_t now_ns = clock_mono_ns();
	struct face_cfg fc = {
		.ops = {.send = on_send, .tell = on_tell, .dial = on_dial,
			.shut = on_shut, .may_send = on_may_send,
			.flow = on_flow, .trunk = on_trunk,
			.inside = on_inside,
			.registered = on_registered_for,
			.wall_us = clock_wall_us, .sdp_read = on_sdp_read,
			.sdp_write = on_sdp_write, .sdp_wipe = sip_offer_wipe,
			.arg = a},
	};
	struct net_cfg nc = {.on_serving = on_serving, .check = on_check,
			     .on_untrusted = on_untrusted, .arg = a};
	struct checks_cfg cc = {.ask = on_ask, .decide = on_decide,
				.wall_us = clock_wall_us, .arg = a};
	int r;

	a->instance = boot->instance;
	a->base = event_base_new();
	a->tick = a->base ? event_new(a->base, -1, 0, on_tick, a) : NULL;
	r = a->tick ? timer_wheel_new(&a->wheel, now_ns) : E_NOMEM;
	if (r < 0)
		return r;
	a->guard.allowed = a->allowed;
	a->guard.management = a->management;
	a->guard.own = a->own;
	fc.wheel = a->wheel;
	r = face_new(&a->face, &fc, now_ns);
	if (r < 0)
		return r;
	cc.wheel = a->wheel;
	cc.tls = a->tls;
	r = checks_new(&a->checks, &cc);
	if (r < 0)
		return r;
	take_own(a, boot);
	take_ports(a, boot);
	face_settings(a->face)->has_fingerprint =
		sip_tls_fingerprint(a->tls,
				    face_settings(a->face)->fingerprint) == 0;
	nc.base = a->base;
	nc.wheel = a->wheel;
	nc.tls = a->tls;
	nc.face = a->face;
	r = net_new(&a->net, &nc);
	if (r < 0)
		return r;
	a->cpu_ns = now_ns;
	timer_init(&a->second, on_second, a);
	timer_set(a->wheel, &a->second, now_ns + NS_PER_S);
	return 0;
}

void app_close(struct app *a)
{
	/* Connections end with the process: nothing of theirs is stored. */
	face_core_up(a->face, false, clock_mono_ns());
}
