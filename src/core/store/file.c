#include "core/store/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"

struct file {
	int fd;
};

static int from_errno(void)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return E_NOSPACE;
	case ENOENT:
		return E_NOTFOUND;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
		return E_DENIED;
	case ENOMEM:
		return E_NOMEM;
	default:
		return E_SYS;
	}
}

static int real_open(void *ctx, struct file **out, const char *path,
		     bool create)
{
	(void)ctx;
	struct file *f = mem_zalloc(sizeof(*f));
	if (f == NULL)
		return E_NOMEM;
	f->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
		     (create ? O_CREAT : 0), 0600);
	if (f->fd < 0) {
		int e = from_errno();
		mem_free(f);
		return e;
	}
	*out = f;
	return 0;
}

static void real_close(void *ctx, struct file *f)
{
	(void)ctx;
	(void)close(f->fd);	/* what matters was synced before */
	mem_free(f);
}

static int real_append(void *ctx, struct file *f, struct span data)
{
	(void)ctx;
	while (data.n > 0) {
		ssize_t n = write(f->fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return from_errno();
		data.p += n;
		data.n -= (size_t)n;
	}
	return 0;
}

static int real_sync(void *ctx, struct file *f)
{
	(void)ctx;
	return fdatasync(f->fd) == 0 ? 0 : from_errno();
}

static int real_truncate(void *ctx, struct file *f, uint64_t size)
{
	(void)ctx;
	return ftruncate(f->fd, (off_t)size) == 0 ? 0 : from_errno();
}

static int read_fd(int fd, size_t max, uint8_t **out, size_t *n)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return from_errno();
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return E_LIMIT;
	size_t size = (size_t)st.st_size, got = 0;
	uint8_t *p = mem_alloc(size);
	if (p == NULL)
		return E_NOMEM;
	while (got < size) {
		ssize_t r = read(fd, p + got, size - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			int e = from_errno();
			mem_free(p);
			return e;
		}
		if (r == 0)
			break;
		got += (size_t)r;
	}
	*out = p;
	*n = got;
	return 0;
}

static int real_read_all(void *ctx, const char *path, size_t max,
			 uint8_t **out, size_t *n)
{
	(void)ctx;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return from_errno();
	int e = read_fd(fd, max, out, n);
	(void)close(fd);
	return e;
}

/* A rename or removal survives a power cut only when the directory that
 * holds the name was synced. */
static int sync_directory_of(const char *path)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof(dir))
		return E_LIMIT;
	memcpy(dir, path, n);
	dir[n] = 0;
	if (n == 0)
		(void)snprintf(dir, sizeof(dir), "%s", slash ? "/" : ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return from_errno();
	int e = fsync(fd) == 0 ? 0 : from_errno();
	(void)close(fd);
	return e;
}

static int real_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	if (rename(from, to) < 0)
		return from_errno();
	return sync_directory_of(to);
}

static int real_remove(void *ctx, const char *path)
{
	(void)ctx;
	if (unlink(path) < 0)
		return from_errno();
	return sync_directory_of(path);
}

const struct file_ops *file_ops_real(void)
{
	static const struct file_ops real = {
		.open = real_open, .close = real_close,
		.append = real_append, .sync = real_sync,
		.truncate = real_truncate, .read_all = real_read_all,
		.rename = real_rename, .remove = real_remove,
	};
	return &real;
}
