/* core/store/password.h - password verifiers: argon2id, RFC 9106 section 4,
 * second recommended memory and passes (64 MiB, 3), one lane so that the
 * library starts no threads, 16 bytes of salt.
 * Takes about 0.1 s: never on the main thread of a role that serves. */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { PASSWORD_VERIFIER_MAX = 128, PASSWORD_MAX = 1024 };

/* *dst is the encoded text, NUL-terminated. E_LIMIT, E_NOMEM, E_CRYPTO. */
int password_hash(char dst[PASSWORD_VERIFIER_MAX], struct span password);
/* 0, or E_AUTH for a wrong one, E_CORRUPT, E_NOMEM. */
int password_verify(struct span verifier, struct span password);
