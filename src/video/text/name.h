/* video/text/name.h - makes a display name safe to draw.
 *
 * A name comes from anybody. Before it meets a shaping engine it loses what
 * has no place on one line: control characters, line and paragraph breaks,
 * direction overrides and isolates, invisible format characters, private-use
 * and unassigned code points; more than NAME_MARKS_MAX marks on one letter;
 * everything past NAME_CPS_MAX. Runs of blanks become one. Bytes that are no
 * UTF-8 become U+FFFD. Pure, no allocation; work is linear in the input.
 */
#pragma once
#include "base/span.h"

enum { NAME_CPS_MAX = 96, NAME_MARKS_MAX = 2, NAME_INITIALS_MAX = 2 };

struct name {
	uint32_t cps[NAME_CPS_MAX];
	unsigned n;
	bool cut;		/* something was left out at the end */
};

void name_clean(struct name *out, struct span utf8);
/* First letters or digits of the first and the last word, upper case; how
 * many (0..NAME_INITIALS_MAX). */
unsigned name_initials(uint32_t out[NAME_INITIALS_MAX],
		       const struct name *name);
