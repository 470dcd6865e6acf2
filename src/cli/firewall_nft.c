#include "cli/firewall_nft.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

enum { EXIT_NO_SPACE = 120, EXIT_NO_NFT = 121, EXIT_BROKEN = 122,
       ARGS_MAX = 12 };

static const char *find_nft(void)
{
	static const char *const places[] = {"/usr/sbin/nft", "/sbin/nft",
					     "/usr/local/sbin/nft"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static _Noreturn void exec_nft(const char *nft, const char *const *argv)
{
	char *args[ARGS_MAX] = {(char *)(uintptr_t)nft};
	char *env[] = {(char *)(uintptr_t)"LC_ALL=C", NULL};
	size_t n = 1;

	for (; argv[n - 1] && n + 1 < ARGS_MAX; n++)
		args[n] = (char *)(uintptr_t)argv[n - 1];
	execve(nft, args, env);
	_exit(EXIT_BROKEN);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_BROKEN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BROKEN;
}

/* In the child: the first call, and the second if there is one. */
static _Noreturn void child(const struct nft_run *r, const char *nft, int in,
			    int out)
{
	int null = open("/dev/null", O_RDWR);
	pid_t pid;
	int code;

	if (r->fresh && unshare(CLONE_NEWNET) < 0)
		_exit(EXIT_NO_SPACE);
	if (dup2(in, 0) < 0 || dup2(out >= 0 ? out : null, 1) < 0 ||
	    (r->quiet && dup2(null, 2) < 0))
		_exit(EXIT_BROKEN);
	if (!r->then)
		exec_nft(nft, r->argv);
	pid = fork();
	if (pid == 0)
		exec_nft(nft, r->argv);
	code = pid < 0 ? EXIT_BROKEN : wait_for(pid);
	if (code)
		_exit(code);
	exec_nft(nft, r->then);
}

static int hold(const char *name, struct span s)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return E_SYS;
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n <= 0) {
			close(fd);
			return E_SYS;
		}
		s = span_of(s.p + n, s.n - (size_t)n);
	}
	(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static int take_output(struct nft_run *r, int out)
{
	ssize_t n = pread(out, r->output, NFT_OUTPUT_MAX, 0);

	if (n < 0)
		return E_SYS;
	if (n == NFT_OUTPUT_MAX)
		return E_LIMIT;
	r->n_output = (size_t)n;
	return 0;
}

static int result_of(int code)
{
	return code == EXIT_NO_SPACE ? E_DENIED : code == EXIT_BROKEN ? E_SYS :
	       code;
}

int nft_run(struct nft_run *r)
{
	const char *nft = find_nft();
	int in, out = -1, e = E_SYS;
	pid_t pid;

	r->n_output = 0;
	if (!nft)
		return E_NOTFOUND;
	in = hold("rules", r->input);
	if (r->output)
		out = hold("answer", SPAN_NONE);
	if (in < 0 || (r->output && out < 0))
		goto done;
	pid = fork();
	if (pid == 0)
		child(r, nft, in, out);
	if (pid < 0)
		goto done;
	e = result_of(wait_for(pid));
	if (e == 0 && r->output)
		e = take_output(r, out);
done:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return e;
}
