/* core/t/sip_kit.h - the face `sip`, played. */
#pragma once
#include "core/t/entry_kit.h"

struct sip_ask {
	const char *alias;		/* NULL = demo@example.org */
	const char *from;		/* NULL = caller@example.org */
	const char *user, *password;	/* credentials; NULL = none */
	const char *cert;		/* names of a client certificate */
	const char *trunk;		/* whose rules it met */
	const char *asserted;
	const char *agent;
	uint32_t ip;			/* IPv4 of the source */
	uint32_t flow;
	bool udp, md5, no_offer, no_qop;
	bool replaces;			/* names this dialog, or (0) none */
	uint64_t replaced;
};

/* The room "demo", all links up, sip too. */
int  sip_setup(void **state);
/* sip_guests on. */
void sip_guests(struct kit *k);
/* An INVITE under this number. */
void sip_invite(struct kit *k, uint64_t call, const struct sip_ask *ask);
/* The verdict on that call (kit_free). */
Cv__SipVerdict *sip_verdict(struct kit *k, uint64_t call);
/* The same: what it was, and the status of a refusal. */
Cv__SipDecision sip_decision(struct kit *k, uint64_t call, uint32_t *status);
/* Until core says it (kit_free). */
Cv__SipHangup *sip_hangup(struct kit *k, uint64_t call);
void sip_digits(struct kit *k, uint64_t call, const char *digits);
void sip_bye(struct kit *k, uint64_t call);
/* Waits until `conclave sip calls` says this of the only call; "" = there is
 * none. */
void sip_expect(struct kit *k, const char *field, const char *value);
void sip_device(struct kit *k, const char *alias, const char *user,
		const char *password, const char *more, const char *value);
/* REGISTER; the answer (kit_free). */
Cv__SipRegistered *sip_register_as(struct kit *k, const struct sip_ask *ask,
				   const char *contact, uint32_t expires);
