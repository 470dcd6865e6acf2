#include "courier/revoke/kept.h"

#include <string.h>

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/list.h"
#include "base/map.h"

enum { KEY_LEN = 2 * SHA256_LEN };

struct row {
	struct list at;			/* oldest first */
	uint8_t key[KEY_LEN];
	enum revoke_verdict verdict;
	int64_t until_s;
};

struct kept {
	struct map *rows;
	struct list order;
	size_t max;
};

int kept_new(struct kept **out, size_t max)
{
	struct kept *k = mem_zalloc(sizeof(*k));
	int r = k ? map_new(&k->rows, max) : E_NOMEM;

	if (r < 0) {
		mem_free(k);
		return r;
	}
	list_init(&k->order);
	k->max = max;
	*out = k;
	return 0;
}

static void drop(struct kept *k, struct row *row)
{
	(void)map_del(k->rows, span_of(row->key, KEY_LEN));
	list_del(&row->at);
	mem_free(row);
}

void kept_free(struct kept **kp)
{
	struct kept *k = *kp;

	if (!k)
		return;
	list_each(it, tmp, &k->order)
		drop(k, list_entry(it, struct row, at));
	map_free(&k->rows);
	mem_free(k);
	*kp = NULL;
}

static bool make_key(uint8_t key[KEY_LEN], struct span cert,
		     struct span issuer)
{
	return crypto_sha256(key, cert) == 0 &&
	       crypto_sha256(key + SHA256_LEN, issuer) == 0;
}

enum revoke_verdict kept_get(struct kept *k, struct span cert,
			     struct span issuer, int64_t now_s)
{
	uint8_t key[KEY_LEN];
	struct row *row = make_key(key, cert, issuer) ?
		map_get(k->rows, span_of(key, KEY_LEN)) : NULL;

	if (!row)
		return REVOKE_UNKNOWN;
	if (row->until_s > now_s)
		return row->verdict;
	drop(k, row);
	return REVOKE_UNKNOWN;
}

void kept_put(struct kept *k, struct span cert, struct span issuer,
	      const struct revoke_says *s, int64_t now_s, int64_t max_s)
{
	/* Without an end of its own it is true now and no longer. */
	const int64_t until = s->next_s < now_s + max_s ? s->next_s :
			      now_s + max_s;
	uint8_t key[KEY_LEN];
	struct row *row;

	if (s->verdict == REVOKE_UNKNOWN || until <= now_s ||
	    !make_key(key, cert, issuer))
		return;
	row = map_get(k->rows, span_of(key, KEY_LEN));
	if (row)
		drop(k, row);
	if (map_count(k->rows) == k->max)
		drop(k, list_entry(k->order.next, struct row, at));
	row = mem_zalloc(sizeof(*row));
	if (!row)
		return;
	memcpy(row->key, key, KEY_LEN);
	row->verdict = s->verdict;
	row->until_s = until;
	list_add_tail(&k->order, &row->at);
	if (map_put(k->rows, span_of(row->key, KEY_LEN), row) < 0) {
		list_del(&row->at);
		mem_free(row);
	}
}

size_t kept_count(const struct kept *k)
{
	return map_count(k->rows);
}
