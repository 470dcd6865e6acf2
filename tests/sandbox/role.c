/* Tries every probe against one role's profile (PROFILE).
 *
 *	role [--caught] [PROBE...]
 *
 * Without --caught: exit 0 when no probe but the named ones gets through.
 * With --caught (planted profiles): exit 0 when exactly the named ones were
 * seen to get through, so that we know holes are noticed. */
#include <stdio.h>
#include <string.h>
#include "probe.h"

extern const struct sandbox_profile PROFILE;

static bool is_named(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return false;
}

/* Each probe must be able to succeed, or its refusal proves nothing. */
static int check_probes(void)
{
	int bad = 0;

	for (const struct probe *t = probes; t->name; t++)
		if (!t->needs_host && probe_run(t, NULL, NULL) != PROBE_THROUGH) {
			printf("probe %s does not work without walls\n",
			       t->name);
			bad++;
		}
	return bad;
}

static int check_profile(bool planted, int argc, char **argv)
{
	int bad = 0;

	for (const struct probe *t = probes; t->name; t++) {
		enum probe_result r = probe_run(t, &PROFILE, sandbox_enter);
		bool named = is_named(t->name, argc, argv);

		if (r == PROBE_BROKEN)
			printf("%s: %s: probe broke\n", PROFILE.role, t->name);
		else if (r == PROBE_REFUSED && !t->is_path && !named &&
			 !planted && PROFILE.kill && !PROFILE.deny_errno)
			printf("%s: %s is refused by this kernel's Landlock only\n",
			       PROFILE.role, t->name);
		else if (r == PROBE_THROUGH && !named)
			printf("%s: %s got through\n", PROFILE.role, t->name);
		else if (planted && named && r != PROBE_THROUGH)
			printf("%s: %s was not noticed\n", PROFILE.role,
			       t->name);
		else
			continue;
		bad++;
	}
	return bad;
}

int main(int argc, char **argv)
{
	bool planted = argc > 1 && strcmp(argv[1], "--caught") == 0;
	const char *why;
	int bad;

	setbuf(stdout, NULL);
	if (probe_prepare()) {
		printf("cannot prepare the probes\n");
		return 1;
	}
	bad = check_probes();
	why = profile_lint(&PROFILE);
	if (!planted && why) {
		printf("%s: lint: %s\n", PROFILE.role, why);
		bad++;
	}
	if (planted && !why) {
		printf("%s: lint saw nothing\n", PROFILE.role);
		bad++;
	}
	why = profile_usable(&PROFILE);
	if (why) {
		printf("%s: not usable: %s\n", PROFILE.role, why);
		bad++;
	}
	bad += check_profile(planted, argc, argv);
	return bad ? 1 : 0;
}
