/* core/live_codec.h - records of the journal: rooms, participants, sessions
 * and reconnect credentials as bytes.
 *
 * Pure. Big endian, a version first, texts with their length. A decoder
 * checks every range, so that a record it accepts can be put back as it is:
 * the journal is sealed, but an older program may have written it. Tokens and
 * PINs are never in a record, only hashes of tokens.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "core/identity/session.h"
#include "core/rooms/room.h"
#include "core/service.h"

enum {
	LIVE_VERSION = 3,
	LIVE_RECORD_MAX = 4096,
	LIVE_CALL_TYPE_MAX = 2, LIVE_PIXELS_MAX = 2,
	/* Kinds of the journal. */
	LIVE_BOOT = 1, LIVE_ROOM, LIVE_PART, LIVE_SESSION, LIVE_CREDENTIAL,
};

struct live_room {
	int64_t conf;			/* < 0: what it is is in sv */
	struct service sv;		/* id = conf; else not used */
	int32_t worker;
	enum room_state state;
	bool locked, guests_muted, started, guests_can_unmute;
	uint64_t presenter;		/* participant, 0 = nobody */
	char view[ROOM_VIEW_MAX];
};

/* Beside the room's own record of a participant: rows of system_location that
 * he and his media are in, 0 = none. They may have gone since. */
struct live_place {
	int64_t location, media_location;
};

/* `buf` holds LIVE_RECORD_MAX. 0 and *out, or E_FULL. */
int live_encode_room(const struct live_room *r, uint8_t *buf,
		     struct span *out);
int live_encode_part(uint64_t room, const struct live_place *at,
		     const struct part *p, uint8_t *buf, struct span *out);
int live_encode_session(const struct session_state *s, uint8_t *buf,
			struct span *out);
int live_encode_credential(const struct reconnect_state *s, uint8_t *buf,
			   struct span *out);

/* E_VERSION, E_TRUNC, E_FORMAT. */
int live_decode_room(struct live_room *out, struct span in);
int live_decode_part(uint64_t *room, struct live_place *at, struct part *out,
		     struct span in);
int live_decode_session(struct session_state *out, struct span in);
int live_decode_credential(struct reconnect_state *out, struct span in);
