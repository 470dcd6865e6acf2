/* ipc/role.h - how a role starts: what every main.c has in common.
 *
 * super forks and execs the role with its channel on descriptor 3 and the log
 * sink on descriptor 4. role_start() does Hello and waits (at most
 * ROLE_START_S) for Boot; the caller opens what it needs, closes its sandbox
 * with sandbox_enter(), and calls role_ready(). Links arrive later, each time
 * the other end was started anew.
 */
#pragma once
#include "ipc/ipc.h"
#include "ipc/ipc_ev.h"

enum { ROLE_FD_SUPER = 3, ROLE_FD_LOG = 4, ROLE_START_S = 30, ROLE_FDS_MAX = 64,
       ROLE_EXIT_REFUSED = 78 };

struct role_boot {
	enum ipc_role role;
	uint32_t instance;
	struct {
		uint32_t name;		/* Cv__FdName */
		int fd;
	} fds[ROLE_FDS_MAX];
	size_t n_fds;
	struct {
		char name[64];
		char value[512];
	} options[64];
	size_t n_options;
};

/* The n-th descriptor of that name or -1. Ownership goes to the caller. */
int  role_boot_fd(struct role_boot *b, uint32_t name, unsigned n);
/* The option's value or `fallback`. */
const char *role_boot_option(const struct role_boot *b, const char *name,
			     const char *fallback);

struct role;

struct role_callbacks {
	/* A fresh channel to another role; the callee owns fd. */
	void (*on_link)(void *arg, enum ipc_role peer, uint32_t instance,
			int fd);
	/* super asked for an orderly end, or its channel is gone: clean up;
	 * the process exits within a second either way. */
	void (*on_stop)(void *arg);
	/* core only, may be NULL: ROLE_DIED, ROLE_UP, CERTIFICATE. */
	void (*on_super_msg)(void *arg, enum ipc_type type,
			     const ProtobufCMessage *msg);
	/* May be NULL. sip: a listening socket that comes (the callee owns fd
	 * and closes its former one) or goes (fd -1). keys, web, sip: files of
	 * the certificate, changed. */
	void (*on_listen)(void *arg, uint32_t name, int fd);
	void *arg;
};

/* Blocks until Boot came. Exits the process with a logged reason on failure,
 * so a role's main needs no error path here. Installs the crash handler. */
void role_start(enum ipc_role self, struct role_boot *boot);
/* Attaches the super channel to the loop. */
int  role_attach(struct role **out, struct event_base *base,
		 const struct role_callbacks *cb);
/* For roles with their own loop (media): poll role_fd() and call this. */
int  role_attach_raw(struct role **out, const struct role_callbacks *cb);
int  role_fd(const struct role *r);
bool role_wants_write(const struct role *r);
void role_input(struct role *r);
void role_output(struct role *r);
/* For what no new start can cure (a damaged key, a newer database, a full
 * disk): one line for the operator, saying what to do, printable ASCII; main
 * returns the result. Super ends the whole house with that line when the role
 * has never served; one that served before is started again with back-off. */
int  role_refuse(const char *text);
/* After the sandbox closed. */
int  role_ready(struct role *r);
/* The channel of a link went down (from its on_down). One end saying so is
 * enough; stale news are harmless. If the peer lives, a new link comes. */
void role_link_lost(struct role *r, enum ipc_role peer, uint32_t instance);
/* Which source is being parsed for; NULL = none. Coalesced, cheap. */
struct addr;
void role_serving(struct role *r, const struct addr *source);
/* core only: the roles that switches turned off, bits 1 << role; whoever is
 * not named is turned on again. Coalesced; super keeps the last mask. */
void role_turn_off(struct role *r, uint32_t mask);
/* core only: whether the clear ports of SIP are open; off until said. The same
 * message, so each call keeps what the other told. */
void role_sip_clear(struct role *r, bool tcp, bool udp);
/* keys only: what its key and certificate are worth. `why`: NULL = they are in
 * force. */
void role_certificate(struct role *r, const char *why, int64_t not_after_s,
		      bool reload);
/* core only: have them read anew; CERTIFICATE follows. E_FULL, E_CLOSED. */
int  role_certificate_reload(struct role *r);
