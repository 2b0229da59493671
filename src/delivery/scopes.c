#include "delivery/scopes.h"

#include "base/mem.h"
#include "model/position.h"
#include "model/scope.h"

#include <stdlib.h>

void scopes_init(struct scopes *scopes, const struct authorizer *authorizer, uint64_t epoch,
                 unsigned max)
{
    *scopes = (struct scopes){.authorizer = authorizer, .epoch = epoch, .max = max};
    scopes->items = mem_array(max, sizeof *scopes->items);
}

void scopes_free(struct scopes *scopes)
{
    free(scopes->items);
    scopes->items = NULL;
}

static unsigned refuse(struct err *err, enum authorizer_answer answer, struct str scope)
{
    switch (answer) {
    case AUTHORIZER_WHO:
        err_set(err, "this needs a valid token");
        return 401;
    case AUTHORIZER_UNBOUNDED:
        err_set(err,
                "scope \"%.*s\" asks for every scope of the family that you may read, and you may "
                "read any: "
                "name the scopes",
                STR_ARG(scope));
        return 400;
    case AUTHORIZER_NO:
    case AUTHORIZER_YES:
        break;
    }
    err_set(err, "you may not read scope \"%.*s\"", STR_ARG(scope));
    return 403;
}

unsigned scopes_add(struct scopes *scopes, const struct http_request *request, struct str name,
                    uint64_t since, struct err *err)
{
    for (size_t i = 0; i < scopes->n; i++) {
        if (str_equal(scopes->items[i].name, name)) {
            scopes->items[i].since = since;
            return 0;
        }
    }
    if (!scope_is_family(name) && !scope_check(name, err))
        return 400;
    enum authorizer_answer answer =
        scopes->authorizer->may_read(scopes->authorizer->ctx, request, name);
    if (answer != AUTHORIZER_YES)
        return refuse(err, answer, name);
    if (scopes->n == scopes->max) {
        err_set(err, "more than %u scopes in one subscription (limits: scopes)", scopes->max);
        return 400;
    }
    scopes->items[scopes->n++] = (struct crowd_scope){.name = name, .since = since};
    return 0;
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
