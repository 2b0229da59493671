/* blob: immutable bytes with a reference count, shared between threads.
 *
 * blob_new gives one reference; each holder owns one and gives it back with
 * blob_unref. The bytes never change after blob_new returns, so readers need
 * no lock. The count is atomic; the fast path of fan-out (everything sent at
 * once) takes no reference at all, so its cost does not show. */
#pragma once

#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

struct blob {
    atomic_uint _refs;
    uint32_t len;
    char bytes[];
};

/* A copy of the bytes. Never NULL. */
struct blob *blob_new(struct str bytes);
struct blob *blob_ref(struct blob *blob);
/* NULL is allowed. */
void blob_unref(struct blob *blob);
