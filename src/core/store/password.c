#include <argon2.h>
#include "base/rand.h"
#include "core/store/password.h"

enum { PASSES = 3, MEMORY_KIB = 65536, LANES = 1, SALT_LEN = 16, TAG_LEN = 32 };

static int from_argon2(int rc)
{
	if (rc == ARGON2_OK)
		return 0;
	if (rc == ARGON2_MEMORY_ALLOCATION_ERROR)
		return E_NOMEM;
	return rc == ARGON2_VERIFY_MISMATCH ? E_AUTH : E_CRYPTO;
}

int password_hash(char dst[PASSWORD_VERIFIER_MAX], struct span password)
{
	uint8_t salt[SALT_LEN];
	if (password.n > PASSWORD_MAX)
		return E_LIMIT;
	rand_bytes(salt, sizeof(salt));
	return from_argon2(argon2_hash(PASSES, MEMORY_KIB, LANES, password.p,
				       password.n, salt, sizeof(salt), NULL,
				       TAG_LEN, dst, PASSWORD_VERIFIER_MAX,
				       Argon2_id, ARGON2_VERSION_13));
}

int password_verify(struct span verifier, struct span password)
{
	char text[PASSWORD_VERIFIER_MAX];
	if (password.n > PASSWORD_MAX)
		return E_AUTH;
	if (span_cstr(verifier, text, sizeof(text)) < 0)
		return E_CORRUPT;
	int e = from_argon2(argon2id_verify(text, password.p, password.n));
	return e == E_CRYPTO ? E_CORRUPT : e;
}
