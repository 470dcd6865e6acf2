/* The journal: a table in memory and a file of sealed frames.
 *
 * File: header, then frames. Header: magic, salt, a sealed proof of the key.
 * Frame: length (4 bytes), sealed batch of records; the additional data is the
 * number of the frame, so that frames cannot be dropped, doubled or swapped.
 * Record: op 1, kind 1, key length 2, value length 4, key, value.
 */
#include "core/store/journal.h"
#include <pthread.h>
#include <stdio.h>
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/rd.h"
#include "base/wr.h"
#include "core/store/file.h"

enum {
	MAGIC_LEN = 8,
	SALT_LEN = 16,
	PROOF_LEN = AEAD_SEALED_LEN(MAGIC_LEN),
	HEADER_LEN = MAGIC_LEN + SALT_LEN + PROOF_LEN,
	RECORD_HEAD = 8,
	FRAME_PLAIN_MAX = 1024 * 1024,
	FRAME_SEALED_MAX = AEAD_SEALED_LEN(FRAME_PLAIN_MAX + RECORD_HEAD +
					   JOURNAL_KEY_MAX +
					   JOURNAL_VALUE_MAX),
	PENDING_MAX = 16 * 1024 * 1024,
	FILE_MAX = 512 * 1024 * 1024,
	COMPACT_SLACK = 1024 * 1024,
	PATH_LEN = 4096,
};

enum record_op { RECORD_PUT = 1, RECORD_DEL = 2 };

static const uint8_t magic[MAGIC_LEN] = "CVJOURN1";

struct entry {
	struct list at;
	uint8_t *value;			/* replaced in place */
	uint32_t value_n;
	uint16_t key_n;
	uint8_t key[];			/* kind, then the key */
};

struct buffer {
	uint8_t *p;
	size_t n, cap;
};

struct journal {
	const struct file_ops *files;
	char path[PATH_LEN], temp[PATH_LEN];
	struct secret data_key;		/* derived: files' keys come from it */

	/* The main thread changes the table, with the lock held, because the
	 * writer reads it when it writes the file anew. */
	pthread_mutex_t lock;
	struct map *map;
	struct list order;
	uint64_t live_bytes;
	struct buffer pending;		/* records for the next sync */
	bool must_compact;
	struct journal_stats stats;
	void (*on_dirty)(void *arg);
	void *on_dirty_arg;

	/* The writer's own, and open's. */
	struct file *file;
	uint8_t key[AEAD_KEY_LEN];
	uint64_t frame, file_bytes;
};

static struct span map_key(const struct entry *e)
{
	return span_of(e->key, (size_t)e->key_n + 1);
}

static struct span key_of(const struct entry *e)
{
	return span_of(e->key + 1, e->key_n);
}

static struct span value_of(const struct entry *e)
{
	return span_of(e->value, e->value_n);
}

static uint64_t record_size(size_t key_n, size_t value_n)
{
	return RECORD_HEAD + key_n + value_n;
}

/* --- buffers -------------------------------------------------------------- */

static int buffer_reserve(struct buffer *b, size_t more)
{
	if (more <= b->cap - b->n)
		return 0;
	size_t cap = b->cap ? b->cap : 4096;
	while (cap - b->n < more)
		cap *= 2;
	uint8_t *p = mem_realloc(b->p, cap);
	if (p == NULL)
		return E_NOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

static int buffer_record(struct buffer *b, enum record_op op, uint8_t kind,
			 struct span key, struct span value)
{
	size_t n = record_size(key.n, value.n);
	int e = buffer_reserve(b, n);
	if (e < 0)
		return e;
	struct wr w = wr_of(b->p + b->n, n);
	wr_u8(&w, (uint8_t)op);
	wr_u8(&w, kind);
	wr_u16(&w, (uint16_t)key.n);
	wr_u32(&w, (uint32_t)value.n);
	wr_span(&w, key);
	wr_span(&w, value);
	b->n += n;
	return 0;
}

static void buffer_free(struct buffer *b)
{
	/* Records may hold names of people. */
	if (b->p != NULL)
		secret_wipe(b->p, b->n);
	mem_free(b->p);
	*b = (struct buffer){NULL, 0, 0};
}

/* --- the table ------------------------------------------------------------ */

static void entry_free(struct entry *e)
{
	mem_free(e->value);
	mem_free(e);
}

static struct entry *entry_new(uint8_t kind, struct span key)
{
	struct entry *e = mem_zalloc(sizeof(*e) + 1 + key.n);
	if (e == NULL)
		return NULL;
	list_init(&e->at);
	e->key_n = (uint16_t)key.n;
	e->key[0] = kind;
	if (key.n > 0)
		memcpy(e->key + 1, key.p, key.n);
	return e;
}

static struct entry *find(const struct journal *j, uint8_t kind,
			  struct span key)
{
	uint8_t k[1 + JOURNAL_KEY_MAX];
	if (key.n > JOURNAL_KEY_MAX)
		return NULL;
	k[0] = kind;
	if (key.n > 0)
		memcpy(k + 1, key.p, key.n);
	return map_get(j->map, span_of(k, key.n + 1));
}

static int table_add(struct journal *j, uint8_t kind, struct span key,
		     struct entry **out)
{
	struct entry *e = entry_new(kind, key);
	if (e == NULL)
		return E_NOMEM;
	int r = map_put(j->map, map_key(e), e);
	if (r < 0) {
		entry_free(e);
		return r;
	}
	list_add_tail(&j->order, &e->at);
	j->live_bytes += record_size(key.n, 0);
	*out = e;
	return 0;
}

static int table_put(struct journal *j, uint8_t kind, struct span key,
		     struct span value)
{
	struct entry *e = find(j, kind, key);
	uint8_t *copy = mem_dup(value.p, value.n);
	int r = copy ? 0 : E_NOMEM;
	if (r == 0 && e == NULL)
		r = table_add(j, kind, key, &e);
	if (r < 0) {
		mem_free(copy);
		return r;
	}
	j->live_bytes += value.n;
	j->live_bytes -= e->value_n;
	mem_free(e->value);
	e->value = copy;
	e->value_n = (uint32_t)value.n;
	return 0;
}

static void table_del(struct journal *j, struct entry *e)
{
	(void)map_del(j->map, map_key(e));
	list_del(&e->at);
	j->live_bytes -= record_size(e->key_n, e->value_n);
	entry_free(e);
}

/* --- the writer's side ---------------------------------------------------- */

static void frame_aad(uint8_t aad[8], uint64_t frame)
{
	struct wr w = wr_of(aad, 8);
	wr_u64(&w, frame);
}

static int append_frame(struct journal *j, struct file *f, struct span plain,
			struct buffer *scratch)
{
	uint8_t aad[8];
	size_t sealed = AEAD_SEALED_LEN(plain.n);
	scratch->n = 0;
	int e = buffer_reserve(scratch, 4 + sealed);
	if (e < 0)
		return e;
	struct wr w = wr_of(scratch->p, 4);
	wr_u32(&w, (uint32_t)sealed);
	frame_aad(aad, j->frame);
	e = crypto_seal(scratch->p + 4, span_of(j->key, sizeof(j->key)), plain,
			span_of(aad, sizeof(aad)));
	if (e == 0)
		e = j->files->append(j->files->ctx, f,
				     span_of(scratch->p, 4 + sealed));
	if (e < 0)
		return e;
	j->frame++;
	j->file_bytes += 4 + sealed;
	return 0;
}

/* Cuts between records, so that each frame can be replayed by itself. */
static size_t frame_cut(struct span plain)
{
	struct rd r = rd_of(plain);
	size_t cut = 0;
	while (rd_left(&r) > 0 && cut < FRAME_PLAIN_MAX) {
		rd_skip(&r, 2);
		size_t key = rd_u16(&r);
		size_t value = rd_u32(&r);
		rd_skip(&r, key + value);
		cut = plain.n - rd_left(&r);
	}
	return cut;
}

static int append_records(struct journal *j, struct file *f,
			  struct span plain)
{
	struct buffer scratch = {NULL, 0, 0};
	int e = 0;
	while (plain.n > 0 && e == 0) {
		size_t n = frame_cut(plain);
		e = append_frame(j, f, span_of(plain.p, n), &scratch);
		plain.p += n;
		plain.n -= n;
	}
	buffer_free(&scratch);
	return e;
}

static int file_key(struct journal *j, struct span salt, uint8_t *key)
{
	return crypto_hkdf(key, AEAD_KEY_LEN, secret_span(&j->data_key), salt,
			   SPAN_LIT("conclave journal file"));
}

static int append_header(struct journal *j, struct file *f)
{
	uint8_t head[HEADER_LEN];
	memcpy(head, magic, MAGIC_LEN);
	rand_bytes(head + MAGIC_LEN, SALT_LEN);
	int e = file_key(j, span_of(head + MAGIC_LEN, SALT_LEN), j->key);
	if (e == 0)
		e = crypto_seal(head + MAGIC_LEN + SALT_LEN,
				span_of(j->key, sizeof(j->key)),
				span_of(magic, MAGIC_LEN), SPAN_NONE);
	if (e == 0)
		e = j->files->append(j->files->ctx, f,
				     span_of(head, sizeof(head)));
	j->frame = 0;
	j->file_bytes = sizeof(head);
	return e;
}

static int write_new_file(struct journal *j, struct span records,
			  struct file **out)
{
	const struct file_ops *fs = j->files;
	struct file *f = NULL;
	int e = fs->remove(fs->ctx, j->temp);
	if (e < 0 && e != E_NOTFOUND)
		return e;
	e = fs->open(fs->ctx, &f, j->temp, true);
	if (e < 0)
		return e;
	e = append_header(j, f);
	if (e == 0)
		e = append_records(j, f, records);
	if (e == 0)
		e = fs->sync(fs->ctx, f);
	if (e == 0)
		e = fs->rename(fs->ctx, j->temp, j->path);
	if (e == 0) {
		*out = f;
		return 0;
	}
	fs->close(fs->ctx, f);
	(void)fs->remove(fs->ctx, j->temp);	/* gives its space back */
	return e;
}

/* The table as records. Copying is quick; sealing happens without the lock. */
static int snapshot_table(struct journal *j, struct buffer *out)
{
	int e = buffer_reserve(out, j->live_bytes + 1);
	list_each(it, tmp, &j->order) {
		const struct entry *x = list_entry(it, struct entry, at);
		if (e == 0)
			e = buffer_record(out, RECORD_PUT, x->key[0],
					  key_of(x), value_of(x));
	}
	return e;
}

/* What was pending is in the snapshot. On failure the old file is whole and
 * must_compact stays set, so nothing of the table is forgotten. */
static int compact(struct journal *j)
{
	struct buffer all = {NULL, 0, 0};
	struct file *f = NULL;
	(void)pthread_mutex_lock(&j->lock);
	int e = snapshot_table(j, &all);
	if (e == 0)
		j->pending.n = 0;
	(void)pthread_mutex_unlock(&j->lock);
	if (e == 0)
		e = write_new_file(j, span_of(all.p, all.n), &f);
	buffer_free(&all);
	(void)pthread_mutex_lock(&j->lock);
	j->must_compact = e < 0;
	j->stats.compactions += e == 0;
	(void)pthread_mutex_unlock(&j->lock);
	if (e < 0)
		return e;
	if (j->file != NULL)
		j->files->close(j->files->ctx, j->file);
	j->file = f;
	return 0;
}

static int append_pending(struct journal *j, struct buffer *b)
{
	int e = append_records(j, j->file, span_of(b->p, b->n));
	if (e == 0)
		e = j->files->sync(j->files->ctx, j->file);
	/* What reached the file is unknown now: write it anew next time. */
	if (e < 0) {
		(void)pthread_mutex_lock(&j->lock);
		j->must_compact = true;
		(void)pthread_mutex_unlock(&j->lock);
	}
	return e;
}

static int sync_once(struct journal *j)
{
	struct buffer b = {NULL, 0, 0};
	(void)pthread_mutex_lock(&j->lock);
	bool must = j->must_compact || j->file == NULL ||
		    j->file_bytes + j->pending.n >
		    2 * j->live_bytes + COMPACT_SLACK;
	if (!must) {
		b = j->pending;
		j->pending = (struct buffer){NULL, 0, 0};
	}
	(void)pthread_mutex_unlock(&j->lock);
	if (must)
		return compact(j);
	int e = b.n > 0 ? append_pending(j, &b) : 0;
	buffer_free(&b);
	/* The disk may have room for the table, if not for one more frame. */
	return e < 0 ? compact(j) : 0;
}

int journal_sync(void *journal)
{
	struct journal *j = journal;
	(void)pthread_mutex_lock(&j->lock);
	bool is_clean = j->pending.n == 0 && !j->must_compact;
	(void)pthread_mutex_unlock(&j->lock);
	if (is_clean)
		return 0;
	int e = sync_once(j);
	(void)pthread_mutex_lock(&j->lock);
	j->stats.syncs++;
	j->stats.sync_errors += e < 0;
	j->stats.file_bytes = j->file_bytes;
	(void)pthread_mutex_unlock(&j->lock);
	return e;
}

/* --- replay --------------------------------------------------------------- */

static int replay_record(struct journal *j, struct rd *r)
{
	uint8_t op = rd_u8(r), kind = rd_u8(r);
	size_t key_n = rd_u16(r), value_n = rd_u32(r);
	if (key_n > JOURNAL_KEY_MAX || value_n > JOURNAL_VALUE_MAX)
		return E_FORMAT;
	struct span key = rd_span(r, key_n), value = rd_span(r, value_n);
	if (r->failed)
		return E_FORMAT;
	if (op == RECORD_PUT)
		return table_put(j, kind, key, value);
	struct entry *old = find(j, kind, key);
	if (old != NULL)
		table_del(j, old);
	return 0;
}

static int replay_frame(struct journal *j, struct span sealed,
			uint8_t *plain)
{
	uint8_t aad[8];
	if (sealed.n < AEAD_SEALED_LEN(0) || sealed.n > FRAME_SEALED_MAX)
		return E_FORMAT;
	frame_aad(aad, j->frame);
	int e = crypto_open(plain, span_of(j->key, sizeof(j->key)), sealed,
			    span_of(aad, sizeof(aad)));
	if (e < 0)
		return e;
	struct rd r = rd_of(span_of(plain, sealed.n - AEAD_SEALED_LEN(0)));
	while (rd_left(&r) > 0 && e == 0)
		e = replay_record(j, &r);
	if (e == 0)
		j->frame++;
	return e;
}

/* Stops at the first frame that is not whole and ours. */
static int replay_frames(struct journal *j, struct rd *r)
{
	uint8_t *plain = mem_alloc(FRAME_SEALED_MAX);
	int e = plain ? 0 : E_NOMEM;
	while (e == 0 && rd_left(r) >= 4) {
		struct rd at = *r;
		struct span sealed = rd_span(r, rd_u32(r));
		e = r->failed ? E_FORMAT : replay_frame(j, sealed, plain);
		if (e < 0)
			*r = at;
	}
	if (plain != NULL)
		secret_wipe(plain, FRAME_SEALED_MAX);
	mem_free(plain);
	j->stats.torn_bytes = rd_left(r);
	return e == E_NOMEM ? e : 0;
}

static int replay(struct journal *j, struct span file)
{
	uint8_t proof[MAGIC_LEN];
	struct rd r = rd_of(file);
	struct span have = rd_span(&r, MAGIC_LEN);
	struct span salt = rd_span(&r, SALT_LEN);
	struct span sealed = rd_span(&r, PROOF_LEN);
	if (r.failed || !span_eq(have, span_of(magic, MAGIC_LEN)))
		return E_CORRUPT;
	int e = file_key(j, salt, j->key);
	if (e == 0)
		e = crypto_open(proof, span_of(j->key, sizeof(j->key)), sealed,
				SPAN_NONE);
	j->frame = 0;
	return e == 0 ? replay_frames(j, &r) : e;
}

/* A file without our header is set aside: live state is worth less than a
 * start, but somebody may want to look at it. */
static int set_aside(struct journal *j)
{
	char bad[PATH_LEN + 8];
	(void)snprintf(bad, sizeof(bad), "%s.bad", j->path);
	log_error("journal", "unreadable, set aside", LOG_S("file", bad));
	return j->files->rename(j->files->ctx, j->path, bad);
}

static int load(struct journal *j)
{
	uint8_t *p = NULL;
	size_t n = 0;
	int e = j->files->read_all(j->files->ctx, j->path, FILE_MAX, &p, &n);
	if (e == E_NOTFOUND)
		return 0;
	if (e < 0)
		return e;
	e = replay(j, span_of(p, n));
	mem_free(p);
	return e == E_CORRUPT ? set_aside(j) : e;
}

/* --- opening and closing -------------------------------------------------- */

static int init(struct journal *j, const char *path, struct span data_key,
		const struct file_ops *files)
{
	j->files = files ? files : file_ops_real();
	list_init(&j->order);
	if (pthread_mutex_init(&j->lock, NULL) != 0)
		return E_NOMEM;
	int n = snprintf(j->path, sizeof(j->path), "%s", path);
	int t = snprintf(j->temp, sizeof(j->temp), "%s.new", path);
	if (n < 0 || t < 0 || (size_t)t >= sizeof(j->temp))
		return E_INVAL;
	int e = map_new(&j->map, JOURNAL_RECORDS_MAX);
	if (e == 0)
		e = secret_init(&j->data_key, NULL, AEAD_KEY_LEN);
	if (e < 0)
		return e;
	return crypto_hkdf(j->data_key.p, j->data_key.n, data_key,
			   SPAN_LIT("conclave"),
			   SPAN_LIT("conclave journal 1"));
}

static void destroy(struct journal *j)
{
	list_each(it, tmp, &j->order) {
		list_del(it);
		entry_free(list_entry(it, struct entry, at));
	}
	if (j->file != NULL)
		j->files->close(j->files->ctx, j->file);
	map_free(&j->map);
	buffer_free(&j->pending);
	secret_release(&j->data_key);
	secret_wipe(j->key, sizeof(j->key));
	(void)pthread_mutex_destroy(&j->lock);
	mem_free(j);
}

int journal_open(struct journal **out, const char *path,
		 struct span data_key, const struct file_ops *files)
{
	struct journal *j = mem_zalloc(sizeof(*j));
	if (j == NULL)
		return E_NOMEM;
	int e = init(j, path, data_key, files);
	if (e == 0)
		e = load(j);
	/* Always begins a file of its own: a torn tail is gone, the key is
	 * fresh, and a full disk is noticed now. */
	if (e == 0)
		e = compact(j);
	if (e < 0) {
		destroy(j);
		return e;
	}
	*out = j;
	return 0;
}

void journal_close(struct journal **pj)
{
	if (*pj == NULL)
		return;
	/* Too late to tell anybody; the writer has synced before. */
	(void)journal_sync(*pj);
	destroy(*pj);
	*pj = NULL;
}

/* --- the main thread's side ----------------------------------------------- */

static void note_pending(struct journal *j, enum record_op op, uint8_t kind,
			 struct span key, struct span value)
{
	/* Without room the whole table is written anew instead. */
	if (j->must_compact ||
	    j->pending.n + record_size(key.n, value.n) > PENDING_MAX ||
	    buffer_record(&j->pending, op, kind, key, value) < 0) {
		j->must_compact = true;
		j->pending.n = 0;
	}
}

static void dirty(struct journal *j)
{
	if (j->on_dirty != NULL)
		j->on_dirty(j->on_dirty_arg);
}

int journal_put(struct journal *j, uint8_t kind, struct span key,
		struct span value)
{
	if (kind == 0 || key.n > JOURNAL_KEY_MAX ||
	    value.n > JOURNAL_VALUE_MAX)
		return E_LIMIT;
	const struct entry *old = find(j, kind, key);
	uint64_t freed = old ? record_size(old->key_n, old->value_n) : 0;
	if (j->live_bytes - freed + record_size(key.n, value.n) >
	    JOURNAL_LIVE_MAX)
		return E_FULL;
	(void)pthread_mutex_lock(&j->lock);
	int r = table_put(j, kind, key, value);
	if (r == 0) {
		note_pending(j, RECORD_PUT, kind, key, value);
		j->stats.puts++;
	}
	(void)pthread_mutex_unlock(&j->lock);
	if (r == 0)
		dirty(j);
	return r;
}

int journal_del(struct journal *j, uint8_t kind, struct span key)
{
	struct entry *e = find(j, kind, key);
	if (e == NULL)
		return E_NOTFOUND;
	(void)pthread_mutex_lock(&j->lock);
	/* Before the entry goes: `key` may point into it. */
	note_pending(j, RECORD_DEL, kind, key, SPAN_NONE);
	table_del(j, e);
	j->stats.dels++;
	(void)pthread_mutex_unlock(&j->lock);
	dirty(j);
	return 0;
}

bool journal_get(const struct journal *j, uint8_t kind, struct span key,
		 struct span *value)
{
	const struct entry *e = find(j, kind, key);
	if (e == NULL)
		return false;
	*value = value_of(e);
	return true;
}

bool journal_next(const struct journal *j, uint64_t *it, uint8_t *kind,
		  struct span *key, struct span *value)
{
	const struct list *l = *it ? (const struct list *)(uintptr_t)*it
				   : j->order.next;
	if (l == &j->order)
		return false;
	const struct entry *e = list_entry(l, const struct entry, at);
	*it = (uint64_t)(uintptr_t)l->next;
	*kind = e->key[0];
	*key = key_of(e);
	*value = value_of(e);
	return true;
}

void journal_on_dirty(struct journal *j, void (*fn)(void *arg), void *arg)
{
	j->on_dirty = fn;
	j->on_dirty_arg = arg;
}

void journal_stats(struct journal *j, struct journal_stats *out)
{
	(void)pthread_mutex_lock(&j->lock);
	*out = j->stats;
	out->live = map_count(j->map);
	out->live_bytes = j->live_bytes;
	(void)pthread_mutex_unlock(&j->lock);
}
