#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/rand.h"
#include "base/text.h"
#include "web/rows.h"
#include "web/web.h"

/* All streams that were opened with tokens of one session, and by which of its
 * tokens we know it. A refresh may be asked twice in a row and both answers
 * are good, so the last few keys stay known; the newest token is kept to tell
 * a new core who listens. */
struct session {
	struct list streams;
	uint8_t keys[WEB_TOKENS_KEPT][WEB_TOKEN_KEY];
	size_t n_keys;
	struct secret token;
};

struct stream {
	struct list at;			/* streams.all */
	struct list in_session;
	struct session *session;
	uint32_t id;			/* never used again: core's late events
					 * must not reach another listener */
	bool begun;			/* 200 was sent */
	bool asked;			/* this core knows of it */
	uint64_t since_ns;
	struct reply_to to;
	struct addr source;
	size_t alias_n;
	uint8_t alias[ROUTE_ALIAS_MAX];
};

/* A table's key for a token. Not secret and not reversible: it may stay in
 * memory longer than the token. */
void token_key(uint8_t key[WEB_TOKEN_KEY], struct span token)
{
	uint8_t sum[SHA256_LEN];
	if (crypto_sha256(sum, token) < 0)
		rand_bytes(sum, sizeof(sum));	/* matches nothing */
	memcpy(key, sum, WEB_TOKEN_KEY);
}

static void on_resync(struct timer *t, void *arg, uint64_t now_ns);

int streams_init(struct web *w)
{
	struct streams *s = &w->streams;
	list_init(&s->all);
	timer_init(&s->resync, on_resync, w);
	int r = map_new(&s->by_id, WEB_STREAMS_MAX);
	if (r == 0)
		r = map_new(&s->by_http, WEB_STREAMS_MAX);
	if (r == 0)
		r = map_new(&s->sessions, WEB_STREAMS_MAX * WEB_TOKENS_KEPT);
	return r;
}

static struct span id_key(const uint32_t *id)
{
	return span_of(id, sizeof(*id));
}

static struct span http_key(const uint64_t *http)
{
	return span_of(http, sizeof(*http));
}

/* --- sessions ------------------------------------------------------------ */

static void session_free(struct web *w, struct session *ses)
{
	for (size_t i = 0; i < ses->n_keys; i++)
		(void)map_del(w->streams.sessions,
			      span_of(ses->keys[i], WEB_TOKEN_KEY));
	secret_release(&ses->token);
	mem_free(ses);
}

static int session_add_key(struct web *w, struct session *ses,
			   const uint8_t key[WEB_TOKEN_KEY])
{
	struct map *m = w->streams.sessions;
	if (map_get(m, span_of(key, WEB_TOKEN_KEY)))
		return E_EXISTS;
	if (ses->n_keys == WEB_TOKENS_KEPT) {
		(void)map_del(m, span_of(ses->keys[0], WEB_TOKEN_KEY));
		memmove(ses->keys[0], ses->keys[1],
			(WEB_TOKENS_KEPT - 1) * WEB_TOKEN_KEY);
		ses->n_keys--;
	}
	int r = map_put(m, span_of(key, WEB_TOKEN_KEY), ses);
	if (r == 0)
		memcpy(ses->keys[ses->n_keys++], key, WEB_TOKEN_KEY);
	return r;
}

static struct session *session_of(struct web *w, struct span token)
{
	uint8_t key[WEB_TOKEN_KEY];
	token_key(key, token);
	struct session *ses = map_get(w->streams.sessions,
				      span_of(key, WEB_TOKEN_KEY));
	if (ses)
		return ses;
	ses = mem_zalloc(sizeof(*ses));
	if (!ses)
		return NULL;
	list_init(&ses->streams);
	if (secret_init(&ses->token, token.p, token.n) < 0 ||
	    session_add_key(w, ses, key) < 0) {
		session_free(w, ses);
		return NULL;
	}
	return ses;
}

void streams_token_moved(struct web *w, const uint8_t key[WEB_TOKEN_KEY],
			 struct span token)
{
	uint8_t new_key[WEB_TOKEN_KEY];
	struct secret fresh = {0};
	struct session *ses = map_get(w->streams.sessions,
				      span_of(key, WEB_TOKEN_KEY));
	if (!ses || secret_init(&fresh, token.p, token.n) < 0)
		return;
	token_key(new_key, token);
	if (session_add_key(w, ses, new_key) < 0) {
		secret_release(&fresh);
		return;
	}
	secret_release(&ses->token);
	ses->token = fresh;
}

/* --- one stream ---------------------------------------------------------- */

static void stream_free(struct web *w, struct stream *s)
{
	if (!s)
		return;
	(void)map_del(w->streams.by_id, id_key(&s->id));
	(void)map_del(w->streams.by_http, http_key(&s->to.http));
	list_del(&s->at);
	list_del(&s->in_session);
	if (s->session && list_is_empty(&s->session->streams))
		session_free(w, s->session);
	mem_free(s);
}

void streams_release(struct web *w)
{
	timer_cancel(&w->streams.resync);
	if (w->streams.all.next)
		list_each(it, tmp, &w->streams.all)
			stream_free(w, list_entry(it, struct stream, at));
	map_free(&w->streams.by_id);
	map_free(&w->streams.by_http);
	map_free(&w->streams.sessions);
}

/* Tells core, which then sends everything from the start. */
static int tell(struct web *w, struct stream *s)
{
	Cv__StreamOpen m = CV__STREAM_OPEN__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	a.ip = ipc_data(span_of(s->source.ip, sizeof(s->source.ip)));
	a.port = s->source.port;
	m.stream = s->id;
	m.alias = ipc_data(span_of(s->alias, s->alias_n));
	m.token = ipc_data(secret_span(&s->session->token));
	m.source = &a;
	int r = ipc_send_to_core(w, STREAM_OPEN, &m);
	s->asked = r == 0;
	return r;
}

static void resync_soon(struct web *w, uint64_t now_ns)
{
	if (!timer_is_set(&w->streams.resync))
		timer_set(w->wheel, &w->streams.resync,
			  now_ns + WEB_RESYNC_MS * NS_PER_MS);
}

static struct stream *stream_new(struct web *w, const struct reply_to *to,
				 struct span alias, struct span token,
				 const struct addr *source)
{
	struct stream *s = mem_zalloc(sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->at);
	list_init(&s->in_session);
	s->id = ++w->streams.last_id;
	s->to = *to;
	s->source = *source;
	s->alias_n = alias.n;
	memcpy(s->alias, alias.p, alias.n);
	s->session = session_of(w, token);
	if (!s->session)
		goto fail;
	list_add_tail(&s->session->streams, &s->in_session);
	list_add_tail(&w->streams.all, &s->at);
	if (map_put(w->streams.by_id, id_key(&s->id), s) < 0 ||
	    map_put(w->streams.by_http, http_key(&s->to.http), s) < 0)
		goto fail;
	return s;
fail:
	stream_free(w, s);
	return NULL;
}

void streams_open(struct web *w, const struct reply_to *to, struct span alias,
		  struct span token, const struct addr *source,
		  uint64_t now_ns)
{
	struct stream *s = stream_new(w, to, alias, token, source);
	if (!s) {
		reply_away(w, to, NULL);
		return;
	}
	s->since_ns = now_ns;
	if (tell(w, s) < 0)
		resync_soon(w, now_ns);
}

static struct stream *by_id(struct web *w, uint32_t id)
{
	struct stream *s = map_get(w->streams.by_id, id_key(&id));
	if (!s)
		w->streams.unknown++;
	return s;
}

static void begin(struct web *w, struct stream *s)
{
	struct http_field f[3];
	size_t n = reply_cors(&s->to, f);
	if (http_stream_begin(w->https, s->to.http, f, n) < 0)
		return;		/* gone: streams_on_gone follows */
	s->begun = true;
	w->streams.opened++;
}

static void refuse(struct web *w, struct stream *s, Cv__ResultCode code)
{
	w->streams.refused++;
	if (s->begun)
		(void)http_stream_end(w->https, s->to.http);
	else if (code == CV__RESULT_CODE__RESULT_OVERLOAD)
		reply_away(w, &s->to, NULL);
	else if (code == CV__RESULT_CODE__RESULT_NOT_FOUND)
		reply_failed(w, &s->to, 404,
			     "Neither conference nor gateway found");
	else
		reply_failed(w, &s->to, 403, "Invalid token");
	stream_free(w, s);
}

void streams_on_reply(struct web *w, const Cv__StreamReply *m)
{
	struct stream *s = by_id(w, m->stream);
	if (!s)
		return;
	if (m->code != CV__RESULT_CODE__RESULT_OK)
		refuse(w, s, m->code);
	else if (!s->begun)
		begin(w, s);
}

void streams_on_close(struct web *w, const Cv__StreamClose *m)
{
	struct stream *s = by_id(w, m->stream);
	if (!s)
		return;
	if (s->begun)
		(void)http_stream_end(w->https, s->to.http);
	else
		reply_failed(w, &s->to, 403, "Invalid token");
	stream_free(w, s);
}

void streams_on_event(struct web *w, const Cv__Event *m)
{
	char id[ROWS_EVENT_ID_LEN + 1];
	uint8_t noise[9];
	struct span text;
	rand_bytes(noise, sizeof(noise));
	b64url_encode(id, noise, sizeof(noise));
	json_out_reset(&w->out);
	if (rows_event(&w->out, m, id) < 0 ||
	    json_out_end(&w->out, &text) < 0)
		return;
	for (size_t i = 0; i < m->n_streams; i++) {
		struct stream *s = by_id(w, m->streams[i]);
		/* A slow listener is cut; streams_on_gone follows. */
		if (s && s->begun)
			(void)http_stream_write(w->https, s->to.http, text);
	}
}

void streams_on_gone(struct web *w, uint64_t http)
{
	struct stream *s = map_get(w->streams.by_http, http_key(&http));
	Cv__StreamClosed m = CV__STREAM_CLOSED__INIT;
	if (!s)
		return;
	m.stream = s->id;
	if (s->asked)
		(void)ipc_send_to_core(w, STREAM_CLOSED, &m);
	stream_free(w, s);
}

/* --- core goes and comes ------------------------------------------------- */

void streams_on_link_lost(struct web *w)
{
	timer_cancel(&w->streams.resync);
	list_each(it, tmp, &w->streams.all)
		list_entry(it, struct stream, at)->asked = false;
}

void streams_on_link(struct web *w)
{
	resync_soon(w, clock_mono_ns());
}

/* The order of the list makes a long resync fair: what was told moves to the
 * end, so the untold ones are in front. */
static void on_resync(struct timer *t, void *arg, uint64_t now_ns)
{
	struct web *w = arg;
	unsigned told = 0;
	(void)t;
	list_each(it, tmp, &w->streams.all) {
		struct stream *s = list_entry(it, struct stream, at);
		if (s->asked)
			continue;
		if (told == WEB_RESYNC_BURST || tell(w, s) < 0) {
			if (w->link.ev)
				resync_soon(w, now_ns);
			return;
		}
		told++;
		w->streams.resynced++;
		list_del(&s->at);
		list_add_tail(&w->streams.all, &s->at);
	}
}

/* Whoever asked for a stream while core was away is not kept for ever. */
void streams_sweep(struct web *w, uint64_t now_ns)
{
	list_each(it, tmp, &w->streams.all) {
		struct stream *s = list_entry(it, struct stream, at);
		if (s->begun || s->asked ||
		    now_ns - s->since_ns < WEB_WAIT_S * NS_PER_S)
			continue;
		reply_away(w, &s->to, NULL);
		stream_free(w, s);
	}
}
