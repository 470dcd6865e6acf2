/* ban/kernel.h - carries the book's changes to the kernel. Effects: the
 * netlink socket that super made, and nothing else.
 *
 * The kernel does a batch while we send it and has answered when the call
 * returns, so nothing here waits. Not thread safe.
 */
#pragma once
#include "ban/nft.h"

struct kernel;

struct kernel_counts {
	uint64_t applied;	/* changes in force, removals too */
	uint64_t failed;	/* changes that the kernel refused */
	uint64_t batches, refills;
};

/* Takes `fd` over, on failure too. Old answers in it are thrown away. */
int  kernel_new(struct kernel **out, int fd);
void kernel_free(struct kernel **k);
/* Is the table there? Sets *is_new when it is another one than before, so
 * that everything must be carried again. */
Cv__BanTable kernel_look(struct kernel *k, bool *is_new);
/* All changes of the book. *flush: the sets may hold what the book does not
 * know and are emptied in the same batch; false afterwards when that was done.
 * Returns the state of the table that the kernel's answers show; with
 * CV__BAN_TABLE__BAN_TABLE_OK everything was carried or counted as failed. */
Cv__BanTable kernel_carry(struct kernel *k, struct book *b, bool *flush,
			  uint64_t now_ns);
void kernel_count(const struct kernel *k, struct kernel_counts *out);
