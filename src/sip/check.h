/* sip/check.h - whose certificate is asked about, and what the answer is worth.
 *
 *   connection          asked                 taken when
 *   a sip_proxy's       revocation_check      require: it is good
 *                       is not insecure_off   insecure_soft_fail: not revoked
 *   anybody else's      ocsp_state is not     it is good, or names nobody who
 *                       OFF                   could be asked
 *
 * A connection without a good certificate is not asked about. The question goes
 * to courier through core (CERT_CHECK): this process reads no answer of a
 * responder. While core is away nobody can be asked: as if in vain.
 *
 * The same way our own certificate's OCSP response is fetched, to be stapled:
 * anew in the middle of its time, CHECK_OWN_RETRY_S after a failure, and not
 * again where the certificate names no responder.
 */
#pragma once
#include "base/timer.h"
#include "courier.pb-c.h"
#include "sip/net.h"

enum { CHECKS_MAX = 256, CHECK_OWN_RETRY_S = 300, CHECK_OWN_MIN_S = 60,
       CHECK_OWN_MAX_S = 86400 };

struct checks;

struct checks_cfg {
	struct timer_wheel *wheel;
	struct sip_tls *tls;
	/* To core; E_* when it is away. */
	int (*ask)(void *arg, const Cv__CertCheck *m);
	/* What was decided: net_checked(). */
	void (*decide)(void *arg, uint32_t flow, Cv__SipFault fault,
		       const char *why, bool soft);
	int64_t (*wall_us)(void);
	void *arg;
};

int  checks_new(struct checks **out, const struct checks_cfg *cfg);
void checks_free(struct checks **c);
/* ocsp_state */
void checks_setting(struct checks *c, bool on);
/* For net_cfg. *soft: it is taken, though nobody can be asked. */
enum net_check checks_begin(struct checks *c, uint32_t flow, SSL *ssl,
			    uint64_t trunk, bool *soft);
void checks_status(struct checks *c, const Cv__CertStatus *m,
		   uint64_t now_ns);
/* Core came, or went: what is under way is in vain. */
void checks_core(struct checks *c, bool up, uint64_t now_ns);
/* Our certificate was changed. */
void checks_own_changed(struct checks *c, uint64_t now_ns);
