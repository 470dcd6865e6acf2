/* core/store/file.h - the few file operations that durability rests on, as a
 * table, so that tests can put a disk in their place that forgets what was
 * not synced, fills up, or fails.
 *
 * Append-only files. All return 0 or E_NOSPACE, E_NOTFOUND, E_DENIED, E_SYS.
 * `ctx` is the table's own. Thread safe for different files.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

struct file;

struct file_ops {
	void *ctx;
	/* Opens for appending; creates (0600) when `create`. */
	int (*open)(void *ctx, struct file **out, const char *path,
		    bool create);
	void (*close)(void *ctx, struct file *f);
	/* All or nothing as far as the process sees; a crash may tear it. */
	int (*append)(void *ctx, struct file *f, struct span data);
	int (*sync)(void *ctx, struct file *f);
	int (*truncate)(void *ctx, struct file *f, uint64_t size);
	/* The whole content in memory from mem_alloc; E_LIMIT above max. */
	int (*read_all)(void *ctx, const char *path, size_t max,
			uint8_t **out, size_t *n);
	/* Both make the change of the directory durable. */
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*remove)(void *ctx, const char *path);
};

const struct file_ops *file_ops_real(void);
