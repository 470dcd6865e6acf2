/* core/rooms/room_int.h - between room.c and command.c. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "core/rooms/room_table.h"

/* One call into the machine. */
struct ctx {
	struct room *r;
	struct room_out *out;
	uint64_t now_ns;
	int64_t wall_us;
	enum room_exit why;		/* for RD_FINISH */
	bool plan, status, save;	/* said once, at the end */
	struct room_act nowhere;	/* takes what found no space */
};

struct room_op_row {
	const char *name;
	unsigned who;			/* enum room_who */
	enum room_result (*run)(struct ctx *c, const struct room_cmd *cmd,
				struct part *target);
};

/* Reserves what one call may say. E_NOMEM. */
int  room_begin(struct ctx *c, struct room *r, uint64_t now_ns,
		struct room_out *out);
/* Settles the tables, says what is said once. */
void room_finish(struct ctx *c);
void room_emit(struct ctx *c, enum room_act_kind kind, struct part *p);
void room_emit_row(struct ctx *c, enum room_act_kind kind, enum room_aud aud,
		   struct part *p);
void room_emit_audit(struct ctx *c, const char *action, struct part *who,
		     struct part *target);
void room_emit_floor(struct ctx *c, struct part *now, struct part *before);
/* His row changed: tell and save. */
void part_changed(struct ctx *c, struct part *p);
void part_event(struct ctx *c, struct part *p, enum part_ev ev);
/* Inside, with a call, and host or among guests who may present. */
bool floor_may_hold(const struct room *r, const struct part *p);
/* Something happened to `p` that may free the floor. */
void floor_check(struct ctx *c, struct part *p);
enum room_result floor_take(struct ctx *c, struct part *p);
enum room_result floor_release(struct ctx *c, struct part *p);
void part_leave(struct ctx *c, struct part *p, enum room_exit why);
void room_start(struct ctx *c);
bool room_fire(struct ctx *c, enum room_ev ev);
const struct room_op_row *room_op_row(enum room_op op);
