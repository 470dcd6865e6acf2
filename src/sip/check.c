#include "sip/check.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#define MOD "sip"

struct pending {
	uint32_t req, flow;
	uint64_t trunk;
};

struct checks {
	struct checks_cfg cfg;
	struct map *pending;
	uint32_t last_req, own_req;	/* own_req: 0 = not asked */
	bool on, core_up;
	struct timer own;
};

static struct span key_of(const uint32_t *req)
{
	return span_of(req, sizeof(*req));
}

/* --- what an answer is worth ---------------------------------------------------- */

struct verdict {
	Cv__SipFault fault;
	bool soft;
};

static struct verdict judge(const struct trunk *k, Cv__CertVerdict v)
{
	const struct verdict good = {CV__SIP_FAULT__SIP_FAULT_NONE, false};
	const struct verdict soft = {CV__SIP_FAULT__SIP_FAULT_NONE, true};
	const struct verdict unknown = {CV__SIP_FAULT__SIP_FAULT_UNKNOWN,
					false};

	if (v == CV__CERT_VERDICT__CERT_GOOD)
		return good;
	if (v == CV__CERT_VERDICT__CERT_REVOKED)
		return (struct verdict){CV__SIP_FAULT__SIP_FAULT_REVOKED,
					false};
	if (!k)
		return v == CV__CERT_VERDICT__CERT_SILENT ? good : unknown;
	return k->revocation == CV__SIP_REVOCATION__SIP_REVOKE_SOFT_FAIL ?
	       soft : unknown;
}

/* --- questions ---------------------------------------------------------------------- */

static int send_check(struct checks *c, uint32_t req, const struct span *chain,
		      size_t n, struct span staple, bool known)
{
	ProtobufCBinaryData rows[SIP_TLS_CHAIN_MAX];
	Cv__CertCheck m = CV__CERT_CHECK__INIT;

	for (size_t i = 0; i < n; i++)
		rows[i] = ipc_data(chain[i]);
	m.req = req;
	m.chain = rows;
	m.n_chain = n;
	m.staple = ipc_data(staple);
	m.stranger = !known;
	m.want_response = req == c->own_req;
	return c->core_up ? c->cfg.ask(c->cfg.arg, &m) : E_CLOSED;
}

static uint32_t next_req(struct checks *c)
{
	return ++c->last_req ? c->last_req : ++c->last_req;
}

static int ask(struct checks *c, uint32_t flow, SSL *ssl, uint64_t trunk,
	       const struct span *chain, size_t n)
{
	struct pending *p = map_count(c->pending) < CHECKS_MAX ?
			    mem_alloc(sizeof(*p)) : NULL;
	int r;

	if (!p)
		return E_FULL;
	*p = (struct pending){next_req(c), flow, trunk};
	r = map_put(c->pending, key_of(&p->req), p);
	if (!r) {
		r = send_check(c, p->req, chain, n, sip_tls_stapled(ssl), trunk);
		if (!r)
			return 0;
		(void)map_del(c->pending, key_of(&p->req));
	}
	mem_free(p);
	return r;
}

static bool is_needed(const struct checks *c, const struct trunk *k)
{
	return k ? k->revocation != CV__SIP_REVOCATION__SIP_REVOKE_OFF : c->on;
}

enum net_check checks_begin(struct checks *c, uint32_t flow, SSL *ssl,
			    uint64_t trunk, bool *soft)
{
	const struct trunk *k = trunks_get(sip_tls_trunks(c->cfg.tls), trunk);
	struct span chain[SIP_TLS_CHAIN_MAX];
	struct verdict v;
	int n, r;

	*soft = false;
	n = is_needed(c, k) ? sip_tls_chain(ssl, chain) : 0;
	if (n == 0)
		return NET_CHECK_NONE;
	r = n < 0 ? n : ask(c, flow, ssl, trunk, chain, (size_t)n);
	if (n > 0)
		sip_tls_chain_free(chain, (size_t)n);
	if (!r)
		return NET_CHECK_ASKED;
	v = judge(k, CV__CERT_VERDICT__CERT_UNKNOWN);
	*soft = v.soft;
	return v.fault ? NET_CHECK_FAILED : NET_CHECK_NONE;
}

/* --- our own certificate -------------------------------------------------------------- */

static void again(struct checks *c, uint64_t s, uint64_t now_ns)
{
	timer_set(c->cfg.wheel, &c->own, now_ns + s * NS_PER_S);
}

static void ask_own(struct checks *c, uint64_t now_ns)
{
	struct span chain[SIP_TLS_CHAIN_MAX];
	int n = sip_tls_own(c->cfg.tls, chain);

	c->own_req = 0;
	if (n <= 0)
		return;		/* nobody could sign an answer */
	c->own_req = next_req(c);
	if (send_check(c, c->own_req, chain, (size_t)n, SPAN_NONE, true) < 0) {
		c->own_req = 0;
		again(c, CHECK_OWN_RETRY_S, now_ns);
	}
	sip_tls_chain_free(chain, (size_t)n);
}

static void on_own(struct timer *t, void *arg, uint64_t now_ns)
{
	struct checks *c = arg;

	(void)t;
	if (c->core_up)
		ask_own(c, now_ns);
}

static void take_own(struct checks *c, const Cv__CertStatus *m,
		     uint64_t now_ns)
{
	const int64_t now_s = c->cfg.wall_us() / 1000000;
	int64_t half = (m->next_s - now_s) / 2;

	c->own_req = 0;
	if (m->verdict == CV__CERT_VERDICT__CERT_SILENT)
		return;
	if (m->verdict == CV__CERT_VERDICT__CERT_REVOKED)
		log_error(MOD, "our own certificate was revoked");
	/* One without an end is not stapled: nobody knows how long it holds. */
	if (m->verdict != CV__CERT_VERDICT__CERT_GOOD || half <= 0 ||
	    sip_tls_staple(c->cfg.tls, ipc_bytes(m->response),
			   m->next_s) < 0) {
		log_warn(MOD, "no OCSP response to staple",
			 LOG_T("reason", ipc_bytes(m->why)));
		again(c, CHECK_OWN_RETRY_S, now_ns);
		return;
	}
	log_info(MOD, "OCSP response for our certificate",
		 LOG_U("seconds", (uint64_t)(m->next_s - now_s)));
	half = half < CHECK_OWN_MIN_S ? CHECK_OWN_MIN_S :
	       half > CHECK_OWN_MAX_S ? CHECK_OWN_MAX_S : half;
	again(c, (uint64_t)half, now_ns);
}

void checks_own_changed(struct checks *c, uint64_t now_ns)
{
	timer_cancel(&c->own);
	c->own_req = 0;
	if (c->core_up)
		ask_own(c, now_ns);
}

/* --- answers ---------------------------------------------------------------------------- */

static void decide(struct checks *c, const struct pending *p,
		   Cv__CertVerdict verdict, const char *why)
{
	const struct trunk *k = trunks_get(sip_tls_trunks(c->cfg.tls),
					   p->trunk);
	struct verdict v = judge(k, verdict);

	/* A proxy whose rules changed meanwhile proves itself anew. */
	if (p->trunk && !k)
		v = (struct verdict){CV__SIP_FAULT__SIP_FAULT_UNKNOWN, false};
	c->cfg.decide(c->cfg.arg, p->flow, v.fault, why, v.soft);
}

void checks_status(struct checks *c, const Cv__CertStatus *m, uint64_t now_ns)
{
	char why[128];
	struct pending *p;

	if (m->req == c->own_req && m->req) {
		take_own(c, m, now_ns);
		return;
	}
	p = map_del(c->pending, key_of(&m->req));
	if (!p)
		return;
	if (span_cstr(ipc_bytes(m->why), why, sizeof(why)) < 0)
		why[0] = 0;
	decide(c, p, m->verdict, why);
	mem_free(p);
}

void checks_core(struct checks *c, bool up, uint64_t now_ns)
{
	size_t it = 0;
	void *v;

	c->core_up = up;
	while (!up && map_next(c->pending, &it, NULL, &v)) {
		struct pending *p = v;

		(void)map_del(c->pending, key_of(&p->req));
		decide(c, p, CV__CERT_VERDICT__CERT_UNKNOWN, "core is away");
		mem_free(p);
		it = 0;
	}
	/* Settings come first: courier must have them. */
	if (up)
		again(c, 1, now_ns);
}

void checks_setting(struct checks *c, bool on)
{
	c->on = on;
}

/* --- life ----------------------------------------------------------------------------------- */

int checks_new(struct checks **out, const struct checks_cfg *cfg)
{
	struct checks *c = mem_zalloc(sizeof(*c));
	int r = c ? map_new(&c->pending, CHECKS_MAX) : E_NOMEM;

	if (r < 0) {
		mem_free(c);
		return r;
	}
	c->cfg = *cfg;
	c->on = true;
	timer_init(&c->own, on_own, c);
	*out = c;
	return 0;
}

void checks_free(struct checks **cp)
{
	struct checks *c = *cp;
	size_t it = 0;
	void *v;

	if (!c)
		return;
	timer_cancel(&c->own);
	while (map_next(c->pending, &it, NULL, &v))
		mem_free(v);
	map_free(&c->pending);
	mem_free(c);
	*cp = NULL;
}
