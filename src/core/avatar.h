/* core/avatar.h - pictures of participants, from the policy server.
 *
 * A picture is asked for once in a participant's life, by the first who wants
 * to see it; whoever else asks meanwhile waits for the same answer. "None"
 * is remembered as long; a server that failed is asked again after
 * AVATAR_AGAIN_S. The profile is that of the participant's own location.
 *
 * A picture was looked at by courier: a JPEG of AVATAR_SIDE pixels each way.
 * Here it is bytes. core's main thread only.
 */
#pragma once
#include "core/core.h"

enum {
	AVATAR_SIDE = 100,		/* pixels */
	AVATAR_WAITERS_MAX = 16,	/* requests for one picture */
	AVATAR_AGAIN_S = 60,
	AVATAR_CACHE_MAX = 16 << 20,	/* bytes of all; others are not kept */
};

/* Answers web, perhaps later: 404 for a stranger to `viewer`, too. */
void avatar_command(struct web *w, const struct member *viewer,
		    const Cv__Command *m);
/* The participant goes: who waits for his picture is told. */
void avatar_forget(struct member *mb);
