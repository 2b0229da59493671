#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *p, size_t size)
{
    if (!p && size) {
        fprintf(stderr, "unstale: out of memory (%zu bytes)\n", size);
        abort();
    }
    return p;
}

void *mem_new(size_t size)
{
    return need(calloc(1, size), size);
}

void *mem_array(size_t count, size_t size)
{
    return need(calloc(count, size), count);
}

void *mem_grow(void *old, size_t size)
{
    return need(realloc(old, size), size);
}

char *mem_copy(const char *bytes, size_t n)
{
    char *copy = need(malloc(n + 1), n + 1);
    if (n)
        memcpy(copy, bytes, n);
    copy[n] = '\0';
    return copy;
}

void *mem_try(size_t size)
{
    return malloc(size);
}
