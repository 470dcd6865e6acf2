#include "courier/revoke/check.h"

#include <event2/event.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "courier/own.h"
#include "courier/revoke/kept.h"
#include "courier/url.h"

#define MOD "revoke"

enum { RESPONDER_MAX = 255 };
static const char type_ask[] = "Content-Type: application/ocsp-request";
static const char type_answer[] = "application/ocsp-response";

struct revoke {
	struct courier *c;
	struct kept *kept;
	struct list all;		/* inquiries under way */
	unsigned n, n_strangers;
	bool override;
	char responder[RESPONDER_MAX + 1];
	struct revoke_stats stats;
};

struct inquiry {
	struct revoke *r;
	struct list at;
	uint32_t req;
	bool is_stranger, wants_response, is_silent;
	uint8_t *bytes;			/* of the chain and the staple */
	struct span chain[REVOKE_CHAIN_MAX], staple;
	size_t n_chain, link, place;
	struct revoke_places places;
	bool by_setting;		/* the place is the administrator's */
	struct url url;
	char spelled[URL_PRINT_MAX];
	uint8_t nonce[REVOKE_NONCE_LEN];
	uint64_t end_ns;
	struct event *due;
	struct names_query *query;
	struct fetch *fetch;
	const char *why;		/* of the last place in vain */
};

static void next_link(struct inquiry *q);
static void next_place(struct inquiry *q);

/* --- the end of one ---------------------------------------------------------------- */

static void inquiry_free(struct inquiry *q)
{
	if (q->query)
		names_cancel(q->query);
	if (q->fetch)
		fetch_cancel(q->fetch);
	if (q->due)
		event_free(q->due);
	list_del(&q->at);
	q->r->n--;
	q->r->n_strangers -= q->is_stranger;
	mem_free(q->bytes);
	mem_free(q);
}

static void tell(struct revoke *r, Cv__CertStatus *m, const char *why)
{
	m->why = ipc_data(span_str(why));
	r->stats.good += m->verdict == CV__CERT_VERDICT__CERT_GOOD;
	r->stats.revoked += m->verdict == CV__CERT_VERDICT__CERT_REVOKED;
	r->stats.unknown += m->verdict == CV__CERT_VERDICT__CERT_UNKNOWN;
	r->c->stats.answered++;
	if (r->c->core)
		(void)ipc_send(ipc_ev_chan(r->c->core), CERT_STATUS, m);
}

static void end(struct inquiry *q, Cv__CertVerdict verdict, const char *why)
{
	Cv__CertStatus m = CV__CERT_STATUS__INIT;

	m.req = q->req;
	m.verdict = verdict;
	tell(q->r, &m, why);
	inquiry_free(q);
}

static void end_with_response(struct inquiry *q, struct span response,
			      const struct revoke_says *s)
{
	Cv__CertStatus m = CV__CERT_STATUS__INIT;

	m.req = q->req;
	m.verdict = CV__CERT_VERDICT__CERT_GOOD;
	m.response = ipc_data(response);
	m.this_s = s->this_s;
	m.next_s = s->next_s;
	tell(q->r, &m, s->why);
	inquiry_free(q);
}

/* --- one answer ------------------------------------------------------------------------ */

static int64_t now_s(void)
{
	return clock_wall_us() / 1000000;
}

static struct span cert_of(const struct inquiry *q)
{
	return q->chain[q->link];
}

static struct span issuer_of(const struct inquiry *q)
{
	return q->chain[q->link + 1];
}

/* True: that was an answer, and q may be gone. */
static bool act_on(struct inquiry *q, const struct revoke_says *s)
{
	if (s->verdict == REVOKE_UNKNOWN)
		return false;
	kept_put(q->r->kept, cert_of(q), issuer_of(q), s, now_s(),
		 REVOKE_KEPT_S);
	if (s->verdict == REVOKE_REVOKED) {
		end(q, CV__CERT_VERDICT__CERT_REVOKED, s->why);
		return true;
	}
	q->link++;
	next_link(q);
	return true;
}

static void in_vain(struct inquiry *q, const char *why)
{
	q->why = why;
	q->place++;
	next_place(q);
}

static void on_fetched(void *arg, const struct fetch_answer *a)
{
	struct inquiry *q = arg;
	const bool is_crl = q->places.at[q->place].is_crl;
	struct revoke_says s;

	q->fetch = NULL;
	if (a->outcome == FETCH_GUARDED || a->outcome != FETCH_OK) {
		in_vain(q, a->outcome == FETCH_GUARDED ?
			"refused by the outbound guard" :
			a->outcome == FETCH_TOO_LARGE ? "answer too large" :
			"no answer");
		return;
	}
	if (a->status != 200 || (!is_crl && strcmp(a->type, type_answer))) {
		in_vain(q, "no answer of that kind");
		return;
	}
	q->r->stats.fetched++;
	if (is_crl)
		revoke_read_crl(&s, a->body, cert_of(q), issuer_of(q),
				now_s());
	else
		revoke_read_ocsp(&s, a->body, cert_of(q), issuer_of(q),
				 q->nonce, now_s());
	if (q->wants_response && s.verdict == REVOKE_GOOD)
		end_with_response(q, a->body, &s);
	else if (!act_on(q, &s))
		in_vain(q, s.why);
}

/* --- one place --------------------------------------------------------------------------- */

static enum outguard_reason may(void *arg, const struct addr *a)
{
	const struct inquiry *q = arg;
	const struct courier *c = q->r->c;
	enum outguard_reason r = outguard_check(a,
		q->by_setting && q->url.is_literal ? OUTGUARD_LITERAL :
		OUTGUARD_NAMED, &c->rules);

	if (r == OUTGUARD_ALLOWED && c->can_tell_own && own_is(a))
		r = OUTGUARD_OWN;
	return r;
}

static void ask(struct inquiry *q, const struct addr *addrs, size_t n)
{
	const bool is_crl = q->places.at[q->place].is_crl;
	uint8_t post[REVOKE_ASK_MAX];
	size_t n_post = 0;
	struct fetch_req req = {
		.host = q->url.host, .port = q->url.port, .url = q->spelled,
		.addrs = addrs, .n_addrs = n, .is_plain = q->url.is_plain,
		.body_max = is_crl ? REVOKE_CRL_MAX : REVOKE_OCSP_MAX,
		.may = may, .fn = on_fetched, .arg = q,
	};

	if (!is_crl) {
		rand_bytes(q->nonce, sizeof(q->nonce));
		if (revoke_ask(post, &n_post, cert_of(q), issuer_of(q),
			       q->nonce) < 0) {
			in_vain(q, "it cannot be asked for");
			return;
		}
		req.post = span_of(post, n_post);
		req.post_type = type_ask;
	}
	if (fetch_start(q->r->c->fetcher, &req, &q->fetch) < 0)
		in_vain(q, "busy");
}

/* Of what a name resolves to, what may not be is left out. */
static void reach(struct inquiry *q, const struct addr *addrs, size_t n)
{
	struct addr good[FETCH_ADDRS_MAX];
	size_t n_good = 0;

	for (size_t i = 0; i < n && n_good < FETCH_ADDRS_MAX; i++) {
		enum outguard_reason why = may(q, &addrs[i]);
		char ip[ADDR_TEXT_MAX];

		if (why == OUTGUARD_ALLOWED) {
			good[n_good++] = addrs[i];
			continue;
		}
		addr_print_ip(&addrs[i], ip);
		log_warn(MOD, "refused by the outbound guard",
			 LOG_S("host", q->url.host), LOG_S("address", ip),
			 LOG_S("reason", outguard_reason_text(why)));
		q->r->c->stats.guarded++;
	}
	if (n_good)
		ask(q, good, n_good);
	else
		in_vain(q, "refused by the outbound guard");
}

static void on_names(void *arg, int error, const struct addr *addrs, size_t n)
{
	struct inquiry *q = arg;

	q->query = NULL;
	if (error == 0)
		reach(q, addrs, n);
	else
		in_vain(q, "its name does not resolve");
}

static void arm(struct inquiry *q)
{
	const uint64_t now = clock_mono_ns();
	uint64_t ns = q->end_ns > now ? q->end_ns - now : 0;
	struct timeval tv;

	if (ns > REVOKE_PLACE_MS * NS_PER_MS)
		ns = REVOKE_PLACE_MS * NS_PER_MS;
	tv = (struct timeval){.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US)};
	(void)event_add(q->due, &tv);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct inquiry *q = arg;

	(void)fd;
	(void)what;
	if (q->query)
		names_cancel(q->query);
	if (q->fetch)
		fetch_cancel(q->fetch);
	q->query = NULL;
	q->fetch = NULL;
	q->r->c->stats.timeouts++;
	in_vain(q, "no answer in time");
}

/* At most REVOKE_URLS_MAX deep, and as often for each link. */
static void next_place(struct inquiry *q)
{
	const char *url;

	if (q->place >= q->places.n || clock_mono_ns() >= q->end_ns) {
		end(q, CV__CERT_VERDICT__CERT_UNKNOWN, q->why);
		return;
	}
	url = q->places.at[q->place].url;
	if (url_parse_any(&q->url, span_str(url)) < 0) {
		in_vain(q, "its URL cannot be read");
		return;
	}
	url_print(&q->url, q->spelled);
	arm(q);
	if (q->url.is_literal)
		reach(q, &q->url.addr, 1);
	else if (names_lookup(q->r->c->names, q->url.host, q->url.port,
			      on_names, q, &q->query) < 0)
		in_vain(q, "busy");
}

/* --- one certificate ------------------------------------------------------------------------ */

static bool is_stapled(struct inquiry *q)
{
	struct revoke_says s;

	if (q->link != 0 || !q->staple.n)
		return false;
	revoke_read_ocsp(&s, q->staple, cert_of(q), issuer_of(q), NULL,
			 now_s());
	q->r->stats.stapled += s.verdict != REVOKE_UNKNOWN;
	if (s.verdict == REVOKE_UNKNOWN)
		log_info(MOD, "a stapled response is of no use",
			 LOG_S("reason", s.why));
	return act_on(q, &s);
}

static bool is_remembered(struct inquiry *q)
{
	enum revoke_verdict v = q->wants_response ? REVOKE_UNKNOWN :
		kept_get(q->r->kept, cert_of(q), issuer_of(q), now_s());

	if (v == REVOKE_UNKNOWN)
		return false;
	q->r->stats.remembered++;
	if (v == REVOKE_REVOKED) {
		end(q, CV__CERT_VERDICT__CERT_REVOKED, "revoked");
		return true;
	}
	q->link++;
	next_link(q);
	return true;
}

/* False: it cannot be read. */
static bool find_places(struct inquiry *q)
{
	const struct revoke *r = q->r;

	if (revoke_places(&q->places, cert_of(q)) < 0)
		return false;
	q->by_setting = r->responder[0] && (r->override || !q->places.n);
	if (q->by_setting) {
		(void)span_cstr(span_str(r->responder), q->places.at[0].url,
				REVOKE_URL_MAX + 1);
		q->places.at[0].is_crl = false;
		q->places.n = 1;
	} else if (r->override) {
		q->places.n = 0;
	}
	/* A list cannot be stapled. */
	while (q->wants_response && q->places.n &&
	       q->places.at[q->places.n - 1].is_crl)
		q->places.n--;
	return true;
}

/* At most REVOKE_CHAIN_MAX deep. */
static void next_link(struct inquiry *q)
{
	if (q->link + 1 >= q->n_chain) {
		end(q, q->is_silent ? CV__CERT_VERDICT__CERT_SILENT :
		    CV__CERT_VERDICT__CERT_GOOD, q->is_silent ?
		    "it names nobody who could be asked" : "good");
		return;
	}
	q->place = 0;
	if (is_remembered(q) || is_stapled(q))
		return;
	if (!find_places(q)) {
		end(q, CV__CERT_VERDICT__CERT_UNKNOWN, "unreadable");
		return;
	}
	if (q->places.n) {
		next_place(q);
		return;
	}
	q->is_silent |= q->link == 0 && !q->places.never;
	q->link++;
	next_link(q);
}

/* --- a new one -------------------------------------------------------------------------------- */

static int copy(struct inquiry *q, const Cv__CertCheck *m)
{
	size_t total = m->staple.len, at = 0;

	if (m->n_chain == 0 || m->n_chain > REVOKE_CHAIN_MAX ||
	    m->staple.len > REVOKE_OCSP_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < m->n_chain; i++) {
		if (m->chain[i].len == 0 || m->chain[i].len > REVOKE_CERT_MAX)
			return E_LIMIT;
		total += m->chain[i].len;
	}
	q->bytes = mem_alloc(total);
	if (!q->bytes)
		return E_NOMEM;
	for (size_t i = 0; i < m->n_chain; i++) {
		memcpy(q->bytes + at, m->chain[i].data, m->chain[i].len);
		q->chain[i] = span_of(q->bytes + at, m->chain[i].len);
		at += m->chain[i].len;
	}
	q->n_chain = m->n_chain;
	if (m->staple.len)
		memcpy(q->bytes + at, m->staple.data, m->staple.len);
	q->staple = span_of(q->bytes + at, m->staple.len);
	return 0;
}

static struct inquiry *inquiry_new(struct revoke *r, const Cv__CertCheck *m)
{
	const bool full = r->n >= COURIER_REVOKE_MAX ||
		(m->stranger && r->n_strangers >= REVOKE_STRANGERS_MAX);
	struct inquiry *q = full ? NULL : mem_zalloc(sizeof(*q));

	if (!q)
		return NULL;
	q->r = r;
	q->req = m->req;
	q->is_stranger = m->stranger;
	q->wants_response = m->want_response;
	q->why = "busy";
	q->end_ns = clock_mono_ns() + REVOKE_ALL_MS * NS_PER_MS;
	list_add_tail(&r->all, &q->at);
	r->n++;
	r->n_strangers += q->is_stranger;
	q->due = event_new(r->c->base, -1, 0, on_due, q);
	if (q->due && copy(q, m) == 0)
		return q;
	inquiry_free(q);
	return NULL;
}

void revoke_take(struct revoke *r, const Cv__CertCheck *m)
{
	struct inquiry *q = inquiry_new(r, m);
	Cv__CertStatus busy = CV__CERT_STATUS__INIT;

	r->stats.asked++;
	r->c->stats.asked++;
	if (!q) {
		r->stats.busy++;
		busy.req = m->req;
		tell(r, &busy, "busy");
		return;
	}
	/* What is ours has one answer to staple, and no more. */
	if (q->wants_response && q->n_chain > 2)
		q->n_chain = 2;
	next_link(q);
}

/* --- life ----------------------------------------------------------------------------------------- */

void revoke_setting(struct revoke *r, const char *name, struct span value)
{
	if (strcmp(name, "ocsp_state") == 0)
		r->override = span_eq(value, SPAN_LIT("OVERRIDE"));
	else if (strcmp(name, "ocsp_responder_url") == 0 &&
		 span_cstr(value, r->responder, sizeof(r->responder)) < 0)
		r->responder[0] = 0;
}

int revoke_new(struct revoke **out, struct courier *c)
{
	struct revoke *r = mem_zalloc(sizeof(*r));
	int e = r ? kept_new(&r->kept, REVOKE_KEPT_MAX) : E_NOMEM;

	if (e < 0) {
		mem_free(r);
		return e;
	}
	r->c = c;
	list_init(&r->all);
	*out = r;
	return 0;
}

void revoke_drop_all(struct revoke *r)
{
	if (!r)
		return;
	list_each(it, tmp, &r->all)
		inquiry_free(list_entry(it, struct inquiry, at));
}

void revoke_free(struct revoke **rp)
{
	struct revoke *r = *rp;

	if (!r)
		return;
	revoke_drop_all(r);
	kept_free(&r->kept);
	mem_free(r);
	*rp = NULL;
}

void revoke_stats(const struct revoke *r, struct revoke_stats *out)
{
	*out = r->stats;
}
