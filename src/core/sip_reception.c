/* A caller by SIP at a reception: what he types is called for him. */
#include "core/reception.h"
#include "core/sip_int.h"

bool sip_reception_again(struct sip_call *call, Cv__JoinOutcome outcome)
{
	if (!call->reception || call->alias_tries >= RECEPTION_TRIES ||
	    (outcome != CV__JOIN_OUTCOME__JOIN_NOT_FOUND &&
	     outcome != CV__JOIN_OUTCOME__JOIN_REJECTED))
		return false;
	call->asks_alias = call->last_was_wrong = true;
	return true;
}

/* Something that fits no pattern counts like an alias that is not there. */
void sip_reception_enter(struct sip_call *call, struct span entered)
{
	char target[ALIAS_MAX + 1];

	call->alias_tries++;
	call->asks_alias = false;
	call->by_reception = true;
	if (reception_target(call->reception, entered, target,
			     sizeof(target)) == 0) {
		memcpy(call->alias, target, sizeof(call->alias));
		sip_call_join(call, span_str(target), span_str(target));
		return;
	}
	call->outcome = CV__JOIN_OUTCOME__JOIN_NOT_FOUND;
	sip_call_fire(call, sip_reception_again(call, call->outcome) ?
		      SCE_ASK : SCE_REFUSED);
}
