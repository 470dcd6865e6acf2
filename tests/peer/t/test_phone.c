/* conclave-media behind its real walls and telephones that share no code with
 * it, over the whole of the codecs and suites. This program plays super, core,
 * and the SIP face: it carries SDP to LegDescription and back with readers of
 * its own. Arguments: conclave-media, conclave-phone. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"
#include "super.pb-c.h"

enum { WAIT_MS = 20000, ROOM = 5, PHONES = 2, LINE = 65536 };

static const char *media_program, *phone_program;

struct phone {
	pid_t pid;
	int in, out;			/* its stdin, its stdout */
	char text[LINE];
	size_t n;
	Cv__SdesSuite suite;
	int pt, hz, event_hz;
	unsigned port;			/* ours, of the answer */
	bool is_over;
	char dtmf[32];
};

struct house {
	pid_t pid;
	struct ipc_chan *super, *core;
	struct phone phone[PHONES];
	bool is_ready;
	unsigned answers;
	unsigned offset;		/* of leg handles */
};

static const struct { const char *name; Cv__SdesSuite id; size_t n; } suites[] = {
	{"AES_CM_128_HMAC_SHA1_80",
	 CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80, 30},
	{"AES_CM_128_HMAC_SHA1_32",
	 CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32, 30},
	{"AES_256_CM_HMAC_SHA1_80",
	 CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80, 46},
	{"AEAD_AES_128_GCM", CV__SDES_SUITE__SDES_AEAD_AES_128_GCM, 28},
	{"AEAD_AES_256_GCM", CV__SDES_SUITE__SDES_AEAD_AES_256_GCM, 44},
};

/* --- the phones' side -------------------------------------------------- */

static pid_t spawn(char *const argv[], int in, int out)
{
	posix_spawn_file_actions_t act;
	char *env[] = {NULL};
	pid_t pid;

	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, in, 0);
	posix_spawn_file_actions_adddup2(&act, out, 1);
	assert_int_equal(posix_spawn(&pid, argv[0], &act, NULL, argv, env), 0);
	posix_spawn_file_actions_destroy(&act);
	return pid;
}

static void phone_start(struct phone *p, char *const argv[])
{
	int in[2], out[2];

	memset(p, 0, sizeof(*p));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	p->pid = spawn(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	p->in = in[1];
	p->out = out[0];
	assert_int_equal(fcntl(p->out, F_SETFL, O_NONBLOCK), 0);
}

static void phone_end(struct phone *p)
{
	int status;

	close(p->in);
	close(p->out);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

/* A line it said, or NULL. The caller frees. */
static json_t *phone_line(struct phone *p)
{
	ssize_t n = read(p->out, p->text + p->n, LINE - 1 - p->n);
	char *end;
	json_t *o;

	if (n > 0)
		p->n += (size_t)n;
	p->text[p->n] = 0;
	end = strchr(p->text, '\n');
	if (!end)
		return NULL;
	o = json_loadb(p->text, (size_t)(end - p->text), 0, NULL);
	assert_non_null(o);
	memset(p->text, 0, p->n);
	p->n = 0;
	return o;
}

/* --- the house --------------------------------------------------------- */

static int link_send(struct house *h, enum ipc_role role);

static void on_super(void *arg, struct ipc_chan *ch, enum ipc_type type,
		     const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct house *h = arg;

	(void)ch;
	(void)msg;
	(void)fds;
	(void)n;
	h->is_ready |= type == IPC_READY;
}

static void answer_to(struct phone *p, const Cv__LegDescription *d)
{
	const Cv__Section *s = d->sections[0];
	char sdp[2048], crypto[256] = "";
	uint8_t b64[128];
	json_t *o;
	char *text;

	assert_non_null(s->addr);
	p->port = s->addr->port;
	if (s->n_sdes) {
		EVP_EncodeBlock(b64, s->sdes[0]->key_salt.data,
				(int)s->sdes[0]->key_salt.len);
		for (size_t i = 0; i < 5; i++)
			if (suites[i].id == s->sdes[0]->suite)
				snprintf(crypto, sizeof(crypto),
					 "a=crypto:%u %s inline:%s\r\n",
					 s->sdes[0]->tag, suites[i].name,
					 b64);
	}
	snprintf(sdp, sizeof(sdp), "v=0\r\nc=IN IP4 %u.%u.%u.%u\r\n"
		 "m=audio %u RTP/%s %u\r\n%s", s->addr->ip.data[12],
		 s->addr->ip.data[13], s->addr->ip.data[14],
		 s->addr->ip.data[15], s->addr->port,
		 s->n_sdes ? "SAVP" : "AVP", s->codecs[0]->pt, crypto);
	o = json_pack("{s:s}", "sdp", sdp);
	text = json_dumps(o, JSON_COMPACT);
	assert_non_null(text);
	dprintf(p->in, "%s\n", text);
	free(text);
	json_decref(o);
}

static void on_core(void *arg, struct ipc_chan *ch, enum ipc_type type,
		    const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct house *h = arg;

	(void)ch;
	(void)fds;
	(void)n;
	if (type == IPC_LEG_ANSWER) {
		const Cv__LegAnswer *a = (const void *)msg;

		assert_true(a->ok);
		answer_to(&h->phone[a->leg - h->offset], a->answer);
		h->answers++;
	} else if (type == IPC_LEG_DTMF) {
		const Cv__LegDtmf *d = (const void *)msg;
		char *keys = h->phone[d->leg - h->offset].dtmf;
		size_t len = strlen(keys);

		assert_true(len < 31 && d->digit < 12);
		keys[len] = "0123456789*#"[d->digit];
	}
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
}

static int bound(int type)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int off = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static struct ipc_chan *chan(struct house *h, int fd, enum ipc_role self,
			     ipc_msg_fn fn)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = self, .peer = ROLE_MEDIA,
				   .on_msg = fn, .on_down = on_down, .arg = h};
	struct ipc_chan *out;

	assert_int_equal(ipc_chan_new(&out, &cfg), 0);
	return out;
}

static void turn(struct house *h)
{
	struct pollfd p[] = {
		{.fd = ipc_chan_fd(h->super), .events = POLLIN},
		{.fd = h->core ? ipc_chan_fd(h->core) : -1, .events = POLLIN},
		{.fd = h->phone[0].pid ? h->phone[0].out : -1,
		 .events = POLLIN},
		{.fd = h->phone[1].pid ? h->phone[1].out : -1,
		 .events = POLLIN},
	};

	(void)poll(p, 4, 10);
	(void)ipc_chan_input(h->super, 16);
	(void)ipc_chan_output(h->super);
	if (h->core)
		(void)ipc_chan_input(h->core, 16);
}

#define UNTIL(h, cond)                                                        \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			turn(h);                                              \
		assert_true(cond);                                            \
	} while (0)

static json_t *next_line(struct house *h, struct phone *p)
{
	json_t *o = NULL;

	UNTIL(h, o || (o = phone_line(p)) != NULL);
	return o;
}

static void boot_send(struct house *h)
{
	Cv__Boot b = CV__BOOT__INIT;
	Cv__BootOption o = CV__BOOT_OPTION__INIT, *op = &o;
	char name[] = "loopback", value[] = "1";
	Cv__FdName names[] = {CV__FD_NAME__FD_MEDIA_UDP,
			      CV__FD_NAME__FD_MEDIA_TCP};
	int fds[2] = {bound(SOCK_DGRAM), bound(SOCK_STREAM)};

	o.name = name;
	o.value = value;
	b.options = &op;
	b.n_options = 1;
	b.fds = names;
	b.n_fds = 2;
	assert_int_equal(ipc_chan_send(h->super, IPC_BOOT, &b.base, fds, 2), 0);
	close(fds[0]);
	close(fds[1]);
}

static int link_send(struct house *h, enum ipc_role role)
{
	Cv__Link l = CV__LINK__INIT;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, pair), 0);
	l.role = role;
	assert_int_equal(ipc_chan_send(h->super, IPC_LINK, &l.base, &pair[1],
				       1), 0);
	close(pair[1]);
	return pair[0];
}

static void settings_send(struct house *h)
{
	Cv__Settings m = CV__SETTINGS__INIT;
	Cv__Setting s = CV__SETTING__INIT, *list = &s;
	char name[] = "srtp_allow_sha1_32";

	s.name = name;
	s.value = ipc_data(SPAN_LIT("true"));
	m.settings = &list;
	m.n_settings = 1;
	assert_int_equal(ipc_send(h->core, SETTINGS, &m), 0);
}

static void house_open(struct house *h)
{
	char instance[] = "CONCLAVE_INSTANCE=0";
	char *argv[] = {(char *)(uintptr_t)media_program, NULL};
	char *env[] = {instance, NULL};
	posix_spawn_file_actions_t act;
	Cv__RoomOpen room = CV__ROOM_OPEN__INIT;
	int pair[2];

	memset(h, 0, sizeof(*h));
	h->offset = 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    pair), 0);
	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, fcntl(pair[1], F_DUPFD_CLOEXEC,
						     20), 3);
	posix_spawn_file_actions_adddup2(&act, 2, 4);
	assert_int_equal(posix_spawn(&h->pid, argv[0], &act, NULL, argv, env),
			 0);
	posix_spawn_file_actions_destroy(&act);
	close(pair[1]);
	h->super = chan(h, pair[0], ROLE_SUPER, on_super);
	boot_send(h);
	UNTIL(h, h->is_ready);
	h->core = chan(h, link_send(h, ROLE_CORE), ROLE_CORE, on_core);
	settings_send(h);
	room.room = ROOM;
	assert_int_equal(ipc_send(h->core, ROOM_OPEN, &room), 0);
}

static void house_close(struct house *h)
{
	Cv__Stop stop = CV__STOP__INIT;
	int status;

	assert_int_equal(ipc_send(h->super, STOP, &stop), 0);
	(void)ipc_chan_output(h->super);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_int_equal(status, 0);	/* no wall was run into */
	ipc_chan_free(&h->super);
	ipc_chan_free(&h->core);
}

/* --- SDP --------------------------------------------------------------- */

struct leg_order {
	Cv__LegOpen o;
	Cv__LegFlags f;
	Cv__LegDescription d;
	Cv__Section s, *sp;
	Cv__Codec c[2], *cp[2];
	Cv__SdesKey k, *kp;
	Cv__Addr a, signalling;
	uint8_t ip[16], key[100];
};

static void read_crypto(struct leg_order *l, const char *sdp)
{
	const char *c = strstr(sdp, "a=crypto:");
	char name[64], b64[128];

	if (!c)
		return;
	cv__sdes_key__init(&l->k);
	assert_int_equal(sscanf(c, "a=crypto:%u %63s inline:%127s", &l->k.tag,
				name, b64), 3);
	assert_true(EVP_DecodeBlock(l->key, (uint8_t *)b64,
				    (int)strlen(b64)) > 0);
	for (size_t i = 0; i < 5; i++)
		if (strcmp(suites[i].name, name) == 0) {
			l->k.suite = suites[i].id;
			l->k.key_salt = (ProtobufCBinaryData){suites[i].n,
							      l->key};
		}
	l->kp = &l->k;
	l->s.sdes = &l->kp;
	l->s.n_sdes = 1;
}

static void read_offer(struct leg_order *l, const char *sdp)
{
	const char *m = strstr(sdp, "m=audio "), *c = strstr(sdp, "c=IN IP4 ");
	char profile[16], ip[64];
	struct in_addr v4;

	assert_true(m && c);
	for (int i = 0; i < 2; i++) {
		cv__codec__init(&l->c[i]);
		l->cp[i] = &l->c[i];
		l->c[i].clock_hz = 8000;
	}
	assert_int_equal(sscanf(m, "m=audio %u RTP/%15s %u %u", &l->a.port,
				profile, &l->c[0].pt, &l->c[1].pt), 4);
	assert_int_equal(sscanf(c, "c=IN IP4 %63[0-9.]", ip), 1);
	assert_int_equal(inet_pton(AF_INET, ip, &v4), 1);
	memset(l->ip + 10, 0xff, 2);
	memcpy(l->ip + 12, &v4, 4);
	l->a.ip = (ProtobufCBinaryData){16, l->ip};
	l->c[0].name = l->c[0].pt == 0 ? CV__CODEC_NAME__CODEC_PCMU
		       : l->c[0].pt == 8 ? CV__CODEC_NAME__CODEC_PCMA
		       : l->c[0].pt == 9 ? CV__CODEC_NAME__CODEC_G722
					 : CV__CODEC_NAME__CODEC_OPUS;
	if (strstr(sdp, "opus/48000"))
		l->c[0].clock_hz = l->c[1].clock_hz = 48000;
	l->c[1].name = CV__CODEC_NAME__CODEC_TELEPHONE_EVENT;
	l->s.profile = strcmp(profile, "SAVP") == 0
		       ? CV__RTP_PROFILE__PROFILE_SAVP
		       : CV__RTP_PROFILE__PROFILE_AVP;
	read_crypto(l, sdp);
}

static void leg_open(struct house *h, unsigned i, const char *sdp)
{
	struct leg_order l;
	unsigned before = h->answers;

	memset(&l, 0, sizeof(l));
	cv__leg_open__init(&l.o);
	cv__leg_flags__init(&l.f);
	cv__leg_description__init(&l.d);
	cv__section__init(&l.s);
	cv__addr__init(&l.a);
	l.f.admitted = true;
	l.s.kind = CV__MEDIA_KIND__KIND_AUDIO;
	l.s.direction = CV__DIRECTION__DIR_SENDRECV;
	l.sp = &l.s;
	l.d.sections = &l.sp;
	l.d.n_sections = 1;
	read_offer(&l, sdp);
	l.s.codecs = l.cp;
	l.s.n_codecs = 2;
	l.s.addr = &l.a;
	l.o.room = ROOM;
	l.o.leg = h->offset + i;
	l.o.flags = &l.f;
	l.o.offer = &l.d;
	l.o.transport = CV__LEG_TRANSPORT__LEG_PLAIN;
	l.o.crypto = l.s.n_sdes ? CV__CRYPTO_MODE__CRYPTO_ON
				: CV__CRYPTO_MODE__CRYPTO_OFF;
	l.o.sdes_allowed = true;
	assert_int_equal(ipc_send(h->core, LEG_OPEN, &l.o), 0);
	UNTIL(h, h->answers == before + 1);
}

/* --- a conversation ---------------------------------------------------- */

struct says {
	const char *codec, *suite, *keys;
};

static void call(struct house *h, unsigned i, const struct says *s)
{
	static const char *const tone[] = {"500", "1100"};
	static const char *const hear[] = {"1100,500", "500,1100"};
	char *argv[] = {(char *)(uintptr_t)phone_program,
			(char *)"--codec", (char *)(uintptr_t)s->codec,
			(char *)"--suite", (char *)(uintptr_t)s->suite,
			(char *)"--tone", (char *)(uintptr_t)tone[i],
			(char *)"--hear", (char *)(uintptr_t)hear[i],
			(char *)"--seconds", (char *)"2",
			(char *)"--keys", (char *)(uintptr_t)s->keys, NULL};
	json_t *o = NULL;

	phone_start(&h->phone[i], argv);
	o = next_line(h, &h->phone[i]);
	leg_open(h, i, json_string_value(json_object_get(o, "sdp")));
	json_decref(o);
}

static int64_t number(const json_t *o, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(o, name));
}

static void judge(struct house *h, unsigned i, const struct says *s)
{
	double other, own;
	json_t *o = NULL, *levels;

	o = next_line(h, &h->phone[i]);
	levels = json_object_get(o, "levels");
	other = json_real_value(json_array_get(levels, 0));
	own = json_real_value(json_array_get(levels, 1));
	assert_true(other > 0.05);
	assert_true(own < other / 10);
	assert_true(number(o, "packets_in") > 70);
	assert_true(number(o, "rtcp_in") >= 1);
	assert_int_equal(number(o, "bad"), 0);
	assert_int_equal(number(o, "strangers"), 0);
	assert_int_equal(number(o, "holes"), 0);
	assert_int_equal(number(o, "ssrcs"), 1);
	assert_string_equal(h->phone[i].dtmf, s->keys);
	json_decref(o);
}

static void close_leg(struct house *h, unsigned i)
{
	Cv__LegClose c = CV__LEG_CLOSE__INIT;

	c.leg = h->offset + i;
	assert_int_equal(ipc_send(h->core, LEG_CLOSE, &c), 0);
}

/* Sends to a port of somebody else and hears nothing. */
static void attack(struct house *h, unsigned port)
{
	char to[32], where[] = "127.0.0.2", also[] = "127.0.0.1";
	struct phone p[2];

	(void)snprintf(to, sizeof(to), "127.0.0.1:%u", port);
	for (int i = 0; i < 2; i++) {
		char *argv[] = {(char *)(uintptr_t)phone_program,
				(char *)"--codec", (char *)"pcmu",
				(char *)"--to", to, (char *)"--ip",
				i ? also : where, (char *)"--seconds",
				(char *)"1", NULL};

		phone_start(&p[i], argv);
	}
	for (int i = 0; i < 2; i++) {
		json_t *o = NULL;

		o = next_line(h, &p[i]);
		assert_int_equal(number(o, "packets_in"), 0);
		assert_int_equal(number(o, "strangers"), 0);
		json_decref(o);
		phone_end(&p[i]);
	}
}

static void talk(struct house *h, const struct says *a, const struct says *b,
		 bool is_attacked)
{
	call(h, 0, a);
	call(h, 1, b);
	assert_int_not_equal(h->phone[0].port, h->phone[1].port);
	/* latched by now? 300 ms of packets say so */
	if (is_attacked) {
		uint64_t end = clock_mono_ns() + 300 * NS_PER_MS;

		while (clock_mono_ns() < end)
			turn(h);
		attack(h, h->phone[0].port);
	}
	judge(h, 0, a);
	judge(h, 1, b);
	for (unsigned i = 0; i < PHONES; i++) {
		phone_end(&h->phone[i]);
		h->phone[i].pid = 0;
		close_leg(h, i);
	}
	h->offset += PHONES;
}

static void test_phones__hear_each_other(void **state)
{
	static const struct says rows[][2] = {
		{{"pcmu", "none", "12#"}, {"pcma", "none", ""}},
		{{"opus", "AES_CM_128_HMAC_SHA1_80", "*7"},
		 {"pcma", "AEAD_AES_256_GCM", "0"}},
#ifdef HAVE_SPANDSP
		{{"g722", "AES_256_CM_HMAC_SHA1_80", "99"},
		 {"opus", "AEAD_AES_128_GCM", ""}},
#endif
		{{"pcmu", "AES_CM_128_HMAC_SHA1_32", "5"},
		 {"opus", "none", "11"}},
	};
	struct house h;

	(void)state;
	house_open(&h);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		talk(&h, &rows[i][0], &rows[i][1], i < 2);
	house_close(&h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phones__hear_each_other),
	};

	if (argc != 3)
		return 1;
	media_program = argv[1];
	phone_program = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
