/* sip/t/fake.h - a face between a fake network and a fake core. */
#pragma once
#include "sip/face.h"

enum { FAKE_SENT_MAX = 64, FAKE_TOLD_MAX = 64, FAKE_BYTES = 4096,
       FAKE_TOLD_BYTES = 65536 };

struct fake_sent {
	struct sip_peer to;
	char text[FAKE_BYTES];
};

struct fake_told {
	enum ipc_type type;
	uint8_t packed[FAKE_TOLD_BYTES];
	size_t n;
	ProtobufCMessage *m;
};

struct fake {
	struct face *face;
	struct timer_wheel *wheel;
	uint64_t now_ns;
	struct sip_peer peer;		/* a caller over UDP */
	struct sip_peer tls;		/* another over TLS, flow 7 */
	bool flow_is_there;
	const char *names;		/* of its certificate */
	const char *trunk;		/* whose rules it met; NULL = none */
	bool believed;			/* about who calls */
	int send_error, tell_error, dial_error;
	unsigned sdps, shut;
	unsigned n_registered;		/* connections that may rest ... */
	uint32_t registered_s;		/* ... and for how long, the last */
	uint32_t next_flow;
	struct fake_sent sent[FAKE_SENT_MAX];
	size_t n_sent;
	struct fake_told told[FAKE_TOLD_MAX];
	size_t n_told;
};

int  fake_init(struct fake *k);
void fake_release(struct fake *k);
void fake_forget(struct fake *k);	/* what was sent and told */
/* Text with \n for CR LF; Content-Length is added. */
void fake_say(struct fake *k, const struct sip_peer *from, const char *text);
__attribute__((format(printf, 3, 4)))
void fake_sayf(struct fake *k, const struct sip_peer *from, const char *fmt,
	       ...);
void fake_run(struct fake *k, uint64_t ms);
void fake_core(struct fake *k, enum ipc_type type, const ProtobufCMessage *m);
/* The n-th last that was sent, "" when there is none. */
const char *fake_last(const struct fake *k, size_t back);
bool fake_sent_has(const struct fake *k, const char *part);
unsigned fake_count(const struct fake *k, const char *part);
/* The newest message of that type, or NULL. */
const void *fake_told(struct fake *k, enum ipc_type type);
unsigned fake_told_count(const struct fake *k, enum ipc_type type);
/* The value of a header line in `text`, up to CR; into buf. */
const char *fake_hdr(const char *text, const char *name, char *buf, size_t cap);
const char *fake_to_tag(const char *text, char *buf, size_t cap);
