/* Alarms: raised and lowered by whoever knows; told once, to the log and to
 * the audit log, when they come and when they go. */
#include <stdio.h>

#include "core/certificate.h"
#include "core/core.h"
#include "core/policies.h"

#include "base/alloc.h"

static void tell(struct core *c, const char *action, enum alarm_name name,
		 struct span instance, struct span details)
{
	const bool by_strangers = name == ALARM_SCANNER_BLOCKED ||
		name == ALARM_SERVICE_QUARANTINED || name == ALARM_ROTATE_PIN;
	const struct audit_event ev = {
		.who = SPAN_LIT("core"), .action = action,
		.source = name == ALARM_SCANNER_BLOCKED ? instance :
			SPAN_LIT("local"),
		.object = span_str(alarm_text(name)), .outcome = AUDIT_OK,
		.detail = instance.n ? instance : details,
		.kind = by_strangers ? AUDIT_BAN : AUDIT_PLAIN};

	audit_put(c, &ev);
}

void alert_on(struct core *c, enum alarm_name name, struct span instance,
	      struct span details)
{
	if (alarm_raise(c->alarms, name, instance, details,
			clock_wall_us()) != 1)
		return;
	log_warn("alarm", "raised", LOG_S("name", alarm_text(name)),
		 LOG_T("instance", instance), LOG_T("details", details));
	tell(c, "alarm.raised", name, instance, details);
}

void alert_off(struct core *c, enum alarm_name name, struct span instance)
{
	if (alarm_lower(c->alarms, name, instance, clock_wall_us()) != 1)
		return;
	log_notice("alarm", "lowered", LOG_S("name", alarm_text(name)),
		   LOG_T("instance", instance));
	tell(c, "alarm.lowered", name, instance, SPAN_NONE);
}

void alert_set(struct core *c, enum alarm_name name, bool on,
	       const char *details)
{
	if (on)
		alert_on(c, name, SPAN_LIT(""), span_str(details));
	else
		alert_off(c, name, SPAN_LIT(""));
}

/* --- weak settings ---------------------------------------------------------- */

struct found {
	struct insecure rows[INSECURE_MAX];
};

static void raise_row(struct core *c, const struct store_row *row)
{
	const struct schema_resource *r =
		schema_resource(store_row_resource(row));
	struct found *f = mem_alloc(sizeof(*f));
	size_t n = f ? insecure_row(r, store_value(row, 0), f->rows) : 0;

	for (size_t i = 0; i < n; i++)
		alert_on(c, f->rows[i].name, span_str(f->rows[i].instance),
			 span_str(f->rows[i].details));
	mem_free(f);
}

static bool still(const struct found *f, size_t n, const struct alarm *a)
{
	for (size_t i = 0; i < n; i++)
		if (f->rows[i].name == a->name &&
		    strcmp(f->rows[i].instance, a->instance) == 0)
			return true;
	return false;
}

/* Lowers what the row no longer deserves; what stays is not told twice. */
static void lower_row(struct core *c, const struct store_row *was,
		      const struct store_row *now)
{
	static const enum alarm_name names[] = {
		ALARM_INSECURE_SETTING, ALARM_ROOM_WITHOUT_PIN,
		ALARM_RULE_OPEN_TO_OUTSIDE};
	const struct schema_resource *r =
		schema_resource(store_row_resource(was));
	struct found *f = mem_alloc(sizeof(*f));
	char text[ALARM_INSTANCE_MAX];
	const struct span prefix = insecure_prefix(r, store_row_id(was), text);
	size_t n = f && now ? insecure_row(r, store_value(now, 0), f->rows) :
		   0;
	const struct alarm *a;
	uint64_t after = 0;

	while ((a = alarm_next(c->alarms, after))) {
		bool ours = false;

		after = a->id;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			ours |= a->name == names[i];
		if (ours && span_starts(span_str(a->instance), prefix) &&
		    !still(f, n, a))
			alert_off(c, a->name, span_str(a->instance));
	}
	mem_free(f);
}

void alert_row(struct core *c, const struct store_row *was,
	       const struct store_row *now)
{
	if (was)
		lower_row(c, was, now);
	if (now)
		raise_row(c, now);
}

void alert_all_rows(struct core *c)
{
	for (int res = RES_NONE + 1; res < RES_COUNT; res++) {
		const struct store_row *row;
		int64_t id = 0;

		while ((row = store_next(c->store,
					 (enum schema_resource_id)res, id))) {
			id = store_row_id(row);
			raise_row(c, row);
		}
	}
}

/* --- what is looked at once a second -------------------------------------------- */

void alert_role(struct core *c, uint32_t role, uint32_t instance, bool up)
{
	char text[48];

	(void)snprintf(text, sizeof(text), "%s/%u", role < ROLE_COUNT ?
		       ipc_role_name((enum ipc_role)role) : "?", instance);
	if (up)
		alert_off(c, ALARM_CONNECTIVITY_LOST, span_str(text));
	else
		alert_on(c, ALARM_CONNECTIVITY_LOST, span_str(text),
			 SPAN_LIT("died; it is started again"));
}

static void pulse(struct core *c)
{
	const enum pulse_what w = pulse_feed(&c->pulse, c->now_ns,
					     clock_wall_us());
	char text[64] = "";

	if (w == PULSE_LEAPT)
		(void)snprintf(text, sizeof(text), "the clock leapt by %lld s",
			       (long long)c->pulse.leap_s);
	else if (w == PULSE_STOPPED)
		(void)snprintf(text, sizeof(text), "stood still for %u s",
			       c->pulse.stop_s);
	if (w != PULSE_FINE)
		alert_on(c, ALARM_IRREGULAR_PULSE, SPAN_LIT(""),
			 span_str(text));
	else if (!pulse_is_irregular(&c->pulse, c->now_ns))
		alert_off(c, ALARM_IRREGULAR_PULSE, SPAN_LIT(""));
}

void alert_tick(struct core *c)
{
	struct audit_stats audit;

	pulse(c);
	policies_tick(c);
	certificate_tick(c);
	audit_stats(c->audit, &audit);
	alert_set(c, ALARM_AUDIT_FULL, audit.is_disk_full,
		  "free some disk space");
	alert_set(c, ALARM_CAPACITY_EXHAUSTED,
		  c->shed.level >= SHED_STRANGERS,
		  shed_signal_name(c->shed.cause));
}
