/* A spinning video worker on the same core costs media no late tick.
 *
 * A whole media worker with people in it and a busy loop that lowered itself
 * as the video role does, both on one CPU; the people on the others. What else
 * runs on the machine can make ticks late, too: a run with the loop is judged
 * only between two runs without it that were in time. When those are not, the
 * machine is too busy to say anything: it is tried again, and in the end that
 * is a failure of its own, never a pass.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "media/t/swarm.h"
#include "video/lower.h"

enum { PEOPLE = 8, RUN_S = 6, TRIES = 10, STOP_MS = 200,
       LATE_PERMILLE = 10 };		/* more is not in time */

struct run {
	uint64_t ticks, late;
};

static double cpu_of(pid_t pid)
{
	struct timespec t = {0};
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) != 0)
		return 0;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The last CPU we may use is for the two, the rest for the people. One CPU:
 * all share it. */
static int split(cpu_set_t *worker, cpu_set_t *people)
{
	int last = -1;

	if (sched_getaffinity(0, sizeof(*people), people) < 0)
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, people))
			last = i;
	CPU_ZERO(worker);
	CPU_SET(last, worker);
	if (CPU_COUNT(people) > 1)
		CPU_CLR(last, people);
	return 0;
}

static pid_t spin(const cpu_set_t *where)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setaffinity(0, sizeof(*where), where) < 0 ||
	    video_lower_self() < 0)
		_exit(1);
	for (volatile unsigned n = 0;; n++)
		;
}

static struct run measure(struct swarm *s)
{
	struct run r;

	/* the worker tells its counters once a second */
	swarm_talk(s, PEOPLE, true, 2);
	r = (struct run){s->ticks, s->late};
	swarm_talk(s, PEOPLE, true, RUN_S);
	return (struct run){s->ticks - r.ticks, s->late - r.late};
}

static bool in_time(const char *what, struct run r)
{
	bool ok = r.ticks && r.late * 1000 <= r.ticks * LATE_PERMILLE;

	printf("# %s: %llu of %llu ticks late\n", what,
	       (unsigned long long)r.late, (unsigned long long)r.ticks);
	return ok;
}

enum verdict { PASS, FAIL, BUSY };

static enum verdict judge(struct swarm *s, const cpu_set_t *where)
{
	enum verdict v;
	double cpu;
	pid_t pid;
	bool ok;

	if (!in_time("alone", measure(s)))
		return BUSY;
	pid = spin(where);
	if (pid < 0)
		return FAIL;
	ok = in_time("beside a spinning video", measure(s));
	cpu = cpu_of(pid) / (RUN_S + 2);
	printf("# the loop had %.0f %% of the core\n", cpu * 100);
	v = waitpid(pid, NULL, WNOHANG) != 0 ? FAIL : PASS;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (v == FAIL)
		return FAIL;		/* it did not spin */
	/* somebody else had the core: nothing was shown */
	if (cpu < 0.2)
		return BUSY;
	if (ok)
		return PASS;
	return in_time("alone again", measure(s)) ? FAIL : BUSY;
}

/* A worker that is stopped for a while has to be seen as late. */
static bool sees_late_ticks(struct swarm *s)
{
	struct timespec nap = {.tv_nsec = STOP_MS * 1000000};
	uint64_t before = s->late;

	(void)kill(s->pid, SIGSTOP);
	(void)nanosleep(&nap, NULL);
	(void)kill(s->pid, SIGCONT);
	swarm_talk(s, PEOPLE, true, 3);
	return s->late > before;
}

static int run(struct swarm *s)
{
	cpu_set_t worker, people;
	enum verdict v = BUSY;

	if (split(&worker, &people) < 0 ||
	    sched_setaffinity(s->pid, sizeof(worker), &worker) < 0 ||
	    sched_setaffinity(0, sizeof(people), &people) < 0) {
		printf("not ok: %s\n", strerror(errno));
		return 1;
	}
	if (!swarm_join(s, PEOPLE)) {
		printf("not ok: the worker let nobody in\n");
		return 1;
	}
	if (!sees_late_ticks(s)) {
		printf("not ok: a stopped worker did not count as late\n");
		return 1;
	}
	for (int i = 0; i < TRIES && v == BUSY; i++) {
		v = judge(s, &worker);
		if (v == BUSY)
			printf("# machine too busy, try %d of %d\n", i + 1,
			       (int)TRIES);
	}
	printf("%s\n", v == PASS ? "ok" : v == FAIL
	       ? "not ok: a spinning video costs ticks"
	       : "not ok: machine too busy");
	return v == PASS ? 0 : 1;
}

int main(void)
{
	static struct swarm s;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (srtp_init() != srtp_err_status_ok || swarm_voices() < 0 ||
	    !swarm_open(&s, 0)) {
		printf("not ok: no worker\n");
		return 1;
	}
	r = run(&s);
	swarm_close(&s);
	return r;
}
