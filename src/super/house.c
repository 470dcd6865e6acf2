#include "super/house.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/ipc_ev.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"
#include "super/listen.h"
#include "super/prepare.h"
#include "super/spawn.h"
#include "super/unit.h"

#define MOD "super"

/* A link that went down between two living roles is made anew after
 * RELINK_MS; the LINK_LOST_MAX-th time within LINK_LOST_S the less trusted end
 * is killed instead. RELINK_MS is also the time in which the death of the
 * other end, the usual cause, becomes known. */
enum { BOOT_OPTIONS_MAX = 64, BOOT_FDS_MAX = 8, RELINK_MS = 300,
       LINK_LOST_MAX = 5, LINK_LOST_S = 60,
       FRAME_LINK_BYTES = 2 * 1024 * 1024,
       EDGES_MAX = 6 + 3 * OPT_WORKERS_MAX };

struct slot {
	struct house *h;
	enum ipc_role role;
	uint32_t instance;
	struct unit unit;
	struct event *timer;
	pid_t pid;			/* 0: no process */
	bool served;			/* since super began */
	bool off;			/* core's last RolesOff */
	struct ipc_ev *chan;		/* NULL: no channel, or it is down */
	struct sink_src log, crash;
	struct event *log_ev, *crash_ev;
	bool has_source;		/* what it said it was parsing for */
	struct addr source;
};

struct edge {
	struct house *h;
	struct slot *a, *b;		/* b is trusted less */
	uint64_t made;			/* how often */
	uint64_t lost_made;		/* the one that was reported lost */
	unsigned lost;			/* since window_ns */
	uint64_t window_ns;
	struct event *timer;
};

struct house {
	const struct house_cfg *cfg;
	struct house_fds fds;
	struct edge edges[EDGES_MAX];
	size_t n_edges;
	struct slot slots[HOUSE_SLOTS_MAX];
	size_t n;
	int sip_tcp, sip_udp;		/* clear, -1 = closed */
	bool sip_tcp_on, sip_udp_on;	/* core's last RolesOff */
	struct {
		int key, cert;		/* at keys to be judged; -1 = none */
		Cv__Certificate told;	/* of the pair in force; no words */
		bool known;
		bool again;		/* asked for while those are judged */
	} tls;
	struct sink_src own;
	struct event *own_ev;
	bool stopping;
	char refusal[HOUSE_REFUSAL_MAX];
};

static void step(struct slot *s, enum unit_ev ev, uint64_t now);

/* --- log pipes ----------------------------------------------------------- */

static void pump(struct slot *s, struct sink_src *src, struct event *ev)
{
	if (src->fd < 0)
		return;
	if (sink_pump(s->h->cfg->sink, src, clock_mono_ns(),
		      clock_wall_us()) < 0 && ev)
		(void)event_del(ev);
}

static void cb_log(evutil_socket_t fd, short what, void *arg)
{
	struct slot *s = arg;

	(void)what;
	if (fd == s->log.fd)
		pump(s, &s->log, s->log_ev);
	else
		pump(s, &s->crash, s->crash_ev);
}

static void cb_own_log(evutil_socket_t fd, short what, void *arg)
{
	struct house *h = arg;

	(void)fd;
	(void)what;
	(void)sink_pump(h->cfg->sink, &h->own, clock_mono_ns(),
			clock_wall_us());
}

static void pipe_close(struct sink_src *src, struct event **ev)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
	if (src->fd >= 0)
		close(src->fd);
	src->fd = -1;
}

static int pipe_open(struct slot *s, struct sink_src *src, struct event **ev,
		     bool raw, int *write_end)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return E_SYS;
	sink_src_init(src, fds[0], ipc_role_name(s->role), s->instance, raw);
	*ev = event_new(s->h->cfg->base, fds[0], EV_READ | EV_PERSIST, cb_log,
			s);
	if (!*ev || event_add(*ev, NULL) < 0) {
		close(fds[1]);
		pipe_close(src, ev);
		return E_NOMEM;
	}
	*write_end = fds[1];
	return 0;
}

/* --- what a role says ---------------------------------------------------- */

static void serving(struct slot *s, const Cv__Serving *m)
{
	s->has_source = m->source && m->source->ip.len == 16;
	if (!s->has_source)
		return;
	memcpy(s->source.ip, m->source->ip.data, 16);
	s->source.port = (uint16_t)m->source->port;
}

static struct edge *edge_of(struct slot *s, uint32_t role, uint32_t instance)
{
	for (size_t i = 0; i < s->h->n_edges; i++) {
		struct edge *e = &s->h->edges[i];
		const struct slot *o = e->a == s ? e->b : e->a;

		if ((e->a == s || e->b == s) && (uint32_t)o->role == role &&
		    o->instance == instance)
			return e;
	}
	return NULL;
}

static void link_lost(struct slot *s, const Cv__LinkLost *m)
{
	const struct timeval tv = {.tv_usec = RELINK_MS * 1000};
	struct edge *e = edge_of(s, m->role, m->instance);

	/* Of one whose end died, word comes when the next one is made. */
	if (!e || (m->made && m->made != (uint32_t)e->made) ||
	    event_pending(e->timer, EV_TIMEOUT, NULL))
		return;
	e->lost_made = e->made;
	(void)event_add(e->timer, &tv);
}

/* --- roles that a switch turned off -------------------------------------- */

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_listeners(struct slot *s)
{
	struct house_fds *f = &s->h->fds;

	if (s->role == ROLE_WEB) {
		close_one(&f->https);
		close_one(&f->http);
	} else if (s->role == ROLE_SIP) {
		close_one(&f->sip);
		close_one(&s->h->sip_tcp);
		close_one(&s->h->sip_udp);
	} else if (s->role == ROLE_MEDIA) {
		close_one(&f->udp[s->instance]);
		close_one(&f->tcp[s->instance]);
	}
}

/* No waiting here: a port still taken costs a back-off. */
static int open_listeners(struct slot *s)
{
	const struct options *o = s->h->cfg->opt;
	struct house_fds *f = &s->h->fds;
	uint16_t media = (uint16_t)(o->media_first + s->instance);
	char error[LISTEN_ERROR_MAX] = "";
	int r = 0;

	if (s->role == ROLE_WEB && f->https < 0)
		r = listen_tcp(&f->https, o->https_port, 0, "", error);
	if (!r && s->role == ROLE_WEB && o->http_port && f->http < 0)
		r = listen_tcp(&f->http, o->http_port, 0, "", error);
	if (!r && s->role == ROLE_SIP && o->sip_port && f->sip < 0)
		r = listen_tcp(&f->sip, o->sip_port, 0, "", error);
	if (!r && s->role == ROLE_MEDIA && f->udp[s->instance] < 0)
		r = listen_udp(&f->udp[s->instance], media, 0, "", error);
	if (!r && s->role == ROLE_MEDIA)
		(void)listen_only_ice(f->udp[s->instance]);
	if (!r && s->role == ROLE_MEDIA && f->tcp[s->instance] < 0)
		r = listen_tcp(&f->tcp[s->instance], media, 0, "", error);
	if (r)
		log_error(MOD, "port cannot be opened again",
			  LOG_S("error", error));
	return r;
}

static void tell_listener(struct slot *s, Cv__FdName name, int fd)
{
	Cv__Listen m = CV__LISTEN__INIT;

	m.name = name;
	if (s->chan)
		(void)ipc_chan_send(ipc_ev_chan(s->chan), IPC_LISTEN, &m.base,
				    &fd, fd >= 0);
}

/* Opens or closes one clear port of SIP. A port that somebody else has stays
 * closed until the switch is moved again. */
static void clear_port(struct slot *s, bool udp)
{
	struct house *h = s->h;
	const uint16_t port = h->cfg->opt->sip_clear_port;
	const bool on = udp ? h->sip_udp_on : h->sip_tcp_on;
	int *fd = udp ? &h->sip_udp : &h->sip_tcp;
	char error[LISTEN_ERROR_MAX] = "";
	const int yes = 1;
	int r = 0;

	if (!on || s->off)
		close_one(fd);
	else if (port && *fd < 0)
		r = udp ? listen_udp(fd, port, 0, "", error) :
		    listen_tcp(fd, port, 0, "", error);
	/* An answer leaves from the address that was asked; sip itself may not
	 * set an option of a socket. */
	if (udp && *fd >= 0)
		(void)setsockopt(*fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes,
				 sizeof(yes));
	if (r)
		log_error(MOD, "clear port of SIP cannot be opened",
			  LOG_S("error", error));
	tell_listener(s, udp ? CV__FD_NAME__FD_SIP_UDP :
		      CV__FD_NAME__FD_LISTEN_SIP_TCP, *fd);
}

static void clear_ports(struct slot *s)
{
	clear_port(s, false);
	clear_port(s, true);
}

static struct slot *sip_of(struct house *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->slots[i].role == ROLE_SIP)
			return &h->slots[i];
	return NULL;
}

static void sip_clear(struct house *h, const Cv__RolesOff *m)
{
	struct slot *s = sip_of(h);
	const bool moved = h->sip_tcp_on != m->sip_tcp ||
			   h->sip_udp_on != m->sip_udp;

	h->sip_tcp_on = m->sip_tcp;
	h->sip_udp_on = m->sip_udp;
	if (s && moved)
		clear_ports(s);
}

static void roles_off(struct house *h, const Cv__RolesOff *m)
{
	uint32_t mask = house_may_be_off(m->mask);

	if (mask != m->mask)
		log_warn(MOD, "these roles cannot be turned off",
			 LOG_U("mask", m->mask & ~mask));
	for (size_t i = 0; i < h->n; i++) {
		struct slot *s = &h->slots[i];
		bool off = mask >> s->role & 1;

		if (s->role == ROLE_CORE || off == s->off)
			continue;
		s->off = off;
		log_notice(MOD, off ? "turned off" : "turned on",
			   LOG_S("role", ipc_role_name(s->role)),
			   LOG_U("instance", s->instance));
		step(s, off ? UNIT_EV_OFF : UNIT_EV_ON, clock_mono_ns());
	}
	sip_clear(h, m);
}

/* --- the certificate --------------------------------------------------------- */

static struct slot *slot_of(struct house *h, enum ipc_role role)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->slots[i].role == role)
			return &h->slots[i];
	return NULL;
}

static void tell_certificate(struct house *h, const Cv__Certificate *m)
{
	struct slot *core = slot_of(h, ROLE_CORE);

	if (core && core->chan)
		(void)ipc_send(ipc_ev_chan(core->chan), CERTIFICATE, m);
}

static void drop_pair(struct house *h)
{
	close_one(&h->tls.key);
	close_one(&h->tls.cert);
}

static void refuse_pair(struct house *h, struct span why)
{
	Cv__Certificate m = h->tls.told;

	log_error(MOD, "the certificate is not changed; the former stays",
		  LOG_T("reason", why));
	m.ok = false;
	m.reload = true;
	m.why = ipc_data(span_of(why.p, why.n < 128 ? why.n : 128));
	drop_pair(h);
	tell_certificate(h, &m);
}

/* From now on also for roles that start anew. */
static void accept_pair(struct house *h, const Cv__Certificate *m)
{
	static const enum ipc_role faces[] = {ROLE_WEB, ROLE_SIP};

	close_one(&h->fds.tls_key);
	close_one(&h->fds.tls_cert);
	h->fds.tls_key = h->tls.key;
	h->fds.tls_cert = h->tls.cert;
	h->tls.key = h->tls.cert = -1;
	log_notice(MOD, "the certificate is changed");
	for (size_t i = 0; i < sizeof(faces) / sizeof(faces[0]); i++) {
		struct slot *s = slot_of(h, faces[i]);

		if (s)
			tell_listener(s, CV__FD_NAME__FD_TLS_CERT,
				      h->fds.tls_cert);
	}
	tell_certificate(h, m);
}

static void pair_in_force(struct house *h, const Cv__Certificate *m)
{
	cv__certificate__init(&h->tls.told);
	h->tls.told.ok = m->ok;
	h->tls.told.not_after_s = m->not_after_s;
	h->tls.known = true;
}

static void pair_judged(struct house *h, const Cv__Certificate *m)
{
	const bool again = h->tls.again;

	if (h->tls.key < 0)
		return;		/* nothing was asked */
	h->tls.again = false;
	if (m->ok) {
		pair_in_force(h, m);
		accept_pair(h, m);
	} else {
		refuse_pair(h, ipc_bytes(m->why));
	}
	if (again)
		house_reload(h);
}

static void keys_said(struct house *h, const Cv__Certificate *m)
{
	if (m->reload) {
		pair_judged(h, m);
		return;
	}
	pair_in_force(h, m);
	if (!m->ok)
		log_warn(MOD, "the certificate will not do",
			 LOG_T("reason", ipc_bytes(m->why)));
	tell_certificate(h, m);
}

void house_reload(struct house *h)
{
	struct slot *keys = slot_of(h, ROLE_KEYS);
	char error[PREPARE_ERROR_MAX] = "";

	if (h->stopping)
		return;
	/* A verdict must be about the pair it was asked for. */
	if (h->tls.key >= 0) {
		h->tls.again = true;
		log_info(MOD, "the certificate is read again after this one");
		return;
	}
	if (!keys || !keys->chan || keys->unit.state != UNIT_UP) {
		refuse_pair(h, SPAN_LIT("keys does not serve yet: again in a moment"));
		return;
	}
	if (prepare_certificate(h->cfg->opt, &h->tls.key, &h->tls.cert,
				error) < 0) {
		refuse_pair(h, span_str(error));
		return;
	}
	log_info(MOD, "the certificate is read anew");
	tell_listener(keys, CV__FD_NAME__FD_TLS_KEY, h->tls.key);
	tell_listener(keys, CV__FD_NAME__FD_TLS_CERT, h->tls.cert);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct slot *s = arg;

	(void)ch;
	for (size_t i = 0; i < n_fds; i++)	/* nobody sends us any */
		close(fds[i]);
	if (type == IPC_READY) {
		s->served = true;
		step(s, UNIT_EV_READY, clock_mono_ns());
	} else if (type == IPC_SERVING) {
		serving(s, (const Cv__Serving *)msg);
	} else if (type == IPC_LINK_LOST) {
		link_lost(s, (const Cv__LinkLost *)msg);
	} else if (type == IPC_ROLES_OFF) {
		roles_off(s->h, (const Cv__RolesOff *)msg);
	} else if (type == IPC_CERTIFICATE) {
		keys_said(s->h, (const Cv__Certificate *)msg);
	} else if (type == IPC_CERTIFICATE_RELOAD) {
		house_reload(s->h);
	}
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct slot *s = arg;

	(void)ch;
	if (error != E_CLOSED)
		log_error(MOD, "channel refused",
			  LOG_S("role", ipc_role_name(s->role)),
			  LOG_U("instance", s->instance),
			  LOG_E("error", error));
	ipc_ev_free(&s->chan);
	step(s, UNIT_EV_CHANNEL_DOWN, clock_mono_ns());
}

/* --- starting ------------------------------------------------------------ */

struct boot {
	Cv__FdName names[BOOT_FDS_MAX];
	int fds[BOOT_FDS_MAX];
	size_t n;
};

static void give(struct boot *b, Cv__FdName name, int fd)
{
	if (fd < 0)
		return;
	b->names[b->n] = name;
	b->fds[b->n++] = fd;
}

/* A role reads a file from its beginning each time it is started. */
static void give_file(struct boot *b, Cv__FdName name, int fd)
{
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	give(b, name, fd);
}

static void boot_fds(struct boot *b, const struct slot *s, int crash)
{
	const struct house_fds *f = &s->h->fds;

	give(b, CV__FD_NAME__FD_CRASH, crash);
	switch (s->role) {
	case ROLE_KEYS:
		give_file(b, CV__FD_NAME__FD_TLS_KEY, f->tls_key);
		give_file(b, CV__FD_NAME__FD_TLS_CERT, f->tls_cert);
		break;
	case ROLE_CORE:
		give_file(b, CV__FD_NAME__FD_DATA_KEY, f->data_key);
		give(b, CV__FD_NAME__FD_DATA_DIR, f->data_dir);
		give(b, CV__FD_NAME__FD_CLI, f->cli);
		give(b, CV__FD_NAME__FD_GUARD, f->guard);
		break;
	case ROLE_BAN:
		give(b, CV__FD_NAME__FD_NETLINK, f->netlink);
		break;
	case ROLE_COURIER:
		give_file(b, CV__FD_NAME__FD_TRUST, f->trust);
		break;
	case ROLE_WEB:
		give(b, CV__FD_NAME__FD_LISTEN_HTTPS, f->https);
		give(b, CV__FD_NAME__FD_LISTEN_HTTP, f->http);
		give_file(b, CV__FD_NAME__FD_TLS_CERT, f->tls_cert);
		give(b, CV__FD_NAME__FD_STATIC_DIR, f->static_dir);
		break;
	case ROLE_SIP:
		give(b, CV__FD_NAME__FD_LISTEN_SIP_TLS, f->sip);
		give_file(b, CV__FD_NAME__FD_TLS_CERT, f->tls_cert);
		give_file(b, CV__FD_NAME__FD_TRUST, f->trust);
		break;
	case ROLE_MEDIA:
		give(b, CV__FD_NAME__FD_MEDIA_UDP, f->udp[s->instance]);
		give(b, CV__FD_NAME__FD_MEDIA_TCP, f->tcp[s->instance]);
		give_file(b, CV__FD_NAME__FD_PROMPTS, f->prompts);
		break;
	default:
		break;
	}
}

static int send_boot(struct slot *s, int crash)
{
	struct house_option *o = mem_calloc(BOOT_OPTIONS_MAX, sizeof(*o));
	Cv__BootOption rows[BOOT_OPTIONS_MAX], *list[BOOT_OPTIONS_MAX];
	Cv__Boot m = CV__BOOT__INIT;
	struct boot b = {.n = 0};
	int r;

	if (!o)
		return E_NOMEM;
	boot_fds(&b, s, crash);
	m.n_fds = b.n;
	m.fds = b.names;
	m.n_options = house_options(o, BOOT_OPTIONS_MAX, s->h->cfg, s->role,
				    s->instance);
	m.options = list;
	for (size_t i = 0; i < m.n_options; i++) {
		cv__boot_option__init(&rows[i]);
		rows[i].name = o[i].name;
		rows[i].value = o[i].value;
		list[i] = &rows[i];
	}
	r = ipc_chan_send(ipc_ev_chan(s->chan), IPC_BOOT, &m.base, b.fds, b.n);
	mem_free(o);
	return r;
}

static void send_link(struct slot *to, const struct slot *about, uint64_t made,
		      int fd)
{
	Cv__Link m = CV__LINK__INIT;
	int r;

	m.role = (uint32_t)about->role;
	m.instance = about->instance;
	m.made = (uint32_t)made;
	r = ipc_chan_send(ipc_ev_chan(to->chan), IPC_LINK, &m.base, &fd, 1);
	if (r < 0)
		log_error(MOD, "no link", LOG_S("to", ipc_role_name(to->role)),
			  LOG_S("about", ipc_role_name(about->role)),
			  LOG_E("error", r));
}

/* Pictures come in bursts of a keyframe for each group; video itself may not
 * set an option of a socket. As much as the kernel gives. */
static void widen(const struct edge *e, const int pair[2])
{
	const int bytes = FRAME_LINK_BYTES;

	if (e->a->role != ROLE_VIDEO && e->b->role != ROLE_VIDEO)
		return;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes,
				 sizeof(bytes));
}

static void make_link(struct edge *e)
{
	int pair[2];

	if (!e->a->chan || !e->b->chan)
		return;		/* the one that starts later makes it */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0) {
		log_error(MOD, "no socket pair", LOG_I("errno", errno));
		return;
	}
	widen(e, pair);
	e->made++;
	send_link(e->a, e->b, e->made, pair[0]);
	send_link(e->b, e->a, e->made, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

static void make_links(struct slot *s)
{
	for (size_t i = 0; i < s->h->n_edges; i++)
		if (s->h->edges[i].a == s || s->h->edges[i].b == s)
			make_link(&s->h->edges[i]);
}

/* Nobody died, and no new link was made since it was reported. */
static void cb_relink(evutil_socket_t fd, short what, void *arg)
{
	struct edge *e = arg;
	uint64_t now = clock_mono_ns();

	(void)fd;
	(void)what;
	if (e->made != e->lost_made || !e->a->chan || !e->b->chan ||
	    e->h->stopping)
		return;
	if (now - e->window_ns > LINK_LOST_S * NS_PER_S) {
		e->window_ns = now;
		e->lost = 0;
	}
	log_warn(MOD, "link lost between living roles",
		 LOG_S("a", ipc_role_name(e->a->role)),
		 LOG_S("b", ipc_role_name(e->b->role)),
		 LOG_U("instance", e->b->instance), LOG_U("times", ++e->lost));
	if (e->lost < LINK_LOST_MAX)
		make_link(e);
	else
		step(e->b, UNIT_EV_CHANNEL_DOWN, now);
}

static int make_process(struct slot *s, int channel, int log, int crash)
{
	const struct house_cfg *cfg = s->h->cfg;
	const struct house_user *u = &cfg->users[s->role];
	char path[OPT_PATH_MAX + 32];
	struct spawn sp = {
		.path = path, .instance = s->instance,
		.change_user = u->change, .uid = u->uid, .gid = u->gid,
		.net_admin = s->role == ROLE_BAN,
		.channel = channel, .log = log, .crash = crash,
	};
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/conclave-%s",
		       cfg->opt->libexec_dir, ipc_role_name(s->role));
	pid = spawn_role(&sp);
	if (pid < 0)
		return E_SYS;
	s->pid = pid;
	return 0;
}

static int make_channel(struct slot *s, int fd)
{
	struct ipc_chan_cfg c = {
		.fd = fd, .self = ROLE_SUPER, .peer = s->role,
		.peer_instance = s->instance, .on_msg = on_msg,
		.on_down = on_down, .arg = s,
	};

	return ipc_ev_new(&s->chan, s->h->cfg->base, &c);
}

static int spawn_slot(struct slot *s)
{
	int pair[2] = {-1, -1}, log = -1, crash = -1;
	int r = E_SYS;

	s->has_source = false;
	if (open_listeners(s) < 0)
		return E_SYS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return E_SYS;
	r = pipe_open(s, &s->log, &s->log_ev, false, &log);
	if (!r)
		r = pipe_open(s, &s->crash, &s->crash_ev, true, &crash);
	if (!r)
		r = make_process(s, pair[1], log, crash);
	if (!r)
		r = make_channel(s, pair[0]);	/* takes pair[0] */
	else
		close(pair[0]);
	if (!r)
		r = send_boot(s, crash);
	close(pair[1]);
	if (log >= 0)
		close(log);
	if (crash >= 0)
		close(crash);
	if (!r && s->role == ROLE_SIP)
		clear_ports(s);
	if (!r)
		make_links(s);
	return r;
}

/* --- telling core -------------------------------------------------------- */

static struct slot *core_of(struct house *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->slots[i].role == ROLE_CORE)
			return &h->slots[i];
	return NULL;
}

static void tell_up(struct slot *core, const struct slot *s)
{
	Cv__RoleUp m = CV__ROLE_UP__INIT;

	if (!core || !core->chan || core == s)
		return;
	m.role = (uint32_t)s->role;
	m.instance = s->instance;
	(void)ipc_send(ipc_ev_chan(core->chan), ROLE_UP, &m);
}

/* A new core hears of everybody who already serves. */
static void told_up(struct slot *s)
{
	struct house *h = s->h;

	log_notice(MOD, "serves", LOG_S("role", ipc_role_name(s->role)),
		   LOG_U("instance", s->instance));
	if (s->role != ROLE_CORE) {
		tell_up(core_of(h), s);
		return;
	}
	for (size_t i = 0; i < h->n; i++)
		if (h->slots[i].unit.state == UNIT_UP)
			tell_up(s, &h->slots[i]);
	if (h->tls.known)
		tell_certificate(h, &h->tls.told);
}

static void tell_died(struct slot *s, int status)
{
	struct slot *core = core_of(s->h);
	Cv__RoleDied m = CV__ROLE_DIED__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	char source[ADDR_TEXT_MAX] = "";

	m.role = (uint32_t)s->role;
	m.instance = s->instance;
	if (WIFSIGNALED(status))
		m.signal = (uint32_t)WTERMSIG(status);
	else
		m.exit_code = (uint32_t)WEXITSTATUS(status);
	m.restart_ms = s->unit.restart_ms;
	if (s->has_source) {
		a.ip = ipc_data(span_of(s->source.ip, 16));
		a.port = s->source.port;
		m.source = &a;
		addr_print(&s->source, source);
	}
	log_error(MOD, m.signal == SIGSYS ? "role died at its walls" :
		  "role died", LOG_S("role", ipc_role_name(s->role)),
		  LOG_U("instance", s->instance), LOG_U("signal", m.signal),
		  LOG_U("exit", m.exit_code), LOG_U("restart_ms", m.restart_ms),
		  LOG_S("serving", source));
	if (core && core->chan && core != s)
		(void)ipc_send(ipc_ev_chan(core->chan), ROLE_DIED, &m);
}

/* --- the machine's effects ----------------------------------------------- */

static void arm(struct slot *s, uint64_t now)
{
	struct timeval tv = {0};
	uint64_t left;

	if (!s->unit.due_ns) {
		(void)event_del(s->timer);
		return;
	}
	left = s->unit.due_ns > now ? s->unit.due_ns - now : 0;
	tv.tv_sec = (time_t)(left / NS_PER_S);
	tv.tv_usec = (suseconds_t)(left % NS_PER_S / NS_PER_US);
	(void)event_add(s->timer, &tv);
}

static void send_stop(struct slot *s)
{
	Cv__Stop m = CV__STOP__INIT;

	if (s->chan)
		(void)ipc_send(ipc_ev_chan(s->chan), STOP, &m);
}

static void leave_when_done(struct house *h)
{
	if (!h->stopping)
		return;
	for (size_t i = 0; i < h->n; i++)
		if (h->slots[i].unit.state != UNIT_DONE)
			return;
	(void)event_base_loopbreak(h->cfg->base);
}

static void clean(struct slot *s)
{
	ipc_ev_free(&s->chan);
	pump(s, &s->log, NULL);
	pump(s, &s->crash, NULL);
	pipe_close(&s->log, &s->log_ev);
	pipe_close(&s->crash, &s->crash_ev);
	s->pid = 0;
	if (s->role != ROLE_KEYS)
		return;
	s->h->tls.again = false;
	if (s->h->tls.key >= 0)
		refuse_pair(s->h, SPAN_LIT("keys died over it"));
}

/* The process could not be made: the same back-off as for one that died. */
static void spawn_failed(struct slot *s, int error, uint64_t now)
{
	log_error(MOD, "role cannot be started",
		  LOG_S("role", ipc_role_name(s->role)),
		  LOG_E("error", error), LOG_I("errno", errno));
	if (s->pid) {
		(void)kill(s->pid, SIGKILL);	/* house_reap goes on */
		return;
	}
	clean(s);
	(void)unit_event(&s->unit, UNIT_EV_EXIT, now);
	arm(s, now);
}

static void act(struct slot *s, unsigned todo, uint64_t now)
{
	int r;

	if (todo & UNIT_DO_KILL && s->pid)
		(void)kill(s->pid, SIGKILL);
	if (todo & UNIT_DO_SEND_STOP)
		send_stop(s);
	if (todo & UNIT_DO_CLOSE)
		close_listeners(s);
	if (todo & UNIT_DO_TELL_UP)
		told_up(s);
	if (!(todo & UNIT_DO_SPAWN))
		return;
	r = spawn_slot(s);
	if (r < 0)
		spawn_failed(s, r, now);
}

static void step(struct slot *s, enum unit_ev ev, uint64_t now)
{
	unsigned todo = unit_event(&s->unit, ev, now);

	if (todo & UNIT_REFUSED)
		log_warn(MOD, "event refused",
			 LOG_S("role", ipc_role_name(s->role)),
			 LOG_S("state", unit_state_name(s->unit.state)),
			 LOG_U("event", ev));
	arm(s, now);
	act(s, todo, now);
	leave_when_done(s->h);
}

static void cb_timer(evutil_socket_t fd, short what, void *arg)
{
	struct slot *s = arg;

	(void)fd;
	(void)what;
	step(s, UNIT_EV_TIMER, clock_mono_ns());
}

/* It said why no new start can help, and has never served: neither can the
 * house. Later, what runs is worth more than what is missing. */
static void heed_refusal(struct slot *s, int status)
{
	struct house *h = s->h;

	if (s->served || h->stopping || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != ROLE_EXIT_REFUSED)
		return;
	(void)snprintf(h->refusal, sizeof(h->refusal), "%s: %s",
		       ipc_role_name(s->role), s->crash.last[0] ?
		       s->crash.last : "cannot start: see the log");
	house_stop(h);
}

const char *house_refusal(const struct house *h)
{
	return h->refusal[0] ? h->refusal : NULL;
}

void house_reap(struct house *h)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < h->n; i++) {
			struct slot *s = &h->slots[i];
			unsigned todo;

			if (s->pid != pid)
				continue;
			clean(s);
			todo = unit_event(&s->unit, UNIT_EV_EXIT,
					  clock_mono_ns());
			if (todo & UNIT_DO_TELL_DIED)
				tell_died(s, status);
			arm(s, clock_mono_ns());
			act(s, todo & UNIT_DO_SPAWN, clock_mono_ns());
			heed_refusal(s, status);
		}
	}
	leave_when_done(h);
}

/* --- life ---------------------------------------------------------------- */

static int add_slot(struct house *h, enum ipc_role role, uint32_t instance)
{
	struct slot *s = &h->slots[h->n++];

	s->h = h;
	s->role = role;
	s->instance = instance;
	s->log.fd = s->crash.fd = -1;
	s->timer = event_new(h->cfg->base, -1, 0, cb_timer, s);
	return s->timer ? 0 : E_NOMEM;
}

static int add_edges(struct house *h)
{
	for (size_t i = 0; i < h->n; i++) {
		for (size_t j = i + 1; j < h->n; j++) {
			struct slot *a = &h->slots[i], *b = &h->slots[j];
			struct edge *e = &h->edges[h->n_edges];

			if (!house_has_link(a->role, a->instance, b->role,
					    b->instance))
				continue;
			/* Slots stand in the order of trust. */
			*e = (struct edge){.h = h, .a = a, .b = b};
			e->timer = event_new(h->cfg->base, -1, 0, cb_relink,
					     e);
			if (!e->timer)
				return E_NOMEM;
			h->n_edges++;
		}
	}
	return 0;
}

/* In the order of trust: keys, core, ban, courier, media, video, web, sip. */
static int add_slots(struct house *h)
{
	int r = add_slot(h, ROLE_KEYS, 0);

	if (!r)
		r = add_slot(h, ROLE_CORE, 0);
	if (!r && h->cfg->with_ban)
		r = add_slot(h, ROLE_BAN, 0);
	if (!r && h->cfg->with_courier)
		r = add_slot(h, ROLE_COURIER, 0);
	for (uint32_t i = 0; i < h->cfg->workers && !r; i++) {
		r = add_slot(h, ROLE_MEDIA, i);
		if (!r)
			r = add_slot(h, ROLE_VIDEO, i);
	}
	if (!r)
		r = add_slot(h, ROLE_WEB, 0);
	if (!r && h->cfg->with_sip)
		r = add_slot(h, ROLE_SIP, 0);
	return r ? r : add_edges(h);
}

int house_new(struct house **out, const struct house_cfg *cfg)
{
	struct house *h;
	int r;

	if (cfg->workers < 1 || cfg->workers > OPT_WORKERS_MAX)
		return E_INVAL;
	h = mem_zalloc(sizeof(*h));
	if (!h)
		return E_NOMEM;
	h->cfg = cfg;
	h->fds = cfg->fds;
	h->sip_tcp = h->sip_udp = -1;
	h->tls.key = h->tls.cert = -1;
	cv__certificate__init(&h->tls.told);
	sink_src_init(&h->own, cfg->own_log, ipc_role_name(ROLE_SUPER), 0,
		      false);
	h->own_ev = event_new(cfg->base, cfg->own_log, EV_READ | EV_PERSIST,
			      cb_own_log, h);
	r = h->own_ev && event_add(h->own_ev, NULL) == 0 ? add_slots(h) :
	    E_NOMEM;
	if (r < 0) {
		house_free(&h);
		return r;
	}
	*out = h;
	return 0;
}

void house_free(struct house **hp)
{
	struct house *h = hp ? *hp : NULL;

	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++) {
		struct slot *s = &h->slots[i];

		if (s->pid)
			(void)kill(s->pid, SIGKILL);
		clean(s);
		if (s->timer)
			event_free(s->timer);
	}
	for (size_t i = 0; i < h->n_edges; i++)
		event_free(h->edges[i].timer);
	close_one(&h->sip_tcp);
	close_one(&h->sip_udp);
	drop_pair(h);
	if (h->own_ev) {
		cb_own_log(-1, 0, h);
		event_free(h->own_ev);
	}
	mem_free(h);
	*hp = NULL;
}

void house_start(struct house *h)
{
	for (size_t i = 0; i < h->n; i++)
		step(&h->slots[i], UNIT_EV_START, clock_mono_ns());
}

void house_stop(struct house *h)
{
	if (h->stopping)
		return;
	h->stopping = true;
	log_notice(MOD, "stops");
	for (size_t i = 0; i < h->n; i++)
		step(&h->slots[i], UNIT_EV_STOP, clock_mono_ns());
}
