#include "super/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

enum { FD_ABOVE = 10, EXIT_NO_EXEC = 127 };

static _Noreturn void give_up(const char *what)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "cannot start: %s: %s\n", what,
			 strerror(errno));

	if (n > 0 && write(2, line, (size_t)n) < 0)
		_exit(EXIT_NO_EXEC + 1);
	_exit(EXIT_NO_EXEC);
}

static void put_at(int fd, int want)
{
	if (dup2(fd, want) < 0)
		_exit(EXIT_NO_EXEC);
}

static void set_descriptors(const struct spawn *s)
{
	/* Out of the way first, so that no dup2 hits one still needed. */
	int null = fcntl(open("/dev/null", O_RDWR), F_DUPFD, FD_ABOVE);
	int crash = fcntl(s->crash, F_DUPFD, FD_ABOVE);
	int channel = fcntl(s->channel, F_DUPFD, FD_ABOVE);
	int log = fcntl(s->log, F_DUPFD, FD_ABOVE);

	put_at(null, 0);
	put_at(crash, 1);
	put_at(crash, 2);
	put_at(channel, 3);
	put_at(log, 4);
	if (syscall(SYS_close_range, 5u, ~0u, 0u) < 0)
		give_up("close_range");
}

static void reset_signals(void)
{
	struct sigaction def = {.sa_handler = SIG_DFL};
	sigset_t none;

	(void)sigemptyset(&none);
	for (int s = 1; s < 32; s++)
		(void)sigaction(s, &def, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The one capability that survives the change of user and, as an ambient one,
 * the exec; what else super holds goes here. */
static int keep_net_admin(void)
{
	const cap_value_t c = CAP_NET_ADMIN;
	cap_t caps = cap_init();
	int r = -1;

	if (caps && cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_SET) == 0 &&
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_SET) == 0 &&
	    cap_set_flag(caps, CAP_INHERITABLE, 1, &c, CAP_SET) == 0 &&
	    cap_set_proc(caps) == 0)
		r = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0);
	cap_free(caps);
	return r;
}

static void change_user(const struct spawn *s)
{
	if (!s->change_user)
		return;
	if (s->uid == 0 || s->gid == 0) {
		errno = EPERM;
		give_up("a role never runs as root");
	}
	if (s->net_admin && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		give_up("capabilities");
	if (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 ||
	    setresuid(s->uid, s->uid, s->uid) < 0)
		give_up("change of user");
	if (s->net_admin && keep_net_admin() < 0)
		give_up("CAP_NET_ADMIN");
	if (setuid(0) == 0)
		give_up("the old user came back");
}

static _Noreturn void child(const struct spawn *s)
{
	char instance[40];
	char *argv[] = {(char *)(uintptr_t)s->path, NULL};
	char *envp[4];
	size_t n = 0;

	/* A group of its own, so that Ctrl-C reaches super alone; the session
	 * stays, because autogroup ignores nice between sessions. */
	(void)setpgid(0, 0);
	reset_signals();
	set_descriptors(s);
	change_user(s);
	(void)umask(077);
	(void)snprintf(instance, sizeof(instance), "CONCLAVE_INSTANCE=%u",
		       s->instance);
	envp[n++] = instance;
	envp[n++] = (char *)(uintptr_t)"LC_ALL=C.UTF-8";
	envp[n++] = (char *)(uintptr_t)"PATH=/usr/bin:/bin";
	envp[n] = NULL;
	execve(s->path, argv, envp);
	give_up(s->path);
}

pid_t spawn_role(const struct spawn *s)
{
	pid_t pid = fork();

	if (pid == 0)
		child(s);
	return pid < 0 ? E_SYS : pid;
}

static bool is_roots(const char *path, bool dir)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
	       (dir ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

bool spawn_is_trusted(const char *path)
{
	char dir[512];
	char *slash;

	if (!is_roots(path, false) ||
	    snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return false;
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = 0;
		if (!is_roots(dir, true))
			return false;
	}
	return true;
}
