/* courier/http/fetch.h - one HTTPS exchange; the only user of libcurl.
 *
 * GET (or POST) over TLS 1.2 or later, HTTP/1.1, on a connection of its own: to one of
 * the addresses given and no other (the library never resolves), which are
 * checked once more when the socket is made and, by what it was connected to
 * and from, before the request is sent. No redirect, proxy, environment,
 * netrc, cookie, compression or earlier connection. The chain must end at a
 * CA of the bundle and the certificate must name the host. Without TLS only
 * where the caller says so (is_plain).
 *
 * What the answer may cost: body_max bytes of body, FETCH_HEAD_MAX of head;
 * the body of anything but a 200 is not read. Time is the caller's: cancel.
 *
 * One libevent loop, no threads. Answers come from the loop, never inside
 * fetch_start().
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "base/outguard.h"

enum { FETCH_MAX = 96,			/* at once */
       FETCH_HEAD_MAX = 32 * 1024,
       FETCH_ADDRS_MAX = 4,
       FETCH_TYPE_MAX = 64 };

enum fetch_outcome {
	FETCH_OK = 0,		/* a status; with 200 the body, too */
	FETCH_GUARDED,
	FETCH_CONNECT,
	FETCH_TLS, FETCH_TLS_CHAIN, FETCH_TLS_NAME,
	FETCH_TOO_LARGE,
	FETCH_BAD,		/* not HTTP, broken off */
	FETCH_NOMEM,
};

struct fetch_answer {
	enum fetch_outcome outcome;
	enum outguard_reason guard;	/* FETCH_GUARDED */
	const char *detail;		/* for a log: a constant or static */
	uint32_t status;
	char type[FETCH_TYPE_MAX];	/* lower case, without parameters */
	struct span body;		/* until fn returns; then wiped */
	bool has_peer;
	struct addr peer;
};

struct event_base;
struct fetcher;
struct fetch;

typedef void (*fetch_fn)(void *arg, const struct fetch_answer *a);
/* May a socket be connected to this address? */
typedef enum outguard_reason (*fetch_may_fn)(void *arg, const struct addr *a);

struct fetch_req {
	const char *host;		/* name or literal without brackets */
	uint16_t port;
	const char *url;		/* https, names host and port */
	const struct addr *addrs;	/* FETCH_ADDRS_MAX at most, port set */
	size_t n_addrs;
	const char *username;		/* NULL: no authentication */
	const char *password;
	bool is_plain;			/* http: the answer proves itself */
	struct span post;		/* POST of this; empty: GET. Copied */
	const char *post_type;		/* "Content-Type: ..." */
	size_t body_max;
	fetch_may_fn may;
	fetch_fn fn;
	void *arg;			/* of both */
};

/* Once, before the sandbox, and at the end. */
int  fetch_library_start(void);
void fetch_library_stop(void);

int  fetcher_new(struct fetcher **out, struct event_base *base);
void fetcher_free(struct fetcher **f);	/* cancels what is under way */
/* Trust: each certificate of a PEM bundle. Returns how many, E_FORMAT when
 * there is something that is none. */
int  fetcher_trust(struct fetcher *f, struct span pem);
/* E_FULL, E_NOMEM, E_AUTH (no CA is trusted). */
int  fetch_start(struct fetcher *f, const struct fetch_req *req,
		 struct fetch **out);
/* fn will not be called. */
void fetch_cancel(struct fetch *x);
