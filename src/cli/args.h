/* cli/args.h - the command line of conclave(1). Pure. */
#pragma once
#include "base/err.h"
#include "schema/schema.h"

enum { ARGS_FIELDS_MAX = 62, ARGS_NAME_MAX = 64, ARGS_ERROR_MAX = 256 };

struct args {
	bool json, open, help;
	const char *socket;		/* NULL = default */
	const char *verb, *resource;	/* resource "" when there is none */
	const char *which;		/* NULL = none */
	struct {
		char name[ARGS_NAME_MAX];
		const char *value;	/* into argv */
	} field[ARGS_FIELDS_MAX];
	size_t n_fields;
};

/* 0, or E_INVAL and one line in `error`. */
int args_parse(struct args *a, int argc, char *const argv[],
	       char error[ARGS_ERROR_MAX]);

/* Verbs and the resources that each takes; for usage and completion. */
struct args_verb {
	const char *name;
	const char *resources;		/* words, space between; "" = none */
	const char *help;
};
extern const struct args_verb args_verbs[];	/* ends with name NULL */
