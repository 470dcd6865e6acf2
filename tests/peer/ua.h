/* A SIP user agent with one call at a time: registers, calls, is called. */
#pragma once
#include "ua_line.h"

enum ua_state { UA_IDLE, UA_CALLING, UA_RINGING, UA_UP, UA_OVER };

struct ua_fns {
	/* An offer (NULL: none, make one): our description, or NULL when it
	 * does not suit us. */
	const char *(*offer)(void *arg, const char *sdp);
	/* The other side's description is the answer to ours. */
	const char *(*answer)(void *arg, const char *sdp);
	/* The call stands: is called once. */
	void (*up)(void *arg);
	/* application/media_control+xml asked for a picture. */
	void (*picture)(void *arg);
};

struct ua {
	struct line line;
	const struct ua_fns *fns;
	void *arg;
	const char *user, *pass;	/* of digest; NULL: none */
	char name[64], domain[128], target[512];
	enum ua_state state;
	bool is_called;			/* who began it */
	unsigned code;			/* of the last final answer to us */
	char reason[64];		/* of it, or "BYE" */
	char call_id[64], tag[32], branch[64];
	char from[600], to[600];	/* of requests of ours in the dialog */
	char contact[512], routes[1024];
	unsigned cseq, asked;		/* asked: with credentials, how often */
	char method[24], uri[512];	/* of the request under way */
	char out[SIP_MAX];		/* the last request, to be repeated */
	size_t out_n;
	char said[SIP_MAX];		/* the last 2xx to an INVITE */
	size_t said_n;
	bool is_inviting;		/* an answer to our description is due */
	bool awaits_ack, has_body_in_ack;
	uint64_t again_ns, wait_ns;
	unsigned registered;		/* answers 200 to REGISTER */
	unsigned infos, updates, reinvites, options;
};

/* The line stands already. */
void ua_start(struct ua *u);
void ua_register(struct ua *u, unsigned seconds);
void ua_call(struct ua *u, const char *sdp);
void ua_reinvite(struct ua *u, const char *sdp);
/* BYE, or CANCEL. */
void ua_hang_up(struct ua *u);
void ua_message(void *ua, char *p, size_t n);
void ua_timers(struct ua *u, uint64_t now);
