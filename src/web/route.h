/* web/route.h - which request is meant; a table and a pure look-up.
 *
 * A request exists only as a row of this table. Aliases and ids are taken as
 * they are: core decides whether they name anything.
 */
#pragma once
#include "http/head.h"
#include "http/path.h"
#include "ipc/web.pb-c.h"

enum { ROUTE_ALIAS_MAX = 250, ROUTE_UUID_MAX = 64 };

enum route_kind {
	ROUTE_NONE = 0,		/* not ours: 404 */
	ROUTE_STATUS,		/* /api/client/v2/status */
	ROUTE_JOIN,		/* request_token */
	ROUTE_COMMAND,		/* `op` of the row */
	ROUTE_CALL,		/* calls, update: carries SDP */
	ROUTE_EVENTS,
	ROUTE_REG,		/* registrations: `reg` of the row */
	ROUTE_REG_EVENTS,
	ROUTE_PAGE,		/* index.html for a page address */
	ROUTE_FILE,		/* a static file, perhaps */
	ROUTE_KIND_COUNT
};

/* What of the body becomes part of the command. */
enum route_body {
	BODY_NONE = 0, BODY_MESSAGE, BODY_SETTING, BODY_ROLE, BODY_ASPECT,
	BODY_TEXT, BODY_REASON, BODY_LAYOUT, BODY_DIAL, BODY_FECC
};

/* The result of a success. */
enum route_result {
	RESULT_IS_TRUE = 0, RESULT_IS_NULL, RESULT_IS_EMPTY, RESULT_IS_TOKEN,
	RESULT_IS_STATUS, RESULT_IS_ROWS, RESULT_IS_LAYOUTS, RESULT_IS_CALL,
	RESULT_IS_PICTURE, RESULT_IS_CALLED
};

struct route_row {
	const char *name;
	enum http_method method;
	enum route_kind kind;
	Cv__Op op;
	enum route_body body;
	enum route_result result;
	/* Answer when core or media is away: clients read some statuses as
	 * plain text and take others for the end of the call. */
	uint16_t away;		/* 0 = 503 */
	bool away_is_text;
	bool query_token;	/* ?token= is accepted */
	Cv__RegOp reg;
};

struct route {
	enum route_kind kind;
	const struct route_row *row;	/* the kinds with a row */
	bool is_api;
	bool wrong_method;		/* the row exists, for row->method */
	struct span alias;		/* into the path */
	struct span participant;
	struct span call;
};

void route_find(struct route *out, enum http_method m,
		const struct http_path *p);
