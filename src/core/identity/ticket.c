#include "core/identity/ticket.h"

#include "base/crypto/crypto.h"
#include "base/err.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"

enum {
	VERSION = 1,
	BODY_LEN = 1 + 8 + TICKET_ID_LEN,
	/* purpose, length and room, PIN version, body */
	SIGNED_MAX = 1 + 1 + TICKET_ROOM_MAX + 8 + BODY_LEN,
};
_Static_assert(TICKET_RAW_LEN == BODY_LEN + SHA256_LEN, "body and MAC");
_Static_assert(TICKET_LEN == B64URL_LEN(TICKET_RAW_LEN), "as text");
_Static_assert(INVITATION_LEN == B64URL_LEN(INVITATION_KEY_LEN), "as text");
_Static_assert((int)INVITATION_HASH_LEN == (int)SHA256_LEN, "an HMAC");

/* The first byte of everything that is signed: one key, never one meaning. */
enum purpose { FOR_COOKIE = 1, FOR_NAME, FOR_INVITATION };

static bool is_id(struct span room_id)
{
	return room_id.n >= 1 && room_id.n <= TICKET_ROOM_MAX;
}

static int sign(uint8_t mac[SHA256_LEN], struct span key, enum purpose what,
		const struct ticket_room *room, struct span body)
{
	uint8_t buf[SIGNED_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span text;
	int r;

	if (!is_id(room->id) || key.n != TICKET_KEY_LEN)
		return E_INVAL;
	wr_u8(&w, (uint8_t)what);
	wr_u8(&w, (uint8_t)room->id.n);
	wr_span(&w, room->id);
	wr_u64(&w, room->pin_version);
	wr_span(&w, body);
	r = wr_end(&w, &text);
	if (r == 0)
		r = crypto_hmac_sha256(mac, key, text);
	secret_wipe(buf, sizeof(buf));
	return r;
}

int ticket_key_derive(uint8_t key[TICKET_KEY_LEN], struct span data_key)
{
	return crypto_hkdf(key, TICKET_KEY_LEN, data_key, SPAN_NONE,
			   SPAN_LIT("conclave ticket 1"));
}

int ticket_make(char text[TICKET_LEN + 1], struct span key,
		const struct ticket_room *room, int64_t expires_s,
		const uint8_t id[TICKET_ID_LEN])
{
	uint8_t raw[TICKET_RAW_LEN];
	struct wr w = wr_of(raw, BODY_LEN);
	struct span body;
	int r;

	if (expires_s <= 0)
		return E_INVAL;
	wr_u8(&w, VERSION);
	wr_u64(&w, (uint64_t)expires_s);
	wr_bytes(&w, id, TICKET_ID_LEN);
	r = wr_end(&w, &body);
	if (r == 0)
		r = sign(raw + BODY_LEN, key, FOR_COOKIE, room, body);
	if (r == 0)
		b64url_encode(text, raw, sizeof(raw));
	secret_wipe(raw, sizeof(raw));
	return r;
}

/* What cannot be read is signed and compared all the same. */
int ticket_check(struct span text, struct span key,
		 const struct ticket_room *room, int64_t now_s,
		 uint8_t id[TICKET_ID_LEN])
{
	uint8_t raw[TICKET_RAW_LEN] = {0}, mac[SHA256_LEN];
	const struct span body = span_of(raw, BODY_LEN);
	struct rd rd = rd_of(body);
	bool sound;
	uint64_t expires;
	size_t n = 0;
	int r;

	sound = text.n == TICKET_LEN &&
		b64url_decode(raw, sizeof(raw), &n, text) == 0 &&
		n == sizeof(raw);
	r = sign(mac, key, FOR_COOKIE, room, body);
	if (r < 0)
		goto out;
	sound &= secret_equal(span_of(mac, sizeof(mac)),
			      span_of(raw + BODY_LEN, SHA256_LEN));
	sound &= rd_u8(&rd) == VERSION;
	expires = rd_u64(&rd);
	sound &= expires <= INT64_MAX && (int64_t)expires > now_s;
	r = sound ? 0 : E_AUTH;
	if (sound)
		memcpy(id, raw + 1 + 8, TICKET_ID_LEN);
out:
	secret_wipe(mac, sizeof(mac));
	secret_wipe(raw, sizeof(raw));
	return r;
}

uint64_t ticket_proof_id(const void *id)
{
	uint64_t v;

	memcpy(&v, id, sizeof(v));
	return v;
}

int ticket_name(char name[TICKET_NAME_LEN + 1], struct span key,
		struct span room_id)
{
	static const char prefix[] = "__Host-cv-";
	const struct ticket_room room = {.id = room_id};
	uint8_t mac[SHA256_LEN];
	const int r = sign(mac, key, FOR_NAME, &room, SPAN_NONE);

	if (r < 0)
		return r;
	memcpy(name, prefix, sizeof(prefix) - 1);
	hex_encode(name + sizeof(prefix) - 1, mac, 8);
	return 0;
}

static int hash_key(uint8_t hash[INVITATION_HASH_LEN], struct span key,
		    struct span room_id, const uint8_t raw[INVITATION_KEY_LEN])
{
	const struct ticket_room room = {.id = room_id};

	return sign(hash, key, FOR_INVITATION, &room,
		    span_of(raw, INVITATION_KEY_LEN));
}

int invitation_make(char text[INVITATION_LEN + 1],
		    uint8_t hash[INVITATION_HASH_LEN], struct span key,
		    struct span room_id,
		    const uint8_t rnd[INVITATION_KEY_LEN])
{
	const int r = hash_key(hash, key, room_id, rnd);

	if (r == 0)
		b64url_encode(text, rnd, INVITATION_KEY_LEN);
	return r;
}

int invitation_hash(uint8_t hash[INVITATION_HASH_LEN], struct span text,
		    struct span key, struct span room_id)
{
	uint8_t raw[INVITATION_KEY_LEN] = {0};
	size_t n = 0;
	const bool sound = text.n == INVITATION_LEN &&
		b64url_decode(raw, sizeof(raw), &n, text) == 0 &&
		n == sizeof(raw);
	int r = hash_key(hash, key, room_id, raw);

	if (r == 0 && !sound) {
		/* not the hash of sixteen zero bytes: somebody's key could
		 * be that, and this is not it */
		memset(hash, 0, INVITATION_HASH_LEN);
		r = E_AUTH;
	}
	secret_wipe(raw, sizeof(raw));
	return r;
}
