#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/alloc.h"

/* Made before the walls: a socket that only has to be connected, another to
 * be bound, and where to. */
static int loose_socket = -1, unbound_socket = -1;
static struct sockaddr_in target;
static char scratch[64];

int probe_prepare(void)
{
	socklen_t len = sizeof(target);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	loose_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unbound_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	target.sin_family = AF_INET;
	target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (l < 0 || loose_socket < 0 || unbound_socket < 0 ||
	    bind(l, (struct sockaddr *)&target, sizeof(target)) < 0 ||
	    listen(l, 64) < 0 ||
	    getsockname(l, (struct sockaddr *)&target, &len) < 0)
		return -1;
	(void)snprintf(scratch, sizeof(scratch), "/tmp/probe-%d",
		       (int)getpid());
	return 0;
}

static int code(long r)
{
	return r < 0 ? errno : 0;
}

static int try_open(void)
{
	return code(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static int try_create(void)
{
	return code(syscall(SYS_openat, AT_FDCWD, scratch,
			    O_CREAT | O_EXCL | O_WRONLY, 0600));
}

static int try_open_legacy(void)
{
#ifdef SYS_open
	return code(syscall(SYS_open, "/etc/passwd", O_RDONLY));
#else
	return EPERM;
#endif
}

static int try_openat2(void)
{
	uint64_t how[3] = {O_RDONLY, 0, 0};

	return code(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how,
			    sizeof(how)));
}

static int try_unlink(void)
{
	return code(unlinkat(AT_FDCWD, scratch, 0));
}

static int try_chmod(void)
{
	return code(syscall(SYS_fchmodat, AT_FDCWD, scratch, 0700));
}

static int try_socket(void)
{
	return code(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_socket_udp(void)
{
	return code(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int try_socket_unix(void)
{
	return code(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_netlink(void)
{
	return code(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}

static int try_connect(void)
{
	return code(connect(loose_socket, (struct sockaddr *)&target,
			    sizeof(target)));
}

static int try_bind(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};

	return code(bind(unbound_socket, (struct sockaddr *)&any, sizeof(any)));
}

static int try_exec(void)
{
	/* Ends with 1 = through. */
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 1",
			      NULL};
	char *const envp[] = {NULL};

	execve("/bin/sh", argv, envp);
	return errno;
}

static int try_execveat(void)
{
	char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 1",
			      NULL};
	char *const envp[] = {NULL};

	return code(syscall(SYS_execveat, AT_FDCWD, "/bin/sh", argv, envp, 0));
}

static int try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return code(pid);
}

static int try_clone3(void)
{
	uint64_t args[11] = {0};
	long pid;

	args[4] = SIGCHLD;
	pid = syscall(SYS_clone3, args, 64);
	if (pid == 0)
		_exit(0);
	return code(pid);
}

static int try_ptrace(void)
{
	return code(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_vm_read(void)
{
	char a[8] = "", b[8] = "";
	struct iovec l = {a, sizeof(a)}, r = {b, sizeof(b)};

	return code(process_vm_readv(getpid(), &l, 1, &r, 1, 0));
}

static int try_kill(void)
{
	return code(kill(getppid(), 0));
}

static int try_tgkill_other(void)
{
	return code(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_pidfd(void)
{
	return code(syscall(SYS_pidfd_open, getppid(), 0));
}

static int try_io_uring(void)
{
	struct io_uring_params p = {0};

	return code(syscall(SYS_io_uring_setup, 4, &p));
}

static int try_userfaultfd(void)
{
	return code(syscall(SYS_userfaultfd, O_CLOEXEC | 1));
}

static int try_bpf(void)
{
	uint32_t attr[16] = {2 /* array */, 4, 4, 1};

	return code(syscall(SYS_bpf, 0 /* create a map */, attr, sizeof(attr)));
}

static int try_perf(void)
{
	uint8_t attr[128] = {0};

	attr[4] = sizeof(attr);
	return code(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
}

static int try_keyctl(void)
{
	return code(syscall(SYS_keyctl, 0, -3 /* session ring */, 1));
}

static int try_unshare(void)
{
	return code(unshare(CLONE_NEWUSER));
}

static int try_exec_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ?
		errno : 0;
}

static int try_mprotect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	return code(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int try_memfd(void)
{
	return code(memfd_create("x", MFD_CLOEXEC));
}

static int try_setuid(void)
{
	return code(setuid(getuid()));
}

static int try_prlimit_other(void)
{
	uint64_t old[2];

	return code(syscall(SYS_prlimit64, getppid(), 7, NULL, old));
}

static int try_module(void)
{
	int e = code(syscall(SYS_finit_module, -1, "", 0));

	return e == EBADF ? 0 : e;
}

static int try_mount(void)
{
	return code(syscall(SYS_mount, "none", "/proc/self/fd", "none", 0, ""));
}

static int try_packet(void)
{
	return code(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_clone_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return code(pid);
}

static int try_tiocsti(void)
{
	char c = 'x';

	return code(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, &c));
}

const struct probe probes[] = {
	{"open", try_open, true, false},
	{"create", try_create, true, false},
	{"open_legacy", try_open_legacy, true, false},
	{"openat2", try_openat2, true, false},
	{"unlink", try_unlink, true, false},
	{"chmod", try_chmod, true, false},
	{"socket", try_socket, false, false},
	{"socket_udp", try_socket_udp, false, true},
	{"socket_unix", try_socket_unix, false, false},
	{"netlink", try_netlink, false, false},
	{"connect", try_connect, false, false},
	{"bind", try_bind, false, false},
	{"exec", try_exec, false, false},
	{"execveat", try_execveat, false, false},
	{"fork", try_fork, false, false},
	{"clone3", try_clone3, true, true},	/* ENOSYS for all */
	{"ptrace", try_ptrace, false, false},
	{"vm_read", try_vm_read, false, false},
	{"kill", try_kill, false, false},
	{"tgkill_other", try_tgkill_other, false, false},
	{"pidfd", try_pidfd, false, false},
	{"io_uring", try_io_uring, false, true},
	{"userfaultfd", try_userfaultfd, false, true},
	{"bpf", try_bpf, false, true},
	{"perf", try_perf, false, true},
	{"keyctl", try_keyctl, false, true},
	{"unshare", try_unshare, false, true},
	{"exec_memory", try_exec_memory, false, false},
	{"mprotect_exec", try_mprotect_exec, false, false},
	{"memfd", try_memfd, false, false},
	{"setuid", try_setuid, false, false},
	{"prlimit_other", try_prlimit_other, false, false},
	{"tiocsti", try_tiocsti, false, true},
	{"module", try_module, false, true},
	{"mount", try_mount, false, true},
	{"packet", try_packet, false, true},
	{"clone_namespace", try_clone_namespace, false, true},
	{NULL, NULL, false, false},
};

static bool is_refusal(int error)
{
	return error == EPERM || error == EACCES || error == ENOSYS;
}

enum { CHILD_REFUSED = 0, CHILD_THROUGH = 1, CHILD_NO_WALLS = 2 };

/* A file of ours that a role must not touch; for "create" there is none. */
static void scratch_reset(const struct probe *t)
{
	int fd;

	(void)unlink(scratch);
	if (t->attempt == try_create)
		return;
	fd = open(scratch, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

enum probe_result probe_run(const struct probe *t,
			    const struct sandbox_profile *p,
			    int (*enter)(const struct sandbox_profile *p))
{
	int status;
	pid_t pid;

	scratch_reset(t);
	pid = fork();
	if (pid < 0)
		return PROBE_BROKEN;
	if (pid == 0) {
		if (p && enter(p))
			_exit(CHILD_NO_WALLS);
		_exit(is_refusal(t->attempt()) ? CHILD_REFUSED : CHILD_THROUGH);
	}
	if (waitpid(pid, &status, 0) != pid)
		return PROBE_BROKEN;
	(void)unlink(scratch);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? PROBE_KILLED :
						    PROBE_BROKEN;
	switch (WEXITSTATUS(status)) {
	case CHILD_REFUSED:
		return PROBE_REFUSED;
	case CHILD_THROUGH:
		return PROBE_THROUGH;
	default:
		return PROBE_BROKEN;
	}
}

const char *profile_lint(const struct sandbox_profile *p)
{
	static const struct {
		int call;
		const char *name;
	} never[] = {
		{SCMP_SYS(execve), "execve"},
		{SCMP_SYS(execveat), "execveat"},
		{SCMP_SYS(ptrace), "ptrace"},
		{SCMP_SYS(process_vm_readv), "process_vm_readv"},
		{SCMP_SYS(process_vm_writev), "process_vm_writev"},
		{SCMP_SYS(kill), "kill"},
		{SCMP_SYS(fork), "fork"},
		{SCMP_SYS(vfork), "vfork"},
		{SCMP_SYS(clone), "clone"},
		{SCMP_SYS(clone3), "clone3"},
		{SCMP_SYS(io_uring_setup), "io_uring_setup"},
		{SCMP_SYS(bpf), "bpf"},
		{SCMP_SYS(keyctl), "keyctl"},
		{SCMP_SYS(userfaultfd), "userfaultfd"},
		{SCMP_SYS(open_by_handle_at), "open_by_handle_at"},
		{SCMP_SYS(setuid), "setuid"},
		{SCMP_SYS(mount), "mount"},
		{SCMP_SYS(unshare), "unshare"},
		{SCMP_SYS(setns), "setns"},
		{SCMP_SYS(pkey_mprotect), "pkey_mprotect"},
	};

	if (p->kill != SANDBOX_KILL)
		return "kill is not SANDBOX_KILL";
	for (const struct sandbox_rule *r = p->allow;
	     r && r->syscall != -1; r++) {
		if (!r->reason || !r->reason[0])
			return "a rule without a reason";
		for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
			if (r->syscall == never[i].call)
				return never[i].name;
		if (r->syscall == SCMP_SYS(mprotect) ||
		    r->syscall == SCMP_SYS(mmap))
			return "memory is for the common list";
	}
	for (const struct sandbox_path *q = p->paths; q && q->path; q++)
		if (!q->reason || !q->reason[0] || q->exec)
			return "a path that may execute or has no reason";
	return NULL;
}

static void *thread_main(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

/* Returns the step that failed, 0 for none; ends by abort(). */
static int use_ordinary_things(const struct sandbox_profile *p)
{
	struct timespec ts;
	pthread_t t;
	int ran = 0;
	void *m;

	m = mem_alloc(32 * 1024 * 1024);
	if (!m)
		return 2;
	memset(m, 1, 4096);
	mem_free(m);
	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		return 3;
	if (p->allow_threads &&
	    (pthread_create(&t, NULL, thread_main, &ran) ||
	     pthread_join(t, NULL) || !ran))
		return 4;
	return 0;
}

const char *profile_usable(const struct sandbox_profile *p)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int r;

		(void)signal(SIGABRT, SIG_DFL);
		if (sandbox_enter(p))
			_exit(1);
		r = use_ordinary_things(p);
		if (r)
			_exit(r);
		abort();
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "fork";
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
		return NULL;
	if (WIFSIGNALED(status))
		return "killed in ordinary work";
	switch (WEXITSTATUS(status)) {
	case 1:
		return "the walls do not close";
	case 2:
		return "memory";
	case 3:
		return "clock";
	case 4:
		return "threads";
	default:
		return "abort";
	}
}
