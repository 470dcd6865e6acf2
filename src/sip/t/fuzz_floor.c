/* A device and core say whatever they like in any order. What must hold: all
 * that is said can be read; a question goes to core only when it can have an
 * answer for it; nothing is said to who did not speak; no timer runs for
 * ever. */
#include <assert.h>
#include "base/clock.h"
#include "sip/floor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONF = 0x1234, USER = 10 };

static struct {
	struct floor *floor;
	struct timer_wheel *wheel;
	struct floor_stats stats;
	uint64_t now_ns;
	uint64_t said, asked;
	bool is_stream;
} k;

static void on_send(void *arg, struct span m)
{
	struct bfcp_msg out;

	(void)arg;
	assert(m.n <= FLOOR_MSG_MAX);
	assert(bfcp_decode(&out, m) == 0);
	assert(out.version == (k.is_stream ? 1 : 2));
	assert(k.stats.in > 0);
	k.said++;
}

static void on_ask(void *arg, bool want)
{
	(void)arg;
	(void)want;
	k.asked++;
}

static void run(unsigned ms)
{
	enum { STEP_MS = 100 };

	for (unsigned i = 0; i < ms; i += STEP_MS) {
		k.now_ns += STEP_MS * NS_PER_MS;
		timer_wheel_advance(k.wheel, k.now_ns);
	}
}

/* With the right ids, or nothing behind them would ever be reached. */
static void say(const uint8_t *p, size_t n, bool is_mine)
{
	uint8_t buf[BFCP_MSG_MAX];

	n = n < sizeof(buf) ? n : sizeof(buf);
	if (n)
		memcpy(buf, p, n);
	if (is_mine && n >= BFCP_HEADER_LEN) {
		static const uint8_t ids[] = {0, 0, CONF >> 8, CONF & 255};

		memcpy(buf + 4, ids, sizeof(ids));
		buf[10] = 0;
		buf[11] = USER;
		buf[0] = (uint8_t)((k.is_stream ? 1 : 2) << 5 |
				   (buf[0] & 0x1f));
	}
	floor_input(k.floor, span_of(buf, n), k.now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct floor_ops ops = {on_send, on_ask, NULL};
	struct floor_news news = {.is_held = false};

	if (size == 0)
		return 0;
	memset(&k, 0, sizeof(k));
	k.is_stream = data[0] & 1;
	k.now_ns = NS_PER_S;
	if (timer_wheel_new(&k.wheel, k.now_ns) < 0 ||
	    floor_new(&k.floor, k.wheel, &ops, &k.stats, CONF, USER,
		      k.is_stream) < 0)
		return 0;
	data++;
	size--;
	while (size >= 2) {
		uint8_t what = data[0];
		size_t n = data[1];

		data += 2;
		size -= 2;
		switch (what & 7) {
		case 0:
		case 1:
		case 2:
			n = n < size ? n : size;
			say(data, n, what & 7);
			data += n;
			size -= n;
			break;
		case 3:
			floor_decided(k.floor, (enum floor_event)(
				FLOOR_EV_GRANTED + n % 4), k.now_ns);
			break;
		case 4:
			news.is_held = n & 1;
			news.is_self = n & 2;
			news.name = n & 4 ? SPAN_LIT("Ann") : SPAN_NONE;
			floor_news(k.floor, &news, k.now_ns);
			break;
		case 5:
			floor_gone(k.floor, k.now_ns);
			break;
		default:
			run((unsigned)n * 20);
			break;
		}
		assert(floor_state(k.floor) < FLOOR_STATE_COUNT);
	}
	/* core answers at last: everything settles */
	floor_gone(k.floor, k.now_ns);
	for (int i = 0; i < 3; i++)
		floor_decided(k.floor, FLOOR_EV_RELEASED, k.now_ns);
	assert(floor_state(k.floor) == FLOOR_IDLE);
	k.said = k.asked = 0;
	run(20000);
	assert(k.said == 0 && k.asked == 0);
	floor_free(&k.floor);
	timer_wheel_free(&k.wheel);
	return 0;
}
