/* conclave(1): trace - the ladder of calls and refusals. Core's own rows, and
 * the messages that the face noted, by time. Answered when the face has said
 * its part, or is late. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/cli_int.h"
#include "core/sip_int.h"

enum { ASKS_MAX = 4, CALLS_MAX = 8, MESSAGES_MAX = 256, MESSAGE_TEXT_MAX =
       1200, WHICH_MAX = 250, FACE_WAIT_S = 2 };

struct message {
	int64_t at_us;
	bool out;
	Cv__SipTransport transport;
	struct addr peer;
	bool shown;
	char call_id[TRACE_CALL_ID_MAX + 1];
	uint8_t *text;			/* owned */
	size_t n;
};

struct trace_ask {
	struct core *c;			/* NULL: free */
	uint64_t client;
	uint32_t uid, req;
	struct timer late;
	char which[WHICH_MAX + 1];
	uint64_t ids[CALLS_MAX];	/* newest first */
	size_t n_ids;
	uint32_t left_out;
	bool face_spoke;
	struct message messages[MESSAGES_MAX];
	size_t n_messages;
};

struct trace_asks {
	uint32_t last_req;
	struct trace_ask ask[ASKS_MAX];
};

static void ask_free(struct trace_ask *k)
{
	timer_cancel(&k->late);
	for (size_t i = 0; i < k->n_messages; i++)
		mem_free(k->messages[i].text);
	k->n_messages = 0;
	k->c = NULL;
}

/* --- which ------------------------------------------------------------------ */

/* Without scheme; an alias that has no host fits all hosts. */
static bool is_alias(const struct trace_call *x, struct span which)
{
	struct span alias = span_str(x->alias), user, host;

	if (span_starts(alias, SPAN_LIT("sip:")))
		alias = span_of(alias.p + 4, alias.n - 4);
	if (span_eq_nocase(alias, which))
		return true;
	return span_split(alias, '@', &user, &host) &&
	       span_eq_nocase(user, which);
}

static bool fits(const struct trace_call *x, struct span which,
		 const struct addr *ip)
{
	uint64_t n;

	if (ip)
		return addr_ip_eq(ip, &x->source);
	if (span_eq_nocase(span_str(x->ref), which))
		return true;
	if (span_u64(which, UINT64_MAX, &n) == 0 && x->call && n == x->call)
		return true;
	return span_eq_nocase(span_str(x->uuid), which) ||
	       span_eq(span_str(x->call_id), which) || is_alias(x, which);
}

static void find(struct trace_ask *k, const struct addr *ip)
{
	const struct trace_call *x;
	size_t it = 0;

	while (k->n_ids < CALLS_MAX && (x = trace_each(k->c->trace, &it)))
		if (fits(x, span_str(k->which), ip))
			k->ids[k->n_ids++] = x->id;
}

/* --- the answer --------------------------------------------------------------- */

struct line {
	int64_t at_us;
	size_t order;			/* where times are equal */
	const struct trace_row *row;	/* or */
	struct message *msg;
};

static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static const char *transport_name(Cv__SipTransport t)
{
	return t == CV__SIP_TRANSPORT__SIP_TLS ? "tls" :
	       t == CV__SIP_TRANSPORT__SIP_TCP ? "tcp" : "udp";
}

static void put_message(struct answer *a, const struct message *m)
{
	const struct span all = span_of(m->text, m->n);
	struct span first, rest;
	char peer[ADDR_TEXT_MAX];

	(void)span_split(all, '\n', &first, &rest);
	addr_print(&m->peer, peer);
	answer_field(a, "from", m->out ? SPAN_LIT("sip") : SPAN_LIT("peer"));
	answer_field(a, "to", m->out ? SPAN_LIT("peer") : SPAN_LIT("sip"));
	answer_field(a, "what", first);
	answer_field(a, "detail", SPAN_NONE);
	answer_field(a, "peer", span_str(peer));
	answer_field(a, "transport", span_str(transport_name(m->transport)));
	answer_field(a, "headers", rest);
}

static void put_row(struct answer *a, const struct trace_row *r)
{
	answer_field(a, "from", span_str(trace_lane_name(r->from)));
	answer_field(a, "to", span_str(trace_lane_name(r->to)));
	answer_field(a, "what", span_str(r->what));
	answer_field(a, "detail", span_str(r->detail));
}

static void put_lines(struct answer *a, struct line *l, size_t n)
{
	qsort(l, n, sizeof(*l), by_time);
	for (size_t i = 0; i < n; i++) {
		answer_row(a);
		answer_field(a, "kind", SPAN_LIT("row"));
		answer_number(a, "at_us", (uint64_t)l[i].at_us);
		if (l[i].row)
			put_row(a, l[i].row);
		else
			put_message(a, l[i].msg);
	}
}

static size_t take_messages(struct trace_ask *k, struct span call_id,
			    struct line *l, size_t n)
{
	for (size_t i = 0; i < k->n_messages; i++) {
		struct message *m = &k->messages[i];

		if (m->shown || !span_eq(span_str(m->call_id), call_id))
			continue;
		m->shown = true;
		l[n] = (struct line){m->at_us, n, NULL, m};
		n++;
	}
	return n;
}

static void put_head(struct answer *a, const struct trace_call *x)
{
	char source[ADDR_TEXT_MAX];

	addr_print(&x->source, source);
	answer_row(a);
	answer_field(a, "kind", SPAN_LIT("call"));
	answer_field(a, "reference", span_str(x->ref));
	answer_number(a, "at_us", (uint64_t)x->at_us);
	answer_field(a, "way", span_str(x->way));
	answer_field(a, "source", span_str(source));
	answer_field(a, "alias", span_str(x->alias));
	answer_field(a, "call_id", span_str(x->call_id));
	answer_field(a, "outcome", x->refused ? SPAN_LIT("refused") :
		     x->inside ? SPAN_LIT("inside") : SPAN_LIT("open"));
	answer_field(a, "why", span_str(x->why ? x->why : ""));
	answer_number(a, "rows_left_out", x->n_rows > TRACE_ROWS_MAX ?
		      x->n_rows - TRACE_ROWS_MAX : 0);
}

static void put_call(struct trace_ask *k, struct answer *a,
		     const struct trace_call *x, struct line *l)
{
	const struct trace_row *rows[TRACE_ROWS_MAX];
	size_t n = trace_rows(x, rows);

	for (size_t i = 0; i < n; i++)
		l[i] = (struct line){rows[i]->at_us, i, rows[i], NULL};
	put_head(a, x);
	if (x->call_id[0])
		n = take_messages(k, span_str(x->call_id), l, n);
	put_lines(a, l, n);
}

/* Core never heard of it, or has forgotten it. */
static void put_rest(struct trace_ask *k, struct answer *a, struct line *l)
{
	for (size_t i = 0; i < k->n_messages; i++) {
		const struct message *m = &k->messages[i];
		char source[ADDR_TEXT_MAX];

		if (m->shown)
			continue;
		addr_print(&m->peer, source);
		answer_row(a);
		answer_field(a, "kind", SPAN_LIT("call"));
		answer_field(a, "reference", SPAN_NONE);
		answer_number(a, "at_us", (uint64_t)m->at_us);
		answer_field(a, "way", SPAN_LIT("sip"));
		answer_field(a, "source", span_str(source));
		answer_field(a, "alias", SPAN_NONE);
		answer_field(a, "call_id", span_str(m->call_id));
		answer_field(a, "outcome", SPAN_LIT("answered by the face"));
		answer_field(a, "why", SPAN_NONE);
		put_lines(a, l, take_messages(k, span_str(m->call_id), l, 0));
	}
}

static void put_notes(const struct trace_ask *k, struct answer *a)
{
	if (k->face_spoke && !k->left_out)
		return;
	answer_row(a);
	answer_field(a, "kind", SPAN_LIT("note"));
	if (k->face_spoke)
		answer_number(a, "messages_left_out", k->left_out);
	else
		answer_field(a, "what", SPAN_LIT("the SIP face did not answer: "
			     "its messages are missing"));
}

static void finish(struct trace_ask *k)
{
	struct answer *a = mem_alloc(sizeof(*a));
	struct line *l = mem_alloc((TRACE_ROWS_MAX + MESSAGES_MAX) *
				   sizeof(*l));

	if (a && l) {
		a->c = k->c;
		a->client = k->client;
		a->uid = k->uid;
		answer_start(a);
		for (size_t i = k->n_ids; i-- > 0;) {
			const struct trace_call *x = trace_get(k->c->trace,
							       k->ids[i]);
			if (x)
				put_call(k, a, x, l);
		}
		put_rest(k, a, l);
		put_notes(k, a);
		answer_end(a, k->n_ids || k->n_messages ? 0 : E_NOTFOUND,
			   k->n_ids || k->n_messages ? "" :
			   "nothing is known of that: see docs/handbook/"
			   "troubleshooting.md");
	}
	mem_free(l);
	mem_free(a);
	ask_free(k);
}

static void on_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct trace_ask *k = arg;

	(void)t;
	(void)now_ns;
	core_turn(k->c);
	finish(k);
}

/* --- what the face says ---------------------------------------------------------- */

static void take(struct trace_ask *k, const Cv__SipLadderRow *r)
{
	struct message *m = &k->messages[k->n_messages];

	if (k->n_messages == MESSAGES_MAX || !r->peer ||
	    r->text.len > MESSAGE_TEXT_MAX) {
		k->left_out++;
		return;
	}
	*m = (struct message){.at_us = r->at_us, .out = r->out,
			      .transport = r->transport, .n = r->text.len,
			      .text = mem_dup(r->text.data, r->text.len)};
	if (!m->text || !sip_addr(&m->peer, r->peer) ||
	    span_cstr(ipc_bytes(r->call_id), m->call_id,
		      sizeof(m->call_id)) < 0) {
		mem_free(m->text);
		k->left_out++;
		return;
	}
	k->n_messages++;
}

void cli_trace_message(struct core *c, const Cv__SipLadder *m)
{
	for (size_t i = 0; c->trace_asks && i < ASKS_MAX; i++) {
		struct trace_ask *k = &c->trace_asks->ask[i];

		if (!k->c || k->req != m->req)
			continue;
		for (size_t j = 0; j < m->n_rows; j++)
			take(k, m->rows[j]);
		if (!m->last)
			return;
		k->left_out += m->left_out;
		k->face_spoke = true;
		finish(k);
		return;
	}
	c->sip->figures.bad_handles++;
}

/* --- the question ------------------------------------------------------------------ */

/* What is looked for in messages that core may not know of. */
static struct span word_of(const struct trace_ask *k, char *buf, size_t cap)
{
	enum { WORD_MAX = 100 };
	const struct span which = span_str(k->which);
	uint64_t n;

	if (which.n > WORD_MAX || span_u64(which, UINT64_MAX, &n) == 0)
		return SPAN_NONE;
	if (which.n == TRACE_REF_LEN)
		return which;
	(void)snprintf(buf, cap, ":%s%s", k->which,
		       strchr(k->which, '@') ? "" : "@");
	return span_str(buf);
}

static bool ask_face(struct trace_ask *k, const struct addr *ip)
{
	Cv__SipLadderAsk m = CV__SIP_LADDER_ASK__INIT;
	Cv__Addr peer = CV__ADDR__INIT;
	ProtobufCBinaryData ids[CALLS_MAX + 1];
	char word[WHICH_MAX + 3];

	if (!sip_chan(k->c))
		return false;
	m.req = k->req;
	m.call_ids = ids;
	for (size_t i = 0; i < k->n_ids; i++) {
		const struct trace_call *x = trace_get(k->c->trace, k->ids[i]);

		if (x && x->call_id[0])
			ids[m.n_call_ids++] = ipc_data(span_str(x->call_id));
	}
	if (ip) {
		peer.ip = ipc_data(span_of(ip->ip, sizeof(ip->ip)));
		m.peer = &peer;
	} else {
		if (strlen(k->which) <= TRACE_CALL_ID_MAX)
			ids[m.n_call_ids++] = ipc_data(span_str(k->which));
		m.word = ipc_data(word_of(k, word, sizeof(word)));
	}
	return ipc_send(sip_chan(k->c), SIP_LADDER_ASK, &m) == 0;
}

static struct trace_ask *ask_new(struct core *c)
{
	struct trace_asks *all = c->trace_asks;

	if (!all)
		all = c->trace_asks = mem_zalloc(sizeof(*all));
	for (size_t i = 0; all && i < ASKS_MAX; i++) {
		struct trace_ask *k = &all->ask[i];

		if (k->c)
			continue;
		*k = (struct trace_ask){.c = c, .req = ++all->last_req};
		timer_init(&k->late, on_late, k);
		return k;
	}
	return NULL;
}

bool cli_trace_verb(struct answer *a, const Cv__CliRequest *rq)
{
	const struct span which = cli_asked(rq, "which");
	struct addr ip;
	struct trace_ask *k;
	bool has_ip;

	if (strcmp(rq->verb, "trace") != 0)
		return false;
	if (!which.n || which.n > WHICH_MAX) {
		answer_end(a, E_INVAL, "which: a call, a reference number, an "
			   "alias or an address");
		return true;
	}
	k = ask_new(a->c);
	if (!k) {
		answer_end(a, E_BUSY, "busy, try again");
		return true;
	}
	k->client = a->client;
	k->uid = a->uid;
	(void)span_cstr(which, k->which, sizeof(k->which));
	has_ip = addr_parse(&ip, which, 0) == 0;
	find(k, has_ip ? &ip : NULL);
	timer_set(a->c->wheel, &k->late, a->c->now_ns +
		  FACE_WAIT_S * NS_PER_S);
	if (!ask_face(k, has_ip ? &ip : NULL))
		finish(k);
	return true;
}

void cli_trace_close(struct core *c)
{
	for (size_t i = 0; c->trace_asks && i < ASKS_MAX; i++)
		if (c->trace_asks->ask[i].c)
			ask_free(&c->trace_asks->ask[i]);
	mem_free(c->trace_asks);
	c->trace_asks = NULL;
}
