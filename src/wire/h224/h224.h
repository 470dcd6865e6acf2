/* wire/h224 - far-end camera control: H.281 in H.224 frames, as they travel in
 * RTP (RFC 4573; H.323 Annex Q): one frame a packet, aligned to octets, without
 * flags, bit stuffing and check sequence.
 *
 *   Q.922 address 0x00 0x61 (low priority, DLCI 6) or 0x00 0x71 (high, DLCI 7),
 *   control 0x03 (UI), destination and source terminal, two octets each
 *   (0 = broadcast), client, then ES BS C1 C0 and the segment's number.
 *
 * Read: whole frames (one segment: both ES and BS, or neither as old devices
 * write) of the client for management (CME, 0: who speaks what) and of H.281
 * (1). Other clients, extended and non-standard ones, and frames in several
 * segments are H224_OTHER: well-formed, and nothing to us.
 *
 * Pure, no allocation, no pointers into the input. E_TRUNC, E_FORMAT.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	H224_HEADER_LEN = 9,
	H224_FRAME_MAX = 256 + H224_HEADER_LEN,	/* H.224: 254 at most */
	H224_TIMEOUT_STEP_MS = 50,
	H224_TIMEOUT_MAX_MS = 800,
	H224_CLIENTS_MAX = 127,
};

enum h224_kind {
	H224_OTHER = 0,
	H224_CLIENTS_ASKED,		/* client list command */
	H224_CLIENTS,			/* client list */
	H224_EXTRAS_ASKED,		/* extra capabilities command, of H.281 */
	H224_EXTRAS,			/* extra capabilities, of H.281 */
	H224_START, H224_CONTINUE, H224_STOP,
	H224_SOURCE,			/* select video source, and its answer */
	H224_PRESET,			/* store as, activate preset */
};

/* -1, 0, 1: left, down, out, near | none | right, up, in, far. */
struct h224_move {
	int8_t pan, tilt, zoom, focus;
};

struct h224_frame {
	enum h224_kind kind;
	bool has_h281;			/* H224_CLIENTS */
	struct h224_move move;		/* START, CONTINUE, STOP */
	uint16_t timeout_ms;		/* START: 50..800 */
};

int h224_decode(struct h224_frame *out, struct span payload);

/* Writes CLIENTS (H.281, when has_h281), CLIENTS_ASKED, EXTRAS (no presets, no
 * other source), START, CONTINUE and STOP, to all terminals. The timeout is
 * rounded to what can be said. E_INVAL for other kinds, E_FULL. */
int h224_encode(void *buf, size_t cap, struct span *out,
		const struct h224_frame *f);
