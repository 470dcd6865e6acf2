#include "core/t/core_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "core/store/store.h"

static const enum ipc_role roles[KIT_COUNT] = {
	[KIT_SUPER] = ROLE_SUPER, [KIT_WEB] = ROLE_WEB,
	[KIT_MEDIA] = ROLE_MEDIA, [KIT_VIDEO] = ROLE_VIDEO,
	[KIT_CLI] = ROLE_CLI, [KIT_BAN] = ROLE_BAN,
	[KIT_COURIER] = ROLE_COURIER, [KIT_SIP] = ROLE_SIP};

const char *kit_program;

/* --- channels -------------------------------------------------------------- */

static ProtobufCMessage *copy_of(enum ipc_type type, const ProtobufCMessage *m)
{
	const size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *buf = malloc(n + 1);
	ProtobufCMessage *c;

	assert_non_null(buf);
	protobuf_c_message_pack(m, buf);
	c = protobuf_c_message_unpack(ipc_row(type)->desc, NULL, n, buf);
	free(buf);
	assert_non_null(c);
	return c;
}

static enum kit_who who_is(const struct kit *k, const struct ipc_chan *ch)
{
	for (int i = 0; i < KIT_COUNT; i++)
		if (k->ch[i] == ch)
			return (enum kit_who)i;
	fail();
	return KIT_SUPER;
}

static void refuse_offer(struct kit *k, const Cv__LegOpen *o)
{
	Cv__LegAnswer a = CV__LEG_ANSWER__INIT;

	a.req = o->req;
	a.leg = o->leg;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_ANSWER, &a), 0);
}

static void answer_offer(struct kit *k, const Cv__LegOpen *o, uint32_t req,
			 uint64_t leg, Cv__LegDescription *offer)
{
	Cv__LegAnswer a = CV__LEG_ANSWER__INIT;
	Cv__LegState s = CV__LEG_STATE__INIT;
	Cv__LegDescription ours = CV__LEG_DESCRIPTION__INIT;

	ours.kbps = 77;
	a.req = req;
	a.leg = leg;
	a.ok = true;
	a.answer = offer ? offer : &ours;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_ANSWER, &a), 0);
	s.leg = leg;
	s.phase = CV__LEG_PHASE__LEG_SECURE;
	s.sends_video = true;
	s.encrypted = true;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_STATE, &s), 0);
	if (o && k->n_legs < 64) {
		k->leg_rooms[k->n_legs] = o->room;
		k->legs[k->n_legs++] = leg;
	}
}

/* What is said once has been heard, at once. */
static void hear(struct kit *k, const Cv__LegPlay *m)
{
	Cv__LegPlayed p = CV__LEG_PLAYED__INIT;

	if (m->times != 1)
		return;
	p.leg = m->leg;
	p.epoch = m->epoch;
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_PLAYED, &p), 0);
}

static void play_media(struct kit *k, enum ipc_type type,
		       const ProtobufCMessage *m)
{
	const Cv__LegOpen *o = (const void *)m;
	const Cv__LegUpdate *u = (const void *)m;
	const Cv__LegAccept *acc = (const void *)m;

	if (!k->auto_media)
		return;
	if (type == IPC_LEG_OPEN && k->media_refuses)
		refuse_offer(k, o);
	else if (type == IPC_LEG_OPEN)
		answer_offer(k, o, o->req, o->leg, o->offer);
	else if (type == IPC_LEG_PLAY && !k->is_deaf)
		hear(k, (const void *)m);
	else if (type == IPC_LEG_ACCEPT)
		answer_offer(k, NULL, acc->req, acc->leg, acc->answer);
	else if (type == IPC_LEG_UPDATE)
		answer_offer(k, NULL, u->req, u->leg, u->offer);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *m, const int *fds, size_t n)
{
	struct kit *k = arg;
	const enum kit_who who = who_is(k, ch);

	(void)fds;
	(void)n;
	if (type == IPC_HELLO)
		return;
	k->heard++;
	assert_true(k->n < KIT_MESSAGES_MAX);
	k->q[k->n++] = (struct kit_msg){who, type, copy_of(type, m)};
	if (who == KIT_MEDIA)
		play_media(k, type, m);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct kit *k = arg;

	(void)error;
	k->down[who_is(k, ch)] = true;
}

static void chan_make(struct kit *k, enum kit_who who, int fd)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = roles[who],
				   .peer = ROLE_CORE, .on_msg = on_msg,
				   .on_down = on_down, .arg = k};

	ipc_chan_free(&k->ch[who]);
	k->down[who] = false;
	assert_int_equal(ipc_chan_new(&k->ch[who], &cfg), 0);
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, fds), 0);
}

void kit_turn(struct kit *k, int ms)
{
	struct pollfd p[KIT_COUNT];
	enum kit_who who[KIT_COUNT];
	nfds_t n = 0;

	for (int i = 0; i < KIT_COUNT; i++) {
		if (!k->ch[i] || k->down[i])
			continue;
		p[n] = (struct pollfd){ipc_chan_fd(k->ch[i]), POLLIN, 0};
		if (ipc_chan_wants_write(k->ch[i]))
			p[n].events |= POLLOUT;
		who[n++] = (enum kit_who)i;
	}
	if (poll(p, n, ms) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++) {
		if (p[i].revents & POLLOUT)
			(void)ipc_chan_output(k->ch[who[i]]);
		if (p[i].revents & ~POLLOUT && !k->down[who[i]])
			(void)ipc_chan_input(k->ch[who[i]], 64);
	}
}

void *kit_take(struct kit *k, enum kit_who who, enum ipc_type type)
{
	for (size_t i = 0; i < k->n; i++) {
		ProtobufCMessage *m = k->q[i].m;

		if (k->q[i].from != who || k->q[i].type != type)
			continue;
		memmove(k->q + i, k->q + i + 1,
			(--k->n - i) * sizeof(*k->q));
		return m;
	}
	return NULL;
}

void *kit_wait(struct kit *k, enum kit_who who, enum ipc_type type)
{
	const uint64_t end = clock_mono_ns() + KIT_WAIT_MS * NS_PER_MS;

	for (;;) {
		void *m = kit_take(k, who, type);

		if (m)
			return m;
		if (clock_mono_ns() > end)
			fail_msg("no %s came", ipc_row(type)->name);
		if (k->down[who])
			fail_msg("channel down while waiting for %s",
				 ipc_row(type)->name);
		kit_turn(k, 100);
	}
}

void kit_free(void *m)
{
	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
}

void kit_forget(struct kit *k)
{
	while (k->n)
		kit_free(k->q[--k->n].m);
}

int kit_send(struct kit *k, enum kit_who who, enum ipc_type type,
	     const ProtobufCMessage *m)
{
	k->said++;
	return ipc_chan_send(k->ch[who], type, m, NULL, 0);
}

/* --- the process -------------------------------------------------------------- */

static void spawn(struct kit *k, int fd)
{
	posix_spawn_file_actions_t act;
	char instance[] = "CONCLAVE_INSTANCE=0";
	char *argv[] = {(char *)(uintptr_t)kit_program, NULL};
	char *env[] = {instance, NULL};
	const int hold = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, hold, 3);
	posix_spawn_file_actions_adddup2(&act, 2, 4);
	assert_int_equal(posix_spawn(&k->pid, kit_program, &act, NULL, argv,
				     env), 0);
	posix_spawn_file_actions_destroy(&act);
	close(hold);
	close(fd);
}

/* As conclave-setup does: core itself never makes one. */
static void make_database(const char *dir)
{
	uint8_t key[32];
	struct store *st;
	struct store_problem why;
	struct store_cfg cfg = {.dir = dir, .create = true,
				.data_key = span_of(key, sizeof(key))};

	memset(key, 7, sizeof(key));
	if (store_open(&st, &cfg, &why) < 0)
		fail_msg("%s", why.text);
	store_close(&st);
}

static int key_file(const struct kit *k)
{
	char path[96];
	uint8_t key[32];
	int fd;

	memset(key, 7, sizeof(key));
	(void)snprintf(path, sizeof(path), "%s/key", k->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, key, sizeof(key), 0), sizeof(key));
	return fd;
}

static int guard_file(const struct kit *k)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/guard", k->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void option(Cv__Boot *b, Cv__BootOption *o, const char *name,
		   const char *value)
{
	if (!value)
		return;
	cv__boot_option__init(o);
	o->name = (char *)(uintptr_t)name;
	o->value = (char *)(uintptr_t)value;
	b->options[b->n_options++] = o;
}

static void boot(struct kit *k)
{
	Cv__Boot b = CV__BOOT__INIT;
	Cv__FdName names[] = {CV__FD_NAME__FD_DATA_KEY,
			      CV__FD_NAME__FD_DATA_DIR, CV__FD_NAME__FD_CLI,
			      CV__FD_NAME__FD_GUARD};
	Cv__BootOption options[5], *list[5];
	char path[96];
	int fds[4];

	(void)snprintf(path, sizeof(path), "%s/core", k->dir);
	fds[0] = key_file(k);
	fds[1] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[2] = k->cli_listener;
	fds[3] = guard_file(k);
	assert_true(fds[1] >= 0);
	b.fds = names;
	b.n_fds = k->no_guard_file ? 3 : 4;
	b.options = list;
	option(&b, &options[0], "test_boot_id", k->boot_id);
	option(&b, &options[1], "test_wall_step_us", k->wall_step_us);
	option(&b, &options[2], "test_fail_at", k->fail_at);
	option(&b, &options[3], "public_host", k->public_host);
	option(&b, &options[4], "https_port", k->public_host ? "8443" : NULL);
	assert_int_equal(ipc_chan_send(k->ch[KIT_SUPER], IPC_BOOT, &b.base,
				       fds, b.n_fds), 0);
	close(fds[0]);
	close(fds[1]);
	close(fds[3]);
}

void kit_spawn(struct kit *k)
{
	int fds[2];

	pair(fds);
	chan_make(k, KIT_SUPER, fds[0]);
	spawn(k, fds[1]);
	boot(k);
	kit_free(kit_wait(k, KIT_SUPER, IPC_READY));
}

static void listen_cli(struct kit *k)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(k->cli_path, sizeof(k->cli_path), "%s/cli.sock",
		       k->dir);
	memcpy(a.sun_path, k->cli_path, strlen(k->cli_path) + 1);
	k->cli_listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(k->cli_listener, (struct sockaddr *)&a,
			      sizeof(a)), 0);
	assert_int_equal(listen(k->cli_listener, 8), 0);
}

void kit_start(struct kit *k)
{
	char path[96];

	*k = (struct kit){.auto_media = true, .req = 100,
			  .dir = "/tmp/core-kit-XXXXXX"};
	k->q = calloc(KIT_MESSAGES_MAX, sizeof(*k->q));
	assert_non_null(k->q);
	assert_non_null(mkdtemp(k->dir));
	(void)snprintf(path, sizeof(path), "%s/core", k->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	make_database(path);
	listen_cli(k);
	kit_spawn(k);
}

static void drop_all(struct kit *k)
{
	for (int i = 0; i < KIT_COUNT; i++)
		ipc_chan_free(&k->ch[i]);
	kit_forget(k);
}

void kit_kill(struct kit *k)
{
	int status;

	assert_int_equal(kill(k->pid, SIGKILL), 0);
	assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
	k->pid = 0;
	drop_all(k);
}

int kit_stop(struct kit *k)
{
	Cv__Stop m = CV__STOP__INIT;
	int status = -1;

	(void)KIT_SEND(k, SUPER, STOP, &m);
	while (ipc_chan_wants_write(k->ch[KIT_SUPER]))
		kit_turn(k, 10);
	assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
	k->pid = 0;
	drop_all(k);
	return status;
}

static void remove_tree(const char *dir)
{
	char *argv[] = {(char *)(uintptr_t)"rm", (char *)(uintptr_t)"-rf",
			(char *)(uintptr_t)dir, NULL};
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, "rm", NULL, NULL, argv, NULL) == 0)
		(void)waitpid(pid, &status, 0);
}

void kit_release(struct kit *k)
{
	if (k->pid)
		kit_kill(k);
	close(k->cli_listener);
	free(k->q);
	remove_tree(k->dir);
}

/* --- links ---------------------------------------------------------------------- */

void kit_link(struct kit *k, enum kit_who who)
{
	Cv__Link l = CV__LINK__INIT;
	int fds[2];

	pair(fds);
	l.role = roles[who];
	assert_int_equal(ipc_chan_send(k->ch[KIT_SUPER], IPC_LINK, &l.base,
				       &fds[1], 1), 0);
	close(fds[1]);
	chan_make(k, who, fds[0]);
	kit_free(kit_wait(k, who, IPC_SETTINGS));
}

void kit_link_media(struct kit *k, const Cv__LegReport *report)
{
	static const Cv__LegReport nothing = CV__LEG_REPORT__INIT;

	kit_link(k, KIT_MEDIA);
	assert_int_equal(kit_send(k, KIT_MEDIA, IPC_LEG_REPORT,
				  report ? &report->base : &nothing.base), 0);
}

void kit_drop(struct kit *k, enum kit_who who)
{
	ipc_chan_free(&k->ch[who]);
}

void kit_connect_cli(struct kit *k)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, k->cli_path, strlen(k->cli_path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	chan_make(k, KIT_CLI, fd);
}

Cv__CliReply *kit_cli(struct kit *k, const char *verb, const char *resource,
		      const char *const *fields)
{
	Cv__CliRequest rq = CV__CLI_REQUEST__INIT;
	Cv__CliField f[16], *list[16];

	rq.verb = (char *)(uintptr_t)verb;
	rq.resource = (char *)(uintptr_t)resource;
	rq.fields = list;
	for (size_t i = 0; fields && fields[2 * i]; i++) {
		cv__cli_field__init(&f[i]);
		f[i].name = (char *)(uintptr_t)fields[2 * i];
		f[i].value = ipc_data(span_str(fields[2 * i + 1]));
		list[rq.n_fields++] = &f[i];
	}
	if (!k->ch[KIT_CLI])
		kit_connect_cli(k);
	assert_int_equal(KIT_SEND(k, CLI, CLI_REQUEST, &rq), 0);
	return kit_wait(k, KIT_CLI, IPC_CLI_REPLY);
}

/* PINs that are easy to read in a test: allowed below six digits only. */
static void allow_easy_pins(struct kit *k)
{
	static const char *const fields[] = {"min_pin_length", "5", NULL,
					     NULL};
	Cv__CliReply *r = kit_cli(k, "change", "global", fields);

	if (r->error)
		fail_msg("change: %s", r->message);
	kit_free(r);
}

void kit_demo_room(struct kit *k)
{
	static const char *const fields[] = {
		"name", "Demo", "pin", "123456", "allow_guests", "true",
		"guest_pin", "654321", "alias", "demo", NULL, NULL};
	Cv__CliReply *r;

	allow_easy_pins(k);
	r = kit_cli(k, "create", "conference", fields);
	if (r->error)
		fail_msg("create: %s", r->message);
	kit_free(r);
}

/* --- as web ------------------------------------------------------------------------ */

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

static void keep(char *dst, size_t cap, ProtobufCBinaryData d)
{
	assert_true(d.len < cap);
	if (d.len)
		memcpy(dst, d.data, d.len);
	dst[d.len] = 0;
}

static void source_of(uint32_t ip, uint8_t dst[16], Cv__Addr *a)
{
	memset(dst, 0, 16);
	dst[10] = dst[11] = 0xff;
	for (int i = 0; i < 4; i++)
		dst[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
	cv__addr__init(a);
	a->ip = ipc_data(span_of(dst, 16));
	a->port = 4711;
}

uint32_t kit_join_send(struct kit *k, const struct kit_ask *ask)
{
	Cv__Join j = CV__JOIN__INIT;
	Cv__Addr a, local;
	uint8_t ip[16], local_ip[16];
	ProtobufCBinaryData cookie = text(ask->cookie);

	source_of(ask->ip ? ask->ip : 0xc0000201, ip, &a);
	source_of(ask->local, local_ip, &local);
	j.req = ++k->req;
	j.alias = text(ask->alias ? ask->alias : "demo");
	j.display_name = text(ask->name ? ask->name : "Somebody");
	j.has_pin = ask->pin != NULL;
	j.pin = text(ask->pin);
	j.reconnect = text(ask->reconnect);
	j.source = &a;
	j.local = ask->local ? &local : NULL;
	j.user_agent = text(ask->agent ? ask->agent : "kit");
	j.supports_direct_chat = true;
	j.cookies = &cookie;
	j.n_cookies = ask->cookie != NULL;
	j.invitation = text(ask->invitation);
	j.idp_authenticated = ask->idp;
	j.has_media = !ask->control_only;
	j.one_time_token = text(ask->one_time);
	j.registration = text(ask->registration);
	assert_int_equal(KIT_SEND(k, WEB, JOIN, &j), 0);
	return k->req;
}

Cv__JoinReply *kit_join_answer(struct kit *k, uint32_t req)
{
	for (;;) {
		Cv__JoinReply *r = kit_wait(k, KIT_WEB, IPC_JOIN_REPLY);

		if (r->req == req)
			return r;
		kit_free(r);
	}
}

Cv__JoinReply *kit_join_raw(struct kit *k, const struct kit_ask *ask)
{
	const uint32_t req = kit_join_send(k, ask);
	Cv__JoinReply *r = kit_wait(k, KIT_WEB, IPC_JOIN_REPLY);

	assert_int_equal(r->req, req);
	return r;
}

struct kit_person kit_join_ask(struct kit *k, const struct kit_ask *ask)
{
	Cv__JoinReply *r = kit_join_raw(k, ask);
	struct kit_person p = {.host = r->host, .service = r->service,
			       .outcome = r->outcome};

	keep(p.token, sizeof(p.token), r->token);
	keep(p.uuid, sizeof(p.uuid), r->participant);
	keep(p.reconnect, sizeof(p.reconnect), r->reconnect);
	keep(p.name, sizeof(p.name), r->display_name);
	keep(p.cookie, sizeof(p.cookie), r->cookie);
	keep(p.cookie_name, sizeof(p.cookie_name), r->cookie_name);
	kit_free(r);
	return p;
}

struct kit_person kit_join(struct kit *k, const char *name, const char *pin)
{
	const struct kit_ask a = {.name = name, .pin = pin};
	struct kit_person p = kit_join_ask(k, &a);

	assert_int_equal(p.outcome, CV__JOIN_OUTCOME__JOIN_OK);
	return p;
}

Cv__ResultCode kit_command_at(struct kit *k, const char *alias,
			      const char *token, Cv__Op op,
			      const char *target, const char *call,
			      const char *txt)
{
	Cv__Command c = CV__COMMAND__INIT;
	Cv__CommandReply *r;
	Cv__ResultCode code;

	c.req = ++k->req;
	c.op = op;
	c.alias = text(alias);
	c.token = text(token);
	c.target = text(target);
	c.call = text(call);
	c.text = text(txt);
	c.type = text("text/plain");
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
	r = kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY);
	assert_int_equal(r->req, k->req);
	code = r->code;
	kit_free(r);
	return code;
}

Cv__ResultCode kit_command(struct kit *k, const struct kit_person *p,
			   Cv__Op op, const char *target)
{
	return kit_command_at(k, "demo", p->token, op, target, p->call,
			      "hello");
}

static void fill_section(Cv__Section *s, Cv__MediaKind kind, Cv__Codec *codec,
			 Cv__Codec **list, Cv__CodecName name)
{
	cv__section__init(s);
	cv__codec__init(codec);
	codec->name = name;
	codec->pt = 96;
	list[0] = codec;
	s->kind = kind;
	s->direction = CV__DIRECTION__DIR_SENDRECV;
	s->codecs = list;
	s->n_codecs = 1;
}

Cv__CallReply *kit_call_raw(struct kit *k, const char *alias,
			    const char *token, const char *target,
			    const char *call)
{
	Cv__Call c = CV__CALL__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__Section s[2], *sections[2] = {&s[0], &s[1]};
	Cv__Codec codec[2], *codecs[2] = {&codec[0], &codec[1]};
	Cv__CallReply *r;

	fill_section(&s[0], CV__MEDIA_KIND__KIND_AUDIO, &codec[0], &codecs[0],
		     CV__CODEC_NAME__CODEC_OPUS);
	fill_section(&s[1], CV__MEDIA_KIND__KIND_VIDEO, &codec[1], &codecs[1],
		     CV__CODEC_NAME__CODEC_VP8);
	d.sections = sections;
	d.n_sections = 2;
	d.ice_ufrag = text("abcd");
	c.req = ++k->req;
	c.alias = text(alias);
	c.token = text(token);
	c.target = text(target);
	c.call = text(call);
	c.offer = &d;
	c.fecc_supported = k->has_camera;
	assert_int_equal(KIT_SEND(k, WEB, CALL, &c), 0);
	r = kit_wait(k, KIT_WEB, IPC_CALL_REPLY);
	assert_int_equal(r->req, k->req);
	return r;
}

Cv__ResultCode kit_call(struct kit *k, struct kit_person *p, bool update)
{
	Cv__CallReply *r = kit_call_raw(k, "demo", p->token, p->uuid,
					update ? p->call : "");
	const Cv__ResultCode code = r->code;

	if (code == CV__RESULT_CODE__RESULT_OK)
		keep(p->call, sizeof(p->call), r->call);
	kit_free(r);
	return code;
}

Cv__ResultCode kit_stream(struct kit *k, const struct kit_person *p,
			  uint32_t stream)
{
	Cv__StreamOpen o = CV__STREAM_OPEN__INIT;
	Cv__StreamReply *r;
	Cv__ResultCode code;

	o.stream = stream;
	o.alias = text("demo");
	o.token = text(p->token);
	assert_int_equal(KIT_SEND(k, WEB, STREAM_OPEN, &o), 0);
	r = kit_wait(k, KIT_WEB, IPC_STREAM_REPLY);
	assert_int_equal(r->stream, stream);
	code = r->code;
	kit_free(r);
	return code;
}

static bool is_for(const Cv__Event *e, uint32_t stream)
{
	for (size_t i = 0; i < e->n_streams; i++)
		if (e->streams[i] == stream)
			return true;
	return false;
}

Cv__Event *kit_event(struct kit *k, uint32_t stream, Cv__EventKind kind)
{
	for (;;) {
		Cv__Event *e = kit_wait(k, KIT_WEB, IPC_EVENT);

		if (e->kind == kind && is_for(e, stream))
			return e;
		kit_free(e);
	}
}

size_t kit_roster(struct kit *k, uint32_t stream)
{
	size_t n = 0;

	kit_free(kit_event(k, stream, CV__EVENT_KIND__EV_SYNC_BEGIN));
	for (;;) {
		Cv__Event *e = kit_wait(k, KIT_WEB, IPC_EVENT);
		const Cv__EventKind kind = e->kind;
		const bool mine = is_for(e, stream);

		kit_free(e);
		if (mine && kind == CV__EVENT_KIND__EV_SYNC_END)
			return n;
		n += mine && kind == CV__EVENT_KIND__EV_PARTICIPANT_CREATE;
	}
}
