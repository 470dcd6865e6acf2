#include "courier/lookup.h"

#include <stdio.h>

#include "base/alloc.h"
#include "courier/sip/target.h"

enum { TEXT_MAX = SIP_HOST_MAX + 24 };

struct lookup {
	struct courier *c;
	struct list at;			/* c->lookups */
	struct names_query *query;
	uint32_t req;
};

struct reply {
	Cv__LookedUp m;
	ProtobufCBinaryData list[SIP_RECORDS_MAX];
	char text[SIP_RECORDS_MAX][TEXT_MAX];
};

static void lookup_free(struct lookup *k)
{
	if (k->query)
		names_cancel(k->query);
	list_del(&k->at);
	k->c->n_lookups--;
	mem_free(k);
}

static void tell(struct courier *c, Cv__LookedUp *m, uint32_t req, int error)
{
	m->req = req;
	m->error = error < 0 ? (uint32_t)-error : 0;
	c->stats.answered++;
	if (c->core)
		(void)ipc_chan_send(ipc_ev_chan(c->core), IPC_LOOKED_UP,
				    &m->base, NULL, 0);
}

static void finish(struct lookup *k, struct reply *r, int error)
{
	struct courier *c = k->c;
	const uint32_t req = k->req;

	k->query = NULL;		/* it is gone already */
	lookup_free(k);
	for (size_t i = 0; i < r->m.n_records; i++)
		r->list[i] = ipc_data(span_str(r->text[i]));
	r->m.records = r->list;
	tell(c, &r->m, req, error);
}

static void on_addrs(void *arg, int error, const struct addr *addrs, size_t n)
{
	struct reply r = {.m = CV__LOOKED_UP__INIT};

	for (size_t i = 0; i < n && i < SIP_RECORDS_MAX; i++)
		addr_print_ip(&addrs[i], r.text[r.m.n_records++]);
	finish(arg, &r, error);
}

static void on_srv(void *arg, int error, const void *records, size_t n)
{
	const struct srv_record *srv = records;
	struct reply r = {.m = CV__LOOKED_UP__INIT};

	for (size_t i = 0; i < n && i < SIP_RECORDS_MAX; i++)
		(void)snprintf(r.text[r.m.n_records++], TEXT_MAX,
			       "%u %u %u %s", srv[i].priority, srv[i].weight,
			       srv[i].port, srv[i].host);
	finish(arg, &r, error);
}

static int start(struct lookup *k, const Cv__Lookup *m)
{
	char name[SIP_NAME_MAX + 1];

	if (span_cstr(ipc_bytes(m->name), name, sizeof(name)) < 0 || !name[0])
		return E_FORMAT;
	return m->kind == CV__LOOKUP_KIND__LOOKUP_SRV ?
		names_records(k->c->names, NAMES_SRV, name, on_srv, k,
			      &k->query) :
		names_lookup(k->c->names, name, 0, on_addrs, k, &k->query);
}

void lookup_take(struct courier *c, const Cv__Lookup *m)
{
	Cv__LookedUp none = CV__LOOKED_UP__INIT;
	struct lookup *k = c->n_lookups < LOOKUPS_MAX ?
		mem_zalloc(sizeof(*k)) : NULL;
	int r;

	c->stats.asked++;
	if (!k) {
		tell(c, &none, m->req, E_FULL);
		return;
	}
	k->c = c;
	k->req = m->req;
	list_add_tail(&c->lookups, &k->at);
	c->n_lookups++;
	r = start(k, m);
	if (r == 0)
		return;
	lookup_free(k);
	tell(c, &none, m->req, r);
}

void lookup_drop_all(struct courier *c)
{
	list_each(it, tmp, &c->lookups)
		lookup_free(list_entry(it, struct lookup, at));
}
