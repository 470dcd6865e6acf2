/* ipc/check.h - private to ipc/: what the table and the decoder share. */
#pragma once
#include "ipc/common.pb-c.h"
#include "ipc/ipc.h"
#include "ipc/super.pb-c.h"

/* BOOT and LINK only. */
bool ipc_may_carry_fds(enum ipc_type t);
