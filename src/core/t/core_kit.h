/* core/t/core_kit.h - the real conclave-core behind its real walls; super,
 * web, media, video and conclave(1) are played.
 *
 * Messages that core sends are kept in order and taken one at a time; waiting
 * is for an event with a deadline, never for time to pass.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/types.h>

#include "ban.pb-c.h"
#include "cli.pb-c.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"
#include "sip.pb-c.h"
#include "super.pb-c.h"
#include "video.pb-c.h"
#include "web.pb-c.h"

enum { KIT_WAIT_MS = 20000, KIT_MESSAGES_MAX = 65536, KIT_TEXT = 256 };

enum kit_who { KIT_SUPER = 0, KIT_WEB, KIT_MEDIA, KIT_VIDEO, KIT_CLI, KIT_BAN,
	       KIT_COURIER, KIT_SIP, KIT_COUNT };

struct kit_msg {
	enum kit_who from;		/* on whose channel */
	enum ipc_type type;
	ProtobufCMessage *m;
};

struct kit {
	char dir[64];
	int pid;
	int cli_listener;
	char cli_path[108];
	struct ipc_chan *ch[KIT_COUNT];
	bool down[KIT_COUNT];
	struct kit_msg *q;
	size_t n;
	uint32_t req;
	/* media plays along: answers each offer, reports secure media. */
	bool auto_media, media_refuses;
	bool has_camera;		/* calls of apps say so */
	bool is_deaf;			/* never tells that a prompt ended */
	uint64_t legs[64];
	uint64_t leg_rooms[64];
	size_t n_legs;
	/* For the next kit_spawn(): NULL or what core is told at its boot. */
	const char *boot_id;		/* 32 hex digits: another boot */
	const char *wall_step_us;	/* how far the wall clock leaps */
	const char *public_host;	/* where browsers reach us */
	const char *fail_at;		/* the n-th allocation of a join fails */
	bool no_guard_file;
	/* Messages that came from core and went to it, links' own not. */
	size_t heard, said;
};

extern const char *kit_program;

/* A fresh data directory; core runs, no links yet. */
void kit_start(struct kit *k);
/* core again, on the same data; links are gone. */
void kit_spawn(struct kit *k);
void kit_kill(struct kit *k);		/* SIGKILL, reaped */
int  kit_stop(struct kit *k);		/* Stop; the exit status */
void kit_release(struct kit *k);

void kit_link(struct kit *k, enum kit_who who);
void kit_drop(struct kit *k, enum kit_who who);	/* our end goes away */
/* With an empty report: a media process that was just born. */
void kit_link_media(struct kit *k, const Cv__LegReport *report);
void kit_connect_cli(struct kit *k);

/* One round of all channels, at most `ms`. */
void kit_turn(struct kit *k, int ms);
/* The next message of that type on that channel, removed from the queue and
 * owned by the caller (kit_free). Fails the test after KIT_WAIT_MS. */
void *kit_wait(struct kit *k, enum kit_who who, enum ipc_type type);
/* The same, NULL when none has come. */
void *kit_take(struct kit *k, enum kit_who who, enum ipc_type type);
void kit_free(void *msg);
void kit_forget(struct kit *k);		/* everything not taken */
int  kit_send(struct kit *k, enum kit_who who, enum ipc_type type,
	      const ProtobufCMessage *m);
#define KIT_SEND(k, who, TYPE, msg) \
	kit_send((k), KIT_##who, IPC_##TYPE, &(msg)->base)

/* --- as web ----------------------------------------------------------------- */

struct kit_person {
	char token[KIT_TEXT], uuid[64], reconnect[KIT_TEXT], name[KIT_TEXT];
	char call[64];
	char cookie[KIT_TEXT], cookie_name[64];
	bool host;
	Cv__ServiceType service;
	Cv__JoinOutcome outcome;
};
struct kit_ask {
	const char *alias, *name, *pin, *reconnect;
	uint32_t ip;			/* IPv4 of the source */
	const char *cookie, *invitation, *agent;
	uint32_t local;			/* IPv4 that was reached, 0 = not told */
	bool idp;			/* the lie that costs the channel */
	const char *one_time, *registration;
	bool control_only;		/* without media */
};
/* Sends only; the request's number. */
uint32_t kit_join_send(struct kit *k, const struct kit_ask *a);
/* Waits for the answer to that request; others are dropped. */
Cv__JoinReply *kit_join_answer(struct kit *k, uint32_t req);
Cv__JoinReply *kit_join_raw(struct kit *k, const struct kit_ask *a);
/* Joins "demo"; pin NULL = none sent. */
struct kit_person kit_join(struct kit *k, const char *name, const char *pin);
struct kit_person kit_join_ask(struct kit *k, const struct kit_ask *a);
Cv__ResultCode kit_command_at(struct kit *k, const char *alias,
			      const char *token, Cv__Op op,
			      const char *target, const char *call,
			      const char *text);
Cv__ResultCode kit_command(struct kit *k, const struct kit_person *p,
			   Cv__Op op, const char *target);
/* A call of an existing leg when p->call is set and update. */
Cv__CallReply *kit_call_raw(struct kit *k, const char *alias,
			    const char *token, const char *target,
			    const char *call);
Cv__ResultCode kit_call(struct kit *k, struct kit_person *p, bool update);
Cv__ResultCode kit_stream(struct kit *k, const struct kit_person *p,
			  uint32_t stream);
/* Waits for an event of that kind for that stream (kit_free). */
Cv__Event *kit_event(struct kit *k, uint32_t stream, Cv__EventKind kind);
/* Rows between sync begin and end of a fresh stream. */
size_t kit_roster(struct kit *k, uint32_t stream);
/* Makes the room "demo" with PINs 123456 and 654321 through the socket. */
void kit_demo_room(struct kit *k);
Cv__CliReply *kit_cli(struct kit *k, const char *verb, const char *resource,
		      const char *const *fields);
