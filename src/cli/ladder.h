/* cli/ladder.h - the rows of `conclave trace` drawn as a ladder: one column
 * for each role, arrows for messages, by time. Whatever came from the wire is
 * cleaned (print_clean). */
#pragma once
#include <stdio.h>
#include "cli/print.h"

enum { LADDER_WIDTH_MIN = 80, LADDER_WIDTH_MAX = 120 };

/* `width` is brought between the two. `headers`: what stands in each SIP
 * message, below its arrow. */
void ladder_print(FILE *f, const struct rows *r, unsigned width, bool headers);
