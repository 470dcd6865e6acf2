/* sip/peer.h - the other end of a message: a datagram's address, or a
 * connection. Connections have numbers that are not used again. */
#pragma once
#include "base/addr.h"
#include "ipc/sip.pb-c.h"

struct sip_peer {
	Cv__SipTransport transport;
	uint32_t flow;		/* 0 = datagrams */
	struct addr source;	/* theirs */
	struct addr local;	/* ours */
};

static inline bool sip_peer_is_reliable(const struct sip_peer *p)
{
	return p->transport != CV__SIP_TRANSPORT__SIP_UDP;
}
