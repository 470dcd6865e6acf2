/* Random orders and datagrams in any order against one worker: nothing may
 * crash, leak rooms or go past a limit. One byte chooses the event. */
#include <stdlib.h>
#include "base/clock.h"
#include "base/rd.h"
#include "ipc/ipc.h"
#include "video/caps.h"
#include "video/text/text.h"
#include "video/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sink(void *arg, const struct frame *f)
{
	unsigned *n = arg;

	/* a full socket now and then */
	return f->data.n <= FRAME_MAX && (*n)++ % 7 ? 0 : E_FULL;
}

static uint64_t cpu(void *arg)
{
	unsigned *n = arg;

	return *n * NS_PER_MS;
}

static void person(struct worker *w, struct rd *r, uint64_t now)
{
	Cv__VideoPerson m = CV__VIDEO_PERSON__INIT;
	uint8_t flags = rd_u8(r);

	m.room = rd_u8(r) % 4;
	m.leg = rd_u8(r) % 32;
	m.video = flags & 1;
	m.gone = (flags & 0xc) == 0xc;
	m.name = ipc_data(rd_span(r, rd_u8(r) % 32));
	(void)worker_person(w, &m, now);
}

static void plan(struct worker *w, struct rd *r, uint64_t now)
{
	static const char *layouts[] = {"1:7", "4:0", "25:0", "splash", "?"};
	Cv__VideoGroup g[3], *list[3] = {&g[0], &g[1], &g[2]};
	Cv__VideoPlan m = CV__VIDEO_PLAN__INIT;
	uint64_t slots[3][30];

	m.room = rd_u8(r) % 4;
	m.groups = list;
	m.n_groups = rd_u8(r) % 4;
	for (unsigned i = 0; i < m.n_groups; i++) {
		cv__video_group__init(&g[i]);
		g[i].group = rd_u8(r) % 4;
		g[i].codec = (Cv__CodecName)(rd_u8(r) % 4 + 15);
		g[i].width = rd_u8(r) % 8 * 34;
		g[i].height = rd_u8(r) % 8 * 34;
		g[i].fps = rd_u8(r) % 40;
		g[i].kbps = rd_u8(r) * 10;
		g[i].layout = (char *)(uintptr_t)layouts[rd_u8(r) % 5];
		g[i].splash = (char *)(uintptr_t)"locked";
		g[i].n_slots = rd_u8(r) % 30;
		g[i].slots = slots[i];
		g[i].names = rd_u8(r) & 1;
		for (unsigned k = 0; k < g[i].n_slots; k++)
			slots[i][k] = rd_u8(r) % 32;
	}
	(void)worker_plan(w, &m, now);
}

static void datagram(struct worker *w, struct rd *r, uint64_t now)
{
	struct frame f = {0};

	f.kind = (enum frame_kind)(rd_u8(r) % 8);
	f.codec = (enum frame_codec)(rd_u8(r) % 4);
	f.chunks = (uint16_t)(1 + rd_u8(r) % 2);
	f.room = rd_u8(r) % 4;
	f.stream = rd_u8(r) % 32;
	f.id = rd_u8(r) % 4;
	f.kbps = rd_u16(r);
	f.chunk = rd_u8(r) % f.chunks;
	f.data = rd_span(r, rd_u16(r) % 1024);
	f.total = (uint32_t)f.data.n + (f.chunks > 1 ? rd_u8(r) : 0);
	/* as it would come out of frame_decode() */
	if (f.data.n)
		worker_frame(w, &f, now);
}

static void one(struct worker *w, struct rd *r, uint64_t now)
{
	Cv__VideoSpeaking m = CV__VIDEO_SPEAKING__INIT;
	uint64_t legs[2];

	switch (rd_u8(r) % 9) {
	case 0:
		(void)worker_room_open(w, rd_u8(r) % 4, now);
		break;
	case 1:
		worker_room_close(w, rd_u8(r) % 4);
		break;
	case 2:
		person(w, r, now);
		break;
	case 3:
		plan(w, r, now);
		break;
	case 4:
		m.room = rd_u8(r) % 4;
		legs[0] = rd_u8(r) % 32;
		legs[1] = rd_u8(r) % 32;
		m.legs = legs;
		m.n_legs = 2;
		(void)worker_speaking(w, &m, now);
		break;
	case 5:
		worker_media_up(w, now);
		break;
	case 6:
		worker_media_down(w);
		break;
	case 7:
		worker_core_up(w, now);
		break;
	default:
		datagram(w, r, now);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text *text;
	struct rd r = rd_of(span_of(data, size));
	unsigned n = 0;
	struct worker_cfg cfg = {.send = sink, .cpu_ns = cpu, .arg = &n};
	struct worker_stats st;
	struct worker *w;
	uint64_t now = NS_PER_S;

	if (!text && text_new(&text) < 0)
		abort();
	cfg.text = text;
	if (worker_new(&w, &cfg, now) < 0)
		return 0;
	for (unsigned i = 0; i < 200 && rd_left(&r) > 0; i++) {
		one(w, &r, now);
		now += rd_u8(&r) * NS_PER_MS * 4;
		for (unsigned k = 0; k < 4 && worker_due(w) <= now; k++)
			worker_run(w, now);
	}
	worker_stats(w, &st);
	if (st.rooms > 4 || st.groups > VIDEO_ENCODERS_MAX ||
	    st.decoders > VIDEO_DECODERS_MAX)
		abort();
	worker_free(&w);
	return 0;
}
