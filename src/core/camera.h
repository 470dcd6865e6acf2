/* core/camera.h - far-end camera control: who moves whose camera.
 *
 * By the client API a Host moves the camera of somebody in his own room
 * (RC_P_FECC); in a call between two, placed by a rule, either side moves the
 * other's, devices by H.281. Wishes of devices in rooms go nowhere: they name
 * nobody. Orders reach devices by media, apps as the event `fecc`; whose camera
 * it is comes from the room of the one who asks, so no order leaves it. Off with
 * enable_fecc. core's main thread only.
 */
#pragma once
#include "core/core.h"

enum {
	CAMERA_ORDER_MAX_MS = 5000,	/* longer timeouts are cut */
};

bool camera_is_on(const struct core *c);
/* What web or media sent; no action: ROOM_CAMERA_NONE. */
struct room_camera camera_read(const Cv__CameraMove *m);
/* To him, by his kind of call. */
void camera_move(struct meeting *m, const struct part *to,
		 const struct room_camera *move);
/* To the other one of two. False: there is none, or not now. */
bool camera_across(struct member *from, const struct room_camera *move);
/* A device's wish. */
void camera_wished(struct worker *wk, const Cv__LegCamera *m);
