/* conclave-device: a synthetic SIP device. See README.md. */
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "device.h"

enum { ENDING_S = 3, POLL_MS = 4, LINE = 512, PORTS_TRIED = 100 };

static const char usage[] =
	"conclave-device [options]; those of conclave-peer, and\n"
	"  --ip ADDRESS       our own, for all we open\n"
	"  --server tls|tcp|udp:IP:PORT   over which we call and register\n"
	"  --listen tls|tcp|udp:IP:PORT   where we are called; --pem FILE\n"
	"  --name NAME --domain DOMAIN    of our own address\n"
	"  --user U --password P          of digest\n"
	"  --register         before anything else\n"
	"  --call URI         nothing: waits to be called\n"
	"  --suite NAME       of SDES; nothing: clear media\n"
	"  --slides R,G,B     a presentation section; of that colour\n"
	"  --max-fs N         of its picture (RFC 7741), in macroblocks\n"
	"  --bfcp             floor control, over UDP\n"
	"  --fecc             far-end camera control (H.224): tells the frames\n"
	"  --avp              no feedback; --no-mux: RTCP on its own port\n"
	"On standard input: keys 123#, fresh (judges from now on), tell, "
	"reinvite,\nhold, resume, present, unpresent, frame HEX (of H.224), "
	"hangup, stop.\n";

enum {
	IP = OPTIONS_END, SERVER, LISTEN, PEM, NAME, DOMAIN, USER, PASSWORD,
	REGISTER, CALL, SUITE, AVP, NO_MUX, SLIDES, BFCP, FECC,
	MAX_FS,
};

static const struct option own[] = {
	{"ip", 1, NULL, IP}, {"server", 1, NULL, SERVER},
	{"listen", 1, NULL, LISTEN}, {"pem", 1, NULL, PEM},
	{"name", 1, NULL, NAME}, {"domain", 1, NULL, DOMAIN},
	{"user", 1, NULL, USER}, {"password", 1, NULL, PASSWORD},
	{"register", 0, NULL, REGISTER}, {"call", 1, NULL, CALL},
	{"suite", 1, NULL, SUITE}, {"avp", 0, NULL, AVP},
	{"no-mux", 0, NULL, NO_MUX}, {"slides", 1, NULL, SLIDES},
	{"bfcp", 0, NULL, BFCP}, {"fecc", 0, NULL, FECC},
	{"max-fs", 1, NULL, MAX_FS}, {NULL, 0, NULL, 0},
};

struct orders {
	struct options o;
	const char *server, *listen, *pem, *name, *domain, *call;
	bool registers, has_slides, has_fecc;
	unsigned rgb[3];
};

static struct device dev;

static void take(struct device *d, struct orders *w, int c, const char *v)
{
	switch (c) {
	case IP: d->ip = v; break;
	case SERVER: w->server = v; break;
	case LISTEN: w->listen = v; break;
	case PEM: w->pem = v; break;
	case NAME: w->name = v; break;
	case DOMAIN: w->domain = v; break;
	case USER: d->ua.user = v; break;
	case PASSWORD: d->ua.pass = v; break;
	case REGISTER: w->registers = true; break;
	case CALL: w->call = v; break;
	case SUITE: d->suite = v; break;
	case AVP: d->has_feedback = false; break;
	case SLIDES:
		w->has_slides = sscanf(v, "%u,%u,%u", &w->rgb[0], &w->rgb[1],
				       &w->rgb[2]) == 3;
		break;
	case BFCP: d->has_bfcp = true; break;
	case FECC: w->has_fecc = true; break;
	case MAX_FS: d->max_fs = (unsigned)atoi(v); break;
	default: d->is_mux = false; break;
	}
}

static bool read_orders(struct device *d, struct orders *w, int argc,
			char **argv)
{
	struct option all[64] = {{0}};
	size_t n = 0;
	int c;

	for (const struct option *o = options_table; o->name; o++)
		all[n++] = *o;
	memcpy(all + n, own, sizeof(own));
	options_init(&w->o);
	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (c >= OPTIONS_END)
			take(d, w, c, optarg);
		else if (!options_take(&w->o, c, optarg))
			return false;
	}
	return optind == argc && d->ip && (w->server || w->listen) &&
	       (!d->suite || sdes_key_bytes(d->suite));
}

/* --- sections ---------------------------------------------------------- */

static int bound(const char *ip, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t n;
	int size = 1 << 20, fd;

	if (!line_address(&a, &n, ip, port))
		return -1;
	fd = socket(a.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool open_ports(struct section *s, const char *ip)
{
	for (int i = 0; i < PORTS_TRIED; i++) {
		s->port = (uint16_t)(20000 + peer_random32() % 10000) & 0xfffe;
		s->fd[0] = bound(ip, s->port);
		s->fd[1] = bound(ip, s->port + 1);
		if (s->fd[0] >= 0 && s->fd[1] >= 0)
			return true;
		close(s->fd[0]);
		close(s->fd[1]);
	}
	return false;
}

static void slides_options(struct options *o, const struct orders *w)
{
	o->has_video = w->has_slides;
	o->sends_video = false;		/* until it has the floor */
	for (int i = 0; i < 3; i++)
		o->rgb[i] = (uint8_t)w->rgb[i];
}

static bool open_floor(struct device *d)
{
	d->bfcp.fd = -1;
	d->bfcp_index = INDEX_NONE;
	for (int i = 0; d->has_bfcp && i < PORTS_TRIED; i++) {
		d->bfcp.port = (uint16_t)(20000 + peer_random32() % 10000);
		d->bfcp.fd = bound(d->ip, d->bfcp.port);
		if (d->bfcp.fd >= 0)
			return true;
	}
	return !d->has_bfcp;
}

static bool prepare(struct device *d, const struct options *o,
		    const struct orders *w)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		struct section *s = &d->s[i];

		s->p.o = *o;
		s->p.o.has_audio = i == SECTION_AUDIO && o->has_audio;
		s->p.o.has_video = i == SECTION_VIDEO && o->has_video;
		s->p.o.sends_video = i == SECTION_VIDEO && o->sends_video;
		if (i == SECTION_SLIDES)
			slides_options(&s->p.o, w);
		if (!d->has_feedback)
			s->p.o.is_repaired = s->p.o.wants_pli = false;
		s->is_wanted = s->p.o.has_audio || s->p.o.has_video ||
			       (i == SECTION_FECC && w->has_fecc);
		s->pt_h224 = PT_H224;
		s->p.is_plain = true;
		s->p.fd = s->p.rtcp_fd = -1;
		s->p.start_ns = mono_ns();
		RAND_bytes(s->key, sizeof(s->key));
		if (!peer_prepare(&s->p) || !open_ports(s, d->ip))
			return false;
		if (i == SECTION_AUDIO)
			s->p.dtmf = (struct dtmf){.pt = PT_EVENT,
						  .per_ms = 48};
	}
	return open_floor(d);
}

static bool aim(int fd, const char *host, unsigned port)
{
	struct sockaddr_storage a;
	socklen_t n;

	return line_address(&a, &n, host, port) &&
	       connect(fd, (struct sockaddr *)&a, n) == 0;
}

/* Their keys may change with each description; ours stay. */
static const char *start(struct section *s)
{
	uint64_t now = mono_ns();

	s->p.answer.audio = s->p.o.has_audio && s->is_agreed;
	s->p.answer.video = s->p.o.has_video && s->is_agreed;
	if (!s->is_agreed)
		return NULL;
	secure_free(s->p.secure);
	s->p.secure = s->suite[0] ? secure_sdes(s->suite, s->key, s->theirs)
				  : NULL;
	if (s->suite[0] && !s->p.secure)
		return "libsrtp refused the keys";
	s->p.fd = s->fd[0];
	s->p.rtcp_fd = s->is_mux ? -1 : s->fd[1];
	if (!aim(s->fd[0], s->host, s->to_port) ||
	    !aim(s->fd[1], s->host, s->to_port + 1))
		return "an address that nothing can be sent to";
	if (!s->p.connected_ns)
		peer_connected(&s->p, now);
	return NULL;
}

static const char *start_all(struct device *d)
{
	const char *wrong = NULL;

	for (int i = 0; i < SECTION_COUNT && !wrong; i++)
		wrong = start(&d->s[i]);
	if (!wrong && d->bfcp_to) {
		if (!aim(d->bfcp.fd, d->bfcp_host, d->bfcp_to))
			return "an address that nothing can be sent to";
		bfcp_start(&d->bfcp, mono_ns());
	}
	return wrong;
}

static void line_of(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(o);
}

/* --- what the user agent asks ------------------------------------------ */

static const char *on_offer(void *arg, const char *sdp)
{
	struct device *d = arg;

	if (!sdp)
		return device_sdp(d, false);
	d->wrong = device_read(d, sdp, false);
	if (!d->wrong)
		d->wrong = start_all(d);
	if (!d->wrong)
		return device_sdp(d, true);
	/* Refused, with 488; the next one may suit us. */
	line_of(json_pack("{s:s, s:s, s:s}", "type", "refused", "why",
			  d->wrong, "sdp", sdp));
	d->wrong = NULL;
	return NULL;
}

static const char *on_answer(void *arg, const char *sdp)
{
	struct device *d = arg;

	d->wrong = device_read(d, sdp, true);
	if (!d->wrong)
		d->wrong = start_all(d);
	return d->wrong;
}

static void on_up(void *arg)
{
	struct device *d = arg;

	line_of(json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:s, s:b}", "type",
			  "connected", "fecc", d->s[SECTION_FECC].is_agreed,
			  "slides",
			  d->s[SECTION_SLIDES].is_agreed, "bfcp",
			  d->bfcp_to != 0, "audio", d->s[SECTION_AUDIO].is_agreed, "video",
			  d->s[SECTION_VIDEO].is_agreed, "suite",
			  d->s[SECTION_AUDIO].suite, "mux",
			  d->s[SECTION_AUDIO].is_mux));
}

static void on_picture(void *arg)
{
	struct device *d = arg;

	d->s[SECTION_VIDEO].p.video_out.wants_key = true;
}

static const struct ua_fns fns = {on_offer, on_answer, on_up, on_picture};

/* --- run --------------------------------------------------------------- */

/* What was heard in the lobby is not what is judged in the room. */
static void fresh(struct device *d)
{
	struct audio_in *a = &d->s[SECTION_AUDIO].p.audio_in;

	for (unsigned i = 0; i < a->n_tones; i++)
		a->tone[i] = (struct tone){.hz = a->tone[i].hz, .first = -1,
					   .last = -1, .second_max_db = -120};
	a->gap_max = a->run = 0;
	for (int i = SECTION_VIDEO; i <= SECTION_SLIDES; i++) {
		struct video_in *v = &d->s[i].p.video_in;

		v->frames = v->moved = 0;
		v->freeze_ms = v->freeze_ts_ms = v->freeze_sum_ms = 0;
		v->still_ms = v->still_ts_ms = 0;
	}
}

static bool frame_send(struct section *s, const char *hex);

static void order(struct device *d, const char *l)
{
	struct dtmf *k = &d->s[SECTION_AUDIO].p.dtmf;

	if (strncmp(l, "keys ", 5) == 0 && !dtmf_send(k, l + 5))
		d->wrong = "keys that there are not";
	else if (strncmp(l, "frame ", 6) == 0 &&
		 !frame_send(&d->s[SECTION_FECC], l + 6))
		d->wrong = "a frame that cannot be sent";
	else if (strcmp(l, "fresh") == 0)
		fresh(d);
	else if (d->bfcp_to && strcmp(l, "present") == 0)
		bfcp_ask(&d->bfcp, true, mono_ns());
	else if (d->bfcp_to && strcmp(l, "unpresent") == 0)
		bfcp_ask(&d->bfcp, false, mono_ns());
	else if (strcmp(l, "hangup") == 0)
		ua_hang_up(&d->ua);
	else if (strcmp(l, "stop") == 0)
		d->ua.state == UA_UP ? ua_hang_up(&d->ua)
				     : (void)(d->ua.state = UA_OVER);
	else if (strcmp(l, "hold") == 0 || strcmp(l, "resume") == 0 ||
		 strcmp(l, "reinvite") == 0) {
		d->is_held = *l == 'h' || (d->is_held && l[2] == 'i');
		ua_reinvite(&d->ua, device_sdp(d, false));
	}
}

/* What we hear and see so far. */
static void tell(struct device *d)
{
	json_t *o = json_pack("{s:s, s:s}", "type", "so far", "keys",
			      d->s[SECTION_AUDIO].p.dtmf.heard);
	struct section *v = &d->s[SECTION_VIDEO];
	struct section *x = &d->s[SECTION_SLIDES];

	json_object_set_new(o, "slides", json_integer(
		(json_int_t)x->p.video_in.frames));
	json_object_set_new(o, "slides_rgb", json_pack("[i,i,i]",
		x->p.video_in.probe_rgb[0][0], x->p.video_in.probe_rgb[0][1],
		x->p.video_in.probe_rgb[0][2]));
	json_object_set_new(o, "video_rgb", json_pack("[i,i,i]",
		v->p.video_in.probe_rgb[0][0], v->p.video_in.probe_rgb[0][1],
		v->p.video_in.probe_rgb[0][2]));
	json_object_set_new(o, "size", json_pack("[i,i]",
		(int)v->p.video_in.width, (int)v->p.video_in.height));
	json_object_set_new(o, "audio_packets", json_integer(
		(json_int_t)d->s[SECTION_AUDIO].p.audio_rx.packets));
	json_object_set_new(o, "frames",
			    json_integer((json_int_t)v->p.video_in.frames));
	line_of(o);
}

static void commands(struct device *d, struct pollfd *f)
{
	static char b[LINE];
	static size_t have;
	ssize_t n;
	char *end;

	if (!f->revents)
		return;
	n = read(STDIN_FILENO, b + have, sizeof(b) - 1 - have);
	if (n <= 0) {
		f->fd = -1;
		return;
	}
	have += (size_t)n;
	b[have] = 0;
	while ((end = strchr(b, '\n'))) {
		*end = 0;
		if (strcmp(b, "tell") == 0)
			tell(d);
		else
			order(d, b);
		have -= (size_t)(end + 1 - b);
		memmove(b, end + 1, have + 1);
	}
	if (have == sizeof(b) - 1)
		have = 0;
}

/* Each datagram is dated when it is read: one that came after the turn began
 * would else look older than it is, and its round trip shorter than none. */
static void media(struct section *s)
{
	uint8_t b[2048];
	ssize_t n;

	for (int i = 0; i < 2 && s->p.connected_ns; i++)
		while ((n = recv(s->fd[i], b, sizeof(b), MSG_DONTWAIT)) >= 0)
			peer_datagram(&s->p, b, (size_t)n, mono_ns());
	peer_timers(&s->p, mono_ns());
}

/* What of H.224 comes, as text: who reads it judges it. */
static void frames(struct section *s)
{
	char hex[2 * FRAME_MAX + 1];
	uint8_t b[2048];
	struct rtp r;
	ssize_t got;

	while (s->p.connected_ns &&
	       (got = recv(s->fd[0], b, sizeof(b), MSG_DONTWAIT)) >= 0) {
		size_t n = (size_t)got;

		if (n < 2 || (b[1] >= 192 && b[1] <= 223))
			continue;	/* RTCP beside it */
		if (secure_open(s->p.secure, b, &n, false) != SECURE_OK ||
		    rtp_read(&r, b, n, 0, 0) || r.pt != s->pt_h224 ||
		    r.n > FRAME_MAX) {
			peer_fault(&s->p, "a packet that is no H.224");
			continue;
		}
		for (size_t i = 0; i < r.n; i++)
			(void)snprintf(hex + 2 * i, 3, "%02x", r.payload[i]);
		hex[2 * r.n] = 0;
		line_of(json_pack("{s:s, s:s}", "type", "frame", "hex", hex));
	}
}

static bool frame_send(struct section *s, const char *hex)
{
	uint8_t b[FRAME_MAX];
	struct rtp r = {.pt = s->pt_h224, .level = -1, .twcc = -1};
	size_t n = 0;
	unsigned v;

	while (n < FRAME_MAX && sscanf(hex + 2 * n, "%2x", &v) == 1)
		b[n++] = (uint8_t)v;
	if (!s->is_agreed || !n || hex[2 * n])
		return false;
	r.ts = (uint32_t)(mono_ns() / 208333);
	if (!s->p.video_tx.ssrc)
		s->p.video_tx.ssrc = peer_random32();
	r.seq = ++s->p.video_tx.seq;
	peer_send_rtp(&s->p, &s->p.video_tx, &r, b, n);
	return true;
}

static void floor_step(struct device *d, uint64_t now)
{
	struct bfcp *b = &d->bfcp;
	struct section *s = &d->s[SECTION_SLIDES];
	uint8_t in[1500];
	ssize_t n;

	while (d->bfcp_to &&
	       (n = recv(b->fd, in, sizeof(in), MSG_DONTWAIT)) >= 0) {
		if (!bfcp_take(b, in, (size_t)n, now))
			continue;
		if (b->is_held && !s->p.o.sends_video)
			s->p.video_out.wants_key = true;
		s->p.o.sends_video = b->is_held;
		line_of(json_pack("{s:s, s:s?, s:s?}", "type", "floor",
				  "status", b->status, "others", b->others));
	}
	bfcp_timer(b, now);
}

static bool is_over(struct device *d, uint64_t now, uint64_t end,
		    uint64_t *ending)
{
	bool is_done = d->ua.state == UA_OVER || d->ua.line.is_closed ||
		       d->wrong;

	if (is_done)
		return true;
	if (now < end)
		return false;
	if (!*ending) {
		*ending = now + ENDING_S * SEC;
		ua_hang_up(&d->ua);
	}
	return now > *ending;
}

static void report(struct device *d)
{
	uint64_t now = mono_ns();
	json_t *a = peer_verdict(&d->s[SECTION_AUDIO].p, now);
	json_t *v = peer_verdict(&d->s[SECTION_VIDEO].p, now);
	json_t *x = peer_verdict(&d->s[SECTION_SLIDES].p, now);
	json_t *o = json_pack("{s:s, s:s?, s:i, s:s, s:s}", "type", "report",
			      "error", d->wrong, "code", (int)d->ua.code,
			      "reason", d->ua.reason, "keys",
			      d->s[SECTION_AUDIO].p.dtmf.heard);
	json_t *faults = json_copy(json_object_get(a, "faults"));

	json_array_extend(faults, json_object_get(v, "faults"));
	json_array_extend(faults, json_object_get(x, "faults"));
	if (d->s[SECTION_FECC].p.n_faults)
		json_array_append_new(faults, json_string(
			d->s[SECTION_FECC].p.fault[0]));
	if (d->bfcp.wrong)
		json_array_append_new(faults, json_string(d->bfcp.wrong));
	json_object_set_new(o, "faults", faults);
	json_object_set(o, "audio", json_object_get(a, "audio"));
	json_object_set(o, "video", json_object_get(v, "video"));
	json_object_set(o, "slides", json_object_get(x, "video"));
	json_object_set_new(o, "sections", json_pack("{s:o, s:o, s:o}",
						     "audio", a, "video", v,
						     "slides", x));
	json_object_set_new(o, "asked", json_pack("{s:i, s:i, s:i, s:i}",
		"infos", d->ua.infos, "updates", d->ua.updates, "reinvites",
		d->ua.reinvites, "options", d->ua.options));
	line_of(o);
}

/* --seconds counts from the call on; without one the other side ends it. */
static void run(struct device *d, const struct orders *w)
{
	struct pollfd f[2] = {{.events = POLLIN},
			      {.fd = STDIN_FILENO, .events = POLLIN}};
	uint64_t now = mono_ns(), end = UINT64_MAX, ending = 0;
	bool is_registered = !w->registers;

	if (w->registers)
		ua_register(&d->ua, 3600);
	else if (w->call)
		ua_call(&d->ua, device_sdp(d, false));
	while (!is_over(d, now, end, &ending)) {
		f[0].fd = line_fd(&d->ua.line);
		if (poll(f, 2, POLL_MS) < 0)
			break;
		line_read(&d->ua.line, ua_message, &d->ua);
		commands(d, &f[1]);
		now = mono_ns();
		ua_timers(&d->ua, now);
		for (int i = 0; i < SECTION_FECC; i++)
			media(&d->s[i]);
		frames(&d->s[SECTION_FECC]);
		floor_step(d, now);
		if (!is_registered && d->ua.registered) {
			is_registered = true;
			line_of(json_pack("{s:s}", "type", "registered"));
			ua_start(&d->ua);
			if (w->call)
				ua_call(&d->ua, device_sdp(d, false));
		}
		if (d->ua.state == UA_UP && end == UINT64_MAX)
			end = now + (uint64_t)(w->o.seconds * 1e9);
	}
	report(d);
}

static int fail(const char *why)
{
	printf("{\"type\": \"error\", \"error\": \"%s\"}\n", why);
	return 1;
}

int main(int argc, char **argv)
{
	struct orders w = {.name = "device", .domain = "example.org"};
	struct device *d = &dev;
	const char *wrong;

	d->has_feedback = d->is_mux = true;
	d->ua.fns = &fns;
	d->ua.arg = d;
	if (!read_orders(d, &w, argc, argv)) {
		fprintf(stderr, "%s%s", usage, options_usage);
		return 2;
	}
	if (!prepare(d, &w.o, &w))
		return fail("could not start");
	(void)snprintf(d->ua.name, sizeof(d->ua.name), "%s", w.name);
	(void)snprintf(d->ua.domain, sizeof(d->ua.domain), "%s", w.domain);
	(void)snprintf(d->ua.target, sizeof(d->ua.target), "%s",
		       w.call ? w.call : "");
	wrong = w.server ? line_connect(&d->ua.line, w.server, d->ip)
			 : line_listen(&d->ua.line, w.listen, w.pem);
	if (wrong)
		return fail(wrong);
	ua_start(&d->ua);
	line_of(json_pack("{s:s}", "type", "ready"));
	run(d, &w);
	line_close(&d->ua.line);
	return d->wrong ? 1 : 0;
}
