/* Prints the composer's layout table as the meeting page reads it. With a file
 * name it compares instead, and fails when the file is not the table:
 *   layout_json > apps/meet/src/layouts.json
 *   layout_json apps/meet/src/layouts.json */
#include <stdio.h>
#include <string.h>

#include "video/compose/layout.h"

enum { TEXT_MAX = 65536 };

static size_t print_row(char *dst, size_t cap, const struct layout *l,
			bool first)
{
	size_t n = (size_t)snprintf(dst, cap, "%s{\"view\":\"%s\","
				    "\"max_used\":%u,\"grid\":%u,\"cells\":[",
				    first ? "" : ",\n", l->view, l->max_used,
				    l->grid);

	for (unsigned i = 0; i < l->n && n < cap; i++)
		n += (size_t)snprintf(dst + n, cap - n, "%s[%u,%u,%u,%u]",
				      i ? "," : "", l->cells[i].x,
				      l->cells[i].y, l->cells[i].w,
				      l->cells[i].h);
	if (n < cap)
		n += (size_t)snprintf(dst + n, cap - n, "]}");
	return n;
}

static size_t print_table(char *dst, size_t cap)
{
	size_t n = (size_t)snprintf(dst, cap, "[\n");
	const struct layout *l;

	for (unsigned i = 0; (l = layout_row(i)) != NULL && n < cap; i++)
		n += print_row(dst + n, cap - n, l, i == 0);
	if (n < cap)
		n += (size_t)snprintf(dst + n, cap - n, "\n]\n");
	return n;
}

int main(int argc, char **argv)
{
	static char want[TEXT_MAX], have[TEXT_MAX];
	size_t n = print_table(want, sizeof(want));
	FILE *f;

	if (n >= sizeof(want))
		return 2;
	if (argc < 2)
		return fputs(want, stdout) < 0;
	f = fopen(argv[1], "rb");
	if (!f) {
		perror(argv[1]);
		return 2;
	}
	have[fread(have, 1, sizeof(have) - 1, f)] = 0;
	(void)fclose(f);
	if (strcmp(want, have) == 0)
		return 0;
	fprintf(stderr, "%s is not the composer's table: make it anew with "
		"layout_json\n", argv[1]);
	return 1;
}
