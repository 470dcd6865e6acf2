#include "core/automatic.h"

#include "base/alloc.h"
#include "core/core.h"
#include "core/sip_dial.h"

#define LOG "automatic"

/* Ids of rules end long before; the toll guard counts each row by its own. */
#define OWN_RULE (INT64_C(1) << 60)
#define OWN_CALLER (UINT64_C(3) << 60)

/* What routing=manual means, as a rule. */
static void own_rule(const struct store_row *row, struct rule *out)
{
	*out = RULE_DEFAULT;
	out->id = OWN_RULE | store_row_id(row);
	out->called_device_type = RULE_EXTERNAL;
	out->outgoing_location = store_is_null(row,
		AUTOMATIC_PARTICIPANT_SYSTEM_LOCATION) ? 0 :
		store_int(row, AUTOMATIC_PARTICIPANT_SYSTEM_LOCATION);
	out->max_calls_per_hour = AUTOMATIC_CALLS_PER_HOUR;
	out->max_minutes_per_hour = AUTOMATIC_MINUTES_PER_HOUR;
}

static enum part_keeps keeps_of(const struct store_row *row)
{
	static const enum part_keeps of[] = {
		[SV_ALIVE_YES] = KEEPS_ALWAYS,
		[SV_ALIVE_IF_MULTIPLE] = KEEPS_IF_MULTIPLE,
		[SV_ALIVE_NEVER] = KEEPS_NEVER};
	const int64_t v = store_int(row,
				    AUTOMATIC_PARTICIPANT_KEEP_CONFERENCE_ALIVE);

	return of[v % 3];
}

/* Why not is in the audit log. */
static void placed(struct core *c, uint64_t who, const char *why,
		   unsigned calls)
{
	(void)c;
	(void)calls;
	if (why)
		log_warn(LOG, "not called", LOG_U("row", who),
			 LOG_S("reason", why));
}

static void dial(struct meeting *m, const struct store_row *row)
{
	static const uint8_t ours[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0,
					 1};
	const uint64_t id = (uint64_t)store_row_id(row);
	struct rule rule;
	struct sip_invite_ask ask = {
		.conf = m->conf,
		.target = store_text(row, AUTOMATIC_PARTICIPANT_ALIAS),
		.host = store_int(row, AUTOMATIC_PARTICIPANT_ROLE) ==
			SV_ADP_CHAIR,
		.ip = ours, .known_as = OWN_CALLER | id,
		.automatic = store_row_id(row), .keeps = keeps_of(row),
		.call_type = (uint32_t)store_int(row,
			AUTOMATIC_PARTICIPANT_CALL_TYPE),
		.keys = store_text(row, AUTOMATIC_PARTICIPANT_DTMF_SEQUENCE),
		.name = store_text(row,
			AUTOMATIC_PARTICIPANT_REMOTE_DISPLAY_NAME)};

	if (store_int(row, AUTOMATIC_PARTICIPANT_ROUTING) == SV_ADP_MANUAL) {
		own_rule(row, &rule);
		ask.rule = &rule;
	}
	sip_invite_out(m->c, &ask, id, placed);
}

static bool names(const struct store_row *row, int64_t conf)
{
	struct span list = store_text(row, AUTOMATIC_PARTICIPANT_CONFERENCE);
	int64_t id;

	while (schema_ref_next(&list, &id) == 1)
		if (id == conf)
			return true;
	return false;
}

static void find(struct meeting *m)
{
	struct store *st = m->c->store;
	struct automatic *a = &m->automatic;
	const struct store_row *row;

	for (int64_t id = 0;
	     (row = store_next(st, RES_AUTOMATIC_PARTICIPANT, id));
	     id = store_row_id(row)) {
		if (!names(row, m->conf))
			continue;
		if (a->n == AUTOMATIC_MAX) {
			log_warn(LOG, "a room calls no more",
				 LOG_S("room", m->sv.name),
				 LOG_U("limit", AUTOMATIC_MAX));
			return;
		}
		a->who[a->n++].row = store_row_id(row);
	}
}

/* Everybody who is neither here nor on his way, and may be called again. */
static void call_all(struct meeting *m)
{
	struct core *c = m->c;
	struct automatic *a = &m->automatic;
	bool again = false;

	for (size_t i = 0; i < a->n; i++) {
		const struct store_row *row;

		if (a->who[i].came || a->who[i].tries >= AUTOMATIC_TRIES)
			continue;
		again = true;
		row = store_get(c->store, RES_AUTOMATIC_PARTICIPANT,
				a->who[i].row);
		if (!row || sip_dial_is_out(c, m->conf, a->who[i].row))
			continue;
		a->who[i].tries++;
		dial(m, row);
	}
	if (again)
		timer_set(c->wheel, &a->again, c->now_ns +
			  AUTOMATIC_AGAIN_S * NS_PER_S);
}

static void on_again(struct timer *t, void *arg, uint64_t now_ns)
{
	struct meeting *m = arg;

	(void)t;
	(void)now_ns;
	core_turn(m->c);
	call_all(m);
}

void automatic_init(struct meeting *m)
{
	timer_init(&m->automatic.again, on_again, m);
}

void automatic_release(struct meeting *m)
{
	timer_cancel(&m->automatic.again);
}

void automatic_came(struct meeting *m, int64_t row)
{
	for (size_t i = 0; i < m->automatic.n; i++)
		if (m->automatic.who[i].row == row)
			m->automatic.who[i].came = true;
}

static bool has_somebody_inside(const struct meeting *m)
{
	for (uint32_t i = 0; i < m->room->n_parts; i++)
		if (m->room->parts[i]->state == PART_INSIDE)
			return true;
	return false;
}

bool automatic_look(struct meeting *m)
{
	struct automatic *a = &m->automatic;

	if (m->conf <= 0 || m->over)
		return false;
	if (!a->is_begun) {
		if (!has_somebody_inside(m))
			return false;
		a->is_begun = true;
		find(m);
		call_all(m);
		return false;
	}
	if (!a->n || !m->room->n_parts || room_is_kept(m->room))
		return false;
	(void)room_end(m->room, EXIT_NOBODY, m->c->now_ns, &m->c->out);
	core_acts(m, NULL);
	return true;
}
