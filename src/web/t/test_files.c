#include "http/t/t.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc_test.h"
#include "web/files.h"

static char dir[] = "/tmp/conclave-files-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static int make_dir(void **st)
{
	char path[512];
	(void)st;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/assets", dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	put("index.html", "<!doctype html>");
	put("assets/index-1a2B3c_d.js", "1");
	put(".secret", "no");
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	return symlink("/etc/passwd", path);
}

static int remove_dir(void **st)
{
	static const char *const names[] = {
		"assets/index-1a2B3c_d.js", "assets", "index.html", ".secret",
		"link", "",
	};
	char path[512];
	(void)st;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	return 0;
}

static void test_files__loads_plain_files_only(void **st)
{
	(void)st;
	struct files *f = NULL;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(files_load(&f, fd), 0);
	assert_int_equal(files_count(f), 2);
	const struct file *index = files_find(f, SPAN_LIT("index.html"));
	assert_non_null(index);
	assert_string_equal(index->type, "text/html; charset=utf-8");
	assert_false(index->immutable);
	assert_int_equal(index->n, 15);
	const struct file *js =
		files_find(f, SPAN_LIT("assets/index-1a2B3c_d.js"));
	assert_non_null(js);
	assert_true(js->immutable);
	assert_string_not_equal(js->etag, index->etag);
	assert_null(files_find(f, SPAN_LIT(".secret")));
	assert_null(files_find(f, SPAN_LIT("link")));
	assert_null(files_find(f, SPAN_LIT("../index.html")));
	files_free(&f);
	(void)close(fd);
}

static void test_files__tells_hashed_names(void **st)
{
	(void)st;
	assert_true(files_is_hashed(SPAN_LIT("assets/a-12345678.js")));
	assert_false(files_is_hashed(SPAN_LIT("a-12345678.js")));
	assert_false(files_is_hashed(SPAN_LIT("assets/a.js")));
	assert_false(files_is_hashed(SPAN_LIT("assets/a-1234567.js")));
	assert_false(files_is_hashed(SPAN_LIT("assets/a-12345678")));
	assert_false(files_is_hashed(SPAN_LIT("")));
	assert_string_equal(files_type(SPAN_LIT("a.b/c")),
			    "application/octet-stream");
}

static int body(void *arg)
{
	struct files *f = NULL;
	int r = files_load(&f, *(int *)arg);
	files_free(&f);
	return r;
}

static void test_files__survives_each_failing_allocation(void **st)
{
	(void)st;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(alloc_test_every(body, &fd, 100) > 0);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files__loads_plain_files_only),
		cmocka_unit_test(test_files__tells_hashed_names),
		cmocka_unit_test(test_files__survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
