/* media/t/swarm.h - a whole media worker as a child process, and people around
 * it: for benches and for tests of its timing. The caller's process plays core,
 * the video worker and every client; it waits actively (swarm_step), so give
 * it a CPU of its own where that matters. One thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "ipc/frame.h"
#include "ipc/ipc.h"
#include "media/t/client.h"

enum { SWARM_MAX = 300, SWARM_ROOM = 1 };

struct swarm {
	pid_t pid;			/* of the worker */
	struct ipc_chan *core;
	int video;			/* we play the video worker */
	bool has_video;			/* set before swarm_join: legs with video */
	uint32_t pictures;
	struct client *c[SWARM_MAX];
	unsigned n, answers, secure;
	uint64_t ticks, late;		/* as the worker last said, once a second */
};

/* Encodes what the people say; once, before anything else. 0 or -1. */
int  swarm_voices(void);
/* Starts the worker with one room (talkers = K, 0 = default). */
bool swarm_open(struct swarm *s, uint32_t talkers);
/* Ends the worker and waits for it. */
void swarm_close(struct swarm *s);
/* Until all are there, at most 60 s; false: not all came. */
bool swarm_join(struct swarm *s, unsigned people);
/* Everyone sends 50 packets a second; the first `talking` speak, the others
 * send the noise of a quiet room. */
void swarm_talk(struct swarm *s, unsigned talking, bool has_level,
		unsigned seconds);
void swarm_step(struct swarm *s);
/* As the video worker: its greeting, and any frame. */
void swarm_hello(struct swarm *s);
void swarm_frame(struct swarm *s, const struct frame *f);
