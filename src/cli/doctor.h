/* cli/doctor.h - `conclave doctor`: is everything around the platform as it
 * must be? Names, certificate, addresses, ports, time, disk, rights.
 *
 * Facts come from core (rows of kind fact and dns) and from this machine
 * (struct doctor_local); doctor_judge() is pure and makes lines of them. What
 * cannot be told is a warning that says so, never an ok.
 */
#pragma once
#include <stdio.h>
#include "base/addr.h"
#include "base/crypto/cert.h"
#include "cli/print.h"

enum { DOCTOR_LINES_MAX = 128, DOCTOR_TEXT_MAX = 384, DOCTOR_ADDRS_MAX = 64,
       DOCTOR_PORTS_MAX = 1024,
       DOCTOR_EXPIRES_DAYS = 21,		/* a warning from here on */
       DOCTOR_DISK_MB = 512, DOCTOR_DISK_PERCENT = 5 };

enum doctor_result { DOCTOR_OK = 0, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_line {
	enum doctor_result result;
	char what[DOCTOR_TEXT_MAX], evidence[DOCTOR_TEXT_MAX],
	     fix[DOCTOR_TEXT_MAX];	/* "" = nothing to do */
};

struct doctor_report {
	struct doctor_line lines[DOCTOR_LINES_MAX];
	size_t n;
	bool is_cut;
};

struct doctor_port {
	bool udp;
	uint16_t port;
};

struct doctor_local {
	int64_t now_s;
	bool clock_known, clock_synced;
	struct addr addrs[DOCTOR_ADDRS_MAX];
	size_t n_addrs;
	struct doctor_port open[DOCTOR_PORTS_MAX];	/* listening here */
	size_t n_open;
	bool ports_known;
	bool dir_known;			/* the rest is of the data directory */
	unsigned dir_mode, key_mode, tls_mode, tls_key_mode;
	uint64_t disk_free_mb, disk_percent_free;
	struct cert *cert;		/* NULL: cannot be read */
	bool cert_trusted;
	const char *cert_why;		/* constant */
};

/* Looks around on this machine; data_dir and trust as core told them. */
void doctor_look(struct doctor_local *l, const char *data_dir,
		 const char *trust);
void doctor_release(struct doctor_local *l);

void doctor_judge(struct doctor_report *out, const struct rows *told,
		  const struct doctor_local *l);
enum doctor_result doctor_worst(const struct doctor_report *d);
void doctor_print(FILE *f, const struct doctor_report *d);
/* E_NOMEM. */
int  doctor_print_json(FILE *f, const struct doctor_report *d);
