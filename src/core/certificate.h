/* core/certificate.h - the server's certificate: what `keys` says of it, the
 * alarms that follow, and having it read anew (conclave certificate).
 *
 * Core holds neither certificate nor key; it knows until when the one in force
 * is good. One reload at a time is asked for by an operator; who it was stands
 * in the audit log, as do those that a signal to super began.
 *
 * core's main thread only.
 */
#pragma once
#include "core/core.h"

enum { CERTIFICATE_SOON_DAYS = 21,	/* as doctor's: an alarm from here on */
       CERTIFICATE_WAIT_S = 5 };	/* for keys and super */

struct answer;

void certificate_open(struct core *c);
void certificate_message(struct core *c, const Cv__Certificate *m);
/* Once a second: alarms. */
void certificate_tick(struct core *c);
/* The verb certificate; false: another one. The answer may come later. */
bool cli_certificate_verb(struct answer *a, const Cv__CliRequest *rq);
