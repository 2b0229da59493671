#include "delivery/scopes.h"

#include "base/mem.h"
#include "model/position.h"
#include "model/scope.h"

#include <stdlib.h>

void scopes_init(struct scopes *scopes, const struct identity *identity, uint64_t epoch,
                 unsigned max)
{
    *scopes = (struct scopes){.identity = identity, .epoch = epoch, .max = max};
    scopes->items = mem_array(max, sizeof *scopes->items);
    scopes->families = mem_array(max, sizeof *scopes->families);
}

void scopes_free(struct scopes *scopes)
{
    free(scopes->items);
    free(scopes->families);
    scopes->items = NULL;
    scopes->families = NULL;
}

static unsigned refuse(struct err *err, enum identity_answer answer, struct str scope)
{
    switch (answer) {
    case IDENTITY_WHO:
        err_set(err, "this needs a valid token");
        return 401;
    case IDENTITY_UNBOUNDED:
        err_set(err,
                "scope \"%.*s\" asks for every scope of the family that you may read, and you may "
                "read any: "
                "name the scopes",
                STR_ARG(scope));
        return 400;
    case IDENTITY_NO:
    case IDENTITY_YES:
        break;
    }
    err_set(err, "you may not read scope \"%.*s\"", STR_ARG(scope));
    return 403;
}

/* False: there is no room. */
static bool put(struct scopes *scopes, struct str name, uint64_t since)
{
    for (size_t i = 0; i < scopes->n; i++) {
        if (str_equal(scopes->items[i].name, name)) {
            scopes->items[i].since = since;
            return true;
        }
    }
    if (scopes->n == scopes->max)
        return false;
    scopes->items[scopes->n++] = (struct crowd_scope){.name = name, .since = since};
    return true;
}

struct expansion {
    struct scopes *scopes;
    uint64_t since;
    bool full;
};

static void put_each(void *ctx, struct str name)
{
    struct expansion *expansion = ctx;
    if (!put(expansion->scopes, name, expansion->since))
        expansion->full = true;
}

static bool put_family(struct scopes *scopes, struct str family, uint64_t since)
{
    struct expansion expansion = {.scopes = scopes, .since = since};
    size_t i = 0;
    while (i < scopes->n_families && !str_equal(scopes->families[i], family))
        i++;
    if (i == scopes->max)
        return false;
    if (i == scopes->n_families)
        scopes->families[scopes->n_families++] = family;
    identity_each(scopes->identity, family, put_each, &expansion);
    return !expansion.full;
}

unsigned scopes_add(struct scopes *scopes, struct str name, uint64_t since, struct err *err)
{
    bool family = scope_is_family(name);
    if (!family && !scope_check(name, err))
        return 400;
    enum identity_answer answer = identity_may_read(scopes->identity, name);
    if (answer != IDENTITY_YES)
        return refuse(err, answer, name);
    if (family ? put_family(scopes, name, since) : put(scopes, name, since))
        return 0;
    err_set(err, "more than %u scopes in one subscription (limits: scopes)", scopes->max);
    return 400;
}

uint64_t scopes_since(const struct scopes *scopes, struct str text)
{
    struct position position;
    if (!text.n)
        return CATCHUP_FRESH;
    if (!position_parse(text, &position) || position.epoch != scopes->epoch ||
        position.sequence >= CATCHUP_FRESH) /* above the hub's, and a word of ours */
        return CATCHUP_LOST;
    return position.sequence;
}
