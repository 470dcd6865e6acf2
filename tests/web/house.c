/* tests/web/house.c - the house around a real conclave-web, with real
 * conclave-keys, and a core that plays fixed roles (see join() and command()).
 *
 * usage: web_house WEB KEYS CERT KEY STATIC_DIR
 *
 * Prints lines for the test: "ready HTTPS HTTP PID", "stream ID ALIAS TOKEN",
 * "closed ID", "died NAME STATUS", "join ..." (what a join carried), "set
 * EPOCH" (taken over), "load CONNS HANDSHAKES REFUSED BY,REASON". Reads lines:
 * "down" and "up" (core's channel), "say BYTES TIMES" (a chat message to every
 * stream), "kick ID", "set NAME VALUE" ("-" = empty), "ban IP PREFIX SECONDS",
 * "unban" (all). Ends at the end of its input. Tests only.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/addr.h"
#include "base/alloc.h"
#include "ipc/ban.pb-c.h"
#include "ipc/ipc_ev.h"
#include "ipc/super.pb-c.h"
#include "ipc/web.pb-c.h"

enum { STREAMS_MAX = 8192 };

static const char host_uuid[] = "5b1c7c0e-2f0e-4c0b-9d0d-7d0f4a6f1a11";
static const char call_uuid[] = "77e0e0a2-9f0f-4a6e-9ad7-0d6c8f8b6f55";

struct child {
	const char *name;
	enum ipc_role role;
	pid_t pid;
	struct ipc_ev *ev;
	bool ready;
};

static struct event_base *base;
static struct child web = {.name = "web", .role = ROLE_WEB};
static struct child keys = {.name = "keys", .role = ROLE_KEYS};
static struct ipc_ev *core;
static uint32_t streams[STREAMS_MAX];
static size_t n_streams;
static unsigned token_no, epoch;
static int listen_fd[2];
static char **args;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static ProtobufCBinaryData t(const char *s)
{
	return ipc_data(span_str(s));
}

static void say(const char *line)
{
	(void)fputs(line, stdout);
	(void)fflush(stdout);
}

static bool is(ProtobufCBinaryData b, const char *s)
{
	return span_eq(ipc_bytes(b), span_str(s));
}

static void send_core(enum ipc_type type, const ProtobufCMessage *m)
{
	if (core && ipc_chan_send(ipc_ev_chan(core), type, m, NULL, 0) < 0)
		say("send failed\n");
}

/* --- core's answers ------------------------------------------------------ */

static const char *new_token(bool host)
{
	static char buf[64];
	(void)snprintf(buf, sizeof(buf), "%s-%u", host ? "host" : "guest",
		       ++token_no);
	return buf;
}

static void say_addr(const char *name, const Cv__Addr *a)
{
	struct addr x = {.port = 0};
	char text[ADDR_TEXT_MAX] = "-";
	if (a && a->ip.len == sizeof(x.ip)) {
		memcpy(x.ip, a->ip.data, sizeof(x.ip));
		addr_print_ip(&x, text);
	}
	printf(" %s=%s", name, text);
}

static void say_text(const char *name, ProtobufCBinaryData b)
{
	printf(" %s=%.*s", name, (int)b.len, (const char *)b.data);
}

static void say_join(const Cv__Join *m)
{
	printf("join");
	say_text("alias", m->alias);
	say_addr("source", m->source);
	say_addr("local", m->local);
	printf(" port=%u proxied=%d cookies=", m->local ? m->local->port : 0,
	       m->proxied);
	for (size_t i = 0; i < m->n_cookies; i++)
		printf("%s%.*s", i ? "," : "", (int)m->cookies[i].len,
		       (const char *)m->cookies[i].data);
	say_text("invitation", m->invitation);
	say_text("token", m->one_time_token);
	say_text("registration", m->registration);
	say_text("extension", m->extension);
	say("\n");
}

static Cv__IceServer *ice_servers[3];

static void put_ice(Cv__JoinReply *r)
{
	static Cv__IceServer s[3];
	for (int i = 0; i < 3; i++) {
		cv__ice_server__init(&s[i]);
		ice_servers[i] = &s[i];
	}
	s[0].url = t("stun:stun.example.org:3478");
	s[1].turn = true;
	s[1].url = t("turn:turn.example.org:3478?transport=udp");
	s[1].username = t("1790000000:x");
	s[1].credential = t("c2VjcmV0");
	s[2] = s[1];
	s[2].url = t("turns:turn.example.org:443?transport=tcp");
	r->ice_servers = ice_servers;
	r->n_ice_servers = 3;
	r->relay_only = true;
}

static void join(const Cv__Join *m)
{
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;
	bool host = is(m->pin, "1234") || is(m->reconnect, "back");
	r.req = m->req;
	say_join(m);
	if (is(m->alias, "silent"))
		return;
	if (is(m->alias, "full"))
		r.outcome = CV__JOIN_OUTCOME__JOIN_ROOM_FULL;
	else if (is(m->alias, "busy"))
		r.outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
	else if (is(m->alias, "exceeded"))
		r.outcome = CV__JOIN_OUTCOME__JOIN_PIN_EXCEEDED;
	else if (is(m->alias, "rejected"))
		r.outcome = CV__JOIN_OUTCOME__JOIN_REJECTED;
	else if (!is(m->alias, "room1") && !is(m->alias, "a@b.example"))
		r.outcome = CV__JOIN_OUTCOME__JOIN_NOT_FOUND;
	else if (!m->has_pin && !m->reconnect.len)
		r.outcome = CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED;
	else if (!host && !is(m->pin, "none"))
		r.outcome = CV__JOIN_OUTCOME__JOIN_PIN_WRONG;
	else
		r.outcome = CV__JOIN_OUTCOME__JOIN_OK;
	r.host_pin = true;
	r.token = t(new_token(host));
	r.expires_s = 120;
	r.participant = t(host_uuid);
	r.display_name = m->display_name;
	r.host = host;
	r.service = host ? CV__SERVICE_TYPE__SERVICE_CONFERENCE
			 : CV__SERVICE_TYPE__SERVICE_WAITING_ROOM;
	r.conference_name = t("Room One");
	r.service_name = m->alias;
	r.call_tag = m->call_tag;
	r.chat_enabled = true;
	r.kbps_in = r.kbps_out = 4128;
	r.reconnect = t("back");
	r.stats_interval_ms = 5000;
	r.reject_reason = t("Only \"staff\"\r\nmay enter");
	r.cookie_name = t("__Host-cv-0123456789abcdef");
	r.cookie = t(is(m->call_tag, "odd") ? "a; Domain=evil" : "ticket_1-x");
	if (is(m->call_tag, "ice"))
		put_ice(&r);
	send_core(IPC_JOIN_REPLY, &r.base);
}

static bool is_host(ProtobufCBinaryData token)
{
	return span_starts(ipc_bytes(token), SPAN_LIT("host-"));
}

static bool is_valid(ProtobufCBinaryData token)
{
	return is_host(token) ||
	       span_starts(ipc_bytes(token), SPAN_LIT("guest-"));
}

static Cv__ParticipantRow row_of(void)
{
	Cv__ParticipantRow r = CV__PARTICIPANT_ROW__INIT;
	r.uuid = t(host_uuid);
	r.display_name = t("Alice");
	r.overlay_text = t("Alice");
	r.host = true;
	r.service = CV__SERVICE_TYPE__SERVICE_CONFERENCE;
	r.protocol = 1;
	r.has_media = r.is_video_call = r.encrypted = true;
	r.start_time_us = INT64_C(1790000000250000);
	r.local_alias = t("room1");
	r.supports_direct_chat = true;
	return r;
}

static Cv__ResultCode verdict(const Cv__Command *m)
{
	if (!is_valid(m->token))
		return CV__RESULT_CODE__RESULT_INVALID_TOKEN;
	switch (m->op) {
	case CV__OP__OP_P_TAKE_FLOOR:
		return CV__RESULT_CODE__RESULT_REFUSED;
	case CV__OP__OP_LOCK:
	case CV__OP__OP_DISCONNECT_ALL:
		return is_host(m->token) ? CV__RESULT_CODE__RESULT_OK
					 : CV__RESULT_CODE__RESULT_INVALID_ROLE;
	case CV__OP__OP_P_SPOTLIGHTON:
		return CV__RESULT_CODE__RESULT_NOT_FOUND;
	case CV__OP__OP_P_SPOTLIGHTOFF:
		return CV__RESULT_CODE__RESULT_OVERLOAD;
	default:
		return CV__RESULT_CODE__RESULT_OK;
	}
}

static void command(const Cv__Command *m)
{
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	Cv__ConferenceStatus s = CV__CONFERENCE_STATUS__INIT;
	Cv__ParticipantRow row = row_of(), *rows[] = {&row};
	if (m->op == CV__OP__OP_CLEARALLBUZZ)
		return;		/* a core that never answers */
	s.started = true;
	r.req = m->req;
	r.code = verdict(m);
	r.host = is_host(m->token);
	if (m->op == CV__OP__OP_REFRESH_TOKEN) {
		r.token = t(new_token(r.host));
		r.expires_s = 120;
		r.stats_interval_ms = 5000;
	}
	r.status = &s;
	r.rows = rows;
	r.n_rows = 1;
	send_core(IPC_COMMAND_REPLY, &r.base);
}

static void trim(Cv__LegDescription *d)
{
	for (size_t i = 0; i < d->n_sections; i++) {
		Cv__Section *s = d->sections[i];
		if (s->n_codecs > 2)
			s->n_codecs = 2;
		s->ssrc = 1000 + (uint32_t)i * 2;
		s->n_ssrcs = 0;
	}
}

static void call(const Cv__Call *m)
{
	Cv__CallReply r = CV__CALL_REPLY__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	Cv__Candidate c = CV__CANDIDATE__INIT, *all[] = {&c};
	struct addr ip;
	uint8_t fp[32] = {1, 2, 3};
	r.req = m->req;
	r.code = CV__RESULT_CODE__RESULT_INVALID_TOKEN;
	if (is_valid(m->token))
		r.code = is(m->alias, "a@b.example")
			? CV__RESULT_CODE__RESULT_UNAVAILABLE
			: CV__RESULT_CODE__RESULT_OK;
	(void)addr_parse(&ip, SPAN_LIT("127.0.0.1"), 0);
	a.ip = ipc_data(span_of(ip.ip, sizeof(ip.ip)));
	a.port = 40000;
	c.addr = &a;
	c.priority = 2130706431;
	c.foundation = 1;
	r.call = m->call.len ? m->call : t(call_uuid);
	r.answer = m->offer;
	r.answer->ice_ufrag = t("srvu");
	r.answer->ice_pwd = t("srvpwdsrvpwdsrvpwdsrvp");
	r.answer->fingerprint_sha256 = ipc_data(span_of(fp, sizeof(fp)));
	r.answer->setup = CV__DTLS_SETUP__SETUP_PASSIVE;
	r.answer->candidates = all;
	r.answer->n_candidates = 1;
	trim(r.answer);
	send_core(IPC_CALL_REPLY, &r.base);
}

/* --- streams ------------------------------------------------------------- */

static void event(Cv__Event *e, uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i += IPC_STREAMS_MAX) {
		e->streams = ids + i;
		e->n_streams = n - i < IPC_STREAMS_MAX ? n - i
						       : IPC_STREAMS_MAX;
		send_core(IPC_EVENT, &e->base);
	}
}

static void sync_one(uint32_t id)
{
	Cv__Event e = CV__EVENT__INIT;
	Cv__ConferenceStatus s = CV__CONFERENCE_STATUS__INIT;
	Cv__ParticipantRow row = row_of();
	Cv__LayoutState l = CV__LAYOUT_STATE__INIT;
	s.started = true;
	l.view = t("1:7");
	e.status = &s;
	e.row = &row;
	e.layout = &l;
	static const Cv__EventKind kinds[] = {
		CV__EVENT_KIND__EV_CONFERENCE_UPDATE,
		CV__EVENT_KIND__EV_SYNC_BEGIN,
		CV__EVENT_KIND__EV_PARTICIPANT_CREATE,
		CV__EVENT_KIND__EV_SYNC_END, CV__EVENT_KIND__EV_LAYOUT,
		CV__EVENT_KIND__EV_STAGE,
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		e.kind = kinds[i];
		event(&e, &id, 1);
	}
}

static void forget_stream(uint32_t id)
{
	for (size_t i = 0; i < n_streams; i++)
		if (streams[i] == id) {
			streams[i] = streams[--n_streams];
			return;
		}
}

static void stream_open(const Cv__StreamOpen *m)
{
	Cv__StreamReply r = CV__STREAM_REPLY__INIT;
	r.stream = m->stream;
	r.code = is_valid(m->token) && n_streams < STREAMS_MAX
		? CV__RESULT_CODE__RESULT_OK
		: CV__RESULT_CODE__RESULT_INVALID_TOKEN;
	send_core(IPC_STREAM_REPLY, &r.base);
	if (r.code != CV__RESULT_CODE__RESULT_OK)
		return;
	streams[n_streams++] = m->stream;
	printf("stream %u %.*s %.*s\n", m->stream, (int)m->alias.len,
	       (const char *)m->alias.data, (int)m->token.len,
	       (const char *)m->token.data);
	(void)fflush(stdout);
	sync_one(m->stream);
}

static void stream_closed(const Cv__StreamClosed *m)
{
	forget_stream(m->stream);
	printf("closed %u\n", m->stream);
	(void)fflush(stdout);
}

static void face_load(const Cv__FaceLoad *m)
{
	printf("load %u %u %llu ", m->conns, m->handshakes,
	       (unsigned long long)m->refused);
	for (size_t i = 0; i < m->n_by_reason; i++)
		printf("%s%llu", i ? "," : "",
		       (unsigned long long)m->by_reason[i]);
	say("\n");
}

static void on_core_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			const ProtobufCMessage *msg, const int *fds,
			size_t n_fds)
{
	(void)arg;
	(void)ch;
	(void)fds;
	(void)n_fds;
	switch (type) {
	case IPC_JOIN: join((const void *)msg); break;
	case IPC_COMMAND: command((const void *)msg); break;
	case IPC_CALL: call((const void *)msg); break;
	case IPC_STREAM_OPEN: stream_open((const void *)msg); break;
	case IPC_STREAM_CLOSED: stream_closed((const void *)msg); break;
	case IPC_FACE_LOAD: face_load((const void *)msg); break;
	case IPC_SETTINGS_ACK:
		printf("set %u\n", ((const Cv__SettingsAck *)(const void *)
				    msg)->epoch);
		(void)fflush(stdout);
		break;
	default: break;
	}
}

static void on_core_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	printf("core channel down %s\n", err_name(error));
	(void)fflush(stdout);
	ipc_ev_free(&core);
}

/* --- super --------------------------------------------------------------- */

static void send_fds(struct child *c, enum ipc_type type,
		     const ProtobufCMessage *m, const int *fds, size_t n)
{
	if (ipc_chan_send(ipc_ev_chan(c->ev), type, m, fds, n) < 0)
		die("send to a role");
}

static void pair(int fd[2])
{
	int size = 1 << 20;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, fd) < 0)
		die("socketpair");
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));
}

static void link_roles(struct child *to, enum ipc_role role, int fd)
{
	Cv__Link m = CV__LINK__INIT;
	m.role = role;
	send_fds(to, IPC_LINK, &m.base, &fd, 1);
	(void)close(fd);
}

static void core_up(void)
{
	int fd[2];
	if (core)
		return;
	pair(fd);
	struct ipc_chan_cfg cfg = {
		.fd = fd[0], .self = ROLE_CORE, .peer = ROLE_WEB,
		.on_msg = on_core_msg, .on_down = on_core_down,
	};
	n_streams = 0;
	if (ipc_ev_new(&core, base, &cfg) < 0)
		die("core channel");
	link_roles(&web, ROLE_CORE, fd[1]);
}

static void core_down(void)
{
	ipc_ev_free(&core);
	n_streams = 0;
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t n = sizeof(a);
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die("getsockname");
	return ntohs(a.sin6_port);
}

static int listen_any(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int off = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

static void boot_keys(void)
{
	Cv__Boot m = CV__BOOT__INIT;
	Cv__FdName names[] = {CV__FD_NAME__FD_TLS_KEY,
			      CV__FD_NAME__FD_TLS_CERT};
	int fds[] = {open_or_die(args[4], O_RDONLY),
		     open_or_die(args[3], O_RDONLY)};
	m.fds = names;
	m.n_fds = 2;
	send_fds(&keys, IPC_BOOT, &m.base, fds, 2);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void boot_web(void)
{
	Cv__Boot m = CV__BOOT__INIT;
	Cv__BootOption o1 = CV__BOOT_OPTION__INIT, o2 = o1, *o[] = {&o1, &o2};
	Cv__FdName names[] = {CV__FD_NAME__FD_LISTEN_HTTPS,
			      CV__FD_NAME__FD_LISTEN_HTTP,
			      CV__FD_NAME__FD_TLS_CERT,
			      CV__FD_NAME__FD_STATIC_DIR};
	char port[8];
	int fds[] = {listen_fd[0], listen_fd[1],
		     open_or_die(args[3], O_RDONLY),
		     open_or_die(args[5], O_RDONLY | O_DIRECTORY)};
	(void)snprintf(port, sizeof(port), "%u", port_of(listen_fd[0]));
	o1.name = (char *)(uintptr_t)"https_port";
	o1.value = port;
	o2.name = (char *)(uintptr_t)"hosts";
	o2.value = (char *)(uintptr_t)"localhost,127.0.0.1,::1";
	m.fds = names;
	m.n_fds = 4;
	m.options = o;
	m.n_options = 2;
	send_fds(&web, IPC_BOOT, &m.base, fds, 4);
	(void)close(fds[2]);
	(void)close(fds[3]);
}

static void link_all(void)
{
	int fd[2];
	pair(fd);
	link_roles(&web, ROLE_KEYS, fd[0]);
	link_roles(&keys, ROLE_WEB, fd[1]);
	core_up();
	printf("ready %u %u %d\n", port_of(listen_fd[0]),
	       port_of(listen_fd[1]), (int)web.pid);
	(void)fflush(stdout);
}

static void on_role_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			const ProtobufCMessage *msg, const int *fds,
			size_t n_fds)
{
	struct child *c = arg;
	(void)ch;
	(void)msg;
	(void)fds;
	(void)n_fds;
	if (type == IPC_LINK_LOST)
		say("link lost\n");
	if (type != IPC_READY)
		return;
	c->ready = true;
	if (web.ready && keys.ready)
		link_all();
}

static void on_role_down(void *arg, struct ipc_chan *ch, int error)
{
	struct child *c = arg;
	int status = 0;
	(void)ch;
	(void)waitpid(c->pid, &status, 0);
	printf("died %s %d %s\n", c->name, status, err_name(error));
	(void)fflush(stdout);
	exit(1);
}

static void start(struct child *c, const char *path)
{
	int fd[2];
	pair(fd);
	c->pid = fork();
	if (c->pid < 0)
		die("fork");
	if (c->pid == 0) {
		int log = fcntl(2, F_DUPFD, 10), ch = fcntl(fd[1], F_DUPFD, 10);
		(void)dup2(ch, 3);
		(void)dup2(log, 4);
		(void)setenv("CONCLAVE_INSTANCE", "0", 1);
		(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	(void)close(fd[1]);
	struct ipc_chan_cfg cfg = {
		.fd = fd[0], .self = ROLE_SUPER, .peer = c->role,
		.on_msg = on_role_msg, .on_down = on_role_down, .arg = c,
	};
	if (ipc_ev_new(&c->ev, base, &cfg) < 0)
		die("role channel");
}

/* --- the test's orders --------------------------------------------------- */

static void say_all(size_t bytes, unsigned times)
{
	Cv__Event e = CV__EVENT__INIT;
	Cv__ChatMessage m = CV__CHAT_MESSAGE__INIT;
	char *text = mem_zalloc(bytes + 1);
	memset(text, 'x', bytes);
	m.origin = t("Bob");
	m.uuid = t("b");
	m.type = t("text/plain");
	m.payload = t(text);
	e.kind = CV__EVENT_KIND__EV_MESSAGE;
	e.message = &m;
	while (times--)
		event(&e, streams, n_streams);
	mem_free(text);
}

static void kick(uint32_t id)
{
	Cv__Event e = CV__EVENT__INIT;
	Cv__StreamClose m = CV__STREAM_CLOSE__INIT;
	e.kind = CV__EVENT_KIND__EV_DISCONNECT;
	e.reason = t("Disconnected by another participant");
	event(&e, &id, 1);
	m.stream = id;
	send_core(IPC_STREAM_CLOSE, &m.base);
	forget_stream(id);
}

static void set(char *name, char *value)
{
	Cv__Settings m = CV__SETTINGS__INIT;
	Cv__Setting s = CV__SETTING__INIT, *all[] = {&s};
	s.name = name;
	s.value = t(strcmp(value, "-") == 0 ? "" : value);
	m.epoch = ++epoch;
	m.settings = all;
	m.n_settings = 1;
	send_core(IPC_SETTINGS, &m.base);
}

static void ban(const char *ip, unsigned prefix, unsigned seconds)
{
	Cv__BanSet m = CV__BAN_SET__INIT;
	Cv__Ban b = CV__BAN__INIT, *all[] = {&b};
	struct addr a;
	m.last = true;
	m.reset = !ip;
	if (ip && addr_parse(&a, span_str(ip), 0) < 0)
		return;
	if (ip) {
		b.ip = ipc_data(span_of(a.ip, sizeof(a.ip)));
		b.prefix = prefix;
		b.seconds = seconds;
		b.ports = CV__PORT_GROUP__PORTS_WEB;
		m.bans = all;
		m.n_bans = 1;
	}
	send_core(IPC_BAN_SET, &m.base);
}

static void obey(char *line)
{
	char name[64], value[256];
	unsigned a, b;
	if (strcmp(line, "down") == 0)
		core_down();
	else if (strcmp(line, "up") == 0)
		core_up();
	else if (sscanf(line, "say %u %u", &a, &b) == 2)
		say_all(a, b);
	else if (sscanf(line, "kick %u", &a) == 1)
		kick(a);
	else if (sscanf(line, "set %63s %255s", name, value) == 2)
		set(name, value);
	else if (sscanf(line, "ban %63s %u %u", name, &a, &b) == 3)
		ban(name, a, b);
	else if (strcmp(line, "unban") == 0)
		ban(NULL, 0, 0);
	else
		say("unknown order\n");
}

static void on_order(evutil_socket_t fd, short what, void *arg)
{
	static char buf[1024];
	static size_t have;
	ssize_t n = read(fd, buf + have, sizeof(buf) - have - 1);
	(void)what;
	(void)arg;
	if (n <= 0) {
		(void)event_base_loopbreak(base);
		return;
	}
	have += (size_t)n;
	buf[have] = 0;
	for (char *nl = strchr(buf, '\n'); nl; nl = strchr(buf, '\n')) {
		*nl = 0;
		obey(buf);
		have -= (size_t)(nl + 1 - buf);
		memmove(buf, nl + 1, have + 1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	args = argv;
	(void)signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	listen_fd[0] = listen_any();
	listen_fd[1] = listen_any();
	start(&web, argv[1]);
	start(&keys, argv[2]);
	boot_keys();
	boot_web();
	struct event *in = event_new(base, 0, EV_READ | EV_PERSIST, on_order,
				     NULL);
	if (!in || event_add(in, NULL) < 0)
		die("event");
	(void)event_base_dispatch(base);
	(void)kill(web.pid, SIGTERM);
	(void)kill(keys.pid, SIGTERM);
	return 0;
}
