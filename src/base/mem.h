/* mem: allocation in two classes.
 *
 * mem_new and friends are for small things whose number we bound ourselves:
 * when even those cannot be had the process ends with a sentence, because
 * going on half-built could be silently stale.
 * mem_try is for what a peer can ask for (a connection, a body): NULL is an
 * answer that the caller turns into a refusal. */
#pragma once

#include <stddef.h>

/* Zeroed. Never NULL. */
void *mem_new(size_t size);
void *mem_array(size_t count, size_t size);
/* As realloc, never NULL for size > 0. */
void *mem_grow(void *old, size_t size);
/* NUL-terminated copy of n bytes. */
char *mem_copy(const char *bytes, size_t n);
/* Uninitialised; NULL when there is none. */
void *mem_try(size_t size);
