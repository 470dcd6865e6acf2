/* A path and a body as a hostile client sends them: first line is the path (or
 * an Authorization field), the rest the JSON. */
#include <stdlib.h>
#include "base/alloc.h"
#include "web/basic.h"
#include "web/json/in.h"
#include "web/json/out.h"
#include "web/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_path(struct span raw)
{
	static struct http_path path;
	struct route r;
	if (http_path_parse(&path, raw) < 0)
		return;
	for (int m = HTTP_GET; m < HTTP_METHOD_COUNT; m++) {
		route_find(&r, (enum http_method)m, &path);
		if (r.alias.n > ROUTE_ALIAS_MAX && r.kind != ROUTE_NONE)
			abort();
		if ((r.kind == ROUTE_COMMAND) != (r.row && r.row->op != 0))
			abort();
	}
}

static void try_body(struct span text)
{
	static const char *const keys[] = {"display_name", "sdp", "payload",
					   "transforms", "setting"};
	struct json_in *j = NULL;
	struct json_out out = {0};
	struct span v;
	bool b;
	double d;
	if (json_in_parse(&j, text) < 0)
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (json_in_text(j, keys[i], &v) == 0)
			json_text(&out, v);
		(void)json_in_bool(j, keys[i], &b);
		(void)json_in_number(j, keys[i], &d);
		(void)json_in_text2(j, keys[i], "layout", &v);
	}
	if (json_out_end(&out, &v) == 0 && v.n && !span_is_utf8(v))
		abort();
	json_out_release(&out);
	json_in_free(&j);
}

static void try_basic(struct span header)
{
	uint8_t buf[BASIC_MAX];
	struct span user, password;
	if (basic_read(header, buf, &user, &password) &&
	    (user.p < buf || password.p + password.n > buf + sizeof(buf)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span path, body;
	(void)span_split(span_of(data, size), '\n', &path, &body);
	try_basic(path);
	try_path(path);
	try_body(body);
	return 0;
}
