#include "web/files.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/map.h"
#include "base/text.h"

struct files {
	struct map *map;
	struct file *v[FILES_MAX];
	size_t n;
	size_t bytes;
};

static const struct {
	const char *ext, *type;
} types[] = {
	{"html", "text/html; charset=utf-8"},
	{"js", "text/javascript; charset=utf-8"},
	{"mjs", "text/javascript; charset=utf-8"},
	{"css", "text/css; charset=utf-8"},
	{"json", "application/json"},
	{"webmanifest", "application/manifest+json"},
	{"map", "application/json"},
	{"txt", "text/plain; charset=utf-8"},
	{"svg", "image/svg+xml"}, {"png", "image/png"},
	{"jpg", "image/jpeg"}, {"jpeg", "image/jpeg"},
	{"webp", "image/webp"}, {"ico", "image/x-icon"},
	{"woff2", "font/woff2"}, {"wasm", "application/wasm"},
	{"wav", "audio/wav"}, {"ogg", "audio/ogg"}, {"mp3", "audio/mpeg"},
	{"webm", "video/webm"}, {"mp4", "video/mp4"},
};

static struct span extension(struct span name)
{
	for (size_t i = name.n; i > 0; i--) {
		if (name.p[i - 1] == '.')
			return span_of(name.p + i, name.n - i);
		if (name.p[i - 1] == '/')
			break;
	}
	return SPAN_NONE;
}

const char *files_type(struct span name)
{
	struct span ext = extension(name);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (span_eq_nocase(ext, span_str(types[i].ext)))
			return types[i].type;
	return "application/octet-stream";
}

static bool is_hash_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* "assets/<name>-<8 characters>.<ext>", as the page's builder names them. */
bool files_is_hashed(struct span name)
{
	struct span ext = extension(name);
	if (!span_starts(name, SPAN_LIT("assets/")) || ext.n == 0 ||
	    name.n < ext.n + 10)
		return false;
	const uint8_t *dot = ext.p - 1;
	for (int i = 1; i <= 8; i++)
		if (!is_hash_char(dot[-i]))
			return false;
	return dot[-9] == '-' && dot - 9 > name.p;
}

static int read_all(int fd, uint8_t *p, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = read(fd, p + have, n - have);
		if (got <= 0)
			return E_SYS;
		have += (size_t)got;
	}
	return 0;
}

static int describe(struct file *f)
{
	uint8_t sum[SHA256_LEN];
	char text[B64URL_LEN(12) + 1];
	int r = crypto_sha256(sum, span_of(f->p, f->n));
	if (r < 0)
		return r;
	b64url_encode(text, sum, 12);
	(void)snprintf(f->etag, sizeof(f->etag), "\"%s\"", text);
	f->type = files_type(span_str(f->name));
	f->immutable = files_is_hashed(span_str(f->name));
	return 0;
}

static int add_file(struct files *all, int fd, const char *name, size_t size)
{
	struct file *f;
	int r;
	if (all->n == FILES_MAX || size > FILES_ONE_MAX ||
	    size > FILES_ALL_MAX - all->bytes)
		return E_LIMIT;
	f = mem_zalloc(sizeof(*f));
	if (!f)
		return E_NOMEM;
	all->v[all->n++] = f;
	all->bytes += size;
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	f->n = size;
	f->p = mem_alloc(size);
	if (!f->p)
		return E_NOMEM;
	r = read_all(fd, f->p, size);
	if (r == 0)
		r = describe(f);
	return r == 0 ? map_put(all->map, span_str(f->name), f) : r;
}

static int load_dir(struct files *all, int dir_fd, const char *prefix,
		    int depth);

static int load_entry(struct files *all, int dir_fd, const char *prefix,
		      const char *name, int depth)
{
	char path[FILES_NAME_MAX + 1];
	struct stat st;
	int r = 0;
	int n = snprintf(path, sizeof(path), "%s%s", prefix, name);
	if (n < 0 || (size_t)n >= sizeof(path) - 1)
		return E_LIMIT;
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
			O_CLOEXEC);
	if (fd < 0)
		return 0;	/* a link or unreadable: not served */
	if (fstat(fd, &st) < 0) {
		r = E_SYS;
	} else if (S_ISDIR(st.st_mode)) {
		path[n] = '/';
		path[n + 1] = 0;
		r = depth < FILES_DEPTH_MAX
			? load_dir(all, fd, path, depth + 1) : E_LIMIT;
	} else if (S_ISREG(st.st_mode)) {
		r = add_file(all, fd, path, (size_t)st.st_size);
	}
	(void)close(fd);
	return r;
}

static int load_dir(struct files *all, int dir_fd, const char *prefix,
		    int depth)
{
	int r = 0;
	int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own >= 0 ? fdopendir(own) : NULL;
	if (!d) {
		if (own >= 0)
			(void)close(own);
		return E_SYS;
	}
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d))
		if (e->d_name[0] != '.')
			r = load_entry(all, dir_fd, prefix, e->d_name, depth);
	(void)closedir(d);
	return r;
}

int files_load(struct files **out, int dir_fd)
{
	struct files *f = mem_zalloc(sizeof(*f));
	int r = f ? map_new(&f->map, FILES_MAX) : E_NOMEM;
	if (r == 0)
		r = load_dir(f, dir_fd, "", 1);
	if (r < 0) {
		files_free(&f);
		return r;
	}
	*out = f;
	return 0;
}

void files_free(struct files **fp)
{
	struct files *f = *fp;
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		mem_free(f->v[i]->p);
		mem_free(f->v[i]);
	}
	map_free(&f->map);
	mem_free(f);
	*fp = NULL;
}

const struct file *files_find(const struct files *f, struct span name)
{
	return map_get(f->map, name);
}

size_t files_count(const struct files *f)
{
	return f->n;
}
