/* Core's messages, what is told to it about scanners, and the counters. */
#include "sip/face_int.h"

#include "ipc/ban.pb-c.h"

void tell_ended(struct call *c)
{
	Cv__SipEnded m = CV__SIP_ENDED__INIT;

	if (!c->known || !c->f->core_up)
		return;
	m.call = c->handle;
	m.why = c->why;
	m.status = c->status;
	(void)face_tell(c->f, SIP_ENDED, &m);
	c->known = false;
}

/* --- scanners ------------------------------------------------------------------ */

static struct scan *scan_of(struct face *f, const struct sip_peer *from,
			    Cv__SipScan kind)
{
	for (size_t i = 0; i < f->n_scans; i++)
		if (f->scan[i].kind == kind &&
		    addr_is_same_source(&f->scan[i].from.source,
					&from->source))
			return &f->scan[i];
	/* Full: who came first this second is told; the next second others. */
	if (f->n_scans == SCANS_MAX)
		return NULL;
	f->scan[f->n_scans] = (struct scan){
		.from = *from, .kind = kind,
		/* a digest is counted for a nonce of ours only */
		.proven = from->flow || kind == CV__SIP_SCAN__SIP_SCAN_DIGEST,
	};
	return &f->scan[f->n_scans++];
}

void face_scanned(struct face *f, const struct sip_peer *from,
		  Cv__SipScan kind, struct span agent)
{
	struct scan *s = scan_of(f, from, kind);

	if (!s)
		return;
	s->count++;
	if (!agent.n || s->agent_n)
		return;
	s->agent_n = agent.n < AGENT_MAX ? agent.n : AGENT_MAX;
	memcpy(s->agent, agent.p, s->agent_n);
}

static void tell_scan(struct face *f, const struct scan *s)
{
	Cv__SipScanned m = CV__SIP_SCANNED__INIT;
	Cv__Addr source = addr_of(&s->from.source);
	Cv__Addr local = addr_of(&s->from.local);

	m.source = &source;
	m.local = &local;
	m.kind = s->kind;
	m.count = s->count;
	m.proven = s->proven;
	m.transport = s->from.transport;
	m.user_agent = ipc_data(span_of(s->agent, s->agent_n));
	(void)face_tell(f, SIP_SCANNED, &m);
}

/* How full we are: strangers are shed at all faces by the same rules. */
static void tell_load(struct face *f, uint32_t flows, uint32_t flows_max,
		      uint32_t cpu_permille)
{
	Cv__FaceLoad m = CV__FACE_LOAD__INIT;
	struct source_stats s;

	sources_stats(f->sources, &s);
	m.conns = flows;
	m.conns_max = flows_max;
	m.handshakes = s.held[SOURCE_HANDSHAKES];
	m.waiting = f->asked;
	m.cpu_permille = cpu_permille;
	m.refused = f->n[SIP_N_FLOWS_REFUSED] + f->n[SIP_N_DROPPED_RATE] +
		    f->n[SIP_N_BUSY];
	if (m.conns == f->load.conns && m.handshakes == f->load.handshakes &&
	    m.waiting == f->load.waiting && m.refused == f->load.refused &&
	    m.cpu_permille == f->load.cpu_permille)
		return;
	if (face_tell(f, FACE_LOAD, &m) == 0)
		f->load = m;
}

void face_second(struct face *f, uint32_t flows, uint32_t flows_max,
		 uint32_t cpu_permille, uint64_t now_ns)
{
	Cv__SipStats m = CV__SIP_STATS__INIT;
	struct txns_stats t;

	f->now_ns = now_ns;
	floor_count(f);
	for (size_t i = 0; i < f->n_scans && f->core_up; i++)
		tell_scan(f, &f->scan[i]);
	f->n_scans = 0;
	if (f->core_up)
		tell_load(f, flows, flows_max, cpu_permille);
	if (!f->core_up || memcmp(f->n, f->told, sizeof(f->n)) == 0)
		return;
	memcpy(f->told, f->n, sizeof(f->n));
	txns_stats(f->txns, &t);
	m.calls = (uint32_t)handles_count(f->calls);
	m.dialogs = m.calls - f->asked;
	m.transactions = t.now;
	m.flows = flows;
	m.counters = f->n;
	m.n_counters = SIP_COUNTER_COUNT;
	m.cpu_permille = cpu_permille;
	(void)face_tell(f, SIP_STATS, &m);
}

/* --- from core ------------------------------------------------------------------- */

static void on_bans(struct face *f, const Cv__BanSet *m)
{
	bans_begin(f->bans, m->reset);
	for (size_t i = 0; i < m->n_bans; i++) {
		const Cv__Ban *b = m->bans[i];
		struct ban_row row = {.prefix = b->prefix,
				      .seconds = b->seconds};

		if (!(b->ports & CV__PORT_GROUP__PORTS_SIP) ||
		    b->ip.len != sizeof(row.ip))
			continue;
		memcpy(row.ip, b->ip.data, sizeof(row.ip));
		(void)bans_put(f->bans, &row, f->now_ns);
	}
	bans_end(f->bans, m->last);
}

static void on_hangup(struct face *f, const Cv__SipHangup *m)
{
	struct call *c = call_find(f, m->call);

	if (!c)
		return;
	c->status = m->cause >= 400 && m->cause < 700 ? (uint16_t)m->cause : 0;
	c->why = c->state == CALL_UP || c->state == CALL_ANSWERED ?
		 CV__SIP_END__SIP_END_NORMAL : CV__SIP_END__SIP_END_CANCELLED;
	call_event(c, CALL_EV_HANGUP);
}

static void dispatch(struct face *f, enum ipc_type type, const void *m,
		     int fd)
{
	switch (type) {
	case IPC_SIP_VERDICT:
		on_verdict(f, m);
		break;
	case IPC_SIP_OFFER:
		on_core_offer(f, m);
		break;
	case IPC_SIP_OFFER_REPLY:
		on_core_offer_reply(f, m);
		break;
	case IPC_SIP_HANGUP:
		on_hangup(f, m);
		break;
	case IPC_SIP_INFO:
		on_core_info(f, m);
		break;
	case IPC_SIP_ROSTER:
		on_roster(f, m);
		break;
	case IPC_SIP_REFER_STATE:
		on_refer_state(f, m);
		break;
	case IPC_SIP_DIAL:
		on_dial(f, m);
		break;
	case IPC_SIP_CONNECTED:
		on_connected(f, m, fd);
		break;
	case IPC_SIP_REGISTERED:
		on_registered(f, m);
		break;
	case IPC_SIP_BFCP:
		on_core_bfcp(f, m);
		break;
	case IPC_SIP_FLOOR_STATE:
		on_floor_state(f, m);
		break;
	case IPC_BAN_SET:
		on_bans(f, m);
		break;
	case IPC_SIP_LADDER_ASK:
		on_ladder_ask(f, m);
		break;
	default:
		break;
	}
}

void face_core(struct face *f, enum ipc_type type, const ProtobufCMessage *m,
	       const int *fds, size_t n_fds, uint64_t now_ns)
{
	f->now_ns = now_ns;
	for (size_t i = type == IPC_SIP_CONNECTED; i < n_fds; i++)
		f->cfg.ops.shut(f->cfg.ops.arg, fds[i]);
	dispatch(f, type, m, type == IPC_SIP_CONNECTED && n_fds ? fds[0] : -1);
	face_turn(f);
}

/* Core's memory of our calls went with its channel: they end. */
static void end_all(struct face *f)
{
	uint32_t slot = 0;
	struct call *c;
	uint64_t h;

	while ((c = handles_next(f->calls, &slot, &h))) {
		c->known = false;
		c->why = CV__SIP_END__SIP_END_NORMAL;
		c->status = 503;
		call_event(c, CALL_EV_HANGUP);
	}
}

void face_core_up(struct face *f, bool up, uint64_t now_ns)
{
	f->now_ns = now_ns;
	f->core_up = up;
	memset(f->told, 0xff, sizeof(f->told));
	cv__face_load__init(&f->load);
	if (!up)
		end_all(f);
	face_turn(f);
}
