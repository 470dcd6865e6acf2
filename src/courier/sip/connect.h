/* courier/sip/connect.h - resolves a SIP target and connects to it (CONNECT of
 * courier.proto).
 *
 * One attempt per request: the targets of RFC 3263 in order, each address of a
 * target in order, `skip` of them passed over (they were tried before). Every
 * address is checked by the outbound guard before a packet goes there; one
 * that may not be reached is passed over, and the answer says GUARDED when
 * nothing else was left. TCP and TLS: the connected descriptor goes to core,
 * TLS is done by the face. UDP: only the address; it leaves from the face's
 * own socket. The whole takes timeout_ms at most, a single connection attempt
 * CONNECT_TRY_MS.
 *
 * Answers come from the loop or at once. One thread.
 */
#pragma once
#include "courier/courier.h"

enum { CONNECT_AT_ONCE_MAX = 64, CONNECT_TRY_MS = 4000,
       CONNECT_ADDRS_MAX = 64 /* looked at in one request */ };

/* Refused ones are answered, too. */
void connect_take(struct courier *c, const Cv__Connect *m);
/* The link to core went: nobody will hear. */
void connect_drop_all(struct courier *c);
