/* core/sip_trunk.h - SIP proxies over TLS: what the face must know of them,
 * and whose certificates are good.
 *
 * The face gets each sip_proxy over TLS (SipTrunk) when it comes up and when a
 * row changes: names, CAs, whether revocation is asked for. It does the
 * handshakes; whether a certificate was revoked it asks courier, through here:
 * CERT_CHECK and CERT_STATUS pass unread, under a number of ours.
 *
 * core's main thread only.
 */
#pragma once
#include "core/core.h"
#include "courier.pb-c.h"
#include "sip.pb-c.h"

enum { SIP_CHECKS_MAX = 256 };	/* certificates on their way to courier */

/* All of them, to the face, if it is there. */
void sip_trunks_send(struct core *c);
/* The row of the sip_proxy that this caller is; 0. */
int64_t sip_trunk_of(struct core *c, const Cv__SipCaller *who);
/* Does this trunk say who calls? */
bool sip_trunk_is_believed(struct core *c, int64_t trunk);
void sip_untrusted(struct core *c, const Cv__SipUntrusted *m);
/* Of the face, or of a web face (its channel). */
void cert_check(struct core *c, struct ipc_chan *from,
		const Cv__CertCheck *m);
void cert_status(struct core *c, const Cv__CertStatus *m);
/* courier is gone: whoever waits is told. */
void cert_checks_fail(struct core *c);
