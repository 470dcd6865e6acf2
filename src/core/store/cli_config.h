/* core/store/cli_config.h - the configuration verbs of conclave(1), in core.
 *
 * Handles list, create, change and remove of the resources in schema/, and
 * verify of the audit chain (docs/cli.md). The verbs about live rooms (show,
 * disconnect) and status belong to core's main. The caller has already made
 * sure that the peer is root or the platform's own user.
 *
 * Answers come later (when durable), in one or more CliReply messages, the
 * last with more = false. Main thread only.
 *
 * Besides the fields of schema/ a request may carry: `which` (a row's number
 * or name), `after` (list: rows behind this number), `alias` (create
 * conference, repeated), `open` (a room without PIN is meant). A reference
 * may be a name; in a list of references names have commas between.
 *
 * Not here: create conference_invitation. Its key is made by whoever holds the
 * data key; listing, changing the text and removing are.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "cli.pb-c.h"

struct store;
struct audit;
struct cli_config;

enum {
	CLI_PAGE_ROWS = 1024,	/* rows of one list request; ask with `after` */
	CLI_REPLY_ROWS = 32,	/* rows of one message */
	CLI_REPLY_BYTES = 262144,	/* it goes when its values pass this */
	CLI_FIELDS_MAX = 64,
	CLI_PENDING_MAX = 256,
};

/* `client` is the handle that cli_config_request() got: look the connection
 * up, it may be gone. The message is valid during the call only. */
typedef void (*cli_config_reply_fn)(void *arg, uint64_t client,
				    const Cv__CliReply *reply);

/* audit may be NULL (tests). audit_dir is what verify reads. */
int  cli_config_new(struct cli_config **out, struct store *st,
		    struct audit *audit, const char *audit_dir,
		    cli_config_reply_fn reply, void *arg);
/* Requests under way are forgotten; call after store_close(). */
void cli_config_free(struct cli_config **c);

/* Whether the verb and resource belong here. */
bool cli_config_handles(const Cv__CliRequest *rq);
/* Always answers through `reply`, possibly before it returns. `who` is for
 * the audit log: "uid 0". Copies what it keeps. */
void cli_config_request(struct cli_config *c, const Cv__CliRequest *rq,
			uint64_t client, struct span who, int64_t wall_us,
			uint64_t mono_ns);
