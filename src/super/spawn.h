/* super/spawn.h - makes the process of a role: fork, shed, exec. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn {
	const char *path;	/* executable */
	uint32_t instance;
	bool change_user;
	uid_t uid;		/* with change_user: never 0 */
	gid_t gid;
	bool net_admin;		/* ban: CAP_NET_ADMIN goes along */
	int channel;		/* becomes descriptor 3 */
	int log;		/* becomes descriptor 4 */
	int crash;		/* becomes 1 and 2: what a library prints */
};

/* The new process's id, or E_SYS. The three descriptors stay the caller's. A
 * child that cannot exec says why on `crash` and exits with 127. */
pid_t spawn_role(const struct spawn *s);
/* As root: is the file, and the directory it stands in, root's own and not
 * writable by others? */
bool spawn_is_trusted(const char *path);
