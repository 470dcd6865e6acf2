#include "core/store/t/disk.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include "base/alloc.h"

enum { FILES_MAX = 512, NAME_LEN = 128, SECTOR = 512 };

struct op {
	struct op *next;
	bool is_truncate;
	size_t at, n;
	uint8_t bytes[];
};

struct image {
	uint8_t *p;
	size_t n, cap;
};

struct node {
	char name[NAME_LEN];
	bool exists, is_durable;	/* the name */
	bool by_sector;			/* the database's kind of file */
	struct image now, safe;
	struct op *first, **last;	/* since the last sync */
};

struct disk {
	pthread_mutex_t lock;
	struct node node[FILES_MAX];
	uint64_t random;
	int64_t ops_left;
	bool is_dead;
	size_t capacity;
	struct file_ops ops;
	sqlite3_vfs vfs;
};

struct file {
	struct node *node;
};

static uint64_t roll(struct disk *d)
{
	uint64_t z = d->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* False once the power is gone. */
static bool spend(struct disk *d)
{
	if (d->ops_left == 0)
		d->is_dead = true;
	if (d->ops_left >= 0)
		d->ops_left--;
	return !d->is_dead;
}

static void image_write(struct image *m, size_t at, const uint8_t *p, size_t n)
{
	if (at + n > m->cap) {
		m->cap = (at + n) * 2;
		m->p = mem_realloc(m->p, m->cap);
	}
	if (at > m->n)
		memset(m->p + m->n, 0, at - m->n);
	memcpy(m->p + at, p, n);
	if (at + n > m->n)
		m->n = at + n;
}

static void image_resize(struct image *m, size_t n)
{
	static const uint8_t zero;
	if (n > m->n)
		image_write(m, n - 1, &zero, 1);
	m->n = n;
}

static void ops_drop(struct node *f)
{
	while (f->first != NULL) {
		struct op *o = f->first;
		f->first = o->next;
		mem_free(o);
	}
	f->last = &f->first;
}

static void ops_add(struct node *f, bool is_truncate, size_t at,
		    const uint8_t *p, size_t n)
{
	struct op *o = mem_zalloc(sizeof(*o) + n);
	o->is_truncate = is_truncate;
	o->at = at;
	o->n = n;
	if (n > 0)
		memcpy(o->bytes, p, n);
	*f->last = o;
	f->last = &o->next;
}

static struct node *lookup(struct disk *d, const char *name, bool create)
{
	struct node *unused = NULL;
	for (int i = 0; i < FILES_MAX; i++) {
		struct node *f = &d->node[i];
		if (f->exists && strcmp(f->name, name) == 0)
			return f;
		if (!f->exists && !f->is_durable && unused == NULL)
			unused = f;
	}
	if (!create || unused == NULL)
		return NULL;
	(void)snprintf(unused->name, sizeof(unused->name), "%s", name);
	unused->exists = true;
	unused->now.n = unused->safe.n = 0;
	unused->last = &unused->first;
	return unused;
}

static void forget(struct node *f)
{
	ops_drop(f);
	f->exists = f->is_durable = false;
	f->now.n = f->safe.n = 0;
}

static size_t used(struct disk *d)
{
	size_t sum = 0;
	for (int i = 0; i < FILES_MAX; i++)
		if (d->node[i].exists)
			sum += d->node[i].now.n;
	return sum;
}

static bool has_room(struct disk *d, const struct node *f, size_t end)
{
	if (d->capacity == 0 || end <= f->now.n)
		return true;
	return used(d) + (end - f->now.n) <= d->capacity;
}

static void node_sync(struct node *f)
{
	f->safe.n = 0;
	if (f->now.n > 0)
		image_write(&f->safe, 0, f->now.p, f->now.n);
	ops_drop(f);
	f->is_durable = true;
}

/* --- the cut -------------------------------------------------------------- */

static void apply(struct disk *d, struct node *f, const struct op *o,
		  bool may_tear)
{
	size_t n = o->n;
	if (o->is_truncate) {
		image_resize(&f->safe, o->at);
		return;
	}
	if (may_tear && n > 0)
		n = f->by_sector ? roll(d) % (n / SECTOR + 1) * SECTOR
				 : roll(d) % (n + 1);
	if (n > 0)
		image_write(&f->safe, o->at, o->bytes, n);
}

static void settle_sectors(struct disk *d, struct node *f)
{
	for (const struct op *o = f->first; o != NULL; o = o->next)
		if (roll(d) & 1)
			apply(d, f, o, roll(d) % 4 == 0);
}

static void settle_appends(struct disk *d, struct node *f)
{
	for (const struct op *o = f->first; o != NULL; o = o->next) {
		bool is_last = roll(d) % 3 == 0;
		apply(d, f, o, is_last);
		if (is_last)
			return;
	}
}

void disk_crash(struct disk *d)
{
	for (int i = 0; i < FILES_MAX; i++) {
		struct node *f = &d->node[i];
		/* A name that no sync confirmed may be there or not. */
		if (!f->exists || (!f->is_durable && (roll(d) & 1))) {
			forget(f);
			continue;
		}
		if (f->by_sector)
			settle_sectors(d, f);
		else
			settle_appends(d, f);
		f->now.n = 0;
		if (f->safe.n > 0)
			image_write(&f->now, 0, f->safe.p, f->safe.n);
		node_sync(f);
	}
	d->is_dead = false;
	d->ops_left = -1;
}

/* --- file_ops ------------------------------------------------------------- */

static int f_open(void *ctx, struct file **out, const char *path, bool create)
{
	struct disk *d = ctx;
	int e = E_SYS;
	(void)pthread_mutex_lock(&d->lock);
	struct node *n = NULL;
	if (!d->is_dead) {
		n = lookup(d, path, create);
		e = n ? 0 : E_NOTFOUND;
	}
	struct file *f = n ? mem_zalloc(sizeof(*f)) : NULL;
	if (f != NULL) {
		f->node = n;
		*out = f;
	} else if (e == 0) {
		e = E_NOMEM;
	}
	(void)pthread_mutex_unlock(&d->lock);
	return e;
}

static void f_close(void *ctx, struct file *f)
{
	(void)ctx;
	mem_free(f);
}

static int write_locked(struct disk *d, struct node *f, size_t at,
			const uint8_t *p, size_t n)
{
	bool was_dead = d->is_dead, alive = spend(d);
	if (was_dead)
		return E_SYS;
	if (alive && !has_room(d, f, at + n))
		return E_NOSPACE;
	/* The write that the power cut meets may still have begun. */
	if (alive || roll(d) % 2) {
		image_write(&f->now, at, p, n);
		ops_add(f, false, at, p, n);
	}
	return alive ? 0 : E_SYS;
}

static int f_append(void *ctx, struct file *f, struct span data)
{
	struct disk *d = ctx;
	(void)pthread_mutex_lock(&d->lock);
	int e = write_locked(d, f->node, f->node->now.n, data.p, data.n);
	(void)pthread_mutex_unlock(&d->lock);
	return e;
}

static int f_sync(void *ctx, struct file *f)
{
	struct disk *d = ctx;
	(void)pthread_mutex_lock(&d->lock);
	int e = spend(d) ? 0 : E_SYS;
	if (e == 0)
		node_sync(f->node);
	(void)pthread_mutex_unlock(&d->lock);
	return e;
}

static int truncate_locked(struct disk *d, struct node *f, size_t size)
{
	if (!spend(d))
		return E_SYS;
	if (size == f->now.n)
		return 0;
	image_resize(&f->now, size);
	ops_add(f, true, size, NULL, 0);
	return 0;
}

static int f_truncate(void *ctx, struct file *f, uint64_t size)
{
	struct disk *d = ctx;
	(void)pthread_mutex_lock(&d->lock);
	int e = truncate_locked(d, f->node, size);
	(void)pthread_mutex_unlock(&d->lock);
	return e;
}

static int f_read_all(void *ctx, const char *path, size_t max, uint8_t **out,
		      size_t *n)
{
	struct disk *d = ctx;
	(void)pthread_mutex_lock(&d->lock);
	struct node *f = d->is_dead ? NULL : lookup(d, path, false);
	int e = d->is_dead ? E_SYS : f ? 0 : E_NOTFOUND;
	if (e == 0 && f->now.n > max)
		e = E_LIMIT;
	uint8_t *p = e == 0 ? mem_dup(f->now.p, f->now.n) : NULL;
	if (e == 0 && p == NULL)
		e = E_NOMEM;
	if (e == 0) {
		*out = p;
		*n = f->now.n;
	}
	(void)pthread_mutex_unlock(&d->lock);
	return e;
}

static void node_rename(struct disk *d, struct node *f, const char *to)
{
	struct node *old = lookup(d, to, false);
	if (old != NULL)
		forget(old);
	(void)snprintf(f->name, sizeof(f->name), "%s", to);
	f->is_durable = true;
}

static int f_rename(void *ctx, const char *from, const char *to)
{
	struct disk *d = ctx;
	(void)pthread_mutex_lock(&d->lock);
	bool was_dead = d->is_dead, alive = spend(d);
	struct node *f = was_dead ? NULL : lookup(d, from, false);
	/* The cut comes before or after the rename. */
	if (f != NULL && (alive || roll(d) % 2))
		node_rename(d, f, to);
	(void)pthread_mutex_unlock(&d->lock);
	if (!alive)
		return E_SYS;
	return f ? 0 : E_NOTFOUND;
}

static int f_remove(void *ctx, const char *path)
{
	struct disk *d = ctx;
	(void)pthread_mutex_lock(&d->lock);
	bool alive = spend(d);
	struct node *f = alive ? lookup(d, path, false) : NULL;
	if (f != NULL)
		forget(f);
	(void)pthread_mutex_unlock(&d->lock);
	if (!alive)
		return E_SYS;
	return f ? 0 : E_NOTFOUND;
}

/* --- SQLite VFS ----------------------------------------------------------- */

struct vfile {
	sqlite3_file base;
	struct disk *d;
	struct node *node;
};

static struct vfile *v(sqlite3_file *f)
{
	return (struct vfile *)(void *)f;
}

static int v_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int v_read(sqlite3_file *f, void *dst, int n, sqlite3_int64 at)
{
	struct vfile *x = v(f);
	int rc = SQLITE_OK;
	(void)pthread_mutex_lock(&x->d->lock);
	size_t have = (size_t)at < x->node->now.n ?
		      x->node->now.n - (size_t)at : 0;
	if (have > (size_t)n)
		have = (size_t)n;
	if (x->d->is_dead) {
		rc = SQLITE_IOERR_READ;
	} else {
		if (have > 0)
			memcpy(dst, x->node->now.p + at, have);
		if (have < (size_t)n) {
			memset((uint8_t *)dst + have, 0, (size_t)n - have);
			rc = SQLITE_IOERR_SHORT_READ;
		}
	}
	(void)pthread_mutex_unlock(&x->d->lock);
	return rc;
}

static int v_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct vfile *x = v(f);
	(void)pthread_mutex_lock(&x->d->lock);
	int e = write_locked(x->d, x->node, (size_t)at, p, (size_t)n);
	(void)pthread_mutex_unlock(&x->d->lock);
	return e == 0 ? SQLITE_OK : e == E_NOSPACE ? SQLITE_FULL
						   : SQLITE_IOERR_WRITE;
}

static int v_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct vfile *x = v(f);
	(void)pthread_mutex_lock(&x->d->lock);
	int e = truncate_locked(x->d, x->node, (size_t)size);
	(void)pthread_mutex_unlock(&x->d->lock);
	return e == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int v_sync(sqlite3_file *f, int flags)
{
	struct vfile *x = v(f);
	struct file file = {.node = x->node};
	(void)flags;
	return f_sync(x->d, &file) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int v_size(sqlite3_file *f, sqlite3_int64 *out)
{
	struct vfile *x = v(f);
	(void)pthread_mutex_lock(&x->d->lock);
	*out = (sqlite3_int64)x->node->now.n;
	(void)pthread_mutex_unlock(&x->d->lock);
	return SQLITE_OK;
}

static int v_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_OK;
}

static int v_reserved(sqlite3_file *f, int *out)
{
	(void)f;
	*out = 0;
	return SQLITE_OK;
}

static int v_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int v_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

static int v_traits(sqlite3_file *f)
{
	(void)f;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1, .xClose = v_close, .xRead = v_read, .xWrite = v_write,
	.xTruncate = v_truncate, .xSync = v_sync, .xFileSize = v_size,
	.xLock = v_lock, .xUnlock = v_lock, .xCheckReservedLock = v_reserved,
	.xFileControl = v_control, .xSectorSize = v_sector,
	.xDeviceCharacteristics = v_traits,
};

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f,
		  int flags, int *out_flags)
{
	struct disk *d = vfs->pAppData;
	struct vfile *x = v(f);
	x->base.pMethods = NULL;
	(void)pthread_mutex_lock(&d->lock);
	struct node *n = d->is_dead || name == NULL ? NULL :
			 lookup(d, name, (flags & SQLITE_OPEN_CREATE) != 0);
	if (n != NULL) {
		n->by_sector = true;
		x->d = d;
		x->node = n;
		x->base.pMethods = &methods;
	}
	(void)pthread_mutex_unlock(&d->lock);
	if (out_flags != NULL)
		*out_flags = flags;
	return n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	(void)sync_dir;
	int e = f_remove(vfs->pAppData, name);
	return e == 0 ? SQLITE_OK : e == E_NOTFOUND ?
	       SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
}

static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct disk *d = vfs->pAppData;
	(void)flags;
	(void)pthread_mutex_lock(&d->lock);
	*out = lookup(d, name, false) != NULL;
	(void)pthread_mutex_unlock(&d->lock);
	return SQLITE_OK;
}

static int v_full(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	(void)snprintf(out, (size_t)n, "%s", name);
	return SQLITE_OK;
}

static int v_random(sqlite3_vfs *vfs, int n, char *out)
{
	struct disk *d = vfs->pAppData;
	for (int i = 0; i < n; i++)
		out[i] = (char)roll(d);
	return n;
}

static int v_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int v_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	*out = 2460000.5;
	return SQLITE_OK;
}

static int v_last_error(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	(void)n;
	(void)out;
	return 0;
}

int disk_vfs_register(struct disk *d, const char *name)
{
	d->vfs = (sqlite3_vfs){
		.iVersion = 1, .szOsFile = (int)sizeof(struct vfile),
		.mxPathname = NAME_LEN, .zName = name, .pAppData = d,
		.xOpen = v_open, .xDelete = v_delete, .xAccess = v_access,
		.xFullPathname = v_full, .xRandomness = v_random,
		.xSleep = v_sleep, .xCurrentTime = v_time,
		.xGetLastError = v_last_error,
	};
	return sqlite3_vfs_register(&d->vfs, 0) == SQLITE_OK ? 0 : E_SYS;
}

void disk_vfs_unregister(struct disk *d)
{
	(void)sqlite3_vfs_unregister(&d->vfs);
}

/* --- the rest ------------------------------------------------------------- */

int disk_new(struct disk **out, uint64_t seed)
{
	struct disk *d = mem_zalloc(sizeof(*d));
	if (d == NULL || pthread_mutex_init(&d->lock, NULL) != 0)
		return E_NOMEM;
	d->random = seed;
	d->ops_left = -1;
	for (int i = 0; i < FILES_MAX; i++)
		d->node[i].last = &d->node[i].first;
	d->ops = (struct file_ops){
		.ctx = d, .open = f_open, .close = f_close,
		.append = f_append, .sync = f_sync, .truncate = f_truncate,
		.read_all = f_read_all, .rename = f_rename,
		.remove = f_remove,
	};
	*out = d;
	return 0;
}

void disk_free(struct disk **pd)
{
	struct disk *d = *pd;
	for (int i = 0; i < FILES_MAX; i++) {
		ops_drop(&d->node[i]);
		mem_free(d->node[i].now.p);
		mem_free(d->node[i].safe.p);
	}
	(void)pthread_mutex_destroy(&d->lock);
	mem_free(d);
	*pd = NULL;
}

void disk_power_for(struct disk *d, int64_t ops)
{
	(void)pthread_mutex_lock(&d->lock);
	d->ops_left = ops;
	(void)pthread_mutex_unlock(&d->lock);
}

bool disk_is_dead(struct disk *d)
{
	(void)pthread_mutex_lock(&d->lock);
	bool is_dead = d->is_dead;
	(void)pthread_mutex_unlock(&d->lock);
	return is_dead;
}

void disk_capacity(struct disk *d, size_t bytes)
{
	(void)pthread_mutex_lock(&d->lock);
	d->capacity = bytes;
	(void)pthread_mutex_unlock(&d->lock);
}

size_t disk_used(struct disk *d)
{
	(void)pthread_mutex_lock(&d->lock);
	size_t n = used(d);
	(void)pthread_mutex_unlock(&d->lock);
	return n;
}

const struct file_ops *disk_files(struct disk *d)
{
	return &d->ops;
}

uint8_t *disk_bytes(struct disk *d, const char *path, size_t *n)
{
	struct node *f = lookup(d, path, false);
	*n = f ? f->now.n : 0;
	return f ? f->now.p : NULL;
}

void disk_resize(struct disk *d, const char *path, size_t n)
{
	struct node *f = lookup(d, path, false);
	image_resize(&f->now, n);
	node_sync(f);
}
