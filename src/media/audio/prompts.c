#include "media/audio/prompts.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "samples are used as they lie in the file");

enum { HEADER = 24, ENTRY = 8, VERSION = 1 };

struct prompts {
	const uint8_t *map;
	size_t size;
	uint32_t languages, count;
	const int16_t *pcm;
};

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static const uint8_t *entry(const struct prompts *p, size_t i)
{
	return p->map + HEADER + i * ENTRY;
}

static int check_entries(struct prompts *p)
{
	size_t n = (size_t)p->languages * p->count;
	size_t room = (p->size - HEADER - n * ENTRY) / sizeof(int16_t);

	for (size_t i = 0; i < n; i++) {
		uint32_t first = u32_at(entry(p, i));
		uint32_t len = u32_at(entry(p, i) + 4);

		if (len == 0 || len > PROMPTS_HZ * PROMPTS_LENGTH_MAX_S ||
		    first > room || len > room - first)
			return E_FORMAT;
	}
	/* HEADER and ENTRY are even, and a mapping begins on a page. */
	p->pcm = (const int16_t *)(const void *)entry(p, n);
	return 0;
}

static int check(struct prompts *p)
{
	if (memcmp(p->map, "CVPROMPT", 8) != 0 ||
	    u32_at(p->map + 8) != VERSION || u32_at(p->map + 12) != PROMPTS_HZ)
		return E_FORMAT;
	p->languages = u32_at(p->map + 16);
	p->count = u32_at(p->map + 20);
	if (p->languages == 0 || p->languages > 64 || p->count == 0 ||
	    p->count > 1024 ||
	    p->size - HEADER < (size_t)p->languages * p->count * ENTRY)
		return E_FORMAT;
	return check_entries(p);
}

static int map(struct prompts *p, int fd)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0)
		return E_SYS;
	if (st.st_size > PROMPTS_BYTES_MAX)
		return E_LIMIT;
	if (st.st_size < HEADER)
		return E_FORMAT;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return E_SYS;
	p->map = at;
	p->size = (size_t)st.st_size;
	return 0;
}

int prompts_open(struct prompts **out, int fd)
{
	struct prompts *p = mem_zalloc(sizeof(*p));
	int r = p ? map(p, fd) : E_NOMEM;

	close(fd);
	if (r == 0)
		r = check(p);
	if (r < 0) {
		prompts_free(&p);
		return r;
	}
	*out = p;
	return 0;
}

void prompts_free(struct prompts **pp)
{
	struct prompts *p = *pp;

	if (!p)
		return;
	if (p->map)
		munmap((void *)(uintptr_t)p->map, p->size);
	mem_free(p);
	*pp = NULL;
}

bool prompts_find(const struct prompts *p, uint32_t language, uint32_t prompt,
		  const int16_t **pcm, uint32_t *samples)
{
	const uint8_t *e;

	if (prompt == 0 || prompt > p->count)
		return false;
	if (language >= p->languages)
		language = 0;
	e = entry(p, (size_t)language * p->count + prompt - 1);
	*pcm = p->pcm + u32_at(e);
	*samples = u32_at(e + 4);
	return true;
}
