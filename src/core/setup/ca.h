/* core/setup/ca.h - an own certificate authority and one server certificate.
 *
 * ECDSA P-256 with SHA-256; RFC 5280 profile. The authority (pathlen 0, ten
 * years) exists to sign this one certificate (820 days, what browsers take
 * from a private authority). All texts are PEM.
 */
#pragma once
#include "base/err.h"
#include "base/secret.h"

enum { CA_NAMES_MAX = 64, CA_NAME_LEN = 254, CA_PEM_MAX = 16384 };

/* Host names and addresses in text form, for the SAN; the first is the CN. */
struct ca_names {
	char name[CA_NAMES_MAX][CA_NAME_LEN];
	size_t n;
};

/* Adds once. E_FORMAT: neither a host name nor an address. E_FULL. */
int ca_names_add(struct ca_names *names, const char *name);
/* localhost, 127.0.0.1, ::1, the host's name and its addresses. */
void ca_names_of_host(struct ca_names *names);

struct ca_pem {
	char ca_cert[CA_PEM_MAX], server_cert[CA_PEM_MAX];
	struct secret ca_key, server_key;
};

/* E_CRYPTO, E_NOMEM. now_s: seconds since 1970. */
int  ca_make(struct ca_pem *out, const struct ca_names *names, int64_t now_s);
void ca_pem_release(struct ca_pem *p);
