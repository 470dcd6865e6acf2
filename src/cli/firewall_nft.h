/* cli/firewall_nft.h - nft(8) as a child process: no shell, fixed places. */
#pragma once
#include "base/span.h"

enum { NFT_OUTPUT_MAX = 256 * 1024 };

struct nft_run {
	const char *const *argv;	/* without the program; ends with NULL */
	struct span input;
	bool quiet;			/* its complaints are thrown away */
	bool fresh;			/* in a network namespace of its own */
	const char *const *then;	/* a second call in the same place */
	char *output;			/* NFT_OUTPUT_MAX bytes, or NULL */
	size_t n_output;
};

/* The last call's exit code, E_NOTFOUND (nft is not installed), E_DENIED (no
 * namespace could be made), E_LIMIT (longer output), E_SYS. Complaints of nft
 * go to standard error. */
int nft_run(struct nft_run *r);
