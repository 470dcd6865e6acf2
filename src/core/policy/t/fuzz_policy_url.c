/* Request URLs of hostile facts: nothing but what a URL may hold, short, and
 * with the parameters that always belong there. */
#include <stdlib.h>
#include <string.h>
#include "base/rd.h"
#include "core/policy/facts.h"
#include "core/policy/vars.h"

enum { ARENA = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct span take(struct rd *rd)
{
	size_t n = rd_u16(rd) % 2048;

	return rd_span(rd, n < rd_left(rd) ? n : rd_left(rd));
}

static void fill(struct policy_facts *f, struct rd *rd)
{
	struct span *texts[] = {
		&f->location, &f->call_tag, &f->idp_uuid, &f->local_alias,
		&f->remote_alias, &f->remote_display_name, &f->vendor,
		&f->service_name, &f->service_tag, &f->alias, &f->q,
		&f->idp_attributes[0].name, &f->idp_attributes[0].value,
		&f->ms_subnet[0], &f->p_asserted_identity[0],
		&f->p_asserted_identity[1], &f->breakout_uuid,
	};

	policy_facts_init(f);
	f->display_count = rd_u16(rd) - 10;
	f->remote_port = rd_u16(rd);
	f->encryption = (enum policy_bool)(rd_u8(rd) % 3);
	f->is_directory_entry = rd_u8(rd) & 1;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = take(rd);
	f->n_idp_attributes = rd_u8(rd) & 1;
	f->n_ms_subnet = rd_u8(rd) & 1;
	f->n_p_asserted_identity = rd_u8(rd) % 3;
}

static void check(const char *url, size_t n)
{
	if (strlen(url) != n || n >= POLICY_URL_MAX)
		abort();
	for (const char *c = url; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("\"<>\\^`{|}#", *c))
			abort();
	if (!strstr(url, "node_ip=") || !strstr(url, "version_id="))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char url[POLICY_URL_MAX];
	static struct policy_facts f;
	struct policy_vars in = {.facts = &f};
	struct rd rd = rd_of(span_of(p, n));
	enum policy_kind kind = (enum policy_kind)(rd_u8(&rd) %
						   POLICY_KIND_COUNT);
	struct arena *a = NULL;
	struct val v;
	struct span json;
	size_t len;

	fill(&f, &rd);
	if (policy_url(kind, SPAN_LIT("https://h/x/"), &f, url, sizeof(url),
		       &len) == 0)
		check(url, len);
	if ((int)kind >= POLICY_SCRIPTS || arena_new(&a, ARENA) < 0)
		return 0;
	if (policy_vars_make(a, kind, &in, &v) == 0 &&
	    val_to_json(a, v, &json) == E_FORMAT)
		abort();
	arena_free(&a);
	return 0;
}
