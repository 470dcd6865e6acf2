/* core/store/seal.h - secrets at rest: AES-256-GCM under a key derived from
 * the data key, bound to table, row and field so that a sealed value cannot be
 * moved to another place. Thread safe once made. */
#pragma once
#include "base/secret.h"
#include "schema/schema.h"

struct seal {
	struct secret key;
};

int  seal_init(struct seal *s, struct span data_key);
void seal_release(struct seal *s);
/* *out comes from mem_alloc. */
int  seal_value(const struct seal *s, const struct schema_resource *r,
		int64_t id, unsigned field, struct span plain,
		struct span *out);
/* E_AUTH when it is not ours or was changed. */
int  seal_open(const struct seal *s, const struct schema_resource *r,
	       int64_t id, unsigned field, struct span sealed,
	       struct secret *out);
/* A value that proves the key: sealed and checked at open. */
enum { SEAL_PROOF_LEN = 16 + 28 };
int  seal_proof_make(const struct seal *s, uint8_t out[SEAL_PROOF_LEN]);
int  seal_proof_check(const struct seal *s, struct span proof);
