/* core/directory.h - the search for names by apps that are registered.
 *
 * Off unless enable_directory is on: then the answer is empty and nobody is
 * asked. What a policy server says comes first and in its order, then devices
 * of ours, unless it says that they are not wanted; a name is listed once.
 * core's main thread only.
 */
#pragma once
#include "core/reg.h"

enum { DIRECTORY_BYTES_MAX = 60000 };	/* of all entries of an answer */

/* Answers web, perhaps later. `r` is the registration that asks. */
void directory_search(struct web *w, const Cv__Reg *m, const struct reg *r);
