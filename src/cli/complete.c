#include "cli/complete.h"
#include "cli/args.h"

/* Bash takes '=' as the end of a word: "name", "=", "value". */
static const char head[] =
"# bash completion for conclave(1), made by `conclave completion bash`\n"
"_conclave() {\n"
"	local cur=${COMP_WORDS[COMP_CWORD]} i=1 words=() field=\n"
"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
"		case ${COMP_WORDS[i]} in\n"
"		--socket) ((i++)) ;;\n"
"		-*) ;;\n"
"		*) words+=(\"${COMP_WORDS[i]}\") ;;\n"
"		esac\n"
"	done\n"
"	if [[ $cur == = ]]; then\n"
"		field=${COMP_WORDS[COMP_CWORD-1]} cur=\n"
"	elif [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then\n"
"		field=${COMP_WORDS[COMP_CWORD-2]}\n"
"	fi\n"
"	if [[ $cur == -* ]]; then\n"
"		COMPREPLY=($(compgen -W '--json --open --socket --help' -- "
"\"$cur\"))\n"
"		return\n"
"	fi\n";

static const char tail[] =
"}\n"
"complete -F _conclave conclave\n";

static void reply(FILE *f, const char *indent, const char *words)
{
	(void)fprintf(f, "%sCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n",
		      indent, words);
}

static void verbs(FILE *f)
{
	(void)fprintf(f, "	if ((${#words[@]} == 0)); then\n"
		      "		COMPREPLY=($(compgen -W '");
	for (const struct args_verb *v = args_verbs; v->name != NULL; v++)
		(void)fprintf(f, "%s%s", v == args_verbs ? "" : " ", v->name);
	(void)fprintf(f, "' -- \"$cur\"))\n		return\n	fi\n");
}

static void resources(FILE *f)
{
	(void)fprintf(f, "	if ((${#words[@]} == 1)); then\n"
		      "		case ${words[0]} in\n");
	for (const struct args_verb *v = args_verbs; v->name != NULL; v++) {
		(void)fprintf(f, "		%s)\n", v->name);
		reply(f, "			", v->resources);
		(void)fprintf(f, "			;;\n");
	}
	(void)fprintf(f, "		esac\n		return\n	fi\n");
}

static void choices(FILE *f, const struct schema_resource *r)
{
	for (unsigned i = 0; i < r->n_fields; i++) {
		const struct schema_field *x = &r->fields[i];
		bool is_enum = x->type == SCHEMA_ENUM;
		if (x->type == SCHEMA_TEMPLATE)
			(void)fprintf(f, "		%s.%s) COMPREPLY=($(compgen -f "
				      "-P @ -- \"${cur#@}\")) ;;\n",
				      r->name, x->name);
		if (!is_enum && x->type != SCHEMA_BOOL)
			continue;
		(void)fprintf(f, "		%s.%s) COMPREPLY=($(compgen -W '",
			      r->name, x->name);
		for (const char *c = is_enum ? x->choices : "true|false"; *c;
		     c++)
			(void)fputc(*c == '|' ? ' ' : *c, f);
		(void)fprintf(f, "' -- \"$cur\")) ;;\n");
	}
}

static void values(FILE *f)
{
	(void)fprintf(f, "	if [[ -n $field ]]; then\n"
		      "		case ${words[1]}.$field in\n");
	for (int i = RES_NONE + 1; i < RES_COUNT; i++)
		choices(f, schema_resource(i));
	(void)fprintf(f, "		esac\n		return\n	fi\n");
}

static void fields(FILE *f)
{
	(void)fprintf(f, "	compopt -o nospace\n	case ${words[1]} in\n");
	for (int i = RES_NONE + 1; i < RES_COUNT; i++) {
		const struct schema_resource *r = schema_resource(i);
		(void)fprintf(f, "	%s) COMPREPLY=($(compgen -W '", r->name);
		for (unsigned k = 0; k < r->n_fields; k++)
			if (!(r->fields[k].flags &
			      (SCHEMA_F_READONLY | SCHEMA_F_BY_CORE)))
				(void)fprintf(f, "%s= ", r->fields[k].name);
		(void)fprintf(f, "%s' -- \"$cur\")) ;;\n",
			      i == RES_CONFERENCE ? "alias=" : "");
	}
	(void)fprintf(f, "	participant) COMPREPLY=($(compgen -W "
		      "'conference=' -- \"$cur\")) ;;\n	esac\n");
}

void complete_bash(FILE *f)
{
	(void)fputs(head, f);
	verbs(f);
	resources(f);
	values(f);
	fields(f);
	(void)fputs(tail, f);
}
