/* conclave-web in the hands of an attacker, started by super in place of the
 * real one. It knows the alias and everybody's uuid (file `lies` among the
 * static files, one uuid a line) but nobody's token. It claims, replays and
 * floods; each lie that core believes is told in the log. See e2e/crash. */
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "ipc/role.h"
#include "super.pb-c.h"
#include "web.pb-c.h"

#define MOD "lying_web"

enum { PEOPLE_MAX = 8, TURN_MS = 5, LIES_A_TURN = 40, TURNS_TOLD = 200 };

static struct {
	struct event_base *base;
	struct event *turn;
	struct role *role;
	struct role_boot boot;
	struct ipc_ev *core;
	char people[PEOPLE_MAX][UUID_TEXT_LEN + 1];
	size_t n_people;
	uint32_t req, turns;
	uint64_t told, refused, believed;
} me;

static const Cv__Op ops[] = {
	CV__OP__OP_DISCONNECT_ALL, CV__OP__OP_P_DISCONNECT, CV__OP__OP_P_ROLE,
	CV__OP__OP_LOCK, CV__OP__OP_MUTEGUESTS, CV__OP__OP_P_MUTE,
	CV__OP__OP_RELEASE_TOKEN, CV__OP__OP_REFRESH_TOKEN,
	CV__OP__OP_PARTICIPANTS, CV__OP__OP_CALL_DISCONNECT,
};

static struct span guess(char token[64])
{
	uint8_t rnd[24];

	rand_bytes(rnd, sizeof(rnd));
	b64url_encode(token, rnd, sizeof(rnd));
	return span_str(token);
}

static struct span person(uint32_t n)
{
	return me.n_people ? span_str(me.people[n % me.n_people]) :
		SPAN_LIT("none");
}

static void lie_command(struct ipc_chan *ch)
{
	Cv__Command m = CV__COMMAND__INIT;
	char token[64];

	m.req = ++me.req;
	m.op = ops[me.req % (sizeof(ops) / sizeof(ops[0]))];
	m.alias = ipc_data(SPAN_LIT("board"));
	/* The host's uuid in the token's place is one guess as well. */
	m.token = ipc_data(me.req % 3 ? guess(token) : person(me.req));
	m.target = ipc_data(person(me.req));
	m.call = ipc_data(person(me.req + 1));
	m.text = ipc_data(SPAN_LIT("chair"));
	me.told += ipc_send(ch, COMMAND, &m) == 0;
}

static void lie_join(struct ipc_chan *ch)
{
	Cv__Join m = CV__JOIN__INIT;
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2};
	Cv__Addr a = CV__ADDR__INIT;
	char token[64];

	rand_bytes(ip + 15, 1);
	a.ip = ipc_data(span_of(ip, sizeof(ip)));
	m.req = ++me.req;
	m.source = &a;
	m.alias = ipc_data(SPAN_LIT("board"));
	m.display_name = ipc_data(SPAN_LIT("Hanna"));
	m.reconnect = ipc_data(guess(token));
	me.told += ipc_send(ch, JOIN, &m) == 0;
}

static void lie_stream(struct ipc_chan *ch)
{
	Cv__StreamOpen o = CV__STREAM_OPEN__INIT;
	Cv__StreamClosed c = CV__STREAM_CLOSED__INIT;
	char token[64];

	o.stream = ++me.req;
	o.alias = ipc_data(SPAN_LIT("board"));
	o.token = ipc_data(guess(token));
	me.told += ipc_send(ch, STREAM_OPEN, &o) == 0;
	c.stream = me.req % 64;
	me.told += ipc_send(ch, STREAM_CLOSED, &c) == 0;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	for (int i = 0; i < LIES_A_TURN && me.core; i++) {
		struct ipc_chan *ch = ipc_ev_chan(me.core);

		if (i % 10 == 8)
			lie_join(ch);
		else if (i % 10 == 9)
			lie_stream(ch);
		else
			lie_command(ch);
	}
	if (++me.turns % TURNS_TOLD == 0)
		log_notice(MOD, "lies", LOG_U("told", me.told),
			   LOG_U("refused", me.refused),
			   LOG_U("believed", me.believed));
}

static void judge(bool believed, const char *what)
{
	if (believed) {
		me.believed++;
		log_error(MOD, "a lie was believed", LOG_S("what", what));
	} else if (!me.refused++) {
		log_notice(MOD, "the first lie was refused");
	}
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	(void)arg;
	(void)ch;
	(void)fds;
	(void)n_fds;
	if (type == IPC_COMMAND_REPLY)
		judge(((const Cv__CommandReply *)(const void *)msg)->code !=
		      CV__RESULT_CODE__RESULT_INVALID_TOKEN, "command");
	else if (type == IPC_JOIN_REPLY)
		judge(((const Cv__JoinReply *)(const void *)msg)->outcome ==
		      CV__JOIN_OUTCOME__JOIN_OK, "join");
	else if (type == IPC_STREAM_REPLY)
		judge(((const Cv__StreamReply *)(const void *)msg)->code ==
		      CV__RESULT_CODE__RESULT_OK, "stream");
	else if (type == IPC_EVENT)
		judge(true, "event");
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
	log_notice(MOD, "core closed the channel");
	ipc_ev_free(&me.core);
	role_link_lost(me.role, ROLE_CORE, 0);
}

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = ROLE_WEB, .peer = peer,
				   .peer_instance = instance,
				   .on_msg = on_msg, .on_down = on_down};

	(void)arg;
	if (peer != ROLE_CORE) {
		close(fd);
		return;
	}
	ipc_ev_free(&me.core);
	if (ipc_ev_new(&me.core, me.base, &cfg) < 0)
		me.core = NULL;
}

static void on_stop(void *arg)
{
	(void)arg;
	(void)event_base_loopbreak(me.base);
}

static void read_people(void)
{
	int dir = role_boot_fd(&me.boot, CV__FD_NAME__FD_STATIC_DIR, 0);
	int fd = dir < 0 ? -1 : openat(dir, "lies", O_RDONLY | O_CLOEXEC);
	char text[PEOPLE_MAX * (UUID_TEXT_LEN + 1)];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	for (ssize_t at = 0; at + UUID_TEXT_LEN < n;
	     at += UUID_TEXT_LEN + 1)
		memcpy(me.people[me.n_people++], text + at, UUID_TEXT_LEN);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	const struct role_callbacks cb = {.on_link = on_link,
					  .on_stop = on_stop};
	const struct timeval tv = {.tv_usec = TURN_MS * 1000};

	if (sandbox_early() < 0)
		return 1;
	role_start(ROLE_WEB, &me.boot);
	read_people();
	me.base = event_base_new();
	if (!me.base || role_attach(&me.role, me.base, &cb) < 0 ||
	    role_ready(me.role) < 0)
		return 1;
	me.turn = event_new(me.base, -1, EV_PERSIST, on_turn, NULL);
	if (!me.turn || event_add(me.turn, &tv) < 0)
		return 1;
	log_notice(MOD, "lies in web's place", LOG_U("people", me.n_people));
	(void)event_base_dispatch(me.base);
	return 0;
}
