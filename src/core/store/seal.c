#include <stdio.h>
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "core/store/seal.h"

#define PROOF_AAD SPAN_LIT("conclave/proof")
static const uint8_t proof_plain[16] = "conclave store 1";

int seal_init(struct seal *s, struct span data_key)
{
	*s = (struct seal){.key = {NULL, 0}};
	int e = secret_init(&s->key, NULL, AEAD_KEY_LEN);
	if (e < 0)
		return e;
	return crypto_hkdf(s->key.p, s->key.n, data_key, SPAN_LIT("conclave"),
			   SPAN_LIT("conclave store secrets 1"));
}

void seal_release(struct seal *s)
{
	secret_release(&s->key);
}

static struct span place(char *dst, size_t cap,
			 const struct schema_resource *r, int64_t id,
			 unsigned field)
{
	int n = snprintf(dst, cap, "%s/%lld/%s", r->name, (long long)id,
			 r->fields[field].name);
	return span_of(dst, (size_t)n);
}

int seal_value(const struct seal *s, const struct schema_resource *r,
	       int64_t id, unsigned field, struct span plain,
	       struct span *out)
{
	char aad[160];
	size_t n = AEAD_SEALED_LEN(plain.n);
	uint8_t *p = mem_alloc(n);
	if (p == NULL)
		return E_NOMEM;
	int e = crypto_seal(p, secret_span(&s->key), plain,
			    place(aad, sizeof(aad), r, id, field));
	if (e < 0) {
		mem_free(p);
		return e;
	}
	*out = span_of(p, n);
	return 0;
}

int seal_open(const struct seal *s, const struct schema_resource *r,
	      int64_t id, unsigned field, struct span sealed,
	      struct secret *out)
{
	char aad[160];
	struct secret plain = {NULL, 0};
	if (sealed.n < AEAD_SEALED_LEN(0))
		return E_AUTH;
	int e = secret_init(&plain, NULL, sealed.n - AEAD_SEALED_LEN(0));
	if (e == 0)
		e = crypto_open(plain.p, secret_span(&s->key), sealed,
				place(aad, sizeof(aad), r, id, field));
	if (e < 0) {
		secret_release(&plain);
		return e;
	}
	*out = plain;
	return 0;
}

int seal_proof_make(const struct seal *s, uint8_t out[SEAL_PROOF_LEN])
{
	return crypto_seal(out, secret_span(&s->key),
			   span_of(proof_plain, sizeof(proof_plain)),
			   PROOF_AAD);
}

int seal_proof_check(const struct seal *s, struct span proof)
{
	uint8_t plain[sizeof(proof_plain)];
	if (proof.n != SEAL_PROOF_LEN)
		return E_AUTH;
	return crypto_open(plain, secret_span(&s->key), proof, PROOF_AAD);
}
