/* core/policy_wire.h - courier's answer, as policy/result.h wants it. */
#pragma once
#include "core/policy/result.h"
#include "courier.pb-c.h"

/* Always sets out->event. `r` NULL: nobody answered. A 404 is "no opinion"
 * (ANSWER_CONTINUE); any other status, error or a tree that is none has
 * failed, and out->why says in a word how. Everything is copied into
 * rd->arena, so `out` outlives the message. Not for avatars. */
void policy_wire_read(struct policy_answer *out, enum policy_kind kind,
		      const Cv__HttpResult *r, const struct policy_reader *rd);
/* The same for an avatar, whose size courier has looked at: ANSWER with *jpeg
 * (which points into the message), CONTINUE, or FAILED. Here nothing is read
 * of a picture but its first bytes. */
enum { POLICY_AVATAR_BYTES_MAX = 65536 };
enum policy_event policy_wire_avatar(const Cv__HttpResult *r,
				     struct span *jpeg);
/* What went wrong on the way, for logs and the tester; never NULL. */
const char *policy_wire_error_text(Cv__HttpError e);
