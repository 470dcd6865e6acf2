/* media/audio/prompts.h - the spoken prompts: one file that the build made.
 *
 * The file is mapped read-only and shared by all workers. Its header is
 * checked when it is opened, so that prompts_find() cannot fail afterwards for
 * what the file says it has. Sound is mono, PROMPTS_HZ, 16 bits, little
 * endian; a prompt is at most PROMPTS_LENGTH_MAX_S long.
 *
 *   "CVPROMPT"  u32 version = 1  u32 hz  u32 languages  u32 prompts
 *   languages * prompts times: u32 first sample  u32 samples
 *   samples
 *
 * Prompt 0 of the file is PROMPT_NONE + 1. Not thread related.
 */
#pragma once
#include <stdint.h>
#include <stdbool.h>

enum {
	PROMPTS_HZ = 16000,
	PROMPTS_LENGTH_MAX_S = 30,
	PROMPTS_BYTES_MAX = 64 << 20,
};

struct prompts;

/* Takes fd over (closes it in every case). E_SYS, E_FORMAT, E_LIMIT,
 * E_NOMEM. */
int  prompts_open(struct prompts **out, int fd);
void prompts_free(struct prompts **p);
/* The sound of a prompt (enum prompt) in a language (enum prompt_language; one
 * that the file has not: English). False when there is no such prompt. The
 * samples live as long as p. */
bool prompts_find(const struct prompts *p, uint32_t language, uint32_t prompt,
		  const int16_t **pcm, uint32_t *samples);
