#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/ban.pb-c.h"
#include "web/web.h"

#define MOD "web"

int link_init(struct web *w)
{
	list_init(&w->link.in_flight);
	list_init(&w->link.waiting);
	return map_new(&w->link.by_req, WEB_PENDING_MAX);
}

static void pending_free(struct pending *p)
{
	if (!p)
		return;
	list_del(&p->at);
	if (p->packed) {
		secret_wipe(p->packed, p->packed_n);
		mem_free(p->packed);
	}
	if (p->offer) {		/* ICE credentials */
		secret_wipe(p->offer, p->offer_n);
		mem_free(p->offer);
	}
	mem_free(p);
}

static struct span req_key(const uint32_t *req)
{
	return span_of(req, sizeof(*req));
}

void link_drop(struct web *w, struct pending *p)
{
	w->link.n_joins -= p->row->kind == ROUTE_JOIN;
	(void)map_del(w->link.by_req, req_key(&p->req));
	pending_free(p);
}

static void give_up(struct web *w, struct pending *p)
{
	w->link.away++;
	reply_away(w, &p->to, p->row);
	link_drop(w, p);
}

void link_release(struct web *w)
{
	list_each(a, t1, &w->link.in_flight)
		pending_free(list_entry(a, struct pending, at));
	list_each(b, t2, &w->link.waiting)
		pending_free(list_entry(b, struct pending, at));
	map_free(&w->link.by_req);
	ipc_ev_free(&w->link.ev);
	w->link.ev = NULL;
}

bool link_is_up(const struct web *w)
{
	return w->link.ev && ipc_chan_is_up(ipc_ev_chan(w->link.ev));
}

int link_send(struct web *w, enum ipc_type type, const ProtobufCMessage *msg)
{
	if (!w->link.ev)
		return E_CLOSED;
	return ipc_chan_send(ipc_ev_chan(w->link.ev), type, msg, NULL, 0);
}

static bool has_room(const struct web *w, const struct route_row *row)
{
	return map_count(w->link.by_req) < WEB_PENDING_MAX &&
	       (row->kind != ROUTE_JOIN || w->link.n_joins < WEB_JOINS_MAX);
}

struct pending *link_pending(struct web *w, const struct route_row *row,
			     const struct reply_to *to,
			     const struct http_request *req)
{
	struct pending *p = has_room(w, row) ? mem_zalloc(sizeof(*p)) : NULL;
	if (p) {
		list_init(&p->at);
		p->since_ns = req->now_ns;
		p->row = row;
		p->to = *to;
		p->source = req->source;
		p->req = ++w->link.last_req;
		if (map_put(w->link.by_req, req_key(&p->req), p) == 0) {
			w->link.n_joins += row->kind == ROUTE_JOIN;
			return p;
		}
	}
	mem_free(p);
	w->link.dropped++;
	reply_away(w, to, row);
	return NULL;
}

/* Core is away for a moment: its message is kept as bytes. */
static void wait_for_core(struct web *w, struct pending *p, enum ipc_type type,
			  const ProtobufCMessage *msg)
{
	p->type = type;
	p->packed_n = protobuf_c_message_get_packed_size(msg);
	if (w->link.n_waiting < WEB_WAITING_MAX)
		p->packed = mem_alloc(p->packed_n);
	if (!p->packed) {
		give_up(w, p);
		return;
	}
	(void)protobuf_c_message_pack(msg, p->packed);
	w->link.n_waiting++;
	list_add_tail(&w->link.waiting, &p->at);
}

void link_ask(struct web *w, struct pending *p, enum ipc_type type,
	      const ProtobufCMessage *msg)
{
	int r = link_send(w, type, msg);
	if (r == 0) {
		list_add_tail(&w->link.in_flight, &p->at);
	} else if (r == E_CLOSED) {
		wait_for_core(w, p, type, msg);
	} else if (r == E_LIMIT) {
		reply_text(w, &p->to, 400, "the request is too large");
		link_drop(w, p);
	} else {
		w->link.dropped++;
		give_up(w, p);
	}
}

static void send_waiting(struct web *w)
{
	list_each(it, tmp, &w->link.waiting) {
		struct pending *p = list_entry(it, struct pending, at);
		ProtobufCMessage *msg = protobuf_c_message_unpack(
			ipc_row(p->type)->desc, NULL, p->packed_n, p->packed);
		list_del(&p->at);
		list_init(&p->at);
		w->link.n_waiting--;
		int r = msg ? link_send(w, p->type, msg) : E_NOMEM;
		if (msg)
			protobuf_c_message_free_unpacked(msg, NULL);
		secret_wipe(p->packed, p->packed_n);
		mem_free(p->packed);
		p->packed = NULL;
		if (r == 0)
			list_add_tail(&w->link.in_flight, &p->at);
		else
			give_up(w, p);
	}
}

static struct pending *found(struct web *w, uint32_t req, enum route_kind kind)
{
	struct pending *p = map_get(w->link.by_req, req_key(&req));
	/* A number that we did not give out, or gave to something else. */
	if (!p || p->row->kind != kind) {
		w->link.unknown++;
		return NULL;
	}
	return p;
}

static void on_bans(struct web *w, const Cv__BanSet *m)
{
	uint64_t now_ns = clock_mono_ns();
	bans_begin(w->bans, m->reset);
	for (size_t i = 0; i < m->n_bans; i++) {
		const Cv__Ban *b = m->bans[i];
		struct ban_row row = {.prefix = b->prefix,
				      .seconds = b->seconds};
		if (!(b->ports & CV__PORT_GROUP__PORTS_WEB) ||
		    b->ip.len != sizeof(row.ip))
			continue;
		memcpy(row.ip, b->ip.data, sizeof(row.ip));
		(void)bans_put(w->bans, &row, now_ns);
	}
	bans_end(w->bans, m->last);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct web *w = arg;
	struct pending *p;
	(void)ch;
	(void)fds;
	(void)n_fds;	/* the channel refuses descriptors in these rows */
	switch (type) {
	case IPC_JOIN_REPLY: {
		const Cv__JoinReply *m = (const void *)msg;
		p = found(w, m->req, ROUTE_JOIN);
		if (p) {
			reply_join(w, p, m);
			link_drop(w, p);
		}
		break;
	}
	case IPC_COMMAND_REPLY: {
		const Cv__CommandReply *m = (const void *)msg;
		p = found(w, m->req, ROUTE_COMMAND);
		if (p) {
			reply_command(w, p, m);
			link_drop(w, p);
		}
		break;
	}
	case IPC_CALL_REPLY: {
		const Cv__CallReply *m = (const void *)msg;
		p = found(w, m->req, ROUTE_CALL);
		if (p) {
			reply_call(w, p, m);
			link_drop(w, p);
		}
		break;
	}
	case IPC_REG_REPLY: {
		const Cv__RegReply *m = (const void *)msg;
		p = found(w, m->req, ROUTE_REG);
		if (p) {
			reg_reply(w, p, m);
			link_drop(w, p);
		}
		break;
	}
	case IPC_STREAM_REPLY:
		streams_on_reply(w, (const void *)msg);
		break;
	case IPC_STREAM_CLOSE:
		streams_on_close(w, (const void *)msg);
		break;
	case IPC_EVENT:
		streams_on_event(w, (const void *)msg);
		break;
	case IPC_SETTINGS:
		settings_apply(w, (const void *)msg);
		break;
	case IPC_BAN_SET:
		on_bans(w, (const void *)msg);
		break;
	default:
		w->link.unknown++;
	}
}

static void lost(struct web *w)
{
	ipc_ev_free(&w->link.ev);
	w->link.ev = NULL;
	list_each(it, tmp, &w->link.in_flight)
		give_up(w, list_entry(it, struct pending, at));
	streams_on_link_lost(w);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct web *w = arg;
	(void)ch;
	log_warn(MOD, "core is away", LOG_E("reason", error));
	lost(w);
	role_link_lost(w->role, ROLE_CORE, w->link.peer);
}

void link_attach(struct web *w, uint32_t instance, int fd)
{
	if (w->link.ev)
		lost(w);
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = ROLE_WEB, .peer = ROLE_CORE,
		.self_instance = w->instance, .peer_instance = instance,
		.on_msg = on_msg, .on_down = on_down, .arg = w,
	};
	int r = ipc_ev_new(&w->link.ev, w->base, &cfg);
	w->link.peer = instance;
	if (r < 0) {
		w->link.ev = NULL;
		log_error(MOD, "no channel to core", LOG_E("reason", r));
		return;
	}
	load_forget(w);
	send_waiting(w);
	streams_on_link(w);
}

void link_sweep(struct web *w, uint64_t now_ns)
{
	list_each(a, t1, &w->link.waiting) {
		struct pending *p = list_entry(a, struct pending, at);
		if (now_ns - p->since_ns < WEB_WAIT_S * NS_PER_S)
			break;
		w->link.n_waiting--;
		give_up(w, p);
	}
	list_each(b, t2, &w->link.in_flight) {
		struct pending *p = list_entry(b, struct pending, at);
		if (now_ns - p->since_ns < WEB_PENDING_S * NS_PER_S)
			break;
		w->link.late++;
		link_drop(w, p);
	}
}
