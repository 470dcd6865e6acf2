#include "core/test_call.h"

#include "core/core.h"
#include "ipc/prompts.h"

void test_call_own(struct core *c, struct service *sv)
{
	char uuid[UUID_TEXT_LEN + 1];
	struct service own;

	uuid_make(uuid);
	service_of_name(c, span_str(uuid), &own);
	sv->id = own.id;
	sv->cfg.participant_limit = 1;
	sv->cfg.has_host_pin = sv->cfg.locked = false;
}

/* --- what he hears ---------------------------------------------------------- */

static bool play(struct meeting *m, uint64_t leg, const uint32_t *prompts,
		 size_t n)
{
	Cv__LegPlay p = CV__LEG_PLAY__INIT;
	uint32_t list[PROMPTS_AT_ONCE];

	for (size_t i = 0; i < n; i++)
		list[i] = prompts[i];
	p.leg = leg;
	p.epoch = ++m->test.epoch;
	p.prompts = list;
	p.n_prompts = n;
	p.times = 1;
	p.language = (uint32_t)store_global(m->c->store,
					    GLOBAL_PROMPT_LANGUAGE);
	return meeting_media(m) && ipc_send(meeting_media(m), LEG_PLAY, &p) ==
	       0;
}

static bool record(struct meeting *m, uint64_t leg)
{
	Cv__LegLoop l = CV__LEG_LOOP__INIT;

	l.leg = leg;
	l.epoch = ++m->test.epoch;
	l.record_ms = TEST_CALL_RECORD_MS;
	return meeting_media(m) && ipc_send(meeting_media(m), LEG_LOOP, &l) ==
	       0;
}

static bool act(struct meeting *m, uint64_t leg)
{
	static const uint32_t asks[] = {PROMPT_TEST_SPEAK, PROMPT_BEEP};
	const uint32_t tells[] = {m->test.heard_db < TEST_CALL_QUIET_DB ?
				  PROMPT_TEST_GOOD : PROMPT_TEST_SILENT,
				  PROMPT_GOODBYE};

	switch (m->test.state) {
	case TEST_CALL_ASKS:
		return play(m, leg, asks, 2);
	case TEST_CALL_RECORDS:
		return record(m, leg);
	case TEST_CALL_TELLS:
		return play(m, leg, tells, 2);
	default:
		return true;
	}
}

/* --- the machine ------------------------------------------------------------ */

static struct part *person(const struct meeting *m)
{
	for (uint32_t i = 0; i < m->room->n_parts; i++)
		if (m->room->parts[i]->state == PART_INSIDE)
			return m->room->parts[i];
	return NULL;
}

static void end(struct meeting *m)
{
	log_info("test_call", "test call finished", LOG_S("service", m->sv.name),
		 LOG_U("heard_db_below_full", m->test.heard_db),
		 LOG_U("packets", m->test.packets));
	(void)room_end(m->room, EXIT_TEST, m->c->now_ns, &m->c->out);
	core_acts(m, NULL);
}

/* True: the meeting is gone. */
static bool fire(struct meeting *m, enum test_call_event e)
{
	const int next = test_call_next(m->test.state, e);
	const struct part *p = person(m);

	if (next < 0 || m->over)
		return false;
	m->test.state = (enum test_call_state)next;
	if (next == TEST_CALL_OVER || (p && !act(m, p->leg.leg))) {
		m->test.state = TEST_CALL_OVER;
		end(m);
		return true;
	}
	return false;
}

static void on_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct meeting *m = arg;

	(void)t;
	(void)now_ns;
	core_turn(m->c);
	(void)fire(m, TEST_CALL_LATE);
}

bool test_call_look(struct meeting *m)
{
	const struct part *p = person(m);
	const bool is_up = p && p->leg.phase == LEG_SECURE;

	if (m->sv.kind != SERVICE_KIND_TEST || m->over ||
	    m->test.state == TEST_CALL_OVER)
		return false;
	/* From when somebody is there: who never calls is let go, too. */
	if (p && !timer_is_set(&m->test.late))
		timer_set(m->c->wheel, &m->test.late, m->c->now_ns +
			  TEST_CALL_LIFE_S * NS_PER_S);
	if (is_up && m->test.state == TEST_CALL_NONE)
		return fire(m, TEST_CALL_UP);
	if (!is_up && m->test.state != TEST_CALL_NONE)
		return fire(m, TEST_CALL_LOST);
	return false;
}

bool test_call_played(struct worker *wk, const Cv__LegPlayed *p)
{
	const struct member *mb = handles_get(wk->c->legs, p->leg);
	struct meeting *m = mb ? mb->m : NULL;

	if (!m || m->sv.kind != SERVICE_KIND_TEST || m->worker !=
	    (int)(wk - wk->c->workers))
		return false;
	if (p->epoch != m->test.epoch)
		return true;
	if (m->test.state == TEST_CALL_RECORDS) {
		m->test.heard_db = p->heard;
		m->test.packets = p->packets;
	}
	(void)fire(m, TEST_CALL_SAID);
	return true;
}

void test_call_init(struct meeting *m)
{
	timer_init(&m->test.late, on_late, m);
}

void test_call_release(struct meeting *m)
{
	timer_cancel(&m->test.late);
}
