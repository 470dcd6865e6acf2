/* SIP as text, RFC 3261: what a device needs of it, read its own way. */
#pragma once
#include "bytes.h"

enum { SIP_MAX = 65536, SIP_VALUE = 2048 };

struct sip_msg {
	bool is_request;
	char method[24];		/* of the CSeq in an answer */
	unsigned code;			/* of an answer */
	unsigned cseq;
	char *text;			/* lines end in NUL NUL; see sip.c */
	const char *first, *body;
	size_t head, n_body;
};
/* Length of the message at the begin of a stream, 0 = more is needed. */
size_t sip_frame(const char *p, size_t n);
/* Changes `p`, which must stay and have a byte behind it. */
const char *sip_read(struct sip_msg *m, char *p, size_t n);
/* The value of the n-th line of that name, or NULL. */
const char *sip_line(const struct sip_msg *m, const char *name, unsigned nth);
/* A parameter `key=` of a value, without quotes. */
bool sip_param(const char *value, const char *key, char *out, size_t size);

/* The value of Authorization for a challenge, RFC 8760: SHA-256 or MD5 with
 * qop=auth, or an empty text when the challenge cannot be met. */
void sip_digest(char *out, size_t size, const char *challenge,
		const char *method, const char *uri, const char *user,
		const char *pass);
