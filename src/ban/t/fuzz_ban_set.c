/* A BanSet as core's bytes: unpacked, decoded, put into a book, turned into
 * batches. What comes out obeys the limits that the header names. */
#include <stdlib.h>

#include "ban/nft.h"
#include "base/clock.h"
#include "ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ban_item *it)
{
	if (!it->ports || it->ports > 15 || !it->prefix || it->prefix > 128 ||
	    it->seconds > BAN_SECONDS_MAX)
		abort();
	if (!it->refused && it->prefix < (it->is_v4 ? 96 + BAN_PREFIX4_MIN :
					  BAN_PREFIX6_MIN))
		abort();
}

static void carry(struct book *b, uint64_t now)
{
	static struct book_change c[NFT_CHANGES_MAX];
	static const bool skip[NFT_CHANGES_MAX];
	static struct nft_batch batch;

	for (int g = 0; g < BAN_GROUP_COUNT; g++) {
		enum ban_group group = (enum ban_group)g;
		size_t n;

		while ((n = book_changes(b, group, now, c, NFT_CHANGES_MAX))) {
			if (nft_batch_build(&batch, group, true, c, n, skip,
					    1) < 0)
				abort();
			for (size_t i = 0; i < n; i++)
				book_done(b, group, &c[i], i % 7 == 6);
		}
	}
	book_clean(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ban_item items[BAN_MESSAGE_MAX];
	static struct book *b;
	const uint64_t now = NS_PER_S;
	ProtobufCMessage *m;
	size_t n;

	if (!b && book_new(&b) < 0)
		return 0;
	if (ipc_unpack(IPC_BAN_SET, span_of(data, size), NULL, &m) < 0)
		return 0;
	if (ban_list_decode(items, &n, (const Cv__BanSet *)m) == 0) {
		book_reset(b);
		for (size_t i = 0; i < n; i++) {
			check(&items[i]);
			(void)book_put(b, &items[i], now);
		}
		book_last(b);
		carry(b, now);
		/* leaves nothing behind for the next input */
		book_retry(b, UINT64_MAX);
	}
	protobuf_c_message_free_unpacked(m, NULL);
	return 0;
}
