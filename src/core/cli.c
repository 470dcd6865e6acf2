/* The local socket of conclave(1): root and the platform's own user only. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "core/certificate.h"
#include "core/cli_int.h"
#include "core/gateway.h"

static uint64_t client_id(const struct client *cl)
{
	return (uint64_t)cl->gen << 32 | cl->slot;
}

void cli_reply(void *core, uint64_t client, const Cv__CliReply *reply)
{
	struct core *c = core;
	const uint32_t slot = (uint32_t)client;
	struct client *cl = slot < CORE_CLIENTS_MAX ? c->clients[slot] : NULL;

	if (cl && cl->gen == client >> 32)
		(void)ipc_chan_send(ipc_ev_chan(cl->ev), IPC_CLI_REPLY,
				    &reply->base, NULL, 0);
}

/* --- rows ---------------------------------------------------------------------- */

void answer_start(struct answer *a)
{
	cv__cli_reply__init(&a->reply);
	a->reply.rows = a->row_list;
}

static void answer_send(struct answer *a, bool more)
{
	a->reply.more = more;
	cli_reply(a->c, a->client, &a->reply);
	answer_start(a);
}

void answer_row(struct answer *a)
{
	size_t i = a->reply.n_rows;

	if (i == ROWS_PER_REPLY) {
		answer_send(a, true);
		i = 0;
	}
	cv__cli_row__init(&a->rows[i]);
	a->rows[i].fields = a->field_list[i];
	a->row_list[i] = &a->rows[i];
	a->reply.n_rows++;
}

void answer_field(struct answer *a, const char *name, struct span value)
{
	const size_t r = a->reply.n_rows - 1;
	Cv__CliRow *row_ = &a->rows[r];
	const size_t i = row_->n_fields;
	Cv__CliField *f = &a->fields[r][i];

	if (i == ROW_FIELDS_MAX)
		return;
	if (value.n > FIELD_TEXT_MAX)
		value.n = FIELD_TEXT_MAX;
	if (value.n)
		memcpy(a->text[r][i], value.p, value.n);
	cv__cli_field__init(f);
	f->name = (char *)(uintptr_t)name;
	f->value = ipc_data(span_of(a->text[r][i], value.n));
	a->field_list[r][i] = f;
	row_->n_fields++;
}

void answer_number(struct answer *a, const char *name, uint64_t v)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%llu", (unsigned long long)v);
	answer_field(a, name, span_str(buf));
}

void answer_flag(struct answer *a, const char *name, bool v)
{
	answer_field(a, name, v ? SPAN_LIT("true") : SPAN_LIT("false"));
}

void answer_end(struct answer *a, int error, const char *message)
{
	a->reply.error = error;
	a->reply.message = (char *)(uintptr_t)message;
	answer_send(a, false);
}

/* --- verbs ---------------------------------------------------------------------- */

struct span cli_asked(const Cv__CliRequest *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_fields; i++)
		if (strcmp(rq->fields[i]->name, name) == 0)
			return ipc_bytes(rq->fields[i]->value);
	return SPAN_NONE;
}

static uint32_t count_workers(const struct core *c, bool video)
{
	uint32_t n = 0;

	for (size_t i = 0; i < CORE_WORKERS_MAX; i++)
		n += video ? c->workers[i].video != NULL :
			c->workers[i].media && c->workers[i].is_ready;
	return n;
}

/* Of the workers that run now. */
static void show_media(struct answer *a)
{
	uint64_t ticks = 0, late = 0, own = 0;

	for (size_t i = 0; i < CORE_WORKERS_MAX; i++) {
		const Cv__MediaStats *s = &a->c->workers[i].stats;

		ticks += s->ticks;
		late += s->late_ticks;
		own += s->late_own;
	}
	answer_number(a, "media_ticks", ticks);
	answer_number(a, "media_ticks_late", late);
	answer_number(a, "media_ticks_late_own", own);
}

static void show_status(struct answer *a)
{
	struct core *c = a->c;
	struct guard_stats guard;
	struct gateway_stats gateways;
	struct audit_stats audit;
	struct alarm_stats alarms;

	guard_stats(c->guard, &guard);
	gateways_stats(c, &gateways);
	audit_stats(c->audit, &audit);
	alarm_get_stats(c->alarms, &alarms);
	answer_row(a);
	answer_number(a, "uptime_s", (c->now_ns - c->start_ns) / NS_PER_S);
	answer_flag(a, "web_serves", c->web_serves);
	answer_number(a, "conferences", handles_count(c->meetings));
	answer_number(a, "participants", handles_count(c->members));
	answer_number(a, "media_workers", count_workers(c, false));
	answer_number(a, "video_workers", count_workers(c, true));
	answer_number(a, "joins", c->stats.joins);
	answer_number(a, "joins_refused", c->stats.joins_refused);
	answer_number(a, "joins_waiting", handles_count(c->joins));
	answer_number(a, "registrations", regs_count(c));
	answer_number(a, "gateway_calls", gateways.live);
	answer_number(a, "wrong_pins", c->stats.pins_wrong);
	answer_number(a, "sources_refused", guard.pairs_refused);
	answer_number(a, "rooms_guarded", guard.rooms_guarded);
	answer_number(a, "sources_quarantined", guard.quarantines);
	show_media(a);
	answer_flag(a, "guard_kept", c->guard_mem.is_file);
	answer_flag(a, "bans_in_kernel", c->ban.table ==
		    CV__BAN_TABLE__BAN_TABLE_OK);
	answer_field(a, "load_refuses", span_str(
		     shed_level_name(c->shed.level)));
	answer_number(a, "alarms", alarms.active);
	answer_number(a, "bad_tokens", c->stats.bad_tokens);
	answer_number(a, "bad_handles", c->stats.bad_handles);
	answer_number(a, "false_claims", c->stats.false_claims);
	answer_number(a, "overloads", c->stats.overloads);
	answer_number(a, "audit_lines", audit.written);
	answer_number(a, "access_lines_suppressed", c->access.suppressed);
	answer_flag(a, "disk_full", audit.is_disk_full);
	cli_load_fields(a);
	answer_end(a, 0, "");
}

static void show_conference(struct answer *a, const struct meeting *m)
{
	static const char *const states[ROOM_STATE_COUNT] = {
		"idle", "waiting_for_host", "hosted", "guests_only", "ending"};
	const struct room_counts n = room_count(m->room);

	answer_row(a);
	answer_field(a, "name", span_str(m->sv.name));
	answer_field(a, "state", span_str(states[m->room->state]));
	answer_number(a, "hosts", n.hosts);
	answer_number(a, "guests", n.guests);
	answer_number(a, "waiting", n.waiting);
	answer_flag(a, "locked", m->room->locked);
	answer_flag(a, "guests_muted", m->room->guests_muted);
	answer_flag(a, "started", m->room->started);
	answer_field(a, "layout", span_str(m->room->view));
	if (m->worker >= 0)
		answer_number(a, "worker", (uint64_t)m->worker);
	answer_number(a, "pictures", m->out.n_groups);
}

static struct span location_name(struct core *c, int64_t id)
{
	const struct store_row *row = id ?
		store_get(c->store, RES_SYSTEM_LOCATION, id) : NULL;

	return row ? store_text(row, SYSTEM_LOCATION_NAME) : SPAN_LIT("");
}

static void show_part(struct answer *a, const struct meeting *m,
		      const struct part *p)
{
	const struct member *mb = member_of(m->c, p);
	char ip[ADDR_TEXT_MAX];
	struct addr from = {.port = 0};

	memcpy(from.ip, p->ip, sizeof(from.ip));
	addr_print_ip(&from, ip);
	answer_row(a);
	answer_field(a, "uuid", span_str(p->uuid));
	answer_field(a, "display_name", span_str(p->name));
	answer_field(a, "conference", span_str(m->sv.name));
	answer_field(a, "role", p->host ? SPAN_LIT("chair") : SPAN_LIT("guest"));
	answer_field(a, "service_type", part_is_waiting(p) ?
	      SPAN_LIT("waiting_room") : m->sv.gateway ? SPAN_LIT("gateway") :
	      m->sv.kind == SERVICE_KIND_TEST ? SPAN_LIT("test_call") :
	      SPAN_LIT("conference"));
	answer_field(a, "local_alias", span_str(p->alias));
	answer_field(a, "source", span_str(ip));
	answer_field(a, "location", location_name(m->c, mb ? mb->location :
						  0));
	answer_field(a, "media_location", location_name(m->c, mb ?
		     mb->media_location : 0));
	answer_field(a, "protocol", p->protocol == PART_BY_SIP ?
		     SPAN_LIT("sip") : SPAN_LIT("webrtc"));
	answer_flag(a, "has_media", part_has_media(p));
	if (part_has_media(p))
		answer_flag(a, "encrypted", !p->leg.clear);
	answer_flag(a, "is_muted", p->muted);
	answer_flag(a, "is_video_muted", p->video_muted);
	answer_number(a, "start_time", (uint64_t)(p->start_us / 1000000));
	answer_field(a, "vendor", span_str(p->vendor));
}

static void show_conferences(struct answer *a)
{
	uint32_t slot = 0;
	const struct meeting *m;

	while ((m = handles_next(a->c->meetings, &slot, NULL)))
		show_conference(a, m);
	answer_end(a, 0, "");
}

static void show_participants(struct answer *a, struct span conference)
{
	uint32_t slot = 0;
	const struct meeting *m;

	while ((m = handles_next(a->c->meetings, &slot, NULL))) {
		if (conference.n && !span_eq(conference, span_str(m->sv.name)))
			continue;
		for (uint32_t i = 0; i < m->room->n_parts; i++)
			show_part(a, m, m->room->parts[i]);
	}
	answer_end(a, 0, "");
}

void cli_note(struct core *c, uint32_t uid, const char *action,
	      struct span object)
{
	char who[24];

	(void)snprintf(who, sizeof(who), "uid %u", uid);
	audit_note(c, action, AUDIT_OK, span_str(who), SPAN_LIT("local"),
		   object, SPAN_NONE);
}

static void disconnect_conference(struct answer *a, struct span name)
{
	struct core *c = a->c;
	uint32_t slot = 0;
	struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL))) {
		if (!span_eq(name, span_str(m->sv.name)))
			continue;
		cli_note(c, a->uid, "conference.disconnect", name);
		(void)room_end(m->room, EXIT_ADMIN_ALL, c->now_ns, &c->out);
		core_acts(m, NULL);
		answer_end(a, 0, "");
		return;
	}
	answer_end(a, E_NOTFOUND, "which: no live conference of that name");
}

static void disconnect_participant(struct answer *a, struct span uuid)
{
	struct core *c = a->c;
	uint32_t slot = 0;
	struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL))) {
		struct part *p = room_part_by_uuid(m->room, uuid);

		if (!p)
			continue;
		cli_note(c, a->uid, "participant.disconnect", uuid);
		(void)room_leave(m->room, p, EXIT_ADMIN, c->now_ns, &c->out);
		core_acts(m, NULL);
		answer_end(a, 0, "");
		return;
	}
	answer_end(a, E_NOTFOUND, "which: no participant of that uuid");
}

static void runtime_verb(struct answer *a, const Cv__CliRequest *rq)
{
	const bool show = strcmp(rq->verb, "show") == 0;
	const bool conf = strcmp(rq->resource, "conference") == 0;
	const bool part = strcmp(rq->resource, "participant") == 0;

	if (strcmp(rq->verb, "status") == 0)
		show_status(a);
	else if (show && conf)
		show_conferences(a);
	else if (show && part)
		show_participants(a, cli_asked(rq, "conference"));
	else if (strcmp(rq->verb, "disconnect") == 0 && conf)
		disconnect_conference(a, cli_asked(rq, "which"));
	else if (strcmp(rq->verb, "disconnect") == 0 && part)
		disconnect_participant(a, cli_asked(rq, "which"));
	else if (!cli_guard_verb(a, rq) && !cli_route_verb(a, rq) &&
		 !cli_policy_verb(a, rq) && !cli_sip_verb(a, rq) &&
		 !cli_trace_verb(a, rq) && !cli_doctor_verb(a, rq) &&
		 !cli_certificate_verb(a, rq))
		answer_end(a, E_UNSUPPORTED, "verb: not one of list create change "
		       "remove show disconnect verify status");
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct client *cl = arg;
	const Cv__CliRequest *rq = (const Cv__CliRequest *)(const void *)msg;
	struct answer *a;
	char who[24];

	(void)ch;
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	if (type != IPC_CLI_REQUEST)
		return;
	core_turn(cl->c);
	if (cli_config_handles(rq)) {
		(void)snprintf(who, sizeof(who), "uid %u", cl->uid);
		cli_config_request(cl->c->cli_config, rq, client_id(cl),
				   span_str(who), clock_wall_us(),
				   cl->c->now_ns);
		return;
	}
	a = mem_alloc(sizeof(*a));
	if (!a)
		return;
	a->c = cl->c;
	a->client = client_id(cl);
	a->uid = cl->uid;
	answer_start(a);
	runtime_verb(a, rq);
	mem_free(a);
}

static void client_free(struct client *cl)
{
	cl->c->clients[cl->slot] = NULL;
	ipc_ev_free(&cl->ev);
	mem_free(cl);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)ch;
	(void)error;
	client_free(arg);
}

/* --- the socket ------------------------------------------------------------------ */

static bool may_connect(int fd, uint32_t *uid)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	*uid = who.uid;
	return who.uid == 0 || who.uid == getuid();
}

static int free_slot(const struct core *c)
{
	for (int i = 0; i < CORE_CLIENTS_MAX; i++)
		if (!c->clients[i])
			return i;
	return -1;
}

static void serve(struct core *c, int fd, uint32_t uid)
{
	const int slot = free_slot(c);
	struct client *cl = slot < 0 ? NULL : mem_zalloc(sizeof(*cl));
	struct ipc_chan_cfg cfg = {.fd = fd, .self = ROLE_CORE,
				   .peer = ROLE_CLI, .on_msg = on_msg,
				   .on_down = on_down, .arg = cl};

	if (!cl) {
		close(fd);
		return;
	}
	*cl = (struct client){.c = c, .slot = (uint32_t)slot,
			      .gen = ++c->cli_gen, .uid = uid};
	if (ipc_ev_new(&cl->ev, c->base, &cfg) < 0) {
		mem_free(cl);
		return;
	}
	c->clients[slot] = cl;
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct core *c = arg;
	uint32_t uid = 0;
	int fd;

	(void)what;
	core_turn(c);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (may_connect(fd, &uid)) {
		serve(c, fd, uid);
		return;
	}
	log_warn(MOD, "local socket refused", LOG_U("uid", uid));
	close(fd);
}

int cli_open(struct core *c)
{
	if (c->cli_fd < 0)
		return 0;
	(void)evutil_make_socket_nonblocking(c->cli_fd);
	c->cli_ev = event_new(c->base, c->cli_fd, EV_READ | EV_PERSIST,
			      on_accept, c);
	if (!c->cli_ev || event_add(c->cli_ev, NULL) < 0)
		return E_NOMEM;
	return 0;
}

void cli_close(struct core *c)
{
	for (size_t i = 0; i < CORE_CLIENTS_MAX; i++)
		if (c->clients[i])
			client_free(c->clients[i]);
	if (c->cli_ev)
		event_free(c->cli_ev);
	c->cli_ev = NULL;
}
