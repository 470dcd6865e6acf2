/* The worker as a whole: makes everything, runs the loop and the tick. */
#include "media/audio/prompts.h"
#include "media/media.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "media/video/out.h"
#include "wire/rtp/rtp.h"

#define MOD "worker"

enum { ROOM_SERVICE_MS = 100, SWEEP_MS = 1000 };

static const uint64_t tick_ns = MEDIA_TICK_MS * NS_PER_MS;

/* --- datagrams --------------------------------------------------------- */

static void take_stun(struct media *m, const struct path *from,
		      struct span in)
{
	struct ice_result r;

	ice_input(m->ice, from, in, m->now_ns, &r);
	if (r.reply_n) {
		memcpy(net_reserve(m->net), r.reply, r.reply_n);
		net_commit(m->net, from, r.reply_n);
	}
	/* one of a port of its own is nobody here */
	if (!r.leg || !ice_leg_user(r.leg))
		return;
	net_trust(m->net, from);
	leg_checked(ice_leg_user(r.leg), from, r.is_moved);
}

static void on_packet(void *arg, const struct path *from, uint8_t *p, size_t n,
		      uint64_t now_ns)
{
	struct media *m = arg;
	struct ice_leg *leg;

	m->now_ns = now_ns;
	m->stats.packets_in++;
	if (rtp_demux(span_of(p, n)) == RTP_DEMUX_STUN) {
		take_stun(m, from, span_of(p, n));
		return;
	}
	/* only from an address that authenticated */
	leg = ice_find(m->ice, from);
	if (leg && ice_leg_user(leg))
		flow_datagram(((struct leg *)ice_leg_user(leg))->audio_flow,
			      from, p, n);
	else
		m->stats.packets_dropped++;
}

static void on_gone(void *arg, const struct path *path)
{
	struct media *m = arg;

	ice_path_gone(m->ice, path);
}

/* --- the tick ---------------------------------------------------------- */

static void emit(void *arg, const struct audio_out *o)
{
	(void)arg;
	leg_send_audio(o->user, o);
}

static void tick_once(struct media *m, uint64_t due_ns)
{
	m->stats.ticks++;
	list_each(it, tmp, &m->room_list)
		audio_room_tick(list_entry(it, struct room, in_media)->audio,
				due_ns, emit, m);
	net_flush(m->net);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Each tick that runs more than its length after its time. It is our own
 * doing when we worked that long since the tick before; else we were not
 * given the processor. */
static void count_late(struct media *m, uint64_t now_ns)
{
	const uint64_t cpu = cpu_ns(), worked = cpu - m->tick_cpu_ns;
	uint64_t late = 0;

	m->tick_cpu_ns = cpu;
	if (now_ns > m->tick_due_ns + tick_ns)
		late = (now_ns - m->tick_due_ns - 1) / tick_ns;
	m->stats.late_ticks += late;
	if (worked > tick_ns)
		m->stats.late_own += late;
}

/* The clock is read again: what came before us in this turn of the loop may
 * have taken its time. */
static void on_tick(void *arg, uint32_t events, uint64_t turn_ns)
{
	struct media *m = arg;
	const uint64_t now_ns = clock_mono_ns();
	uint64_t fired;
	unsigned n = 0;

	(void)events;
	(void)turn_ns;
	m->now_ns = now_ns;
	if (read(m->tick.fd, &fired, sizeof(fired)) < 0)
		return;
	count_late(m, now_ns);
	while (m->tick_due_ns <= now_ns) {
		if (n++ < MEDIA_TICKS_CAUGHT_UP)
			tick_once(m, m->tick_due_ns);
		else
			m->stats.skipped_ticks++;
		m->tick_due_ns += tick_ns;
	}
}

static int tick_start(struct media *m)
{
	struct itimerspec when = {
		.it_interval = {.tv_nsec = (long)tick_ns}};

	m->tick = (struct watch){
		.fd = timerfd_create(CLOCK_MONOTONIC,
				     TFD_NONBLOCK | TFD_CLOEXEC),
		.fn = on_tick, .arg = m};
	if (m->tick.fd < 0)
		return E_SYS;
	m->tick_due_ns = m->now_ns + tick_ns;
	when.it_value.tv_sec = (time_t)(m->tick_due_ns / NS_PER_S);
	when.it_value.tv_nsec = (long)(m->tick_due_ns % NS_PER_S);
	if (timerfd_settime(m->tick.fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		return E_SYS;
	return loop_set(&m->loop, &m->tick, EPOLLIN);
}

static void on_stats(struct timer *t, void *arg, uint64_t now_ns)
{
	struct media *m = arg;

	net_sweep(m->net, now_ns);
	control_stats(m);
	timer_set(m->wheel, t, now_ns + MEDIA_STATS_MS * NS_PER_MS);
}

static void on_rooms(struct timer *t, void *arg, uint64_t now_ns)
{
	struct media *m = arg;

	list_each(it, tmp, &m->room_list)
		room_service(list_entry(it, struct room, in_media), now_ns);
	timer_set(m->wheel, t, now_ns + ROOM_SERVICE_MS * NS_PER_MS);
}

/* --- candidates -------------------------------------------------------- */

static void candidate_add(struct media *m, const struct addr *a, bool tcp,
			  unsigned rank)
{
	size_t i = m->n_candidates;
	Cv__Candidate *c = &m->candidates[i];
	Cv__Addr *ca = &m->candidate_addrs[i];

	if (i == ICE_CANDIDATES_MAX || !a->port)
		return;
	memcpy(m->candidate_ips[i], a->ip, 16);
	cv__addr__init(ca);
	ca->ip = ipc_data(span_of(m->candidate_ips[i], 16));
	ca->port = a->port;
	cv__candidate__init(c);
	c->addr = ca;
	c->tcp = tcp;
	c->priority = ice_priority(tcp, rank);
	c->foundation = (uint32_t)i + 1;
	m->n_candidates++;
}

static void candidates_make(struct media *m, const struct media_cfg *cfg)
{
	struct addr all[ICE_CANDIDATES_MAX / 2];
	size_t n = cfg->n_advertised;
	uint16_t udp = net_port(cfg->udp_fd), tcp = net_port(cfg->tcp_fd);

	if (n > ICE_CANDIDATES_MAX / 2)
		n = ICE_CANDIDATES_MAX / 2;
	if (n)
		memcpy(all, cfg->advertised, n * sizeof(all[0]));
	else
		n = net_local_addresses(all, ICE_CANDIDATES_MAX / 2,
					cfg->is_loopback);
	for (unsigned i = 0; i < 2 * n; i++) {
		bool is_tcp = i >= n;
		struct addr a = all[i % n];

		if (!a.port)
			a.port = is_tcp ? tcp : udp;
		if (is_tcp ? tcp : udp)
			candidate_add(m, &a, is_tcp, (unsigned)(i % n));
	}
}

/* Nobody may have us send to ourselves. */
static void guard_make(struct media *m)
{
	struct addr all[MEDIA_OWN_MAX];
	size_t n = net_local_addresses(all, MEDIA_OWN_MAX - ICE_CANDIDATES_MAX,
				       true);

	for (size_t i = 0; i < m->n_candidates; i++, n++)
		memcpy(all[n].ip, m->candidate_ips[i], 16);
	for (size_t i = 0; i < n; i++)
		m->guard_own[i] = outguard_net_of(&all[i]);
	m->guard = (struct outguard_rules){
		.allowed = m->guard_allowed, .management = m->guard_management,
		.own = m->guard_own, .n_own = n};
}

static int ports_make(struct media *m, const struct media_cfg *cfg)
{
	uint16_t first = cfg->port_first ? cfg->port_first
					 : PORTS_FIRST_DEFAULT;
	uint16_t last = cfg->port_last ? cfg->port_last : PORTS_LAST_DEFAULT;

	return ports_new(&m->ports, first, last);
}

/* --- life -------------------------------------------------------------- */

const struct flood_limits media_dtls_limits = {
	.per_s = MEDIA_DTLS_PER_S, .burst = MEDIA_DTLS_BURST,
	.total_per_s = MEDIA_DTLS_TOTAL_PER_S,
	.total_burst = MEDIA_DTLS_TOTAL_BURST,
};

static int crypto_make(struct media *m)
{
	int r = srtp_env_new(&m->srtp);

	if (r == 0)
		r = flood_new(&m->handshakes, &media_dtls_limits);
	if (r == 0)
		r = dtls_env_new(&m->dtls);
	if (r == 0)
		dtls_env_fingerprint(m->dtls, m->fingerprint);
	return r;
}

static int tables_make(struct media *m)
{
	int r = map_new(&m->rooms, MEDIA_ROOMS_MAX);

	if (r == 0)
		r = map_new(&m->legs, MEDIA_LEGS_MAX);
	if (r == 0)
		r = ice_new(&m->ice);
	if (r == 0)
		r = timer_wheel_new(&m->wheel, m->now_ns);
	if (r == 0)
		r = audio_pool_new(&m->pool);
	if (r == 0 && !(m->cut = mem_alloc(sizeof(*m->cut))))
		r = E_NOMEM;
	return r;
}

static int start(struct media *m, const struct media_cfg *cfg)
{
	struct net_cfg net = {.loop = &m->loop, .udp_fd = cfg->udp_fd,
			      .tcp_fd = cfg->tcp_fd, .on_packet = on_packet,
			      .on_gone = on_gone, .arg = m};
	int r;

	candidates_make(m, cfg);
	guard_make(m);
	/* takes the descriptors, so it comes before anything that may fail */
	r = net_new(&m->net, &net);
	if (r == 0)
		r = ports_make(m, cfg);
	if (r == 0)
		r = tables_make(m);
	if (r == 0)
		r = crypto_make(m);
	if (r == 0)
		r = tick_start(m);
	return r;
}

int media_new(struct media **out, const struct media_cfg *cfg)
{
	struct media *m = mem_zalloc(sizeof(*m));
	int r;

	if (!m)
		return E_NOMEM;
	m->now_ns = clock_mono_ns();
	m->clock = (struct report_clock){clock_wall_us(), m->now_ns};
	m->instance = cfg->instance;
	m->prompts = cfg->prompts;
	m->serving = cfg->serving;
	m->serving_arg = cfg->arg;
	m->video_watch.fd = m->tick.fd = -1;
	list_init(&m->room_list);
	list_init(&m->dying);
	timer_init(&m->stats_timer, on_stats, m);
	timer_init(&m->rooms_timer, on_rooms, m);
	r = loop_init(&m->loop);
	if (r == 0)
		r = start(m, cfg);
	if (r < 0) {
		media_free(&m);
		return r;
	}
	timer_set(m->wheel, &m->stats_timer, m->now_ns);
	timer_set(m->wheel, &m->rooms_timer, m->now_ns);
	*out = m;
	return 0;
}

void media_free(struct media **mp)
{
	struct media *m = *mp;

	if (!m)
		return;
	list_each(it, tmp, &m->room_list)
		room_close(list_entry(it, struct room, in_media));
	if (m->net)
		net_flush(m->net);
	legs_bury(m);
	timer_cancel(&m->stats_timer);
	timer_cancel(&m->rooms_timer);
	ipc_chan_free(&m->core);
	ipc_chan_free(&m->core_old);
	vlink_set(m, -1);
	net_free(&m->net);
	if (m->tick.fd >= 0)
		close(m->tick.fd);
	ice_free(&m->ice);
	ports_free(&m->ports);
	dtls_env_free(&m->dtls);
	flood_free(&m->handshakes);
	srtp_env_free(&m->srtp);
	audio_pool_free(&m->pool);
	prompts_free(&m->prompts);
	timer_wheel_free(&m->wheel);
	map_free(&m->rooms);
	map_free(&m->legs);
	loop_release(&m->loop);
	mem_free(m->cut);
	mem_free(m);
	*mp = NULL;
}

void media_turn(struct media *m, int wait_ms)
{
	uint64_t wait = timer_wheel_wait_ns(m->wheel, m->now_ns) / NS_PER_MS;

	if (wait < (uint64_t)wait_ms)
		wait_ms = (int)wait + 1;
	m->now_ns = loop_turn(&m->loop, wait_ms);
	timer_wheel_advance(m->wheel, m->now_ns);
	net_flush(m->net);
	legs_bury(m);
	ipc_chan_free(&m->core_old);
}
