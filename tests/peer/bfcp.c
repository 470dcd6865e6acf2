#include "bfcp.h"
#include <string.h>
#include <sys/socket.h>
#include "bytes.h"

enum { T1_MS = 500, TRIES = 5, HEAD = 12 };

enum { REQUEST = 1, RELEASE = 2, REQUEST_STATUS = 4, QUERY = 7, STATUS = 8,
       HELLO = 11, HELLO_ACK = 12, ERROR = 13, REQUEST_STATUS_ACK = 14,
       STATUS_ACK = 15 };

enum { FLOOR_ID = 2, REQUEST_ID = 3, REQUEST_INFO = 15, OVERALL = 18,
       STANDING = 5 };

static uint8_t *head(const struct bfcp *b, uint8_t *p, int primitive,
		     bool is_response, uint16_t txn, unsigned words)
{
	*p++ = is_response ? 0x50 : 0x40;
	*p++ = (uint8_t)primitive;
	p = put16(p, words);
	p = put32(p, b->conf);
	p = put16(p, txn);
	return put16(p, b->user);
}

static uint8_t *number(uint8_t *p, int type, uint16_t v)
{
	*p++ = (uint8_t)(type << 1 | 1);
	*p++ = 4;
	return put16(p, v);
}

/* One request at a time: a newer one takes the place of an older. */
static void say(struct bfcp *b, int primitive, int type, uint16_t v,
		uint64_t now)
{
	uint8_t *p = head(b, b->out, primitive, false, ++b->txn, type != 0);

	if (type)
		p = number(p, type, v);
	b->out_n = (size_t)(p - b->out);
	b->tries = 1;
	b->again_ns = now + T1_MS * MS;
	(void)send(b->fd, b->out, b->out_n, 0);
}

void bfcp_start(struct bfcp *b, uint64_t now)
{
	if (!b->is_greeted && !b->out_n)
		say(b, HELLO, 0, 0, now);
}

void bfcp_ask(struct bfcp *b, bool want, uint64_t now)
{
	if (want)
		say(b, REQUEST, FLOOR_ID, b->floor, now);
	else
		say(b, RELEASE, REQUEST_ID, b->request, now);
}

void bfcp_timer(struct bfcp *b, uint64_t now)
{
	if (!b->out_n || now < b->again_ns)
		return;
	if (b->tries == TRIES) {
		b->wrong = "a request that nobody answered";
		b->out_n = 0;
		return;
	}
	b->again_ns = now + ((uint64_t)T1_MS * MS << b->tries++);
	b->repeated++;
	(void)send(b->fd, b->out, b->out_n, 0);
}

static void ack(struct bfcp *b, int primitive, uint16_t txn)
{
	uint8_t out[HEAD];

	head(b, out, primitive, true, txn, 0);
	(void)send(b->fd, out, sizeof(out), 0);
}

static const char *const words[] = {"?", "pending", "accepted", "granted",
				    "denied", "cancelled", "released",
				    "revoked"};

/* The first FLOOR-REQUEST-INFORMATION: its number, and how it stands. */
static const char *standing(const uint8_t *p, size_t n, uint16_t *id)
{
	size_t at = 0;

	while (at + 4 <= n && p[at] >> 1 != REQUEST_INFO)
		at += (p[at + 1] + 3u) & ~3u;
	if (at + 4 > n)
		return NULL;
	*id = (uint16_t)get16(p + at + 2);
	for (at += 4; at + 8 <= n; at += 4)
		if (p[at] >> 1 == OVERALL && p[at + 4] >> 1 == STANDING)
			return words[p[at + 6] < 8 ? p[at + 6] : 0];
	return NULL;
}

static bool on_status(struct bfcp *b, const uint8_t *p, size_t n)
{
	const char *s = standing(p, n, &b->request);

	if (!s) {
		b->wrong = "a status without status";
		return true;
	}
	b->status = s;
	b->is_held = strcmp(s, "granted") == 0;
	return true;
}

static void answered(struct bfcp *b, const uint8_t *p, uint64_t now)
{
	if (b->out_n && get16(p + 8) == b->txn)
		b->out_n = 0;
	if (p[1] == HELLO_ACK && !b->is_greeted) {
		b->is_greeted = true;
		say(b, QUERY, FLOOR_ID, b->floor, now);
	}
}

bool bfcp_take(struct bfcp *b, const uint8_t *p, size_t n, uint64_t now)
{
	bool is_response;
	uint16_t other;

	if (n < HEAD || p[0] >> 5 != 2 || n != HEAD + get16(p + 2) * 4 ||
	    get32(p + 4) != b->conf || get16(p + 10) != b->user) {
		b->wrong = "a message that is none of ours";
		return true;
	}
	is_response = p[0] & 0x10;
	if (is_response)
		answered(b, p, now);
	else if (p[1] == REQUEST_STATUS || p[1] == STATUS)
		ack(b, p[1] == STATUS ? STATUS_ACK : REQUEST_STATUS_ACK,
		    (uint16_t)get16(p + 8));
	if (p[1] == ERROR) {
		b->status = "error";
		return true;
	}
	if (p[1] == REQUEST_STATUS)
		return on_status(b, p + HEAD, n - HEAD);
	if (p[1] == STATUS) {
		b->others = standing(p + HEAD, n - HEAD, &other) ? "held"
								  : "free";
		return true;
	}
	return p[1] == HELLO_ACK;
}
