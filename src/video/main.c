/* conclave-video: wiring only. */
#include <event2/event.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"
#include "video/link.h"
#include "video/lower.h"
#include "video/sandbox.h"
#include "video/text/text.h"
#include "video/worker.h"

#define MOD "video"

enum { DATAGRAMS_PER_TURN = 64, PICTURES_PER_TURN = 4 };

struct app {
	struct event_base *base;
	struct role *role;
	struct worker *worker;
	struct text *text;
	struct ipc_ev *core;
	uint32_t core_instance;
	struct link *link;
	uint32_t instance;	/* ours */
	uint32_t media_instance;
	struct event *link_ev;
	int timer_fd;
	struct event *timer_ev;
	uint64_t armed_ns;
	uint8_t hash[32];
};

/* --- time --- */

static uint64_t cpu_ns(void *arg)
{
	struct timespec t;

	(void)arg;
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void arm(struct app *a)
{
	uint64_t due = worker_due(a->worker);
	struct itimerspec t = {0};

	if (due == a->armed_ns || due == UINT64_MAX)
		return;
	/* zero would disarm */
	t.it_value.tv_sec = (time_t)(due / NS_PER_S);
	t.it_value.tv_nsec = (long)(due % NS_PER_S) + (due == 0);
	if (timerfd_settime(a->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) == 0)
		a->armed_ns = due;
}

static void tell_load(struct app *a)
{
	Cv__VideoLoad m = CV__VIDEO_LOAD__INIT;
	struct worker_stats st;
	uint32_t permille;

	if (!worker_load(a->worker, &permille) || !a->core)
		return;
	worker_stats(a->worker, &st);
	m.permille = permille;
	m.frames_in = st.frames_in;
	m.frames_out = st.frames_out;
	m.dropped = st.dropped;
	/* a lost report is followed by the next */
	(void)ipc_send(ipc_ev_chan(a->core), VIDEO_LOAD, &m);
}

/* At most a few pictures, so that what comes in gets its turn. */
static void run_due(struct app *a)
{
	for (int i = 0; i < PICTURES_PER_TURN; i++) {
		uint64_t now = clock_mono_ns();

		if (worker_due(a->worker) > now)
			break;
		worker_run(a->worker, now);
	}
	tell_load(a);
	arm(a);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;
	uint64_t n;

	(void)what;
	if (read((int)fd, &n, sizeof(n)) < 0)
		n = 0;		/* re-armed meanwhile */
	a->armed_ns = 0;
	run_due(a);
}

/* --- media --- */

static void link_drop(struct app *a)
{
	if (a->link_ev)
		event_free(a->link_ev);
	a->link_ev = NULL;
	link_free(&a->link);
	worker_media_down(a->worker);
}

static void on_frame(void *arg, const struct frame *f)
{
	struct app *a = arg;

	worker_frame(a->worker, f, clock_mono_ns());
}

static void on_media_up(void *arg)
{
	struct app *a = arg;

	log_info(MOD, "media is here");
	worker_media_up(a->worker, clock_mono_ns());
}

static void on_link_read(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;
	int r = 0;

	(void)fd;
	(void)what;
	for (int i = 0; i < DATAGRAMS_PER_TURN && r == 0; i++) {
		r = link_input(a->link);
		/* pictures out come before pictures in */
		if (worker_due(a->worker) <= clock_mono_ns())
			break;
	}
	if (r < 0 && r != E_AGAIN) {
		log_notice(MOD, "media is gone", LOG_E("error", r));
		link_drop(a);
		role_link_lost(a->role, ROLE_MEDIA, a->media_instance);
	}
	run_due(a);
}

static int send_frame(void *arg, const struct frame *f)
{
	struct app *a = arg;

	return a->link ? link_send(a->link, f) : E_CLOSED;
}

static void link_media(struct app *a, int fd)
{
	const struct link_cfg cfg = {
		.fd = fd, .hash = span_of(a->hash, sizeof(a->hash)),
		.on_frame = on_frame, .on_up = on_media_up, .arg = a};
	int r;

	link_drop(a);
	r = link_new(&a->link, &cfg);
	if (r < 0) {
		log_error(MOD, "no link to media", LOG_E("error", r));
		return;
	}
	a->link_ev = event_new(a->base, fd, EV_READ | EV_PERSIST,
			       on_link_read, a);
	if (!a->link_ev || event_add(a->link_ev, NULL) < 0)
		link_drop(a);
}

/* --- core --- */

static void on_settings(struct app *a, struct ipc_chan *ch,
			const Cv__Settings *m)
{
	Cv__SettingsAck ack = CV__SETTINGS_ACK__INIT;
	uint64_t n;

	for (size_t i = 0; i < m->n_settings; i++) {
		const Cv__Setting *s = m->settings[i];

		if (span_eq(span_str(s->name),
			    SPAN_LIT("max_encode_groups")) &&
		    span_u64(ipc_bytes(s->value), UINT32_MAX, &n) == 0)
			worker_set_groups_max(a->worker, (uint32_t)n);
	}
	ack.epoch = m->epoch;
	(void)ipc_send(ch, SETTINGS_ACK, &ack);	/* asked again if lost */
}

/* Orders that name a room or a leg gone meanwhile are counted, not logged. */
static void on_core_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			const ProtobufCMessage *msg, const int *fds,
			size_t n_fds)
{
	struct app *a = arg;
	struct worker *w = a->worker;
	uint64_t now = clock_mono_ns();

	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	switch (type) {
	case IPC_SETTINGS:
		on_settings(a, ch, (const Cv__Settings *)msg);
		break;
	case IPC_VIDEO_ROOM_OPEN:
		(void)worker_room_open(
			w, ((const Cv__VideoRoomOpen *)msg)->room, now);
		break;
	case IPC_VIDEO_ROOM_CLOSE:
		worker_room_close(w, ((const Cv__VideoRoomClose *)msg)->room);
		break;
	case IPC_VIDEO_PERSON:
		(void)worker_person(w, (const Cv__VideoPerson *)msg, now);
		break;
	case IPC_VIDEO_PLAN:
		(void)worker_plan(w, (const Cv__VideoPlan *)msg, now);
		break;
	case IPC_VIDEO_SPEAKING:
		(void)worker_speaking(w, (const Cv__VideoSpeaking *)msg, now);
		break;
	default:
		break;
	}
	arm(a);
}

static void on_core_down(void *arg, struct ipc_chan *ch, int error)
{
	struct app *a = arg;

	(void)ch;
	log_notice(MOD, "core is gone: the last plan goes on",
		   LOG_E("error", error));
	ipc_ev_free(&a->core);
	role_link_lost(a->role, ROLE_CORE, a->core_instance);
}

static void link_core(struct app *a, uint32_t instance, int fd)
{
	const struct ipc_chan_cfg cfg = {
		.fd = fd, .self = ROLE_VIDEO, .self_instance = a->instance,
		.peer = ROLE_CORE, .peer_instance = instance, .on_msg = on_core_msg,
		.on_down = on_core_down, .arg = a};
	int r;

	ipc_ev_free(&a->core);
	a->core_instance = instance;
	r = ipc_ev_new(&a->core, a->base, &cfg);
	if (r < 0)
		log_error(MOD, "no link to core", LOG_E("error", r));
	else
		worker_core_up(a->worker, clock_mono_ns());
}

/* --- super --- */

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;

	if (peer == ROLE_CORE) {
		link_core(a, instance, fd);
	} else if (peer == ROLE_MEDIA) {
		a->media_instance = instance;
		link_media(a, fd);
	} else {
		close(fd);
	}
}

static void on_stop(void *arg)
{
	struct app *a = arg;

	(void)event_base_loopbreak(a->base);
}

static int set_up(struct app *a)
{
	struct worker_cfg cfg = {.send = send_frame, .cpu_ns = cpu_ns,
				 .arg = a};
	int r = text_new(&a->text);

	if (r < 0) {
		log_error(MOD, "no font: install fonts-dejavu-core",
			  LOG_E("error", r));
		return r;
	}
	cfg.text = a->text;
	ipc_proto_hash(a->hash);
	a->timer_fd = timerfd_create(CLOCK_MONOTONIC,
				     TFD_NONBLOCK | TFD_CLOEXEC);
	a->base = event_base_new();
	if (a->timer_fd < 0 || !a->base)
		return E_SYS;
	a->timer_ev = event_new(a->base, a->timer_fd, EV_READ | EV_PERSIST,
				on_timer, a);
	if (!a->timer_ev || event_add(a->timer_ev, NULL) < 0)
		return E_NOMEM;
	return worker_new(&a->worker, &cfg, clock_mono_ns());
}

static int serve(struct app *a, const struct role_callbacks *cb)
{
	int r = role_attach(&a->role, a->base, cb);

	if (r == 0)
		r = sandbox_enter(&video_sandbox);
	if (r == 0)
		r = role_ready(a->role);
	if (r < 0)
		return r;
	arm(a);
	return event_base_dispatch(a->base) < 0 ? E_SYS : 0;
}

static void tear_down(struct app *a)
{
	ipc_ev_free(&a->core);
	link_drop(a);
	worker_free(&a->worker);
	text_free(&a->text);
	event_free(a->timer_ev);
	close(a->timer_fd);
	event_base_free(a->base);
}

int main(void)
{
	struct app a = {.timer_fd = -1};
	struct role_boot boot;
	const struct role_callbacks cb = {
		.on_link = on_link, .on_stop = on_stop, .arg = &a};
	int r;

	if (sandbox_early() < 0)
		return EXIT_FAILURE;
	role_start(ROLE_VIDEO, &boot);
	a.instance = boot.instance;
	for (size_t i = 0; i < boot.n_fds; i++)
		if (boot.fds[i].fd >= 0)
			close(boot.fds[i].fd);	/* it needs none */
	if (video_lower_self() < 0)
		log_warn(MOD, "priority not lowered");
	r = set_up(&a);
	if (r == 0)
		r = serve(&a, &cb);
	if (r < 0) {
		log_error(MOD, "stopped", LOG_E("error", r));
		return EXIT_FAILURE;
	}
	tear_down(&a);
	return EXIT_SUCCESS;
}
