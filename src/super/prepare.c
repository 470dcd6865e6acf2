#include "super/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "schema/paths.h"
#include "super/listen.h"
#include "super/spawn.h"

static const enum ipc_role roles[] = {
	ROLE_KEYS, ROLE_CORE, ROLE_WEB, ROLE_MEDIA, ROLE_VIDEO,
};
enum { N_ROLES = sizeof(roles) / sizeof(roles[0]),
       PATH_TEXT = OPT_PATH_MAX + 64 };

__attribute__((format(printf, 2, 3)))
static int fail(char error[PREPARE_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(error, PREPARE_ERROR_MAX, fmt, ap);
	va_end(ap);
	return E_SYS;
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
		r = open_data(o, PATH_SERVER_KEY, 0, &f->tls_key, error);
	if (!r)
		r = check_secret(o, PATH_SERVER_KEY, f->tls_key, error);
	if (!r)
		r = open_data(o, PATH_SERVER_CERT, 0, &f->tls_cert, error);
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

static int check_executables(const struct house_cfg *cfg,
			     char error[PREPARE_ERROR_MAX])
{
	char path[PATH_TEXT];

	for (size_t i = 0; i < N_ROLES; i++) {
		(void)snprintf(path, sizeof(path), "%s/conclave-%s",
			       cfg->opt->libexec_dir, ipc_role_name(roles[i]));
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
		int r = listen_udp(&cfg->fds.udp[i], port, error);

		if (!r)
			r = listen_tcp(&cfg->fds.tcp[i], port,
				       "--media-port-first (make run: CONCLAVE_MEDIA_PORT_FIRST)",
				       error);
		if (r)
			return r;
	}
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
	r = listen_tcp(&cfg->fds.https, o->https_port, "--https-port (make run: CONCLAVE_HTTPS_PORT)",
		       error);
	if (!r && o->http_port)
		r = listen_tcp(&cfg->fds.http, o->http_port, "--http-port (make run: CONCLAVE_HTTP_PORT)",
			       error);
	if (!r)
		r = media_sockets(cfg, error);
	if (r)
		return r;
	(void)snprintf(path, sizeof(path), "%s/cli.sock", o->run_dir);
	return listen_cli(&cfg->fds.cli, path, error);
}
