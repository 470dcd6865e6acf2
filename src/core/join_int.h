/* core/join_int.h - what the files of the join pipeline share.
 *
 * A struct join lives from a Join message to its answer. Steps get it by
 * pointer and return an event of join_machine.h; whoever is asked something
 * (a timer, the pool, courier, the disk) is given its handle only, and
 * resumes it with join_resume() if it is still there and still waits for
 * that.
 */
#pragma once
#include "core/core.h"
#include "core/join_machine.h"
#include "core/share.h"

enum { PIN_TEXT_MAX = 32, COOKIES_MAX = 8, COOKIE_MAX = 128,
       INVITATION_MAX = 64 };

/* PINs that policy gave. */
struct join_pins {
	struct secret host, guest;
	bool allow_guests;
};

struct join_policy;

struct join {
	struct core *c;
	uint64_t id;			/* handle in core->joins */
	uint64_t trace;			/* trace.h */
	enum join_way way;
	enum join_state state;
	int web;			/* JOIN_BY_WEB: who asked */
	uint32_t web_gen, req;
	uint64_t sip;			/* JOIN_BY_SIP: the call, by sip.h */
	struct timer deadline;
	uint64_t place;			/* in the guard's line, 0 = none */
	enum guard_verdict turn;	/* what the line said; WAIT = nothing */

	/* What the caller says. */
	char alias[ALIAS_MAX + 1];
	char dialled[ALIAS_MAX + 1];	/* as it came, for rules */
	char name[PART_NAME_MAX + 1];
	char given[PART_NAME_MAX + 1];	/* the same, whatever policy says */
	char agent[PART_VENDOR_MAX + 1];
	char tag[PART_TAG_MAX + 1];
	char reconnect[TOKEN_TEXT_LEN + 1];
	uint8_t pin[PIN_TEXT_MAX];
	size_t pin_n;
	bool has_pin, pin_too_long, direct_chat, has_media;
	uint8_t ip[16], local[16];
	uint16_t port;
	char uuid[UUID_TEXT_LEN + 1];	/* that his seat will have */
	bool has_source, has_local, proxied;
	char cookies[COOKIES_MAX][COOKIE_MAX + 1];
	size_t n_cookies;
	char invitation[INVITATION_MAX + 1];
	char one_time[TOKEN_TEXT_LEN + 1];
	char extension[ALIAS_MAX + 1];	/* entered at a reception, or "" */
	char path[ALIAS_MAX + 1];	/* of a reception, where he knocked */
	bool by_reception;		/* alias is what he entered there */
	char registration[TOKEN_TEXT_LEN + 1];

	char caller[PART_NAME_MAX + 1];	/* SIP: From, without parameters */
	uint32_t kbps;			/* SIP: that he asks for, 0 = unset */
	bool proven;			/* SIP: his address is */
	bool is_encrypted;		/* SIP: his signalling is */

	/* What was found out. */
	int64_t device;			/* he proved to be, row; 0 = none */
	int64_t trunk;			/* the same, a sip_proxy */
	bool has_role;			/* by policy: no PIN is needed */
	unsigned entries;		/* PINs typed on this line */
	char redirect[ALIAS_MAX + 1];	/* by policy, "" = none */
	int64_t location;		/* 0 = none */
	struct guard_facts facts;
	int64_t conf;			/* sv.id; 0: no such service */
	struct service sv;
	bool by_policy;			/* sv and own are its word, no row's */
	struct join_pins own;
	struct join_policy *pol;	/* NULL: no profile is in force */
	bool with_media;		/* the second question about him */
	/* What policy made of him, beside name, tag and role. */
	char remote[PART_NAME_MAX + 1];
	bool bypass_lock, no_overlay, no_slides;
	int64_t spotlight_us;
	int64_t media_location;
	uint64_t gateway;		/* the call this is a leg of, 0 = none */
	bool is_caller;			/* in that call */
	bool refused;			/* told at the end of the PIN step */
	bool host, returns;
	bool to_seat;			/* returns, and his seat is there */
	bool has_cookie_id;		/* of a cookie that was good */
	uint8_t cookie_id[TICKET_ID_LEN];
	char cookie_name[TICKET_NAME_LEN + 1];	/* to be given, or "" */
	char cookie[TICKET_LEN + 1];

	/* While the disk is awaited. */
	uint64_t member;		/* handle */
	char token[TOKEN_TEXT_LEN + 1];
	char fresh[TOKEN_TEXT_LEN + 1];	/* the next reconnect credential */
};

/* --- join.c ----------------------------------------------------------------- */

/* The awaited thing is there: goes on from `waited`; nothing happens when the
 * join is gone or waits for something else. */
void join_resume(struct core *c, uint64_t id, enum join_state waited);
/* E_CLOSED and others: web will never see it. */
int  join_reply(const struct join *j, Cv__JoinReply *r);
enum join_event join_answer(const struct join *j, Cv__JoinOutcome outcome);
/* A row of his ladder: constant words, and nothing that he typed as a PIN. */
void join_note(const struct join *j, const char *what, struct span detail);
/* There is no place for what he needs: OVERLOAD, whatever the alias. */
enum join_event join_busy(struct join *j);
/* Is it somebody whom we know: a registered app or device, a trunk? */
bool join_is_registered(const struct join *j);
/* The conference row, as it is now; NULL when there is none. */
const struct store_row *join_conf(const struct join *j);
/* Is the service still there? Takes it as its row says now. */
bool join_refresh(struct join *j);

/* --- join_facts.c: who asks, and what he can prove --------------------------- */

/* What a credential of the room is bound to. `text` keeps the name. */
enum { ROOM_ID_MAX = 40 };
struct span join_room_id(int64_t conf, char text[ROOM_ID_MAX]);
/* Changes with any change of the PINs that were opened. */
uint64_t join_pin_version(const struct core *c, const struct access_cfg *a);
/* The strongest proof for this room; the same work for one that is not there.
 * `version` is that of its PINs. */
void join_prove(struct join *j, int64_t conf, uint64_t version);
/* Whose places in queues he takes: what he proved so far. */
enum share_who join_share(const struct join *j);
/* He knew a PIN of the room that policy gave: see join_facts.c. */
void join_remember(struct join *j, uint64_t version);
/* Is there a good reconnect credential? */
bool join_returns(const struct join *j, int64_t conf,
		  struct reconnect_state *out);

/* --- join_pin.c -------------------------------------------------------------- */

struct pins {
	struct secret host, guest;
	struct access_cfg cfg;
};

/* Two openings, whether the room is there or not, and whatever it has set. */
int  pins_open(const struct join *j, struct pins *p);
void pins_release(struct pins *p);

/* --- the steps --------------------------------------------------------------- */

typedef enum join_event (*join_step_fn)(struct join *j);

enum join_event join_location(struct join *j);		/* join_facts.c */
enum join_event join_service_find(struct join *j);	/* join_service.c */
enum join_event join_gateway_find(struct join *j);	/* join_gateway.c */
enum join_event join_prove_step(struct join *j);	/* join_service.c */
enum join_event join_pin(struct join *j);		/* join_pin.c */
enum join_event join_person(struct join *j);		/* join_policy.c */
enum join_event join_seat(struct join *j);		/* join_seat.c */

/* --- join_reception.c ----------------------------------------------------------- */

/* The service is a reception: what was entered, or the question for it. */
enum join_event join_reception(struct join *j);
/* join_service.c: what he wants is not there; a sign of somebody who tries. */
void join_note_unknown(const struct join *j);

/* --- join_gateway.c ------------------------------------------------------------ */

/* He was told that he sits; the join ends, perhaps without a seat. */
void join_gateway_seated(struct join *j);
void join_gateway_drop(struct join *j);
