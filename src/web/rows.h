/* web/rows.h - core's answers and events as the client API's JSON.
 *
 * The mixed typing (YES/NO strings beside booleans, On/Off, ALLOW/DENY, times
 * in seconds with a fraction) is the client API's and must stay: see
 * docs/client-api-notes.md. Pure but for the buffer's memory.
 */
#pragma once
#include "ipc/web.pb-c.h"
#include "web/json/out.h"

enum { ROWS_EVENT_ID_LEN = 12 };

/* The whole answer bodies, {"status":"success","result":...}. */
void rows_true(struct json_out *j);
void rows_null(struct json_out *j);
void rows_text(struct json_out *j, const char *text);
/* {"status":"failed","result":"<text>"} */
void rows_failed(struct json_out *j, const char *text);
/* With the number that the operator finds it by; empty = none. */
void rows_refused(struct json_out *j, struct span text, struct span reference);
void rows_failed_text(struct json_out *j, struct span text);
void rows_joined(struct json_out *j, const Cv__JoinReply *r);
/* The 403 prompt for a PIN, that may be looked at for so long; 0 = not said. */
void rows_pin_prompt(struct json_out *j, bool host_pin, bool guest_pin,
		     uint32_t entry_s);
/* The 403 question of a reception: whom to call. */
void rows_extension_prompt(struct json_out *j);
void rows_refreshed(struct json_out *j, const Cv__CommandReply *r);
/* A registration; a refresh says less. */
void rows_registered(struct json_out *j, const Cv__RegReply *r, bool is_new);
void rows_directory(struct json_out *j, const Cv__RegReply *r);
void rows_status(struct json_out *j, const Cv__ConferenceStatus *s);
void rows_participants(struct json_out *j, const Cv__CommandReply *r);
void rows_call(struct json_out *j, struct span call, struct span sdp);
/* Names of the layouts we compose; `annotate`: objects with tags. */
void rows_layouts(struct json_out *j, bool annotate);
/* A list of one: who is called. */
void rows_called(struct json_out *j, struct span uuid);

/* One participant_create/update row. */
void rows_participant(struct json_out *j, const Cv__ParticipantRow *r);

/* A whole event block: id, event and one data line, blank line. `id` are
 * random bytes as text, so that it counts nothing. E_INVAL for a kind that
 * is no event; E_NOMEM. */
int rows_event(struct json_out *j, const Cv__Event *e,
	       const char id[ROWS_EVENT_ID_LEN + 1]);
