/* Random events on a room. After each the invariants hold, and one more that
 * needs both sides of the event: a guest gets inside only when the meeting
 * has started and is not locked, or when a host lets him in. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/rooms/room.h"

enum { PEOPLE = 12, STEPS_MAX = 4096 };
#define S UINT64_C(1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct before {
	struct part *p;
	enum part_state state;
};

struct fuzz {
	struct room *r;
	struct room_out out;
	uint64_t now, next_id, next_leg;
	bool may_admit;
};

static void broken(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

static struct part *pick(struct fuzz *f, uint8_t b)
{
	return f->r->n_parts ? f->r->parts[b % f->r->n_parts] : NULL;
}

static void enter(struct fuzz *f, uint8_t b)
{
	struct room_join j = {.id = ++f->next_id, .host = b & 1,
			      .direct_chat = b & 2,
			      .name = SPAN_LIT("name")};
	struct part *p;

	if (f->r->n_parts >= PEOPLE)
		return;
	snprintf(j.uuid, sizeof(j.uuid), "00000000-0000-4000-8000-%012u",
		 (unsigned)j.id);
	(void)room_enter(f->r, &j, f->now, 1, &f->out, &p);
}

static void call(struct fuzz *f, struct part *p, uint8_t what)
{
	static const char uuid[] = "10000000-0000-4000-8000-000000000001";

	switch (what % 5) {
	case 0:
		(void)room_leg_opening(f->r, p, ++f->next_leg, uuid, true,
				       &f->out);
		break;
	case 1:
		if (p->leg.phase >= LEG_OPENING)
			(void)room_leg_open(f->r, p, 16, 0, f->now, &f->out);
		break;
	case 2:
		if (p->leg.phase >= LEG_OPEN)
			(void)room_leg_secure(f->r, p, what & 8, f->now,
					      &f->out);
		break;
	default:
		(void)room_leg_gone(f->r, p, what & 8, f->now, &f->out);
		break;
	}
}

static void command(struct fuzz *f, struct part *actor, uint8_t op, uint8_t b)
{
	static const char *const texts[] = {"chair", "guest", "4:0", "1:7",
					    "hello", ""};
	struct part *t = pick(f, b);
	const struct room_cmd c = {
		.op = (enum room_op)(op % (RC_COUNT + 1)), .actor = actor,
		.target = b & 0x80 ? SPAN_NONE : span_str(t->uuid),
		.text = span_str(texts[b % 6]), .type = SPAN_LIT("text/plain"),
		.setting = b & 0x40};

	f->may_admit = (c.op == RC_P_ADMIT || c.op == RC_P_ROLE) &&
		       actor->host && actor->state == PART_INSIDE;
	(void)room_command(f->r, &c, f->now, 1, &f->out);
}

static void configure(struct fuzz *f, uint8_t b)
{
	struct room_cfg cfg = f->r->cfg;

	cfg.guests_can_present = b & 1;
	(void)room_configure(f->r, &cfg, f->now, &f->out);
}

static void slides(struct fuzz *f, struct part *p, uint8_t b)
{
	const struct part_slides s = {.has = b & 1, .sends = b & 2};

	(void)room_leg_slides(f->r, p, &s, &f->out);
}

static void step(struct fuzz *f, uint8_t op, uint8_t a, uint8_t b)
{
	struct part *p = pick(f, a);

	f->may_admit = false;
	f->now += 1 + (uint64_t)(b & 7) * S;
	if (op < 40 || !p)
		enter(f, a);
	else if (op < 100)
		call(f, p, b);
	else if (op < 120)
		(void)room_leave(f->r, p, (enum room_exit)(b % EXIT_COUNT),
				 f->now, &f->out);
	else if (op < 122)
		(void)room_end(f->r, EXIT_ADMIN_ALL, f->now, &f->out);
	else if (op < 130)
		(void)room_return(f->r, p, &f->out);
	else if (op < 134)
		f->now += (uint64_t)b * 5 * S;
	else if (op < 137)
		configure(f, b);
	else if (op < 140)
		slides(f, p, b);
	else
		command(f, p, op, b);
}

static void check(struct fuzz *f, const struct before *was, uint32_t n)
{
	const bool open = f->r->started && !f->r->locked;
	const char *why;

	for (uint32_t i = 0; i < n; i++)
		if (was[i].state != PART_INSIDE &&
		    was[i].p->state == PART_INSIDE && !was[i].p->host &&
		    !open && !f->may_admit)
			broken("a guest inside before he may");
	for (uint32_t i = 0; i < f->out.n; i++)
		if (f->out.acts[i].kind <= ACT_NONE ||
		    f->out.acts[i].kind >= ACT_COUNT)
			broken("an action of no kind");
	room_sweep(f->r);
	why = room_broken(f->r);
	if (why)
		broken(why);
	f->out.n = 0;
}

static void note(struct fuzz *f, struct before *was, uint32_t *n)
{
	*n = f->r->n_parts;
	for (uint32_t i = 0; i < *n; i++)
		was[i] = (struct before){f->r->parts[i],
					 f->r->parts[i]->state};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct room_cfg cfg = {.has_host_pin = n && (data[0] & 1),
			       .mute_all_guests = n && (data[0] & 2),
			       .last_s = n && (data[0] & 4) ? 60 : 0,
			       .guests_can_present = n && (data[0] & 8),
			       .participant_limit = UINT32_MAX,
			       .chat_enabled = true, .waiting_s = 900,
			       .guests_only_s = 60, .view = "1:7"};
	struct fuzz f = {.now = S};
	struct before was[PEOPLE + 1];
	uint32_t people;

	if (room_new(&f.r, 1, 1, &cfg) < 0)
		return 0;
	for (size_t i = 1; i + 2 < n && i < 3 * STEPS_MAX; i += 3) {
		note(&f, was, &people);
		step(&f, data[i], data[i + 1], data[i + 2]);
		check(&f, was, people);
		note(&f, was, &people);
		if (room_due_ns(f.r) <= f.now)
			(void)room_tick(f.r, f.now, &f.out);
		f.may_admit = false;
		check(&f, was, people);
	}
	room_out_release(&f.out);
	room_free(&f.r);
	return 0;
}
