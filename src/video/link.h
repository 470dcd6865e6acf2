/* video/link.h - the frame link to media: datagrams in, datagrams out.
 *
 * Says FRAME_HELLO first and wants to hear it first, with the same protocol
 * hash. Never blocks: a full socket loses the picture (E_FULL). Both ends
 * treat the other as hostile: what does not decode is dropped and counted,
 * more than LINK_BAD_MAX of it ends the link. One thread; the owner's loop
 * watches the descriptor for reading.
 */
#pragma once
#include "ipc/frame.h"

enum { LINK_BAD_MAX = 1000 };

struct link_cfg {
	int fd;				/* ownership goes to the link */
	struct span hash;		/* copied; 32 bytes */
	/* A datagram after the hellos. */
	void (*on_frame)(void *arg, const struct frame *f);
	/* The other side's hello came. */
	void (*on_up)(void *arg);
	void *arg;
};

struct link;
int  link_new(struct link **out, const struct link_cfg *cfg);
void link_free(struct link **l);
int  link_fd(const struct link *l);
/* One datagram: 0, E_AGAIN (nothing there), else the reason why the link has
 * to be freed: E_CLOSED, E_VERSION, E_STATE (no hello first), E_FORMAT. */
int  link_input(struct link *l);
/* Cuts a whole picture into datagrams. 0, E_FULL, E_CLOSED, E_LIMIT. */
int  link_send(struct link *l, const struct frame *whole);
uint64_t link_bad(const struct link *l);
