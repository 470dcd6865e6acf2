#include "sip/trunk.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

#define MOD "sip"

struct row {
	struct trunk t;
	uint8_t *packed;		/* as it came: what the spans show */
	size_t n;
};

struct set {
	struct row *rows;
	size_t n;
};

struct trunks {
	struct set now, fresh;
	bool broken;			/* the fresh one: not to be used */
	uint64_t last_id;
};

/* --- one row --------------------------------------------------------------------- */

static void row_release(struct row *r)
{
	sk_X509_pop_free(r->t.ca, X509_free);
	mem_free(r->packed);
}

static void set_release(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		row_release(&s->rows[i]);
	mem_free(s->rows);
	*s = (struct set){.n = 0};
}

/* What cannot be read is nobody's signature. */
static STACK_OF(X509) *read_cas(struct span pem)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *cert;

	while (all && bio && sk_X509_num(all) < TRUNK_CAS_MAX &&
	       (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(all, cert))
			X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	return all;
}

static struct span keep(uint8_t **at, ProtobufCBinaryData d)
{
	struct span s = span_of(*at, d.len);

	if (d.len)
		memcpy(*at, d.data, d.len);
	*at += d.len;
	return s;
}

/* The texts with their lengths before them, and the flags: equal bytes are
 * equal rows. */
static int row_pack(struct row *r, const Cv__SipTrunk *m)
{
	const uint32_t head[] = {(uint32_t)m->name.len,
		(uint32_t)m->peer_name.len, (uint32_t)m->server_name.len,
		(uint32_t)m->ca.len, (uint32_t)m->revocation, m->accepts,
		m->believes};
	uint8_t *at;

	r->n = sizeof(head) + m->name.len + m->peer_name.len +
	       m->server_name.len + m->ca.len;
	at = r->packed = mem_alloc(r->n);
	if (!at)
		return E_NOMEM;
	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	r->t.name = keep(&at, m->name);
	r->t.peer_name = keep(&at, m->peer_name);
	r->t.server_name = keep(&at, m->server_name);
	(void)keep(&at, m->ca);
	r->t.revocation = m->revocation;
	r->t.accepts = m->accepts;
	r->t.believes = m->believes;
	return 0;
}

static const struct row *same_row(const struct set *s, const struct row *r)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].n == r->n &&
		    memcmp(s->rows[i].packed, r->packed, r->n) == 0)
			return &s->rows[i];
	return NULL;
}

static int row_init(struct trunks *t, struct row *r, const Cv__SipTrunk *m)
{
	const struct row *same;
	int e = row_pack(r, m);

	if (e < 0)
		return e;
	if (m->ca.len) {
		r->t.ca = read_cas(span_of(m->ca.data, m->ca.len));
		if (!r->t.ca)
			return E_NOMEM;
		if (!sk_X509_num(r->t.ca))
			log_error(MOD, "CAs of a SIP proxy cannot be read: its certificate is not taken",
				  LOG_T("proxy", r->t.name));
	}
	same = same_row(&t->now, r);
	r->t.id = same ? same->t.id : ++t->last_id;
	return 0;
}

/* --- the set -------------------------------------------------------------------------- */

int trunks_new(struct trunks **out)
{
	*out = mem_zalloc(sizeof(**out));
	return *out ? 0 : E_NOMEM;
}

void trunks_free(struct trunks **tp)
{
	struct trunks *t = *tp;

	if (!t)
		return;
	set_release(&t->now);
	set_release(&t->fresh);
	mem_free(t);
	*tp = NULL;
}

static int add(struct trunks *t, const Cv__SipTrunk *m)
{
	struct set *s = &t->fresh;
	struct row *rows;
	int r;

	if (s->n == TRUNKS_MAX)
		return E_FULL;
	rows = mem_realloc(s->rows, (s->n + 1) * sizeof(*rows));
	if (!rows)
		return E_NOMEM;
	s->rows = rows;
	rows[s->n] = (struct row){.n = 0};
	r = row_init(t, &rows[s->n], m);
	if (r < 0)
		row_release(&rows[s->n]);
	else
		s->n++;
	return r;
}

int trunks_put(struct trunks *t, const Cv__SipTrunk *m)
{
	int r = 0;

	if (m->first) {
		set_release(&t->fresh);
		t->broken = false;
	}
	if (m->name.len)
		r = add(t, m);
	t->broken |= r < 0;
	if (!m->last)
		return r;
	if (t->broken) {
		set_release(&t->fresh);
		return r < 0 ? r : E_NOMEM;
	}
	set_release(&t->now);
	t->now = t->fresh;
	t->fresh = (struct set){.n = 0};
	return 0;
}

const struct trunk *trunks_get(const struct trunks *t, uint64_t id)
{
	for (size_t i = 0; id && i < t->now.n; i++)
		if (t->now.rows[i].t.id == id)
			return &t->now.rows[i].t;
	return NULL;
}

const struct trunk *trunks_named(const struct trunks *t, struct span name)
{
	for (size_t i = 0; i < t->now.n; i++)
		if (span_eq(t->now.rows[i].t.name, name))
			return &t->now.rows[i].t;
	return NULL;
}

const struct trunk *trunks_next(const struct trunks *t, size_t *it,
				struct span server_name)
{
	while (*it < t->now.n) {
		const struct trunk *k = &t->now.rows[(*it)++].t;

		if (k->accepts && (!server_name.n ||
		    span_eq_nocase(k->server_name, server_name)))
			return k;
	}
	return NULL;
}

static bool is_among(struct span names, struct span want)
{
	struct span one, rest = names;

	while (rest.n && want.n) {
		(void)span_split(rest, ',', &one, &rest);
		if (span_eq_nocase(one, want))
			return true;
	}
	return false;
}

const struct trunk *trunks_match(const struct trunks *t,
				 struct span server_name, struct span names)
{
	const struct trunk *k;
	size_t it = 0;

	while ((k = trunks_next(t, &it, server_name)))
		if (is_among(names, k->peer_name))
			return k;
	return NULL;
}
