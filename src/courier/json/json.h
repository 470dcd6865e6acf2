/* courier/json/json.h - a JSON answer becomes a flat list of nodes.
 *
 * The only user of jansson in this role. Strict RFC 8259, UTF-8; the top is an
 * object or a list; the last of repeated members wins. Pure but for memory;
 * fuzz target t/fuzz_courier_json.c.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "courier.pb-c.h"

enum {
	ANSWER_BYTES_MAX = 256 * 1024,
	ANSWER_NODES_MAX = 4096,
	ANSWER_DEPTH_MAX = 32,
	IMAGE_BYTES_MAX = 64 * 1024,	/* of a picture */
	/* ample for both limits */
	ANSWER_ARENA_BYTES = 2 << 20,
};

/* Once, before the sandbox: the library wants a seed. */
void answer_warm(void);
/* Fills out->nodes; everything lives in the arena. E_FORMAT (no JSON, nested
 * too deep), E_LIMIT (too many nodes or bytes), E_NOMEM. */
int answer_read(Cv__HttpResult *out, struct span body, struct arena *a);
