/* Which service the alias means, and what speaks against its caller. */
#include "core/join_policy.h"

static bool is_number(const char *alias)
{
	size_t n = 0;

	for (; alias[n]; n++)
		if (alias[n] < '0' || alias[n] > '9')
			return false;
	return n > 0;
}

void join_note_unknown(const struct join *j)
{
	guard_note_scan(j->c->guard, &j->facts, is_number(j->extension[0] ?
			j->extension : j->alias) ? GUARD_SCAN_NUMBER :
			GUARD_SCAN_ALIAS, j->c->now_ns);
}

/* Who is refused for what he did before is not counted anew: his time is not
 * to grow by being refused. */
static void ask_guard(struct join *j, bool known)
{
	struct core *c = j->c;

	j->facts.room_is_real = j->conf != 0;
	/* A call by a rule, or a room that only policy knows. */
	j->facts.room_is_made = j->conf < 0;
	j->facts.room = j->conf ? defence_room_key(c, j->conf) :
			guard_room_key(c->guard, span_str(j->alias));
	join_note(j, !j->conf ? "no such service" : j->by_policy ?
		  "service by policy" : j->conf < 0 ? "service by a rule" :
		  "service", j->conf ? span_str(j->sv.name) : SPAN_NONE);
	if (guard_check_access(c->guard, &j->facts, c->now_ns) !=
	    GUARD_PASS) {
		join_note(j, "guard refuses", SPAN_NONE);
		j->refused = true;
		return;
	}
	if (guard_agent_is_scanner(span_str(j->agent)))
		guard_note_scan(c->guard, &j->facts, GUARD_SCAN_AGENT,
				c->now_ns);
	if (!known)
		join_note_unknown(j);
}

enum join_event join_service_find(struct join *j)
{
	const struct store_row *row;

	if (!join_policy_looks_up(j))
		return JE_NEXT;
	row = conf_of_alias(j->c, span_str(j->alias));
	if (row) {
		service_of_conf(j->c, row, &j->sv);
		j->conf = j->sv.id;
	}
	return join_gateway_find(j);
}

/* Settings that let nobody in lead nowhere: from here on as an alias that is
 * not there, but no sign of a scanner. */
static void drop_unusable(struct join *j, const struct pins *pins)
{
	if (access_room_kind(&pins->cfg) == ACCESS_ROOM_INVALID)
		j->conf = 0;
}

enum join_event join_prove_step(struct join *j)
{
	bool known;
	struct pins pins;

	join_policy_service(j);
	if (j->redirect[0] && guard_check_access(j->c->guard, &j->facts,
						 j->c->now_ns) == GUARD_PASS)
		return join_answer(j, CV__JOIN_OUTCOME__JOIN_REJECTED);
	known = j->conf && join_refresh(j);
	if (!known)
		j->conf = 0;
	if (pins_open(j, &pins) < 0)
		j->conf = 0;
	drop_unusable(j, &pins);
	join_prove(j, j->conf, join_pin_version(j->c, &pins.cfg));
	pins_release(&pins);
	ask_guard(j, known);
	return JE_NEXT;
}
