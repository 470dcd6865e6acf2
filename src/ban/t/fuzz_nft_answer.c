/* Answers of the kernel to a batch and to the question for the table. */
#include <stdlib.h>

#include "ban/nft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct book_change c[3] = {
		{.verb = BOOK_SET, .is_v4 = true, .prefix = 128, .ms = 1},
		{.verb = BOOK_REMOVE, .is_v4 = true, .prefix = 128},
		{.verb = BOOK_SET, .prefix = 64, .is_net = true, .ms = 1},
	};
	static const bool skip[3];
	static struct nft_batch batch;
	static _Alignas(8) uint8_t in[4096];
	struct nft_result res = {.done = false};
	struct nft_look look = {.answered = false};
	bool failed[3] = {false};

	if (size > sizeof(in))
		return 0;
	memcpy(in, data, size);
	if (nft_batch_build(&batch, BAN_WEB, true, c, 3, skip, 1) < 0)
		abort();
	(void)nft_batch_answer(&batch, span_of(in, size), &res, failed);
	(void)nft_look_answer(&look, span_of(in, size), 1);
	if ((failed[0] || failed[1] || failed[2]) && !res.error)
		abort();
	return 0;
}
