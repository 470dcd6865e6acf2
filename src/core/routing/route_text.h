/* core/routing/route_text.h - the tester's words. Pure; one line each, without
 * a newline; what does not fit is cut by `w` (the caller looks at w->failed).
 * Aliases and rules' texts are written as they are: whoever prints escapes. */
#pragma once
#include "base/wr.h"
#include "core/routing/route.h"

/* "matches (1 = 4711, 2 = example.com)" or why it does not. */
void route_say_rule(struct wr *w, enum route_why why,
		    const struct regex_match *groups);
/* "rule 40 \"Gateway\" calls 4711 (registration)", "service 12", "nothing:
 * unknown alias", ... */
void route_say_result(struct wr *w, const struct route_result *r);
