/* conclave(1): doctor - what only the platform knows: how it was started,
 * what is up, and what its name servers say about its names. Facts, no
 * verdicts: those are conclave's (cli/doctor.h). Answered when courier has
 * answered everything, or is late. */
#include <stdio.h>

#include "base/alloc.h"
#include "core/cli_int.h"
#include "core/sip.h"
#include "courier.pb-c.h"

enum { FACTS_MAX = 64, FACT_NAME = 32, FACT_VALUE = 512, NAMES_MAX = 8,
       QUESTIONS_MAX = 3 * NAMES_MAX, ASKS_MAX = 2, NAME_TEXT = 300,
       RECORDS_MAX = 8, RECORD_TEXT = 280, WAIT_S = 10 };

struct question {
	uint32_t req;			/* 0: answered, or never asked */
	Cv__LookupKind kind;
	char name[NAME_TEXT];
	int error;
	size_t n;
	char records[RECORDS_MAX][RECORD_TEXT];
};

struct doctor_ask {
	struct core *c;			/* NULL: free */
	uint64_t client;
	uint32_t uid;
	struct timer late;
	struct question q[QUESTIONS_MAX];
	size_t n;
};

struct doctor {
	struct {
		char name[FACT_NAME], value[FACT_VALUE];
	} facts[FACTS_MAX];
	size_t n_facts;
	struct doctor_ask ask[ASKS_MAX];
};

/* --- how it was started --------------------------------------------------------- */

int cli_doctor_open(struct core *c, const struct role_boot *boot)
{
	static const char *const kept[] = {"name", "advertise", "https_port",
		"sip_port", "sip_clear_port", "media_port_first",
		"media_port_last", "data_dir", "trust"};
	struct doctor *d = mem_zalloc(sizeof(*d));

	if (!d)
		return E_NOMEM;
	c->doctor = d;
	for (size_t i = 0; i < boot->n_options && d->n_facts < FACTS_MAX; i++)
		for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++) {
			if (strcmp(boot->options[i].name, kept[k]) != 0)
				continue;
			(void)snprintf(d->facts[d->n_facts].name, FACT_NAME,
				       "%s", kept[k]);
			(void)snprintf(d->facts[d->n_facts++].value,
				       FACT_VALUE, "%s",
				       boot->options[i].value);
		}
	return 0;
}

static void ask_free(struct doctor_ask *k)
{
	timer_cancel(&k->late);
	k->c = NULL;
}

void cli_doctor_close(struct core *c)
{
	for (size_t i = 0; c->doctor && i < ASKS_MAX; i++)
		if (c->doctor->ask[i].c)
			ask_free(&c->doctor->ask[i]);
	mem_free(c->doctor);
	c->doctor = NULL;
}

/* --- the answer -------------------------------------------------------------------- */

static void fact(struct answer *a, const char *name, struct span value)
{
	answer_row(a);
	answer_field(a, "kind", SPAN_LIT("fact"));
	answer_field(a, "name", span_str(name));
	answer_field(a, "value", value);
}

static void flag(struct answer *a, const char *name, bool v)
{
	fact(a, name, v ? SPAN_LIT("true") : SPAN_LIT("false"));
}

static void put_facts(struct answer *a, struct core *c)
{
	const struct doctor *d = c->doctor;
	const bool sip = store_global(c->store, GLOBAL_ENABLE_SIP);
	bool web = false, media = false;

	for (size_t i = 0; i < d->n_facts; i++)
		fact(a, d->facts[i].name, span_str(d->facts[i].value));
	for (size_t i = 0; i < CORE_WEBS_MAX; i++)
		web |= c->webs[i].ev != NULL;
	for (size_t i = 0; i < CORE_WORKERS_MAX; i++)
		media |= c->workers[i].media && c->workers[i].is_ready;
	flag(a, "web_up", web);
	flag(a, "media_up", media);
	flag(a, "sip_up", sip_chan(c) != NULL);
	flag(a, "courier_up", c->courier != NULL);
	flag(a, "enable_sip", sip);
	flag(a, "enable_sip_tcp", sip &&
	     store_global(c->store, GLOBAL_ENABLE_SIP_TCP));
	flag(a, "enable_sip_udp", sip &&
	     store_global(c->store, GLOBAL_ENABLE_SIP_UDP));
	flag(a, "bans_in_kernel", c->ban.table ==
	     CV__BAN_TABLE__BAN_TABLE_OK);
}

static void put_question(struct answer *a, const struct question *q)
{
	const int error = q->req ? E_TIMEOUT : q->error;

	answer_row(a);
	answer_field(a, "kind", SPAN_LIT("dns"));
	answer_field(a, "name", span_str(q->name));
	answer_field(a, "type", q->kind == CV__LOOKUP_KIND__LOOKUP_SRV ?
		     SPAN_LIT("SRV") : SPAN_LIT("A/AAAA"));
	answer_field(a, "error", span_str(error ? err_text(error) : ""));
	answer_flag(a, "is_missing", error == E_NOTFOUND);
	for (size_t i = 0; i < q->n; i++)
		answer_field(a, "value", span_str(q->records[i]));
}

static void finish(struct doctor_ask *k)
{
	struct answer *a = mem_alloc(sizeof(*a));

	if (a) {
		a->c = k->c;
		a->client = k->client;
		a->uid = k->uid;
		answer_start(a);
		put_facts(a, k->c);
		for (size_t i = 0; i < k->n; i++)
			put_question(a, &k->q[i]);
		answer_end(a, 0, "");
	}
	mem_free(a);
	ask_free(k);
}

static void on_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct doctor_ask *k = arg;

	(void)t;
	(void)now_ns;
	core_turn(k->c);
	finish(k);
}

/* --- names --------------------------------------------------------------------------- */

static void take(struct question *q, const Cv__LookedUp *m)
{
	q->req = 0;
	q->error = -(int)m->error;
	for (size_t i = 0; i < m->n_records && q->n < RECORDS_MAX; i++)
		if (span_cstr(ipc_bytes(m->records[i]), q->records[q->n],
			      RECORD_TEXT) == 0)
			q->n++;
}

static bool is_answered(const struct doctor_ask *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->q[i].req)
			return false;
	return true;
}

void cli_doctor_message(struct core *c, const Cv__LookedUp *m)
{
	for (size_t i = 0; i < ASKS_MAX; i++) {
		struct doctor_ask *k = &c->doctor->ask[i];

		for (size_t j = 0; k->c && j < k->n; j++)
			if (k->q[j].req == m->req) {
				take(&k->q[j], m);
				if (is_answered(k))
					finish(k);
				return;
			}
	}
	c->stats.bad_handles++;
}

static void ask(struct doctor_ask *k, Cv__LookupKind kind, const char *service,
		const char *name)
{
	struct question *q = &k->q[k->n];
	Cv__Lookup m = CV__LOOKUP__INIT;

	if (k->n == QUESTIONS_MAX)
		return;
	*q = (struct question){.kind = kind, .error = E_CLOSED};
	(void)snprintf(q->name, sizeof(q->name), "%s%.260s", service, name);
	k->n++;
	m.req = q->req = ++k->c->next_req;
	m.name = ipc_data(span_str(q->name));
	m.kind = kind;
	if (!k->c->courier ||
	    ipc_send(ipc_ev_chan(k->c->courier), LOOKUP, &m) < 0)
		q->req = 0;
}

static void ask_all(struct doctor_ask *k)
{
	const struct doctor *d = k->c->doctor;
	const bool sip = store_global(k->c->store, GLOBAL_ENABLE_SIP);
	size_t names = 0;

	for (size_t i = 0; i < d->n_facts && names < NAMES_MAX; i++) {
		if (strcmp(d->facts[i].name, "name") != 0)
			continue;
		names++;
		ask(k, CV__LOOKUP_KIND__LOOKUP_ADDRESSES, "",
		    d->facts[i].value);
		if (!sip)
			continue;
		ask(k, CV__LOOKUP_KIND__LOOKUP_SRV, "_sips._tcp.",
		    d->facts[i].value);
		ask(k, CV__LOOKUP_KIND__LOOKUP_SRV, "_sip._tls.",
		    d->facts[i].value);
	}
}

bool cli_doctor_verb(struct answer *a, const Cv__CliRequest *rq)
{
	struct doctor_ask *k = NULL;

	if (strcmp(rq->verb, "doctor") != 0)
		return false;
	for (size_t i = 0; i < ASKS_MAX && !k; i++)
		if (!a->c->doctor->ask[i].c)
			k = &a->c->doctor->ask[i];
	if (!k) {
		answer_end(a, E_BUSY, "busy, try again");
		return true;
	}
	*k = (struct doctor_ask){.c = a->c, .client = a->client,
				 .uid = a->uid};
	timer_init(&k->late, on_late, k);
	timer_set(a->c->wheel, &k->late, a->c->now_ns + WAIT_S * NS_PER_S);
	ask_all(k);
	if (is_answered(k))
		finish(k);
	return true;
}
