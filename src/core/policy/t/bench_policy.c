/* What a decision costs, in processor time: the guard's check, a request URL, and a whole script
 * from facts to a validated result. Fails above the stated bounds. */
#include <stdio.h>
#include <time.h>
#include "base/outguard.h"
#include "core/policy/try.h"
#include "core/policy/vars.h"

enum { SCRIPT_NS_MAX = 50000, RUNS = 20000 };

static const char frame[] =
	"{ {% if service_config and not call_info.vendor.startswith((\"sipcli\","
	" \"friendly-scanner\")) %}\"action\":\"continue\",\"result\":"
	"{{ service_config|pex_update({\"locked\": call_info.location == "
	"\"DMZ\"})|pex_to_json }}{% else %}\"action\":\"reject\",\"result\":{}"
	"{% endif %} }";

/* Of this process: others share the machine. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t per_run(uint64_t since_ns)
{
	return (cpu_ns() - since_ns) / RUNS;
}

static bool has(void *arg, enum policy_object kind, struct span name)
{
	(void)arg;
	(void)kind;
	return name.n > 0;
}

static uint64_t bench_guard(void)
{
	struct outguard_net nets[3];
	struct outguard_rules rules = {.allowed = nets};
	struct addr a = {.ip = {0x2a, 0x00, [15] = 1}};
	uint64_t since = cpu_ns();
	unsigned sum = 0;

	(void)outguard_nets_parse(nets, 3, &rules.n_allowed,
				  SPAN_LIT("10.0.0.0/8,fd00::/8,2a00::/16"));
	for (unsigned i = 0; i < RUNS; i++) {
		a.ip[15] = (uint8_t)i;
		sum += outguard_check(&a, OUTGUARD_NAMED, &rules);
	}
	return per_run(since) + (sum == 1);
}

static uint64_t bench_url(const struct policy_facts *f)
{
	static char url[POLICY_URL_MAX];
	uint64_t since = cpu_ns();
	size_t n;

	for (unsigned i = 0; i < RUNS; i++)
		(void)policy_url(POLICY_PARTICIPANT,
				 SPAN_LIT("https://p.example"), f, url,
				 sizeof(url), &n);
	return per_run(since);
}

static uint64_t bench_script(struct arena *a, const struct script *s,
			     const struct policy_facts *f)
{
	struct policy_service room;
	struct policy_vars in = {.facts = f, .service = &room};
	struct policy_reader rd = {.arena = a, .has = has};
	const struct script_env env = {.now_us = 0};
	struct policy_answer out = {.event = POLICY_EV_NONE};
	struct script_error err;
	uint64_t since = cpu_ns();
	struct span text;
	struct jtree t;
	struct val v;

	policy_service_init(&room, POLICY_SV_CONFERENCE);
	room.name = SPAN_LIT("Board");
	room.pin = SPAN_LIT("482913");
	for (unsigned i = 0; i < RUNS; i++) {
		arena_reset(a);
		if (policy_vars_make(a, POLICY_SERVICE, &in, &v) < 0 ||
		    script_run(s, v, &env, NULL, a, &text, &err, NULL) < 0 ||
		    jtree_parse(&t, a, text, NULL) < 0)
			return UINT64_MAX;
		policy_script_read(&out, POLICY_SERVICE, &t, &rd);
		if (out.event != POLICY_EV_SCRIPT)
			return UINT64_MAX;
	}
	return per_run(since);
}

int main(void)
{
	struct policy_facts f;
	struct script_error err;
	struct script *s = NULL;
	struct arena *a = NULL;
	uint64_t ns;

	policy_try_sample(&f);
	if (script_compile(&s, span_str(frame), &err) < 0 ||
	    arena_new(&a, SCRIPT_MEMORY_BYTES) < 0)
		return 1;
	printf("outbound guard: %llu ns\n", (unsigned long long)bench_guard());
	printf("request URL: %llu ns\n", (unsigned long long)bench_url(&f));
	ns = bench_script(a, s, &f);
	printf("script, from facts to a validated service: %llu ns, at most %d\n",
	       (unsigned long long)ns, SCRIPT_NS_MAX);
	script_free(&s);
	arena_free(&a);
	return ns <= SCRIPT_NS_MAX ? 0 : 1;
}
