/* The device's side of BFCP (RFC 8855) over UDP: says Hello, asks for the floor,
 * gives it back, acknowledges what the server begins. Its own writer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bfcp {
	int fd;				/* connected; -1 = not agreed */
	uint16_t port;			/* ours */
	uint32_t conf;
	uint16_t user, floor, txn, request;
	bool is_greeted, is_held;
	const char *status;		/* of our request, as said last */
	const char *others;		/* of the floor: "free", "held" */
	uint8_t out[64];		/* waits for its answer */
	size_t out_n;
	uint64_t again_ns;
	unsigned tries, repeated;
	const char *wrong;		/* what the server must not do */
};

void bfcp_start(struct bfcp *b, uint64_t now);
void bfcp_ask(struct bfcp *b, bool want, uint64_t now);
/* True when something changed that is worth a line. */
bool bfcp_take(struct bfcp *b, const uint8_t *p, size_t n, uint64_t now);
void bfcp_timer(struct bfcp *b, uint64_t now);
