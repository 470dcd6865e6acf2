/* Where a request of the face goes: courier looks it up, checks the address
 * and connects; the descriptor passes through here. */
#include "core/sip_dial.h"

#include "base/alloc.h"
#include "core/sip_int.h"
#include "courier.pb-c.h"

enum { CONNECT_TIMEOUT_MS = 10000 };

static void fail(struct core *c, uint32_t req, uint32_t error)
{
	Cv__SipConnected r = CV__SIP_CONNECTED__INIT;

	r.req = req;
	r.error = error;
	if (sip_chan(c))
		(void)ipc_send(sip_chan(c), SIP_CONNECTED, &r);
}

static bool has_proxy_by(struct core *c, int64_t transport)
{
	const struct store_row *row;

	for (int64_t id = 0; (row = store_next(c->store, RES_SIP_PROXY, id));
	     id = store_row_id(row))
		if (store_int(row, SIP_PROXY_TRANSPORT) == transport)
			return true;
	return false;
}

/* TLS always; what is not encrypted only where a switch or a row says so. */
static uint32_t allowed(struct core *c, const Cv__SipConnect *m)
{
	const uint32_t tls = 1u << CV__CONNECT_TRANSPORT__CONNECT_TLS;
	const uint32_t tcp = 1u << CV__CONNECT_TRANSPORT__CONNECT_TCP;
	const uint32_t udp = 1u << CV__CONNECT_TRANSPORT__CONNECT_UDP;
	const bool may_tcp = store_global(c->store, GLOBAL_ENABLE_SIP_TCP);
	const bool may_udp = store_global(c->store, GLOBAL_ENABLE_SIP_UDP);

	switch (m->transport) {
	case CV__SIP_TRANSPORT__SIP_TLS:
		return tls;
	case CV__SIP_TRANSPORT__SIP_TCP:
		return may_tcp || has_proxy_by(c, SV_SIP_TCP) ? tcp : 0;
	case CV__SIP_TRANSPORT__SIP_UDP:
		return may_udp || has_proxy_by(c, SV_SIP_UDP) ? udp : 0;
	default:
		return tls | (may_tcp && !m->sips ? tcp : 0) |
		       (may_udp && !m->sips ? udp : 0);
	}
}

struct wait {
	uint32_t req, sip_req;
};

static struct span key_of(const uint32_t *req)
{
	return span_of(req, sizeof(*req));
}

void sip_connect(struct core *c, const Cv__SipConnect *m)
{
	Cv__Connect r = CV__CONNECT__INIT;
	struct wait *w;

	r.allowed = allowed(c, m);
	if (!r.allowed || !c->courier) {
		fail(c, m->req, r.allowed ? CV__HTTP_ERROR__HTTP_BUSY :
		     CV__HTTP_ERROR__HTTP_GUARDED);
		return;
	}
	w = mem_alloc(sizeof(*w));
	if (w)
		*w = (struct wait){++c->next_req, m->req};
	r.host = m->host;
	r.port = m->port;
	r.sips = m->sips;
	r.trusted_literal = m->trusted_literal;
	r.timeout_ms = CONNECT_TIMEOUT_MS;
	r.skip = m->skip;
	if (w && map_put(c->sip->connects, key_of(&w->req), w) == 0) {
		r.req = w->req;
		if (ipc_send(ipc_ev_chan(c->courier), CONNECT, &r) == 0)
			return;
		(void)map_del(c->sip->connects, key_of(&w->req));
	}
	mem_free(w);
	fail(c, m->req, CV__HTTP_ERROR__HTTP_BUSY);
}

static Cv__SipTransport transport_of(Cv__ConnectTransport t)
{
	return t == CV__CONNECT_TRANSPORT__CONNECT_TLS ?
		CV__SIP_TRANSPORT__SIP_TLS :
	       t == CV__CONNECT_TRANSPORT__CONNECT_TCP ?
		CV__SIP_TRANSPORT__SIP_TCP :
	       t == CV__CONNECT_TRANSPORT__CONNECT_UDP ?
		CV__SIP_TRANSPORT__SIP_UDP : CV__SIP_TRANSPORT__SIP_NONE;
}

void sip_connected(struct core *c, const ProtobufCMessage *msg,
		   const int *fds, size_t n_fds)
{
	const Cv__Connected *m = (const Cv__Connected *)(const void *)msg;
	struct wait *w = map_get(c->sip->connects, key_of(&m->req));
	Cv__SipConnected r = CV__SIP_CONNECTED__INIT;
	Cv__Addr a = CV__ADDR__INIT;

	if (!w) {
		c->stats.bad_handles++;
		return;
	}
	a.ip = m->address;
	a.port = m->port;
	r.req = w->sip_req;
	r.error = (uint32_t)m->error;
	r.address = m->address.len == 16 ? &a : NULL;
	r.transport = transport_of(m->transport);
	r.name = m->name;
	r.left = m->left;
	(void)map_del(c->sip->connects, key_of(&w->req));
	mem_free(w);
	if (sip_chan(c))
		(void)ipc_chan_send(sip_chan(c), IPC_SIP_CONNECTED, &r.base,
				    fds, n_fds > 1 ? 1 : n_fds);
}

void sip_connects_fail(struct core *c)
{
	size_t it = 0;
	void *v;

	while (map_next(c->sip->connects, &it, NULL, &v)) {
		struct wait *w = v;
		const uint32_t req = w->sip_req;

		(void)map_del(c->sip->connects, key_of(&w->req));
		mem_free(w);
		fail(c, req, CV__HTTP_ERROR__HTTP_BUSY);
		it = 0;
	}
}
