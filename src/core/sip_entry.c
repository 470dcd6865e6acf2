/* The PIN as it is typed: '#' ends it, '*' clears it, a pause after a digit
 * ends it, too. How long a room's PIN is must not be heard, so nothing ends
 * it by its length. */
#include "core/sip_int.h"

enum { STAR = 10, HASH = 11 };

static void on_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct sip_call *call = arg;

	(void)t;
	(void)now_ns;
	core_turn(call->c);
	call->was_late = true;
	sip_call_fire(call, SCE_LATE);
}

static void on_pause(struct timer *t, void *arg, uint64_t now_ns)
{
	struct sip_call *call = arg;

	(void)t;
	(void)now_ns;
	core_turn(call->c);
	if (call->state == SIP_CALL_ENTRY)
		sip_call_fire(call, SCE_ENTERED);
}

void sip_entry_end(struct sip_call *call)
{
	timer_cancel(&call->late);
	timer_cancel(&call->digit);
	secret_wipe(call->digits, sizeof(call->digits));
	call->n_digits = 0;
}

static enum lobby_word question(const struct sip_call *call)
{
	if (call->asks_alias)
		return call->last_was_wrong ? LOBBY_ALIAS_WRONG :
			LOBBY_ALIAS_ENTRY;
	if (call->may_hash)
		return call->last_was_wrong ? LOBBY_PIN_WRONG_OR_HASH :
			LOBBY_PIN_OR_HASH;
	return call->last_was_wrong ? LOBBY_PIN_WRONG : LOBBY_PIN_ENTRY;
}

void sip_entry_begin(struct sip_call *call)
{
	struct core *c = call->c;
	const uint64_t wait_s = (uint64_t)store_global(c->store,
						GLOBAL_PIN_ENTRY_TIMEOUT);

	sip_entry_end(call);
	timer_set(c->wheel, &call->late, c->now_ns + wait_s * NS_PER_S);
	(void)lobby_tell(call, question(call));
}

void sip_entry_digit(struct sip_call *call, uint32_t digit)
{
	struct core *c = call->c;
	struct member *mb = call->member ?
		handles_get(c->members, call->member) : NULL;

	/* In a gateway call the keys are no commands of ours. */
	if (call->state == SIP_CALL_IN && mb && mb->p->state == PART_INSIDE) {
		if (mb->m->sv.gateway)
			sip_keys_pass(call, mb, digit);
		else
			sip_keys_press(call, mb, digit);
		return;
	}
	if (call->state != SIP_CALL_ENTRY || digit > HASH)
		return;
	if (digit == HASH) {
		sip_call_fire(call, SCE_ENTERED);
		return;
	}
	timer_cancel(&call->digit);
	if (digit == STAR) {
		secret_wipe(call->digits, sizeof(call->digits));
		call->n_digits = 0;
		return;
	}
	/* Too long to be a PIN stays so. */
	if (call->n_digits < SIP_DIGITS_MAX)
		call->digits[call->n_digits++] = (char)('0' + digit);
	call->digits[call->n_digits] = 0;
	timer_set(c->wheel, &call->digit,
		  c->now_ns + SIP_DIGIT_WAIT_S * NS_PER_S);
}

static void on_ask_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct sip_call *call = arg;

	(void)t;
	(void)now_ns;
	core_turn(call->c);
	sip_ask_late(call);
}

void sip_call_init_timers(struct sip_call *call)
{
	timer_init(&call->late, on_late, call);
	timer_init(&call->digit, on_pause, call);
	timer_init(&call->ask_late, on_ask_late, call);
}
