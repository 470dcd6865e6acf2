/* media/rtp/keyreq.h - keyframe requests in bounds.
 *
 * `struct keyreq` guards one source of pictures: a wish is remembered and goes
 * out at most once in KEYREQ_INTERVAL_MS, again while no keyframe came.
 * `struct keystorm` watches one receiver: more than KEYSTORM_MAX wishes within
 * KEYSTORM_WINDOW_S are a storm, to be moved into a group of its own.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	KEYREQ_INTERVAL_MS = 700,
	KEYSTORM_WINDOW_S = 10,
	KEYSTORM_MAX = 5,
};

struct keyreq {
	bool is_wanted;
	uint64_t asked_ns;		/* 0 = never */
	uint64_t asked, held;
};
void keyreq_want(struct keyreq *k);
/* True when a request is to be sent now. */
bool keyreq_due(struct keyreq *k, uint64_t now_ns);
void keyreq_got(struct keyreq *k);	/* a keyframe came */

struct keystorm {
	uint64_t since_ns;
	unsigned count;
	bool was_storm;			/* in the window before */
};
void keystorm_note(struct keystorm *k, uint64_t now_ns);
bool keystorm_is(const struct keystorm *k);
