/* wire/tls - what a TLS client says first, as far as a server wants to know it
 * before it spends anything: the names of the sessions that the client would
 * like to resume (RFC 8446 4.2.11, pre_shared_key).
 *
 * Nothing here is believed: the binders that prove possession are not checked,
 * and whoever saw a ClientHello go by knows its identities. Everything else in
 * it is the TLS library's business.
 *
 * Pure and without allocation; spans point into the input.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { TLS_RECORD_HEAD = 5, TLS_IDENTITIES_MAX = 4 };

struct tls_hello {
	size_t n;		/* further ones are passed over */
	struct span identity[TLS_IDENTITIES_MAX];
};

/* The first record of a connection, perhaps with more behind it. E_AGAIN: it
 * is not whole yet. E_FORMAT, E_TRUNC: no ClientHello. E_UNSUPPORTED: one in
 * several records, which no client makes that is not looking for trouble.
 * *out is written only on success. */
int tls_hello_decode(struct tls_hello *out, struct span in);
