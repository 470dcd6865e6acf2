/* Who is served first within one process. A handshake costs as much as some
 * fifty requests, and whoever likes can ask for one; so handshakes, and
 * strangers who had an answer already, wait behind the others, and what has
 * become urgent meanwhile is looked for every HTTP_SLICE_MS. A stranger's first
 * request is not behind them: he paid for it with a handshake, of which there
 * are only so many (SOURCE_CONN). */
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include "http/conn.h"

enum { HTTP_SLICE_MS = 2, HTTP_SLICE_CALLBACKS = 8 };

enum urgency { URGENT = 0, USUAL /* of events that say nothing */, PATIENT,
	       URGENCY_COUNT };

struct event_base *http_loop_new(void)
{
	const struct timeval slice = {.tv_usec = HTTP_SLICE_MS * 1000};
	struct event_config *cfg = event_config_new();
	struct event_base *base = NULL;
	if (!cfg)
		return NULL;
	if (event_config_set_max_dispatch_interval(cfg, &slice,
						   HTTP_SLICE_CALLBACKS,
						   PATIENT) == 0)
		base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (base && event_base_priority_init(base, URGENCY_COUNT) < 0) {
		event_base_free(base);
		base = NULL;
	}
	return base;
}

static int urgency_of(const struct conn *c)
{
	const bool shakes = c->state == CONN_HANDSHAKE;
	if (c->is_proven || c->via_proxy)
		return shakes ? USUAL : URGENT;
	return shakes || c->is_served ? PATIENT : USUAL;
}

/* In a loop that is not ours both do nothing. An event that waits to be run
 * keeps its place until the next change. The events themselves, and not
 * bufferevent_priority_set(): that one moves the bufferevent's deferred
 * callbacks, too, and if they wait in a queue just then, the queue breaks. */
void loop_rank(struct conn *c)
{
	const int u = urgency_of(c);
	(void)event_priority_set(&c->bev->ev_read, u);
	(void)event_priority_set(&c->bev->ev_write, u);
}

void loop_rank_listener(struct event *ev)
{
	(void)event_priority_set(ev, PATIENT);
}
