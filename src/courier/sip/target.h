/* courier/sip/target.h - where a SIP request goes: RFC 3263 4.1 and 4.2 as a
 * pure machine that says what to ask the DNS next.
 *
 *   a literal address, or a port      no question: that very place
 *   else NAPTR of the host            SIPS+D2T, SIP+D2T, SIP+D2U (flag s)
 *   else SRV of each transport        _sips._tcp, _sip._tcp, _sip._udp
 *   else the host's own addresses     5061 for TLS, 5060 without
 *
 * Only transports in `allowed` are ever asked for or given out, TLS always
 * before the clear ones unless the host's NAPTR records order them otherwise;
 * with `sips` only TLS. Weights (RFC 2782) draw from the function given. The
 * names in answers are untrusted text: what is no host name is left out. With
 * a port and several transports allowed, 5061 means TLS, anything else TLS
 * last.
 *
 * No allocation, clock or log. Bounded: SIP_TARGETS_MAX targets,
 * SIP_QUESTIONS_MAX questions; more are cut.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { SIP_TARGETS_MAX = 16, SIP_QUESTIONS_MAX = 6, SIP_HOST_MAX = 253,
       SIP_NAME_MAX = SIP_HOST_MAX + 16, SIP_RECORDS_MAX = 32,
       SIP_PORT = 5060, SIPS_PORT = 5061 };

enum target_transport { TARGET_NONE = 0, TARGET_UDP, TARGET_TCP, TARGET_TLS };

struct srv_record {
	uint16_t priority, weight, port;
	char host[SIP_HOST_MAX + 1];
};

struct naptr_record {
	uint16_t order, preference;
	char flags[4], service[16];
	bool has_regexp;
	char replacement[SIP_NAME_MAX + 1];
};

struct target {
	char host[SIP_HOST_MAX + 1];
	uint16_t port;
	enum target_transport transport;
};

enum target_ask { TARGET_ASK_NOTHING = 0, TARGET_ASK_NAPTR, TARGET_ASK_SRV };

struct targets {
	char host[SIP_HOST_MAX + 1];
	uint32_t allowed;		/* 1 << enum target_transport */
	bool is_denied;			/* SRV "." of every transport asked */
	uint32_t (*random)(void *arg, uint32_t below);
	void *random_arg;
	struct { char name[SIP_NAME_MAX + 1];
		 enum target_transport transport; } srv[SIP_QUESTIONS_MAX];
	size_t n_srv, at_srv;
	size_t n_denied;
	struct target list[SIP_TARGETS_MAX];
	size_t n;
	uint64_t cut;			/* records and targets left out */
};

struct targets_cfg {
	const char *host;		/* a name, lower case */
	bool is_literal;		/* `host` is an address */
	uint16_t port;			/* 0 = none was given */
	uint32_t allowed;		/* bits 1 << enum target_transport */
	bool sips;
	uint32_t (*random)(void *arg, uint32_t below);
	void *random_arg;
};

/* What to ask first; *name is valid while t is. E_INVAL: nothing is allowed. */
int targets_begin(struct targets *t, const struct targets_cfg *cfg,
		  enum target_ask *ask, const char **name);
/* The answer (n = 0: none, or it failed), and the next question. With
 * TARGET_ASK_NOTHING t->list is whole, in order; n = 0: nowhere. */
enum target_ask targets_naptr(struct targets *t, const struct naptr_record *r,
			      size_t n, const char **name);
enum target_ask targets_srv(struct targets *t, const struct srv_record *r,
			    size_t n, const char **name);
