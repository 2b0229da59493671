#include "delivery/mails.h"

#include "base/mem.h"
#include "delivery/catchup.h"

#include <stdlib.h>

enum {
    MAIL_ROWS_MAX = 2 * 1024 * 1024,
    MAIL_SCOPES_MAX = 4 * 1024 * 1024, /* more than one user may have (ROLL_SCOPES_MAX) */
};

struct mail_interest *mail_interest_new(enum mail_kind kind, struct str scope)
{
    struct mail_interest *interest = mem_new(sizeof *interest + scope.n);
    interest->mail.kind = kind;
    interest->n = (uint32_t)scope.n;
    memcpy(interest->scope, scope.p, scope.n);
    return interest;
}

struct mail_member *mail_member_new(unsigned worker, uint64_t conn, struct str user)
{
    struct mail_member *member = mem_new(sizeof *member);
    member->mail.kind = MAIL_MEMBER;
    member->worker = worker;
    member->conn = conn;
    member->user = (struct str){.p = mem_copy(user.p, user.n), .n = user.n};
    member->scopes = BUF_INIT(MAIL_SCOPES_MAX);
    return member;
}

static void member_free(struct mail_member *member)
{
    free((char *)(uintptr_t)member->user.p);
    buf_free(&member->scopes);
    free(member);
}

struct mail_user *mail_user_new(enum mail_kind kind, struct str user)
{
    struct mail_user *mail = mem_new(sizeof *mail + user.n);
    mail->mail.kind = kind;
    mail->n = (uint32_t)user.n;
    memcpy(mail->user, user.p, user.n);
    return mail;
}

struct mail_right *mail_right_new(enum mail_right_kind kind, struct str user, struct str scope)
{
    struct mail_right *right = mem_new(sizeof *right + user.n + scope.n);
    right->mail.kind = MAIL_RIGHT;
    right->kind = kind;
    memcpy(right->text, user.p, user.n);
    memcpy(right->text + user.n, scope.p, scope.n);
    right->user = (struct str){.p = right->text, .n = user.n};
    right->scope = (struct str){.p = right->text + user.n, .n = scope.n};
    return right;
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
    case MAIL_MEMBER:
    case MAIL_ADMITTED:
        member_free((struct mail_member *)mail);
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
