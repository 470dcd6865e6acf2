/* core/store/writer.h - the writer thread: takes jobs in order, commits
 * requests in groups, runs sync tasks, hands results back.
 *
 * put, take and sync_due are for the main thread; everything below the database
 * belongs to the thread between start and stop.
 */
#pragma once
#include <pthread.h>
#include "core/store/store_int.h"

struct writer {
	struct db *db;
	pthread_t thread;
	bool is_running;
	int event_fd;

	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t wake;
	struct list waiting, ready;	/* struct job */
	size_t n_waiting, n_pending;	/* waiting + not yet taken */
	uint64_t sync_at_ns;		/* 0 = not due */
	bool is_stopping;
	struct {
		store_sync_fn fn;
		void *arg;
	} syncers[STORE_SYNCERS_MAX];
	size_t n_syncers;
	struct store_stats stats;
};

int  writer_init(struct writer *w, struct db *db);
int  writer_start(struct writer *w);
/* Carries out all jobs, joins the thread. Without a thread: here and now. */
void writer_stop(struct writer *w);
void writer_release(struct writer *w);
/* E_FULL above STORE_QUEUE_MAX. */
int  writer_put(struct writer *w, struct job *job);
/* Moves what is done to `out` (an empty list head). */
void writer_take(struct writer *w, struct list *out);
/* Blocks until there is something to take or nothing is pending: false. */
bool writer_wait(struct writer *w);
int  writer_attach(struct writer *w, store_sync_fn fn, void *arg);
void writer_sync_due(struct writer *w);
