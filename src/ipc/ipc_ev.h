/* ipc/ipc_ev.h - a channel on a libevent base. */
#pragma once
#include "ipc/ipc.h"

struct event_base;
struct ipc_ev;

/* Creates the channel and its events. cfg->on_want is ignored. on_down is
 * called from the loop, never inside ipc_chan_send; ipc_ev_free() is safe
 * inside on_msg and on_down (memory goes after the turn). */
int  ipc_ev_new(struct ipc_ev **out, struct event_base *base,
		const struct ipc_chan_cfg *cfg);
void ipc_ev_free(struct ipc_ev **e);
struct ipc_chan *ipc_ev_chan(struct ipc_ev *e);
