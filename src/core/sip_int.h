/* core/sip_int.h - what the files of SIP's wiring share. */
#pragma once
#include "base/addr.h"
#include "core/join_int.h"
#include "core/lobby.h"
#include "core/rooms/keypad.h"
#include "core/sip.h"
#include "core/sip_machine.h"

enum { SIP_DIGITS_MAX = 31, SIP_REASON_MAX = 120, SIP_COUNTERS_MAX = 64, 
       SIP_NOBODY = -1 };

/* What media was asked for; one thing at a time. */
enum sip_ask {
	SIP_ASK_NONE = 0,
	SIP_ASK_OPEN,		/* a leg, for their offer or ours */
	SIP_ASK_REOFFER,	/* a new leg, and an offer of ours */
	SIP_ASK_ACCEPT,		/* their answer to our offer */
	SIP_ASK_UPDATE,		/* their new offer */
	SIP_ASK_OURS,		/* they want ours, in the open leg */
};

/* What a service carries. */
struct sip_terms {
	uint32_t call_type, kbps_in, kbps_out;
};

struct sip_call {
	struct core *c;
	uint64_t id;			/* handle */
	uint64_t face;			/* the face's number, 0 = none yet */
	uint64_t trace;			/* trace.h */
	enum sip_call_state state;
	bool is_out;

	/* The other side. */
	struct addr source, local;
	bool has_source, has_local, is_encrypted, has_credentials;
	bool is_proven;			/* that he is at `source` */
	char alias[ALIAS_MAX + 1];	/* that was dialled */
	char remote[PART_NAME_MAX + 1];
	char name[PART_NAME_MAX + 1];
	char agent[PART_VENDOR_MAX + 1];
	int64_t device, trunk, location;
	uint8_t *offer;			/* packed, wiped; NULL: none (more) */
	size_t offer_n;
	bool has_offer;

	/* The way to a seat. */
	uint64_t join;			/* handle, 0 = it is done */
	bool has_news;			/* of the join, not yet acted upon */
	enum sip_call_event news;
	Cv__JoinOutcome outcome;
	char contact[ALIAS_MAX + 1];	/* a redirect by policy */
	uint64_t member;		/* handle, 0 = no seat */
	bool last_was_wrong;
	/* A reception: whom to call is asked for, not a PIN. */
	bool asks_alias, by_reception, was_late;
	bool may_hash;			/* guests need no PIN: # alone */
	unsigned alias_tries;
	struct service *reception;	/* NULL: he came to none */
	uint32_t kbps;
	char digits[SIP_DIGITS_MAX + 1];
	size_t n_digits;
	struct timer late, digit;
	enum lobby_word word;
	uint32_t say_epoch;		/* of the last LegPlay */
	struct keypad keys;		/* pressed inside */
	char reason[SIP_REASON_MAX + 1];
	uint32_t status;		/* of a refusal, 0 = the neutral one */

	/* Media. */
	int64_t conf;			/* whose worker it wants; 0 = any */
	enum sip_ask ask;
	uint32_t ask_req, sip_req;	/* sip_req: of SipOffer */
	struct timer ask_late;
	uint64_t leg;			/* handle in core->legs, 0 = none */
	int worker;
	bool in_lobby, is_secure, sends_video, is_clear, has_video;
	bool awaits_worker, awaits_answer, rang;
	bool has_offered;		/* ours; the ACK brings the answer */
	/* Their next SipOffer, packed, wiped, while media takes their answer;
	 * NULL: none. The face sends no second one before it is answered. */
	uint8_t *held;
	size_t held_n;
	Cv__LegDescription *said;	/* media's word, while it is acted on */
	uint32_t codec, kbps_cap, crypto;
	struct sip_terms terms, agreed;	/* of the service; of its leg */
	uint64_t key_ns;		/* when a whole picture was asked for */
	struct member lobby;		/* stands in core->legs for nobody */

	/* Out. */
	uint32_t dial_req;
	uint64_t gateway;		/* whose callee it is */
	uint64_t replaces;		/* call whose seat it takes, or 0 */
	uint32_t refer_req;		/* of the last SipRefer */
	bool subscribed, wants_roster;	/* to who is in the room; all of it */
	struct sip_dial *dial;		/* NULL: it came in */
	int64_t start_us;
};

struct sip_refusal {
	int64_t at_us;
	char ref[TRACE_REF_LEN + 1];
	char source[ADDR_TEXT_MAX];
	char alias[64];
	const char *why;		/* constant */
};

struct sip {
	struct ipc_ev *ev;
	struct handles *table;
	struct map *by_face;		/* the face's number -> sip_call */
	struct handles *invites;	/* that rules are asked for: sip_dial.c */
	struct map *rosters;		/* meeting -> what was told: sip_roster.c */
	uint64_t roster_key[2];
	uint32_t roster_turn;
	struct map *connects;		/* that courier makes: sip_connect.c */
	struct map *checks;		/* of certificates: sip_trunk.c */
	struct sip_figures figures;
	struct sip_refusal refusals[SIP_REFUSALS_MAX];
	size_t n_refusals;		/* ever */
	Cv__SipStats stats;		/* the last; counters below */
	uint64_t counters[SIP_COUNTERS_MAX];	/* by ipc/sip_stats.h */
	Cv__FaceLoad load;
};

/* --- sip.c ----------------------------------------------------------------- */

struct sip_call *sip_call_new(struct core *c, uint64_t face);
struct sip_call *sip_call_by_face(const struct core *c, uint64_t face);
/* A join to this alias, on his way already; OVERLOAD is told as news. */
void sip_call_join(struct sip_call *call, struct span alias,
		   struct span dialled);
/* The face has a number for it; false: it cannot be kept. */
bool sip_call_name(struct sip_call *call, uint64_t face);
struct sip_call *sip_call_get(const struct core *c, uint64_t id);
/* The table's word, carried out. The call may be gone afterwards. */
void sip_call_fire(struct sip_call *call, enum sip_call_event e);
void sip_call_free(struct sip_call *call);
/* For the ladder: constant words. */
void sip_trace(const struct sip_call *call, const char *what,
	       const char *detail);
/* An entry of the ladder for a request, or that of an earlier one of its
 * Call-ID. */
uint64_t sip_trace_open(struct core *c, const Cv__SipCaller *who,
			const struct addr *from, struct span alias);
/* An audit-like line, and the reference that the caller is shown. */
void sip_note_refusal(struct core *c, uint64_t trace, const struct addr *from,
		      struct span alias, const char *why,
		      char ref[TRACE_REF_LEN + 1]);
/* The same without a line in the log, for what the face has logged. */
void sip_keep_refusal(struct core *c, uint64_t trace, const struct addr *from,
		      struct span alias, const char *why,
		      char ref[TRACE_REF_LEN + 1]);

/* --- sip_auth.c -------------------------------------------------------------- */

enum sip_who { SIP_STRANGER = 0, SIP_DEVICE, SIP_TRUNK, SIP_WRONG };
struct sip_identity {
	enum sip_who who;
	int64_t device, trunk;		/* rows */
};
/* Who asks. Counts a wrong digest with the guard. `alias`: whom he says to
 * be. */
void sip_identify(struct core *c, const Cv__SipCaller *who, struct span alias,
		  struct guard_facts *facts, struct sip_identity *out);
/* The same by digest alone; `alias` normalised. */
void sip_identify_device(struct core *c, const Cv__SipCaller *who,
			 const char *alias, const struct guard_facts *facts,
			 struct sip_identity *out);
/* Is MD5 offered to a caller over this transport? The same for everybody. */
bool sip_offers_md5(struct core *c, const Cv__SipCaller *who);
void sip_caller_facts(struct core *c, const Cv__SipCaller *who,
		      int64_t *location, struct guard_facts *out);
bool sip_addr(struct addr *out, const Cv__Addr *a);

/* --- sip_media.c --------------------------------------------------------------- */

/* A leg in the lobby of the worker that this call wants, or in the room where
 * it sits. False: SCE_LEG_FAILED is due. */
bool sip_leg_open(struct sip_call *call, enum sip_ask ask);
/* From the lobby to where it sits. */
bool sip_leg_move(struct sip_call *call);
void sip_leg_close(struct sip_call *call);
void sip_leg_needs_key(struct sip_call *call);
/* NULL: no leg of ours. */
struct sip_call *sip_call_of_leg(struct core *c, uint64_t leg);

/* --- sip_floor.c */
void sip_floor_ask(struct core *c, const Cv__SipFloor *m);
void sip_bfcp_out(struct core *c, const Cv__SipBfcp *m);

/* Their offer is looked at no more. */
void sip_offer_drop(struct sip_call *call);
/* The same of the offer that waits. */
void sip_held_drop(struct sip_call *call);
bool sip_offer_keep(struct sip_call *call, const Cv__LegDescription *d);
void sip_face_offer(struct sip_call *call, const Cv__SipOffer *m);
void sip_face_offer_reply(struct sip_call *call, const Cv__SipOfferReply *m);
void sip_face_ack(struct sip_call *call, const Cv__SipAck *m);
/* 200 with what media said last; 180, and that is kept for the 200. */
void sip_send_answer(struct sip_call *call);
void sip_send_ring(struct sip_call *call);
/* Media, or the other side, did not answer in time. */
void sip_ask_late(struct sip_call *call);
bool sip_leg_accept(struct sip_call *call, Cv__LegDescription *answer);
/* The seat gets the leg: after a move, or when it was opened in the room. */
void sip_leg_seat(struct sip_call *call);
void sip_call_init_timers(struct sip_call *call);
/* The channel to the worker of its leg, or NULL. */
struct ipc_chan *sip_media_of(const struct sip_call *call);

/* --- cli_trace.c -------------------------------------------------------------------- */

/* Messages that the face noted. */
void cli_trace_message(struct core *c, const Cv__SipLadder *m);

/* --- sip_keys.c -------------------------------------------------------------------- */

/* To the other side; commas are pauses. */
void sip_keys_send(struct sip_call *call, struct span keys);
/* In a gateway call: to whoever sits there, too. */
void sip_keys_pass(struct sip_call *call, struct member *mb, uint32_t key);
/* The call may be gone afterwards. */
void sip_keys_press(struct sip_call *call, struct member *mb, uint32_t key);

/* --- sip_reception.c --------------------------------------------------------------- */

/* What he entered is called. One event is fired, now or later. */
void sip_reception_enter(struct sip_call *call, struct span entered);
/* That led nowhere: may he enter something else? */
bool sip_reception_again(struct sip_call *call, Cv__JoinOutcome outcome);

/* --- sip_entry.c ----------------------------------------------------------------- */

void sip_entry_begin(struct sip_call *call);
void sip_entry_end(struct sip_call *call);
/* 0..9, 10 '*', 11 '#'. */
void sip_entry_digit(struct sip_call *call, uint32_t digit);

/* --- sip_dial.c --------------------------------------------------------------- */

/* What is left of a call that we placed, when it is freed. */
struct sip_dial_end {
	bool is_out, was_taken;
	uint64_t call, gateway, toll, referrer;
	uint32_t status, refer_req;
};
void sip_dial_act(struct sip_call *call, enum sip_call_action a);
void sip_dial_forget(struct sip_call *call, struct sip_dial_end *e);
/* After the call is gone. */
void sip_dial_over(struct core *c, const struct sip_dial_end *e);
void sip_dial_message(struct core *c, enum ipc_type type,
		      const ProtobufCMessage *msg);
