#include "delivery/catchup.h"

#include "base/mem.h"
#include "delivery/mails.h"
#include "delivery/roster.h"
#include "model/scope.h"

#include <stdlib.h>

struct catchup *catchup_new(struct subscriber *subscriber, unsigned worker, uint64_t from,
                            uint64_t stamp)
{
    uint32_t n_scopes = subscriber->n_places, n = 0;
    uint32_t first_added = n_scopes - subscriber->n_added;
    size_t bytes = SCOPE_EVERY.n;
    for (uint32_t i = 0; i < n_scopes; i++) {
        const struct roster_scope *scope = subscriber->places[i].scope;
        bytes += scope->cell.name.n + (scope->family ? scope->family->cell.name.n : 0);
    }
    size_t max = 2 * (size_t)n_scopes + 1;
    struct catchup *catchup = mem_new(sizeof *catchup + max * sizeof catchup->scopes[0] + bytes);
    char *names = (char *)&catchup->scopes[max];
    catchup->mail.kind = MAIL_ASK;
    catchup->worker = worker;
    catchup->conn = conn_id(subscriber->conn);
    catchup->format = (enum format)subscriber->format;
    catchup->n_scopes = n_scopes;
    catchup->first_added = first_added;
    catchup->hello = subscriber->n_added > 0;
    catchup->whole = catchup->hello && subscriber->whole;
    /* What was given back is greeted by this one: then its target speaks for that, too. */
    catchup->pin = subscriber->withheld ? subscriber->pin : SUBSCRIBER_UNPINNED;
    round_start(&catchup->round, from);

#define ADD(text, position)                                                                 \
    do {                                                                                    \
        memcpy(names, (text).p, (text).n);                                                  \
        catchup->scopes[n++] =                                                              \
            (struct round_scope){.name = {.p = names, .n = (text).n}, .since = (position)}; \
        names += (text).n;                                                                  \
    } while (0)

    for (uint32_t i = 0; i < n_scopes; i++)
        ADD(subscriber->places[i].scope->cell.name,
            i < first_added ? from : subscriber->added[i - first_added]);
    for (uint32_t i = 0; i < n_scopes; i++) {
        struct roster_family *family = subscriber->places[i].scope->family;
        if (!family || family->sent == stamp)
            continue;
        family->sent = stamp;
        ADD(family->cell.name, from);
    }
    ADD(SCOPE_EVERY, from);
#undef ADD
    catchup->n = n;
    free(subscriber->added);
    subscriber->added = NULL;
    subscriber->n_added = 0;
    subscriber->whole = false;
    return catchup;
}

void catchup_free(struct catchup *catchup)
{
    if (!catchup)
        return;
    blob_unref(catchup->blob);
    free(catchup);
}
