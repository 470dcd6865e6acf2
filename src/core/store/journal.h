/* core/store/journal.h - live state that must outlive a crash of core.
 *
 * A bounded table of (kind, key) -> value, kept in memory and, record by
 * record, in a file of its own: rooms, legs, participants, hashes of tokens
 * and of reconnect credentials. What they mean is the business of rooms.
 * Records are sealed with AES-256-GCM under a key of that file (data key and
 * a salt) and numbered, so a torn or altered tail ends the replay instead of
 * bringing back nonsense. When the file holds mostly superseded records it is
 * written anew beside the old one and renamed.
 *
 * Threads: put, del, next and get on the main thread. The writer thread of
 * the store runs journal_sync(). Durability: within STORE_SYNC_MS, or ask
 * store_flush() before an acknowledgement that matters.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

struct journal;
struct file_ops;

enum {
	JOURNAL_KEY_MAX = 128,
	JOURNAL_VALUE_MAX = 16384,
	JOURNAL_RECORDS_MAX = 200000,		/* live at once */
	JOURNAL_LIVE_MAX = 64 * 1024 * 1024,	/* bytes of live records */
};

/* Opens or makes the file and replays it; a torn tail is cut off and counted.
 * `files` NULL = the real ones. E_NOMEM, E_SYS, E_NOSPACE, E_VERSION. A file
 * sealed with another key is E_AUTH. */
int  journal_open(struct journal **out, const char *path,
		  struct span data_key, const struct file_ops *files);
/* Writes what is left, without complaint. */
void journal_close(struct journal **j);

/* Adds or replaces. E_LIMIT (size of one), E_FULL (table), E_NOMEM: then
 * nothing changed. kind 1..255. */
int journal_put(struct journal *j, uint8_t kind, struct span key,
		struct span value);
/* E_NOTFOUND when it is not there. */
int journal_del(struct journal *j, uint8_t kind, struct span key);
/* false = not there. *value is valid until the next put or del. */
bool journal_get(const struct journal *j, uint8_t kind, struct span key,
		 struct span *value);

/* Walks the live records in the order of their first put. Start with *it = 0.
 * The walk may delete the record just returned, nothing else. */
bool journal_next(const struct journal *j, uint64_t *it, uint8_t *kind,
		  struct span *key, struct span *value);

/* Tells the store that a sync is due; set by store_open(). */
void journal_on_dirty(struct journal *j, void (*fn)(void *arg), void *arg);
/* Writer thread: writes and fsyncs what was put before the call, compacting
 * when worth it. Fits store_sync_fn. */
int  journal_sync(void *journal);

struct journal_stats {
	uint64_t live, live_bytes, file_bytes, puts, dels, syncs, compactions;
	uint64_t torn_bytes;		/* cut off at open */
	uint64_t sync_errors;
};
void journal_stats(struct journal *j, struct journal_stats *out);
