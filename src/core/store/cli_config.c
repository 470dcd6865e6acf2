#include "core/store/cli_config.h"
#include <stdio.h>
#include "base/alloc.h"
#include "base/arena.h"
#include "base/list.h"
#include "core/audit/audit.h"
#include "core/store/store.h"

enum {
	/* One row: three templates and much else that is short. */
	ARENA_MAX = 1024 * 1024,
	REFS_TEXT_MAX = SCHEMA_REFS_MAX * 20 + 1,
	ROW_BYTES = 32 * 1024,		/* a row of the usual kind */
	REFS_LISTS_MAX = 4,		/* lists of references in one row */
	ALIASES_MAX = STORE_OPS_MAX - 1,
	ALIASES_SHOWN = 8,
	DETAIL_MAX = 512,
	DETAIL_VALUE_MAX = 100,
	PROPOSED_DIGITS = 6,
};

struct cli_config {
	struct store *st;
	struct audit *audit;
	char audit_dir[4096];
	cli_config_reply_fn reply;
	void *arg;
	size_t n_pending;
};

/* The request being read. */
struct ask {
	struct cli_config *c;
	const Cv__CliRequest *rq;
	const struct schema_resource *r;
	uint64_t client;
	struct span who;
	int64_t wall_us;
	uint64_t mono_ns;
};

/* What is remembered until the store answers. */
struct pending {
	struct cli_config *c;
	uint64_t client;
	const char *action;
	enum schema_resource_id res;
	enum store_verb verb;
	int64_t id;
	char who[64], object[300], detail[DETAIL_MAX];
	char pin[24], guest_pin[24];	/* proposed by us, told once */
	int64_t wall_us;
	uint64_t mono_ns;
	struct audit_verdict verdict;	/* verify */
};

/* --- answering ------------------------------------------------------------ */

static void reply_error(struct cli_config *c, uint64_t client, int error,
			const char *text)
{
	Cv__CliReply m = CV__CLI_REPLY__INIT;
	m.error = error;
	m.message = (char *)(uintptr_t)text;
	c->reply(c->arg, client, &m);
}

/* A row under construction, in an arena. */
struct row {
	Cv__CliRow m;
	Cv__CliField *ptr[SCHEMA_FIELDS_MAX + 4];
	Cv__CliField f[SCHEMA_FIELDS_MAX + 4];
};

static struct row *row_start(struct arena *a)
{
	struct row *row = arena_zalloc(a, sizeof(*row));
	if (row == NULL)
		return NULL;
	cv__cli_row__init(&row->m);
	row->m.fields = row->ptr;
	return row;
}

static void row_add(struct arena *a, struct row *row, const char *name,
		    struct span value)
{
	struct span copy = arena_dup(a, value);
	if (copy.p == NULL && value.n > 0)
		return;		/* the arena is sized so that this fits */
	Cv__CliField *f = &row->f[row->m.n_fields];
	cv__cli_field__init(f);
	f->name = (char *)(uintptr_t)name;
	f->value.data = (uint8_t *)(uintptr_t)copy.p;
	f->value.len = copy.n;
	row->ptr[row->m.n_fields++] = f;
}

/* A linear walk: only the operator's lists ask for it. */
static void add_aliases(struct cli_config *c, struct arena *a,
			struct row *row, int64_t conference)
{
	char text[ALIASES_SHOWN * 260];
	size_t n = 0;
	int shown = 0;
	const struct store_row *x = NULL;
	int64_t after = 0;
	while ((x = store_next(c->st, RES_CONFERENCE_ALIAS, after)) != NULL &&
	       shown < ALIASES_SHOWN) {
		after = store_row_id(x);
		if (store_int(x, CONFERENCE_ALIAS_CONFERENCE) != conference)
			continue;
		struct span s = store_text(x, CONFERENCE_ALIAS_ALIAS);
		if (s.n + 2 > sizeof(text) - n)
			break;
		if (shown++ > 0)
			text[n++] = ',';
		memcpy(text + n, s.p, s.n);
		n += s.n;
	}
	row_add(a, row, "aliases", span_of(text, n));
}

static struct row *row_of(struct cli_config *c, struct arena *a,
			  const struct store_row *x)
{
	char small[SCHEMA_SMALL_MAX];
	const struct schema_resource *r =
		schema_resource(store_row_resource(x));
	struct row *row = row_start(a);
	for (unsigned i = 0; row != NULL && i < r->n_fields; i++)
		row_add(a, row, r->fields[i].name,
			schema_text(&r->fields[i], store_value(x, i), small));
	if (row != NULL && r->id == RES_CONFERENCE)
		add_aliases(c, a, row, store_row_id(x));
	return row;
}

/* --- reading the request -------------------------------------------------- */

static struct span value_of(const Cv__CliField *f)
{
	return span_of(f->value.data, f->value.len);
}

static const Cv__CliField *find_field(const struct ask *q, const char *name)
{
	for (size_t i = 0; i < q->rq->n_fields; i++)
		if (strcmp(q->rq->fields[i]->name, name) == 0)
			return q->rq->fields[i];
	return NULL;
}

static bool says_open(const struct ask *q)
{
	const Cv__CliField *f = find_field(q, "open");
	return f != NULL && span_eq(value_of(f), SPAN_LIT("true"));
}

static bool is_special(const struct ask *q, const char *name)
{
	static const char *const special[] = {"which", "after", "open"};
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (strcmp(name, special[i]) == 0)
			return true;
	return q->r->id == RES_CONFERENCE && strcmp(name, "alias") == 0;
}

/* A number, or what people call the row. */
static const struct store_row *find_row(struct store *st,
					const struct schema_resource *r,
					struct span which)
{
	uint64_t id;
	const struct store_row *row = NULL;
	if (r->is_singleton)
		return store_get(st, r->id, 1);
	if (span_u64(which, INT64_MAX, &id) == 0)
		row = store_get(st, r->id, (int64_t)id);
	return row ? row : store_find(st, r->id, r->name_field, which);
}

static const struct store_row *the_row(const struct ask *q,
				       struct schema_error *why)
{
	const Cv__CliField *f = find_field(q, "which");
	if (f == NULL && !q->r->is_singleton) {
		schema_fail(why, q->r, NULL, "which", 0,
			    "say which one: its number or name");
		return NULL;
	}
	struct span which = f ? value_of(f) : SPAN_NONE;
	const struct store_row *row = find_row(q->c->st, q->r, which);
	if (row == NULL)
		schema_fail(why, q->r, NULL, "which", 0,
			    "no row with this number or name");
	return row;
}

/* The text of a reference may be a name. */
static int parse_ref(const struct ask *q, unsigned field, struct span text,
		     struct schema_value *v, struct schema_error *why)
{
	const struct schema_field *f = &q->r->fields[field];
	const struct store_row *row = find_row(q->c->st,
		schema_resource_named(span_str(f->choices)), text);
	if (row == NULL) {
		schema_fail(why, q->r, f->name, "reference", 0,
			    "no %s with this number or name", f->choices);
		return E_NOTFOUND;
	}
	*v = (struct schema_value){.i = store_row_id(row)};
	return 0;
}

struct edit {
	struct store_op ops[STORE_OPS_MAX];
	char refs[REFS_LISTS_MAX][REFS_TEXT_MAX];
	size_t n_refs;
	size_t n_ops;
	struct store_set sets[CLI_FIELDS_MAX + 2];
	size_t n_sets;
	struct store_set alias_sets[ALIASES_MAX][2];
};

/* "Main, 7" to "3,7"; schema_parse() then looks at the numbers. */
static int parse_refs(const struct ask *q, unsigned field, struct span text,
		      struct edit *e, struct schema_value *v,
		      struct schema_error *why)
{
	struct span rest = text, one;
	struct schema_value id;
	size_t n = 0;
	if (e->n_refs == REFS_LISTS_MAX)
		return E_LIMIT;
	char *dst = e->refs[e->n_refs++];
	while (rest.n > 0) {
		(void)span_split(rest, ',', &one, &rest);
		int r = parse_ref(q, field, span_trim(one), &id, why);
		if (r < 0)
			return r;
		int w = snprintf(dst + n, REFS_TEXT_MAX - n, "%s%lld",
				 n ? "," : "", (long long)id.i);
		if (w < 0 || (size_t)w >= REFS_TEXT_MAX - n) {
			schema_fail(why, q->r, q->r->fields[field].name,
				    "references", 0, "may name %lld at most",
				    (long long)q->r->fields[field].max);
			return E_LIMIT;
		}
		n += (size_t)w;
	}
	return schema_parse(q->r, field, span_of(dst, n), v, why);
}

static bool is_set(const struct edit *e, unsigned field)
{
	for (size_t i = 0; i < e->n_sets; i++)
		if (e->sets[i].field == field)
			return true;
	return false;
}

static int parse_value(const struct ask *q, unsigned field, struct span text,
		       struct edit *e, struct schema_value *v,
		       struct schema_error *why)
{
	const struct schema_field *f = &q->r->fields[field];
	bool is_null = text.n == 0 && (f->flags & SCHEMA_F_NULLABLE);
	if (f->type == SCHEMA_REF && !is_null)
		return parse_ref(q, field, text, v, why);
	if (f->type == SCHEMA_REFS)
		return parse_refs(q, field, text, e, v, why);
	return schema_parse(q->r, field, text, v, why);
}

static int read_set(const struct ask *q, const Cv__CliField *f,
		    struct edit *e, struct schema_error *why)
{
	int i = schema_field_named(q->r, span_str(f->name));
	if (i < 0) {
		schema_fail(why, q->r, NULL, "field", 0, "no field %.64s",
			    f->name);
		return E_INVAL;
	}
	if (is_set(e, (unsigned)i)) {
		schema_fail(why, q->r, q->r->fields[i].name, "twice", 0,
			    "is given twice");
		return E_INVAL;
	}
	struct store_set *s = &e->sets[e->n_sets];
	*s = (struct store_set){.field = (unsigned)i};
	int r = parse_value(q, (unsigned)i, value_of(f), e, &s->value, why);
	e->n_sets += r == 0;
	return r;
}

static int read_sets(const struct ask *q, struct edit *e,
		     struct schema_error *why)
{
	int r = 0;
	if (q->rq->n_fields > CLI_FIELDS_MAX) {
		schema_fail(why, q->r, NULL, "fields", 0, "at most %d fields",
			    CLI_FIELDS_MAX);
		return E_LIMIT;
	}
	for (size_t i = 0; i < q->rq->n_fields && r == 0; i++)
		if (!is_special(q, q->rq->fields[i]->name))
			r = read_set(q, q->rq->fields[i], e, why);
	return r;
}

static int read_aliases(const struct ask *q, struct edit *e,
			struct schema_error *why)
{
	const struct schema_resource *r =
		schema_resource(RES_CONFERENCE_ALIAS);
	for (size_t i = 0; i < q->rq->n_fields; i++) {
		const Cv__CliField *f = q->rq->fields[i];
		if (strcmp(f->name, "alias") != 0)
			continue;
		if (e->n_ops > ALIASES_MAX) {
			schema_fail(why, r, NULL, "rows", 0,
				    "at most %d aliases at once", ALIASES_MAX);
			return E_LIMIT;
		}
		struct store_set *s = e->alias_sets[e->n_ops - 1];
		s[0] = (struct store_set){.field = CONFERENCE_ALIAS_ALIAS};
		s[1] = (struct store_set){
			.field = CONFERENCE_ALIAS_CONFERENCE, .from_op = 1};
		int x = schema_parse(r, CONFERENCE_ALIAS_ALIAS, value_of(f),
				     &s[0].value, why);
		if (x < 0)
			return x;
		e->ops[e->n_ops++] = (struct store_op){
			.verb = STORE_CREATE, .res = RES_CONFERENCE_ALIAS,
			.sets = s, .n_sets = 2};
	}
	return 0;
}

/* --- PINs: proposed, or an open room on purpose ---------------------------- */

static void propose(const struct ask *q, struct edit *e, unsigned field,
		    char dst[24])
{
	int64_t min = store_global(q->c->st, GLOBAL_MIN_PIN_LENGTH);
	schema_propose_pin(dst, min > PROPOSED_DIGITS ? (unsigned)min
						      : PROPOSED_DIGITS);
	e->sets[e->n_sets++] = (struct store_set){
		.field = field, .value = {.s = span_str(dst)}};
}

static const struct store_set *set_of(const struct edit *e, unsigned field)
{
	for (size_t i = 0; i < e->n_sets; i++)
		if (e->sets[i].field == field)
			return &e->sets[i];
	return NULL;
}

static int fail_open(const struct ask *q, struct schema_error *why)
{
	schema_fail(why, q->r, "pin", "open", 0,
		    "an open room must be asked for with --open");
	return E_DENIED;
}

static int pins_for_create(const struct ask *q, struct edit *e,
			   struct pending *p, struct schema_error *why)
{
	const struct store_set *pin = set_of(e, CONFERENCE_PIN);
	const struct store_set *guests = set_of(e, CONFERENCE_ALLOW_GUESTS);
	const struct store_set *type = set_of(e, CONFERENCE_SERVICE_TYPE);
	bool allow = guests != NULL && guests->value.i != 0;
	/* Test calls and receptions have none. */
	if (says_open(q) || (type && type->value.i != SV_CONFERENCE))
		return 0;
	if (pin != NULL)
		return pin->value.is_null ? fail_open(q, why) : 0;
	propose(q, e, CONFERENCE_PIN, p->pin);
	if (!allow || is_set(e, CONFERENCE_GUEST_PIN))
		return 0;
	do {
		propose(q, e, CONFERENCE_GUEST_PIN, p->guest_pin);
		e->n_sets -= strcmp(p->pin, p->guest_pin) == 0;
	} while (strcmp(p->pin, p->guest_pin) == 0);
	return 0;
}

/* Taking the PIN away opens the room. */
static int pins_for_change(const struct ask *q, const struct edit *e,
			   struct schema_error *why)
{
	const struct store_set *pin = set_of(e, CONFERENCE_PIN);
	if (pin != NULL && pin->value.is_null && !says_open(q))
		return fail_open(q, why);
	return 0;
}

/* --- the audit line ------------------------------------------------------- */

#define VERBS(name) {"", name ".create", name ".change", name ".remove"}

/* Constants: the audit log keeps the pointer. */
static const char *action_of(enum schema_resource_id res, enum store_verb verb)
{
	static const char *const actions[RES_COUNT][4] = {
		[RES_CONFERENCE] = VERBS("conference"),
		[RES_CONFERENCE_ALIAS] = VERBS("conference_alias"),
		[RES_GLOBAL] = VERBS("global"),
		[RES_ADMINISTRATOR] = VERBS("administrator"),
		[RES_SYSTEM_LOCATION] = VERBS("system_location"),
		[RES_POLICY_SERVER] = VERBS("policy_server"),
		[RES_GATEWAY_ROUTING_RULE] = VERBS("gateway_routing_rule"),
		[RES_BREAK_IN_ALLOW_LIST_ADDRESS] = VERBS("break_in_allow_list_address"),
		[RES_CONFERENCE_INVITATION] = VERBS("conference_invitation"),
		[RES_DEVICE] = VERBS("device"),
		[RES_SIP_PROXY] = VERBS("sip_proxy"),
		[RES_STUN_SERVER] = VERBS("stun_server"),
		[RES_TURN_SERVER] = VERBS("turn_server"),
		[RES_AUTOMATIC_PARTICIPANT] = VERBS("automatic_participant"),
	};
	return actions[res][verb];
}

/* "name=Board pin=********" */
static void describe(const struct schema_resource *r, const struct edit *e,
		     char dst[DETAIL_MAX])
{
	char small[SCHEMA_SMALL_MAX];
	size_t n = 0;
	dst[0] = 0;
	for (size_t i = 0; i < e->n_sets; i++) {
		const struct schema_field *f = &r->fields[e->sets[i].field];
		struct span s = schema_text(f, &e->sets[i].value, small);
		int w = snprintf(dst + n, DETAIL_MAX - n, "%s%s=%.*s",
				 n ? " " : "", f->name,
				 (int)(s.n < DETAIL_VALUE_MAX ?
				       s.n : DETAIL_VALUE_MAX),
				 s.n ? (const char *)s.p : "");
		if (w < 0 || (size_t)w >= DETAIL_MAX - n)
			return;
		n += (size_t)w;
	}
}

static void write_audit(struct pending *p, enum audit_outcome outcome,
			const char *detail)
{
	if (p->c->audit == NULL)
		return;
	struct audit_event ev = {
		.who = span_str(p->who), .source = SPAN_LIT("local"),
		.action = p->action, .object = span_str(p->object),
		.outcome = outcome, .detail = span_str(detail)};
	/* A full log is counted and told by the log itself. */
	(void)audit_write(p->c->audit, &ev, p->wall_us, p->mono_ns);
}

/* --- requests under way ---------------------------------------------------- */

static int pending_new(struct pending **out, const struct ask *q)
{
	if (q->c->n_pending >= CLI_PENDING_MAX)
		return E_FULL;
	struct pending *p = mem_zalloc(sizeof(*p));
	if (p == NULL)
		return E_NOMEM;
	*p = (struct pending){.c = q->c, .client = q->client,
			      .wall_us = q->wall_us, .mono_ns = q->mono_ns};
	size_t n = q->who.n < sizeof(p->who) ? q->who.n : sizeof(p->who) - 1;
	if (n > 0)
		memcpy(p->who, q->who.p, n);
	q->c->n_pending++;
	*out = p;
	return 0;
}

static void pending_free(struct pending *p)
{
	p->c->n_pending--;
	secret_wipe(p, sizeof(*p));
	mem_free(p);
}

static void reply_row(struct pending *p, int64_t id)
{
	struct arena *a;
	Cv__CliReply m = CV__CLI_REPLY__INIT;
	const struct store_row *x = store_get(p->c->st, p->res, id);
	if (x == NULL || arena_new(&a, ARENA_MAX) < 0) {
		/* Done, but there is nothing to show. */
		p->c->reply(p->c->arg, p->client, &m);
		return;
	}
	struct row *row = row_of(p->c, a, x);
	Cv__CliRow *one = row ? &row->m : NULL;
	if (row != NULL && p->pin[0])
		row_add(a, row, "proposed_pin", span_str(p->pin));
	if (row != NULL && p->guest_pin[0])
		row_add(a, row, "proposed_guest_pin", span_str(p->guest_pin));
	m.rows = &one;
	m.n_rows = row != NULL;
	p->c->reply(p->c->arg, p->client, &m);
	arena_free(&a);
}

/* The change is durable, and now its audit line is too. That the log could
 * not be written is told by the log and its counters; the change stands. */
static void on_audited(void *arg, int result)
{
	struct pending *p = arg;
	(void)result;
	reply_row(p, p->id);
	pending_free(p);
}

static void on_stored(void *arg, const struct store_result *res)
{
	struct pending *p = arg;
	if (p->verb == STORE_CREATE && res->error == 0)
		(void)snprintf(p->object, sizeof(p->object), "%s %lld",
			       schema_resource(p->res)->name,
			       (long long)res->ids[0]);
	write_audit(p, res->error == 0 ? AUDIT_OK : AUDIT_FAILED,
		    res->error == 0 ? p->detail : res->why.text);
	p->id = res->ids[0];
	if (res->error == 0 && store_flush(p->c->st, on_audited, p) == 0)
		return;
	if (res->error < 0)
		reply_error(p->c, p->client, res->error, res->why.text);
	else
		reply_row(p, p->id);
	pending_free(p);
}

/* --- verbs ---------------------------------------------------------------- */

static int submit(const struct ask *q, struct edit *e, struct pending *p,
		  struct schema_error *why)
{
	p->res = q->r->id;
	p->verb = e->ops[0].verb;
	p->action = action_of(p->res, p->verb);
	describe(q->r, e, p->detail);
	e->ops[0].sets = e->sets;
	e->ops[0].n_sets = e->n_sets;
	int r = store_submit(q->c->st, e->ops, e->n_ops, q->wall_us,
			     on_stored, p);
	if (r < 0)
		schema_fail(why, q->r, NULL, "store", 0, "%s", err_text(r));
	return r;
}

static int start_create(const struct ask *q, struct edit *e,
			struct pending *p, struct schema_error *why)
{
	e->ops[0] = (struct store_op){.verb = STORE_CREATE, .res = q->r->id};
	e->n_ops = 1;
	if (q->r->id == RES_CONFERENCE_INVITATION) {
		schema_fail(why, q->r, NULL, "invite", 0,
			    "is made with conclave invite create");
		return E_UNSUPPORTED;
	}
	int r = read_sets(q, e, why);
	if (r == 0 && q->r->id == RES_CONFERENCE)
		r = pins_for_create(q, e, p, why);
	if (r == 0 && q->r->id == RES_CONFERENCE)
		r = read_aliases(q, e, why);
	(void)snprintf(p->object, sizeof(p->object), "%s", q->r->name);
	return r < 0 ? r : submit(q, e, p, why);
}

static int target(const struct ask *q, struct edit *e, struct pending *p,
		  enum store_verb verb, struct schema_error *why)
{
	const struct store_row *row = the_row(q, why);
	if (row == NULL)
		return E_NOTFOUND;
	e->ops[0] = (struct store_op){.verb = verb, .res = q->r->id,
				      .id = store_row_id(row)};
	e->n_ops = 1;
	struct span name = store_text(row, q->r->name_field);
	(void)snprintf(p->object, sizeof(p->object), "%s %lld %.*s",
		       q->r->name, (long long)store_row_id(row),
		       (int)(name.n < 200 ? name.n : 200),
		       name.n ? (const char *)name.p : "");
	return 0;
}

static int start_change(const struct ask *q, struct edit *e,
			struct pending *p, struct schema_error *why)
{
	int r = target(q, e, p, STORE_UPDATE, why);
	if (r == 0)
		r = read_sets(q, e, why);
	if (r == 0 && e->n_sets == 0) {
		schema_fail(why, q->r, NULL, "fields", 0, "nothing to change");
		return E_INVAL;
	}
	if (r == 0 && find_field(q, "alias") != NULL &&
	    q->r->id == RES_CONFERENCE) {
		schema_fail(why, q->r, NULL, "field", 0,
			    "aliases are changed as conference_alias");
		return E_INVAL;
	}
	if (r == 0 && q->r->id == RES_CONFERENCE)
		r = pins_for_change(q, e, why);
	return r < 0 ? r : submit(q, e, p, why);
}

static int start_remove(const struct ask *q, struct edit *e,
			struct pending *p, struct schema_error *why)
{
	int r = target(q, e, p, STORE_DELETE, why);
	return r < 0 ? r : submit(q, e, p, why);
}

static void run_edit(const struct ask *q, int (*start)(const struct ask *,
		     struct edit *, struct pending *, struct schema_error *))
{
	struct schema_error why = {.text = ""};
	struct pending *p;
	struct edit *e = mem_zalloc(sizeof(*e));
	int r = e ? pending_new(&p, q) : E_NOMEM;
	if (r < 0) {
		mem_free(e);
		reply_error(q->c, q->client, r, err_text(r));
		return;
	}
	r = start(q, e, p, &why);
	secret_wipe(e, sizeof(*e));
	mem_free(e);
	if (r == 0)
		return;
	reply_error(q->c, q->client, r, why.text[0] ? why.text : err_text(r));
	pending_free(p);
}

/* --- list ----------------------------------------------------------------- */

struct page {
	struct arena *arena;
	Cv__CliRow *rows[CLI_REPLY_ROWS];
	size_t n, bytes;
};

static void send_page(const struct ask *q, struct page *pg, bool more)
{
	Cv__CliReply m = CV__CLI_REPLY__INIT;
	m.rows = pg->rows;
	m.n_rows = pg->n;
	m.more = more;
	q->c->reply(q->c->arg, q->client, &m);
	pg->n = pg->bytes = 0;
	arena_reset(pg->arena);
}

static void add_to_page(struct page *pg, struct row *row)
{
	pg->rows[pg->n++] = &row->m;
	for (size_t i = 0; i < row->m.n_fields; i++)
		pg->bytes += row->f[i].value.len;
}

static bool is_full(const struct page *pg)
{
	return pg->n == CLI_REPLY_ROWS || pg->bytes > CLI_REPLY_BYTES;
}

static bool field_matches(const struct ask *q, const struct store_row *x,
			  unsigned field, struct span want)
{
	char small[SCHEMA_SMALL_MAX];
	const struct schema_field *f = &q->r->fields[field];
	if (f->type == SCHEMA_REF && want.n > 0) {
		const struct store_row *to = find_row(q->c->st,
			schema_resource_named(span_str(f->choices)), want);
		return to != NULL && store_row_id(to) == store_int(x, field);
	}
	return span_eq(schema_text(f, store_value(x, field), small), want);
}

/* Filters are "field=value", compared as printed; a reference by number or
 * name. */
static bool matches(const struct ask *q, const struct store_row *x)
{
	for (size_t i = 0; i < q->rq->n_fields; i++) {
		const Cv__CliField *f = q->rq->fields[i];
		int k = schema_field_named(q->r, span_str(f->name));
		if (k >= 0 && !field_matches(q, x, (unsigned)k, value_of(f)))
			return false;
	}
	return true;
}

static int check_filters(const struct ask *q, struct schema_error *why)
{
	for (size_t i = 0; i < q->rq->n_fields; i++) {
		const char *name = q->rq->fields[i]->name;
		int k = schema_field_named(q->r, span_str(name));
		if (strcmp(name, "after") == 0 || strcmp(name, "which") == 0)
			continue;
		if (k >= 0 && !(q->r->fields[k].flags & SCHEMA_F_SECRET))
			continue;
		schema_fail(why, q->r, NULL, "field", 0,
			    "no field %.64s to filter by", name);
		return E_INVAL;
	}
	return 0;
}

static void list_rows(const struct ask *q, struct page *pg)
{
	const Cv__CliField *f = find_field(q, "after");
	const struct store_row *x;
	uint64_t after = 0;
	if (f != NULL && span_u64(value_of(f), INT64_MAX, &after) < 0) {
		reply_error(q->c, q->client, E_FORMAT, "after: not a number");
		return;
	}
	for (int n = 0; n < CLI_PAGE_ROWS; after = (uint64_t)store_row_id(x)) {
		x = store_next(q->c->st, q->r->id, (int64_t)after);
		if (x == NULL)
			break;
		if (!matches(q, x))
			continue;
		struct row *row = row_of(q->c, pg->arena, x);
		if (row == NULL)
			break;
		add_to_page(pg, row);
		n++;
		if (is_full(pg))
			send_page(q, pg, true);
	}
	send_page(q, pg, false);
}

static void list_one(const struct ask *q, struct page *pg)
{
	struct schema_error why;
	const struct store_row *x = the_row(q, &why);
	if (x == NULL) {
		reply_error(q->c, q->client, E_NOTFOUND, why.text);
		return;
	}
	struct row *row = row_of(q->c, pg->arena, x);
	if (row != NULL)
		add_to_page(pg, row);
	send_page(q, pg, false);
}

static void run_list(const struct ask *q)
{
	struct page pg = {.n = 0};
	struct schema_error why;
	int r = check_filters(q, &why);
	if (r < 0) {
		reply_error(q->c, q->client, r, why.text);
		return;
	}
	r = arena_new(&pg.arena, CLI_REPLY_ROWS * ROW_BYTES + 2 * ARENA_MAX);
	if (r < 0) {
		reply_error(q->c, q->client, r, err_text(r));
		return;
	}
	if (find_field(q, "which") != NULL)
		list_one(q, &pg);
	else
		list_rows(q, &pg);
	arena_free(&pg.arena);
}

/* --- verify --------------------------------------------------------------- */

static int verify_work(void *arg)
{
	struct pending *p = arg;
	/* On the writer thread, where audit_sync() belongs; its failure shows
	 * elsewhere, what is on the disk is checked either way. */
	if (p->c->audit != NULL)
		(void)audit_sync(p->c->audit);
	return audit_verify(p->c->audit_dir, &p->verdict);
}

static void reply_verdict(struct pending *p)
{
	char text[640], number[32];
	const struct audit_verdict *v = &p->verdict;
	struct arena *a;
	if (!v->ok) {
		(void)snprintf(text, sizeof(text), "%s line %llu: %s", v->file,
			       (unsigned long long)v->line, v->text);
		reply_error(p->c, p->client, E_CORRUPT, text);
		return;
	}
	if (arena_new(&a, 65536) < 0) {
		reply_error(p->c, p->client, E_NOMEM, err_text(E_NOMEM));
		return;
	}
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"segments", v->segments}, {"records", v->lines},
		    {"first", v->first_seq}, {"last", v->last_seq}};
	Cv__CliReply m = CV__CLI_REPLY__INIT;
	struct row *row = row_start(a);
	Cv__CliRow *one = row ? &row->m : NULL;
	for (size_t i = 0; row != NULL && i < 4; i++) {
		int n = snprintf(number, sizeof(number), "%llu",
				 (unsigned long long)rows[i].value);
		row_add(a, row, rows[i].name, span_of(number, (size_t)n));
	}
	m.rows = &one;
	m.n_rows = row != NULL;
	p->c->reply(p->c->arg, p->client, &m);
	arena_free(&a);
}

static void verify_done(void *arg, int result)
{
	struct pending *p = arg;
	bool ok = result == 0 && p->verdict.ok;
	write_audit(p, ok ? AUDIT_OK : AUDIT_FAILED, p->verdict.text);
	if (result < 0)
		reply_error(p->c, p->client, result, err_text(result));
	else
		reply_verdict(p);
	pending_free(p);
}

static void run_verify(const struct ask *q)
{
	struct pending *p;
	int r = pending_new(&p, q);
	if (r == 0) {
		p->action = "audit.verify";
		(void)snprintf(p->object, sizeof(p->object), "audit");
		r = store_post(q->c->st, verify_work, verify_done, p);
		if (r < 0)
			pending_free(p);
	}
	if (r < 0)
		reply_error(q->c, q->client, r, err_text(r));
}

/* --- the face ------------------------------------------------------------- */

static bool is_verify(const Cv__CliRequest *rq)
{
	return strcmp(rq->verb, "verify") == 0 &&
	       strcmp(rq->resource, "audit") == 0;
}

bool cli_config_handles(const Cv__CliRequest *rq)
{
	static const char *const verbs[] = {"list", "create", "change",
					    "remove"};
	if (is_verify(rq))
		return true;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(rq->verb, verbs[i]) == 0)
			return schema_resource_named(span_str(rq->resource)) !=
			       NULL;
	return false;
}

void cli_config_request(struct cli_config *c, const Cv__CliRequest *rq,
			uint64_t client, struct span who, int64_t wall_us,
			uint64_t mono_ns)
{
	struct ask q = {.c = c, .rq = rq, .client = client, .who = who,
			.wall_us = wall_us, .mono_ns = mono_ns,
			.r = schema_resource_named(span_str(rq->resource))};
	if (!cli_config_handles(rq))
		reply_error(c, client, E_UNSUPPORTED, "no such command");
	else if (is_verify(rq))
		run_verify(&q);
	else if (strcmp(rq->verb, "list") == 0)
		run_list(&q);
	else if (strcmp(rq->verb, "create") == 0)
		run_edit(&q, start_create);
	else if (strcmp(rq->verb, "change") == 0)
		run_edit(&q, start_change);
	else
		run_edit(&q, start_remove);
}

int cli_config_new(struct cli_config **out, struct store *st,
		   struct audit *audit, const char *audit_dir,
		   cli_config_reply_fn reply, void *arg)
{
	struct cli_config *c = mem_zalloc(sizeof(*c));
	if (c == NULL)
		return E_NOMEM;
	*c = (struct cli_config){.st = st, .audit = audit, .reply = reply,
				 .arg = arg};
	(void)snprintf(c->audit_dir, sizeof(c->audit_dir), "%s", audit_dir);
	*out = c;
	return 0;
}

void cli_config_free(struct cli_config **c)
{
	mem_free(*c);
	*c = NULL;
}
