#include "core/routing/route_text.h"

#include "base/err.h"

void route_say_rule(struct wr *w, enum route_why why,
		    const struct regex_match *groups)
{
	wr_str(w, route_why_text(why));
	if (!groups || groups->n < 2)
		return;
	wr_str(w, " (");
	for (unsigned i = 1; i < groups->n; i++) {
		if (i > 1)
			wr_str(w, ", ");
		wr_dec(w, i);
		wr_str(w, " = ");
		if (groups->group[i].p)
			wr_span(w, groups->group[i]);
		else
			wr_str(w, "nothing");
	}
	wr_u8(w, ')');
}

static void say_rule_name(struct wr *w, const struct rule *r)
{
	wr_str(w, "rule ");
	wr_dec(w, (uint64_t)r->id);
	wr_str(w, " \"");
	wr_span(w, r->name);
	wr_u8(w, '"');
}

static void say_how(struct wr *w, const struct rule *r)
{
	wr_str(w, " (");
	wr_str(w, rule_target_name(r->called_device_type));
	if (rule_is_external(r)) {
		wr_str(w, ", ");
		wr_str(w, rule_protocol_name(r->outgoing_protocol));
	}
	if (r->treat_as_trusted)
		wr_str(w, ", trusted");
	wr_u8(w, ')');
}

void route_say_result(struct wr *w, const struct route_result *r)
{
	switch (r->kind) {
	case ROUTE_NOTHING:
		wr_str(w, "nothing: unknown alias");
		break;
	case ROUTE_SERVICE:
		wr_str(w, "service ");
		wr_dec(w, (uint64_t)r->service);
		break;
	case ROUTE_RULE:
		say_rule_name(w, r->rule);
		wr_str(w, " calls ");
		wr_str(w, r->target);
		say_how(w, r->rule);
		break;
	case ROUTE_LOOP:
		wr_str(w, "refused: the call goes in circles");
		break;
	case ROUTE_ERROR:
		wr_str(w, "refused");
		if (r->rule) {
			wr_str(w, " by ");
			say_rule_name(w, r->rule);
		}
		wr_str(w, ": ");
		wr_str(w, err_text(r->error));
		break;
	}
}
