/* guard: the sign-in of the whole server, and what of it outlives a configuration.
 *
 * Tickets, seats and counts stay over a reload; the authorizer and a key set at a URL are made
 * anew. Thread: the hub's; what it hands out is for all. */
#pragma once

#include "auth/auth.h"
#include "base/buf.h"
#include "base/hash.h"
#include "config/config.h"
#include "delivery/quota.h"
#include "net/mailbox.h"

#include <stdbool.h>
#include <uv.h>

struct guard;

struct guard_options {
    uv_loop_t *loop;
    const char *listen; /* where it listens; lives as long */
    const struct log *log;
    struct hash_seed seed;
    struct mailbox *to_hub; /* lives longer than every identity */
};

/* NULL with a sentence. `config` lives until guard_change has come with another, and guard_forget
 * after it. */
struct guard *guard_new(const struct guard_options *options, const struct config *config,
                        struct err *err);
/* No handle of it is on the loop when that has run its closing callbacks. No thread asks any more.
 */
void guard_close(struct guard *guard);
/* After guard_close, and after the loop is empty. */
void guard_free(struct guard *guard);

/* Whether it may be used where the server listens: what lets everybody in, only on loopback. A
 * reload changes the rules of the door, never the address that it was opened at. */
bool guard_fits(const struct guard *guard, const struct config *config, struct err *err);

const struct authorizer *guard_authorizer(const struct guard *guard);
struct quota *guard_quota(const struct guard *guard);
/* The next one, of a configuration that was checked. The old one lives until guard_forget, when no
 * thread has it any more. */
void guard_change(struct guard *guard, const struct config *config);
void guard_forget(struct guard *guard);

void guard_metrics(struct guard *guard, struct buf *out);
