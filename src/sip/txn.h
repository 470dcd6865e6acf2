/* sip/txn.h - the transactions under way: matching, timers, repetition.
 *
 * The machines are in txn_machine.h. A server transaction is found by branch,
 * sent-by, method and the address it came from (RFC 3261 17.2.3; whoever
 * guesses a branch from elsewhere finds nothing); without the magic cookie by
 * Call-ID, From tag, CSeq and the top Via. A client transaction is found by the
 * branch we made, the method, and the address or connection it was sent to:
 * an answer from anywhere else is unsolicited.
 *
 * At most TXNS_MAX; then new requests are refused without one. Not thread safe. A
 * transaction that ended is freed in txns_reap(), never inside a call, so a
 * pointer is good until its user was told TXN_GONE.
 */
#pragma once
#include "base/list.h"
#include "base/timer.h"
#include "sip/peer.h"
#include "sip/txn_machine.h"
#include "wire/sip/sip.h"

enum { TXNS_MAX = 65536, TXN_KEY_LEN = 16, TXN_BRANCH_LEN = 24 };

enum txn_tell {
	TXN_RESPONSE = 0,	/* client: msg is it */
	TXN_ACKED,		/* INVITE server, ACK while ACCEPTED */
	TXN_TIMED_OUT,		/* 408 to the user; or no ACK came */
	TXN_UNSENT,		/* the transport said no */
	TXN_GONE,		/* forget the pointer */
};

struct txn;
struct txns;
typedef void (*txn_fn)(void *arg, struct txn *t, enum txn_tell what,
		       const struct sip_msg *msg, uint64_t now_ns);

struct txn {
	struct list at;			/* of its connection, or dead */
	struct txns *of;
	enum txn_kind kind;
	enum txn_state state;
	struct sip_peer peer;
	uint8_t key[TXN_KEY_LEN];
	struct timer retrans, life;
	uint64_t interval_ns;
	/* What is sent again: the last answer, or the request. */
	uint8_t *kept;
	size_t kept_n;
	/* The request itself: as it came, or as the INVITE went out. */
	uint8_t *req;
	size_t req_n;
	txn_fn fn;
	void *arg;
};

struct txns_cfg {
	struct timer_wheel *wheel;
	int (*send)(void *arg, const struct sip_peer *to, struct span bytes);
	void *arg;
};

struct txns_stats {
	uint64_t made, full, repeated, refused, timed_out, failed;
	uint32_t now;
};

int  txns_new(struct txns **out, const struct txns_cfg *cfg);
void txns_free(struct txns **t);
void txns_stats(const struct txns *t, struct txns_stats *out);

/* A server transaction for a request that was found by none. E_FULL,
 * E_NOMEM. Nothing is sent. The user may be set later: t->fn, t->arg. */
int  txn_serve(struct txns *s, struct txn **out, const struct sip_msg *req,
	       const struct sip_peer *from, uint64_t now_ns);
/* The server transaction that this request belongs to (for ACK and CANCEL:
 * that of the INVITE), or NULL. */
struct txn *txn_find(struct txns *s, const struct sip_msg *req,
		     const struct sip_peer *from, enum sip_method as);
/* The same request again, or an ACK. */
void txn_again(struct txn *t, const struct sip_msg *req, uint64_t now_ns);
/* Sends and keeps a response. */
void txn_respond(struct txn *t, unsigned status, struct span bytes,
		 uint64_t now_ns);

/* Sends a whole request of ours whose top Via has `branch`. */
int  txn_ask(struct txns *s, struct txn **out, const struct sip_peer *to,
	     enum sip_method m, struct span branch, struct span bytes,
	     txn_fn fn, void *arg, uint64_t now_ns);
/* False: it belongs to nothing of ours. */
bool txn_answer(struct txns *s, const struct sip_msg *resp,
		const struct sip_peer *from, uint64_t now_ns);
/* Forgets without a word; the user is told GONE no more. */
void txn_drop(struct txn *t);
/* The transport told that a connection is gone. */
void txns_flow_gone(struct txns *s, uint32_t flow, uint64_t now_ns);
void txns_reap(struct txns *s);
/* A fresh branch with its magic cookie. */
void txn_branch(char out[TXN_BRANCH_LEN + 1]);
