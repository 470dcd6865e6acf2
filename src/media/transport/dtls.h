/* media/transport/dtls.h - DTLS 1.2 for the keys of SRTP (RFC 5764, RFC 8827),
 * and for what BFCP says (RFC 8856 7).
 *
 * One `struct dtls` is one association of one leg. The caller feeds datagrams
 * that came from an address with an authenticated ICE check (nothing else: that
 * is the flood protection) and is given datagrams to send by the callback.
 * The peer's certificate is compared with the signalled fingerprint before any
 * key is derived; a mismatch ends the association.
 *
 * The library keeps its own clock for retransmissions: dtls_timer() is to be
 * called every DTLS_TIMER_MS while dtls_state() is DTLS_HANDSHAKE.
 * Not thread safe. No log.
 */
#pragma once
#include "base/secret.h"
#include "media/transport/srtp.h"

enum {
	DTLS_MTU = 1200,
	DTLS_FINGERPRINT_LEN = 32,
	DTLS_HANDSHAKES_MAX = 256,	/* at one time in this process */
	DTLS_TIMER_MS = 50,
	DTLS_INPUT_MAX = 4000,		/* datagrams in one handshake */
	DTLS_DATA_MAX = 2048,
};

/* Certificate (P-256, made here, never written anywhere) and contexts. Runs a
 * handshake with itself, so that nothing is loaded from disk later: make it
 * before the sandbox closes. */
struct dtls_env;
int  dtls_env_new(struct dtls_env **out);
void dtls_env_free(struct dtls_env **env);	/* after its associations */
/* SHA-256 of our certificate. */
void dtls_env_fingerprint(const struct dtls_env *env,
			  uint8_t out[DTLS_FINGERPRINT_LEN]);

typedef void (*dtls_send_fn)(void *arg, struct span datagram);

struct dtls_cfg {
	bool is_client;		/* the offer said setup:passive */
	size_t mtu;		/* of a datagram; 0, or more: DTLS_MTU */
	uint8_t fingerprint[DTLS_FINGERPRINT_LEN];	/* of the peer */
	dtls_send_fn send;
	/* What the peer said, one record at a time, at most DTLS_DATA_MAX
	 * bytes; must not free the association. NULL: it is thrown away. */
	void (*take)(void *arg, struct span data);
	void *arg;
};

enum dtls_state { DTLS_FAILED = 0, DTLS_HANDSHAKE, DTLS_UP, DTLS_CLOSED };

struct dtls;

/* E_BUSY when too many handshakes run (try later: the peer retransmits).
 * A client sends its hello at once. */
int  dtls_new(struct dtls **out, struct dtls_env *env,
	      const struct dtls_cfg *cfg);
void dtls_free(struct dtls **d);	/* sends nothing */
/* Says goodbye to the peer, if it is up. */
void dtls_shutdown(struct dtls *d);

/* Both may call send. They return the new state. */
enum dtls_state dtls_input(struct dtls *d, struct span datagram);
enum dtls_state dtls_timer(struct dtls *d);
enum dtls_state dtls_state(const struct dtls *d);

/* One record. E_STATE before the association is up, E_LIMIT when it does not
 * fit a datagram, E_CRYPTO. */
int  dtls_write(struct dtls *d, struct span data);

/* Keys of both directions, once the state is DTLS_UP. */
struct dtls_keys {
	enum srtp_profile profile;
	size_t key_n, salt_n;
	uint8_t send_key[SRTP_KEY_MAX], send_salt[SRTP_SALT_MAX];
	uint8_t receive_key[SRTP_KEY_MAX], receive_salt[SRTP_SALT_MAX];
};
/* E_STATE, E_CRYPTO, E_UNSUPPORTED (no SRTP profile was agreed). The caller
 * wipes *out. */
int dtls_get_keys(struct dtls *d, struct dtls_keys *out);
