#include "web/session.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/handle.h"
#include "base/rand.h"
#include "web/web.h"

enum { MILLI = 1000 };

struct bucket {
	uint64_t milli, at_ns;
};

struct session {
	struct web *w;
	uint64_t id;			/* for its passes; 0: has none */
	struct list streams;
	uint8_t keys[WEB_TOKENS_KEPT][WEB_TOKEN_KEY];
	size_t n_keys;
	struct secret token;		/* while there are streams */
	struct timer life;
	struct addr source;		/* of its last request */
	bool is_held;			/* counted to that source */
	bool is_good;			/* core said so */
	uint8_t dscp;
	struct bucket requests, passes;
};

void token_key(uint8_t key[WEB_TOKEN_KEY], struct span token)
{
	uint8_t sum[SHA256_LEN];
	if (crypto_sha256(sum, token) < 0)
		rand_bytes(sum, sizeof(sum));	/* matches nothing */
	memcpy(key, sum, WEB_TOKEN_KEY);
}

int sessions_init(struct web *w)
{
	int r = map_new(&w->sessions.by_key,
			WEB_SESSIONS_MAX * WEB_TOKENS_KEPT);
	return r < 0 ? r : handles_new(&w->sessions.by_id, WEB_SESSIONS_MAX);
}

static void free_session(struct web *w, struct session *s)
{
	for (size_t i = 0; i < s->n_keys; i++)
		(void)map_del(w->sessions.by_key,
			      span_of(s->keys[i], WEB_TOKEN_KEY));
	if (s->id)
		(void)handles_del(w->sessions.by_id, s->id);
	timer_cancel(&s->life);
	if (s->is_held)
		sources_drop(w->sources, &s->source, SOURCE_SESSIONS);
	secret_release(&s->token);
	w->sessions.n--;
	mem_free(s);
}

void sessions_release(struct web *w)
{
	size_t it = 0;
	void *v;
	while (w->sessions.by_key &&
	       map_next(w->sessions.by_key, &it, &(struct span){0}, &v)) {
		free_session(w, v);
		it = 0;
	}
	map_free(&w->sessions.by_key);
	handles_free(&w->sessions.by_id);
}

static void live_until(struct session *s, uint32_t expires_s, uint64_t now_ns)
{
	uint64_t left = (uint64_t)(expires_s ? expires_s : WEB_SESSION_S) +
			WEB_SESSION_GRACE_S;
	timer_set(s->w->wheel, &s->life, now_ns + left * NS_PER_S);
}

static void on_life(struct timer *t, void *arg, uint64_t now_ns)
{
	struct session *s = arg;
	(void)t;
	if (list_is_empty(&s->streams))
		free_session(s->w, s);
	else
		live_until(s, 0, now_ns);
}

/* --- keys ---------------------------------------------------------------- */

static int add_key(struct web *w, struct session *s,
		   const uint8_t key[WEB_TOKEN_KEY])
{
	struct map *m = w->sessions.by_key;
	if (map_get(m, span_of(key, WEB_TOKEN_KEY)))
		return E_EXISTS;
	if (s->n_keys == WEB_TOKENS_KEPT) {
		(void)map_del(m, span_of(s->keys[0], WEB_TOKEN_KEY));
		memmove(s->keys[0], s->keys[1],
			(WEB_TOKENS_KEPT - 1) * WEB_TOKEN_KEY);
		s->n_keys--;
	}
	int r = map_put(m, span_of(key, WEB_TOKEN_KEY), s);
	if (r == 0)
		memcpy(s->keys[s->n_keys++], key, WEB_TOKEN_KEY);
	return r;
}

static struct session *by_key(const struct web *w, const uint8_t key[WEB_TOKEN_KEY])
{
	return map_get(w->sessions.by_key, span_of(key, WEB_TOKEN_KEY));
}

static struct session *by_token(const struct web *w, struct span token)
{
	uint8_t key[WEB_TOKEN_KEY];
	token_key(key, token);
	return by_key(w, key);
}

/* --- life ---------------------------------------------------------------- */

static struct session *new_session(struct web *w, struct span token,
				   const struct addr *source, uint64_t now_ns)
{
	uint8_t key[WEB_TOKEN_KEY];
	struct session *s = NULL;
	if (w->sessions.n < WEB_SESSIONS_MAX)
		s = mem_zalloc(sizeof(*s));
	if (!s) {
		w->sessions.full++;
		return NULL;
	}
	w->sessions.n++;
	s->w = w;
	s->source = *source;
	s->id = handles_add(w->sessions.by_id, s);
	s->requests = (struct bucket){WEB_SESSION_BURST * MILLI, now_ns};
	s->passes = (struct bucket){WEB_PASS_BURST * MILLI, now_ns};
	list_init(&s->streams);
	timer_init(&s->life, on_life, s);
	token_key(key, token);
	if (add_key(w, s, key) < 0) {
		free_session(w, s);
		return NULL;
	}
	return s;
}

static void move_to(struct session *s, const struct addr *source,
		    uint64_t now_ns)
{
	struct sources *t = s->w->sources;
	if (s->is_held && addr_is_same_source(&s->source, source))
		return;
	if (s->is_held)
		sources_drop(t, &s->source, SOURCE_SESSIONS);
	s->source = *source;
	s->is_held = sources_hold(t, source, SOURCE_SESSIONS, now_ns);
}

static void call_good(struct session *s, uint32_t expires_s, uint64_t now_ns)
{
	s->is_good = true;
	move_to(s, &s->source, now_ns);
	live_until(s, expires_s, now_ns);
}

uint64_t sessions_joined(struct web *w, struct span token, uint32_t expires_s,
			 const struct addr *source, uint64_t now_ns)
{
	struct session *s = by_token(w, token);
	if (!s)
		s = new_session(w, token, source, now_ns);
	if (!s)
		return 0;
	call_good(s, expires_s, now_ns);
	return s->id;
}

void sessions_mark(struct web *w, struct span token, uint32_t dscp)
{
	struct session *s = by_token(w, token);
	if (s)
		s->dscp = dscp & 63;
}

uint8_t sessions_dscp(const struct web *w, struct span token)
{
	const struct session *s = by_token(w, token);
	return s && s->is_good ? s->dscp : 0;
}

static void keep_token(struct session *s, struct span token)
{
	struct secret fresh = {0};
	if (secret_init(&fresh, token.p, token.n) < 0)
		return;
	secret_release(&s->token);
	s->token = fresh;
}

void sessions_token_moved(struct web *w, const uint8_t key[WEB_TOKEN_KEY],
			  struct span token, uint32_t expires_s,
			  const struct addr *source, uint64_t now_ns)
{
	uint8_t new_key[WEB_TOKEN_KEY];
	struct session *s = by_key(w, key);
	if (!s) {
		(void)sessions_joined(w, token, expires_s, source, now_ns);
		return;
	}
	token_key(new_key, token);
	if (add_key(w, s, new_key) < 0)
		return;
	if (!list_is_empty(&s->streams))
		keep_token(s, token);
	call_good(s, expires_s, now_ns);
}

void session_bad(struct session *s)
{
	s->is_good = false;
	if (s->is_held)
		sources_drop(s->w->sources, &s->source, SOURCE_SESSIONS);
	s->is_held = false;
}

static void drop_key(struct web *w, struct session *s,
		     const uint8_t key[WEB_TOKEN_KEY])
{
	size_t i = 0;
	while (i < s->n_keys && memcmp(s->keys[i], key, WEB_TOKEN_KEY) != 0)
		i++;
	(void)map_del(w->sessions.by_key, span_of(key, WEB_TOKEN_KEY));
	s->n_keys--;
	for (; i < s->n_keys; i++)
		memcpy(s->keys[i], s->keys[i + 1], WEB_TOKEN_KEY);
}

void sessions_refused(struct web *w, const uint8_t key[WEB_TOKEN_KEY])
{
	struct session *s = by_key(w, key);
	if (!s)
		return;
	drop_key(w, s, key);
	if (s->n_keys)
		return;
	session_bad(s);
	if (list_is_empty(&s->streams))
		free_session(w, s);
}

/* --- requests ------------------------------------------------------------ */

static bool take(struct bucket *b, uint32_t per_s, uint32_t burst,
		 uint64_t now_ns)
{
	const uint64_t cap = (uint64_t)burst * MILLI;
	uint64_t ms = now_ns > b->at_ns ? (now_ns - b->at_ns) / NS_PER_MS : 0;
	b->at_ns += ms * NS_PER_MS;
	b->milli += (ms < cap ? ms : cap) * per_s;
	if (b->milli > cap)
		b->milli = cap;
	if (b->milli < MILLI)
		return false;
	b->milli -= MILLI;
	return true;
}

enum http_standing sessions_standing(struct web *w, struct span token,
				     const struct addr *source,
				     uint64_t now_ns, uint64_t *holder)
{
	struct session *s = by_token(w, token);
	if (!s || !s->is_good)
		return HTTP_STRANGER;
	if (!take(&s->requests, WEB_SESSION_PER_S, WEB_SESSION_BURST,
		  now_ns)) {
		w->sessions.too_fast++;
		return HTTP_TOO_FAST;
	}
	move_to(s, source, now_ns);
	*holder = s->id;
	return HTTP_INSIDE;
}

bool sessions_on_pass(void *arg, uint64_t holder, uint64_t now_ns)
{
	struct web *w = arg;
	struct session *s = handles_get(w->sessions.by_id, holder);
	return s && s->is_good &&
	       take(&s->passes, WEB_PASS_PER_S, WEB_PASS_BURST, now_ns);
}

/* --- streams ------------------------------------------------------------- */

struct session *session_open(struct web *w, struct span token,
			     const struct addr *source, uint64_t now_ns)
{
	struct session *s = by_token(w, token);
	if (!s)
		s = new_session(w, token, source, now_ns);
	if (!s)
		return NULL;
	keep_token(s, token);
	if (s->token.n)
		return s;
	session_unused(w, s);
	return NULL;
}

void session_use(struct session *s, struct list *stream)
{
	list_add_tail(&s->streams, stream);
}

void session_unused(struct web *w, struct session *s)
{
	if (!list_is_empty(&s->streams))
		return;
	secret_release(&s->token);
	/* Its life goes on: a page that is loaded again comes back. */
	if (!s->is_good)
		free_session(w, s);
}

void session_good(struct web *w, struct session *s, uint64_t now_ns)
{
	(void)w;
	call_good(s, 0, now_ns);
}

struct span session_token(const struct session *s)
{
	return secret_span(&s->token);
}
