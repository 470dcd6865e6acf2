/* base/rand.h - random bytes from the kernel (getrandom). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Never fails and never returns weak bytes: aborts the process instead. */
void     rand_bytes(void *p, size_t n);
uint32_t rand_u32(void);
uint64_t rand_u64(void);
/* Uniform in [0, limit); limit > 0. */
uint32_t rand_below(uint32_t limit);
