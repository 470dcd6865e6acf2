/* DTLS client and SRTP on libsrtp2: fingerprints are compared before keys. */
#pragma once
#include "bytes.h"

struct secure;
typedef void (*secure_send_fn)(void *arg, const uint8_t *p, size_t n);

/* `profiles`: OpenSSL's list, or NULL for all three. NULL on failure. */
struct secure *secure_new(const char *profiles, secure_send_fn send, void *arg);
/* Keys of SDES instead of a handshake: key and salt of each direction. */
struct secure *secure_sdes(const char *suite, uint8_t *mine, uint8_t *theirs);
void secure_free(struct secure *s);
void secure_fingerprint(const struct secure *s, uint8_t out[32]);

/* Handshake. Returns NULL, or what went wrong. */
const char *secure_start(struct secure *s, const uint8_t fingerprint[32]);
const char *secure_input(struct secure *s, const uint8_t *p, size_t n);
const char *secure_timer(struct secure *s);
bool secure_is_up(const struct secure *s);	/* NULL, in clear: always */
bool secure_is_closed(const struct secure *s);	/* close_notify came */
const char *secure_profile(const struct secure *s);

enum secure_result { SECURE_OK = 0, SECURE_REPLAY, SECURE_AUTH, SECURE_FAIL };
enum { SECURE_GROWS = 144 };	/* room that a packet may need behind it */

bool secure_seal(struct secure *s, uint8_t *p, size_t *n, bool is_rtcp);
enum secure_result secure_open(struct secure *s, uint8_t *p, size_t *n,
			       bool is_rtcp);
