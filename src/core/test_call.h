/* core/test_call.h - the service type test_call: each caller hears and sees
 * himself, and is told whether his sound arrived.
 *
 * It is a meeting of one person, made for him and ended by us: he is asked to
 * speak, recorded and played back to himself, told what came of it, and let
 * go. His picture is shown to himself all the while. Whoever comes by SIP or
 * with a browser gets the same. TEST_CALL_LIFE_S after his call came up it
 * ends, whatever happened.
 *
 * core's main thread only. The machine is test_call_machine.h.
 */
#pragma once
#include "core/service.h"
#include "core/test_call_machine.h"
#include "media.pb-c.h"

struct core;
struct meeting;
struct worker;

enum {
	TEST_CALL_RECORD_MS = 5000,
	TEST_CALL_LIFE_S = 60,		/* all of it; it takes about 25 */
	TEST_CALL_QUIET_DB = 60,	/* softer was no voice */
};

/* The service becomes one of its own, that nobody else is in. */
void test_call_own(struct core *c, struct service *sv);
/* Something about its person may have changed. May end the meeting: m is gone
 * then, and true is returned. */
bool test_call_look(struct meeting *m);
/* media's word about a leg. False: it is none of a test call. */
bool test_call_played(struct worker *wk, const Cv__LegPlayed *p);
void test_call_init(struct meeting *m);
void test_call_release(struct meeting *m);
