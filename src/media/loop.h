/* media/loop.h - the epoll loop of a media worker.
 *
 * A watch is embedded by its owner. loop_del() is safe in any callback: events
 * of the same batch for that watch are forgotten. `now` is read once a turn and
 * handed down. Not thread safe.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

typedef void (*watch_fn)(void *arg, uint32_t events, uint64_t now_ns);

struct watch {
	int fd;
	watch_fn fn;
	void *arg;
	uint32_t events;	/* EPOLL* asked for now; 0 = not in the loop */
};

enum { LOOP_BATCH = 64 };

struct loop {
	int epoll_fd;
	struct epoll_event batch[LOOP_BATCH];
	int n, i;
};

/* E_SYS. */
int  loop_init(struct loop *l);
void loop_release(struct loop *l);
/* Adds or changes. E_SYS. */
int  loop_set(struct loop *l, struct watch *w, uint32_t events);
void loop_del(struct loop *l, struct watch *w);
/* One turn: waits at most wait_ms (negative: for ever), reads the clock, runs
 * the callbacks. Returns the time. */
uint64_t loop_turn(struct loop *l, int wait_ms);
