/* core/sip_reg.h - the registrar of SIP devices.
 *
 * A device registers with the alias, user name and password of a `device`
 * that has enable_sip; it proves the password by a digest. Several contacts
 * of one alias ring together. How long a registration lasts is ours to say
 * (registration_* settings). A contact over TCP or TLS lives no longer than
 * its connection.
 *
 * An alias that is not there, one that may not register and a wrong password
 * do the same work and get the same answer: a challenge.
 *
 * core's main thread only. Not kept over a restart of core or of the face:
 * devices register again.
 */
#pragma once
#include "core/sip.h"

enum {
	SIP_REGS_MAX = 20000,
	SIP_REGS_PER_ALIAS_MAX = 10,	/* contacts; one more ends the oldest */
	SIP_CONTACT_MAX = 1024,
	SIP_INSTANCE_MAX = 128,
};

struct sip_aor;

struct sip_reg {
	struct core *c;
	struct sip_aor *aor;
	struct list at;			/* all, oldest first */
	struct list same;		/* of one alias, oldest first */
	int64_t device;
	char alias[ALIAS_MAX + 1];	/* normalised */
	char contact[SIP_CONTACT_MAX + 1];
	char instance[SIP_INSTANCE_MAX + 1];
	char agent[PART_VENDOR_MAX + 1];
	char uuid[UUID_TEXT_LEN + 1];
	uint32_t reg_id;
	struct addr source;
	uint32_t flow;			/* 0: a datagram */
	Cv__SipTransport transport;
	bool natted;
	int64_t start_us;
	struct timer expiry;
	uint64_t ends_ns;
};

struct sip_regs;

int  sip_regs_open(struct core *c);
void sip_regs_close(struct core *c);
void sip_register(struct core *c, const Cv__SipRegister *m);
void sip_flows_gone(struct core *c, const Cv__SipFlowGone *m);
/* The face is gone, and every connection with it. */
void sip_regs_face_down(struct core *c);
void sip_regs_device_changed(struct core *c, const struct store_row *was,
			     const struct store_row *now);
/* The device that registered this alias over this connection; 0. */
int64_t sip_reg_on_flow(const struct core *c, uint32_t flow,
			struct span alias);
/* Contacts of a normalised alias, oldest first: start with NULL. */
const struct sip_reg *sip_reg_next(const struct core *c, struct span alias,
				   const struct sip_reg *after);
/* All of them. */
const struct sip_reg *sip_reg_each(const struct core *c,
				   const struct sip_reg *after);
uint32_t sip_regs_count(const struct core *c);
/* The addresses of all of them, at most `max`; how many. */
size_t sip_regs_addresses(const struct core *c, uint8_t (*out)[16],
			  size_t max);
bool sip_regs_hold(const struct core *c, const uint8_t ip[16],
		   unsigned prefix);

/* --- for tests: how long ------------------------------------------------- */

struct sip_refresh {
	bool adaptive;
	uint32_t adaptive_min, adaptive_max, maximum_min, maximum_max,
		 natted_min, natted_max;
};
/* Seconds, or 0: `asked` is too brief and *least says what is not. Adaptive:
 * `regs` registrations shall bring about SIP_REFRESHES_PER_S refreshes a
 * second. Pure. */
enum { SIP_REFRESHES_PER_S = 20 };
uint32_t sip_refresh_of(const struct sip_refresh *s, bool natted,
			uint32_t asked, uint32_t regs, uint32_t *least);
