/* Replays corpus files through a fuzz target built without libFuzzer: every
 * argument is a file, or a directory whose files are taken in turn. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *buf;
	size_t n;

	if (!f)
		return -1;
	buf = malloc(1 << 21);
	if (!buf) {
		fclose(f);
		return -1;
	}
	n = fread(buf, 1, 1 << 21, f);
	fclose(f);
	/* an exact block, so that the sanitizer sees the first byte past it */
	uint8_t *exact = malloc(n ? n : 1);
	if (exact) {
		memcpy(exact, buf, n);
		LLVMFuzzerTestOneInput(exact, n);
		replayed++;
	}
	free(exact);
	free(buf);
	return exact ? 0 : -1;
}

static int replay_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[4096];
	int r = 0;

	if (!d)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, e->d_name) >=
		    (int)sizeof(name))
			continue;
		if (replay_file(name) < 0)
			r = -1;
	}
	closedir(d);
	return r;
}

int main(int argc, char **argv)
{
	struct stat st;
	int r = 0;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) < 0) {
			r = 1;
			continue;
		}
		if ((S_ISDIR(st.st_mode) ? replay_dir : replay_file)(argv[i]) < 0)
			r = 1;
	}
	printf("%u inputs replayed\n", replayed);
	if (replayed == 0) {
		fprintf(stderr, "no corpus\n");
		r = 1;
	}
	return r;
}
