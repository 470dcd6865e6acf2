/* core/sip_roster.h - who is in a conference, for devices that subscribed.
 *
 * Only for calls that sit inside of a room (not at its lock, not in a call
 * between two); names, roles and muting, no addresses: who somebody is stands
 * there as the same uuid that browsers see. The first 300 people of a room.
 *
 * core's main thread only.
 */
#pragma once
#include "core/sip.h"

void sip_subscribe(struct core *c, const Cv__SipSubscribe *m);
void sip_rosters_tick(struct core *c);	/* once a second */
void sip_rosters_close(struct core *c);
