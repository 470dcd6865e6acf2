/* cli/conn.h - the connection to core: one request at a time, blocking. */
#pragma once
#include "ipc/ipc.h"
#include "cli.pb-c.h"

enum { CONN_TIMEOUT_S = 60 };

struct conn;

/* Connects and waits for core's Hello. E_NOTFOUND (no socket), E_DENIED,
 * E_CLOSED, E_VERSION (another build), E_TIMEOUT. */
int  conn_open(struct conn **out, const char *path);
void conn_close(struct conn **c);
/* Calls fn for each reply, the last has more = false. */
typedef void (*conn_reply_fn)(void *arg, const Cv__CliReply *reply);
int  conn_request(struct conn *c, const Cv__CliRequest *rq, conn_reply_fn fn,
		  void *arg);
