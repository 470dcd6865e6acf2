/* core/audit/audit_int.h - the chain, shared by writing and verifying. */
#pragma once
#include "base/crypto/crypto.h"
#include "core/audit/audit.h"
#include "core/store/file.h"

enum {
	AUDIT_PATH_MAX = 4096,
	AUDIT_FILE_MAX = 64 * 1024 * 1024,
	AUDIT_HASH_HEX = 2 * SHA256_LEN,
	/* ,"hash":"<64>"} */
	AUDIT_TAIL_LEN = 9 + AUDIT_HASH_HEX + 2,
};

/* Where the chain stands: what the next line must follow. */
struct chain {
	uint64_t seq;			/* of the last line, 0 = none yet */
	uint8_t hash[SHA256_LEN];
};

struct anchor {
	uint64_t segment, first, last;
	uint8_t hash[SHA256_LEN];
	int64_t wall_us;		/* when it was sealed */
};

/* Adds one event: the JSON line with its newline into dst, and the chain
 * moves on. Returns the length. dst holds AUDIT_LINE_MAX. */
size_t chain_line(struct chain *c, char *dst, const struct audit_event *ev,
		  int64_t wall_us, uint64_t mono_ns, int *error);
/* Pure: checks one line (without newline) against the chain and moves it on.
 * 0, or E_FORMAT (no line of ours), E_REPLAY (number), E_AUTH (hash). */
int chain_check(struct chain *c, struct span line);

void audit_segment_path(char dst[AUDIT_PATH_MAX], const char *dir,
			uint64_t segment);
void audit_anchors_path(char dst[AUDIT_PATH_MAX], const char *dir);
size_t anchor_print(const struct anchor *a, char dst[256]);
int anchor_parse(struct anchor *a, struct span line);
/* All whole lines of `anchors`; *whole is how many bytes they take. *out from
 * mem_alloc. A missing file is an empty one. E_CORRUPT names *bad_line. */
int anchors_read(const struct file_ops *fs, const char *dir,
		 struct anchor **out, size_t *n, size_t *whole,
		 uint64_t *bad_line);
int audit_verify_with(const struct file_ops *fs, const char *dir,
		      struct audit_verdict *out);
