/* base/alloc.h - the only allocator of our own code.
 *
 * Thin over malloc so that every test can run again with the N-th allocation
 * failing. Memory from here goes back with mem_free only. Thread safe; the
 * failing hook is per process and for tests.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* All return NULL when there is no memory, when the hook says so, or when a
 * product of sizes overflows. A size of 0 yields a valid pointer. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_calloc(size_t n, size_t size);
void *mem_realloc(void *p, size_t size);
void *mem_dup(const void *p, size_t n);
char *mem_strdup(const char *s);
void  mem_free(void *p);

/* Tests: let the n-th allocation from now fail (1 = the next one; 0 = none)
 * and every later one succeed. mem_fail_hits() says whether it was reached. */
void     mem_fail_at(uint64_t n);
uint64_t mem_fail_hits(void);
/* Tests: blocks allocated here and not freed yet. */
int64_t  mem_live(void);
