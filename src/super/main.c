/* conclave-super: wiring only. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "super/prepare.h"
#include "super/sandbox.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, N_SIGNALS = 4 };

struct super {
	struct options opt;
	struct house_cfg cfg;
	struct sink sink;
	struct house *house;
	int lock;
	const char *why_no_ban;
	struct event *signals[N_SIGNALS];
};

static int complain(const char *line)
{
	(void)fprintf(stderr, "conclave-super: %s\n", line);
	return EXIT_FAILED;
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct super *s = arg;

	(void)what;
	if (sig == SIGCHLD)
		house_reap(s->house);
	else if (sig == SIGHUP)
		house_reload(s->house);
	else
		house_stop(s->house);
}

static int watch_signals(struct super *s)
{
	static const int sigs[N_SIGNALS] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		s->signals[i] = evsignal_new(s->cfg.base, sigs[i], on_signal,
					     s);
		if (!s->signals[i] || event_add(s->signals[i], NULL) < 0)
			return E_NOMEM;
	}
	return 0;
}

/* The pipe through which super's own records reach its sink. */
static int open_log(struct super *s, char error[PREPARE_ERROR_MAX])
{
	int fd = STDERR_FILENO, pipe_fds[2];
	bool journal = getenv("JOURNAL_STREAM") && !s->opt.log_file[0];

	if (s->opt.log_file[0])
		fd = open(s->opt.log_file,
			  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		(void)snprintf(error, PREPARE_ERROR_MAX, "%s: %s",
			       s->opt.log_file[0] ? s->opt.log_file : "log",
			       strerror(errno));
		return E_SYS;
	}
	sink_init(&s->sink, fd, journal ? SINK_JOURNAL : SINK_PLAIN);
	s->cfg.own_log = pipe_fds[0];
	log_open(pipe_fds[1], ipc_role_name(ROLE_SUPER), 0);
	return 0;
}

/* Files and sockets of all roles pass through here. */
static void raise_nofile(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void no_descriptors(struct house_fds *f)
{
	*f = (struct house_fds){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
				-1, {0}, {0}, -1};
	for (size_t i = 0; i < OPT_WORKERS_MAX; i++)
		f->udp[i] = f->tcp[i] = -1;
}

static int prepare(struct super *s, char error[PREPARE_ERROR_MAX])
{
	int r;

	s->cfg.opt = &s->opt;
	s->cfg.sink = &s->sink;
	no_descriptors(&s->cfg.fds);
	raise_nofile();
	if (sandbox_early() < 0) {
		(void)snprintf(error, PREPARE_ERROR_MAX,
			       "this kernel is too old: %s", strerror(errno));
		return E_SYS;
	}
	prepare_roles(&s->cfg, &s->why_no_ban);
	r = prepare_users(&s->cfg, error);
	if (!r)
		r = prepare_files(&s->cfg, &s->lock, error);
	if (!r)
		r = prepare_sockets(&s->cfg, error);
	return r ? r : open_log(s, error);
}

static int start(struct super *s)
{
	int r = super_walls(&s->opt, s->cfg.with_ban);

	if (r < 0)
		return r;
	s->cfg.base = event_base_new();
	if (!s->cfg.base)
		return E_NOMEM;
	r = house_new(&s->house, &s->cfg);
	return r ? r : watch_signals(s);
}

static void finish(struct super *s)
{
	static const char *const names[] = {"cli.sock", "ports"};
	char path[OPT_PATH_MAX + 16];

	house_free(&s->house);
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (s->signals[i])
			event_free(s->signals[i]);
	if (s->cfg.base)
		event_base_free(s->cfg.base);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->opt.run_dir,
			       names[i]);
		(void)unlink(path);
	}
}

static bool wants_help(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			     strcmp(argv[1], "-h") == 0);
}

int main(int argc, char **argv)
{
	struct super s = {.lock = -1};
	char error[PREPARE_ERROR_MAX];
	int r;

	if (wants_help(argc, argv))
		return fputs(options_usage, stdout) < 0;
	if (options_parse(&s.opt, argc, argv, error) < 0) {
		(void)complain(error);
		return EXIT_USAGE;
	}
	if (prepare(&s, error) < 0)
		return complain(error);
	if (start(&s) < 0) {
		finish(&s);
		return complain("the walls cannot be closed: Linux 6.1 or newer with seccomp and Landlock is needed");
	}
	log_notice("super", "starts", LOG_U("workers", s.cfg.workers),
		   LOG_U("https_port", s.opt.https_port),
		   LOG_U("media_port", s.opt.media_first));
	if (s.why_no_ban)
		log_notice("super", "no kernel bans: they act in the faces",
			   LOG_S("why", s.why_no_ban));
	if (s.cfg.fds.guard < 0)
		log_warn("super", "no file <data>/core/guard: blocks and bans end with core");
	if (s.cfg.fds.prompts < 0)
		log_warn("super", "no prompts.pack in --libexec-dir: callers by telephone are told nothing");
	if (!s.cfg.with_courier)
		log_notice("super", "conclave-courier is not installed: nothing calls out");
	if (!s.cfg.with_sip)
		log_notice("super", "no SIP: conclave-sip is not installed, or both of its ports are 0");
	house_start(s.house);
	(void)event_base_dispatch(s.cfg.base);
	r = house_refusal(s.house) ? complain(house_refusal(s.house)) : 0;
	finish(&s);
	return r;
}
