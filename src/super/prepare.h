/* super/prepare.h - opens everything that the roles will get, while super
 * still has its rights. Each failure is one line that says what to do. */
#pragma once
#include "super/house.h"

enum { PREPARE_ERROR_MAX = 1024 };

/* The run directory, its lock (*lock stays open for good), data and TLS
 * files, static files, users, executables. */
int prepare_files(struct house_cfg *cfg, int *lock,
		  char error[PREPARE_ERROR_MAX]);
/* The server's key and certificate as they are now: both, or none. */
int prepare_certificate(const struct options *o, int *key, int *cert,
			char error[PREPARE_ERROR_MAX]);
/* The roles that may be left out: courier when its program is not installed;
 * ban also when super may not administer the network. *why_no_ban: the
 * reason, or NULL. Before the others. */
void prepare_roles(struct house_cfg *cfg, const char **why_no_ban);
int prepare_users(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX]);
/* Listening sockets, and the table of their ports for conclave(1):
 * <run>/ports, lines "name first last". */
int prepare_sockets(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX]);
