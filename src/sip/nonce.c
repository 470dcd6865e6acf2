#include "sip/nonce.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/rand.h"
#include "base/siphash.h"
#include "base/text.h"

enum { RAND_LEN = 8, MAC_LEN = 20, RAW_LEN = 4 + RAND_LEN + MAC_LEN,
       KEY_LEN = 32 };
_Static_assert(B64URL_LEN(RAW_LEN) == NONCE_LEN, "length of the text");

struct used {
	uint64_t id;		/* of the random bytes, 0 = free */
	uint32_t minted_s;
	uint32_t top;		/* the highest nc seen */
	uint64_t seen;		/* bit i: top - i was seen */
};

struct bucket {
	struct used way[NONCE_WAYS];
	/* Nonces minted then or before that are not in a way are stale. */
	uint32_t floor_s;
};

struct nonces {
	uint8_t key[KEY_LEN];
	uint64_t hash[2];
	struct bucket bucket[NONCE_BUCKETS];
};

int nonces_new(struct nonces **out)
{
	struct nonces *n = mem_zalloc(sizeof(*n));

	if (!n)
		return E_NOMEM;
	rand_bytes(n->key, sizeof(n->key));
	rand_bytes(n->hash, sizeof(n->hash));
	*out = n;
	return 0;
}

void nonces_free(struct nonces **n)
{
	if (*n)
		secret_wipe((*n)->key, KEY_LEN);
	mem_free(*n);
	*n = NULL;
}

/* One second is the least, so that 0 stays below every time. */
static uint32_t seconds(uint64_t now_ns)
{
	return (uint32_t)(now_ns / NS_PER_S) + 1;
}

static int mac(const struct nonces *n, const uint8_t raw[RAW_LEN],
	       const struct addr *who, uint8_t out[SHA256_LEN])
{
	uint8_t in[4 + RAND_LEN + 16];

	memcpy(in, raw, 4 + RAND_LEN);
	memcpy(in + 4 + RAND_LEN, who->ip, 16);
	return crypto_hmac_sha256(out, span_of(n->key, KEY_LEN),
				  span_of(in, sizeof(in)));
}

int nonce_make(const struct nonces *n, const struct addr *who, uint64_t now_ns,
	       char out[NONCE_LEN + 1])
{
	uint8_t raw[RAW_LEN], m[SHA256_LEN];
	const uint32_t s = seconds(now_ns);

	for (int i = 0; i < 4; i++)
		raw[i] = (uint8_t)(s >> (24 - 8 * i));
	rand_bytes(raw + 4, RAND_LEN);
	if (mac(n, raw, who, m) < 0)
		return E_CRYPTO;
	memcpy(raw + 4 + RAND_LEN, m, MAC_LEN);
	b64url_encode(out, raw, RAW_LEN);
	return 0;
}

static struct used *row_of(struct bucket *b, uint64_t id)
{
	for (size_t i = 0; i < NONCE_WAYS; i++)
		if (b->way[i].id == id)
			return &b->way[i];
	return NULL;
}

/* A free row, one that is too old to matter, or the oldest. */
static struct used *make_row(struct bucket *b, uint64_t id, uint32_t minted_s,
			     uint32_t now_s)
{
	struct used *u = &b->way[0];

	for (size_t i = 0; i < NONCE_WAYS; i++)
		if (b->way[i].minted_s < u->minted_s)
			u = &b->way[i];
	if (u->id && now_s - u->minted_s <= NONCE_S &&
	    b->floor_s < u->minted_s)
		b->floor_s = u->minted_s;
	if (minted_s <= b->floor_s)
		return NULL;
	*u = (struct used){.id = id, .minted_s = minted_s};
	return u;
}

static bool is_fresh(struct used *u, uint32_t nc)
{
	uint32_t back = u->top - nc;

	if (nc > u->top) {
		uint32_t up = nc - u->top;

		u->seen = up < NONCE_NC_WINDOW ? u->seen << up | 1 : 1;
		u->top = nc;
		return true;
	}
	if (back >= NONCE_NC_WINDOW || u->seen >> back & 1)
		return false;
	u->seen |= UINT64_C(1) << back;
	return true;
}

enum nonce_verdict nonce_use(struct nonces *n, struct span text,
			     const struct addr *who, uint32_t nc,
			     uint64_t now_ns)
{
	uint8_t raw[RAW_LEN], m[SHA256_LEN];
	const uint32_t now_s = seconds(now_ns);
	uint32_t minted = 0;
	struct bucket *b;
	struct used *u;
	uint64_t id;
	size_t len;

	if (text.n != NONCE_LEN ||
	    b64url_decode(raw, sizeof(raw), &len, text) < 0 ||
	    len != RAW_LEN || mac(n, raw, who, m) < 0 ||
	    !secret_equal(span_of(m, MAC_LEN),
			  span_of(raw + 4 + RAND_LEN, MAC_LEN)))
		return NONCE_FOREIGN;
	for (int i = 0; i < 4; i++)
		minted = minted << 8 | raw[i];
	if (minted > now_s || now_s - minted > NONCE_S || nc == 0)
		return NONCE_STALE;
	id = siphash(n->hash, span_of(raw, 4 + RAND_LEN)) | 1;
	b = &n->bucket[(id >> 1) % NONCE_BUCKETS];
	u = row_of(b, id);
	if (!u && minted <= b->floor_s)
		return NONCE_STALE;
	if (!u)
		u = make_row(b, id, minted, now_s);
	if (!u)
		return NONCE_STALE;
	return is_fresh(u, nc) ? NONCE_GOOD : NONCE_REPLAYED;
}
