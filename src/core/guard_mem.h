/* core/guard_mem.h - where the guard's memory lives.
 *
 * A file that super opened for us and that outlives this process, mapped
 * shared, so that what was counted and blocked survives a crash: the kernel
 * keeps the pages, nothing has to be written in time. Every block of the file
 * is reserved first (posix_fallocate), so a full disk shows here as an error
 * and never later as SIGBUS; and the file is sealed by our own exclusive use:
 * nobody else in the house has a descriptor of it.
 *
 * Without a usable file the memory is anonymous: everything works, and is
 * forgotten with this process; the caller raises an alarm. To be opened
 * before the sandbox closes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct guard_mem {
	void *p;		/* page aligned, n bytes */
	size_t n;
	bool is_file;
	int why;		/* not a file: E_NOTFOUND (none), E_NOSPACE,
				 * E_BUSY (another process has it), E_SYS */
};

/* Takes fd over, whatever comes; -1 = none. E_NOMEM. */
int  guard_mem_open(struct guard_mem *m, int fd, size_t n);
/* Begins anew, all zero. */
void guard_mem_clear(struct guard_mem *m);
/* To be called when all of it was read once (guard_attach() looks at every
 * entry): the pages of a file go back to the kernel's cache and come again
 * when they are used; nothing of their content is lost. */
void guard_mem_relax(struct guard_mem *m);
/* Writes the file out and lets go. */
void guard_mem_close(struct guard_mem *m);
