#include "cli/args.h"
#include <stdarg.h>
#include <stdio.h>

/* Resources of the management API that anybody may make. */
#define RESOURCES                                                             \
	"conference conference_alias administrator system_location "          \
	"policy_server gateway_routing_rule break_in_allow_list_address "     \
	"device sip_proxy stun_server turn_server automatic_participant"

const struct args_verb args_verbs[] = {
	{"list", RESOURCES " global conference_invitation",
	 "stored rows; FIELD=VALUE filters"},
	{"create", RESOURCES,
	 "a new row; a room gets a PIN unless one is given, or --open"},
	{"change", RESOURCES " global conference_invitation",
	 "fields of one row; an empty value unsets"},
	{"remove", RESOURCES " conference_invitation", "one row"},
	{"invite", "create list revoke",
	 "keys that lead into a room: create ROOM, list [ROOM], revoke ID"},
	{"alarms", "list history acknowledge",
	 "what needs attention: list, history, acknowledge ID"},
	{"guard", "list ban release release-room",
	 "who is refused: list, ban NET seconds=N, release NET, release-room "
	 "ROOM"},
	{"route", "test",
	 "which service or rule an alias leads to: test ALIAS [protocol=sip] "
	 "[location=NAME] [registered=true]"},
	{"policy", "test",
	 "a policy script or server, tried out: test PROFILE [kind=service] "
	 "[script=@FILE] [input=@FILE.json] [alias=X] [external=true]"},
	{"sip", "state calls refusals dial",
	 "SIP: its ports and figures, calls, who was refused and why; dial "
	 "ROOM to=WHOM [role=guest]"},
	{"trace", "",
	 "the ladder of a call or a refusal: trace REFERENCE|CALL|ALIAS|"
	 "ADDRESS [headers=true]"},
	{"show", "conference participant registration",
	 "live rooms, participants, registered apps and devices"},
	{"disconnect", "conference participant", "a meeting, or one person"},
	{"certificate", "state reload",
	 "the server's certificate: until when it is good; reload reads "
	 "tls/server.key and tls/server.crt anew, calls go on"},
	{"doctor", "",
	 "checks names, certificate, addresses, ports, time, disk, rights"},
	{"verify", "audit", "the audit chain"},
	{"status", "", "the platform's state"},
	{"completion", "bash", "a completion script for bash"},
	{NULL, NULL, NULL},
};

static int complain(char error[ARGS_ERROR_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(char error[ARGS_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(error, ARGS_ERROR_MAX, fmt, ap);
	va_end(ap);
	return E_INVAL;
}

static const char *full_name(const char *resource)
{
	static const char *const shorts[][2] = {
		{"room", "conference"}, {"rooms", "conference"},
		{"conferences", "conference"},
		{"alias", "conference_alias"},
		{"aliases", "conference_alias"}, {"setting", "global"},
		{"settings", "global"}, {"participants", "participant"},
		{"administrators", "administrator"},
		{"location", "system_location"},
		{"locations", "system_location"},
		{"policy", "policy_server"}, {"policies", "policy_server"},
		{"rule", "gateway_routing_rule"},
		{"rules", "gateway_routing_rule"},
		{"allow", "break_in_allow_list_address"},
		{"allow_list", "break_in_allow_list_address"},
		{"invitation", "conference_invitation"},
		{"invitations", "conference_invitation"},
		{"devices", "device"},
	};
	for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
		if (strcmp(resource, shorts[i][0]) == 0)
			return shorts[i][1];
	return resource;
}

static bool has_word(const char *words, const char *word)
{
	struct span rest = span_str(words), one;
	bool more = true;
	while (more) {
		more = span_split(rest, ' ', &one, &rest);
		if (span_eq(one, span_str(word)))
			return true;
	}
	return false;
}

/* Digits only behind letters: overflow_location1. */
static bool is_field_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_' ||
		      (i > 0 && s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	return s.n > 0 && s.n < ARGS_NAME_MAX;
}

static int add_field(struct args *a, struct span name, const char *value,
		     char error[ARGS_ERROR_MAX])
{
	if (a->n_fields == ARGS_FIELDS_MAX)
		return complain(error, "more than %d fields",
				ARGS_FIELDS_MAX);
	if (span_eq(name, SPAN_LIT("which"))) {
		a->which = value;
		return 0;
	}
	/* is_field_name() has checked the length. */
	(void)span_cstr(name, a->field[a->n_fields].name, ARGS_NAME_MAX);
	a->field[a->n_fields++].value = value;
	return 0;
}

static int word(struct args *a, const char *text, char error[ARGS_ERROR_MAX])
{
	struct span name, value;
	if (a->verb == NULL) {
		a->verb = text;
		return 0;
	}
	if (!*a->resource && strcmp(a->verb, "status") != 0 &&
	    strcmp(a->verb, "doctor") != 0 &&
	    strcmp(a->verb, "trace") != 0) {
		a->resource = full_name(text);
		return 0;
	}
	if (span_split(span_str(text), '=', &name, &value) &&
	    is_field_name(name))
		return add_field(a, name, text + name.n + 1, error);
	if (a->which != NULL)
		return complain(error, "%.100s: not FIELD=VALUE", text);
	a->which = text;
	return 0;
}

static int check(const struct args *a, char error[ARGS_ERROR_MAX])
{
	const struct args_verb *v = args_verbs;
	if (a->verb == NULL)
		return complain(error, "no command; see conclave --help");
	while (v->name != NULL && strcmp(v->name, a->verb) != 0)
		v++;
	if (v->name == NULL)
		return complain(error, "%.100s: no such command; see conclave "
				"--help", a->verb);
	if (strcmp(a->verb, "trace") == 0 && a->which == NULL)
		return complain(error, "trace what? a reference number, a "
				"call, an alias or an address");
	if (strcmp(a->verb, "trace") == 0)
		return 0;
	if (*v->resources == 0)
		return a->which != NULL ?
		       complain(error, "%s takes no words", v->name) : 0;
	if (*a->resource == 0)
		return complain(error, "%s what? one of: %s", v->name,
				v->resources);
	if (!has_word(v->resources, a->resource))
		return complain(error, "%s %.100s: one of: %s", v->name,
				a->resource, v->resources);
	return 0;
}

/* --some-field VALUE or --some-field=VALUE is some_field=VALUE. */
static int field_option(struct args *a, int argc, char *const argv[], int *i,
			char error[ARGS_ERROR_MAX])
{
	struct span name, value;
	char text[ARGS_NAME_MAX];
	const char *word = argv[*i] + 2;
	bool has_value = span_split(span_str(word), '=', &name, &value);
	if (span_cstr(name, text, sizeof(text)) < 0)
		text[0] = 0;
	for (char *p = text; *p; p++)
		*p = *p == '-' ? '_' : *p;
	if (!is_field_name(span_str(text)) || (!has_value && *i + 1 >= argc))
		return complain(error, "%.100s: no such option, or no value",
				argv[*i]);
	return add_field(a, span_str(text), has_value ?
			 word + name.n + 1 : argv[++*i], error);
}

static int option(struct args *a, int argc, char *const argv[], int *i,
		  char error[ARGS_ERROR_MAX])
{
	const char *text = argv[*i];
	if (strcmp(text, "--json") == 0)
		a->json = true;
	else if (strcmp(text, "--open") == 0)
		a->open = true;
	else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)
		a->help = true;
	else if (strcmp(text, "--socket") == 0 && *i + 1 < argc)
		a->socket = argv[++*i];
	else if (strcmp(text, "--socket") != 0 && text[1] == '-')
		return field_option(a, argc, argv, i, error);
	else
		return complain(error, "%.100s: no such option, or no value",
				text);
	return 0;
}

int args_parse(struct args *a, int argc, char *const argv[],
	       char error[ARGS_ERROR_MAX])
{
	bool only_words = false;
	*a = (struct args){.resource = ""};
	for (int i = 1; i < argc; i++) {
		int e;
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
			continue;
		}
		if (!only_words && argv[i][0] == '-')
			e = option(a, argc, argv, &i, error);
		else
			e = word(a, argv[i], error);
		if (e < 0)
			return e;
	}
	return a->help ? 0 : check(a, error);
}
