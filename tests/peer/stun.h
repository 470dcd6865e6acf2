/* STUN (RFC 5389, 8445) as far as a controlling ICE agent needs it. */
#pragma once
#include "bytes.h"

struct stun_peer {
	char local_ufrag[64], local_pwd[64];
	char ufrag[257], pwd[257];	/* of the server */
	uint64_t tie;
};

/* A check with USE-CANDIDATE. Returns its length; `id` gets 12 bytes. */
size_t stun_request(const struct stun_peer *s, const uint8_t id[12],
		    uint8_t *out);

enum stun_seen {
	STUN_BAD = 0,		/* malformed, or integrity does not hold */
	STUN_SUCCESS,
	STUN_ERROR,
	STUN_REQUEST,
};
/* `id`: 12 bytes of the message; `mapped`: port of XOR-MAPPED-ADDRESS or 0. */
enum stun_seen stun_read(const struct stun_peer *s, const uint8_t *p, size_t n,
			 uint8_t id[12], uint16_t *mapped);
