/* media/rtp/history.h - the packets of one outgoing video stream: those that
 * wait for the pacer, and those sent that a receiver may ask for again.
 *
 * One ring of bytes and one ring of entries, both of fixed size; sequence
 * numbers are consecutive. Packets are put in clear; the sender takes them in
 * order. With RTX (RFC 4588) a copy is sent under its own number and key index
 * and the clear packet stays; without RTX the caller seals the packet in place
 * once and repeats exactly those bytes, because SRTP must never protect one
 * number twice. Not thread safe.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	HISTORY_PACKETS = 1024,		/* power of two */
	HISTORY_BYTES = 512 * 1024,
	HISTORY_AGE_MS = 1500,		/* older ones are not repeated */
	HISTORY_REPEAT_MS = 15,		/* not twice within this time */
	HISTORY_TRIES_MAX = 10,
	HISTORY_TAIL = 24,		/* room for the SRTP tag */
};

struct history;

struct history_packet {
	uint8_t *p;			/* HISTORY_TAIL bytes of room behind */
	size_t n;
	uint16_t seq;
	bool is_sealed;
};

int  history_new(struct history **out, uint16_t first_seq);
void history_free(struct history **h);

/* Room for `n` packets of at most `bytes` in all, without losing one that
 * was not sent yet. */
bool history_has_room(const struct history *h, size_t n, size_t bytes);
/* Where to write the next packet (at most `n` bytes), and its number. NULL
 * when unsent packets are in the way. */
uint8_t *history_put(struct history *h, size_t n, uint16_t *seq);
/* The packet just put has n bytes in the end. */
void history_put_end(struct history *h, size_t n);

/* The oldest unsent packet; false when there is none. */
bool history_next(struct history *h, struct history_packet *out);
/* It was sent; n: its length now, is_sealed: it was sealed in place. */
void history_sent(struct history *h, size_t n, bool is_sealed,
		  uint64_t now_ns);
/* The number that the next packet will have. */
uint16_t history_next_seq(const struct history *h);
size_t history_waiting(const struct history *h, size_t *bytes);

/* For repeating. E_NOTFOUND, E_TIMEOUT (too old), E_AGAIN (just repeated),
 * E_LIMIT (too often), E_STATE (not sent yet). */
int history_find(struct history *h, uint16_t seq, uint64_t now_ns,
		 struct history_packet *out);
