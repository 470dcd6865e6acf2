/* super/house.h - the roles, what each gets, and the links between them.
 *
 * Owns the processes and their channels; runs on one libevent base. Effects
 * only: when something is started, killed or started again is decided by the
 * table in super/unit.c. Not thread safe.
 */
#pragma once
#include <sys/types.h>
#include "ipc/ipc.h"
#include "super/options.h"
#include "super/sink.h"

enum {
	HOUSE_ADDRS_MAX = 32,
	HOUSE_SLOTS_MAX = 6 + 2 * OPT_WORKERS_MAX,
	HOUSE_REFUSAL_MAX = SINK_LAST_MAX + 16,
};

struct event_base;

/* -1 = none. The listening sockets https, http, sip, udp, tcp are the house's from
 * house_new() on: it closes and opens them (ROLES_OFF). The others are not
 * owned. */
struct house_fds {
	int https, http, cli, data_key, data_dir, tls_key, tls_cert, static_dir,
	    trust, guard, netlink, prompts;
	int udp[OPT_WORKERS_MAX], tcp[OPT_WORKERS_MAX];
	int sip;			/* TLS; the clear ones are the house's */
};

struct house_user {
	bool change;
	uid_t uid;
	gid_t gid;
};

struct house_cfg {
	struct event_base *base;
	const struct options *opt;
	struct house_fds fds;
	struct house_user users[ROLE_COUNT];
	bool with_ban, with_courier, with_sip;	/* may be left out */
	unsigned workers;		/* 1..OPT_WORKERS_MAX */
	struct addr addrs[HOUSE_ADDRS_MAX];	/* this host's own */
	size_t n_addrs;
	char hostname[OPT_HOST_LEN_MAX];
	struct sink *sink;
	int own_log;			/* read end of super's own records */
};

struct house;

/* `cfg` must outlive the house. */
int  house_new(struct house **out, const struct house_cfg *cfg);
void house_free(struct house **h);
void house_start(struct house *h);
/* Reads the server's key and certificate anew: `keys` judges them, and the faces
 * get them or nothing changes. Core is told which. */
void house_reload(struct house *h);
/* STOP to all; the loop is left when the last has gone. */
void house_stop(struct house *h);
/* Why the house ended by itself: one line for the operator; NULL: it did not. */
const char *house_refusal(const struct house *h);
/* After SIGCHLD: all that have ended. */
void house_reap(struct house *h);

/* Pure: which pairs of roles have a link. */
bool house_has_link(enum ipc_role a, uint32_t ai, enum ipc_role b,
		    uint32_t bi);
/* Pure: the options of one role's Boot, into an arena-like array of
 * `max` rows; returns how many. */
/* Pure: the roles of a RolesOff that may be turned off at all. */
uint32_t house_may_be_off(uint32_t mask);
struct house_option {
	char name[32];
	char value[512];
};
size_t house_options(struct house_option *out, size_t max,
		     const struct house_cfg *cfg, enum ipc_role role,
		     uint32_t instance);
