/* SIP proxies over TLS, and who is asked about certificates. */
#include "core/sip_trunk.h"

#include "base/alloc.h"
#include "core/sip_int.h"

/* --- to the face ----------------------------------------------------------------- */

static struct span peer_name(const struct store_row *row)
{
	const struct span name = store_text(row, SIP_PROXY_TLS_PEER_NAME);

	return name.n ? name : store_text(row, SIP_PROXY_ADDRESS);
}

static const struct store_row *next_tls(struct core *c, int64_t after)
{
	const struct store_row *row = store_next(c->store, RES_SIP_PROXY,
						 after);

	while (row && store_int(row, SIP_PROXY_TRANSPORT) != SV_SIP_TLS)
		row = store_next(c->store, RES_SIP_PROXY, store_row_id(row));
	return row;
}

static void fill(Cv__SipTrunk *m, const struct store_row *row)
{
	const int64_t r = store_int(row, SIP_PROXY_REVOCATION_CHECK);

	m->name = ipc_data(store_text(row, SIP_PROXY_NAME));
	m->peer_name = ipc_data(peer_name(row));
	m->server_name = ipc_data(store_text(row, SIP_PROXY_TLS_SERVER_NAME));
	m->ca = ipc_data(store_text(row, SIP_PROXY_TLS_CA));
	m->revocation = r == SV_REVOKE_OFF ?
		CV__SIP_REVOCATION__SIP_REVOKE_OFF : r == SV_REVOKE_SOFT_FAIL ?
		CV__SIP_REVOCATION__SIP_REVOKE_SOFT_FAIL :
		CV__SIP_REVOCATION__SIP_REVOKE_REQUIRE;
	m->accepts = store_bool(row, SIP_PROXY_ACCEPT_CALLS);
	m->believes = store_bool(row, SIP_PROXY_TRUST_ASSERTED_IDENTITY);
}

void sip_trunks_send(struct core *c)
{
	const struct store_row *row = next_tls(c, 0);
	bool first = true;

	if (!sip_chan(c))
		return;
	do {
		Cv__SipTrunk m = CV__SIP_TRUNK__INIT;
		const struct store_row *next = row ?
			next_tls(c, store_row_id(row)) : NULL;

		if (row)
			fill(&m, row);
		m.first = first;
		m.last = !next;
		(void)ipc_send(sip_chan(c), SIP_TRUNK, &m);
		first = false;
		row = next;
	} while (row);
}

/* --- who a caller is --------------------------------------------------------------- */

static bool names_hold(struct span names, struct span want)
{
	struct span one, rest = names;

	while (rest.n) {
		(void)span_split(rest, ',', &one, &rest);
		if (want.n && span_eq_nocase(span_trim(one), want))
			return true;
	}
	return false;
}

/* The face says whose rules the certificate met; that its names are those of
 * the row as it is now, and what they are worth, is said here. */
int64_t sip_trunk_of(struct core *c, const Cv__SipCaller *who)
{
	const struct store_row *row = who->transport ==
		CV__SIP_TRANSPORT__SIP_TLS && who->trunk.len ?
		store_find(c->store, RES_SIP_PROXY, SIP_PROXY_NAME,
			   ipc_bytes(who->trunk)) : NULL;

	if (!row || !store_bool(row, SIP_PROXY_ACCEPT_CALLS) ||
	    !names_hold(ipc_bytes(who->cert_names), peer_name(row)))
		return 0;
	return store_row_id(row);
}

bool sip_trunk_is_believed(struct core *c, int64_t trunk)
{
	const struct store_row *row = trunk ?
		store_get(c->store, RES_SIP_PROXY, trunk) : NULL;

	return row && store_bool(row, SIP_PROXY_TRUST_ASSERTED_IDENTITY);
}

void sip_untrusted(struct core *c, const Cv__SipUntrusted *m)
{
	static const char *const words[] = {
		[CV__SIP_FAULT__SIP_FAULT_CA] = "certificate: wrong CA",
		[CV__SIP_FAULT__SIP_FAULT_NAME] = "certificate: wrong name",
		[CV__SIP_FAULT__SIP_FAULT_EXPIRED] = "certificate: expired",
		[CV__SIP_FAULT__SIP_FAULT_REVOKED] = "certificate: revoked",
		[CV__SIP_FAULT__SIP_FAULT_UNKNOWN] =
			"certificate: revocation unknown",
		[CV__SIP_FAULT__SIP_FAULT_MISSING] = "certificate: none",
		[CV__SIP_FAULT__SIP_FAULT_OTHER] = "certificate: unusable",
	};
	const size_t i = (size_t)m->fault;
	const struct span who = m->trunk.len ? ipc_bytes(m->trunk) :
				ipc_bytes(m->names);
	char ref[TRACE_REF_LEN + 1], ip[ADDR_TEXT_MAX];
	struct addr from;
	uint64_t trace;

	if (!sip_addr(&from, m->source) || i == 0 ||
	    i >= sizeof(words) / sizeof(words[0])) {
		c->sip->figures.bad_handles++;
		return;
	}
	trace = trace_open(c->trace, m->out ? "sip out" : "sip in", &from, who,
			   clock_wall_us());
	sip_keep_refusal(c, trace, &from, who, words[i], ref);
	addr_print_ip(&from, ip);
	audit_note(c, m->out ? "tls.peer" : "tls.caller", AUDIT_DENIED,
		   SPAN_LIT("sip"), span_str(ip), who, span_str(words[i]));
}

/* --- certificates, on their way to courier ----------------------------------------- */

struct wait {
	uint32_t req, face_req;
	enum ipc_role role;
	uint32_t instance;
};

static struct span key_of(const uint32_t *req)
{
	return span_of(req, sizeof(*req));
}

static struct ipc_chan *chan_of(struct core *c, const struct wait *w)
{
	if (w->role == ROLE_SIP)
		return sip_chan(c);
	for (size_t i = 0; i < CORE_WEBS_MAX; i++) {
		struct ipc_ev *ev = c->webs[i].ev;
		uint32_t instance;

		if (ev && ipc_chan_peer(ipc_ev_chan(ev), &instance) ==
		    ROLE_WEB && instance == w->instance)
			return ipc_ev_chan(ev);
	}
	return NULL;
}

static void answer(struct core *c, const struct wait *w, Cv__CertStatus *m)
{
	struct ipc_chan *ch = chan_of(c, w);

	m->req = w->face_req;
	if (ch)
		(void)ipc_send(ch, CERT_STATUS, m);
}

static void fail(struct core *c, const struct wait *w)
{
	Cv__CertStatus m = CV__CERT_STATUS__INIT;

	m.why = ipc_data(SPAN_LIT("courier is away or busy"));
	answer(c, w, &m);
}

void cert_check(struct core *c, struct ipc_chan *from, const Cv__CertCheck *m)
{
	struct wait *w = mem_alloc(sizeof(*w)), now = {.face_req = m->req};
	Cv__CertCheck q = *m;

	now.role = ipc_chan_peer(from, &now.instance);
	if (w) {
		now.req = q.req = ++c->next_req;
		*w = now;
	}
	if (w && c->courier &&
	    map_put(c->sip->checks, key_of(&w->req), w) == 0) {
		if (ipc_send(ipc_ev_chan(c->courier), CERT_CHECK, &q) == 0)
			return;
		(void)map_del(c->sip->checks, key_of(&w->req));
	}
	mem_free(w);
	fail(c, &now);
}

void cert_status(struct core *c, const Cv__CertStatus *m)
{
	struct wait *w = map_del(c->sip->checks, key_of(&m->req));
	Cv__CertStatus r = *m;

	if (!w) {
		c->stats.bad_handles++;
		return;
	}
	answer(c, w, &r);
	mem_free(w);
}

void cert_checks_fail(struct core *c)
{
	size_t it = 0;
	void *v;

	while (map_next(c->sip->checks, &it, NULL, &v)) {
		struct wait *w = v;

		(void)map_del(c->sip->checks, key_of(&w->req));
		fail(c, w);
		mem_free(w);
		it = 0;
	}
}
