/* Suites of RFC 4568, 6188, 7714 on libsrtp2. */
#pragma once
#include <srtp2/srtp.h>
#include "bytes.h"

enum { SDES_KEY_MAX = 46 };

/* Key and salt; 0 for a suite that is not known. */
size_t sdes_key_bytes(const char *suite);
/* One direction. srtp_init() was called. */
bool sdes_session(srtp_t *out, const char *suite, uint8_t *key, bool is_in);
