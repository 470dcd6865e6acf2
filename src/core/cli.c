/* The local socket of conclave(1): root and the platform's own user only. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "core/core.h"

enum { ROW_FIELDS_MAX = 16, ROWS_PER_REPLY = 32, FIELD_TEXT_MAX = 1024 };

struct client {
	struct core *c;
	struct ipc_ev *ev;
	uint32_t slot, gen;
	uint32_t uid;
	bool dead;
};

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

/* One reply of several rows; sent when full and at the end. */
struct answer {
	struct client *to;
	Cv__CliReply reply;
	Cv__CliRow rows[ROWS_PER_REPLY];
	Cv__CliRow *row_list[ROWS_PER_REPLY];
	Cv__CliField fields[ROWS_PER_REPLY][ROW_FIELDS_MAX];
	Cv__CliField *field_list[ROWS_PER_REPLY][ROW_FIELDS_MAX];
	char text[ROWS_PER_REPLY][ROW_FIELDS_MAX][FIELD_TEXT_MAX];
};

static void answer_start(struct answer *a)
{
	cv__cli_reply__init(&a->reply);
	a->reply.rows = a->row_list;
}

static void answer_send(struct answer *a, bool more)
{
	a->reply.more = more;
	cli_reply(a->to->c, client_id(a->to), &a->reply);
	answer_start(a);
}

static void row(struct answer *a)
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

static void field(struct answer *a, const char *name, struct span value)
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

static void number(struct answer *a, const char *name, uint64_t v)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%llu", (unsigned long long)v);
	field(a, name, span_str(buf));
}

static void yes_no(struct answer *a, const char *name, bool v)
{
	field(a, name, v ? SPAN_LIT("true") : SPAN_LIT("false"));
}

static void finish(struct answer *a, int error, const char *message)
{
	a->reply.error = error;
	a->reply.message = (char *)(uintptr_t)message;
	answer_send(a, false);
}

/* --- verbs ---------------------------------------------------------------------- */

static struct span conf_name(const struct meeting *m)
{
	const struct store_row *conf = store_get(m->c->store, RES_CONFERENCE,
						 m->conf);

	return conf ? store_text(conf, CONFERENCE_NAME) : SPAN_NONE;
}

static struct span asked(const Cv__CliRequest *rq, const char *name)
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

static void show_status(struct answer *a)
{
	struct core *c = a->to->c;
	struct pin_guard_stats pins;
	struct audit_stats audit;

	pin_guard_stats(c->guard, &pins);
	audit_stats(c->audit, &audit);
	row(a);
	number(a, "uptime_s", (c->now_ns - c->start_ns) / NS_PER_S);
	number(a, "conferences", handles_count(c->meetings));
	number(a, "participants", handles_count(c->members));
	number(a, "media_workers", count_workers(c, false));
	number(a, "video_workers", count_workers(c, true));
	number(a, "joins", c->stats.joins);
	number(a, "joins_refused", c->stats.joins_refused);
	number(a, "wrong_pins", pins.misses);
	number(a, "sources_refused", pins.denied_source);
	number(a, "rooms_slowed", pins.slowed);
	number(a, "bad_tokens", c->stats.bad_tokens);
	number(a, "bad_handles", c->stats.bad_handles);
	number(a, "overloads", c->stats.overloads);
	number(a, "audit_lines", audit.written);
	yes_no(a, "disk_full", audit.is_disk_full);
	finish(a, 0, "");
}

static void show_conference(struct answer *a, const struct meeting *m)
{
	static const char *const states[ROOM_STATE_COUNT] = {
		"idle", "waiting_for_host", "hosted", "guests_only", "ending"};
	const struct room_counts n = room_count(m->room);

	row(a);
	field(a, "name", conf_name(m));
	field(a, "state", span_str(states[m->room->state]));
	number(a, "hosts", n.hosts);
	number(a, "guests", n.guests);
	number(a, "waiting", n.waiting);
	yes_no(a, "locked", m->room->locked);
	yes_no(a, "guests_muted", m->room->guests_muted);
	yes_no(a, "started", m->room->started);
	field(a, "layout", span_str(m->room->view));
	if (m->worker >= 0)
		number(a, "worker", (uint64_t)m->worker);
	number(a, "pictures", m->out.n_groups);
}

static void show_part(struct answer *a, const struct meeting *m,
		      const struct part *p)
{
	char ip[ADDR_TEXT_MAX];
	struct addr from = {.port = 0};

	memcpy(from.ip, p->ip, sizeof(from.ip));
	addr_print_ip(&from, ip);
	row(a);
	field(a, "uuid", span_str(p->uuid));
	field(a, "display_name", span_str(p->name));
	field(a, "conference", conf_name(m));
	field(a, "role", p->host ? SPAN_LIT("chair") : SPAN_LIT("guest"));
	field(a, "service_type", part_is_waiting(p) ?
	      SPAN_LIT("waiting_room") : SPAN_LIT("conference"));
	field(a, "local_alias", span_str(p->alias));
	field(a, "source", span_str(ip));
	yes_no(a, "has_media", part_has_media(p));
	yes_no(a, "is_muted", p->muted);
	yes_no(a, "is_video_muted", p->video_muted);
	number(a, "start_time", (uint64_t)(p->start_us / 1000000));
	field(a, "vendor", span_str(p->vendor));
}

static void show_conferences(struct answer *a)
{
	uint32_t slot = 0;
	const struct meeting *m;

	while ((m = handles_next(a->to->c->meetings, &slot, NULL)))
		show_conference(a, m);
	finish(a, 0, "");
}

static void show_participants(struct answer *a, struct span conference)
{
	uint32_t slot = 0;
	const struct meeting *m;

	while ((m = handles_next(a->to->c->meetings, &slot, NULL))) {
		if (conference.n && !span_eq(conference, conf_name(m)))
			continue;
		for (uint32_t i = 0; i < m->room->n_parts; i++)
			show_part(a, m, m->room->parts[i]);
	}
	finish(a, 0, "");
}

static void note(const struct client *cl, const char *action,
		 struct span object)
{
	char who[24];

	(void)snprintf(who, sizeof(who), "uid %u", cl->uid);
	audit_note(cl->c, action, AUDIT_OK, span_str(who), SPAN_LIT("local"),
		   object, SPAN_NONE);
}

static void disconnect_conference(struct answer *a, struct span name)
{
	struct core *c = a->to->c;
	uint32_t slot = 0;
	struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL))) {
		if (!span_eq(name, conf_name(m)))
			continue;
		note(a->to, "conference.disconnect", name);
		(void)room_end(m->room, EXIT_ADMIN_ALL, c->now_ns, &c->out);
		core_acts(m, NULL);
		finish(a, 0, "");
		return;
	}
	finish(a, E_NOTFOUND, "which: no live conference of that name");
}

static void disconnect_participant(struct answer *a, struct span uuid)
{
	struct core *c = a->to->c;
	uint32_t slot = 0;
	struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL))) {
		struct part *p = room_part_by_uuid(m->room, uuid);

		if (!p)
			continue;
		note(a->to, "participant.disconnect", uuid);
		(void)room_leave(m->room, p, EXIT_ADMIN, c->now_ns, &c->out);
		core_acts(m, NULL);
		finish(a, 0, "");
		return;
	}
	finish(a, E_NOTFOUND, "which: no participant of that uuid");
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
		show_participants(a, asked(rq, "conference"));
	else if (strcmp(rq->verb, "disconnect") == 0 && conf)
		disconnect_conference(a, asked(rq, "which"));
	else if (strcmp(rq->verb, "disconnect") == 0 && part)
		disconnect_participant(a, asked(rq, "which"));
	else
		finish(a, E_UNSUPPORTED, "verb: not one of list create change "
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
	a->to = cl;
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
