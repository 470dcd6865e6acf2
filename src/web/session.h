/* web/session.h - whose tokens are good, as far as core told us.
 *
 * A session is one participant's way in: the tokens he was given (a refresh
 * may be asked twice in a row and both answers are good, so the last few stay
 * known, as hashes), his event streams, and the newest token, kept while he
 * has a stream, to tell a new core who listens. It begins when core answers a
 * join or accepts a stream, and ends WEB_SESSION_GRACE_S after the life of its
 * token when no stream is left, or when core calls the token invalid.
 *
 * What it is good for: a request that shows a token of a good session comes
 * from inside. It is served before strangers' and counted to the session, not
 * to the address, which an attacker may share; and an address with people
 * inside is never shut out as a whole (bans). His client is given passes
 * (http/pass.h), with which it opens connections when an attacker uses up what
 * the address may open. It gives no right to anything: core judges each token
 * anew.
 */
#pragma once
#include "base/addr.h"
#include "base/list.h"
#include "base/span.h"
#include "http/server.h"

enum {
	WEB_SESSIONS_MAX = 16384,
	WEB_TOKEN_KEY = 16,
	WEB_TOKENS_KEPT = 4,		/* by which one session is known */
	WEB_SESSION_S = 120,		/* when core did not say */
	WEB_SESSION_GRACE_S = 30,
	WEB_SESSION_PER_S = 30,		/* requests of one session */
	WEB_SESSION_BURST = 240,
	/* Connections by a pass. Not counted to the requests: somebody who
	 * copied it off the network can use these up, and nothing else. */
	WEB_PASS_PER_S = 4,
	WEB_PASS_BURST = 32,
};

struct web;
struct session;

int  sessions_init(struct web *w);
void sessions_release(struct web *w);
/* Core let somebody in. The number for his passes; 0: no room. */
uint64_t sessions_joined(struct web *w, struct span token, uint32_t expires_s,
			 const struct addr *source, uint64_t now_ns);
/* DSCP of what is sent to whoever shows this token, as core said. */
void sessions_mark(struct web *w, struct span token, uint32_t dscp);
uint8_t sessions_dscp(const struct web *w, struct span token);
/* A refresh: the old token's session has this one, too. */
void sessions_token_moved(struct web *w, const uint8_t key[WEB_TOKEN_KEY],
			  struct span token, uint32_t expires_s,
			  const struct addr *source, uint64_t now_ns);
/* Core called this token invalid. The session's other ones may be good. */
void sessions_refused(struct web *w, const uint8_t key[WEB_TOKEN_KEY]);
/* HTTP_STRANGER for a token that is not known to be good. *holder is written
 * for HTTP_INSIDE only. */
enum http_standing sessions_standing(struct web *w, struct span token,
				     const struct addr *source,
				     uint64_t now_ns, uint64_t *holder);
/* http_pass_fn. */
bool sessions_on_pass(void *arg, uint64_t holder, uint64_t now_ns);

/* For streams. A token that is not known opens a session that is not good
 * yet. NULL: no room. */
struct session *session_open(struct web *w, struct span token,
			     const struct addr *source, uint64_t now_ns);
void session_use(struct session *s, struct list *stream);
/* After a stream was taken off; may free the session. */
void session_unused(struct web *w, struct session *s);
void session_good(struct web *w, struct session *s, uint64_t now_ns);
void session_bad(struct session *s);
struct span session_token(const struct session *s);

/* A table's key for a token. Not secret and not reversible: it may stay in
 * memory longer than the token. */
void token_key(uint8_t key[WEB_TOKEN_KEY], struct span token);
