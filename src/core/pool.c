#include "core/pool.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"

struct job {
	struct list at;
	uint64_t handle;
	struct pool_job job;
	struct share_place place;
	int result;
	bool is_cancelled;
};

struct pool {
	struct pool_cfg cfg;
	pthread_t threads[POOL_THREADS_MAX];
	unsigned n_threads;
	int event_fd;
	struct share share;		/* the main thread's alone */

	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t wake;
	struct list waiting, strangers, running, ready;
	unsigned n_strangers;		/* that run */
	uint64_t last_handle;
	bool is_stopping;
	struct pool_stats stats;
};

static struct job *job_of(struct list *l)
{
	return list_entry(l, struct job, at);
}

static void lock(struct pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
}

static void unlock(struct pool *p)
{
	(void)pthread_mutex_unlock(&p->lock);
}

/* Lock held. */
static void make_ready(struct pool *p, struct job *j)
{
	const uint64_t one = 1;
	ssize_t n;

	list_del(&j->at);
	list_add_tail(&p->ready, &j->at);
	/* Only a full counter can refuse, and then the fd is readable. */
	n = write(p->event_fd, &one, sizeof(one));
	(void)n;
}

/* --- on a thread of the pool ------------------------------------------------- */

static bool is_stranger(const struct job *j)
{
	return j->job.who == SHARE_STRANGER;
}

/* The first in line; of strangers only if that leaves a thread. Lock held. */
static struct job *first(struct pool *p)
{
	const unsigned most = p->cfg.threads > 1 ? p->cfg.threads - 1 : 1;

	if (!list_is_empty(&p->waiting))
		return job_of(p->waiting.next);
	if (!list_is_empty(&p->strangers) && p->n_strangers < most)
		return job_of(p->strangers.next);
	return NULL;
}

/* The next job that is still wanted, or NULL at the end. Lock held. */
static struct job *take(struct pool *p)
{
	while (!p->is_stopping) {
		struct job *j = first(p);

		if (!j) {
			(void)pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		p->stats.waiting--;
		if (!j->job.deadline_ns ||
		    clock_mono_ns() < j->job.deadline_ns) {
			list_del(&j->at);
			list_add_tail(&p->running, &j->at);
			p->stats.running++;
			p->n_strangers += is_stranger(j);
			return j;
		}
		j->result = E_TIMEOUT;
		p->stats.expired++;
		make_ready(p, j);
	}
	return NULL;
}

static void *run(void *arg)
{
	struct pool *p = arg;
	struct job *j;

	lock(p);
	while ((j = take(p))) {
		int r;

		unlock(p);
		r = j->job.work(j->job.arg);
		lock(p);
		p->n_strangers -= is_stranger(j);
		j->result = j->is_cancelled ? E_CLOSED : r;
		p->stats.running--;
		make_ready(p, j);
	}
	unlock(p);
	return NULL;
}

/* --- on the main thread -------------------------------------------------------- */

static int init_sync(struct pool *p)
{
	if (pthread_mutex_init(&p->lock, NULL) != 0)
		return E_NOMEM;
	if (pthread_cond_init(&p->wake, NULL) == 0)
		return 0;
	(void)pthread_mutex_destroy(&p->lock);
	return E_NOMEM;
}

int pool_new(struct pool **out, const struct pool_cfg *cfg)
{
	struct pool *p;
	int r;

	if (!cfg->threads || cfg->threads > POOL_THREADS_MAX ||
	    !cfg->queue_max || cfg->queue_max > POOL_QUEUE_MAX)
		return E_INVAL;
	p = mem_zalloc(sizeof(*p));
	if (!p)
		return E_NOMEM;
	p->cfg = *cfg;
	list_init(&p->waiting);
	list_init(&p->strangers);
	list_init(&p->running);
	list_init(&p->ready);
	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = p->event_fd < 0 ? E_SYS : share_init(&p->share, cfg->queue_max);
	r = r ? r : init_sync(p);
	if (r < 0) {
		share_release(&p->share);
		if (p->event_fd >= 0)
			(void)close(p->event_fd);
		mem_free(p);
		return r;
	}
	*out = p;
	return 0;
}

static void end_threads(struct pool *p)
{
	lock(p);
	p->is_stopping = true;
	(void)pthread_cond_broadcast(&p->wake);
	unlock(p);
	while (p->n_threads)
		(void)pthread_join(p->threads[--p->n_threads], NULL);
}

/* The main thread keeps every signal for itself. */
int pool_start(struct pool *p)
{
	sigset_t all, old;
	int rc = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	while (p->n_threads < p->cfg.threads && rc == 0) {
		rc = pthread_create(&p->threads[p->n_threads], NULL, run, p);
		p->n_threads += rc == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		return 0;
	end_threads(p);
	p->is_stopping = false;
	return E_SYS;
}

static void give_up(struct pool *p, struct list *jobs)
{
	list_each(it, tmp, jobs) {
		struct job *j = job_of(it);

		j->result = E_CLOSED;
		make_ready(p, j);
	}
}

void pool_close(struct pool **pp)
{
	struct pool *p = *pp;

	if (!p)
		return;
	end_threads(p);
	give_up(p, &p->waiting);
	give_up(p, &p->strangers);
	(void)pool_dispatch(p);
	share_release(&p->share);
	(void)close(p->event_fd);
	(void)pthread_cond_destroy(&p->wake);
	(void)pthread_mutex_destroy(&p->lock);
	mem_free(p);
	*pp = NULL;
}

/* Lock held. */
static int enqueue(struct pool *p, struct job *j)
{
	if (p->is_stopping)
		return E_CLOSED;
	j->handle = ++p->last_handle;
	list_add_tail(is_stranger(j) ? &p->strangers : &p->waiting, &j->at);
	p->stats.put++;
	p->stats.waiting++;
	if (p->stats.waiting > p->stats.most_waiting)
		p->stats.most_waiting = p->stats.waiting;
	(void)pthread_cond_signal(&p->wake);
	return 0;
}

int pool_put(struct pool *p, const struct pool_job *job, uint64_t *handle)
{
	struct job *j = mem_zalloc(sizeof(*j));
	int r;

	if (!j)
		return E_NOMEM;
	j->job = *job;
	j->job.ip = NULL;	/* the caller's */
	r = share_take(&p->share, job->who, job->ip, &j->place);
	if (r < 0) {
		mem_free(j);
		return r;
	}
	lock(p);
	r = enqueue(p, j);
	if (r == 0 && handle)
		*handle = j->handle;	/* before a thread may free it */
	unlock(p);
	if (r < 0) {
		share_give(&p->share, &j->place);
		mem_free(j);
	}
	return r;
}

static struct job *find(struct list *head, uint64_t handle)
{
	list_each(it, tmp, head)
		if (job_of(it)->handle == handle)
			return job_of(it);
	return NULL;
}

bool pool_cancel(struct pool *p, uint64_t handle)
{
	struct job *j;

	lock(p);
	j = find(&p->waiting, handle);
	if (!j)
		j = find(&p->strangers, handle);
	if (j) {
		j->result = E_CLOSED;
		p->stats.waiting--;
		make_ready(p, j);
	} else {
		j = find(&p->running, handle);
	}
	if (!j)
		j = find(&p->ready, handle);
	if (j && !j->is_cancelled) {
		j->is_cancelled = true;
		j->result = E_CLOSED;
		p->stats.cancelled++;
	}
	unlock(p);
	return j != NULL;
}

int pool_fd(const struct pool *p)
{
	return p->event_fd;
}

static struct job *next_ready(struct pool *p)
{
	struct job *j = NULL;

	lock(p);
	if (!list_is_empty(&p->ready)) {
		j = job_of(p->ready.next);
		list_del(&j->at);
		p->stats.done++;
	}
	unlock(p);
	return j;
}

unsigned pool_dispatch(struct pool *p)
{
	struct job *j;
	unsigned n = 0;
	uint64_t count;
	/* Empty is fine: somebody took the rest already. */
	const ssize_t got = read(p->event_fd, &count, sizeof(count));

	(void)got;
	while ((j = next_ready(p))) {
		share_give(&p->share, &j->place);
		j->job.done(j->job.arg, j->result);
		mem_free(j);
		n++;
	}
	return n;
}

void pool_stats(struct pool *p, struct pool_stats *out)
{
	lock(p);
	*out = p->stats;
	unlock(p);
	out->share = p->share.stats;
	out->refused = out->share.refused_full +
		out->share.refused_strangers + out->share.refused_source;
}
