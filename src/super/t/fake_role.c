/* Stands in for every role in the supervisor's tests: says in the log what it
 * was given and what its links carry. SIGUSR1 makes its loop hang, SIGHUP
 * makes it drop its newest link; core turns web off and the clear ports of SIP
 * on on SIGUSR2, and back at the next. */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"

static struct event_base *base;
static struct role_boot boot;
static struct role *role;

/* The newest link. */
static struct {
	enum ipc_role peer;
	uint32_t instance;
	int fd;
} newest = {.fd = -1};

static void drop_link(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	if (newest.fd < 0)
		return;
	log_info("fake", "drops a link");
	(void)shutdown(newest.fd, SHUT_RDWR);
	newest.fd = -1;
	role_link_lost(role, newest.peer, newest.instance);
}

static void turn(evutil_socket_t sig, short what, void *arg)
{
	static bool off;

	(void)sig;
	(void)what;
	(void)arg;
	off = !off;
	role_sip_clear(role, off, off);
	role_turn_off(role, off ? 1u << ROLE_WEB | 1u << ROLE_KEYS : 0);
}

static void hang(int sig)
{
	(void)sig;
	for (;;)
		;
}

static void on_link_readable(evutil_socket_t fd, short what, void *arg)
{
	char text[64] = "";
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	(void)what;
	(void)arg;
	if (n > 0)
		log_info("fake", "link says", LOG_S("text", text));
	else
		close(fd);
}

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	char text[64];

	(void)arg;
	(void)snprintf(text, sizeof(text), "%s/%u", ipc_role_name(boot.role),
		       boot.instance);
	log_info("fake", "link", LOG_S("role", ipc_role_name(peer)),
		 LOG_U("instance", instance));
	if (send(fd, text, strlen(text), 0) < 0)
		log_error("fake", "link cannot be used");
	newest.peer = peer;
	newest.instance = instance;
	newest.fd = fd;
	(void)event_base_once(base, fd, EV_READ, on_link_readable, NULL, NULL);
}

static void on_stop(void *arg)
{
	(void)arg;
	log_info("fake", "stop");
	(void)event_base_loopbreak(base);
}

static void on_super_msg(void *arg, enum ipc_type type,
			 const ProtobufCMessage *msg)
{
	char source[ADDR_TEXT_MAX] = "none";

	(void)arg;
	if (type == IPC_ROLE_UP) {
		const Cv__RoleUp *m = (const Cv__RoleUp *)msg;

		log_info("fake", "role up",
			 LOG_S("role", ipc_role_name((enum ipc_role)m->role)),
			 LOG_U("instance", m->instance));
	} else if (type == IPC_CERTIFICATE) {
		const Cv__Certificate *m = (const Cv__Certificate *)msg;

		log_info("fake", "certificate", LOG_I("ok", m->ok),
			 LOG_T("why", ipc_bytes(m->why)));
	} else if (type == IPC_ROLE_DIED) {
		const Cv__RoleDied *m = (const Cv__RoleDied *)msg;
		struct addr a = {.port = 0};

		if (m->source && m->source->ip.len == 16) {
			memcpy(a.ip, m->source->ip.data, 16);
			a.port = (uint16_t)m->source->port;
			addr_print(&a, source);
		}
		log_info("fake", "role died",
			 LOG_S("role", ipc_role_name((enum ipc_role)m->role)),
			 LOG_U("signal", m->signal),
			 LOG_U("restart_ms", m->restart_ms),
			 LOG_S("source", source));
	}
}

static enum ipc_role self_from(const char *argv0)
{
	const char *dash = strrchr(argv0, '-');

	for (int r = 1; r < ROLE_COUNT && dash; r++)
		if (strcmp(dash + 1, ipc_role_name((enum ipc_role)r)) == 0)
			return (enum ipc_role)r;
	return ROLE_NONE;
}

static const char *kind_of(int fd)
{
	int type = 0, listens = 0;
	socklen_t n = sizeof(type), m = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
		return "file";
	(void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &m);
	if (type == SOCK_DGRAM)
		return "datagrams";
	return listens ? "listens" : "stream";
}

static void on_listen(void *arg, uint32_t name, int fd)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
		&cv__fd_name__descriptor, (int)name);
	static int kept[4] = {-1, -1, -1, -1};
	const int i = name == CV__FD_NAME__FD_SIP_UDP ? 1 :
		      name == CV__FD_NAME__FD_TLS_KEY ? 2 :
		      name == CV__FD_NAME__FD_TLS_CERT ? 3 : 0;
	char text[16] = "";

	(void)arg;
	if (kept[i] >= 0)
		close(kept[i]);
	kept[i] = fd;
	log_info("fake", "listen", LOG_S("name", v ? v->name : "?"),
		 LOG_S("kind", fd < 0 ? "closed" : kind_of(fd)));
	if (i < 2 || pread(fd, text, sizeof(text) - 1, 0) < 0)
		return;
	log_info("fake", "file", LOG_S("name", v ? v->name : "?"),
		 LOG_S("text", text));
	/* A certificate that begins with 'R' is refused. */
	if (boot.role == ROLE_KEYS && i == 3)
		role_certificate(role, text[0] == 'R' ? "it says no" : NULL,
				 1, true);
}

static void tell_boot(void)
{
	struct rlimit core = {1, 1};

	(void)getrlimit(RLIMIT_CORE, &core);
	log_info("fake", "process", LOG_U("pid", getpid()),
		 LOG_U("uid", getuid()), LOG_U("gid", getgid()),
		 LOG_I("groups", getgroups(0, NULL)),
		 LOG_U("core", core.rlim_cur),
		 LOG_I("sid_is_supers", getsid(0) == getsid(getppid())),
		 LOG_I("stray", write(6, "", 0) == 0 && boot.n_fds == 0));
	for (size_t i = 0; i < boot.n_fds; i++) {
		const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
			&cv__fd_name__descriptor, (int)boot.fds[i].name);

		log_info("fake", "fd", LOG_S("name", v ? v->name : "?"),
			 LOG_S("kind", kind_of(boot.fds[i].fd)));
	}
}

static void tell_options(void)
{
	for (size_t i = 0; i < boot.n_options; i++)
		log_info("fake", "option", LOG_S("name", boot.options[i].name),
			 LOG_S("value", boot.options[i].value));
}

/* A data key that begins with 'R' is refused. */
static bool key_says_no(void)
{
	char c = 0;

	for (size_t i = 0; i < boot.n_fds; i++)
		if (boot.fds[i].name == CV__FD_NAME__FD_DATA_KEY)
			return pread(boot.fds[i].fd, &c, 1, 0) == 1 && c == 'R';
	return false;
}

int main(int argc, char **argv)
{
	struct role_callbacks cb = {
		.on_link = on_link, .on_stop = on_stop,
		.on_super_msg = on_super_msg, .on_listen = on_listen,
	};
	struct addr source;
	struct event *hup, *usr2;

	(void)argc;
	if (sandbox_early() < 0)
		return 1;
	role_start(self_from(argv[0]), &boot);
	if (key_says_no())
		return role_refuse("the key says no: bring another");
	(void)signal(SIGUSR1, hang);
	tell_boot();
	tell_options();
	base = event_base_new();
	if (!base || role_attach(&role, base, &cb) < 0)
		return 1;
	/* Before Ready: a test may send a signal, or kill, as soon as super
	 * says that the role serves. */
	hup = evsignal_new(base, SIGHUP, drop_link, NULL);
	usr2 = evsignal_new(base, SIGUSR2, turn, NULL);
	if (!hup || event_add(hup, NULL) < 0 || !usr2 ||
	    (boot.role == ROLE_CORE && event_add(usr2, NULL) < 0))
		return 1;
	if (addr_parse(&source, SPAN_LIT("192.0.2.7"), 1234) == 0)
		role_serving(role, boot.role == ROLE_WEB ? &source : NULL);
	if (role_ready(role) < 0)
		return 1;
	(void)fprintf(stderr, "a library said something\n");
	(void)event_base_dispatch(base);
	log_info("fake", "ends");
	return 0;
}
