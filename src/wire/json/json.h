/* wire/json/json.h - may a reader that recurses be given this JSON text?
 *
 * One pass over the brackets outside strings, before a JSON library sees the
 * text: RFC 8259 lets a parser limit the nesting (section 9), and one that
 * recurses must, or a peer chooses how deep our stack grows. It is no parser:
 * what passes may still be no JSON.
 *
 * Pure: no allocation, no state; linear in the length of the text. Fuzz
 * target t/fuzz_json.c.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { JSON_DEPTH_MAX = 64 };		/* the most that may be allowed */

/* Arrays and objects at most `depth` levels deep (1..JSON_DEPTH_MAX), each
 * closed by its own kind of bracket, every string ended? E_LIMIT: deeper;
 * E_FORMAT: the rest; E_INVAL: no such depth. The first mistake counts. */
int json_nesting(struct span text, unsigned depth);
