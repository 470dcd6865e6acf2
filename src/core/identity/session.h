/* core/identity/session.h - session tokens and reconnect credentials.
 *
 * A token is 192 random bits as URL-safe text; what is kept is its keyed hash
 * (HMAC-SHA256). A hash is bound to one room and one participant: presented
 * for any other room it proves nothing. A refresh adds a token; the ones
 * before stay valid until their own end, so requests in flight do not fail.
 * At most SESSION_TOKENS_MAX live for a participant; one more replaces the
 * one that would end first.
 *
 * A reconnect credential brings its holder back without a PIN and with his
 * role. It outlives the participant it was made for, and dies when its holder
 * is removed, the room's PINs change, or the meeting ends. Using it makes a
 * new one; the one before stays good until that new one was used, because
 * the answer that carries it may be lost.
 *
 * Pure: time and random bytes are arguments, nothing is logged, nothing here
 * has ever seen a participant's name. Not thread safe.
 */
#pragma once
#include "base/span.h"

enum {
	TOKEN_RANDOM_BYTES = 24,
	TOKEN_TEXT_LEN = 32,		/* base64url of the random bytes */
	TOKEN_HASH_LEN = 32,
	TOKEN_LIFE_S = 120,
	SESSION_TOKENS_MAX = 16,	/* per participant */
	SESSION_KEY_LEN = 32,
};

struct session_table;

/* One participant's tokens, as the journal keeps them. */
struct session_state {
	uint64_t room, part;		/* handles, never 0 */
	uint32_t n;
	struct {
		uint8_t hash[TOKEN_HASH_LEN];
		uint64_t ends_ns;
	} tokens[SESSION_TOKENS_MAX];
};

/* One reconnect credential, as the journal keeps it. */
struct reconnect_state {
	uint64_t room;			/* handle, never 0 */
	uint64_t holder;		/* participant, 0 after he left */
	uint64_t id;			/* unique, for the journal */
	bool host;
	bool has_former;
	uint8_t hash[TOKEN_HASH_LEN];
	uint8_t former[TOKEN_HASH_LEN];
};

/* At most `max` participants and `max` credentials. `key` (SESSION_KEY_LEN)
 * is copied. E_INVAL, E_NOMEM. */
int  session_table_new(struct session_table **out, struct span key,
		       uint32_t max);
void session_table_free(struct session_table **t);
uint32_t session_count(const struct session_table *t);
uint32_t reconnect_count(const struct session_table *t);

/* Starts a session and writes its first token (NUL-terminated).
 * E_EXISTS, E_FULL, E_NOMEM, E_CRYPTO. */
int session_open(struct session_table *t, uint64_t room, uint64_t part,
		 const uint8_t rnd[TOKEN_RANDOM_BYTES], uint64_t now_ns,
		 char token[TOKEN_TEXT_LEN + 1]);
/* One more token for a session. E_NOTFOUND, E_NOMEM, E_CRYPTO. */
int session_refresh(struct session_table *t, uint64_t part,
		    const uint8_t rnd[TOKEN_RANDOM_BYTES], uint64_t now_ns,
		    char token[TOKEN_TEXT_LEN + 1]);
/* Whose token is this, for this room? 0 and *part, or E_AUTH and nothing
 * else: unknown, ended and foreign look the same. */
int session_check(const struct session_table *t, uint64_t room,
		  struct span token, uint64_t now_ns, uint64_t *part);
/* The same, for a caller who finds out himself whether *room is the one that
 * is meant. */
int session_find(const struct session_table *t, struct span token,
		 uint64_t now_ns, uint64_t *room, uint64_t *part);
/* When the session's newest token ends; 0 when there is none. */
uint64_t session_ends_ns(const struct session_table *t, uint64_t part);
/* Ends a session: every token of it is dead at once. */
void session_close(struct session_table *t, uint64_t part);
int  session_export(const struct session_table *t, uint64_t part,
		    struct session_state *out);
/* E_INVAL on handles or counts that cannot be; E_EXISTS; E_FULL; E_NOMEM. */
int  session_restore(struct session_table *t, const struct session_state *s);

/* Makes a credential for a participant who has none. */
int reconnect_open(struct session_table *t, uint64_t room, uint64_t part,
		   bool host, const uint8_t rnd[TOKEN_RANDOM_BYTES],
		   char text[TOKEN_TEXT_LEN + 1]);
/* Whose credential is it? 0 and *out (a copy), or E_AUTH. */
int reconnect_check(const struct session_table *t, uint64_t room,
		    struct span text, struct reconnect_state *out);
/* It was used: `part` holds it now, and gets a new text. */
int reconnect_use(struct session_table *t, struct span text, uint64_t part,
		  const uint8_t rnd[TOKEN_RANDOM_BYTES],
		  char fresh[TOKEN_TEXT_LEN + 1]);
/* The holder left by himself or was lost: he may come back. */
void reconnect_detach(struct session_table *t, uint64_t part);
/* The holder's role changed: the credential follows. */
void reconnect_set_host(struct session_table *t, uint64_t part, bool host);
/* The holder was removed. */
void reconnect_revoke(struct session_table *t, uint64_t part);
/* PINs changed or the meeting ended. Returns how many died. */
unsigned reconnect_revoke_room(struct session_table *t, uint64_t room);
int  reconnect_export(const struct session_table *t, uint64_t part,
		      struct reconnect_state *out);
int  reconnect_restore(struct session_table *t,
		       const struct reconnect_state *s);
/* The credentials of a room, detached ones included. fn changes nothing. */
void reconnect_each(const struct session_table *t, uint64_t room,
		    void (*fn)(void *arg, const struct reconnect_state *s),
		    void *arg);
