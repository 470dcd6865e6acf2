/* CPU and memory of a whole worker: sockets, ICE, SRTP, jitter buffer, mix,
 * encode; and of giving one composed picture to many. The worker is a child
 * process, its people are clients here, and so is the video worker. Prints
 * `name value unit target verdict`; exits 1 when a target is missed.
 *
 * usage: bench_media [seconds]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "media.pb-c.h"
#include "media/t/swarm.h"

enum { WARM_S = 4, KB_MAX = 200, GROUP = 1, WATCHERS = 40, FPS = 30,
       PICTURE_BYTES = 1500 * 1000 / 8 / FPS };

struct setup {
	const char *name;
	unsigned people, talking, talkers;	/* talkers = K, 0: default */
	bool has_level;
	double target_ms, target_kb;		/* 0: none */
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

static long rss_kb(pid_t pid)
{
	char path[64];
	long all = 0, rss = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%ld %ld", &all, &rss) != 2)
		rss = 0;
	if (f)
		fclose(f);
	return rss * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A target of 0 is none. */
static bool report(const char *name, double value, const char *unit,
		   double target)
{
	if (target <= 0)
		printf("%s %.3f %s - info\n", name, value, unit);
	else
		printf("%s %.3f %s %.3f %s\n", name, value, unit, target,
		       value > target ? "fail" : "pass");
	return target <= 0 || value <= target;
}

static bool run(const struct setup *su, unsigned seconds)
{
	struct swarm s = {.n = 0};
	unsigned heard = 0, bad = 0, due = su->people * seconds * 50;
	char name[64];
	bool ok = false;
	double cpu;
	long kb;

	if (!swarm_open(&s, su->talkers))
		return false;
	kb = rss_kb(s.pid);
	ok = swarm_join(&s, su->people);
	swarm_talk(&s, su->talking, su->has_level, WARM_S);
	for (unsigned i = 0; i < s.n; i++)
		client_reset_got(s.c[i]);
	cpu = cpu_of(s.pid);
	swarm_talk(&s, su->talking, su->has_level, seconds);
	cpu = cpu_of(s.pid) - cpu;
	kb = rss_kb(s.pid) - kb;
	for (unsigned i = 0; i < s.n; i++) {
		heard += client_got(s.c[i])->audio;
		bad += client_got(s.c[i])->bad;
	}
	/* per second of sound that was delivered: on a busy machine ticks are
	 * skipped, and work that was not done must not look cheap */
	ok &= report(su->name, cpu * 1000 / (heard / 50.0 + 1e-9),
		     "ms/participant-s", su->target_ms);
	snprintf(name, sizeof(name), "%s_memory", su->name);
	ok &= report(name, (double)kb / su->people, "KB/leg", su->target_kb);
	printf("# %s: heard %u packets of %u, bad %u, late ticks %llu of %llu\n",
	       su->name, heard, due, bad, (unsigned long long)s.late,
	       (unsigned long long)s.ticks);
	swarm_close(&s);
	return ok && heard > due / 10;
}

/* --- one picture for many ---------------------------------------------- */

static void plan_send(struct swarm *s)
{
	Cv__PicturePlan p = CV__PICTURE_PLAN__INIT;
	Cv__GroupInfo g = CV__GROUP_INFO__INIT, *groups[] = {&g};
	Cv__Receiver r[WATCHERS], *list[WATCHERS];

	for (unsigned i = 0; i < WATCHERS; i++) {
		cv__receiver__init(&r[i]);
		r[i].leg = i;
		r[i].group = GROUP;
		list[i] = &r[i];
	}
	g.group = GROUP;
	g.codec = CV__CODEC_NAME__CODEC_VP8;
	g.width = 1280;
	g.height = 720;
	g.fps = FPS;
	g.kbps = 1500;
	p.room = SWARM_ROOM;
	p.epoch = 1;
	p.groups = groups;
	p.n_groups = 1;
	p.receivers = list;
	p.n_receivers = WATCHERS;
	(void)ipc_send(s->core, PICTURE_PLAN, &p);
}

/* Media looks at no bit of a VP8 picture but its length and the key flag. */
static void picture_send(struct swarm *s, uint64_t now_ns)
{
	static const uint8_t data[PICTURE_BYTES];
	struct frame f = {.kind = FRAME_OUT, .codec = FRAME_VP8, .chunks = 1,
			  .flags = s->pictures % (10 * FPS) ? 0 : FRAME_F_KEY,
			  .width = 1280, .height = 720, .id = s->pictures,
			  .room = SWARM_ROOM, .stream = GROUP, .mono_ns = now_ns,
			  .total = sizeof(data),
			  .data = span_of(data, sizeof(data))};

	s->pictures++;
	swarm_frame(s, &f);
}

static double watch_cpu(struct swarm *s, unsigned seconds, bool has_pictures)
{
	uint64_t due = clock_mono_ns();
	double cpu = cpu_of(s->pid);

	for (unsigned k = 0; k < seconds * FPS; k++) {
		if (has_pictures)
			picture_send(s, clock_mono_ns());
		due += NS_PER_S / FPS;
		do
			swarm_step(s);
		while (clock_mono_ns() < due);
	}
	return cpu_of(s->pid) - cpu;
}

/* The work per receiver and that per picture (once) are taken together: more
 * than the further receiver costs, never less. */
static bool run_watchers(unsigned seconds)
{
	struct swarm s = {.has_video = true};
	uint64_t bytes = 0, due = (uint64_t)PICTURE_BYTES * FPS * seconds *
				  WATCHERS;
	double idle, busy;
	bool ok;

	if (!swarm_open(&s, 0))
		return false;
	swarm_hello(&s);
	ok = swarm_join(&s, WATCHERS);
	plan_send(&s);
	(void)watch_cpu(&s, 1, false);
	idle = watch_cpu(&s, seconds, false);
	(void)watch_cpu(&s, 1, true);
	for (unsigned i = 0; i < s.n; i++)
		client_reset_got(s.c[i]);
	busy = watch_cpu(&s, seconds, true);
	for (unsigned i = 0; i < s.n; i++)
		bytes += client_got(s.c[i])->video_bytes;
	ok &= report("media_picture_receiver",
		     (busy - idle) / seconds / WATCHERS * 100,
		     "percent_of_core", 0.3);
	printf("# media_picture_receiver: %u receivers, got %.1f %% of the bytes, "
	       "without pictures %.3f %% each\n", (unsigned)WATCHERS,
	       (double)bytes * 100 / (double)due,
	       idle / seconds / WATCHERS * 100);
	swarm_close(&s);
	return ok && bytes > due - due / 20;
}

int main(int argc, char **argv)
{
	static const struct setup setups[] = {
		{"media_100_speaking_k5", 100, 100, 5, false, 4.0, KB_MAX},
		{"media_100_speaking_k100", 100, 100, 100, false, 0, 0},
		{"media_300_three_speaking", 300, 3, 0, true, 1.0, KB_MAX},
	};
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 8;
	struct rlimit files = {4096, 4096};
	bool ok = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (srtp_init() != srtp_err_status_ok || swarm_voices() < 0)
		return 1;
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		ok &= run(&setups[i], seconds);
	ok &= run_watchers(seconds);
	return ok ? 0 : 1;
}
