/* A web process that lies, in place of the real one. It holds what a broken-in
 * web would hold: the channel, and whatever clients sent through it. It must
 * gain nothing, and core must live on. */
#include "core/t/core_kit.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/text.h"

#define OK CV__RESULT_CODE__RESULT_OK
#define BAD_TOKEN CV__RESULT_CODE__RESULT_INVALID_TOKEN
#define BAD_ROLE CV__RESULT_CODE__RESULT_INVALID_ROLE

static void other_room(struct kit *k)
{
	static const char *const fields[] = {
		"name", "Other", "pin", "222222", "allow_guests", "true",
		"guest_pin", "333333", "alias", "other", NULL, NULL};

	kit_free(kit_cli(k, "create", "conference", fields));
}

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	kit_start(k);
	kit_demo_room(k);
	other_room(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_release(*state);
	free(*state);
	return 0;
}

static uint64_t status_of(struct kit *k, const char *field)
{
	Cv__CliReply *r = kit_cli(k, "status", "", NULL);
	uint64_t v = 0;

	assert_int_equal(r->n_rows, 1);
	for (size_t i = 0; i < r->rows[0]->n_fields; i++)
		if (strcmp(r->rows[0]->fields[i]->name, field) == 0)
			assert_int_equal(span_u64(ipc_bytes(
				r->rows[0]->fields[i]->value), UINT64_MAX,
				&v), 0);
	kit_free(r);
	return v;
}

static void alive_and_well(struct kit *k)
{
	assert_int_equal(kill(k->pid, 0), 0);
	kit_forget(k);
	if (!k->ch[KIT_WEB] || k->down[KIT_WEB])
		kit_link(k, KIT_WEB);
	kit_join(k, "Honest", "654321");
}

static void test_lying_web__guessed_tokens_open_nothing(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), liar = h;
	uint8_t rnd[24];

	for (int i = 0; i < 2000; i++) {
		rand_bytes(rnd, sizeof(rnd));
		b64url_encode(liar.token, rnd, sizeof(rnd));
		assert_int_equal(kit_command(k, &liar, CV__OP__OP_LOCK, NULL),
				 BAD_TOKEN);
	}
	/* Near misses, other lengths, the credential in the token's place. */
	for (size_t i = 0; i < strlen(h.token); i++) {
		liar = h;
		liar.token[i] = liar.token[i] == 'A' ? 'B' : 'A';
		assert_int_equal(kit_command(k, &liar, CV__OP__OP_LOCK, NULL),
				 BAD_TOKEN);
	}
	liar = h;
	liar.token[31] = 0;
	assert_int_equal(kit_command(k, &liar, CV__OP__OP_LOCK, NULL),
			 BAD_TOKEN);
	memcpy(liar.token, h.reconnect, sizeof(h.reconnect));
	assert_int_equal(kit_command(k, &liar, CV__OP__OP_LOCK, NULL),
			 BAD_TOKEN);
	assert_int_equal(kit_stream(k, &liar, 9), BAD_TOKEN);
	assert_true(status_of(k, "bad_tokens") >= 2034);
	alive_and_well(k);
}

static void test_lying_web__token_is_worth_nothing_in_another_room(
	void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), o;
	const struct kit_ask there = {.alias = "other", .pin = "222222"};
	struct kit_ask steal = {.alias = "other", .reconnect = h.reconnect};
	Cv__CallReply *r;

	o = kit_join_ask(k, &there);
	assert_true(o.host);
	assert_int_equal(kit_command_at(k, "other", h.token, CV__OP__OP_LOCK,
					NULL, NULL, NULL), BAD_TOKEN);
	assert_int_equal(kit_command_at(k, "demo", o.token, CV__OP__OP_LOCK,
					NULL, NULL, NULL), BAD_TOKEN);
	assert_int_equal(kit_command_at(k, "nowhere", h.token,
					CV__OP__OP_LOCK, NULL, NULL, NULL),
			 BAD_TOKEN);
	r = kit_call_raw(k, "other", h.token, h.uuid, "");
	assert_int_equal(r->code, BAD_TOKEN);
	kit_free(r);
	assert_int_equal(kit_join_ask(k, &steal).outcome,
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
	/* People of one room do not exist for the other. */
	assert_int_equal(kit_command(k, &h, CV__OP__OP_P_DISCONNECT, o.uuid),
			 CV__RESULT_CODE__RESULT_NOT_FOUND);
}

static void test_lying_web__others_calls_are_out_of_reach(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456"), g;
	Cv__CallReply *r;

	assert_int_equal(kit_call(k, &h, false), OK);
	g = kit_join(k, "Gus", "654321");
	assert_int_equal(kit_call(k, &g, false), OK);
	/* Gus names Hanna, her call, or both. */
	r = kit_call_raw(k, "demo", g.token, h.uuid, "");
	assert_int_equal(r->code, BAD_ROLE);
	kit_free(r);
	r = kit_call_raw(k, "demo", g.token, h.uuid, h.call);
	assert_int_equal(r->code, BAD_ROLE);
	kit_free(r);
	r = kit_call_raw(k, "demo", g.token, g.uuid, h.call);
	assert_int_equal(r->code, BAD_ROLE);
	kit_free(r);
	assert_int_equal(kit_command_at(k, "demo", g.token,
		CV__OP__OP_CALL_DISCONNECT, h.uuid, h.call, NULL), BAD_ROLE);
	assert_int_equal(kit_command_at(k, "demo", g.token,
		CV__OP__OP_CALL_DISCONNECT, g.uuid, h.call, NULL), BAD_ROLE);
	assert_int_equal(kit_command_at(k, "demo", g.token,
		CV__OP__OP_CALL_ACK, g.uuid, g.call, NULL), OK);
	assert_int_equal(kit_call(k, &h, true), OK);
}

static void test_lying_web__claims_of_host_change_nothing(void **state)
{
	struct kit *k = *state;
	static const Cv__Op host_only[] = {
		CV__OP__OP_LOCK, CV__OP__OP_UNLOCK,
		CV__OP__OP_START_CONFERENCE, CV__OP__OP_MUTEGUESTS,
		CV__OP__OP_UNMUTEGUESTS, CV__OP__OP_DISCONNECT_ALL,
		CV__OP__OP_P_UNLOCK, CV__OP__OP_P_ROLE,
		CV__OP__OP_P_SPOTLIGHTON, CV__OP__OP_CLEARALLBUZZ,
		CV__OP__OP_SET_GUESTS_CAN_UNMUTE, CV__OP__OP_TRANSFORM_LAYOUT,
		CV__OP__OP_P_OVERLAYTEXT};
	struct kit_person w = kit_join(k, "Waits", "654321"), h, g;

	/* He who waits may do nothing but wait. */
	for (size_t i = 0; i < sizeof(host_only) / sizeof(host_only[0]); i++)
		assert_int_equal(kit_command(k, &w, host_only[i], w.uuid),
				 BAD_ROLE);
	h = kit_join(k, "Hanna", "123456");
	assert_int_equal(kit_call(k, &h, false), OK);
	g = kit_join(k, "Gus", "654321");
	for (size_t i = 0; i < sizeof(host_only) / sizeof(host_only[0]); i++) {
		assert_int_equal(kit_command(k, &g, host_only[i], h.uuid),
				 BAD_ROLE);
		assert_int_equal(kit_command(k, &g, host_only[i], g.uuid),
				 BAD_ROLE);
	}
	assert_int_equal(kit_command(k, &g, CV__OP__OP_P_DISCONNECT, h.uuid),
			 BAD_ROLE);
	assert_int_equal(kit_command(k, &g, CV__OP__OP_P_MUTE, h.uuid),
			 BAD_ROLE);
}

static void test_lying_web__guest_credential_never_makes_a_host(void **state)
{
	struct kit *k = *state;
	struct kit_person g = kit_join(k, "Gus", "654321"), again;
	struct kit_ask a = {.name = "Host", .pin = "123457",
			    .reconnect = g.reconnect};

	again = kit_join_ask(k, &a);
	assert_int_equal(again.outcome, CV__JOIN_OUTCOME__JOIN_OK);
	assert_false(again.host);
	assert_int_equal(again.service, CV__SERVICE_TYPE__SERVICE_WAITING_ROOM);
}

static void test_lying_web__replayed_streams_are_bounded(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__StreamClosed c = CV__STREAM_CLOSED__INIT;
	unsigned closed = 0;
	Cv__StreamClose *sc;

	for (uint32_t i = 1; i <= 100; i++)
		assert_int_equal(kit_stream(k, &h, i), OK);
	/* The same number again, and numbers that never were. */
	assert_int_equal(kit_stream(k, &h, 100),
			 CV__RESULT_CODE__RESULT_OVERLOAD);
	for (uint32_t i = 0; i < 50; i++) {
		c.stream = i * 7919;
		assert_int_equal(KIT_SEND(k, WEB, STREAM_CLOSED, &c), 0);
	}
	assert_int_equal(kit_command(k, &h, CV__OP__OP_CONFERENCE_STATUS,
				     NULL), OK);
	while ((sc = kit_take(k, KIT_WEB, IPC_STREAM_CLOSE))) {
		closed++;
		kit_free(sc);
	}
	assert_true(closed >= 96);
	assert_true(status_of(k, "bad_handles") >= 45);
	alive_and_well(k);
}

static void test_lying_web__flood_of_requests_is_refused(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	int ok = 0, busy = 0;

	for (int i = 0; i < 1000; i++) {
		const Cv__ResultCode r = kit_command(k, &h,
			CV__OP__OP_PARTICIPANTS, NULL);

		ok += r == OK;
		busy += r == CV__RESULT_CODE__RESULT_OVERLOAD;
	}
	assert_int_equal(ok + busy, 1000);
	assert_true(busy > 300);
	assert_true(status_of(k, "overloads") >= (uint64_t)busy);
	alive_and_well(k);
}

/* Sends and never reads: core lets the channel go, not its memory. */
static void test_lying_web__deaf_web_loses_its_channel(void **state)
{
	struct kit *k = *state;
	Cv__Join j = CV__JOIN__INIT;
	const uint64_t end = clock_mono_ns() + 60 * NS_PER_S;
	uint8_t alias[] = "nowhere";
	int r = 0;

	j.alias = (ProtobufCBinaryData){.len = 7, .data = alias};
	while (r != E_CLOSED && clock_mono_ns() < end) {
		struct ipc_chan *ch = k->ch[KIT_WEB];

		r = KIT_SEND(k, WEB, JOIN, &j);
		if (r == E_FULL)
			(void)ipc_chan_output(ch);
	}
	assert_int_equal(r, E_CLOSED);
	kit_drop(k, KIT_WEB);
	k->down[KIT_WEB] = true;
	alive_and_well(k);
}

static void test_lying_web__garbage_costs_it_the_channel_only(void **state)
{
	struct kit *k = *state;
	uint8_t junk[2048];

	for (size_t n = 1; n <= sizeof(junk); n *= 2) {
		const int fd = ipc_chan_fd(k->ch[KIT_WEB]);

		rand_bytes(junk, n);
		(void)send(fd, junk, n, MSG_NOSIGNAL);
		while (!k->down[KIT_WEB])
			kit_turn(k, 100);
		kit_link(k, KIT_WEB);
	}
	alive_and_well(k);
}

static void no_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *m, const int *fds, size_t n)
{
	(void)arg;
	(void)ch;
	(void)type;
	(void)m;
	(void)fds;
	(void)n;
}

static void no_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
}

static struct ipc_chan *as_media(int fd)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = ROLE_MEDIA,
				   .peer = ROLE_CORE, .on_msg = no_msg,
				   .on_down = no_down};
	struct ipc_chan *ch;

	assert_int_equal(ipc_chan_new(&ch, &cfg), 0);
	return ch;
}

static void seqpacket(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, pair), 0);
}

static void wait_down(struct kit *k, enum kit_who who)
{
	while (!k->down[who])
		kit_turn(k, 100);
}

/* On web's own link, with the Hello of a media worker. */
static void test_lying_web__cannot_greet_as_media(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__Link l = CV__LINK__INIT;
	struct ipc_chan *media;
	int pair[2];

	assert_int_equal(kit_call(k, &h, false), OK);
	kit_drop(k, KIT_WEB);
	seqpacket(pair);
	l.role = ROLE_WEB;
	assert_int_equal(ipc_chan_send(k->ch[KIT_SUPER], IPC_LINK, &l.base,
				       &pair[1], 1), 0);
	close(pair[1]);
	media = as_media(pair[0]);
	while (ipc_chan_input(media, 16) == 0)
		kit_turn(k, 10);
	ipc_chan_free(&media);
	kit_link(k, KIT_WEB);
	assert_int_equal(kit_call(k, &h, true), OK);
	alive_and_well(k);
}

/* A message that only media may send, byte for byte as media packs it. */
static void test_lying_web__cannot_send_what_only_media_may(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__LegState s = CV__LEG_STATE__INIT;
	struct ipc_chan *media;
	uint8_t hello[512], state_msg[512];
	ssize_t n;
	int pair[2];

	assert_int_equal(kit_call(k, &h, false), OK);
	seqpacket(pair);
	media = as_media(pair[0]);
	s.leg = k->legs[0];
	s.phase = CV__LEG_PHASE__LEG_GONE;
	assert_int_equal(ipc_send(media, LEG_STATE, &s), 0);
	assert_true(recv(pair[1], hello, sizeof(hello), 0) > 0);
	n = recv(pair[1], state_msg, sizeof(state_msg), 0);
	assert_true(n > 0);
	ipc_chan_free(&media);
	close(pair[1]);
	assert_int_equal(send(ipc_chan_fd(k->ch[KIT_WEB]), state_msg,
			      (size_t)n, MSG_NOSIGNAL), n);
	wait_down(k, KIT_WEB);
	/* The leg is still there: an update of its call goes to it. */
	kit_link(k, KIT_WEB);
	kit_forget(k);
	assert_int_equal(kit_call(k, &h, true), OK);
	assert_null(kit_take(k, KIT_MEDIA, IPC_LEG_OPEN));
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_UPDATE));
	alive_and_well(k);
}

/* Media itself, and the handles of others: another leg number, another room's
 * speakers, a leg of the other worker. */
static void test_lying_media__handles_of_others_are_stale(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");
	Cv__LegState s = CV__LEG_STATE__INIT;
	Cv__Speakers sp = CV__SPEAKERS__INIT;
	Cv__LegAnswer a = CV__LEG_ANSWER__INIT;
	Cv__LegReport r = CV__LEG_REPORT__INIT;

	assert_int_equal(kit_call(k, &h, false), OK);
	for (uint64_t i = 1; i <= 50; i++) {
		s.leg = k->legs[0] + i;
		s.phase = CV__LEG_PHASE__LEG_SECURE;
		sp.room = k->leg_rooms[0] + i;
		a.leg = k->legs[0];
		a.req = (uint32_t)(100000 + i);
		assert_int_equal(KIT_SEND(k, MEDIA, LEG_STATE, &s), 0);
		assert_int_equal(KIT_SEND(k, MEDIA, SPEAKERS, &sp), 0);
		assert_int_equal(KIT_SEND(k, MEDIA, LEG_ANSWER, &a), 0);
	}
	/* A second report cannot take legs away. */
	assert_int_equal(KIT_SEND(k, MEDIA, LEG_REPORT, &r), 0);
	kit_forget(k);
	assert_int_equal(kit_call(k, &h, true), OK);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_UPDATE));
	assert_true(status_of(k, "bad_handles") >= 150);
	alive_and_well(k);
}

/* The answer to one of ours among those to many others. */
static Cv__JoinOutcome join_behind(struct kit *k, const char *alias,
				   const char *pin)
{
	static uint32_t req = 2000000;
	Cv__Join m = CV__JOIN__INIT;
	Cv__Addr from = CV__ADDR__INIT;
	uint8_t ip[16] = {[10] = 0xff, 0xff, 198, 51, 100, 1};

	from.ip = ipc_data(span_of(ip, 16));
	m.source = &from;
	m.req = ++req;
	m.alias = ipc_data(span_str(alias));
	m.has_pin = pin != NULL;
	if (pin)
		m.pin = ipc_data(span_str(pin));
	while (KIT_SEND(k, WEB, JOIN, &m) == E_FULL)
		kit_turn(k, 1);
	for (;;) {
		Cv__JoinReply *r = kit_wait(k, KIT_WEB, IPC_JOIN_REPLY);
		const bool is_ours = r->req == m.req;
		const Cv__JoinOutcome o = r->outcome;

		kit_free(r);
		if (is_ours)
			return o;
	}
}

/* Every place for waiting joins is taken, by guessers at many guarded rooms:
 * a room that is not guarded does not notice. */
static void test_lying_web__full_lines_keep_nobody_out_elsewhere(void **state)
{
	enum { ROOMS = 60, PLACES = 34 };
	struct kit *k = *state;
	char alias[16];
	const char *const fields[] = {"name", alias, "pin", "222222", "alias",
				      alias, NULL, NULL};
	struct kit_ask a = {.alias = alias, .pin = "111111",
			    .ip = 0x0a000000};

	for (int r = 0; r < ROOMS; r++) {
		snprintf(alias, sizeof(alias), "line%d", r);
		kit_free(kit_cli(k, "create", "conference", fields));
		for (int i = 0; i < 21; i++, a.ip += 256)
			assert_int_equal(kit_join_ask(k, &a).outcome,
					 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	}
	for (int r = 0; r < ROOMS; r++)
		for (int i = 0; i < PLACES; i++, a.ip += 256) {
			Cv__Join m = CV__JOIN__INIT;
			Cv__Addr from = CV__ADDR__INIT;
			uint8_t ip[16] = {[10] = 0xff, 0xff, 172};

			ip[13] = (uint8_t)(a.ip >> 16);
			ip[14] = (uint8_t)(a.ip >> 8);
			snprintf(alias, sizeof(alias), "line%d", r);
			from.ip = ipc_data(span_of(ip, 16));
			m.req = a.ip;
			m.alias = ipc_data(span_str(alias));
			m.has_pin = true;
			m.pin = ipc_data(SPAN_LIT("111111"));
			m.source = &from;
			while (KIT_SEND(k, WEB, JOIN, &m) == E_FULL)
				kit_turn(k, 1);
		}
	assert_int_equal(join_behind(k, "nobody", NULL),
			 CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED);
	assert_true(status_of(k, "rooms_guarded") >= ROOMS);
	/* Who was displaced from the line hears of it with the next turn. */
	while (status_of(k, "joins_waiting") > 1024)
		kit_turn(k, 50);
	assert_true(status_of(k, "joins_waiting") > 500);
	assert_int_equal(join_behind(k, "other", "222222"),
			 CV__JOIN_OUTCOME__JOIN_OK);
	kit_forget(k);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t join_ns(struct kit *k, const struct kit_ask *a)
{
	const uint64_t start = clock_mono_ns();
	Cv__JoinReply *r = kit_join_raw(k, a);
	const uint64_t took = clock_mono_ns() - start;

	assert_int_equal(r->outcome, CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	kit_free(r);
	return took;
}

/* In turn: what else the machine does hits both. */
static void medians_ns(struct kit *k, const struct kit_ask *const who[2],
		       uint64_t median[2])
{
	enum { N = 301 };
	uint64_t t[2][N];

	for (int i = 0; i < N; i++)
		for (int j = 0; j < 2; j++) {
			const int w = (i + j) & 1;

			t[w][i] = join_ns(k, who[w]);
		}
	for (int w = 0; w < 2; w++) {
		qsort(t[w], N, sizeof(*t[w]), by_size);
		median[w] = t[w][N / 2];
	}
}

/* A source that guessed too often and an alias that nobody has: the same
 * answer after the same work. (The disk is not asked in either case.) */
static void test_lying_web__refusal_takes_as_long_as_an_unknown_alias(
	void **state)
{
	struct kit *k = *state;
	const struct kit_ask wrong = {.pin = "111111", .ip = 7};
	const struct kit_ask blocked = {.pin = "123456", .ip = 7};
	const struct kit_ask unknown = {.alias = "dema", .pin = "123456",
					.ip = 7};
	uint64_t m[2], a, b;

	for (int i = 0; i < 5; i++)
		(void)kit_join_ask(k, &wrong);
	medians_ns(k, (const struct kit_ask *const[2]){&blocked, &unknown}, m);
	a = m[0];
	b = m[1];
	print_message("refused %llu us, unknown %llu us\n",
		      (unsigned long long)a / 1000,
		      (unsigned long long)b / 1000);
	assert_true(a < 2 * b && b < 2 * a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_lying_web__guessed_tokens_open_nothing),
		T(test_lying_web__token_is_worth_nothing_in_another_room),
		T(test_lying_web__others_calls_are_out_of_reach),
		T(test_lying_web__claims_of_host_change_nothing),
		T(test_lying_web__guest_credential_never_makes_a_host),
		T(test_lying_web__replayed_streams_are_bounded),
		T(test_lying_web__flood_of_requests_is_refused),
		T(test_lying_web__deaf_web_loses_its_channel),
		T(test_lying_web__garbage_costs_it_the_channel_only),
		T(test_lying_web__cannot_greet_as_media),
		T(test_lying_web__cannot_send_what_only_media_may),
		T(test_lying_media__handles_of_others_are_stale),
		T(test_lying_web__refusal_takes_as_long_as_an_unknown_alias),
		T(test_lying_web__full_lines_keep_nobody_out_elsewhere),
	};

	if (argc != 2)
		return 2;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
