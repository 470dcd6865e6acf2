/* video/lower.h - sound goes before pictures: whatever else wants this core,
 * gets it. SCHED_BATCH and a nice value; the roles share one session, because
 * autogroup ignores nice between sessions. Once, at the start, any thread.
 * tests/timing proves what it is for. */
#pragma once

/* 0, or E_SYS when the kernel refuses: the role works on. */
int video_lower_self(void);
