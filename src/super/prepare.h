/* super/prepare.h - opens everything that the roles will get, while super
 * still has its rights. Each failure is one line that says what to do. */
#pragma once
#include "super/house.h"

enum { PREPARE_ERROR_MAX = 1024 };

/* The run directory, its lock (*lock stays open for good), data and TLS
 * files, static files, users, executables. */
int prepare_files(struct house_cfg *cfg, int *lock,
		  char error[PREPARE_ERROR_MAX]);
int prepare_users(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX]);
int prepare_sockets(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX]);
