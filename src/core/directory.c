#include "core/directory.h"

#include "base/addr.h"
#include "base/alloc.h"
#include "core/asks.h"
#include "core/caller.h"

/* A search, while the policy server is asked. */
struct search {
	struct core *c;
	int web;
	uint32_t web_gen, req;
	char text[REG_SEARCH_TEXT_MAX + 1];
};

/* --- the answer -------------------------------------------------------- */

struct entries {
	Cv__RegEntry entry[REG_SEARCH_MAX], *list[REG_SEARCH_MAX];
	size_t n, bytes;
};

static bool has(const struct entries *l, struct span alias)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_eq_nocase(ipc_bytes(l->entry[i].alias), alias))
			return true;
	return false;
}

/* User names are nobody's business: the field stays empty. */
static void add(struct entries *l, struct span alias, struct span description)
{
	Cv__RegEntry *e = &l->entry[l->n];

	if (l->n == REG_SEARCH_MAX || has(l, alias) ||
	    l->bytes + alias.n + description.n > DIRECTORY_BYTES_MAX)
		return;
	cv__reg_entry__init(e);
	e->alias = ipc_data(alias);
	e->description = ipc_data(description);
	l->list[l->n++] = e;
	l->bytes += alias.n + description.n;
}

static bool contains_nocase(struct span s, struct span part)
{
	for (size_t i = 0; i + part.n <= s.n; i++)
		if (span_eq_nocase(span_of(s.p + i, part.n), part))
			return true;
	return false;
}

static bool fits(const struct store_row *device, struct span text)
{
	return reg_may(device) &&
		(contains_nocase(store_text(device, DEVICE_ALIAS), text) ||
		 contains_nocase(store_text(device, DEVICE_DESCRIPTION),
				 text));
}

static void add_ours(struct core *c, struct span text, struct entries *l)
{
	const struct store_row *row;

	for (int64_t id = 0; l->n < REG_SEARCH_MAX &&
	     (row = store_next(c->store, RES_DEVICE, id));
	     id = store_row_id(row))
		if (fits(row, text))
			add(l, store_text(row, DEVICE_ALIAS),
			    store_text(row, DEVICE_DESCRIPTION));
}

static void reply(const struct search *s, struct entries *l,
		  Cv__ResultCode code)
{
	struct core *c = s->c;
	Cv__RegReply r = CV__REG_REPLY__INIT;

	r.req = s->req;
	r.code = code;
	r.directory_enabled = store_global(c->store, GLOBAL_ENABLE_DIRECTORY);
	r.entries = l->list;
	r.n_entries = l->n;
	if (web_is_current(c, s->web, s->web_gen))
		(void)ipc_send(ipc_ev_chan(c->webs[s->web].ev), REG_REPLY,
			       &r);
}

/* `d` NULL: the server said nothing. */
static void finish(const struct search *s, const struct policy_directory *d)
{
	struct entries l = {.n = 0};

	for (size_t i = 0; d && i < d->n; i++)
		add(&l, d->entries[i].alias, d->entries[i].description);
	if (!d || !d->ignore_local)
		add_ours(s->c, span_str(s->text), &l);
	reply(s, &l, CV__RESULT_CODE__RESULT_OK);
}

/* --- the question ------------------------------------------------------- */

static void on_word(struct core *c, void *arg, const struct asks_word *w)
{
	struct search *s = arg;

	(void)c;
	finish(s, w->directory);
	mem_free(s);
}

static const uint8_t *ip_of(const Cv__Addr *a)
{
	return a && a->ip.len == 16 ? a->ip.data : NULL;
}

static int ask(struct search *s, const Cv__Reg *m, const struct reg *r)
{
	const uint8_t *local = ip_of(m->local);
	const int64_t location = caller_location(s->c, local,
						 ip_of(m->source));
	char node[ADDR_TEXT_MAX];
	struct policy_facts f;
	struct addr a = {.port = 0};

	policy_facts_init(&f);
	policies_facts(s->c, location, &f);
	f.q = span_str(s->text);
	f.registration_alias = span_str(r->alias);
	if (local) {
		memcpy(a.ip, local, sizeof(a.ip));
		addr_print_ip(&a, node);
		f.node_ip = span_str(node);
	}
	return asks_send(s->c, &(struct asks_question){
			 .location = location, .kind = POLICY_DIRECTORY,
			 .facts = &f, .by = {SHARE_PROVEN, r->ip}}, on_word,
			 s);
}

/* Without cutting a character. */
static void copy_text(char dst[REG_SEARCH_TEXT_MAX + 1], struct span text)
{
	size_t n = text.n < REG_SEARCH_TEXT_MAX ? text.n :
		   REG_SEARCH_TEXT_MAX;

	while (n && n < text.n && (text.p[n] & 0xc0) == 0x80)
		n--;
	if (span_cstr(span_of(text.p, n), dst, REG_SEARCH_TEXT_MAX + 1) < 0)
		dst[0] = 0;
}

void directory_search(struct web *w, const Cv__Reg *m, const struct reg *r)
{
	struct core *c = w->c;
	struct search *s = mem_zalloc(sizeof(*s));
	struct search stay = {.c = c, .web = (int)(w - c->webs),
			      .web_gen = w->gen, .req = m->req};
	struct entries none = {.n = 0};
	int e = 0;

	copy_text(stay.text, ipc_bytes(m->text));
	if (!store_global(c->store, GLOBAL_ENABLE_DIRECTORY)) {
		reply(&stay, &none, CV__RESULT_CODE__RESULT_OK);
		mem_free(s);
		return;
	}
	if (s)
		*s = stay;
	e = s ? ask(s, m, r) : E_NOMEM;
	if (e == 1)
		return;
	mem_free(s);
	if (e == 0)
		finish(&stay, NULL);
	else
		reply(&stay, &none, CV__RESULT_CODE__RESULT_OVERLOAD);
}
