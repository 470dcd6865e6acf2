/* core/rooms/t/room_kit.h - a room with people for tests. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/err.h"
#include "core/rooms/room.h"

#define S UINT64_C(1000000000)

struct kit {
	struct room *r;
	struct room_out out;
	uint64_t now, next_id;
	uint32_t legs;
};

static inline struct room_cfg kit_cfg(bool host_pin)
{
	return (struct room_cfg){.has_host_pin = host_pin,
				 .participant_limit = UINT32_MAX,
				 .guests_can_present = true,
				 .chat_enabled = true, .waiting_s = 900,
				 .guests_only_s = 60, .view = "1:7"};
}

static inline void kit_init(struct kit *k, const struct room_cfg *cfg)
{
	*k = (struct kit){.now = S, .next_id = 100};
	assert_int_equal(room_new(&k->r, 7, 1, cfg), 0);
}

static inline void kit_release(struct kit *k)
{
	room_out_release(&k->out);
	room_free(&k->r);
}

/* What the last call said is looked at before this. */
static inline void kit_next(struct kit *k)
{
	k->out.n = 0;
	room_sweep(k->r);
	assert_null(room_broken(k->r));
}

static inline struct part *kit_try_enter(struct kit *k, const char *name,
					 bool host, int want)
{
	struct room_join j = {.id = k->next_id++, .name = span_str(name),
			      .alias = SPAN_LIT("demo"), .host = host,
			      .direct_chat = true};
	struct part *p = NULL;

	kit_next(k);
	snprintf(j.uuid, sizeof(j.uuid),
		 "00000000-0000-4000-8000-%012u", (unsigned)j.id);
	assert_int_equal(room_enter(k->r, &j, k->now, 5, &k->out, &p), want);
	return p;
}

static inline struct part *kit_enter(struct kit *k, const char *name,
				     bool host)
{
	return kit_try_enter(k, name, host, 0);
}

/* A call up to secure media. */
static inline void kit_call(struct kit *k, struct part *p)
{
	char call[UUID_TEXT_LEN + 1];

	kit_next(k);
	snprintf(call, sizeof(call), "10000000-0000-4000-8000-%012u",
		 (unsigned)p->id);
	assert_int_equal(room_leg_opening(k->r, p, 1000 + ++k->legs, call,
					  true, &k->out), 0);
	assert_int_equal(room_leg_open(k->r, p, 16, 0, k->now, &k->out), 0);
	assert_int_equal(room_leg_secure(k->r, p, true, k->now, &k->out), 0);
}

static inline struct part *kit_host(struct kit *k, const char *name)
{
	struct part *p = kit_enter(k, name, true);

	kit_call(k, p);
	return p;
}

static inline enum room_result kit_do(struct kit *k, struct part *actor,
				      enum room_op op, struct part *target,
				      const char *text)
{
	const struct room_cmd c = {
		.op = op, .actor = actor,
		.target = target ? span_str(target->uuid) : SPAN_NONE,
		.text = span_str(text), .type = SPAN_LIT("text/plain"),
		.setting = true};

	kit_next(k);
	return room_command(k->r, &c, k->now, 5, &k->out);
}

static inline const struct room_act *kit_said(const struct kit *k,
					      enum room_act_kind kind,
					      const struct part *p)
{
	for (uint32_t i = 0; i < k->out.n; i++)
		if (k->out.acts[i].kind == kind && k->out.acts[i].part == p)
			return &k->out.acts[i];
	return NULL;
}

static inline unsigned kit_count(const struct kit *k, enum room_act_kind kind)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < k->out.n; i++)
		n += k->out.acts[i].kind == kind;
	return n;
}
