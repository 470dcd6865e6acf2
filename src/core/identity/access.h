/* core/identity/access.h - what a PIN, or the lack of one, makes of a caller.
 *
 * The truth table of a room's access settings as data: settings x entry ->
 * outcome. Pure. Both PINs are compared in constant time on every call, even
 * when only one is set or none was entered, so that time says nothing about
 * which of them came close.
 *
 * A PIN is 4 to 20 digits with an optional trailing '#', which marks the end
 * of keypad entry and takes no part in the comparison. "none" means "I have
 * no PIN, let me in as a guest".
 */
#pragma once
#include "base/span.h"

enum { PIN_DIGITS_MIN = 4, PIN_LEN_MAX = 20 };

struct access_cfg {
	struct span host_pin;	/* empty = none */
	struct span guest_pin;
	bool allow_guests;
};

enum access_outcome {
	ACCESS_REFUSE = 0,	/* settings are invalid: as an unknown alias */
	ACCESS_HOST,
	ACCESS_GUEST,
	ACCESS_ASK,		/* a PIN is needed; nothing was guessed */
	ACCESS_WRONG,		/* a wrong PIN was entered */
	ACCESS_OUTCOME_COUNT
};

/* Rows and columns of the table; for its test and its printout. */
enum access_room {
	ACCESS_ROOM_INVALID = 0, ACCESS_ROOM_OPEN, ACCESS_ROOM_PIN,
	ACCESS_ROOM_GUESTS_FREE, ACCESS_ROOM_GUESTS_PIN,
	ACCESS_ROOM_CONCEALED,	/* none, but it must look like one */
	ACCESS_ROOM_COUNT
};
enum access_entry {
	ACCESS_ENTRY_ABSENT = 0, ACCESS_ENTRY_NONE, ACCESS_ENTRY_HOST,
	ACCESS_ENTRY_GUEST, ACCESS_ENTRY_OTHER, ACCESS_ENTRY_COUNT
};

/* Length 4..20 with the '#', digits only: a well-formed PIN. */
bool pin_is_wellformed(struct span pin);
/* Guests without a host PIN, equal PINs, PINs of unequal length of which not
 * both end with '#', or a malformed PIN: INVALID. A guest PIN that is set
 * while guests are not allowed is ignored. */
enum access_room access_room_kind(const struct access_cfg *cfg);
/* What was entered, as far as it can be told without the PINs: ABSENT, NONE,
 * or OTHER. Only OTHER is worth a comparison. */
enum access_entry access_entry_of(bool has_pin, struct span pin);
enum access_outcome access_cell(enum access_room room, enum access_entry entry);
/* `has_pin` false: no PIN was sent at all. */
enum access_outcome access_decide(const struct access_cfg *cfg, bool has_pin,
				  struct span pin);
/* What the prompt says: do hosts, do guests need a PIN? */
void access_prompt(const struct access_cfg *cfg, bool *host_pin,
		   bool *guest_pin);
const char *access_room_name(enum access_room r);
const char *access_entry_name(enum access_entry e);
const char *access_outcome_name(enum access_outcome o);
