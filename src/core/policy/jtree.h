/* core/policy/jtree.h - JSON as a flat, bounded tree.
 *
 * The nodes stand in document order; node 0 is the top; a node names its
 * parent, which stands before it. The same shape travels in courier's
 * answers (JsonNode of courier.proto, same numbers), so that what result.h
 * reads is the same whether a server or a script wrote it. A member that is
 * repeated counts once, with its last value.
 *
 * Reading a tree allocates nothing. Pure; one arena, one thread.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum jkind {
	J_NULL = 0, J_FALSE, J_TRUE, J_INT, J_REAL, J_TEXT, J_LIST, J_OBJECT,
	J_KIND_COUNT
};

struct jnode {
	uint32_t parent;	/* of node 0: 0 */
	enum jkind kind;
	struct span key;	/* inside an object */
	struct span text;	/* J_TEXT, UTF-8 */
	int64_t number;		/* J_INT */
	double real;		/* J_REAL */
};

struct jtree {
	const struct jnode *nodes;
	uint32_t n;
};

enum {
	JTREE_NODES_MAX = 4096,
	JTREE_DEPTH_MAX = 32,	/* the top is 1 */
};

/* What a script printed: strict RFC 8259 by val_from_json() (script/value.h).
 * Nodes, keys and text live in the arena. E_FORMAT (not JSON), E_LIMIT,
 * E_NOMEM; *at (may be NULL) is the byte offset of a refusal, 0 = none. */
int jtree_parse(struct jtree *out, struct arena *a, struct span text,
		size_t *at);
/* For a tree that came from elsewhere: order, parents, kinds, keys in objects
 * only, well-formed UTF-8, depth and number of nodes. E_FORMAT or E_LIMIT.
 * Linear. Every other call here expects a tree that passed. (A sender who
 * repeats a member harms himself: the first one counts.) */
int jtree_check(const struct jtree *t);

enum { JTREE_NONE = 0 };	/* no node: the top is nobody's child */
/* Children of a list or an object, in order. */
uint32_t jtree_first(const struct jtree *t, uint32_t at);
uint32_t jtree_next(const struct jtree *t, uint32_t at);
uint32_t jtree_count(const struct jtree *t, uint32_t at);
uint32_t jtree_member(const struct jtree *t, uint32_t at, struct span key);
