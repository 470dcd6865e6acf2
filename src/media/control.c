/* The channel to core: a table of what it may ask, and what we tell. */
#include "media/media.h"
#include <time.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "super.pb-c.h"

#define MOD "control"

enum { INPUT_BUDGET = 64 };

static void fill_addr(Cv__Addr *a, const struct addr *from)
{
	cv__addr__init(a);
	a->ip = ipc_data(span_of(from->ip, sizeof(from->ip)));
	a->port = from->port;
}

/* --- out --------------------------------------------------------------- */

/* All that it carries, not a part. */
static bool is_encrypted(const struct leg *leg)
{
	const struct flow *a = leg->audio_flow, *v = leg->video_flow;

	if (leg->nego.audio.section >= 0 && !a->tx)
		return false;
	if (leg->nego.video.section >= 0 && !v->tx)
		return false;
	if (leg->nego.slides.section >= 0 && !leg->slides_flow->tx)
		return false;
	if (leg->nego.fecc.section >= 0 &&
	    leg->fecc_flow->crypto == NEGO_CLEAR)
		return false;
	return a->tx || v->tx;
}

void control_leg_state(struct leg *leg)
{
	Cv__LegState s = CV__LEG_STATE__INIT;
	Cv__Addr a;
	const struct flow *f = leg_main_flow(leg);
	const struct path *p = flow_path(f, false);

	if (!leg->m->core)
		return;
	s.leg = leg->handle;
	s.phase = leg->phase;
	if (p) {
		fill_addr(&a, &p->peer);
		s.source = &a;
	}
	s.sends_video = leg->told_video;
	s.video_codec = leg->nego.video.section >= 0 ? leg->nego.video.codec
						     : CV__CODEC_NAME__CODEC_NONE;
	s.width = leg->told_width;
	s.height = leg->told_height;
	s.encrypted = is_encrypted(leg);
	if (s.encrypted && f->suite)
		s.suite = ipc_data(span_str(f->suite));
	s.audio_codec = leg->nego.audio.section >= 0
			? leg->nego.audio.codec : CV__CODEC_NAME__CODEC_NONE;
	s.max_fs = leg->nego.video.max_fs;
	s.has_slides = leg->told_slides.has;
	s.slides_takes = leg->told_slides.takes;
	s.sends_slides = leg->told_slides.sends;
	s.slides_codec = leg->told_slides.codec;
	s.slides_width = leg->told_slides.width;
	s.slides_height = leg->told_slides.height;
	s.slides_max_fs = leg->nego.slides.max_fs;
	s.max_mbps = leg->nego.video.max_mbps;
	s.slides_max_mbps = leg->nego.slides.max_mbps;
	s.has_camera = leg->told_camera;
	(void)ipc_send(leg->m->core, LEG_STATE, &s);
}

void control_leg_want_key(struct leg *leg, bool is_slides)
{
	Cv__LegWantKey w = CV__LEG_WANT_KEY__INIT;

	if (!leg->m->core)
		return;
	w.leg = leg->handle;
	w.slides = is_slides;
	(void)ipc_send(leg->m->core, LEG_WANT_KEY, &w);
}

void control_leg_dtmf(struct leg *leg, const struct dtmf_press *p)
{
	Cv__LegDtmf d = CV__LEG_DTMF__INIT;

	if (!leg->m->core)
		return;
	d.leg = leg->handle;
	d.digit = p->event;
	d.ms = p->ms;
	(void)ipc_send(leg->m->core, LEG_DTMF, &d);
}

void control_leg_camera(struct leg *leg, const Cv__CameraMove *move)
{
	Cv__LegCamera c = CV__LEG_CAMERA__INIT;

	if (!leg->m->core)
		return;
	c.leg = leg->handle;
	c.move = (Cv__CameraMove *)(uintptr_t)move;
	(void)ipc_send(leg->m->core, LEG_CAMERA, &c);
}

void control_leg_bandwidth(struct leg *leg, uint32_t kbps, bool storm)
{
	Cv__LegBandwidth b = CV__LEG_BANDWIDTH__INIT;

	if (!leg->m->core)
		return;
	b.leg = leg->handle;
	b.kbps_down = kbps;
	b.keyframe_storm = storm;
	(void)ipc_send(leg->m->core, LEG_BANDWIDTH, &b);
}

void control_speakers(struct room *r, const struct audio_speaker *s, size_t n)
{
	Cv__Speakers msg = CV__SPEAKERS__INIT;
	Cv__Speaker list[AUDIO_SPEAKERS_MAX], *at[AUDIO_SPEAKERS_MAX];

	if (!r->m->core)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct leg *leg = s[i].user;

		cv__speaker__init(&list[i]);
		list[i].leg = leg->handle;
		list[i].vad = s[i].vad;
		at[i] = &list[i];
	}
	msg.room = r->handle;
	msg.speakers = at;
	msg.n_speakers = n;
	(void)ipc_send(r->m->core, SPEAKERS, &msg);
}

void control_stats(struct media *m)
{
	Cv__MediaStats s = CV__MEDIA_STATS__INIT;
	struct ice_stats ice;
	struct net_stats net;
	struct timespec cpu;

	if (!m->core)
		return;
	s.late_ticks = m->stats.late_ticks;
	s.late_own = m->stats.late_own;
	s.ticks = m->stats.ticks;
	s.packets_in = m->stats.packets_in;
	s.packets_dropped = m->stats.packets_dropped;
	s.legs = (uint32_t)map_count(m->legs);
	ice_get_stats(m->ice, &ice);
	net_get_stats(m->net, &net);
	s.refused_checks = ice.too_fast;
	s.refused_handshakes = flood_refused(m->handshakes);
	s.refused_tcp = net.tcp_refused;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		s.cpu_us = (uint64_t)cpu.tv_sec * 1000000 +
			   (uint64_t)cpu.tv_nsec / 1000;
	(void)ipc_send(m->core, MEDIA_STATS, &s);
}

static void answer_send(struct media *m, uint32_t req, uint64_t leg, int r,
			Cv__LegDescription **d)
{
	Cv__LegAnswer a = CV__LEG_ANSWER__INIT;

	if (r < 0) {
		m->stats.refused_offers++;
		log_info(MOD, "offer refused", LOG_E("error", r),
			 LOG_U("leg", leg));
	}
	a.req = req;
	a.leg = leg;
	a.ok = r == 0;
	a.answer = r == 0 ? *d : NULL;
	(void)ipc_send(m->core, LEG_ANSWER, &a);
	nego_answer_free(d);
}

/* --- in ---------------------------------------------------------------- */

static void in_room_open(struct media *m, const void *msg)
{
	const Cv__RoomOpen *o = msg;
	int r = room_open(m, o);

	/* a new core opens again what was here before it */
	if (r < 0 && r != E_EXISTS)
		log_warn(MOD, "room not opened", LOG_E("error", r),
			 LOG_U("room", o->room));
}

static void in_room_close(struct media *m, const void *msg)
{
	struct room *r = room_find(m, ((const Cv__RoomClose *)msg)->room);

	if (r)
		room_close(r);
	else
		m->stats.bad_handles++;
}

static void in_leg_open(struct media *m, const void *msg)
{
	const Cv__LegOpen *o = msg;
	Cv__LegDescription *d = NULL;
	int r = leg_open(m, o, &d);

	answer_send(m, o->req, o->leg, r, &d);
}

static void in_leg_update(struct media *m, const void *msg)
{
	const Cv__LegUpdate *u = msg;
	struct leg *leg = leg_find(m, u->leg);
	Cv__LegDescription *d = NULL;
	int r = leg ? leg_update(leg, u, &d) : E_NOTFOUND;

	if (!leg)
		m->stats.bad_handles++;
	answer_send(m, u->req, u->leg, r, &d);
}

static void in_leg_accept(struct media *m, const void *msg)
{
	const Cv__LegAccept *a = msg;
	struct leg *leg = leg_find(m, a->leg);
	Cv__LegDescription *d = NULL;
	int r = leg ? leg_accept(leg, a, &d) : E_NOTFOUND;

	if (!leg)
		m->stats.bad_handles++;
	answer_send(m, a->req, a->leg, r, &d);
}

static void in_leg_want_key(struct media *m, const void *msg)
{
	const Cv__LegWantKey *w = msg;
	struct leg *leg = leg_find(m, w->leg);
	struct group *g = leg && leg->group && leg->vout ?
			  room_group(leg->room, leg->group) : NULL;

	if (!leg)
		m->stats.bad_handles++;
	else if (g)
		group_want_key(leg->room, g);
}

static void in_leg_move(struct media *m, const void *msg)
{
	const Cv__LegMove *v = msg;
	struct leg *leg = leg_find(m, v->leg);
	int r = leg ? leg_move(leg, v) : E_NOTFOUND;

	if (!leg)
		m->stats.bad_handles++;
	if (r < 0)
		log_warn(MOD, "leg not moved", LOG_E("error", r),
			 LOG_U("leg", v->leg), LOG_U("room", v->room));
}

static void in_leg_send_dtmf(struct media *m, const void *msg)
{
	const Cv__LegSendDtmf *d = msg;
	struct leg *leg = leg_find(m, d->leg);

	if (leg)
		leg_send_dtmf(leg, ipc_bytes(d->digits));
	else
		m->stats.bad_handles++;
}

static void in_leg_bfcp(struct media *m, const void *msg)
{
	const Cv__LegBfcp *b = msg;
	struct leg *leg = leg_find(m, b->leg);

	if (leg)
		leg_bfcp_send(leg, ipc_bytes(b->datagram));
	else
		m->stats.bad_handles++;
}

static void in_leg_camera(struct media *m, const void *msg)
{
	const Cv__LegCamera *c = msg;
	struct leg *leg = leg_find(m, c->leg);

	if (leg && c->move)
		leg_fecc_move(leg, c->move);
	else
		m->stats.bad_handles++;
}

static void in_leg_set(struct media *m, const void *msg)
{
	const Cv__LegSet *s = msg;
	struct leg *leg = leg_find(m, s->leg);

	if (leg)
		leg_set(leg, s->flags);
	else
		m->stats.bad_handles++;
}

static void in_presentation(struct media *m, const void *msg)
{
	const Cv__Presentation *p = msg;
	struct room *r = room_find(m, p->room);

	if (r)
		room_present(r, p);
	else
		m->stats.bad_handles++;
}

static void in_leg_play(struct media *m, const void *msg)
{
	const Cv__LegPlay *p = msg;
	struct leg *leg = leg_find(m, p->leg);

	if (leg)
		leg_play(leg, p);
	else
		m->stats.bad_handles++;
}

static void in_leg_loop(struct media *m, const void *msg)
{
	const Cv__LegLoop *l = msg;
	struct leg *leg = leg_find(m, l->leg);

	if (leg)
		leg_loop(leg, l);
	else
		m->stats.bad_handles++;
}

static void in_leg_close(struct media *m, const void *msg)
{
	struct leg *leg = leg_find(m, ((const Cv__LegClose *)msg)->leg);

	if (leg)
		leg_close(leg);
	else
		m->stats.bad_handles++;
}

static void in_plan(struct media *m, const void *msg)
{
	const Cv__PicturePlan *p = msg;
	struct room *r = room_find(m, p->room);

	if (r)
		room_plan(r, p);
	else
		m->stats.bad_handles++;
}

/* Whatever the new core does not know has ended. */
static void in_leg_keep(struct media *m, const void *msg)
{
	const Cv__LegKeep *k = msg;

	list_each(room, tmp, &m->room_list) {
		struct room *r = list_entry(room, struct room, in_media);

		list_each(it, next, &r->legs)
			list_entry(it, struct leg, in_room)->is_planned = false;
	}
	for (size_t i = 0; i < k->n_legs; i++) {
		struct leg *leg = leg_find(m, k->legs[i]);

		if (leg)
			leg->is_planned = true;
	}
	list_each(room, tmp, &m->room_list) {
		struct room *r = list_entry(room, struct room, in_media);

		list_each(it, next, &r->legs) {
			struct leg *leg = list_entry(it, struct leg, in_room);

			if (!leg->is_planned)
				leg_close(leg);
		}
		if (list_is_empty(&r->legs))
			room_close(r);
	}
}

/* What the schema's range allows; anything else leaves it as it is. */
static void take_rate(const Cv__Settings *s, const char *name, uint32_t *rate)
{
	enum { RATE_MAX = 1000000 };
	uint64_t v;

	for (size_t i = 0; i < s->n_settings; i++)
		if (strcmp(s->settings[i]->name, name) == 0 &&
		    span_u64(ipc_bytes(s->settings[i]->value), RATE_MAX,
			     &v) == 0 && v > 0)
			*rate = (uint32_t)v;
}

static void set_nets(const char *name, struct span value,
		     struct outguard_net nets[OUTGUARD_NETS_MAX], size_t *n)
{
	struct outguard_net fresh[OUTGUARD_NETS_MAX];
	size_t got = 0;

	if (outguard_nets_parse(fresh, OUTGUARD_NETS_MAX, &got, value) < 0) {
		log_error(MOD, "a list of networks cannot be read; unchanged",
			  LOG_S("setting", name));
		return;
	}
	memcpy(nets, fresh, got * sizeof(fresh[0]));
	*n = got;
}

static void take_guard(struct media *m, const Cv__Settings *s)
{
	for (size_t i = 0; i < s->n_settings; i++) {
		const char *name = s->settings[i]->name;
		struct span value = ipc_bytes(s->settings[i]->value);

		if (strcmp(name, "outbound_allowed_networks") == 0)
			set_nets(name, value, m->guard_allowed,
				 &m->guard.n_allowed);
		else if (strcmp(name, "management_allowed_networks") == 0)
			set_nets(name, value, m->guard_management,
				 &m->guard.n_management);
		else if (strcmp(name, "srtp_allow_sha1_32") == 0)
			m->is_sha1_32_allowed = span_eq(value,
							SPAN_LIT("true"));
	}
}

static void in_settings(struct media *m, const void *msg)
{
	const Cv__Settings *s = msg;
	Cv__SettingsAck ack = CV__SETTINGS_ACK__INIT;
	struct flood_limits dtls = media_dtls_limits;
	uint32_t stun = ICE_SOURCE_PER_S, all = ICE_TOTAL_PER_S;

	take_rate(s, "max_stun_per_source", &stun);
	take_rate(s, "max_stun", &all);
	take_rate(s, "max_dtls_handshakes_per_source", &dtls.per_s);
	take_rate(s, "max_dtls_handshakes", &dtls.total_per_s);
	ice_limit_strangers(m->ice, stun, all);
	flood_limit(m->handshakes, &dtls);
	take_guard(m, s);
	ack.epoch = s->epoch;
	(void)ipc_send(m->core, SETTINGS_ACK, &ack);
}

static const struct {
	enum ipc_type type;
	void (*fn)(struct media *m, const void *msg);
} handlers[] = {
	{IPC_ROOM_OPEN, in_room_open}, {IPC_ROOM_CLOSE, in_room_close},
	{IPC_LEG_OPEN, in_leg_open}, {IPC_LEG_UPDATE, in_leg_update},
	{IPC_LEG_SET, in_leg_set}, {IPC_LEG_CLOSE, in_leg_close},
	{IPC_LEG_ACCEPT, in_leg_accept}, {IPC_LEG_MOVE, in_leg_move},
	{IPC_LEG_SEND_DTMF, in_leg_send_dtmf},
	{IPC_LEG_WANT_KEY, in_leg_want_key},
	{IPC_LEG_BFCP, in_leg_bfcp}, {IPC_LEG_CAMERA, in_leg_camera},
	{IPC_LEG_PLAY, in_leg_play}, {IPC_LEG_LOOP, in_leg_loop},
	{IPC_PICTURE_PLAN, in_plan}, {IPC_LEG_KEEP, in_leg_keep},
	{IPC_SETTINGS, in_settings}, {IPC_PRESENTATION, in_presentation},
};

/* --- channel ----------------------------------------------------------- */

static size_t report_fill(struct media *m, Cv__LegAlive *list,
			  Cv__LegAlive **at, size_t cap)
{
	size_t n = 0;

	list_each(room, tmp, &m->room_list) {
		struct room *r = list_entry(room, struct room, in_media);

		list_each(it, next, &r->legs) {
			const struct leg *leg =
				list_entry(it, struct leg, in_room);

			if (n == cap)
				return n;
			cv__leg_alive__init(&list[n]);
			list[n].room = r->handle;
			list[n].leg = leg->handle;
			list[n].phase = leg->phase;
			list[n].sends_video = leg->told_video;
			list[n].video_codec = leg->nego.video.section >= 0
				? leg->nego.video.codec : 0;
			at[n] = &list[n];
			n++;
		}
	}
	return n;
}

static void report_send(struct media *m)
{
	size_t cap = map_count(m->legs);
	Cv__LegReport msg = CV__LEG_REPORT__INIT;
	Cv__LegAlive *list = mem_calloc(cap, sizeof(*list));
	Cv__LegAlive **at = mem_calloc(cap, sizeof(*at));

	if (list && at) {
		msg.legs = at;
		msg.n_legs = report_fill(m, list, at, cap);
		(void)ipc_send(m->core, LEG_REPORT, &msg);
	}
	mem_free(list);
	mem_free(at);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct media *m = arg;

	(void)fds;
	(void)n_fds;
	if (ch != m->core)
		return;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == type) {
			handlers[i].fn(m, msg);
			return;
		}
}

/* Without core the meetings go on; super brings a new one. */
static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct media *m = arg;

	if (ch != m->core)
		return;
	log_notice(MOD, "core is gone", LOG_E("error", error));
	loop_del(&m->loop, &m->core_watch);
	m->core_old = m->core;
	m->core = NULL;
}

static void on_want(void *arg, struct ipc_chan *ch, bool write)
{
	struct media *m = arg;

	if (ch == m->core)
		(void)loop_set(&m->loop, &m->core_watch,
			       EPOLLIN | (write ? (uint32_t)EPOLLOUT : 0));
}

static void on_event(void *arg, uint32_t events, uint64_t now_ns)
{
	struct media *m = arg;
	struct ipc_chan *ch = m->core;

	m->now_ns = now_ns;
	if (ch && (events & EPOLLOUT))
		(void)ipc_chan_output(ch);	/* failure: on_down */
	if (ch == m->core && ch)
		(void)ipc_chan_input(ch, INPUT_BUDGET);
}

void control_link(struct media *m, int fd, uint32_t instance)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = ROLE_MEDIA,
				   .self_instance = m->instance,
				   .peer = ROLE_CORE,
				   .peer_instance = instance,
				   .on_msg = on_msg, .on_down = on_down,
				   .on_want = on_want, .arg = m};
	struct ipc_chan *ch;

	if (m->core) {
		loop_del(&m->loop, &m->core_watch);
		ipc_chan_free(&m->core_old);
		m->core_old = m->core;
		m->core = NULL;
	}
	m->core_watch = (struct watch){.fd = fd, .fn = on_event, .arg = m};
	if (ipc_chan_new(&ch, &cfg) < 0) {
		log_error(MOD, "no channel to core");
		return;
	}
	m->core = ch;
	if (loop_set(&m->loop, &m->core_watch, EPOLLIN |
		     (ipc_chan_wants_write(ch) ? (uint32_t)EPOLLOUT : 0)) < 0)
		log_error(MOD, "channel to core not watched");
	report_send(m);
}
