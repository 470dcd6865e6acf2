/* What conclave doctor sees of this machine with its own eyes. */
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/doctor.h"
#include "schema/paths.h"

enum { PEM_MAX = 64 * 1024, PATH_LEN = 600 };

/* Whatever keeps the clock, it tells the kernel so. */
static void look_at_clock(struct doctor_local *l)
{
	struct timex t = {.modes = 0};
	const int state = adjtimex(&t);

	l->now_s = (int64_t)time(NULL);
	l->clock_known = state >= 0;
	l->clock_synced = state >= 0 && state != TIME_ERROR &&
			  !(t.status & STA_UNSYNC);
}

static void look_at_addresses(struct doctor_local *l)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i && l->n_addrs < DOCTOR_ADDRS_MAX;
	     i = i->ifa_next) {
		const socklen_t n = i->ifa_addr ? i->ifa_addr->sa_family ==
			AF_INET ? 16 : 28 : 0;

		if (n && addr_from_sockaddr(&l->addrs[l->n_addrs],
					    i->ifa_addr, n) == 0)
			l->n_addrs++;
	}
	freeifaddrs(all);
}

/* "sl: LOCAL:PORT REMOTE:PORT STATE ..."; TCP: those that listen (0A). */
static void take_port(struct doctor_local *l, const char *line, bool udp)
{
	unsigned p, state;

	if (l->n_open == DOCTOR_PORTS_MAX ||
	    sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &p,
		   &state) != 2 || (!udp && state != 0x0a))
		return;
	l->open[l->n_open++] = (struct doctor_port){udp, (uint16_t)p};
}

static void look_at_ports(struct doctor_local *l)
{
	static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6",
					    "/proc/net/udp", "/proc/net/udp6"};
	char line[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f = fopen(files[i], "re");

		l->ports_known |= f != NULL;
		while (f && fgets(line, sizeof(line), f))
			take_port(l, line, i >= 2);
		if (f)
			(void)fclose(f);
	}
}

static bool mode_of(const char *dir, const char *name, unsigned *mode)
{
	char path[PATH_LEN];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (stat(path, &st) < 0)
		return false;
	*mode = st.st_mode & 07777;
	return true;
}

static void look_at_data(struct doctor_local *l, const char *dir)
{
	struct statvfs v;

	if (statvfs(dir, &v) < 0 || !mode_of(dir, ".", &l->dir_mode) ||
	    !mode_of(dir, PATH_DATA_KEY, &l->key_mode) ||
	    !mode_of(dir, PATH_TLS_DIR, &l->tls_mode) ||
	    !mode_of(dir, PATH_SERVER_KEY, &l->tls_key_mode))
		return;
	l->disk_free_mb = (uint64_t)v.f_bavail * v.f_frsize >> 20;
	l->disk_percent_free = v.f_blocks ?
		(uint64_t)v.f_bavail * 100 / v.f_blocks : 0;
	l->dir_known = true;
}

static void look_at_cert(struct doctor_local *l, const char *dir,
			 const char *trust)
{
	char path[PATH_LEN];
	uint8_t *pem = mem_alloc(PEM_MAX);
	FILE *f;
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, PATH_SERVER_CERT);
	f = fopen(path, "re");
	if (f && pem)
		n = fread(pem, 1, PEM_MAX, f);
	if (f)
		(void)fclose(f);
	if (n && n < PEM_MAX && cert_open(&l->cert, span_of(pem, n)) == 0)
		l->cert_trusted = cert_is_trusted(l->cert, trust[0] ? trust :
						  NULL, &l->cert_why);
	mem_free(pem);
}

void doctor_look(struct doctor_local *l, const char *data_dir,
		 const char *trust)
{
	*l = (struct doctor_local){.cert = NULL};
	look_at_clock(l);
	look_at_addresses(l);
	look_at_ports(l);
	if (!data_dir[0])
		return;
	look_at_data(l, data_dir);
	look_at_cert(l, data_dir, trust);
}

void doctor_release(struct doctor_local *l)
{
	cert_close(&l->cert);
}
