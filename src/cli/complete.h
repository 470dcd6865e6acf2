/* cli/complete.h - completion for bash, made from the schema. */
#pragma once
#include <stdio.h>

void complete_bash(FILE *f);
