/* core/pool.h - the bounded worker pool of core: what takes more than a few
 * milliseconds or may take long on hostile input (argon2, policy scripts,
 * regular expressions) runs here, never on the main loop.
 *
 * A fixed number of threads takes jobs in the order they were put, those of
 * strangers last; of two or more threads one is kept from strangers, and of
 * the queue what core/share.h says. A job's
 * `work` runs on one of them and touches nothing but what `arg` hands it:
 * immutable snapshots and buffers of its own. `done` then runs on the main
 * thread, inside pool_dispatch(), exactly once for every job that pool_put()
 * took, whatever happened to it. So `arg` is freed in `done` and nowhere
 * else.
 *
 * Cancelling and deadlines: a job that has not begun is not begun any more
 * (its result is E_CLOSED or E_TIMEOUT). One that runs is not interrupted:
 * its own budget of steps ends it. Its `done` gets E_CLOSED then, too, so
 * that whoever cancelled never sees a late answer.
 *
 * Threads: pool_put, pool_cancel, pool_dispatch, pool_stats and pool_close
 * on the main thread only. Start after the sandbox closed (Landlock binds
 * only threads born later). System calls: clone, futex, read and write of an
 * eventfd, and what the work needs (memory).
 *
 * When the queue is full pool_put() refuses at once: the caller answers that
 * the platform is busy. Nothing here blocks the main thread but pool_close(),
 * which waits for the jobs that run.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "core/share.h"

struct pool;

enum {
	POOL_THREADS_MAX = 8,
	POOL_THREADS = 2,		/* what core uses */
	POOL_QUEUE_MAX = 512,		/* jobs taken and not yet done */
};

/* 0 or a negative E_*; given to `done`. */
typedef int (*pool_work_fn)(void *arg);
typedef void (*pool_done_fn)(void *arg, int result);

struct pool_cfg {
	unsigned threads;	/* 1..POOL_THREADS_MAX */
	unsigned queue_max;	/* 1..POOL_QUEUE_MAX */
};

struct pool_job {
	pool_work_fn work;
	pool_done_fn done;
	void *arg;
	uint64_t deadline_ns;	/* monotonic, 0 = none */
	enum share_who who;	/* whose queue place it takes */
	const uint8_t *ip;	/* NULL for SHARE_OURS alone */
};

struct pool_stats {
	uint64_t put, done, refused, cancelled, expired;
	struct share_stats share;	/* `refused` by reason */
	uint32_t waiting, running;	/* now */
	uint32_t most_waiting;		/* since the start */
};

/* Makes the pool and its eventfd; no thread yet. E_INVAL, E_NOMEM, E_SYS. */
int  pool_new(struct pool **out, const struct pool_cfg *cfg);
/* Starts the threads. E_SYS: none of them runs. */
int  pool_start(struct pool *p);
/* Waits for what runs, then calls every outstanding `done` (E_CLOSED for what
 * did not run). NULL is fine; *p becomes NULL. */
void pool_close(struct pool **p);

/* Copies *job. *handle (may be NULL) names it and is never 0. E_FULL, E_NOMEM,
 * E_CLOSED (while it closes): `done` is not called. */
int  pool_put(struct pool *p, const struct pool_job *job, uint64_t *handle);
/* False when there is no such job any more. */
bool pool_cancel(struct pool *p, uint64_t handle);

/* Readable when pool_dispatch() has something to do; level triggered. */
int  pool_fd(const struct pool *p);
/* Calls `done` of what is finished. Not from inside a `done`. How many. */
unsigned pool_dispatch(struct pool *p);
void pool_stats(struct pool *p, struct pool_stats *out);
