#include "ban/kernel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/rand.h"

#define MOD "kernel"

#define TABLE_OK      CV__BAN_TABLE__BAN_TABLE_OK
#define TABLE_MISSING CV__BAN_TABLE__BAN_TABLE_MISSING
#define TABLE_DENIED  CV__BAN_TABLE__BAN_TABLE_DENIED

/* A batch is tried again without the changes that the kernel refused. */
enum { TRIES_MAX = 3 };

struct kernel {
	int fd;
	uint32_t seq;
	uint64_t handle;
	struct kernel_counts counts;
	struct nft_batch batch;
	struct book_change changes[NFT_CHANGES_MAX];
	_Alignas(8) uint8_t answer[NFT_ANSWER_BYTES];
};

int kernel_new(struct kernel **out, int fd)
{
	struct kernel *k = mem_zalloc(sizeof(*k));

	if (!k) {
		close(fd);
		return E_NOMEM;
	}
	k->fd = fd;
	k->seq = rand_u32();
	while (recv(fd, k->answer, sizeof(k->answer), MSG_DONTWAIT) > 0 ||
	       errno == ENOBUFS)
		;
	*out = k;
	return 0;
}

void kernel_free(struct kernel **kp)
{
	if (!*kp)
		return;
	close((*kp)->fd);
	mem_free(*kp);
	*kp = NULL;
}

/* One datagram of answers: its length, 0 when there is no more, or E_SYS. */
static int take(struct kernel *k, struct span *out)
{
	ssize_t n = recv(k->fd, k->answer, sizeof(k->answer), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return E_SYS;
	*out = span_of(k->answer, (size_t)n);
	return (int)n;
}

/* --- the table ------------------------------------------------------------ */

static Cv__BanTable state_of(int error)
{
	return error == 0 ? TABLE_OK : error == ENOENT ? TABLE_MISSING :
	       TABLE_DENIED;
}

Cv__BanTable kernel_look(struct kernel *k, bool *is_new)
{
	_Alignas(8) uint8_t ask[512];
	struct nft_look look = {.error = EIO};
	size_t n = nft_look_build(ask, sizeof(ask), ++k->seq);
	struct span in;

	*is_new = false;
	if (send(k->fd, ask, n, MSG_DONTWAIT) < 0)
		return state_of(errno);
	while (take(k, &in) > 0)
		(void)nft_look_answer(&look, in, k->seq);
	if (look.error == 0 && look.handle != k->handle) {
		*is_new = true;
		k->handle = look.handle;
	}
	return state_of(look.error);
}

/* --- changes -------------------------------------------------------------- */

/* Sends what stands in the batch and reads all answers. */
static int exchange(struct kernel *k, struct nft_result *res, bool *failed)
{
	struct span in;
	int r;

	*res = (struct nft_result){.done = false};
	k->counts.batches++;
	if (send(k->fd, k->batch.buf, k->batch.n, MSG_DONTWAIT) < 0) {
		res->error = errno;
		res->denied = errno == EPERM;
		return E_SYS;
	}
	while ((r = take(k, &in)) > 0)
		(void)nft_batch_answer(&k->batch, in, res, failed);
	return r < 0 || !res->done ? E_SYS : 0;
}

static size_t count_of(const bool *flags, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += flags[i];
	return sum;
}

/* `failed` says which changes are not in force. */
static Cv__BanTable carry_some(struct kernel *k, enum ban_group g, bool *flush,
			       size_t n, bool *failed)
{
	bool skip[NFT_CHANGES_MAX];
	struct nft_result res = {.error = EIO};

	for (int i = 0; i < TRIES_MAX && res.error; i++) {
		memcpy(skip, failed, sizeof(skip));
		if (nft_batch_build(&k->batch, g, *flush, k->changes, n, skip,
				    ++k->seq) < 0)
			break;
		k->seq += k->batch.n_msgs;
		if (exchange(k, &res, failed) < 0 && !res.error)
			res.error = EIO;
		if (res.no_table || res.denied)
			break;
		/* Nothing to leave out: the same again would fail again. */
		if (res.error && count_of(failed, n) == count_of(skip, n))
			break;
	}
	if (!res.error) {
		*flush = false;
	} else {
		memset(failed, 1, n * sizeof(*failed));
		log_warn(MOD, "the kernel refused bans",
			 LOG_S("set", nft_set_name(g, true, false)),
			 LOG_I("errno", res.error), LOG_U("changes", n));
	}
	return res.no_table ? TABLE_MISSING : res.denied ? TABLE_DENIED :
	       TABLE_OK;
}

static Cv__BanTable carry_group(struct kernel *k, struct book *b,
				enum ban_group g, bool *flush, uint64_t now_ns)
{
	bool failed[NFT_CHANGES_MAX], first = *flush;
	size_t n;

	for (;; first = false) {
		Cv__BanTable t;

		n = book_changes(b, g, now_ns, k->changes, NFT_CHANGES_MAX);
		if (!n && !first)
			return TABLE_OK;
		memset(failed, 0, sizeof(failed));
		t = carry_some(k, g, flush, n, failed);
		if (t != TABLE_OK)
			return t;
		for (size_t i = 0; i < n; i++)
			book_done(b, g, &k->changes[i], failed[i]);
		k->counts.failed += count_of(failed, n);
		k->counts.applied += n - count_of(failed, n);
	}
}

Cv__BanTable kernel_carry(struct kernel *k, struct book *b, bool *flush,
			  uint64_t now_ns)
{
	Cv__BanTable t = TABLE_OK;
	bool was = *flush, left = false;

	for (int g = 0; g < BAN_GROUP_COUNT && t == TABLE_OK; g++) {
		bool own = was;

		t = carry_group(k, b, (enum ban_group)g, &own, now_ns);
		left = left || own;
	}
	if (t != TABLE_OK)
		return t;
	book_clean(b);
	*flush = left;
	k->counts.refills += was && !left;
	return t;
}

void kernel_count(const struct kernel *k, struct kernel_counts *out)
{
	*out = k->counts;
}
