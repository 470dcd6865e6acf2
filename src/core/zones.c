#include "core/zones.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool is_name(struct span name)
{
	if (name.n == 0 || name.n > ZONE_NAME_MAX || name.p[0] == '/')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '_' || c == '+' ||
		      c == '-' || c == '/'))
			return false;
	}
	return true;
}

static int read_all(int fd, uint8_t *buf, size_t *n)
{
	ssize_t got;

	*n = 0;
	while (*n < ZONE_BYTES_MAX &&
	       (got = read(fd, buf + *n, ZONE_BYTES_MAX - *n)) != 0) {
		if (got < 0)
			return E_NOTFOUND;	/* a directory */
		*n += (size_t)got;
	}
	return *n == ZONE_BYTES_MAX ? E_LIMIT : 0;
}

int zones_read(void *arena, struct span name, struct span *tzif)
{
	uint8_t *buf;
	size_t n;
	char path[sizeof(ZONES_DIR) + ZONE_NAME_MAX + 1];
	int fd, r;

	if (!is_name(name))
		return E_NOTFOUND;
	(void)snprintf(path, sizeof(path), "%s/%.*s", ZONES_DIR, (int)name.n,
		       (const char *)name.p);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return E_NOTFOUND;
	buf = arena_alloc(arena, ZONE_BYTES_MAX);
	r = buf ? read_all(fd, buf, &n) : E_NOMEM;
	(void)close(fd);
	if (r == 0 && (n < 4 || memcmp(buf, "TZif", 4) != 0))
		r = E_NOTFOUND;
	if (r == 0)
		*tzif = span_of(buf, n);
	return r;
}
