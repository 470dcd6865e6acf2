/* sip/txn_machine.h - the four transaction machines of RFC 3261 17, with the
 * corrections of RFC 6026, as tables. Pure: an event in, what to do and the
 * next state out; times as numbers.
 *
 * TRYING is "Calling" of an INVITE client. CONFIRMED belongs to an INVITE
 * server alone, ACCEPTED to both INVITE machines (RFC 6026 8.4, 8.7). RETRANS
 * is timer A, E or G; LIFE is B, F, H (nobody answered), D, I, J, K, L, M (may be
 * forgotten), or a bound of ours for a user that never answers.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum txn_kind { TXN_IST = 0, TXN_NIST, TXN_ICT, TXN_NICT, TXN_KIND_COUNT };

enum txn_state { TXN_TRYING = 0, TXN_PROCEEDING, TXN_COMPLETED,
		 TXN_CONFIRMED, TXN_ACCEPTED, TXN_TERMINATED,
		 TXN_STATE_COUNT };

/* 1XX, 2XX, 3XX (300..699): of a server from its user, of a client from the
 * other side. REQUEST: the same request again. */
enum txn_event { TXN_EV_REQUEST = 0, TXN_EV_ACK, TXN_EV_1XX, TXN_EV_2XX,
		 TXN_EV_3XX, TXN_EV_RETRANS, TXN_EV_LIFE, TXN_EV_ERROR,
		 TXN_EVENT_COUNT };

enum txn_do {
	TXN_DO_SEND = 1,	/* the message at hand, and keep it */
	TXN_DO_RESEND = 2,	/* what was kept, if anything */
	TXN_DO_ACK = 4,		/* the ACK of a final answer of 300 or more */
	TXN_DO_TELL = 8,	/* the user hears of the message at hand */
	TXN_DO_TIMEOUT = 16,	/* the user hears that nobody answered */
	TXN_DO_FAILED = 32,	/* the user hears that it cannot be sent */
	TXN_DO_REFUSE = 64,	/* not in this state: count it */
};

enum { TXN_T1_MS = 500, TXN_T2_MS = 4000, TXN_T4_MS = 5000,
       TXN_LIFE_MS = 64 * TXN_T1_MS, TXN_D_MS = 32000,
       TXN_PROCEEDING_MS = 300000 };

struct txn_step {
	enum txn_state next;
	unsigned todo;		/* bits of enum txn_do */
};

/* Total: a pair that cannot be is REFUSE and stays. */
struct txn_step txn_step(enum txn_kind k, enum txn_state s,
			 enum txn_event e);
enum txn_state txn_first(enum txn_kind k);

struct txn_times {
	uint32_t retrans_ms;	/* 0 = none; of the first repetition */
	uint32_t retrans_max_ms;	/* it doubles up to here; 0 = no bound */
	bool sets_life;		/* false: the former one goes on */
	uint32_t life_ms;	/* 0 = forget at once */
};
/* On entering `s`. */
struct txn_times txn_times(enum txn_kind k, enum txn_state s, bool reliable);
const char *txn_state_name(enum txn_state s);
