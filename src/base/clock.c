#include "base/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

static _Atomic int64_t step_us;		/* tests */

uint64_t clock_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int64_t clock_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 +
	       atomic_load_explicit(&step_us, memory_order_relaxed);
}

void clock_wall_step_us(int64_t delta)
{
	atomic_fetch_add(&step_us, delta);
}

int clock_boot_id(uint8_t out[16])
{
	char text[UUID_TEXT_LEN + 1] = "", hex[32];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	size_t k = 0;

	if (fd < 0)
		return E_SYS;
	n = read(fd, text, UUID_TEXT_LEN);
	close(fd);
	if (n != UUID_TEXT_LEN || !uuid_is_valid(span_of(text, (size_t)n)))
		return E_FORMAT;
	for (size_t i = 0; i < UUID_TEXT_LEN; i++)
		if (text[i] != '-')
			hex[k++] = text[i];
	return hex_decode(out, 16, span_of(hex, k));
}
