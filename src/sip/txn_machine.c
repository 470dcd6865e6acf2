#include "sip/txn_machine.h"

#define X(next_, do_) {true, TXN_##next_, (do_)}
#define SEND TXN_DO_SEND
#define RESEND TXN_DO_RESEND
#define ACK TXN_DO_ACK
#define TELL TXN_DO_TELL
#define TIMEOUT TXN_DO_TIMEOUT
#define FAILED TXN_DO_FAILED

struct cell {
	bool is_set;
	uint8_t next;
	uint8_t todo;
};

/* RFC 3261 figures 5 to 8, RFC 6026 figures 1 to 4. */
static const struct cell
cells[TXN_KIND_COUNT][TXN_STATE_COUNT][TXN_EVENT_COUNT] = {
	[TXN_IST] = {
		[TXN_PROCEEDING] = {
			[TXN_EV_REQUEST] = X(PROCEEDING, RESEND),
			[TXN_EV_1XX] = X(PROCEEDING, SEND),
			[TXN_EV_2XX] = X(ACCEPTED, SEND),
			[TXN_EV_3XX] = X(COMPLETED, SEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_COMPLETED] = {
			[TXN_EV_REQUEST] = X(COMPLETED, RESEND),
			[TXN_EV_ACK] = X(CONFIRMED, 0),
			[TXN_EV_RETRANS] = X(COMPLETED, RESEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_CONFIRMED] = {
			[TXN_EV_REQUEST] = X(CONFIRMED, 0),
			[TXN_EV_ACK] = X(CONFIRMED, 0),
			[TXN_EV_LIFE] = X(TERMINATED, 0),
			[TXN_EV_ERROR] = X(CONFIRMED, 0),
		},
		[TXN_ACCEPTED] = {
			[TXN_EV_REQUEST] = X(ACCEPTED, 0),
			[TXN_EV_ACK] = X(ACCEPTED, TELL),
			[TXN_EV_2XX] = X(ACCEPTED, SEND),
			[TXN_EV_LIFE] = X(TERMINATED, 0),
			[TXN_EV_ERROR] = X(ACCEPTED, FAILED),
		},
	},
	[TXN_NIST] = {
		[TXN_TRYING] = {
			[TXN_EV_REQUEST] = X(TRYING, 0),
			[TXN_EV_1XX] = X(PROCEEDING, SEND),
			[TXN_EV_2XX] = X(COMPLETED, SEND),
			[TXN_EV_3XX] = X(COMPLETED, SEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_PROCEEDING] = {
			[TXN_EV_REQUEST] = X(PROCEEDING, RESEND),
			[TXN_EV_1XX] = X(PROCEEDING, SEND),
			[TXN_EV_2XX] = X(COMPLETED, SEND),
			[TXN_EV_3XX] = X(COMPLETED, SEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_COMPLETED] = {
			[TXN_EV_REQUEST] = X(COMPLETED, RESEND),
			[TXN_EV_LIFE] = X(TERMINATED, 0),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
	},
	[TXN_ICT] = {
		[TXN_TRYING] = {
			[TXN_EV_1XX] = X(PROCEEDING, TELL),
			[TXN_EV_2XX] = X(ACCEPTED, TELL),
			[TXN_EV_3XX] = X(COMPLETED, ACK | TELL),
			[TXN_EV_RETRANS] = X(TRYING, RESEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_PROCEEDING] = {
			[TXN_EV_1XX] = X(PROCEEDING, TELL),
			[TXN_EV_2XX] = X(ACCEPTED, TELL),
			[TXN_EV_3XX] = X(COMPLETED, ACK | TELL),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_COMPLETED] = {
			[TXN_EV_3XX] = X(COMPLETED, ACK),
			[TXN_EV_LIFE] = X(TERMINATED, 0),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_ACCEPTED] = {
			[TXN_EV_2XX] = X(ACCEPTED, TELL),
			[TXN_EV_LIFE] = X(TERMINATED, 0),
			[TXN_EV_ERROR] = X(ACCEPTED, 0),
		},
	},
	[TXN_NICT] = {
		[TXN_TRYING] = {
			[TXN_EV_1XX] = X(PROCEEDING, TELL),
			[TXN_EV_2XX] = X(COMPLETED, TELL),
			[TXN_EV_3XX] = X(COMPLETED, TELL),
			[TXN_EV_RETRANS] = X(TRYING, RESEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_PROCEEDING] = {
			[TXN_EV_1XX] = X(PROCEEDING, TELL),
			[TXN_EV_2XX] = X(COMPLETED, TELL),
			[TXN_EV_3XX] = X(COMPLETED, TELL),
			[TXN_EV_RETRANS] = X(PROCEEDING, RESEND),
			[TXN_EV_LIFE] = X(TERMINATED, TIMEOUT),
			[TXN_EV_ERROR] = X(TERMINATED, FAILED),
		},
		[TXN_COMPLETED] = {
			[TXN_EV_1XX] = X(COMPLETED, 0),
			[TXN_EV_2XX] = X(COMPLETED, 0),
			[TXN_EV_3XX] = X(COMPLETED, 0),
			[TXN_EV_LIFE] = X(TERMINATED, 0),
			[TXN_EV_ERROR] = X(COMPLETED, 0),
		},
	},
};

struct txn_step txn_step(enum txn_kind k, enum txn_state s, enum txn_event e)
{
	const struct cell *c;

	if (k < 0 || k >= TXN_KIND_COUNT || s < 0 || s >= TXN_STATE_COUNT ||
	    e < 0 || e >= TXN_EVENT_COUNT)
		return (struct txn_step){TXN_TERMINATED, TXN_DO_REFUSE};
	c = &cells[k][s][e];
	if (!c->is_set)
		return (struct txn_step){s, TXN_DO_REFUSE};
	return (struct txn_step){(enum txn_state)c->next, c->todo};
}

enum txn_state txn_first(enum txn_kind k)
{
	return k == TXN_IST ? TXN_PROCEEDING : TXN_TRYING;
}

/* Over TCP and TLS nothing is sent again, and nothing needs to be absorbed. */
static struct txn_times server_times(enum txn_kind k, enum txn_state s,
				     bool reliable)
{
	struct txn_times t = {.sets_life = true, .life_ms = TXN_LIFE_MS};

	if (k == TXN_IST && s == TXN_PROCEEDING)
		t.life_ms = TXN_PROCEEDING_MS;
	else if (k == TXN_IST && s == TXN_COMPLETED && !reliable)
		t.retrans_ms = TXN_T1_MS, t.retrans_max_ms = TXN_T2_MS;
	else if (s == TXN_CONFIRMED)
		t.life_ms = reliable ? 0 : TXN_T4_MS;
	else if (k == TXN_NIST && s == TXN_PROCEEDING)
		t.sets_life = false;
	else if (k == TXN_NIST && s == TXN_COMPLETED && reliable)
		t.life_ms = 0;
	return t;
}

static struct txn_times client_times(enum txn_kind k, enum txn_state s,
				     bool reliable)
{
	struct txn_times t = {.sets_life = true, .life_ms = TXN_LIFE_MS};

	if (s == TXN_TRYING && !reliable) {
		t.retrans_ms = TXN_T1_MS;
		t.retrans_max_ms = k == TXN_NICT ? TXN_T2_MS : 0;
	} else if (s == TXN_PROCEEDING && k == TXN_NICT) {
		t.sets_life = false;
		t.retrans_ms = reliable ? 0 : TXN_T2_MS;
		t.retrans_max_ms = TXN_T2_MS;
	} else if (s == TXN_PROCEEDING) {
		t.life_ms = TXN_PROCEEDING_MS;
	} else if (s == TXN_COMPLETED) {
		t.life_ms = reliable ? 0 :
			    k == TXN_ICT ? TXN_D_MS : TXN_T4_MS;
	}
	return t;
}

struct txn_times txn_times(enum txn_kind k, enum txn_state s, bool reliable)
{
	if (s == TXN_TERMINATED)
		return (struct txn_times){.sets_life = true};
	return k == TXN_IST || k == TXN_NIST ? server_times(k, s, reliable) :
	       client_times(k, s, reliable);
}

const char *txn_state_name(enum txn_state s)
{
	static const char *const names[TXN_STATE_COUNT] = {
		"trying", "proceeding", "completed", "confirmed", "accepted",
		"terminated",
	};

	return s >= 0 && s < TXN_STATE_COUNT ? names[s] : "?";
}
