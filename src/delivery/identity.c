#include "delivery/identity.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/table.h"
#include "model/scope.h"

#include <stdlib.h>
#include <string.h>

struct right {
    uint32_t hash;
    unsigned from;
    size_t n;
    char scope[];
};

struct identity {
    struct identity_options options; /* texts are its own */
    struct table rights;
    size_t families; /* of the rights */
    void (*ended)(void *ctx, struct str user);
    void *ended_ctx;
};

/* Of nobody in particular and for all threads: they never change. */
static const struct identity everyone = {
    .options = {.way = IDENTITY_EVERYONE, .expires_ms = INT64_MAX},
};
static const struct identity nobody = {
    .options = {.way = IDENTITY_NOBODY, .expires_ms = INT64_MAX},
};

struct identity *identity_everyone(void)
{
    return (struct identity *)(uintptr_t)&everyone;
}

struct identity *identity_nobody(void)
{
    return (struct identity *)(uintptr_t)&nobody;
}

static bool never_changes(const struct identity *identity)
{
    return identity == &everyone || identity == &nobody;
}

static struct str name_of(const struct right *right)
{
    return (struct str){.p = right->scope, .n = right->n};
}

/* FNV-1a. Who names the rights is trusted: there is nobody to fear collisions from. */
static uint32_t hash_of(struct str scope)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < scope.n; i++)
        hash = (hash ^ (unsigned char)scope.p[i]) * 16777619u;
    return hash;
}

static uint32_t hash(const void *item)
{
    return ((const struct right *)item)->hash;
}

static bool equal(const void *item, const void *key)
{
    return str_equal(name_of(item), *(const struct str *)key);
}

static struct right *find(const struct identity *identity, struct str scope)
{
    return identity->rights.count ? table_find(&identity->rights, hash_of(scope), equal, &scope)
                                  : NULL;
}

static struct str copy(struct str text)
{
    return (struct str){.p = mem_copy(text.n ? text.p : "", text.n), .n = text.n};
}

struct identity *identity_new(const struct identity_options *options)
{
    struct identity *identity = mem_new(sizeof *identity);
    identity->options = *options;
    identity->options.user = copy(options->user);
    identity->options.proof = copy(options->proof);
    identity->options.session = copy(options->session);
    json_incref((json_t *)(uintptr_t)options->claims);
    table_init(&identity->rights, hash);
    return identity;
}

void identity_forget_claims(struct identity *identity)
{
    if (!identity->options.claims)
        return;
    json_decref((json_t *)(uintptr_t)identity->options.claims);
    identity->options.claims = NULL;
}

void identity_free(struct identity *identity)
{
    if (!identity || never_changes(identity))
        return;
    size_t cursor = 0;
    void *right;
    if (identity->ended)
        identity->ended(identity->ended_ctx, identity->options.user);
    while ((right = table_next(&identity->rights, &cursor)))
        free(right);
    table_free(&identity->rights);
    identity_forget_claims(identity);
    explicit_bzero((char *)(uintptr_t)identity->options.proof.p, identity->options.proof.n);
    free((char *)(uintptr_t)identity->options.proof.p);
    free((char *)(uintptr_t)identity->options.session.p);
    free((char *)(uintptr_t)identity->options.user.p);
    free(identity);
}

enum identity_way identity_way(const struct identity *identity)
{
    return identity->options.way;
}

struct str identity_user(const struct identity *identity)
{
    return identity->options.user;
}

struct str identity_proof(const struct identity *identity)
{
    return identity->options.proof;
}

struct str identity_session(const struct identity *identity)
{
    return identity->options.way == IDENTITY_TOKEN ? identity->options.proof
                                                   : identity->options.session;
}

int64_t identity_expires(const struct identity *identity)
{
    return identity->options.expires_ms;
}

const json_t *identity_claims(const struct identity *identity)
{
    return identity->options.claims;
}

size_t identity_rights(const struct identity *identity)
{
    return identity->rights.count;
}

bool identity_grant(struct identity *identity, struct str scope, unsigned from)
{
    if (never_changes(identity)) /* everyone has it, nobody cannot */
        return identity == &everyone;
    struct right *right = find(identity, scope);
    if (right) {
        right->from |= from;
        return true;
    }
    if (identity->rights.count >= IDENTITY_RIGHTS_MAX)
        return false;
    right = mem_new(sizeof *right + scope.n);
    *right = (struct right){.hash = hash_of(scope), .from = from, .n = scope.n};
    memcpy(right->scope, scope.p, scope.n);
    table_add(&identity->rights, right);
    identity->families += scope_is_family(scope);
    return true;
}

bool identity_revoke(struct identity *identity, struct str scope, unsigned from)
{
    struct right *right = find(identity, scope);
    if (!right)
        return false;
    right->from &= ~from;
    if (right->from)
        return false;
    table_remove(&identity->rights, right);
    identity->families -= scope_is_family(scope);
    free(right);
    return true;
}

void identity_carry(struct identity *to, const struct identity *of, unsigned from)
{
    size_t cursor = 0;
    struct right *right;
    while ((right = table_next(&of->rights, &cursor)))
        if (right->from & from)
            identity_grant(to, name_of(right), right->from & from);
}

/* "*" may be read whole, or the family that `scope` is or stands in. */
static bool has_family(const struct identity *identity, struct str scope)
{
    char text[SCOPE_MAX + 2];
    struct buf family = BUF_FIXED(text);
    if (identity->families == 0)
        return false;
    return find(identity, SCOPE_EVERY) ||
           (scope_family(&family, scope) && find(identity, buf_slice(&family)));
}

struct search {
    bool found;
};

static void found(void *ctx, struct str scope)
{
    ((struct search *)ctx)->found = true;
}

enum identity_answer identity_may_read(const struct identity *identity, struct str scope)
{
    bool family = scope_is_family(scope);
    struct search search = {false};
    switch (identity->options.way) {
    case IDENTITY_EVERYONE:
        return family ? IDENTITY_UNBOUNDED : IDENTITY_YES;
    case IDENTITY_NOBODY:
        return IDENTITY_WHO;
    default:
        break;
    }
    if (has_family(identity, scope))
        return family ? IDENTITY_UNBOUNDED : IDENTITY_YES;
    if (!family)
        return find(identity, scope) ? IDENTITY_YES : IDENTITY_NO;
    identity_each(identity, scope, found, &search);
    /* What the database may grant tomorrow can be followed today. */
    return search.found || identity->ended ? IDENTITY_YES : IDENTITY_NO;
}

void identity_each(const struct identity *identity, struct str family,
                   void (*each)(void *ctx, struct str scope), void *ctx)
{
    size_t cursor = 0;
    struct right *right;
    while ((right = table_next(&identity->rights, &cursor)))
        if (!scope_is_family(name_of(right)) && scope_in_family(name_of(right), family))
            each(ctx, name_of(right));
}

void identity_set_lease(struct identity *identity, void (*ended)(void *ctx, struct str user),
                        void *ctx)
{
    CHECK(!never_changes(identity)); /* only who was asked about has one */
    identity->ended = ended;
    identity->ended_ctx = ctx;
}

void identity_take_live(struct identity *old, struct identity *identity)
{
    size_t cursor = 0;
    const struct right *right;
    while ((right = table_next(&old->rights, &cursor)))
        if (right->from & IDENTITY_LIVE)
            identity_grant(identity, name_of(right), IDENTITY_LIVE);
    identity_set_lease(identity, old->ended, old->ended_ctx);
    identity_set_lease(old, NULL, NULL);
}
