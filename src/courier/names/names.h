/* courier/names/names.h - names to addresses; the only user of c-ares.
 *
 * Asks the name servers of /etc/resolv.conf as it was at the start (or those
 * that were given), A and AAAA at once. No search list, no hosts file: a name
 * means the same everywhere. Answers always come from the loop, never inside
 * names_lookup(). A query ends by itself after some seconds; whoever waits
 * has his own time limit and cancels. One thread, no threads of its own.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { NAMES_MAX = 1024,	/* queries at once, cancelled ones too */
       NAMES_ADDRS_MAX = 16 };	/* addresses of one answer; more are cut */

struct event_base;
struct names;
struct names_query;

/* `error`: 0, E_NOTFOUND (no such name, or no address), E_TIMEOUT (no server
 * answered), E_FORMAT (no name), E_NOMEM. The query is gone afterwards. */
typedef void (*names_fn)(void *arg, int error, const struct addr *addrs,
			 size_t n);

/* Opens files: before the sandbox. `servers`: "1.2.3.4:53,[2001:db8::1]", or
 * NULL for /etc/resolv.conf. */
int  names_new(struct names **out, struct event_base *base,
	       const char *servers);
void names_free(struct names **n);
/* E_FULL, E_NOMEM. `port` is put into the addresses. */
int  names_lookup(struct names *n, const char *host, uint16_t port,
		  names_fn fn, void *arg, struct names_query **out);
/* SRV and NAPTR (courier/sip/target.h): at most SIP_RECORDS_MAX records, of
 * the query's kind; more are cut. Otherwise as above. */
enum names_kind { NAMES_SRV = 1, NAMES_NAPTR };
typedef void (*names_records_fn)(void *arg, int error, const void *records,
				 size_t n);
int  names_records(struct names *n, enum names_kind kind, const char *name,
		   names_records_fn fn, void *arg, struct names_query **out);
/* fn will not be called. */
void names_cancel(struct names_query *q);
