/* ban/nft.h - nf_tables over netlink: one transaction as bytes, and the
 * kernel's answers read. The only user of libmnl. Pure: no socket, no clock.
 *
 * The kernel takes a batch as a whole or not at all, and answers each refused
 * message with its sequence number; the last one is answered in any case.
 * A known element is changed by add, delete, add: the first makes sure that
 * the delete finds one (it may just have expired), because kernels before 6.3
 * have no "delete if there", and some do not take a new timeout otherwise.
 *
 * Sources: the kernel's uapi headers linux/netfilter/nf_tables.h and
 * nfnetlink.h.
 */
#pragma once
#include "ban/book.h"

enum {
	NFT_CHANGES_MAX = 512,
	NFT_BATCH_BYTES = 512 * 1024,	/* the longest: flush and 512 changes */
	NFT_MSGS_MAX = 3 * NFT_CHANGES_MAX + 8,
	NFT_ANSWER_BYTES = 64 * 1024,
};

/* Which change a message of the batch belongs to. */
struct nft_batch {
	uint8_t buf[NFT_BATCH_BYTES];
	size_t n;		/* bytes */
	uint32_t first_seq;
	uint32_t n_msgs;
	int16_t of[NFT_MSGS_MAX];	/* index of the change, -1 = none */
};

/* The changes of one group, removals first, as they came from the book. With
 * `flush` the group's sets are emptied before. Changes in skip[] are left
 * out. E_LIMIT (more than NFT_CHANGES_MAX), E_FULL (cannot happen). */
int nft_batch_build(struct nft_batch *b, enum ban_group g, bool flush,
		    const struct book_change *c, size_t n, const bool *skip,
		    uint32_t first_seq);

struct nft_result {
	bool done;		/* the last message was answered */
	int error;		/* the first errno of a message, or 0 */
	bool no_table;		/* ENOENT */
	bool denied;		/* EPERM, EOPNOTSUPP */
	size_t refused;		/* messages */
};

/* One datagram of answers. failed[i] is set for the changes that were refused;
 * other senders' and older answers are skipped. E_FORMAT for what is no
 * netlink message. */
int nft_batch_answer(const struct nft_batch *b, struct span in,
		     struct nft_result *out, bool *failed);

/* Asks for the table. Returns the length. */
size_t nft_look_build(uint8_t *buf, size_t cap, uint32_t seq);

struct nft_look {
	bool answered;
	int error;		/* errno; ENOENT = missing */
	uint64_t handle;	/* another one: the table was made anew */
};
int nft_look_answer(struct nft_look *out, struct span in, uint32_t seq);

/* The name of a group's set. */
const char *nft_set_name(enum ban_group g, bool is_v4, bool is_net);
