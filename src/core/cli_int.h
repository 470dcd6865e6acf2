/* core/cli_int.h - what the files of conclave(1)'s verbs share. */
#pragma once
#include "core/core.h"

enum { ROW_FIELDS_MAX = 72, ROWS_PER_REPLY = 32, FIELD_TEXT_MAX = 1280 };

struct client {
	struct core *c;
	struct ipc_ev *ev;
	uint32_t slot, gen;
	uint32_t uid;
};

/* One reply of several rows; sent when full and at the end. Where the answer
 * comes later, a new one is made then, for the client's id. */
struct answer {
	struct core *c;
	uint64_t client;		/* finds him if he is still there */
	uint32_t uid;
	Cv__CliReply reply;
	Cv__CliRow rows[ROWS_PER_REPLY];
	Cv__CliRow *row_list[ROWS_PER_REPLY];
	Cv__CliField fields[ROWS_PER_REPLY][ROW_FIELDS_MAX];
	Cv__CliField *field_list[ROWS_PER_REPLY][ROW_FIELDS_MAX];
	char text[ROWS_PER_REPLY][ROW_FIELDS_MAX][FIELD_TEXT_MAX];
};

/* Rows and their fields, in order; text is cut at FIELD_TEXT_MAX. */
void answer_start(struct answer *a);
void answer_row(struct answer *a);
void answer_field(struct answer *a, const char *name, struct span value);
void answer_number(struct answer *a, const char *name, uint64_t v);
void answer_flag(struct answer *a, const char *name, bool v);
/* The last words. `message` names the field, the rule and the place. */
void answer_end(struct answer *a, int error, const char *message);

/* A field of the request; SPAN_NONE when it is not there. */
struct span cli_asked(const Cv__CliRequest *rq, const char *name);
/* Audit: this account did it. */
void cli_note(struct core *c, uint32_t uid, const char *action,
	      struct span object);

/* --- cli_guard.c ------------------------------------------------------------ */

/* The verbs alarms, guard and invite; false: none of them. */
bool cli_guard_verb(struct answer *a, const Cv__CliRequest *rq);

/* --- cli_load.c ------------------------------------------------------------- */

/* How full faces and media are and what they refused: fields of `status`. */
void cli_load_fields(struct answer *a);

/* --- cli_route.c ------------------------------------------------------------ */

/* The verb route; false: another one. The answer may come later. */
bool cli_route_verb(struct answer *a, const Cv__CliRequest *rq);

/* --- cli_policy.c ----------------------------------------------------------- */

/* The verb policy; false: another one. The answer may come later. */
bool cli_policy_verb(struct answer *a, const Cv__CliRequest *rq);

/* --- cli_sip.c -------------------------------------------------------------- */

/* The verb sip, and show registration; false: another one. */
bool cli_sip_verb(struct answer *a, const Cv__CliRequest *rq);

/* --- cli_trace.c ------------------------------------------------------------ */

/* The verb trace; false: another one. The answer may come later. */
bool cli_trace_verb(struct answer *a, const Cv__CliRequest *rq);

/* --- cli_doctor.c ----------------------------------------------------------- */

/* The verb doctor; false: another one. The answer may come later. */
bool cli_doctor_verb(struct answer *a, const Cv__CliRequest *rq);
