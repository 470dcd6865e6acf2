/* A reception: whom to call is asked for, and the join begins anew with what
 * was entered, on the way of somebody who dialled it himself. */
#include "core/join_policy.h"
#include "core/reception.h"
#include "core/sip.h"

/* What policy and the rules said of the reception is not of what follows. */
static int begin_anew(struct join *j, const char *target)
{
	char alias[ALIAS_MAX + 1];
	int r = alias_normalise(alias, span_str(target));

	if (r < 0)
		return r;
	join_policy_free(j);
	memcpy(j->path, j->alias, sizeof(j->path));
	memcpy(j->alias, alias, sizeof(j->alias));
	(void)span_cstr(span_str(target), j->dialled, sizeof(j->dialled));
	j->extension[0] = 0;
	j->by_reception = true;
	j->by_policy = false;
	j->conf = 0;
	j->sv = (struct service){.id = 0};
	j->turn = GUARD_WAIT;
	return 0;
}

static enum join_event ask(const struct join *j)
{
	if (j->way == JOIN_BY_WEB)
		return join_answer(j,
			CV__JOIN_OUTCOME__JOIN_EXTENSION_REQUIRED);
	sip_join_reception(j);
	return JE_OVER;
}

/* What is not recognised is one sign of somebody who tries them all. */
enum join_event join_reception(struct join *j)
{
	char target[ALIAS_MAX + 1];

	/* Not from one reception to the next. */
	if (j->by_reception)
		return join_answer(j, CV__JOIN_OUTCOME__JOIN_NOT_FOUND);
	if (!j->extension[0])
		return ask(j);
	if (reception_target(&j->sv, span_str(j->extension), target,
			     sizeof(target)) == 0 &&
	    begin_anew(j, target) == 0)
		return JE_AGAIN;
	join_note_unknown(j);
	return join_answer(j, CV__JOIN_OUTCOME__JOIN_NOT_FOUND);
}
