/* core/asks.h - what the policy server is asked beside a join: may a device
 * register, who is in the directory, what does somebody look like.
 *
 * These three have no script and no "our own" that policy would have to
 * know: the server's word counts, and without it everything is as if there
 * were no profile (policy-api: on failure our own table, our own entries, no
 * picture). What a failure may not do is go unseen: it raises the alarm of
 * its profile.
 *
 * Bounded by core/share.h, in the name of whoever asks: a device that has yet
 * to register is a stranger. core's main thread only.
 */
#pragma once
#include "core/core.h"
#include "core/policies.h"

/* What the server said. Texts, list and picture live until fn returns; a
 * registration's password is wiped then. */
struct asks_word {
	/* False: it failed, or has no opinion. */
	bool has_word, has_failed;
	bool is_busy;			/* no memory to read it: nobody's fault */
	bool is_rejected;		/* a registration */
	const struct policy_registration *registration;
	const struct policy_directory *directory;
	struct span jpeg;
	int64_t profile;
};
/* `arg` is the callee's again. */
typedef void (*asks_fn)(struct core *c, void *arg,
			const struct asks_word *w);

/* 1: asked; fn comes exactly once, later, and `arg` is ours until then. 0:
 * no profile asks this here. E_*: it should be asked and cannot (E_FULL: no
 * place for him now). fn comes after 1 only. */
struct asks_question {
	int64_t location;
	enum policy_kind kind;
	const struct policy_facts *facts;
	struct policies_by by;
};
int asks_send(struct core *c, const struct asks_question *q, asks_fn fn,
	      void *arg);
int asks_open(struct core *c);

/* --- registrations ------------------------------------------------------------ */

/* Of whatever protocol: the face that asks compares, or digests, itself. */
struct asks_register {
	int64_t location;		/* of the asking device */
	struct span alias;		/* normalised */
	struct span protocol;		/* "sip", "h323", "webrtc" */
	const uint8_t *ip;		/* 16 bytes, or NULL */
	const uint8_t *local;		/* that it reached, or NULL */
};

enum asks_device {
	ASKS_DEVICE_OURS = 0,	/* look into the device table */
	ASKS_DEVICE_REFUSED,
	ASKS_DEVICE_OPEN,	/* registers without a password */
	ASKS_DEVICE_PASSWORD,	/* must know w->registration's */
};
enum asks_device asks_device(const struct asks_word *w);

/* As asks_send(). */
int asks_registration(struct core *c, const struct asks_register *r,
		      asks_fn fn, void *arg);
