#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/rand.h"
#include "base/text.h"
#include "web/rows.h"
#include "web/web.h"

struct stream {
	struct list at;			/* streams.all */
	struct list in_session;
	struct session *session;
	uint32_t id;			/* never used again: core's late events
					 * must not reach another listener */
	bool of_registration;
	bool begun;			/* 200 was sent */
	bool asked;			/* this core knows of it */
	uint64_t since_ns;
	struct reply_to to;
	struct addr source;
	size_t alias_n;
	uint8_t alias[ROUTE_ALIAS_MAX];
};

static void on_resync(struct timer *t, void *arg, uint64_t now_ns);

int streams_init(struct web *w)
{
	struct streams *s = &w->streams;
	list_init(&s->all);
	timer_init(&s->resync, on_resync, w);
	int r = map_new(&s->by_id, WEB_STREAMS_MAX);
	if (r == 0)
		r = map_new(&s->by_http, WEB_STREAMS_MAX);
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

/* --- one stream ---------------------------------------------------------- */

static void stream_free(struct web *w, struct stream *s)
{
	if (!s)
		return;
	(void)map_del(w->streams.by_id, id_key(&s->id));
	(void)map_del(w->streams.by_http, http_key(&s->to.http));
	list_del(&s->at);
	list_del(&s->in_session);
	if (s->session)
		session_unused(w, s->session);
	sources_drop(w->sources, &s->source, SOURCE_STREAMS);
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
}

/* Calls that ring now are told anew, nothing else. */
static int tell_registration(struct web *w, struct stream *s, Cv__Addr *a)
{
	Cv__Reg m = CV__REG__INIT;
	m.op = CV__REG_OP__REG_STREAM;
	m.stream = s->id;
	m.alias = ipc_data(span_of(s->alias, s->alias_n));
	m.token = ipc_data(session_token(s->session));
	m.source = a;
	int r = ipc_send_to_core(w, REG, &m);
	s->asked = r == 0;
	return r;
}

/* Tells core, which then sends everything from the start. */
static int tell(struct web *w, struct stream *s)
{
	Cv__StreamOpen m = CV__STREAM_OPEN__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	a.ip = ipc_data(span_of(s->source.ip, sizeof(s->source.ip)));
	a.port = s->source.port;
	if (s->of_registration)
		return tell_registration(w, s, &a);
	m.stream = s->id;
	m.alias = ipc_data(span_of(s->alias, s->alias_n));
	m.token = ipc_data(session_token(s->session));
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
				 const struct addr *source, uint64_t now_ns)
{
	struct stream *s = NULL;
	if (sources_hold(w->sources, source, SOURCE_STREAMS, now_ns))
		s = mem_zalloc(sizeof(*s));
	else
		return NULL;
	if (!s) {
		sources_drop(w->sources, source, SOURCE_STREAMS);
		return NULL;
	}
	list_init(&s->at);
	list_init(&s->in_session);
	s->id = ++w->streams.last_id;
	s->to = *to;
	s->source = *source;
	s->alias_n = alias.n;
	memcpy(s->alias, alias.p, alias.n);
	s->session = session_open(w, token, source, now_ns);
	if (!s->session)
		goto fail;
	session_use(s->session, &s->in_session);
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
		  bool of_registration, uint64_t now_ns)
{
	struct stream *s = stream_new(w, to, alias, token, source, now_ns);
	if (!s) {
		w->load.streams++;
		reply_away(w, to, NULL);
		return;
	}
	s->since_ns = now_ns;
	s->of_registration = of_registration;
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
	session_good(w, s->session, clock_mono_ns());
	w->streams.opened++;
}

static void refuse(struct web *w, struct stream *s, Cv__ResultCode code)
{
	w->streams.refused++;
	if (code == CV__RESULT_CODE__RESULT_INVALID_TOKEN)
		session_bad(s->session);
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
