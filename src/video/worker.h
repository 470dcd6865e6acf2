/* video/worker.h - rooms, people and encode groups of one video worker.
 *
 * Everything comes in as calls with the time, everything goes out through the
 * two functions of struct worker_cfg; nothing here reads a clock or touches a
 * socket, so tests own both. core's orders create rooms, people and groups;
 * media can only feed what core named. State outlives both links: after a new
 * one, keyframes are asked for and sent again.
 *
 * One thread. All times are monotonic nanoseconds.
 */
#pragma once
#include "base/span.h"
#include "ipc/frame.h"
#include "ipc/video.pb-c.h"

struct worker;
struct text;

struct worker_cfg {
	struct text *text;	/* borrowed; warmed up */
	/* Sends one picture or request towards media, whole; the callee cuts
	 * it. 0, E_FULL (lost), E_CLOSED (no link). */
	int (*send)(void *arg, const struct frame *f);
	uint64_t (*cpu_ns)(void *arg);	/* CPU time of this thread */
	void *arg;
};

int  worker_new(struct worker **out, const struct worker_cfg *cfg,
		uint64_t now);
void worker_free(struct worker **w);

/* --- from core --- */

/* The link to core is new: rooms it does not name again go after
 * VIDEO_STALE_ROOM_MS. */
void worker_core_up(struct worker *w, uint64_t now);
int  worker_room_open(struct worker *w, uint64_t room, uint64_t now);
void worker_room_close(struct worker *w, uint64_t room);
int  worker_person(struct worker *w, const Cv__VideoPerson *m, uint64_t now);
/* A group that is not acceptable is left out and counted. */
int  worker_plan(struct worker *w, const Cv__VideoPlan *m, uint64_t now);
int  worker_speaking(struct worker *w, const Cv__VideoSpeaking *m,
		     uint64_t now);
/* Setting max_encode_groups, 1..VIDEO_GROUPS_MAX; counts from the next plan. */
void worker_set_groups_max(struct worker *w, uint32_t n);

/* --- from media --- */

void worker_media_up(struct worker *w, uint64_t now);
void worker_media_down(struct worker *w);
/* One datagram, decoded. Hostile: what does not fit is dropped and counted. */
void worker_frame(struct worker *w, const struct frame *chunk, uint64_t now);

/* --- the loop --- */

/* When worker_run() has something to do; UINT64_MAX for never. */
uint64_t worker_due(const struct worker *w);
/* Makes at most one picture, the most overdue, and does what is due besides.
 * Call again while worker_due() has passed. */
void worker_run(struct worker *w, uint64_t now);

struct worker_stats {
	uint64_t frames_in, frames_out, bytes_out, keys_out;
	uint64_t dropped;	/* in: unknown, damaged, over a limit, paused */
	uint64_t missed;	/* frame periods */
	uint64_t refused;	/* orders and decoders over a limit */
	uint64_t keys_asked, paused, send_full;
	uint64_t cells_drawn;
	/* now: */
	uint32_t rooms, legs, groups, decoders, divisor, permille;
	uint64_t picture_bytes;
};
void worker_stats(const struct worker *w, struct worker_stats *out);
/* Once a window (LOAD_WINDOW_MS): true and the share of time since. */
bool worker_load(struct worker *w, uint32_t *permille);
