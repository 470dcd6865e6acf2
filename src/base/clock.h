/* base/clock.h - the two clocks. Only role main loops call these; everything
 * else gets `now` as an argument. */
#pragma once
#include <stdint.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

uint64_t clock_mono_ns(void);	/* CLOCK_MONOTONIC */
int64_t  clock_wall_us(void);	/* since 1970, UTC; for records only */
/* Tests: added to clock_wall_us(). The machine's clock stays untouched. */
void     clock_wall_step_us(int64_t delta);
/* 16 random bytes that change with each boot of the machine. */
int      clock_boot_id(uint8_t out[16]);
