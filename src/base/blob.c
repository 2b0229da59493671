#include "base/blob.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

struct blob *blob_new(struct str bytes)
{
    CHECK(bytes.n <= UINT32_MAX);
    struct blob *blob = mem_grow(NULL, sizeof *blob + bytes.n);
    atomic_init(&blob->_refs, 1);
    blob->len = (uint32_t)bytes.n;
    if (bytes.n)
        memcpy(blob->bytes, bytes.p, bytes.n);
    return blob;
}

struct blob *blob_ref(struct blob *blob)
{
    atomic_fetch_add_explicit(&blob->_refs, 1, memory_order_relaxed);
    return blob;
}

void blob_unref(struct blob *blob)
{
    if (blob && atomic_fetch_sub_explicit(&blob->_refs, 1, memory_order_acq_rel) == 1)
        free(blob);
}
