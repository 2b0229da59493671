#include "delivery/mails.h"

#include "base/mem.h"
#include "delivery/catchup.h"

#include <stdlib.h>

enum { MAIL_ROWS_MAX = 2 * 1024 * 1024 };

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

void mail_free(struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_TICK:
        tick_unref(((struct mail_tick *)mail)->tick);
        free(mail);
        break;
    case MAIL_ASK:
    case MAIL_ANSWER:
        catchup_free((struct catchup *)mail);
        break;
    case MAIL_PUBLISH:
    case MAIL_PUBLISHED:
        mail_publish_free((struct mail_publish *)mail);
        break;
    case MAIL_LOOK:
    case MAIL_LOOKED:
        mail_look_free((struct mail_look *)mail);
        break;
    default:
        free(mail);
    }
}

struct mail_look *mail_look_new(uint64_t id, struct str scope, unsigned limit)
{
    struct mail_look *look = mem_new(sizeof *look + scope.n);
    look->mail.kind = MAIL_LOOK;
    look->id = id;
    look->limit = limit;
    look->rows = BUF_INIT(MAIL_ROWS_MAX);
    look->n = (uint32_t)scope.n;
    if (scope.n)
        memcpy(look->scope, scope.p, scope.n);
    return look;
}

void mail_look_free(struct mail_look *look)
{
    if (!look)
        return;
    buf_free(&look->rows);
    free(look);
}
