#include "core/store/writer.h"
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

#define SYNC_RETRY_NS NS_PER_S

static struct job *job_of(struct list *l)
{
	return list_entry(l, struct job, at);
}

static void signal_fd(struct writer *w)
{
	uint64_t one = 1;
	/* Only a full counter can refuse, and then the fd is readable. */
	ssize_t n = write(w->event_fd, &one, sizeof(one));
	(void)n;
}

/* --- on the writer thread ------------------------------------------------- */

static void fail_group(struct list *group, int error)
{
	list_each(it, tmp, group) {
		struct request *rq = list_entry(it, struct request, job.at);
		if (rq->res.error < 0)
			continue;
		exec_drop_changes(rq);
		rq->res.error = error;
		schema_fail(&rq->res.why, NULL, NULL, "store", 0,
			    "not saved: %s", err_text(error));
	}
}

static bool is_our_fault(int error)
{
	return error == E_NOSPACE || error == E_SYS || error == E_CORRUPT ||
	       error == E_INTERNAL;
}

/* SQLite ends the transaction by itself on a full disk or an I/O error; then
 * nothing of the group was saved. */
static int exec_group(struct writer *w, struct list *group)
{
	int hard = 0;
	list_each(it, tmp, group) {
		struct request *rq = list_entry(it, struct request, job.at);
		if (hard < 0)
			break;
		exec_request(w->db, rq);
		if (is_our_fault(rq->res.error) &&
		    sqlite3_get_autocommit(w->db->h))
			hard = rq->res.error;
	}
	return hard;
}

static int commit_group(struct writer *w, struct list *group)
{
	int e = db_exec(w->db, "BEGIN IMMEDIATE");
	if (e == 0)
		e = exec_group(w, group);
	if (e == 0)
		e = db_exec(w->db, "COMMIT");
	if (e == 0)
		return 0;
	fail_group(group, e);
	if (!sqlite3_get_autocommit(w->db->h))
		(void)db_exec(w->db, "ROLLBACK");
	(void)db_count_rows(w->db);
	return e;
}

static int run_syncers(struct writer *w)
{
	int first = 0;
	(void)pthread_mutex_lock(&w->lock);
	size_t n = w->n_syncers;	/* only grows */
	(void)pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		int e = w->syncers[i].fn(w->syncers[i].arg);
		if (e < 0 && first == 0)
			first = e;
	}
	return first;
}

struct batch {
	struct list requests, others;
	size_t n_requests;
	bool has_flush, is_sync_due;
};

static void finish(struct writer *w, struct list *done)
{
	(void)pthread_mutex_lock(&w->lock);
	list_each(it, tmp, done) {
		list_del(it);
		list_add_tail(&w->ready, it);
	}
	(void)pthread_mutex_unlock(&w->lock);
	signal_fd(w);
}

static void count(struct writer *w, const struct batch *b, int commit,
		  int sync)
{
	(void)pthread_mutex_lock(&w->lock);
	w->stats.requests += b->n_requests;
	w->stats.commits += b->n_requests > 0 && commit == 0;
	w->stats.failed += commit < 0;
	w->stats.syncs += b->has_flush || b->is_sync_due;
	w->stats.sync_errors += sync < 0;
	/* A failed sync is tried again, not only with the next change. */
	if (sync < 0 && !w->is_stopping && w->sync_at_ns == 0)
		w->sync_at_ns = clock_mono_ns() + SYNC_RETRY_NS;
	(void)pthread_mutex_unlock(&w->lock);
}

static void run_batch(struct writer *w, struct batch *b)
{
	int sync = 0, commit = 0;
	if (b->has_flush || b->is_sync_due)
		sync = run_syncers(w);
	if (b->n_requests > 0)
		commit = commit_group(w, &b->requests);
	count(w, b, commit, sync);
	finish(w, &b->requests);
	list_each(it, tmp, &b->others) {
		struct job *job = job_of(it);
		struct post *p = list_entry(it, struct post, job.at);
		job->result = job->kind == JOB_FLUSH ? sync
						     : p->work(p->arg);
	}
	finish(w, &b->others);
}

/* Takes jobs up to the group limit. A flush ends the batch: what was put
 * before it is in, what comes later need not wait for it. Lock held. */
static void take_batch(struct writer *w, struct batch *b, uint64_t now)
{
	list_init(&b->requests);
	list_init(&b->others);
	b->n_requests = 0;
	b->has_flush = false;
	for (unsigned n = 0; n < STORE_GROUP_MAX &&
	     !list_is_empty(&w->waiting); n++) {
		struct job *job = job_of(w->waiting.next);
		list_del(&job->at);
		w->n_waiting--;
		b->has_flush |= job->kind == JOB_FLUSH;
		b->n_requests += job->kind == JOB_REQUEST;
		list_add_tail(job->kind == JOB_REQUEST ? &b->requests
						       : &b->others, &job->at);
		if (job->kind == JOB_POST)
			break;
	}
	b->is_sync_due = w->sync_at_ns != 0 &&
			 (now >= w->sync_at_ns || w->is_stopping);
	if (b->is_sync_due || b->has_flush)
		w->sync_at_ns = 0;
}

static void sleep_until(struct writer *w, uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S),
			      .tv_nsec = (long)(ns % NS_PER_S)};
	(void)pthread_cond_timedwait(&w->wake, &w->lock, &ts);
}

/* False when there is nothing left and the end was asked for. */
static bool next_batch(struct writer *w, struct batch *b)
{
	bool has_work = true;
	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		uint64_t now = clock_mono_ns();
		if (!list_is_empty(&w->waiting) ||
		    (w->sync_at_ns != 0 &&
		     (now >= w->sync_at_ns || w->is_stopping))) {
			take_batch(w, b, now);
			break;
		}
		if (w->is_stopping) {
			has_work = false;
			break;
		}
		if (w->sync_at_ns != 0)
			sleep_until(w, w->sync_at_ns);
		else
			(void)pthread_cond_wait(&w->wake, &w->lock);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return has_work;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	struct batch b;
	while (next_batch(w, &b))
		run_batch(w, &b);
	return NULL;
}

/* --- on the main thread --------------------------------------------------- */

static int init_sync(struct writer *w)
{
	pthread_condattr_t attr;
	if (pthread_mutex_init(&w->lock, NULL) != 0)
		return E_NOMEM;
	if (pthread_condattr_init(&attr) != 0)
		return E_NOMEM;
	int rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(&w->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return rc == 0 ? 0 : E_NOMEM;
}

int writer_init(struct writer *w, struct db *db)
{
	*w = (struct writer){.db = db, .event_fd = -1};
	list_init(&w->waiting);
	list_init(&w->ready);
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd < 0)
		return E_SYS;
	return init_sync(w);
}

/* The main thread keeps every signal for itself. */
int writer_start(struct writer *w)
{
	sigset_t all, old;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	int rc = pthread_create(&w->thread, NULL, writer_main, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->is_running = rc == 0;
	return rc == 0 ? 0 : E_SYS;
}

void writer_stop(struct writer *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->is_stopping = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	if (w->is_running)
		(void)pthread_join(w->thread, NULL);
	else
		(void)writer_main(w);
	w->is_running = false;
}

void writer_release(struct writer *w)
{
	if (w->event_fd < 0)
		return;
	(void)close(w->event_fd);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
}

int writer_put(struct writer *w, struct job *job)
{
	int e = 0;
	(void)pthread_mutex_lock(&w->lock);
	if (w->n_pending >= STORE_QUEUE_MAX) {
		e = E_FULL;
	} else {
		list_add_tail(&w->waiting, &job->at);
		w->n_waiting++;
		w->n_pending++;
		w->stats.posts += job->kind == JOB_POST;
		(void)pthread_cond_signal(&w->wake);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return e;
}

void writer_take(struct writer *w, struct list *out)
{
	uint64_t n;
	/* Empty is fine: somebody took the rest already. */
	ssize_t got = read(w->event_fd, &n, sizeof(n));
	(void)got;
	(void)pthread_mutex_lock(&w->lock);
	list_each(it, tmp, &w->ready) {
		list_del(it);
		list_add_tail(out, it);
		w->n_pending--;
	}
	(void)pthread_mutex_unlock(&w->lock);
}

bool writer_wait(struct writer *w)
{
	(void)pthread_mutex_lock(&w->lock);
	bool is_pending = w->n_pending > 0;
	(void)pthread_mutex_unlock(&w->lock);
	if (!is_pending || !w->is_running)
		return false;
	struct pollfd p = {.fd = w->event_fd, .events = POLLIN};
	(void)poll(&p, 1, -1);		/* interrupted: the caller asks again */
	return true;
}

int writer_attach(struct writer *w, store_sync_fn fn, void *arg)
{
	int e = E_FULL;
	(void)pthread_mutex_lock(&w->lock);
	if (w->n_syncers < STORE_SYNCERS_MAX) {
		w->syncers[w->n_syncers].fn = fn;
		w->syncers[w->n_syncers++].arg = arg;
		e = 0;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return e;
}

void writer_sync_due(struct writer *w)
{
	(void)pthread_mutex_lock(&w->lock);
	if (w->sync_at_ns == 0) {
		w->sync_at_ns = clock_mono_ns() + STORE_SYNC_MS * NS_PER_MS;
		(void)pthread_cond_signal(&w->wake);
	}
	(void)pthread_mutex_unlock(&w->lock);
}
