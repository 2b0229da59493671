#include "delivery/mails.h"

#include "base/mem.h"

#include <stdlib.h>

struct mail_interest *mail_interest_new(enum mail_kind kind, struct str scope)
{
    struct mail_interest *interest = mem_new(sizeof *interest + scope.n);
    interest->mail.kind = kind;
    interest->n = (uint32_t)scope.n;
    memcpy(interest->scope, scope.p, scope.n);
    return interest;
}

void mail_publish_free(struct mail_publish *publish)
{
    if (!publish)
        return;
    arena_free(&publish->arena);
    free(publish);
}
