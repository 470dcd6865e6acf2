#include "courier/sip/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/wr.h"

static const enum target_transport strongest_first[] = {
	TARGET_TLS, TARGET_TCP, TARGET_UDP,
};
enum { TRANSPORTS = 3 };

static bool is_allowed(const struct targets *t, enum target_transport tr)
{
	return t->allowed & 1u << tr;
}

/* Letters, digits, '-', '_' and '.', as long as a name may be. */
static bool is_host(const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n == 0 || n > max || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    c != '.')
			return false;
	}
	return true;
}

static bool copy(char *dst, size_t cap, const char *src)
{
	return span_cstr(span_str(src), dst, cap) == 0;
}

static void add(struct targets *t, const char *host, uint16_t port,
		enum target_transport tr)
{
	struct target *x = &t->list[t->n];

	if (t->n == SIP_TARGETS_MAX || port == 0 ||
	    !copy(x->host, sizeof(x->host), host)) {
		t->cut++;
		return;
	}
	x->port = port;
	x->transport = tr;
	t->n++;
}

/* --- without DNS ------------------------------------------------------------- */

static void add_own(struct targets *t, uint16_t port)
{
	for (size_t i = 0; i < TRANSPORTS; i++) {
		/* 5060 and strange ports: TLS is the least likely there */
		size_t at = port && port != SIPS_PORT ?
			    (i + 1) % TRANSPORTS : i;
		enum target_transport tr = strongest_first[at];

		if (is_allowed(t, tr))
			add(t, t->host, port ? port : tr == TARGET_TLS ?
			    SIPS_PORT : SIP_PORT, tr);
	}
}

/* --- questions ------------------------------------------------------------------ */

static void ask_later(struct targets *t, const char *name,
		      enum target_transport tr)
{
	if (t->n_srv == SIP_QUESTIONS_MAX ||
	    !copy(t->srv[t->n_srv].name, sizeof(t->srv[0].name), name)) {
		t->cut++;
		return;
	}
	t->srv[t->n_srv++].transport = tr;
}

static void ask_by_prefix(struct targets *t)
{
	static const char *const prefix[] = {
		[TARGET_UDP] = "_sip._udp.", [TARGET_TCP] = "_sip._tcp.",
		[TARGET_TLS] = "_sips._tcp.",
	};
	char name[SIP_NAME_MAX + 1];

	for (size_t i = 0; i < TRANSPORTS; i++) {
		enum target_transport tr = strongest_first[i];
		struct wr w = wr_of(name, sizeof(name));

		if (!is_allowed(t, tr))
			continue;
		wr_str(&w, prefix[tr]);
		wr_str(&w, t->host);
		wr_u8(&w, 0);
		if (!w.failed)
			ask_later(t, name, tr);
	}
}

static enum target_ask next(struct targets *t, const char **name)
{
	if (t->at_srv < t->n_srv) {
		*name = t->srv[t->at_srv].name;
		return TARGET_ASK_SRV;
	}
	/* "." everywhere it was asked: the service is decidedly not there */
	t->is_denied = t->n == 0 && t->n_denied > 0;
	if (t->n == 0 && !t->is_denied)
		add_own(t, 0);
	return TARGET_ASK_NOTHING;
}

int targets_begin(struct targets *t, const struct targets_cfg *cfg,
		  enum target_ask *ask, const char **name)
{
	uint32_t known = 1u << TARGET_UDP | 1u << TARGET_TCP |
			 1u << TARGET_TLS;

	*t = (struct targets){ .random = cfg->random,
			       .random_arg = cfg->random_arg };
	t->allowed = cfg->allowed & (cfg->sips ? 1u << TARGET_TLS : known);
	*ask = TARGET_ASK_NOTHING;
	*name = NULL;
	if (!t->allowed || !copy(t->host, sizeof(t->host), cfg->host))
		return E_INVAL;
	if (cfg->is_literal || cfg->port) {
		add_own(t, cfg->port);
		return 0;
	}
	*ask = TARGET_ASK_NAPTR;
	*name = t->host;
	return 0;
}

/* --- NAPTR (RFC 3263 4.1) ----------------------------------------------------------- */

static bool has_word(const char *s, const char *word)
{
	return span_eq_nocase(span_str(s), span_str(word));
}

static enum target_transport service(const struct naptr_record *r)
{
	if (!has_word(r->flags, "s") || r->has_regexp ||
	    !is_host(r->replacement, SIP_NAME_MAX))
		return TARGET_NONE;
	if (has_word(r->service, "SIPS+D2T"))
		return TARGET_TLS;
	if (has_word(r->service, "SIP+D2T"))
		return TARGET_TCP;
	return has_word(r->service, "SIP+D2U") ? TARGET_UDP : TARGET_NONE;
}

static int by_order(const void *a, const void *b)
{
	const struct naptr_record *const *x = a, *const *y = b;

	if ((*x)->order != (*y)->order)
		return (*x)->order < (*y)->order ? -1 : 1;
	if ((*x)->preference != (*y)->preference)
		return (*x)->preference < (*y)->preference ? -1 : 1;
	return *x < *y ? -1 : 1;
}

enum target_ask targets_naptr(struct targets *t, const struct naptr_record *r,
			      size_t n, const char **name)
{
	const struct naptr_record *good[SIP_RECORDS_MAX];
	size_t n_good = 0;

	for (size_t i = 0; i < n; i++) {
		enum target_transport tr = service(&r[i]);

		if (tr == TARGET_NONE || !is_allowed(t, tr) ||
		    n_good == SIP_RECORDS_MAX)
			t->cut++;
		else
			good[n_good++] = &r[i];
	}
	qsort(good, n_good, sizeof(good[0]), by_order);
	for (size_t i = 0; i < n_good; i++)
		ask_later(t, good[i]->replacement, service(good[i]));
	if (t->n_srv == 0)
		ask_by_prefix(t);
	return next(t, name);
}

/* --- SRV (RFC 2782) ------------------------------------------------------------------- */

static bool is_none(const struct srv_record *r)
{
	return r->host[0] == 0 || strcmp(r->host, ".") == 0;
}

/* Of the records with the least priority one, by weight; NULL: none is left. */
static const struct srv_record *draw(const struct targets *t,
				     const struct srv_record *r, size_t n,
				     uint64_t *taken)
{
	uint32_t least = UINT32_MAX, sum = 0, at;
	const struct srv_record *zero = NULL;
	size_t last = n;

	for (size_t i = 0; i < n; i++)
		if (!(*taken & UINT64_C(1) << i) && r[i].priority < least)
			least = r[i].priority;
	for (size_t i = 0; i < n; i++) {
		if (*taken & UINT64_C(1) << i || r[i].priority != least)
			continue;
		sum += r[i].weight;
		if (!zero)
			zero = &r[i];
	}
	if (!zero)
		return NULL;
	at = t->random(t->random_arg, sum + 1);
	for (size_t i = 0; i < n; i++) {
		if (*taken & UINT64_C(1) << i || r[i].priority != least)
			continue;
		last = i;
		if (r[i].weight >= at)
			break;
		at -= r[i].weight;
	}
	*taken |= UINT64_C(1) << last;
	return &r[last];
}

enum target_ask targets_srv(struct targets *t, const struct srv_record *r,
			    size_t n, const char **name)
{
	enum target_transport tr;
	const struct srv_record *x;
	uint64_t taken = 0;

	if (t->at_srv >= t->n_srv)
		return next(t, name);
	tr = t->srv[t->at_srv++].transport;
	if (n > SIP_RECORDS_MAX) {
		t->cut += n - SIP_RECORDS_MAX;
		n = SIP_RECORDS_MAX;
	}
	if (n == 1 && is_none(&r[0]))
		t->n_denied++;
	while ((x = draw(t, r, n, &taken)) != NULL) {
		if (is_host(x->host, SIP_HOST_MAX))
			add(t, x->host, x->port, tr);
		else
			t->cut++;
	}
	return next(t, name);
}
