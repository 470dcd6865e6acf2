/* sip/face_int.h - the parts of the face and what they share; private.
 *
 *	face.c     a message is received: filters, transactions, whose it is
 *	write.c    answers and requests are written
 *	auth.c     digest: what was shown, what is asked for
 *	call.c     calls: making, ending, their table's effects
 *	call_floor.c  the presentation of a call, by BFCP
 *	in.c       an INVITE from outside of a dialog, core's verdict
 *	dialog.c   requests inside of a dialog
 *	reoffer.c  new offers, both ways
 *	out.c      calls that core asked for
 *	account.c  our account at a trunk: challenges are answered
 *	early.c    reliable provisional answers to calls of ours
 *	reg.c      REGISTER
 *	sub.c      subscriptions to a conference
 *	tell.c     core's messages, scans, statistics
 *	trace.c    messages are noted for the ladder; reference numbers
 */
#pragma once
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/handle.h"
#include "base/map.h"
#include "base/wr.h"
#include "http/bans.h"
#include "http/source.h"
#include "ipc/web.pb-c.h"
#include "sip/call_machine.h"
#include "sip/face.h"
#include "sip/floor.h"
#include "sip/ladder.h"
#include "sip/nonce.h"
#include "sip/sub_machine.h"
#include "sip/txn.h"
#include "wire/sip/body.h"
#include "wire/sip/write.h"

enum {
	TAG_LEN = 16, KEY_LEN = 16, ROUTES_MAX = 2048, TEXT_MAX = 1024,
	OUT_BYTES = SIP_MESSAGE_MAX, ARENA_BYTES = 1024 * 1024,
	SCANS_MAX = 256, AGENT_MAX = 256, OK_MS = 64 * TXN_T1_MS,
	FORKS_MAX = 8, SUB_ID_MAX = 32,
};

/* Bytes of our own, or {NULL, 0}. */
struct text {
	uint8_t *p;
	size_t n;
};
int  text_set(struct text *t, struct span s);
void text_drop(struct text *t);
static inline struct span text_span(const struct text *t)
{
	return (struct span){t->p, t->n};
}

/* Whose offer is waiting for an answer. */
enum offer_state { OFFER_NONE = 0, OFFER_THEIRS, OFFER_OURS };

/* At a trunk. The password is not kept: what a digest is made of, for this
 * realm alone, is. Wiped with the call. */
struct account {
	struct text username, realm;
	char sha256[2 * SHA256_LEN + 1], md5[2 * SHA256_LEN + 1];
	/* The last challenge. */
	struct text nonce, opaque;
	enum sip_auth_alg alg;
	bool qop, is_proxy;
	uint32_t nc;
};

/* A branch of an INVITE of ours that said something reliably. */
struct fork {
	uint64_t tag;			/* hash, 0 = free */
	uint32_t rseq;
};

/* What only a call on its way out needs; its account later, too. */
struct dial {
	uint32_t req, connect_req;
	struct text uri, host, name, trunk, display, replaces;
	struct account account;
	struct fork forks[FORKS_MAX];
	struct text early;		/* a description that came early */
	uint64_t early_tag;		/* of this branch */
	uint16_t port;
	Cv__SipTransport transport;
	bool sips, literal, answered_challenge, cancelled;
	bool waits;			/* for the flow of call.peer */
	uint32_t skip, left, ring_s;
};

struct call {
	struct face *f;
	struct list at;			/* f->dead when over */
	uint64_t handle;
	enum call_state state;
	bool is_out;
	bool known;			/* core has its handle */
	bool authenticated;		/* showed a digest or a certificate */
	bool rang;			/* a 180 told them our tag */
	bool hangup_later, is_focus, is_refresher, has_seq, reliable;
	bool offer_is_ours;		/* the INVITE had none */
	struct sip_peer peer;
	char tag[TAG_LEN + 1];
	uint8_t merge[KEY_LEN];		/* in f->by_invite, all its life */
	struct text their_tag, call_id, us, them, target, routes;
	struct txn *invite;		/* of the INVITE under way, or NULL */
	struct txn *refresh;		/* UPDATE or re-INVITE of ours */
	struct txn *refreshed;		/* an INVITE that got its 2xx: that may
					 * come again */
	uint32_t seq, their_seq, their_allow, their_options;
	/* A 2xx that waits for its ACK, or a reliable 180 for its PRACK. */
	struct timer again;
	struct text ok;
	uint64_t interval_ns, until_ns;
	uint32_t ok_seq, rseq;
	/* guard: 100 Trying, ring limits, glare. */
	struct timer guard, session;
	uint32_t session_s;
	enum offer_state offer;
	uint32_t offer_req;		/* core's or ours */
	unsigned glare;
	bool answered_challenge;	/* of the offer under way */
	struct txn *theirs;		/* INVITE or UPDATE that carried it */
	uint64_t sess_id, version;
	uint64_t their_sdp;		/* hash of what was answered last */
	struct text sdp;		/* ours, as sent last */
	Cv__SipEnd why;
	uint16_t status;
	struct dial *dial;
	/* One REFER at a time; without an end from core it is over then. */
	uint32_t refer_req, refer_seq;
	uint64_t refer_until_ns;
	bool refer_silent;		/* RFC 4488 */
	bool counted_inside;
	/* The conference package. */
	enum sub_state sub;
	struct timer sub_timer;
	uint64_t sub_until_ns;
	uint32_t sub_version;
	char sub_id[SUB_ID_MAX + 1];
	struct txn *notify;		/* on its way, or NULL */
	bool sub_missed;
	/* BFCP was agreed. Its connection, if it has one (flow not 0). */
	struct floor *floor;
	struct sip_peer floor_peer;
	uint32_t floor_req;		/* the question core has, or had */
	bool floor_is_tls;
};

struct reg {
	uint32_t req;
	struct txn *txn;
	struct face *f;
	bool stale;
};

struct scan {
	struct sip_peer from;
	Cv__SipScan kind;
	bool proven;			/* it got what we sent there */
	uint32_t count;
	uint8_t agent[AGENT_MAX];
	size_t agent_n;
};

struct face {
	struct face_cfg cfg;
	struct face_settings set;
	struct txns *txns;
	struct nonces *nonces;
	struct handles *calls;
	struct map *by_tag, *by_invite, *regs, *dials;
	struct map *floors, *floor_flows;	/* calls */
	struct floor_stats floor_stats;
	struct list dead, byes;
	struct arena *arena;
	struct bans *bans;
	struct sources *sources;
	struct ladder *ladder;
	bool unnoted;			/* what came is in no ladder */
	const Cv__SipVerdict *verdict;	/* the one that is acted upon */
	const struct sip_msg *response;	/* likewise */
	uint64_t hash[4];
	bool core_up;
	uint32_t asked, last_req, subs;
	const Cv__SipRoster *roster;	/* the one that is told */
	uint64_t now_ns;
	uint64_t n[SIP_COUNTER_COUNT];
	uint64_t told[SIP_COUNTER_COUNT];
	Cv__FaceLoad load;		/* as core was told last */
	struct scan scan[SCANS_MAX];
	size_t n_scans;
	struct sip_msg msg;		/* the one that came */
	struct sip_msg kept;		/* one that is read again */
	uint8_t out[OUT_BYTES];
};

#define face_tell(f, TYPE, m) \
	((f)->cfg.ops.tell((f)->cfg.ops.arg, IPC_##TYPE, &(m)->base))

/* --- write.c --- */
/* An answer that is not whole yet: start line to CSeq. */
struct answer {
	struct wr w;
	unsigned status;
	const struct sip_msg *req;
};
void answer_open(struct face *f, struct answer *a, const struct sip_msg *req,
		 const struct sip_peer *from, unsigned status,
		 struct span reason, struct span tag);
/* The tag of answers that make no dialog: the same for the same request. */
void answer_tag(const struct face *f, const struct sip_msg *req,
		char out[TAG_LEN + 1]);
/* Without a transaction. */
void answer_send(struct face *f, struct answer *a, const struct sip_msg *req,
		 const struct sip_peer *from);
/* By a transaction. */
void answer_by(struct face *f, struct answer *a, struct txn *t);
/* The whole of a plain refusal, without state. */
void refuse(struct face *f, const struct sip_msg *req,
	    const struct sip_peer *from, unsigned status);
void refuse_by(struct face *f, const struct sip_msg *req, struct txn *t,
	       unsigned status);
/* Where an answer goes (RFC 3261 18.2.2, 3581): never anywhere but to the
 * address that the request came from. */
struct sip_peer answer_peer(const struct sip_msg *req,
			    const struct sip_peer *from);
void put_allow(struct wr *w);
/* What we can: for 200 to OPTIONS. */
void put_abilities(struct wr *w);
/* RFC 3261 8.2.2.3: what a peer requires and we do not know must be named.
 * True: nothing of that kind; false: it was answered. */
bool is_understood(struct face *f, const struct sip_peer *from);
/* What is written into c= and o= of a session with this peer. */
struct addr own_addr(const struct face *f, const struct sip_peer *p);
void put_challenge(struct face *f, struct wr *w, const struct sip_peer *from,
		   bool stale, bool md5);
void put_via(struct face *f, struct wr *w, const struct sip_peer *p,
	     const char *branch);
void put_contact(struct face *f, struct wr *w, const struct call *c);
/* The address of ours that a peer is told. */
struct addr own_addr(const struct face *f, const struct sip_peer *p);
void put_addr_uri(struct face *f, struct wr *w, const struct sip_peer *p);
/* The address that the peer knows us by, as a URI's host. */
void put_own_host(struct face *f, struct wr *w, const struct sip_peer *p);
/* A request in the dialog of `c`; ends behind Contact. */
void request_open(struct face *f, struct wr *w, const struct call *c,
		  const char *method, uint32_t seq,
		  char branch[TXN_BRANCH_LEN + 1]);
int  request_send(struct face *f, struct wr *w, struct call *c,
		  enum sip_method m, const char *branch, txn_fn fn, void *arg,
		  struct txn **out);
Cv__Addr addr_of(const struct addr *a);

/* --- auth.c --- */
enum auth_kind { AUTH_NONE = 0, AUTH_STALE, AUTH_SHOWN };
struct auth {
	Cv__SipAuth m;
	uint8_t response[32];
};
enum auth_kind auth_read(struct face *f, struct auth *a,
			 const struct sip_msg *req,
			 const struct sip_peer *from);
/* Of what was shown, or stale. */
static inline bool auth_is_md5(const struct auth *a)
{
	return a->m.alg == CV__DIGEST_ALG__DIGEST_MD5;
}
void challenge(struct face *f, const struct sip_msg *req,
	       const struct sip_peer *from, bool stale, bool md5);

/* SipCaller, with room for what it points to. */
struct caller {
	Cv__SipCaller m;
	Cv__Addr source, local;
	struct auth auth;
	uint8_t uri[FACE_NAME_MAX + 1], name[FACE_NAME_MAX + 1];
	uint8_t pai[FACE_NAME_MAX + 1], pai_name[FACE_NAME_MAX + 1];
};
enum auth_kind caller_fill(struct face *f, struct caller *c,
			   const struct sip_msg *req,
			   const struct sip_peer *from);
bool caller_is_known(struct face *f, const struct sip_peer *from);

/* --- call.c --- */
struct call *call_new(struct face *f, const struct sip_peer *peer);
struct call *call_find(struct face *f, uint64_t handle);
struct call *call_by_tag(struct face *f, struct span tag);
/* The only way a state changes. */
void call_event(struct call *c, enum call_event e);
void call_send_bye(struct call *c);
void call_arm_session(struct call *c);
/* Nobody knows that the other side is still there. */
void call_expire(struct call *c);
/* May a request with our tag from there be one of this dialog? */
bool call_is_theirs(const struct call *c, const struct sip_peer *from);
void call_free(struct call *c);
int  call_take_dialog(struct call *c, const struct sip_msg *m);
int  call_take_routes(struct call *c, const struct sip_msg *m, bool reverse);
int  call_take_target(struct call *c, const struct sip_msg *m);
/* Remembers a 2xx and repeats it until its ACK. */
void call_keep_ok(struct call *c, uint32_t seq, struct span bytes);
void call_on_txn(void *arg, struct txn *t, enum txn_tell what,
		 const struct sip_msg *msg, uint64_t now_ns);
void call_inside(struct call *c, bool in);
/* Its user hears no more of it. */
void forget_txn(struct txn **t);

/* --- call_floor.c --- */
/* Before a description of ours is written: its BFCP section gets our ids, or
 * is rejected; the call gets its floor, keeps it or loses it. */
void call_floor_describe(struct call *c, const Cv__LegDescription *d);
void call_floor_drop(struct call *c);
void floor_flow_gone(struct face *f, uint32_t flow);
void on_core_bfcp(struct face *f, const Cv__SipBfcp *m);
void on_floor_state(struct face *f, const Cv__SipFloorState *m);
void floor_count(struct face *f);

/* --- in.c --- */
void on_invite(struct face *f, const struct sip_peer *from);
void on_verdict(struct face *f, const Cv__SipVerdict *v);
void in_act(struct call *c, unsigned todo);
void in_guard(struct call *c);
/* Of the request at hand: Call-ID, From tag and CSeq number. */
void merge_key(struct face *f, uint8_t key[KEY_LEN]);
bool in_put_timer(struct call *c, struct wr *w, const struct sip_msg *req);

/* --- dialog.c --- */
void on_in_dialog(struct face *f, struct call *c, const struct sip_peer *from);
void on_ack(struct face *f, const struct sip_peer *from);
void on_cancel(struct face *f, const struct sip_peer *from);
void on_core_info(struct face *f, const Cv__SipInfo *m);
void on_refer_state(struct face *f, const Cv__SipReferState *m);

/* --- reoffer.c --- */
void on_reoffer(struct call *c, const struct sip_peer *from);
void on_core_offer(struct face *f, const Cv__SipOffer *m);
void on_core_offer_reply(struct face *f, const Cv__SipOfferReply *m);
void on_reinvite_ack(struct call *c, const struct sip_msg *ack);
/* E_CLOSED and others: it could not be sent. */
int  reoffer_refresh(struct call *c);
void reoffer_guard(struct call *c);
/* `ours`: the offer it answers, or empty. Whoever told core wipes *out with
 * f->cfg.ops.sdp_wipe(). */
int  read_sdp(struct face *f, const struct sip_msg *m, struct span ours,
	      const struct sip_peer *from, Cv__LegDescription **out,
	      unsigned *status);
int  write_sdp(struct call *c, struct span offer, const Cv__LegDescription *d,
	       struct span *out);
void call_ack(struct call *c, uint32_t seq);
uint64_t sdp_hash(const struct face *f, struct span sdp);

/* --- out.c --- */
void on_dial(struct face *f, const Cv__SipDial *m);
void on_connected(struct face *f, const Cv__SipConnected *m, int fd);
void out_act(struct call *c, unsigned todo);
void out_orphan(void *arg, struct txn *t, enum txn_tell what,
		const struct sip_msg *msg, uint64_t now_ns);
void out_txn(struct call *c, struct txn *t, enum txn_tell what,
	     const struct sip_msg *msg);
void out_guard(struct call *c);
void out_flow_up(struct face *f, uint32_t flow);
void out_flow_gone(struct face *f, uint32_t flow, Cv__SipEnd why);
void out_forget(struct call *c);
void dial_free(struct dial **d);

/* --- account.c --- */
int  account_take(struct account *a, const Cv__SipDial *m);
void account_release(struct account *a);
/* Is this a challenge of our realm that we can answer? */
bool account_may(const struct account *a, const struct sip_msg *m);
/* From now on its nonce is used. */
void account_hear(struct account *a, const struct sip_msg *m);
/* Credentials, if anybody asked for them before. */
void account_put(struct account *a, struct wr *w, const char *method,
		 struct span uri);
/* For the BYE of a call that ends: NULL without an account. The account goes
 * over with account_part(). */
void *account_farewell(struct call *c);
void account_part(void *farewell, struct call *c, bool sent);
void account_on_bye(void *arg, struct txn *t, enum txn_tell what,
		    const struct sip_msg *msg, uint64_t now_ns);
void byes_free(struct face *f);

/* --- early.c --- */
/* False: the answer is to be ignored (RFC 3262 4). */
bool early_take(struct call *c, const struct sip_msg *m);
/* The description that came before this 200 in its dialog; E_NOTFOUND. */
int  early_sdp(struct call *c, const struct sip_msg *m,
	       Cv__LegDescription **out);

/* --- sub.c --- */
void on_subscribe(struct call *c, struct txn *t);
void on_roster(struct face *f, const Cv__SipRoster *m);
/* The only way its state changes. */
void sub_event(struct call *c, enum sub_event e);
void sub_on_timer(struct timer *tm, void *arg, uint64_t now_ns);
void sub_forget(struct call *c);
bool sub_is_conference(const struct sip_msg *m, struct sip_event *out);

/* --- reg.c --- */
void on_register(struct face *f, const struct sip_peer *from);
void on_registered(struct face *f, const Cv__SipRegistered *m);
void regs_free(struct face *f);

/* --- trace.c --- */
/* The only way out: ops.send, and the ladder has it. */
int  face_send(struct face *f, const struct sip_peer *to, struct span bytes);
/* f->msg came from there. */
void note_in(struct face *f, const struct sip_peer *from);
void note_in_done(struct face *f);
/* The reference number of a refusal without state: a keyed hash of the
 * request, so that it costs no memory and is the same when it is sent again.
 * Looks as core's do. */
void put_reference(struct face *f, struct wr *w, const struct sip_msg *req);
/* A refusal's number, of core or of ours. */
void put_warning(struct wr *w, struct span reference);
void on_ladder_ask(struct face *f, const Cv__SipLadderAsk *m);

/* --- tell.c --- */
void tell_ended(struct call *c);
