#include "core/guard_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

/* Reserved to the last block, and no longer than we map. */
static int reserve(int fd, size_t n)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return E_SYS;
	do
		rc = posix_fallocate(fd, 0, (off_t)n);
	while (rc == EINTR);
	if (rc != 0)
		return rc == ENOSPC || rc == EDQUOT || rc == EFBIG ?
			E_NOSPACE : E_SYS;
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)n)
		return E_SYS;
	return st.st_size == (off_t)n || ftruncate(fd, (off_t)n) == 0 ? 0 :
		E_SYS;
}

/* A former core that lingers must be gone before we write where it writes. */
static int lock(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_SETLK, &l) == 0 ? 0 : E_BUSY;
}

static int map_file(struct guard_mem *m, int fd, size_t n)
{
	int r = lock(fd);
	void *p;

	r = r ? r : reserve(fd, n);
	if (r < 0)
		return r;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return E_SYS;
	m->p = p;
	m->is_file = true;
	return 0;
}

static int map_nothing(struct guard_mem *m, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return E_NOMEM;
	m->p = p;
	return 0;
}

/* The descriptor stays open while mapped: the lock hangs on it. */
int guard_mem_open(struct guard_mem *m, int fd, size_t n)
{
	int r;

	*m = (struct guard_mem){.n = n, .why = E_NOTFOUND};
	if (fd >= 0) {
		m->why = map_file(m, fd, n);
		if (m->why == 0)
			return 0;
		(void)close(fd);
	}
	r = map_nothing(m, n);
	if (r < 0)
		m->n = 0;
	return r;
}

void guard_mem_clear(struct guard_mem *m)
{
	memset(m->p, 0, m->n);
}

/* Of a shared mapping this takes the pages out of our tables and nothing out
 * of the file; anonymous memory it would empty. */
void guard_mem_relax(struct guard_mem *m)
{
	if (m->is_file)
		(void)madvise(m->p, m->n, MADV_DONTNEED);
}

void guard_mem_close(struct guard_mem *m)
{
	if (!m->p)
		return;
	if (m->is_file)
		(void)msync(m->p, m->n, MS_SYNC);
	(void)munmap(m->p, m->n);
	*m = (struct guard_mem){.p = NULL};
}
