/* courier/wipe.h - an allocator that zeroes what it gives back.
 *
 * For libraries that copy what must not stay: passwords in requests, PINs and
 * device passwords in answers. As malloc and friends otherwise. */
#pragma once
#include <stddef.h>

void *wipe_alloc(size_t n);
void *wipe_calloc(size_t n, size_t size);
void *wipe_realloc(void *p, size_t n);
char *wipe_strdup(const char *s);
void  wipe_free(void *p);
