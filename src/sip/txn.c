#include "sip/txn.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/secret.h"
#include "base/siphash.h"
#include "base/text.h"
#include "base/wr.h"
#include "wire/sip/write.h"

enum { KEY_TEXT_MAX = 2048, ACK_BYTES_MAX = 8192, FLOW_ROUND = 256,
       FLOW_BUCKETS = 1024 };

struct txns {
	struct txns_cfg cfg;
	struct map *by_key;
	struct list dead;
	struct list by_flow[FLOW_BUCKETS];
	uint64_t hash[4];
	struct txns_stats stats;
};

static void on_retrans(struct timer *tm, void *arg, uint64_t now_ns);
static void on_life(struct timer *tm, void *arg, uint64_t now_ns);

int txns_new(struct txns **out, const struct txns_cfg *cfg)
{
	struct txns *s = mem_zalloc(sizeof(*s));
	int r;

	if (!s)
		return E_NOMEM;
	r = map_new(&s->by_key, TXNS_MAX);
	if (r < 0) {
		mem_free(s);
		return r;
	}
	s->cfg = *cfg;
	list_init(&s->dead);
	for (size_t i = 0; i < FLOW_BUCKETS; i++)
		list_init(&s->by_flow[i]);
	rand_bytes(s->hash, sizeof(s->hash));
	*out = s;
	return 0;
}

static void drop_req(struct txn *t)
{
	if (t->req)
		secret_wipe(t->req, t->req_n);
	mem_free(t->req);
	t->req = NULL;
	t->req_n = 0;
}

/* What is kept may hold SDES keys. */
static void drop_kept(struct txn *t)
{
	if (t->kept)
		secret_wipe(t->kept, t->kept_n);
	mem_free(t->kept);
	t->kept = NULL;
	t->kept_n = 0;
}

static void bury(struct txn *t)
{
	list_del(&t->at);
	timer_cancel(&t->retrans);
	timer_cancel(&t->life);
	drop_kept(t);
	drop_req(t);
	mem_free(t);
}

void txns_reap(struct txns *s)
{
	list_each(it, tmp, &s->dead)
		bury(list_entry(it, struct txn, at));
}

void txns_free(struct txns **sp)
{
	struct txns *s = *sp;
	size_t it = 0;
	void *v;

	if (!s)
		return;
	txns_reap(s);
	while (map_next(s->by_key, &it, &(struct span){0}, &v))
		bury(v);
	map_free(&s->by_key);
	mem_free(s);
	*sp = NULL;
}

void txns_stats(const struct txns *s, struct txns_stats *out)
{
	*out = s->stats;
	out->now = (uint32_t)map_count(s->by_key);
}

void txn_branch(char out[TXN_BRANCH_LEN + 1])
{
	uint8_t r[12];

	rand_bytes(r, sizeof(r));
	memcpy(out, "z9hG4bK", 7);
	b64url_encode(out + 7, r, sizeof(r));
	/* '_' and '-' are token characters */
	out[7 + B64URL_LEN(sizeof(r))] = 0;
}
_Static_assert(7 + B64URL_LEN(12) <= TXN_BRANCH_LEN, "branch fits");

/* --- keys ---------------------------------------------------------------- */

static void key_hash(const struct txns *s, const struct wr *w,
		     uint8_t key[TXN_KEY_LEN])
{
	struct span text = span_of(w->begin, wr_len(w));
	uint64_t a = siphash(s->hash, text), b = siphash(s->hash + 2, text);

	memcpy(key, &a, 8);
	memcpy(key + 8, &b, 8);
}

static void part(struct wr *w, struct span s)
{
	wr_u32(w, (uint32_t)s.n);
	wr_span(w, s);
}

static void part_lower(struct wr *w, struct span s)
{
	wr_u32(w, (uint32_t)s.n);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		wr_u8(w, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
}

static int server_key(const struct txns *s, uint8_t key[TXN_KEY_LEN],
		      const struct sip_msg *m, const struct sip_peer *from,
		      enum sip_method as)
{
	uint8_t buf[KEY_TEXT_MAX];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_u8(&w, m->via.has_cookie ? 's' : 'o');
	wr_u8(&w, (uint8_t)from->transport);
	wr_bytes(&w, from->source.ip, 16);
	wr_u16(&w, (uint16_t)as);
	if (as == SIP_OTHER)
		part(&w, m->method_text);
	part(&w, m->via.branch);
	part_lower(&w, m->via.sent_by.text);
	wr_u16(&w, m->via.sent_by.port);
	if (!m->via.has_cookie) {
		part(&w, m->call_id);
		part(&w, m->from_tag);
		wr_u32(&w, m->cseq.seq);
	}
	if (w.failed)
		return E_LIMIT;
	key_hash(s, &w, key);
	return 0;
}

/* Of a stream the connection, of datagrams the address. */
static void client_key(const struct txns *s, uint8_t key[TXN_KEY_LEN],
		       const struct sip_peer *p, enum sip_method m,
		       struct span branch)
{
	uint8_t buf[512];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_u8(&w, 'c');
	wr_u32(&w, p->flow);
	wr_bytes(&w, p->source.ip, 16);
	wr_u16(&w, p->flow ? 0 : p->source.port);
	wr_u16(&w, (uint16_t)m);
	part(&w, branch.n <= 256 ? branch : SPAN_NONE);
	key_hash(s, &w, key);
}

/* --- life ---------------------------------------------------------------- */

static void tell(struct txn *t, enum txn_tell what, const struct sip_msg *m,
		 uint64_t now_ns)
{
	if (t->fn)
		t->fn(t->arg, t, what, m, now_ns);
}

static void end(struct txn *t)
{
	struct txns *s = t->of;

	if (map_get(s->by_key, span_of(t->key, TXN_KEY_LEN)) == t)
		(void)map_del(s->by_key, span_of(t->key, TXN_KEY_LEN));
	timer_cancel(&t->retrans);
	timer_cancel(&t->life);
	list_del(&t->at);
	list_add_tail(&s->dead, &t->at);
	t->state = TXN_TERMINATED;
}

void txn_drop(struct txn *t)
{
	t->fn = NULL;
	end(t);
}

static void arm(struct txn *t, uint64_t now_ns)
{
	struct txn_times x = txn_times(t->kind, t->state,
				       sip_peer_is_reliable(&t->peer));
	struct timer_wheel *w = t->of->cfg.wheel;

	timer_cancel(&t->retrans);
	t->interval_ns = x.retrans_ms * NS_PER_MS;
	if (t->interval_ns)
		timer_set(w, &t->retrans, now_ns + t->interval_ns);
	if (x.sets_life)
		timer_set(w, &t->life, now_ns + x.life_ms * NS_PER_MS);
}

static int keep(struct txn *t, struct span bytes)
{
	uint8_t *copy = mem_dup(bytes.p, bytes.n);

	if (!copy)
		return E_NOMEM;
	drop_kept(t);
	t->kept = copy;
	t->kept_n = bytes.n;
	return 0;
}

static int put(struct txn *t, struct span bytes)
{
	return t->of->cfg.send(t->of->cfg.arg, &t->peer, bytes);
}

static void send_ack(struct txn *t, const struct sip_msg *answer)
{
	uint8_t buf[ACK_BYTES_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_msg invite;
	struct span out;

	if (!t->req || sip_decode(&invite, span_of(t->req, t->req_n),
				  SIP_STREAM, NULL) < 0)
		return;
	sip_wr_ack_of(&w, &invite, answer);
	if (wr_end(&w, &out) == 0)
		(void)put(t, out);
}

static void step(struct txn *t, enum txn_event e, struct span bytes,
		 const struct sip_msg *m, uint64_t now_ns);

static int act(struct txn *t, unsigned todo, struct span bytes,
	       const struct sip_msg *m)
{
	int r = 0;

	if (todo & TXN_DO_SEND) {
		(void)keep(t, bytes);
		r = put(t, bytes);
	}
	if (todo & TXN_DO_RESEND && t->kept) {
		t->of->stats.repeated++;
		r = put(t, span_of(t->kept, t->kept_n));
	}
	if (todo & TXN_DO_ACK)
		send_ack(t, m);
	return r;
}

static void inform(struct txn *t, unsigned todo, const struct sip_msg *m,
		   uint64_t now_ns)
{
	struct txns_stats *st = &t->of->stats;

	st->timed_out += !!(todo & TXN_DO_TIMEOUT);
	st->failed += !!(todo & TXN_DO_FAILED);
	if (todo & TXN_DO_TELL)
		tell(t, m && m->is_request ? TXN_ACKED : TXN_RESPONSE, m,
		     now_ns);
	if (todo & TXN_DO_TIMEOUT)
		tell(t, TXN_TIMED_OUT, NULL, now_ns);
	if (todo & TXN_DO_FAILED)
		tell(t, TXN_UNSENT, NULL, now_ns);
}

static void step(struct txn *t, enum txn_event e, struct span bytes,
		 const struct sip_msg *m, uint64_t now_ns)
{
	struct txn_step s;
	bool moved;
	int r;

	if (t->state == TXN_TERMINATED)
		return;
	s = txn_step(t->kind, t->state, e);
	t->of->stats.refused += !!(s.todo & TXN_DO_REFUSE);
	r = act(t, s.todo, bytes, m);
	moved = s.next != t->state;
	t->state = s.next;
	if (moved && t->state != TXN_TERMINATED)
		arm(t, now_ns);
	if (moved && t->kind != TXN_ICT && t->state != TXN_PROCEEDING)
		drop_req(t);
	inform(t, s.todo, m, now_ns);
	if (t->state == TXN_TERMINATED && t->fn) {
		txn_fn fn = t->fn;

		t->fn = NULL;
		fn(t->arg, t, TXN_GONE, NULL, now_ns);
	}
	if (t->state == TXN_TERMINATED)
		end(t);
	else if (r < 0)
		step(t, TXN_EV_ERROR, SPAN_NONE, NULL, now_ns);
}

static void on_retrans(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct txn *t = arg;
	struct txn_times x = txn_times(t->kind, t->state,
				       sip_peer_is_reliable(&t->peer));
	uint64_t max = x.retrans_max_ms * NS_PER_MS;

	t->interval_ns *= 2;
	if (max && t->interval_ns > max)
		t->interval_ns = max;
	timer_set(t->of->cfg.wheel, tm, now_ns + t->interval_ns);
	step(t, TXN_EV_RETRANS, SPAN_NONE, NULL, now_ns);
}

static void on_life(struct timer *tm, void *arg, uint64_t now_ns)
{
	(void)tm;
	step(arg, TXN_EV_LIFE, SPAN_NONE, NULL, now_ns);
}

static int make(struct txns *s, struct txn **out, enum txn_kind kind,
		const struct sip_peer *peer, const uint8_t key[TXN_KEY_LEN],
		struct span req, uint64_t now_ns)
{
	struct txn *t = mem_zalloc(sizeof(*t));
	int r = t ? 0 : E_NOMEM;

	if (!r && req.n) {
		t->req = mem_dup(req.p, req.n);
		t->req_n = req.n;
		r = t->req ? 0 : E_NOMEM;
	}
	if (!r)
		r = map_put(s->by_key, span_of(key, TXN_KEY_LEN), t);
	if (r < 0) {
		s->stats.full += r == E_FULL;
		if (t)
			mem_free(t->req);
		mem_free(t);
		return r;
	}
	t->of = s;
	t->kind = kind;
	t->state = txn_first(kind);
	t->peer = *peer;
	memcpy(t->key, key, TXN_KEY_LEN);
	list_init(&t->at);
	if (peer->flow)
		list_add_tail(&s->by_flow[peer->flow % FLOW_BUCKETS], &t->at);
	timer_init(&t->retrans, on_retrans, t);
	timer_init(&t->life, on_life, t);
	s->stats.made++;
	arm(t, now_ns);
	*out = t;
	return 0;
}

/* --- server -------------------------------------------------------------- */

int txn_serve(struct txns *s, struct txn **out, const struct sip_msg *req,
	      const struct sip_peer *from, uint64_t now_ns)
{
	uint8_t key[TXN_KEY_LEN];
	int r = server_key(s, key, req, from, req->method);

	return r < 0 ? r : make(s, out, req->method == SIP_INVITE ? TXN_IST :
				TXN_NIST, from, key, req->all, now_ns);
}

struct txn *txn_find(struct txns *s, const struct sip_msg *req,
		     const struct sip_peer *from, enum sip_method as)
{
	uint8_t key[TXN_KEY_LEN];

	if (server_key(s, key, req, from, as) < 0)
		return NULL;
	return map_get(s->by_key, span_of(key, TXN_KEY_LEN));
}

void txn_again(struct txn *t, const struct sip_msg *req, uint64_t now_ns)
{
	step(t, req->method == SIP_ACK ? TXN_EV_ACK : TXN_EV_REQUEST,
	     SPAN_NONE, req, now_ns);
}

void txn_respond(struct txn *t, unsigned status, struct span bytes,
		 uint64_t now_ns)
{
	step(t, status < 200 ? TXN_EV_1XX : status < 300 ? TXN_EV_2XX :
	     TXN_EV_3XX, bytes, NULL, now_ns);
}

/* --- client -------------------------------------------------------------- */

int txn_ask(struct txns *s, struct txn **out, const struct sip_peer *to,
	    enum sip_method m, struct span branch, struct span bytes,
	    txn_fn fn, void *arg, uint64_t now_ns)
{
	uint8_t key[TXN_KEY_LEN];
	struct txn *t = NULL;
	int r;

	client_key(s, key, to, m, branch);
	r = make(s, &t, m == SIP_INVITE ? TXN_ICT : TXN_NICT, to, key,
		 m == SIP_INVITE ? bytes : SPAN_NONE, now_ns);
	if (!r)
		r = keep(t, bytes);
	if (!r)
		r = put(t, bytes);
	if (r < 0) {
		if (t)
			txn_drop(t);
		return r;
	}
	t->fn = fn;
	t->arg = arg;
	*out = t;
	return 0;
}

bool txn_answer(struct txns *s, const struct sip_msg *resp,
		const struct sip_peer *from, uint64_t now_ns)
{
	uint8_t key[TXN_KEY_LEN];
	struct txn *t;

	client_key(s, key, from, resp->method, resp->via.branch);
	t = map_get(s->by_key, span_of(key, TXN_KEY_LEN));
	if (!t)
		return false;
	step(t, resp->status < 200 ? TXN_EV_1XX : resp->status < 300 ?
	     TXN_EV_2XX : TXN_EV_3XX, SPAN_NONE, resp, now_ns);
	return true;
}

/* The list may change while it is walked: a round collects first. */
void txns_flow_gone(struct txns *s, uint32_t flow, uint64_t now_ns)
{
	struct txn *hit[FLOW_ROUND];
	size_t n;

	do {
		n = 0;
		list_each(it, tmp, &s->by_flow[flow % FLOW_BUCKETS]) {
			struct txn *t = list_entry(it, struct txn, at);

			if (t->peer.flow == flow && n < FLOW_ROUND)
				hit[n++] = t;
		}
		for (size_t i = 0; i < n; i++) {
			hit[i]->peer.flow = 0;	/* found once */
			step(hit[i], TXN_EV_ERROR, SPAN_NONE, NULL, now_ns);
		}
	} while (n == FLOW_ROUND);
}
