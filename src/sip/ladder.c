#include "sip/ladder.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/siphash.h"
#include "wire/sip/mask.h"

enum { KNOWN = 4096, FIRSTS = 6 };

/* The last that is known of a Call-ID; another may take its place. */
struct known {
	uint64_t key;
	uint32_t rows;
	uint16_t firsts[FIRSTS];	/* its rows among the others */
	uint16_t n_firsts;
};

struct share {
	uint64_t second;
	uint32_t left;
};

struct ladder {
	uint64_t hash[2];
	uint64_t seq, dropped;
	size_t n_dialogs, n_others;	/* ever */
	struct share datagrams, streams;
	struct known known[KNOWN];
	struct ladder_row dialogs[LADDER_DIALOGS], others[LADDER_OTHERS];
};

int ladder_new(struct ladder **out)
{
	struct ladder *l = mem_zalloc(sizeof(*l));

	if (!l)
		return E_NOMEM;
	rand_bytes(l->hash, sizeof(l->hash));
	*out = l;
	return 0;
}

void ladder_free(struct ladder **l)
{
	mem_free(*l);
	*l = NULL;
}

uint64_t ladder_dropped(const struct ladder *l)
{
	return l->dropped;
}

/* --- putting --------------------------------------------------------------- */

static struct span cut(struct span s, size_t max)
{
	return s.n > max ? span_of(s.p, max) : s;
}

/* Never 0, which is an empty place. */
static uint64_t key_of(const struct ladder *l, struct span call_id)
{
	return siphash(l->hash, cut(call_id, LADDER_ID_MAX)) | 1;
}

bool ladder_has(const struct ladder *l, struct span call_id)
{
	const uint64_t key = key_of(l, call_id);

	return l->known[(key >> 1) % KNOWN].key == key;
}

static bool take(struct share *s, uint32_t per_s, uint64_t now_ns)
{
	const uint64_t second = now_ns / NS_PER_S;

	if (s->second != second)
		*s = (struct share){second, per_s};
	if (!s->left)
		return false;
	s->left--;
	return true;
}

bool ladder_may(struct ladder *l, struct span call_id, bool stream,
		uint64_t now_ns)
{
	struct known *k;
	uint64_t key;

	if (!take(stream ? &l->streams : &l->datagrams, stream ?
		  LADDER_STREAMS_S : LADDER_DATAGRAMS_S, now_ns)) {
		l->dropped++;
		return false;
	}
	key = key_of(l, call_id);
	k = &l->known[(key >> 1) % KNOWN];
	if (k->key != key)
		*k = (struct known){.key = key};
	return true;
}

static struct ladder_row *place(struct ladder *l, bool dialog)
{
	return dialog ? &l->dialogs[l->n_dialogs % LADDER_DIALOGS] :
	       &l->others[l->n_others % LADDER_OTHERS];
}

static void fill(struct ladder_row *r, const struct sip_peer *peer, bool out,
		 struct span id, int64_t at_us)
{
	r->at_us = at_us;
	r->peer = *peer;
	r->out = out;
	r->id_n = (uint16_t)id.n;
	if (id.n)
		memcpy(r->id, id.p, id.n);
}

/* A dialog came of what was noted among the others: that goes with it. */
static void move_firsts(struct ladder *l, struct known *k)
{
	for (size_t i = 0; i < k->n_firsts; i++) {
		const struct ladder_row *first = &l->others[k->firsts[i]];

		if (first->key != k->key)
			continue;	/* others stand there now */
		*place(l, true) = *first;
		l->n_dialogs++;
	}
	k->n_firsts = 0;
}

void ladder_put(struct ladder *l, const struct sip_peer *peer, bool out,
		bool dialog, struct span message, int64_t at_us)
{
	struct ladder_row *r = place(l, dialog);
	struct span id;
	struct known *k;

	r->seq = 0;
	r->text_n = (uint16_t)sip_mask(r->text, sizeof(r->text), message, &id);
	id = cut(id, LADDER_ID_MAX);
	r->key = key_of(l, id);
	k = &l->known[(r->key >> 1) % KNOWN];
	if (k->key != r->key)
		*k = (struct known){.key = r->key};
	if (k->rows >= LADDER_CALL_MAX) {
		l->dropped++;
		return;
	}
	k->rows++;
	r->seq = ++l->seq;
	fill(r, peer, out, id, at_us);
	if (dialog) {
		l->n_dialogs++;
		move_firsts(l, k);
		return;
	}
	if (k->n_firsts < FIRSTS)
		k->firsts[k->n_firsts++] = (uint16_t)
			(l->n_others % LADDER_OTHERS);
	l->n_others++;
}

/* --- finding --------------------------------------------------------------- */

struct search {
	const struct ladder_ask *ask;
	struct ladder_found *out;
	uint64_t keys[LADDER_CALLS_MAX];	/* newest first */
	uint64_t seqs[LADDER_CALLS_MAX];	/* of their newest row that fits */
	size_t n;
};

static bool has_word(struct span text, struct span word)
{
	for (size_t i = 0; i + word.n <= text.n; i++)
		if (span_eq_nocase(span_of(text.p + i, word.n), word))
			return true;
	return false;
}

static bool fits(const struct ladder_row *r, const struct ladder_ask *a)
{
	const struct span id = span_of(r->id, r->id_n);

	for (size_t i = 0; i < a->n_call_ids; i++)
		if (span_eq(id, cut(a->call_ids[i], LADDER_ID_MAX)))
			return true;
	if (a->peer && addr_ip_eq(a->peer, &r->peer.source))
		return true;
	return a->word.n && has_word(span_of(r->text, r->text_n), a->word);
}

/* The newest keys stay. */
static void note_key(struct search *s, const struct ladder_row *r)
{
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->keys[i] == r->key) {
			if (r->seq > s->seqs[i])
				s->seqs[i] = r->seq;
			return;
		}
	if (s->n < LADDER_CALLS_MAX) {
		at = s->n++;
	} else {
		for (size_t i = 1; i < s->n; i++)
			if (s->seqs[i] < s->seqs[at])
				at = i;
		if (s->seqs[at] > r->seq)
			return;
	}
	s->keys[at] = r->key;
	s->seqs[at] = r->seq;
}

static bool has_key(const struct search *s, uint64_t key)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->keys[i] == key)
			return true;
	return false;
}

typedef void (*row_fn)(struct search *s, const struct ladder_row *r);

static void each(const struct ladder *l, struct search *s, row_fn fn)
{
	for (size_t i = 0; i < LADDER_DIALOGS && i < l->n_dialogs; i++)
		fn(s, &l->dialogs[i]);
	for (size_t i = 0; i < LADDER_OTHERS && i < l->n_others; i++)
		fn(s, &l->others[i]);
}

static void find_key(struct search *s, const struct ladder_row *r)
{
	if (r->seq && fits(r, s->ask))
		note_key(s, r);
}

static void gather(struct search *s, const struct ladder_row *r)
{
	struct ladder_found *o = s->out;

	if (!r->seq || !has_key(s, r->key))
		return;
	if (o->n == LADDER_ROWS_MAX)
		o->left_out++;
	else
		o->rows[o->n++] = r;
}

static int by_seq(const void *a, const void *b)
{
	const struct ladder_row *const *x = a, *const *y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

/* A row that moved may stand in both rings. */
static void drop_twins(struct ladder_found *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		if (!n || o->rows[n - 1]->seq != o->rows[i]->seq)
			o->rows[n++] = o->rows[i];
	o->n = n;
}

void ladder_find(const struct ladder *l, const struct ladder_ask *ask,
		 struct ladder_found *out)
{
	struct search s = {.ask = ask, .out = out};

	out->n = 0;
	out->left_out = 0;
	each(l, &s, find_key);
	each(l, &s, gather);
	qsort(out->rows, out->n, sizeof(out->rows[0]), by_seq);
	drop_twins(out);
}
