/* web/files.h - the meeting page's files, held in memory.
 *
 * Read once from a directory descriptor before the sandbox closes; later no
 * file is opened. Names beginning with a dot, links and special files are
 * left out. Files whose name carries a content hash (assets/x-1a2b3c4d.js)
 * may be cached for ever, all others are asked for again each time (ETag).
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	FILES_MAX = 512,
	FILES_DEPTH_MAX = 4,
	FILES_ONE_MAX = 8 * 1024 * 1024,
	FILES_ALL_MAX = 32 * 1024 * 1024,
	FILES_NAME_MAX = 255,
};

struct file {
	char name[FILES_NAME_MAX + 1];	/* "assets/index-1a2b3c4d.js" */
	const char *type;
	bool immutable;
	char etag[24];			/* with quotes */
	uint8_t *p;
	size_t n;
};

struct files;

/* Reads all. dir_fd stays the caller's. E_LIMIT, E_SYS, E_NOMEM. */
int  files_load(struct files **out, int dir_fd);
void files_free(struct files **f);
const struct file *files_find(const struct files *f, struct span name);
size_t files_count(const struct files *f);

/* Pure helpers, for tests. */
const char *files_type(struct span name);
bool files_is_hashed(struct span name);
