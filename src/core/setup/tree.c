#include "core/setup/tree.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 4 };

int tree_fail(struct tree_why *why, const char *what, const char *path)
{
	int e = errno;
	bool is_full = e == ENOSPC || e == EDQUOT;
	(void)snprintf(why->text, sizeof(why->text), "%.256s: %s: %s%s", path,
		       what, strerror(e),
		       is_full ? "; free some disk space and run again" :
		       e == EACCES || e == EPERM || e == EROFS ?
		       "; run as its owner or choose another --data-dir" : "");
	return is_full ? E_NOSPACE : e == ENOENT ? E_NOTFOUND : E_SYS;
}

int tree_path(char dst[TREE_PATH_MAX], const char *dir, const char *name,
	      struct tree_why *why)
{
	int n = snprintf(dst, TREE_PATH_MAX, "%s%s%s", dir, *name ? "/" : "",
			 name);
	if (n >= 0 && n < TREE_PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return tree_fail(why, "path", dir);
}

bool tree_exists(const char *dir, const char *name)
{
	char path[TREE_PATH_MAX];
	struct tree_why why;
	struct stat st;
	return tree_path(path, dir, name, &why) == 0 && lstat(path, &st) == 0;
}

int tree_sync(const char *dir, struct tree_why *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return tree_fail(why, "cannot be opened", dir);
	int e = fsync(fd) == 0 ? 0 : tree_fail(why, "cannot be synced", dir);
	(void)close(fd);
	return e;
}

int tree_mkdir(const char *dir, const char *name, mode_t mode,
	       struct tree_why *why)
{
	char path[TREE_PATH_MAX];
	int e = tree_path(path, dir, name, why);
	if (e < 0)
		return e;
	/* chmod, because the umask may be wider than we want it. */
	if (mkdir(path, mode) < 0 || chmod(path, mode) < 0)
		return tree_fail(why, "cannot be made", path);
	return *name ? tree_sync(dir, why) : 0;
}

static int write_fd(int fd, struct span data)
{
	while (data.n > 0) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data.p += n;
		data.n -= (size_t)n;
	}
	return fsync(fd);
}

int tree_write(const char *dir, const char *name, mode_t mode,
	       struct span data, struct tree_why *why)
{
	char path[TREE_PATH_MAX];
	int e = tree_path(path, dir, name, why);
	if (e < 0)
		return e;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		      O_NOFOLLOW, 0600);
	if (fd < 0)
		return tree_fail(why, "cannot be made", path);
	if (write_fd(fd, data) < 0 || fchmod(fd, mode) < 0)
		e = tree_fail(why, "cannot be written", path);
	(void)close(fd);		/* synced above */
	return e;
}

int tree_read(const char *dir, const char *name, void *dst, size_t cap,
	      size_t *n, struct tree_why *why)
{
	char path[TREE_PATH_MAX];
	int e = tree_path(path, dir, name, why);
	if (e < 0)
		return e;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return tree_fail(why, "cannot be opened", path);
	ssize_t got = read(fd, dst, cap);
	if (got < 0)
		e = tree_fail(why, "cannot be read", path);
	(void)close(fd);
	*n = got < 0 ? 0 : (size_t)got;
	return e;
}

int tree_move(const char *dir, const char *from, const char *name,
	      struct tree_why *why)
{
	char src[TREE_PATH_MAX], sub[TREE_PATH_MAX], dst[TREE_PATH_MAX];
	int e = tree_path(sub, dir, from, why);
	if (e == 0)
		e = tree_path(src, sub, name, why);
	if (e == 0)
		e = tree_path(dst, dir, name, why);
	if (e < 0)
		return e;
	if (rename(src, dst) < 0)
		return tree_fail(why, "cannot be moved into place", src);
	e = tree_sync(dir, why);
	return e == 0 ? tree_sync(sub, why) : e;
}

int tree_unlink(const char *dir, const char *name, struct tree_why *why)
{
	char path[TREE_PATH_MAX];
	int e = tree_path(path, dir, name, why);
	if (e < 0)
		return e;
	if (unlink(path) < 0)
		return tree_fail(why, "cannot be removed", path);
	return 0;
}

static int remove_below(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
			O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL || depth == 0)
		return -1;
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		rc = remove_below(dirfd(d), e->d_name, depth - 1);
	}
	(void)closedir(d);
	return rc == 0 ? unlinkat(parent, name, AT_REMOVEDIR) : rc;
}

int tree_remove(const char *dir, const char *name, struct tree_why *why)
{
	char path[TREE_PATH_MAX];
	int e = tree_path(path, dir, name, why);
	if (e < 0)
		return e;
	if (remove_below(AT_FDCWD, path, DEPTH_MAX) < 0)
		return tree_fail(why, "cannot be removed", path);
	return tree_sync(dir, why);
}

static int chown_entries(int fd, uid_t uid, gid_t gid)
{
	DIR *d = fdopendir(fd);
	int rc = d ? 0 : -1;
	for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, "..") != 0)
			rc = fchownat(dirfd(d), e->d_name, uid, gid,
				      AT_SYMLINK_NOFOLLOW);
	if (d != NULL)
		(void)closedir(d);
	return rc;
}

int tree_chown(const char *dir, const char *name, uid_t uid, gid_t gid,
	       struct tree_why *why)
{
	char path[TREE_PATH_MAX];
	int e = tree_path(path, dir, name, why);
	if (e < 0)
		return e;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || chown_entries(fd, uid, gid) < 0)
		return tree_fail(why, "cannot be given to core's user", path);
	return tree_sync(path, why);
}
