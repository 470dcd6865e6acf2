#include "super/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "schema/paths.h"
#include "super/listen.h"
#include "super/spawn.h"

static const enum ipc_role roles[] = {
	ROLE_KEYS, ROLE_CORE, ROLE_WEB, ROLE_MEDIA, ROLE_VIDEO, ROLE_BAN,
	ROLE_COURIER, ROLE_SIP,
};
enum { N_ROLES = sizeof(roles) / sizeof(roles[0]),
       PATH_TEXT = OPT_PATH_MAX + 64 };

#define SYSTEM_TRUST "/etc/ssl/certs/ca-certificates.crt"

__attribute__((format(printf, 2, 3)))
static int fail(char error[PREPARE_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, PREPARE_ERROR_MAX, fmt, ap);
	va_end(ap);
	return E_SYS;
}

/* --- roles that may be left out ------------------------------------------ */

static bool is_used(const struct house_cfg *cfg, enum ipc_role role)
{
	return role == ROLE_BAN ? cfg->with_ban :
	       role == ROLE_COURIER ? cfg->with_courier :
	       role == ROLE_SIP ? cfg->with_sip : true;
}

static void program(char path[PATH_TEXT], const struct options *o,
		    enum ipc_role role)
{
	(void)snprintf(path, PATH_TEXT, "%s/conclave-%s", o->libexec_dir,
		       ipc_role_name(role));
}

static bool is_installed(const struct options *o, enum ipc_role role)
{
	char path[PATH_TEXT];

	program(path, o, role);
	return access(path, F_OK) == 0;
}

static bool may_administer_network(void)
{
	cap_flag_value_t held = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (caps)
		(void)cap_get_flag(caps, CAP_NET_ADMIN, CAP_EFFECTIVE, &held);
	cap_free(caps);
	return held == CAP_SET;
}

void prepare_roles(struct house_cfg *cfg, const char **why_no_ban)
{
	cfg->with_courier = is_installed(cfg->opt, ROLE_COURIER);
	cfg->with_sip = is_installed(cfg->opt, ROLE_SIP) &&
			(cfg->opt->sip_port || cfg->opt->sip_clear_port);
	*why_no_ban = NULL;
	if (!is_installed(cfg->opt, ROLE_BAN))
		*why_no_ban = "conclave-ban is not installed";
	else if (geteuid() != 0 || !may_administer_network())
		*why_no_ban = "not started as root with CAP_NET_ADMIN";
	else if (listen_netlink(&cfg->fds.netlink) < 0)
		*why_no_ban = "this kernel has no netfilter netlink";
	cfg->with_ban = !*why_no_ban;
}

/* --- files --------------------------------------------------------------- */

/* Whoever may write there could put his own socket in place of core's, and
 * the operator's command would tell him PINs. */
static int check_run_dir(const struct options *o,
			 char error[PREPARE_ERROR_MAX])
{
	struct stat st;
	int r = 0;
	int fd = open(o->run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		      O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		r = fail(error, "%s: %s: choose another --run-dir", o->run_dir,
			 strerror(errno));
	else if (st.st_uid != geteuid() || (st.st_mode & 022))
		r = fail(error, "%s belongs to, or may be written by, somebody else: chmod go-w it or choose another --run-dir",
			 o->run_dir);
	if (fd >= 0)
		close(fd);
	return r;
}

static int open_run_dir(const struct options *o, int *lock,
			char error[PREPARE_ERROR_MAX])
{
	char path[PATH_TEXT];

	if (mkdir(o->run_dir, 0755) < 0 && errno != EEXIST)
		return fail(error, "%s: %s: choose another --run-dir",
			    o->run_dir, strerror(errno));
	if (check_run_dir(o, error) < 0)
		return E_SYS;
	(void)snprintf(path, sizeof(path), "%s/super.lock", o->run_dir);
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock < 0)
		return fail(error, "%s: %s", path, strerror(errno));
	if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
		return fail(error, "another conclave-super runs with %s: stop it or choose another --run-dir",
			    o->run_dir);
	return 0;
}

static int open_data(const struct options *o, const char *name, int flags,
		     int *fd, char error[PREPARE_ERROR_MAX])
{
	char path[PATH_TEXT];

	(void)snprintf(path, sizeof(path), "%s/%s", o->data_dir, name);
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);
	if (*fd >= 0)
		return 0;
	if (errno == ENOENT)
		return fail(error, "%s is missing: run conclave-setup --data-dir %s, or put the file back",
			    path, o->data_dir);
	return fail(error, "%s cannot be read: %s: run as its owner or correct its mode",
		    path, strerror(errno));
}

static int check_secret(const struct options *o, const char *name, int fd,
			char error[PREPARE_ERROR_MAX])
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(error, "%s/%s is not a file", o->data_dir, name);
	if (st.st_mode & 077)
		return fail(error, "%s/%s may be read by others: chmod 0400 %s/%s",
			    o->data_dir, name, o->data_dir, name);
	return 0;
}

int prepare_certificate(const struct options *o, int *key, int *cert,
			char error[PREPARE_ERROR_MAX])
{
	int k = -1, c = -1;
	int r = open_data(o, PATH_SERVER_KEY, 0, &k, error);

	if (!r)
		r = check_secret(o, PATH_SERVER_KEY, k, error);
	if (!r)
		r = open_data(o, PATH_SERVER_CERT, 0, &c, error);
	if (r < 0) {
		if (k >= 0)
			close(k);
		return r;
	}
	*key = k;
	*cert = c;
	return 0;
}

static int open_data_dir(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX])
{
	const struct options *o = cfg->opt;
	struct house_fds *f = &cfg->fds;
	struct stat st;
	int r;

	if (stat(o->data_dir, &st) < 0)
		return fail(error, "no data directory %s: run conclave-setup --data-dir %s first",
			    o->data_dir, o->data_dir);
	r = open_data(o, PATH_DATA_KEY, 0, &f->data_key, error);
	if (!r)
		r = check_secret(o, PATH_DATA_KEY, f->data_key, error);
	if (!r && (fstat(f->data_key, &st) < 0 || st.st_size != DATA_KEY_LEN))
		r = fail(error, "%s/%s is damaged (%lld bytes, want %d): restore it from a backup",
			 o->data_dir, PATH_DATA_KEY, (long long)st.st_size,
			 DATA_KEY_LEN);
	if (!r)
		r = prepare_certificate(o, &f->tls_key, &f->tls_cert, error);
	if (!r)
		r = open_data(o, PATH_CORE_DIR, O_DIRECTORY, &f->data_dir,
			      error);
	return r;
}

static int open_static(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX])
{
	cfg->fds.static_dir = open(cfg->opt->static_dir,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cfg->fds.static_dir < 0)
		return fail(error, "%s: %s: --static-dir must hold the meeting page",
			    cfg->opt->static_dir, strerror(errno));
	return 0;
}

/* Callers without a screen are told nothing when it is missing. */
static void open_prompts(struct house_cfg *cfg)
{
	char path[PATH_TEXT];

	(void)snprintf(path, sizeof(path), "%s/prompts.pack",
		       cfg->opt->libexec_dir);
	cfg->fds.prompts = open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_good_guard(int fd, uid_t owner)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_nlink == 1 && st.st_uid == owner && !(st.st_mode & 077);
}

/* The directory is core's, who is trusted less than we are: a name that he
 * put there is never given to him as if it were ours. Without the file core
 * keeps the guard's memory to itself, until it ends. */
static void open_guard(struct house_cfg *cfg)
{
	const struct house_user *u = &cfg->users[ROLE_CORE];
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	uid_t owner = u->change ? u->uid : geteuid();
	int dir = cfg->fds.data_dir;
	int fd = openat(dir, PATH_GUARD, flags);

	if (fd >= 0 && is_good_guard(fd, owner)) {
		cfg->fds.guard = fd;
		return;
	}
	if (fd >= 0)
		close(fd);
	(void)unlinkat(dir, PATH_GUARD, 0);
	fd = openat(dir, PATH_GUARD, flags | O_CREAT | O_EXCL, 0600);
	if (fd >= 0 && u->change && fchown(fd, u->uid, u->gid) < 0) {
		close(fd);
		fd = -1;
	}
	cfg->fds.guard = fd;
}

/* Without the system's file courier trusts nobody and calls nobody. */
static int open_trust(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX])
{
	const char *named = cfg->opt->trust_file;

	if (!cfg->with_courier && !cfg->with_sip)
		return 0;
	cfg->fds.trust = open(named[0] ? named : SYSTEM_TRUST,
			      O_RDONLY | O_CLOEXEC);
	if (cfg->fds.trust < 0 && named[0])
		return fail(error, "%s: %s: --trust (make run: CONCLAVE_TRUST) must name a PEM file of CAs",
			    named, strerror(errno));
	return 0;
}

static int check_executables(const struct house_cfg *cfg,
			     char error[PREPARE_ERROR_MAX])
{
	char path[PATH_TEXT];

	for (size_t i = 0; i < N_ROLES; i++) {
		if (!is_used(cfg, roles[i]))
			continue;
		program(path, cfg->opt, roles[i]);
		if (access(path, X_OK) < 0)
			return fail(error, "%s: %s: build it first or correct --libexec-dir",
				    path, strerror(errno));
		if (cfg->users[roles[i]].change && !spawn_is_trusted(path))
			return fail(error, "%s, or a directory above it, belongs to or may be changed by somebody other than root: refusing to run it as root",
				    path);
	}
	return 0;
}

int prepare_files(struct house_cfg *cfg, int *lock,
		  char error[PREPARE_ERROR_MAX])
{
	int r = open_run_dir(cfg->opt, lock, error);

	if (!r)
		r = open_data_dir(cfg, error);
	if (!r)
		r = open_static(cfg, error);
	open_prompts(cfg);
	if (!r)
		open_guard(cfg);
	if (!r)
		r = open_trust(cfg, error);
	return r ? r : check_executables(cfg, error);
}

/* --- users --------------------------------------------------------------- */

int prepare_users(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX])
{
	char name[40];

	if (geteuid() != 0 || cfg->opt->same_user)
		return 0;
	for (size_t i = 0; i < N_ROLES; i++) {
		struct house_user *u = &cfg->users[roles[i]];
		struct passwd *pw;

		if (!is_used(cfg, roles[i]))
			continue;
		(void)snprintf(name, sizeof(name), "conclave-%s",
			       ipc_role_name(roles[i]));
		pw = getpwnam(name);
		if (!pw)
			return fail(error, "user %s is missing: make the role users with packaging/make-users.sh",
				    name);
		if (pw->pw_uid == 0 || pw->pw_gid == 0)
			return fail(error, "user %s must be neither root nor in its group",
				    name);
		u->change = true;
		u->uid = pw->pw_uid;
		u->gid = pw->pw_gid;
	}
	return 0;
}

/* --- sockets ------------------------------------------------------------- */

static unsigned cores(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n > OPT_WORKERS_MAX ? OPT_WORKERS_MAX : (unsigned)n;
}

static int media_sockets(struct house_cfg *cfg, char error[LISTEN_ERROR_MAX])
{
	const struct options *o = cfg->opt;

	for (unsigned i = 0; i < cfg->workers; i++) {
		uint16_t port = (uint16_t)(o->media_first + i);
		int r = listen_udp(&cfg->fds.udp[i], port, LISTEN_WAIT_MS,
				   "--media-port-first (make run: CONCLAVE_MEDIA_PORT_FIRST)",
				   error);

		/* Without it media drops the same, only dearer. */
		if (!r)
			(void)listen_only_ice(cfg->fds.udp[i]);
		if (!r)
			r = listen_tcp(&cfg->fds.tcp[i], port, LISTEN_WAIT_MS,
				       "--media-port-first (make run: CONCLAVE_MEDIA_PORT_FIRST)",
				       error);
		if (r)
			return r;
	}
	return 0;
}

static int write_ports(const struct options *o, char error[PREPARE_ERROR_MAX])
{
	char path[PATH_TEXT];
	FILE *f;
	int n;

	(void)snprintf(path, sizeof(path), "%s/ports", o->run_dir);
	(void)unlink(path);
	f = fopen(path, "wxe");
	if (!f)
		return fail(error, "%s: %s", path, strerror(errno));
	n = fprintf(f, "https %u %u\nhttp %u %u\nadmin %u %u\nmedia %u %u\nsip %u %u\n",
		    o->https_port, o->https_port, o->http_port, o->http_port,
		    o->admin_port, o->admin_port, o->media_first,
		    o->media_last, o->sip_port, o->sip_port);
	if (fclose(f) != 0 || n < 0)
		return fail(error, "%s: %s", path, strerror(errno));
	return 0;
}

int prepare_sockets(struct house_cfg *cfg, char error[PREPARE_ERROR_MAX])
{
	const struct options *o = cfg->opt;
	char path[PATH_TEXT];
	int r;

	cfg->workers = o->workers ? o->workers : cores();
	if (cfg->workers > (unsigned)(o->media_last - o->media_first) + 1)
		return fail(error, "%u media workers need as many ports: widen --media-port-first and --media-port-last",
			    cfg->workers);
	cfg->n_addrs = listen_own_addrs(cfg->addrs, HOUSE_ADDRS_MAX);
	if (gethostname(cfg->hostname, sizeof(cfg->hostname) - 1) < 0)
		cfg->hostname[0] = 0;
	r = listen_tcp(&cfg->fds.https, o->https_port, LISTEN_WAIT_MS, "--https-port (make run: CONCLAVE_HTTPS_PORT)",
		       error);
	if (!r && o->http_port)
		r = listen_tcp(&cfg->fds.http, o->http_port, LISTEN_WAIT_MS, "--http-port (make run: CONCLAVE_HTTP_PORT)",
			       error);
	if (!r && cfg->with_sip && o->sip_port)
		r = listen_tcp(&cfg->fds.sip, o->sip_port, LISTEN_WAIT_MS, "--sip-port (make run: CONCLAVE_SIP_PORT)",
			       error);
	if (!r)
		r = media_sockets(cfg, error);
	if (!r)
		r = write_ports(o, error);
	if (r)
		return r;
	(void)snprintf(path, sizeof(path), "%s/cli.sock", o->run_dir);
	return listen_cli(&cfg->fds.cli, path, error);
}
