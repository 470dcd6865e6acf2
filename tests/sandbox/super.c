/* What super's walls take from it and, by inheritance, from every role before
 * its own walls close. */
#include <stdio.h>
#include <string.h>
#include "probe.h"

static const struct sandbox_path paths[] = {
	{.path = "/", .reason = "as super"},
	{.path = NULL},
};

static const struct sandbox_profile super_like = {
	.role = "super", .paths = paths, .kill = SANDBOX_KILL,
};

static const char *const taken[] = {
	"create", "netlink", "exec", "execveat", "clone3", "ptrace", "vm_read",
	"io_uring", "userfaultfd", "bpf", "perf", "keyctl", "unshare",
	"module", "mount", "packet", "clone_namespace",
};

static bool is_taken(const char *name)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(taken[i], name) == 0)
			return true;
	return false;
}

int main(void)
{
	int bad = 0;

	if (probe_prepare())
		return 1;
	for (const struct probe *t = probes; t->name; t++) {
		enum probe_result r = probe_run(t, &super_like,
						sandbox_enter_super);

		if (r == PROBE_BROKEN ||
		    (is_taken(t->name) && r == PROBE_THROUGH)) {
			printf("super: %s %s\n", t->name,
			       r == PROBE_BROKEN ? "broke" : "got through");
			bad++;
		}
	}
	return bad ? 1 : 0;
}
