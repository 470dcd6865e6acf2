/* core/identity/ticket.h - device cookies and invitation keys.
 *
 * A device cookie is given on a right PIN and proves for 30 days that its
 * holder once knew it: base64url of version, expiry, a random id and an
 * HMAC-SHA256 over these, the room and the version of its PINs. Nothing about
 * it is stored; it dies with the PIN version, the expiry or the key.
 * An invitation key is 128 random bits in a URL fragment; what is stored is
 * its keyed hash, bound to the room, and revoking is deleting the hash.
 *
 * Neither lets anybody in by itself: it moves its holder out of the
 * strangers' line (core/guard). Pure: wall-clock time and random bytes are
 * arguments. Every check does the same work for whatever it is given, and
 * says E_AUTH for whatever is wrong with it. Thread safe.
 */
#pragma once
#include "base/secret.h"
#include "base/span.h"

enum {
	TICKET_KEY_LEN = 32,
	TICKET_ID_LEN = 16,
	TICKET_RAW_LEN = 1 + 8 + TICKET_ID_LEN + 32,
	TICKET_LEN = 76,		/* base64url of TICKET_RAW_LEN */
	TICKET_LIFE_S = 30 * 86400,
	TICKET_ROOM_MAX = 64,		/* bytes of a room's id */
	TICKET_NAME_LEN = 10 + 16,	/* "__Host-cv-" and 16 hex digits */

	INVITATION_KEY_LEN = 16,
	INVITATION_LEN = 22,		/* base64url of it */
	INVITATION_HASH_LEN = 32,
};

/* What a cookie is bound to. */
struct ticket_room {
	struct span id;		/* 1..TICKET_ROOM_MAX bytes that no other room
				 * has or will have: its UUID */
	uint64_t pin_version;	/* grows with each change of a PIN */
};

/* The key of both, from the installation's data key. E_CRYPTO. */
int ticket_key_derive(uint8_t key[TICKET_KEY_LEN], struct span data_key);

/* text gets TICKET_LEN characters and NUL. id: random, or that of the cookie
 * it replaces. E_INVAL, E_CRYPTO. */
int ticket_make(char text[TICKET_LEN + 1], struct span key,
		const struct ticket_room *room, int64_t expires_s,
		const uint8_t id[TICKET_ID_LEN]);
/* 0 and the id, or E_AUTH: malformed, changed, of another room, of other
 * PINs, or expired (now_s >= expiry). E_CRYPTO, E_INVAL. */
int ticket_check(struct span text, struct span key,
		 const struct ticket_room *room, int64_t now_s,
		 uint8_t id[TICKET_ID_LEN]);
/* The first eight bytes of an id or a hash, as the guard's proof_id. */
uint64_t ticket_proof_id(const void *id);
/* Name of the room's cookie; says nothing about the room without the key. */
int ticket_name(char name[TICKET_NAME_LEN + 1], struct span key,
		struct span room_id);

/* text gets INVITATION_LEN characters and NUL; hash is what to store. */
int invitation_make(char text[INVITATION_LEN + 1],
		    uint8_t hash[INVITATION_HASH_LEN], struct span key,
		    struct span room_id,
		    const uint8_t rnd[INVITATION_KEY_LEN]);
/* The hash to look for among the room's invitations, to be compared with
 * secret_equal(). E_AUTH when it is no key at all (hash is then of nothing
 * that was ever made: compare all the same). */
int invitation_hash(uint8_t hash[INVITATION_HASH_LEN], struct span text,
		    struct span key, struct span room_id);
