/* Datagrams of BFCP (RFC 8855, 8856) of a leg without ICE: a port of their own,
 * DTLS where it was agreed, and nothing of what they mean. Whole datagrams go
 * to core, which hands them to the face; what the face says comes back.
 *
 * The port answers and does not begin: nothing leaves before something came
 * from an address that the leg's description or signalling named, DTLS's
 * first flight apart, where the peer wants us to be its client. */
#include "media/media.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "media/transport/flood.h"
#include "wire/bfcp/bfcp.h"

#define MOD "bfcp"

enum { BFCP_DATAGRAM_MAX = 1200, BFCP_PER_S = 25, BFCP_BURST = 50 };

struct leg_bfcp {
	struct leg *leg;
	uint16_t port;
	struct net_socket socket;
	struct latch to;
	struct path path;
	struct nego_transport t;
	struct dtls *dtls;
	struct addr dtls_peer;		/* of the handshake that runs */
	uint64_t dtls_ns;
	bool is_broken;			/* DTLS failed: no more until the next
					 * description */
	struct flood_bucket rate;
};

/* --- to core ----------------------------------------------------------- */

static void take(struct leg_bfcp *b, struct span datagram)
{
	struct media *m = b->leg->m;
	Cv__LegBfcp msg = CV__LEG_BFCP__INIT;

	if (datagram.n > BFCP_DATAGRAM_MAX ||
	    !flood_bucket_take(&b->rate, BFCP_PER_S, BFCP_BURST, m->now_ns)) {
		m->stats.bfcp_dropped++;
		return;
	}
	msg.leg = b->leg->handle;
	msg.datagram = ipc_data(datagram);
	m->stats.bfcp_in++;
	if (m->core)
		(void)ipc_send(m->core, LEG_BFCP, &msg);
}

/* --- the way ----------------------------------------------------------- */

static void path_take(struct leg_bfcp *b)
{
	const struct addr *to = latch_to(&b->to);

	b->path = (struct path){.dscp = b->leg->plain.dscp};
	if (!to || b->socket.watch.fd < 0)
		return;
	b->path.kind = PATH_PORT;
	b->path.conn = (uint64_t)b->socket.watch.fd;
	b->path.peer = *to;
}

static void came(struct leg_bfcp *b, const struct addr *from)
{
	if (b->to.is_latched)
		return;
	(void)latch_came(&b->to, from);
	path_take(b);
}

static void put(struct leg_bfcp *b, const struct path *to, struct span datagram)
{
	if (to->kind == PATH_NONE || datagram.n > NET_PACKET_MAX)
		return;
	memcpy(net_reserve(b->leg->m->net), datagram.p, datagram.n);
	net_commit(b->leg->m->net, to, datagram.n);
}

/* --- DTLS -------------------------------------------------------------- */

static void dtls_out(void *arg, struct span datagram)
{
	struct leg_bfcp *b = arg;
	struct path there = b->path;

	if (b->dtls_peer.port) {
		there.kind = PATH_PORT;
		there.conn = (uint64_t)b->socket.watch.fd;
		there.peer = b->dtls_peer;
	}
	put(b, &there, datagram);
}

static void dtls_data(void *arg, struct span data)
{
	take(arg, data);
}

static int dtls_begin(struct leg_bfcp *b, const struct addr *peer)
{
	struct media *m = b->leg->m;
	struct dtls_cfg cfg = {.is_client = b->t.is_dtls_client,
			       .mtu = b->leg->datagram_max, .send = dtls_out,
			       .take = dtls_data, .arg = b};

	if (!flood_take(m->handshakes, peer, m->now_ns))
		return E_BUSY;
	memcpy(cfg.fingerprint, b->t.fingerprint, DTLS_FINGERPRINT_LEN);
	b->dtls_ns = m->now_ns;
	b->dtls_peer = *peer;
	return dtls_new(&b->dtls, m->dtls, &cfg);
}

/* Sound and pictures go on without it. */
static void dtls_fail(struct leg_bfcp *b, const char *why)
{
	log_info(MOD, "no floor control for a leg",
		 LOG_U("leg", b->leg->handle), LOG_S("why", why));
	b->is_broken = true;
	dtls_free(&b->dtls);
	b->dtls_peer.port = 0;
}

static void dtls_after(struct leg_bfcp *b, enum dtls_state s)
{
	if (s == DTLS_FAILED)
		dtls_fail(b, "dtls failed");
	else if (s == DTLS_CLOSED)
		dtls_fail(b, "closed by the peer");
	else if (s == DTLS_UP && b->dtls_peer.port) {
		came(b, &b->dtls_peer);
		b->dtls_peer.port = 0;
	}
}

static void dtls_came(struct leg_bfcp *b, const struct addr *from,
		      struct span in)
{
	struct media *m = b->leg->m;

	if (b->is_broken || (!b->dtls && (b->t.is_dtls_client ||
					  dtls_begin(b, from) < 0)))
		return;
	if (b->dtls_peer.port && !addr_eq(from, &b->dtls_peer))
		return;
	if (m->serving && dtls_state(b->dtls) == DTLS_HANDSHAKE &&
	    !addr_eq(from, &m->served)) {
		m->served = *from;
		m->serving(m->serving_arg, from);
	}
	dtls_after(b, dtls_input(b->dtls, in));
}

void leg_bfcp_service(struct leg *leg)
{
	struct leg_bfcp *b = leg->bfcp;
	const struct addr *to;

	if (!b || b->t.crypto != NEGO_DTLS || b->is_broken)
		return;
	to = latch_to(&b->to);
	if (!b->dtls && b->t.is_dtls_client && to &&
	    !leg->plain.is_unproven)
		(void)dtls_begin(b, to);
	if (!b->dtls || dtls_state(b->dtls) != DTLS_HANDSHAKE)
		return;
	if (leg->m->now_ns - b->dtls_ns > MEDIA_DTLS_S * NS_PER_S)
		dtls_fail(b, "dtls took too long");
	else
		dtls_after(b, dtls_timer(b->dtls));
}

/* --- what comes and goes ----------------------------------------------- */

static void on_port(void *arg, const struct path *from, uint8_t *p, size_t n,
		    uint64_t now_ns)
{
	struct leg_bfcp *b = arg;
	struct media *m = b->leg->m;
	struct span in = span_of(p, n);
	struct bfcp_msg m_head;

	m->now_ns = now_ns;
	m->stats.packets_in++;
	if (b->leg->is_dead || !b->leg->plain.is_accepted ||
	    !latch_may_come(&b->to, &from->peer, &m->guard)) {
		m->stats.strangers++;
		m->stats.packets_dropped++;
	} else if (b->t.crypto == NEGO_DTLS) {
		dtls_came(b, &from->peer, in);
	} else if (bfcp_header(&m_head, in) == 0) {
		/* a clear leg has no better proof of whose it is */
		came(b, &from->peer);
		take(b, in);
	} else {
		m->stats.packets_dropped++;
	}
}

void leg_bfcp_send(struct leg *leg, struct span datagram)
{
	struct leg_bfcp *b = leg->bfcp;

	if (!b || !b->to.is_latched || datagram.n > BFCP_DATAGRAM_MAX) {
		leg->m->stats.bfcp_dropped++;
		return;
	}
	if (b->t.crypto != NEGO_DTLS)
		put(b, &b->path, datagram);
	else if (!b->dtls || dtls_write(b->dtls, datagram) < 0)
		leg->m->stats.bfcp_dropped++;
}

/* --- terms ------------------------------------------------------------- */

void leg_bfcp_close(struct leg *leg)
{
	struct leg_bfcp *b = leg->bfcp;

	if (!b)
		return;
	if (b->dtls)
		dtls_shutdown(b->dtls);
	dtls_free(&b->dtls);
	net_socket_close(&b->socket);
	if (b->port)
		ports_give(leg->m->ports, b->port, leg->m->now_ns);
	secret_wipe(b, sizeof(*b));
	mem_free(b);
	leg->bfcp = NULL;
}

int leg_bfcp_open(struct leg *leg)
{
	struct media *m = leg->m;
	struct leg_bfcp *b = leg->bfcp;
	struct ports_pair pair;
	int r;

	if (b)
		return 0;
	b = mem_zalloc(sizeof(*b));
	if (!b)
		return E_NOMEM;
	b->leg = leg;
	b->to.is_nowhere = true;
	b->socket.watch.fd = -1;
	leg->bfcp = b;
	r = ports_take(m->ports, leg->plain.bind_ip, false, m->now_ns, &pair);
	if (r == 0) {
		b->port = pair.port;
		r = net_socket_open(&b->socket, m->net, pair.rtp_fd, on_port,
				    b);
	}
	if (r < 0)
		leg_bfcp_close(leg);
	return r;
}

static bool is_same_peer(const struct nego_transport *a,
			 const struct nego_transport *b)
{
	return a->crypto == b->crypto &&
	       (a->crypto != NEGO_DTLS ||
		memcmp(a->fingerprint, b->fingerprint, 32) == 0);
}

int leg_bfcp_agree(struct leg *leg, struct nego_bfcp *n)
{
	const struct addr *signalling = leg->plain.has_signalling
					? &leg->plain.signalling : NULL;
	struct leg_bfcp *b;
	int r;

	if (n->section < 0 || nego_bfcp_is_stream(n->t.profile)) {
		leg_bfcp_close(leg);
		return 0;
	}
	r = leg_bfcp_open(leg);
	if (r < 0)
		return r;
	b = leg->bfcp;
	if (b->dtls && is_same_peer(&b->t, &n->t)) {
		/* who began the handshake stays who he is */
		n->t.is_dtls_client = b->t.is_dtls_client;
	} else {
		dtls_free(&b->dtls);
		b->dtls_peer.port = 0;
	}
	b->is_broken = false;
	b->t = n->t;
	if (n->t.has_addr)
		latch_signalled(&b->to, &n->t.rtp, signalling,
				&leg->m->guard);
	else
		latch_wait(&b->to, signalling);
	path_take(b);
	return 0;
}

uint16_t leg_bfcp_port(const struct leg *leg)
{
	return leg->bfcp ? leg->bfcp->port : 0;
}
