/* The walls: process attributes, capabilities, Landlock, seccomp. */
#include "base/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"

#define MOD "sandbox"

#ifdef CONCLAVE_SANITIZED
/* The leak check at exit wants ptrace and a thread, which the walls refuse;
 * it would end every role with an error. Leaks are for the unit tests. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

/* --- Landlock, from the kernel's documentation; Debian 12's header ends at
 * ABI 2 while the running kernel may know more --- */

enum {
	LL_CREATE_VERSION = 1,
	LL_RULE_PATH = 1,
	LL_ABI_MIN = 2,
};
#define LL_EXECUTE     (UINT64_C(1) << 0)
#define LL_WRITE_FILE  (UINT64_C(1) << 1)
#define LL_READ_FILE   (UINT64_C(1) << 2)
#define LL_READ_DIR    (UINT64_C(1) << 3)
#define LL_REMOVE_DIR  (UINT64_C(1) << 4)
#define LL_REMOVE_FILE (UINT64_C(1) << 5)
#define LL_MAKE_DIR    (UINT64_C(1) << 7)
#define LL_MAKE_REG    (UINT64_C(1) << 8)
#define LL_REFER       (UINT64_C(1) << 13)	/* ABI 2 */
#define LL_TRUNCATE    (UINT64_C(1) << 14)	/* ABI 3 */
#define LL_IOCTL_DEV   (UINT64_C(1) << 15)	/* ABI 5 */
#define LL_FS_ABI2     ((UINT64_C(1) << 14) - 1)
#define LL_NET_BIND    UINT64_C(1)		/* ABI 4: TCP */
#define LL_NET_CONNECT UINT64_C(2)
#define LL_SCOPE_ALL   UINT64_C(3)		/* ABI 6: abstract socket, signal */
#define LL_FILE_RIGHTS (LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE)

struct ll_ruleset {
	uint64_t fs, net, scoped;
};

struct ll_path {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* Rights that this kernel can refuse. An older kernel takes the longer
 * struct as long as what it does not know is zero. */
static struct ll_ruleset ll_rights(const struct sandbox_profile *p, int abi,
				   bool super)
{
	struct ll_ruleset r = {.fs = LL_FS_ABI2};

	if (abi >= 3)
		r.fs |= LL_TRUNCATE;
	/* super opens listeners again that a switch had closed, and stop()
	 * must signal its children; devices (a terminal as log) stay usable. */
	if (abi >= 4 && !super)
		r.net = p->allow_tcp_connect ? LL_NET_BIND :
					       LL_NET_BIND | LL_NET_CONNECT;
	if (abi >= 5 && !super)
		r.fs |= LL_IOCTL_DEV;
	if (abi >= 6 && !super)
		r.scoped = LL_SCOPE_ALL;
	return r;
}

static uint64_t ll_path_rights(const struct sandbox_path *p, bool is_dir,
			       uint64_t handled)
{
	uint64_t r = LL_READ_FILE | LL_READ_DIR;

	if (p->write)
		r |= LL_WRITE_FILE | LL_REMOVE_DIR | LL_REMOVE_FILE |
		     LL_MAKE_DIR | LL_MAKE_REG | LL_REFER | LL_TRUNCATE;
	if (p->exec)
		r |= LL_EXECUTE;
	if (!is_dir)
		r &= LL_FILE_RIGHTS;
	return r & handled;
}

static int ll_add_path(int set, const struct sandbox_path *p, uint64_t handled)
{
	struct ll_path row;
	struct stat st;
	int fd, r = 0;

	fd = open(p->path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : E_SYS;
	row.parent_fd = fd;
	if (fstat(fd, &st) < 0) {
		r = E_SYS;
	} else {
		row.allowed = ll_path_rights(p, S_ISDIR(st.st_mode), handled);
		if (syscall(SYS_landlock_add_rule, set, LL_RULE_PATH, &row,
			    0) < 0)
			r = E_SYS;
	}
	close(fd);
	return r;
}

static int landlock_enter(const struct sandbox_profile *p, bool super)
{
	struct ll_ruleset rights;
	int abi, set, r = 0;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LL_CREATE_VERSION);
	if (abi < LL_ABI_MIN)
		return E_UNSUPPORTED;
	rights = ll_rights(p, abi, super);
	set = (int)syscall(SYS_landlock_create_ruleset, &rights,
			   sizeof(rights), 0);
	if (set < 0)
		return E_SYS;
	for (const struct sandbox_path *q = p->paths; q && q->path && !r; q++)
		r = ll_add_path(set, q, rights.fs);
	if (!r && syscall(SYS_landlock_restrict_self, set, 0) < 0)
		r = E_SYS;
	close(set);
	return r;
}

/* --- capabilities --- */

static int caps_keep(uint64_t keep)
{
	cap_t caps, now;
	int r = 0;

	/* Needs SETPCAP; without it there is nothing to bound either. */
	for (int c = 0; cap_get_bound(c) >= 0; c++)
		if (!(keep >> c & 1) && cap_drop_bound(c) < 0 &&
		    errno != EPERM)
			return E_SYS;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	caps = cap_init();
	now = cap_get_proc();
	if (!caps || !now)
		r = E_NOMEM;
	for (cap_value_t c = 0; c < 64 && !r; c++) {
		cap_flag_value_t held = CAP_CLEAR;

		if (!(keep >> c & 1) ||
		    cap_get_flag(now, c, CAP_PERMITTED, &held) < 0 ||
		    held != CAP_SET)
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_SET) < 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_SET) < 0)
			r = E_INVAL;
	}
	if (!r && cap_set_proc(caps) < 0)
		r = E_SYS;
	cap_free(caps);
	cap_free(now);
	return r;
}

/* --- limits --- */

static int limit_set(__rlimit_resource_t which, rlim_t value)
{
	struct rlimit l;

	if (getrlimit(which, &l) < 0)
		return E_SYS;
	l.rlim_cur = value < l.rlim_max ? value : l.rlim_max;
	l.rlim_max = l.rlim_cur;
	return setrlimit(which, &l) < 0 ? E_SYS : 0;
}

int sandbox_early(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return E_SYS;
	if (syscall(SYS_close_range, 5u, ~0u, 1u << 2 /* CLOEXEC */) < 0)
		return E_SYS;
	return limit_set(RLIMIT_CORE, 0);
}

static int process_attributes(const struct sandbox_profile *p, bool super)
{
	int r = sandbox_early();

	if (!r && p->max_nofile)
		r = limit_set(RLIMIT_NOFILE, p->max_nofile);
	/* A second wall behind the missing fork: not with threads, which
	 * count too, and all roles may share one user. */
	if (!r && !super && !p->allow_threads)
		r = limit_set(RLIMIT_NPROC, 0);
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = E_SYS;
	return r;
}

/* --- seccomp --- */

#define ALLOW(name, why) {.syscall = SCMP_SYS(name), .reason = (why)}
#define ALLOW_ARG(name, n, m, v, why)                                         \
	{.syscall = SCMP_SYS(name), .has_arg = true, .arg = (n),              \
	 .mask = (uint64_t)(m), .value = (uint64_t)(v), .reason = (why)}
#define WHOLE UINT64_C(0xffffffff)

static const struct sandbox_rule common[] = {
	/* descriptors that the role holds */
	ALLOW(read, "held descriptors"),
	ALLOW(write, "held descriptors"),
	ALLOW(readv, "held descriptors"),
	ALLOW(pread64, "held files whose offset others share"),
	ALLOW(writev, "held descriptors"),
	ALLOW(recvmsg, "channels"),
	ALLOW(sendmsg, "channels"),
	ALLOW(recvfrom, "held sockets"),
	ALLOW(sendto, "held sockets"),
	ALLOW(shutdown, "held sockets"),
	ALLOW(getsockopt, "error of a held socket"),
	ALLOW(close, "held descriptors"),
	ALLOW(fstat, "held descriptors"),
	ALLOW_ARG(newfstatat, 3, 0x1000, 0x1000,
		  "glibc's fstat: only with AT_EMPTY_PATH"),
	ALLOW(lseek, "held descriptors"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_GETFL, "loop"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_SETFL, "loop"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_GETFD, "loop"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_SETFD, "loop"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_DUPFD_CLOEXEC, "keep a descriptor"),
	ALLOW_ARG(ioctl, 1, WHOLE, FIONREAD, "libevent asks how much waits"),
	ALLOW_ARG(ioctl, 1, WHOLE, FIONBIO, "non-blocking accept"),
	/* waiting */
	ALLOW(poll, "loop"),
	ALLOW(ppoll, "loop"),
	ALLOW(epoll_create1, "loop made after the walls closed"),
	ALLOW(epoll_ctl, "loop"),
	ALLOW(epoll_wait, "loop"),
	ALLOW(epoll_pwait, "loop"),
	ALLOW(epoll_pwait2, "loop"),
	ALLOW(eventfd2, "loop"),
	ALLOW(timerfd_create, "loop"),
	ALLOW(timerfd_settime, "loop"),
	ALLOW(nanosleep, "library waits"),
	ALLOW(clock_nanosleep, "library waits"),
	ALLOW(restart_syscall, "after a stop signal"),
	ALLOW(sched_yield, "library waits"),
	/* clocks and own numbers */
	ALLOW(clock_gettime, "where the vDSO has none"),
	ALLOW(clock_getres, "where the vDSO has none"),
	ALLOW(gettimeofday, "where the vDSO has none"),
	ALLOW(time, "where the vDSO has none"),
	ALLOW(getrandom, "randomness"),
	ALLOW(getrusage, "own CPU time"),
	ALLOW(getpid, "own identity"),
	ALLOW(gettid, "own identity"),
	ALLOW(getppid, "has super died"),
	ALLOW(getuid, "own identity"),
	ALLOW(geteuid, "own identity"),
	ALLOW(getgid, "own identity"),
	ALLOW(getegid, "own identity"),
	ALLOW(sched_getaffinity, "glibc sizes malloc arenas"),
	ALLOW(getcpu, "glibc, rseq absent"),
	ALLOW(sysinfo, "glibc's qsort asks for the memory size"),
	/* memory: never executable */
	ALLOW_ARG(mmap, 2, PROT_EXEC, 0, "memory without PROT_EXEC"),
	ALLOW_ARG(mprotect, 2, PROT_EXEC, 0, "memory without PROT_EXEC"),
	ALLOW(munmap, "memory"),
	ALLOW(mremap, "memory"),
	ALLOW(madvise, "memory"),
	ALLOW(brk, "memory"),
	ALLOW(mlock, "secrets"),
	ALLOW(mlock2, "secrets"),
	ALLOW(munlock, "secrets"),
	ALLOW(futex, "locks of libraries"),
	ALLOW(membarrier, "locks of libraries"),
	/* own signals and the end */
	ALLOW(rt_sigaction, "crash handler puts the default back"),
	ALLOW(rt_sigprocmask, "abort, threads"),
	ALLOW(rt_sigreturn, "handlers"),
	ALLOW(sigaltstack, "crash handler, thread end"),
	ALLOW(setitimer, "the last second after super died"),
	ALLOW(exit, "end"),
	ALLOW(exit_group, "end"),
	SANDBOX_RULES_END
};

static const struct sandbox_rule threads[] = {
	ALLOW_ARG(clone, 0,
		  CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWNS |
		  CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		  CLONE_NEWUTS | CLONE_NEWCGROUP,
		  CLONE_THREAD | CLONE_VM | CLONE_SIGHAND,
		  "threads of this process only"),
	ALLOW(set_robust_list, "thread start"),
	ALLOW(rseq, "thread start"),
	ALLOW(set_tid_address, "thread start"),
	ALLOW_ARG(prctl, 0, WHOLE, PR_SET_NAME, "name of a thread"),
	SANDBOX_RULES_END
};

/* What super and therefore nobody in the house ever does. */
static const int super_denied[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl),
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root),
	SCMP_SYS(chroot), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
	SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(fsconfig),
	SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon),
	SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl),
	SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(iopl), SCMP_SYS(ioperm),
	SCMP_SYS(syslog), SCMP_SYS(vhangup), SCMP_SYS(mknod),
	SCMP_SYS(mknodat), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(personality),
	SCMP_SYS(lookup_dcookie), SCMP_SYS(nfsservctl),
	SCMP_SYS(migrate_pages), SCMP_SYS(move_pages), -1
};

static int add_rule(scmp_filter_ctx f, const struct sandbox_rule *r)
{
	struct scmp_arg_cmp test[2];
	int e;

	if (!r->reason || !r->reason[0])
		return E_INVAL;
	if ((r->has_arg && r->arg > 5) ||
	    (r->has_arg2 && (!r->has_arg || r->arg2 > 5)))
		return E_INVAL;
	if (!r->has_arg) {
		e = seccomp_rule_add(f, SCMP_ACT_ALLOW, r->syscall, 0);
	} else {
		test[0] = SCMP_CMP64(r->arg, SCMP_CMP_MASKED_EQ, r->mask,
				     r->value);
		test[1] = SCMP_CMP64(r->arg2, SCMP_CMP_MASKED_EQ, r->mask2,
				     r->value2);
		e = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, r->syscall,
					   r->has_arg2 ? 2 : 1, test);
	}
	/* EEXIST: a role repeats a row of the common list. */
	return e < 0 && e != -EEXIST ? E_SYS : 0;
}

static int add_rules(scmp_filter_ctx f, const struct sandbox_rule *rows)
{
	int r = 0;

	for (; rows && rows->syscall != -1 && !r; rows++)
		r = add_rule(f, rows);
	return r;
}

static int add_errno(scmp_filter_ctx f, const int *calls, unsigned error)
{
	int e = 0;

	for (; calls && *calls != -1 && e >= 0; calls++)
		e = seccomp_rule_add(f, SCMP_ACT_ERRNO(error), *calls, 0);
	return e < 0 ? E_SYS : 0;
}

/* abort() and pthread_kill(self): this process, no other. */
static int add_own_signal(scmp_filter_ctx f)
{
	struct scmp_arg_cmp own = SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)getpid());
	int e = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       &own);

	return e < 0 ? E_SYS : 0;
}

static int filter_role(scmp_filter_ctx f, const struct sandbox_profile *p)
{
	static const int clone3[] = {SCMP_SYS(clone3), -1};
	int r = add_rules(f, common);

	if (!r && p->allow_threads)
		r = add_rules(f, threads);
	if (!r)
		r = add_own_signal(f);
	if (!r)
		r = add_rules(f, p->allow);
	/* Its arguments are out of a filter's reach; glibc then uses clone. */
	if (!r)
		r = add_errno(f, clone3, ENOSYS);
	if (!r && p->kill)
		r = add_errno(f, p->deny_errno, EPERM);
	return r;
}

static int filter_super(scmp_filter_ctx f)
{
	static const int netlink[] = {AF_NETLINK, AF_PACKET, AF_ALG, AF_KEY,
				      AF_BLUETOOTH, AF_VSOCK, AF_XDP, AF_TIPC};
	static const int clone3[] = {SCMP_SYS(clone3), -1};
	int e = 0, r = add_errno(f, super_denied, EPERM);

	for (size_t i = 0; i < sizeof(netlink) / sizeof(netlink[0]) && e >= 0;
	     i++) {
		struct scmp_arg_cmp family =
			SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)netlink[i]);

		e = seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EPERM),
					   SCMP_SYS(socket), 1, &family);
	}
	if (!r && e < 0)
		r = E_SYS;
	for (unsigned bit = 0; bit < 64 && !r; bit++) {
		const uint64_t spaces = CLONE_NEWNS | CLONE_NEWUSER |
			CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWCGROUP;
		uint64_t one = UINT64_C(1) << bit;
		struct scmp_arg_cmp flag =
			SCMP_A0_64(SCMP_CMP_MASKED_EQ, one, one);

		if (!(spaces & one))
			continue;
		if (seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EPERM),
					   SCMP_SYS(clone), 1, &flag) < 0)
			r = E_SYS;
	}
	return r ? r : add_errno(f, clone3, ENOSYS);
}

static int seccomp_enter(const struct sandbox_profile *p, bool super)
{
	uint32_t other = p->kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx f;
	int e, r;

	f = seccomp_init(super ? SCMP_ACT_ALLOW : other);
	if (!f)
		return E_NOMEM;
	r = super ? filter_super(f) : filter_role(f, p);
	if (!r && seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH,
				   SCMP_ACT_KILL_PROCESS) < 0)
		r = E_SYS;
	/* A binary tree instead of a chain: media makes many calls. */
	if (!r)
		(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r && !p->kill)
		(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
	if (!r) {
		e = seccomp_load(f);
		if (e < 0)
			r = e == -EINVAL || e == -ENOSYS ? E_UNSUPPORTED : E_SYS;
	}
	seccomp_release(f);
	return r;
}

/* Landlock binds the calling thread and its later children only. */
static int one_thread_check(void)
{
#ifndef CONCLAVE_SANITIZED	/* the thread sanitizer has one of its own */
	struct stat st;

	if (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3)
		return E_STATE;
#endif
	return 0;
}

static int walls(const struct sandbox_profile *p, bool super)
{
	const char *step = "threads";
	int r = one_thread_check();

	if (!r) {
		step = "attributes";
		r = process_attributes(p, super);
	}
	if (!r) {
		step = "landlock";
		r = landlock_enter(p, super);
	}
	if (!r) {
		step = "capabilities";
		r = caps_keep(p->keep_caps);
	}
	if (!r) {
		step = "seccomp";
		r = seccomp_enter(p, super);
	}
	if (r)
		log_error(MOD, "the walls could not be closed",
			  LOG_S("role", p->role), LOG_S("step", step),
			  LOG_E("error", r), LOG_I("errno", errno));
	return r;
}

int sandbox_enter(const struct sandbox_profile *p)
{
	return walls(p, false);
}

int sandbox_enter_super(const struct sandbox_profile *p)
{
	return walls(p, true);
}
