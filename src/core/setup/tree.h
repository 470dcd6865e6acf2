/* core/setup/tree.h - files and directories below the data directory, each
 * durable when the call returns. Errors are E_* with errno kept in *why. */
#pragma once
#include <sys/types.h>
#include "base/err.h"
#include "base/span.h"

enum { TREE_PATH_MAX = 4096, TREE_WHY_MAX = 512 };

struct tree_why {
	char text[TREE_WHY_MAX];	/* one line, what to do */
};

/* "no space left ..." or what errno says, about `path`. */
int tree_fail(struct tree_why *why, const char *what, const char *path);
int tree_path(char dst[TREE_PATH_MAX], const char *dir, const char *name,
	      struct tree_why *why);
bool tree_exists(const char *dir, const char *name);
int tree_mkdir(const char *dir, const char *name, mode_t mode,
	       struct tree_why *why);
/* The file must not exist. */
int tree_write(const char *dir, const char *name, mode_t mode,
	       struct span data, struct tree_why *why);
/* At most cap bytes. */
int tree_read(const char *dir, const char *name, void *dst, size_t cap,
	      size_t *n, struct tree_why *why);
/* From dir/.new/name to dir/name. */
int tree_move(const char *dir, const char *from, const char *name,
	      struct tree_why *why);
int tree_unlink(const char *dir, const char *name, struct tree_why *why);
/* Removes a directory with everything in it, depth at most 4. */
int tree_remove(const char *dir, const char *name, struct tree_why *why);
int tree_sync(const char *dir, struct tree_why *why);
/* A directory and what is directly in it. */
int tree_chown(const char *dir, const char *name, uid_t uid, gid_t gid,
	       struct tree_why *why);
