/* ban/book.h - what shall be banned, and what of it the kernel holds.
 *
 * Pure memory of fixed size: BAN_ADDRS_MAX addresses and BAN_NETS_MAX
 * prefixes, both families together; time is an argument. The caller asks for
 * the changes of one port group (book_changes), carries them to the kernel,
 * and says how each ended (book_done).
 *
 * The kernel's interval sets refuse overlapping prefixes. So of prefixes that
 * lie in each other only the widest is held there; when it ends, those inside
 * come back with the time that they have left. Not thread safe.
 */
#pragma once
#include "ban/list.h"

struct book;
struct book_entry;

enum book_verb { BOOK_SET = 0, BOOK_REMOVE };

struct book_change {
	enum book_verb verb;
	bool is_v4, is_net;
	bool is_known;		/* the kernel has it already, with another time */
	uint8_t ip[16];
	uint8_t prefix;		/* of the 128 bits */
	uint64_t ms;		/* BOOK_SET: at least 1 */
	struct book_entry *entry;
	uint64_t target_ns;
};

struct book_counts {
	size_t addrs, nets;
	uint64_t full;		/* bans refused because a table was full */
};

int  book_new(struct book **out);
void book_free(struct book **b);

/* A new list begins: what is not named until book_last() ends there. */
void book_reset(struct book *b);
void book_last(struct book *b);
/* Takes a decoded ban over or ends it. E_FULL, E_DENIED for a refused one. */
int  book_put(struct book *b, const struct ban_item *item, uint64_t now_ns);
/* The kernel's table is new or unknown: everything must be carried again. */
void book_forget_kernel(struct book *b);
/* Whether book_changes() could find anything. */
bool book_is_dirty(const struct book *b);
/* At most `max` changes of the group, removals first; 0 = none. Those given
 * out come again until book_done(). */
size_t book_changes(struct book *b, enum ban_group g, uint64_t now_ns,
		    struct book_change *out, size_t max);
/* The kernel's answer to one change: the entry holds it, or (failed) is
 * tried again after book_retry(). */
void book_done(struct book *b, enum ban_group g, const struct book_change *c,
	       bool failed);
/* All groups were carried: nothing is a change until something is put, fails
 * over or expires. */
void book_clean(struct book *b);
/* Failed ones become changes again; forgets what has expired. The caller does
 * so every second or less often: it decides how late an inner prefix
 * returns. */
void book_retry(struct book *b, uint64_t now_ns);
void book_count(const struct book *b, struct book_counts *out);
