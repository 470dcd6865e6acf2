/* super/options.h - the command line of conclave-super.
 *
 * Pure: argv in, options or one line of complaint out.
 */
#pragma once
#include "base/addr.h"

enum {
	OPT_PATH_MAX = 256,
	OPT_WORKERS_MAX = 16,
	OPT_ADVERTISE_MAX = 16,
	OPT_HOSTS_MAX = 32,
	OPT_NAMESERVERS_MAX = 3,
	OPT_HOST_LEN_MAX = 254,
	OPT_ERROR_MAX = 512,
};

struct options {
	char data_dir[OPT_PATH_MAX], run_dir[OPT_PATH_MAX],
	     libexec_dir[OPT_PATH_MAX], static_dir[OPT_PATH_MAX],
	     log_file[OPT_PATH_MAX],	/* "" = stderr */
	     trust_file[OPT_PATH_MAX];	/* "" = the system's CAs */
	uint16_t https_port, http_port, admin_port;
	uint16_t sip_port, sip_clear_port;	/* 0 = off */
	uint16_t media_first, media_last;
	unsigned workers;		/* 0 = one for each core */
	struct addr advertise[OPT_ADVERTISE_MAX];	/* port 0 = the socket's */
	size_t n_advertise;
	char hosts[OPT_HOSTS_MAX][OPT_HOST_LEN_MAX];
	size_t n_hosts;
	struct addr nameservers[OPT_NAMESERVERS_MAX];	/* port 0 = 53 */
	size_t n_nameservers;		/* 0 = the system's */
	bool same_user;
};

/* 0, or E_INVAL and one line in `error`. */
int options_parse(struct options *o, int argc, char *const argv[],
		  char error[OPT_ERROR_MAX]);
extern const char options_usage[];
