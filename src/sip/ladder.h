/* sip/ladder.h - the last messages, for the ladder of a call or a refusal.
 *
 * Two rings of fixed size: messages of dialogs, and messages of whoever has
 * none (refusals, registrations, what came before an answer). Nobody outside
 * can push the first one on, and the second takes only LADDER_DATAGRAMS_S
 * messages a second from datagrams and LADDER_STREAMS_S from connections; what
 * is over that is counted and not read. Of one Call-ID at most LADDER_CALL_MAX
 * are kept. When a dialog comes of an INVITE, its first rows go over to the dialogs.
 *
 * Rows hold text without secrets (wire/sip/mask.h) and nothing else of a
 * message. Nothing is sent anywhere until core asks.
 *
 * Pure but for its memory: about 5.5 MB, touched as it fills. Not thread safe;
 * owned by the face.
 */
#pragma once
#include "sip/peer.h"

enum {
	LADDER_DIALOGS = 3072,		/* rows */
	LADDER_OTHERS = 768,
	LADDER_TEXT_MAX = 1200,		/* bytes of a row */
	LADDER_ID_MAX = 128,		/* of a Call-ID; the rest is cut off */
	LADDER_CALL_MAX = 256,		/* rows of one Call-ID */
	LADDER_DATAGRAMS_S = 32,	/* of strangers, a second */
	LADDER_STREAMS_S = 256,
	LADDER_CALLS_MAX = 16,		/* Call-IDs in one answer */
	LADDER_ROWS_MAX = 256,		/* rows in one answer */
};

struct ladder_row {
	int64_t at_us;			/* wall clock */
	uint64_t seq;			/* 0 = empty */
	uint64_t key;			/* of its Call-ID */
	struct sip_peer peer;
	bool out;
	uint16_t id_n, text_n;
	uint8_t id[LADDER_ID_MAX];
	uint8_t text[LADDER_TEXT_MAX];
};

struct ladder;

int  ladder_new(struct ladder **out);
void ladder_free(struct ladder **l);

/* Is a request of this Call-ID from nobody's dialog to be noted? Takes one
 * from the second's share. */
bool ladder_may(struct ladder *l, struct span call_id, bool stream,
		uint64_t now_ns);
/* Was the last request of this Call-ID noted? An answer follows it. */
bool ladder_has(const struct ladder *l, struct span call_id);
void ladder_put(struct ladder *l, const struct sip_peer *peer, bool out,
		bool dialog, struct span message, int64_t at_us);

/* What is looked for: any that fits. */
struct ladder_ask {
	struct span call_ids[LADDER_CALLS_MAX];
	size_t n_call_ids;
	struct span word;	/* in the text, case ignored; empty = none */
	const struct addr *peer;	/* NULL = none */
};
struct ladder_found {
	const struct ladder_row *rows[LADDER_ROWS_MAX];	/* oldest first */
	size_t n;
	uint32_t left_out;
};
/* All rows of the newest LADDER_CALLS_MAX Call-IDs that fit. */
void ladder_find(const struct ladder *l, const struct ladder_ask *ask,
		 struct ladder_found *out);
/* Rows that were not noted because the share was used up. */
uint64_t ladder_dropped(const struct ladder *l);
