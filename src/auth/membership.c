/* Why what was told is kept beside what holds: between two moments at which threads are told, a
 * right can go and come back any number of times. The difference of the two is what has to be said,
 * whatever happened in between; only that it was gone for a moment is remembered (`lost`). */
#include "auth/membership.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

enum standing { STANDS_NOT, STANDS_SUSPENDED, STANDS };

struct right {
    uint32_t hash;
    uint8_t now, told; /* enum standing */
    bool lost;         /* since it was told as standing */
    uint64_t seen;     /* the last answer that had it */
    size_t n;
    char scope[];
};

struct member {
    struct roll_question question; /* user: its own */
    uint32_t hash;
    enum member_state state;
    bool asked;             /* the question is out */
    bool again;             /* something was touched since it was put */
    bool failed;            /* it waits for membership_retry */
    unsigned streams, open; /* all that joined; of them those that were admitted */
    struct table rights;
    uint64_t answers;
    struct list waiters;
    struct list changed; /* in the membership's, while there is something to be told */
};

struct membership {
    struct membership_sink sink;
    struct hash_seed seed;
    struct table members;
    struct list changed;
    struct membership_stats stats;
};

static const bool moves[MEMBER_STATES][MEMBER_STATES] = {
    [MEMBER_PENDING] = {[MEMBER_LIVE] = true},
    [MEMBER_LIVE] = {[MEMBER_SUSPENDED] = true},
    [MEMBER_SUSPENDED] = {[MEMBER_LIVE] = true},
};

static void move(struct member *member, enum member_state to)
{
    CHECK(moves[member->state][to]);
    member->state = to;
}

const char *membership_news_name(enum membership_news news)
{
    static const char *const names[MEMBERSHIP_NEWS] = {[MEMBERSHIP_GRANTED] = "granted",
                                                       [MEMBERSHIP_SUSPENDED] = "suspended",
                                                       [MEMBERSHIP_RESUMED] = "resumed",
                                                       [MEMBERSHIP_RENEWED] = "renewed",
                                                       [MEMBERSHIP_REVOKED] = "revoked"};
    return names[news];
}

/* ---- the tables ---- */

static uint32_t hash_of(const struct membership *membership, struct str text)
{
    return (uint32_t)hash_bytes(membership->seed, text);
}

static uint32_t member_hash(const void *item)
{
    return ((const struct member *)item)->hash;
}

static bool member_is(const void *item, const void *key)
{
    return str_equal(((const struct member *)item)->question.user, *(const struct str *)key);
}

static uint32_t right_hash(const void *item)
{
    return ((const struct right *)item)->hash;
}

static struct str name_of(const struct right *right)
{
    return (struct str){.p = right->scope, .n = right->n};
}

static bool right_is(const void *item, const void *key)
{
    return str_equal(name_of(item), *(const struct str *)key);
}

static struct member *find(const struct membership *membership, struct str user)
{
    return membership->members.count
               ? table_find(&membership->members, hash_of(membership, user), member_is, &user)
               : NULL;
}

static struct right *find_right(const struct membership *membership, const struct member *member,
                                struct str scope)
{
    return member->rights.count
               ? table_find(&member->rights, hash_of(membership, scope), right_is, &scope)
               : NULL;
}

struct membership *membership_new(const struct membership_sink *sink, struct hash_seed seed)
{
    struct membership *membership = mem_new(sizeof *membership);
    membership->sink = *sink;
    membership->seed = seed;
    table_init(&membership->members, member_hash);
    list_init(&membership->changed);
    return membership;
}

static void refuse_all(struct membership *membership, struct member *member, const char *why)
{
    LIST_EACH (node, &member->waiters) {
        list_remove(node);
        member->streams--;
        membership->stats.waiting--;
        membership->stats.refused++;
        membership->sink.refuse(membership->sink.ctx,
                                LIST_ITEM(node, struct membership_waiter, node), why);
    }
}

static void member_free(struct member *member)
{
    size_t cursor = 0;
    void *right;
    while ((right = table_next(&member->rights, &cursor)))
        free(right);
    table_free(&member->rights);
    list_remove(&member->changed);
    list_remove(&member->question.node);
    free((char *)(uintptr_t)member->question.user.p);
    free(member);
}

void membership_free(struct membership *membership)
{
    if (!membership)
        return;
    size_t cursor = 0;
    struct member *member;
    while ((member = table_next(&membership->members, &cursor))) {
        refuse_all(membership, member, "the server is stopping; come back");
        member_free(member);
    }
    table_free(&membership->members);
    free(membership);
}

/* ---- asking ---- */

static void note(struct membership *membership, struct member *member)
{
    list_remove(&member->changed);
    list_push_back(&membership->changed, &member->changed);
}

static void ask(struct membership *membership, struct member *member)
{
    member->again = member->asked;
    if (member->asked)
        return;
    member->asked = true;
    member->failed = false;
    membership->stats.questions++;
    membership->sink.ask(membership->sink.ctx, &member->question);
}

/* Nobody is left: it goes, unless a question about it is out. */
static void drop_if_left(struct membership *membership, struct member *member)
{
    if (member->streams > 0 || member->asked)
        return;
    table_remove(&membership->members, member);
    member_free(member);
}

void membership_join(struct membership *membership, struct str user,
                     struct membership_waiter *waiter)
{
    struct member *member = find(membership, user);
    if (!member) {
        member = mem_new(sizeof *member);
        member->question.user = (struct str){.p = mem_copy(user.p, user.n), .n = user.n};
        list_init(&member->question.node);
        list_init(&member->waiters);
        list_init(&member->changed);
        member->hash = hash_of(membership, user);
        table_init(&member->rights, right_hash);
        table_add(&membership->members, member);
    }
    member->streams++;
    list_push_back(&member->waiters, &waiter->node);
    membership->stats.waiting++;
    if (member->state == MEMBER_PENDING && !member->asked && !member->failed)
        ask(membership, member);
    note(membership, member);
}

void membership_leave(struct membership *membership, struct str user)
{
    struct member *member = find(membership, user);
    CHECK(member && member->open > 0);
    member->open--;
    member->streams--;
    drop_if_left(membership, member);
}

void membership_expire(struct membership *membership, uint64_t now, const char *why)
{
    size_t cursor = 0;
    struct member *member;
    struct list gone;
    list_init(&gone);
    while (membership->stats.waiting && (member = table_next(&membership->members, &cursor))) {
        LIST_EACH (node, &member->waiters) {
            struct membership_waiter *waiter = LIST_ITEM(node, struct membership_waiter, node);
            if (waiter->until > now)
                continue;
            list_remove(node);
            member->streams--;
            membership->stats.waiting--;
            membership->stats.refused++;
            membership->sink.refuse(membership->sink.ctx, waiter, why);
        }
        if (member->streams == 0 && !member->asked) {
            list_remove(&member->changed);
            list_push_back(&gone, &member->changed);
        }
    }
    LIST_EACH (node, &gone)
        drop_if_left(membership, LIST_ITEM(node, struct member, changed));
}

/* ---- what is captured ---- */

static void suspend(struct right *right, bool lost)
{
    if (right->now == STANDS)
        right->now = STANDS_SUSPENDED;
    right->lost = right->lost || lost;
}

static void touched(struct membership *membership, struct member *member)
{
    if (member->state == MEMBER_LIVE)
        move(member, MEMBER_SUSPENDED);
    note(membership, member);
    ask(membership, member);
}

void membership_touch(struct membership *membership, struct str user, struct str scope, bool lost)
{
    struct member *member = find(membership, user);
    if (!member)
        return;
    struct right *right = find_right(membership, member, scope);
    if (right)
        suspend(right, lost);
    touched(membership, member);
}

static void touch_member(struct membership *membership, struct member *member)
{
    size_t cursor = 0;
    struct right *right;
    while ((right = table_next(&member->rights, &cursor)))
        suspend(right, true);
    touched(membership, member);
}

void membership_touch_user(struct membership *membership, struct str user)
{
    struct member *member = find(membership, user);
    if (member)
        touch_member(membership, member);
}

/* Everybody is asked about: who may have come is not known either. */
void membership_touch_scope(struct membership *membership, struct str scope)
{
    size_t cursor = 0;
    struct member *member;
    while ((member = table_next(&membership->members, &cursor))) {
        struct right *right = find_right(membership, member, scope);
        if (right)
            suspend(right, true);
        touched(membership, member);
    }
}

void membership_touch_all(struct membership *membership)
{
    size_t cursor = 0;
    struct member *member;
    while ((member = table_next(&membership->members, &cursor)))
        touch_member(membership, member);
}

/* ---- what is answered ---- */

static void hold(struct membership *membership, struct member *member, struct str scope)
{
    struct right *right = find_right(membership, member, scope);
    if (!right) {
        right = mem_new(sizeof *right + scope.n);
        right->hash = hash_of(membership, scope);
        right->n = scope.n;
        memcpy(right->scope, scope.p, scope.n);
        table_add(&member->rights, right);
    }
    right->now = STANDS;
    right->seen = member->answers;
}

void membership_answer(struct membership *membership, struct roll_question *question,
                       const struct roll_answer *answer)
{
    struct member *member =
        (struct member *)(void *)((char *)question - offsetof(struct member, question));
    bool again = member->again && !(answer->ok && answer->exact);
    CHECK(member->asked);
    list_remove(&question->node);
    member->asked = member->again = false;
    if (member->streams == 0) {
        drop_if_left(membership, member);
        return;
    }
    if (!answer->ok) {
        membership->stats.failures++;
        member->failed = true;
        return;
    }
    if (again) { /* it may speak for a moment before that */
        ask(membership, member);
        return;
    }
    member->answers++;
    for (size_t i = 0; i < answer->n; i++)
        hold(membership, member, answer->scopes[i]);
    size_t cursor = 0;
    struct right *right;
    while ((right = table_next(&member->rights, &cursor)))
        if (right->seen != member->answers)
            right->now = STANDS_NOT;
    if (member->state != MEMBER_LIVE)
        move(member, MEMBER_LIVE);
    note(membership, member);
}

void membership_retry(struct membership *membership)
{
    size_t cursor = 0;
    struct member *member;
    while ((member = table_next(&membership->members, &cursor)))
        if (member->failed && !member->asked)
            ask(membership, member);
}

/* ---- what is told ---- */

static void tell(struct membership *membership, struct member *member, struct right *right,
                 enum membership_news news, enum standing told)
{
    right->told = (uint8_t)told;
    membership->stats.news[news]++;
    membership->sink.tell(membership->sink.ctx, member->question.user, name_of(right), news);
}

/* True: there is more to be told, once things may be given. */
static bool tell_right(struct membership *membership, struct member *member, struct right *right,
                       bool all)
{
    if (member->open == 0) { /* nobody listens; who is admitted gets a list */
        right->told = right->now;
        right->lost = false;
    }
    if (right->told == STANDS &&
        (right->now == STANDS_SUSPENDED || (right->now == STANDS && right->lost)))
        tell(membership, member, right, MEMBERSHIP_SUSPENDED, STANDS_SUSPENDED);
    if (right->told != STANDS_NOT && right->now == STANDS_NOT)
        tell(membership, member, right, MEMBERSHIP_REVOKED, STANDS_NOT);
    if (right->now != STANDS) {
        right->lost = right->lost && right->now == STANDS_SUSPENDED;
        return false;
    }
    if (right->told == STANDS)
        return false;
    if (!all)
        return true;
    tell(membership, member, right,
         right->told == STANDS_NOT ? MEMBERSHIP_GRANTED
         : right->lost             ? MEMBERSHIP_RENEWED
                                   : MEMBERSHIP_RESUMED,
         STANDS);
    right->lost = false;
    return false;
}

/* What does not stand and was told so is forgotten. */
static bool tell_rights(struct membership *membership, struct member *member, bool all)
{
    bool more = false;
    size_t cursor = 0, n = 0;
    struct right *right, **gone = NULL;
    while ((right = table_next(&member->rights, &cursor))) {
        more = tell_right(membership, member, right, all) || more;
        if (right->now != STANDS_NOT || right->told != STANDS_NOT)
            continue;
        if (!gone)
            gone = mem_array(member->rights.count, sizeof(struct right *));
        gone[n++] = right;
    }
    for (size_t i = 0; i < n; i++) {
        table_remove(&member->rights, gone[i]);
        free(gone[i]);
    }
    free(gone);
    return more;
}

static void admit_all(struct membership *membership, struct member *member)
{
    struct str *scopes = mem_array(member->rights.count + 1, sizeof *scopes);
    size_t n = 0, cursor = 0;
    struct right *right;
    while ((right = table_next(&member->rights, &cursor)))
        if (right->now == STANDS)
            scopes[n++] = name_of(right);
    LIST_EACH (node, &member->waiters) {
        list_remove(node);
        member->open++;
        membership->stats.waiting--;
        membership->stats.admitted++;
        membership->sink.admit(membership->sink.ctx,
                               LIST_ITEM(node, struct membership_waiter, node), scopes, n);
    }
    free(scopes);
}

void membership_flush(struct membership *membership, bool all)
{
    LIST_EACH (node, &membership->changed) {
        struct member *member = LIST_ITEM(node, struct member, changed);
        bool more = tell_rights(membership, member, all);
        if (member->state != MEMBER_LIVE)
            more = false; /* its answer notes it again */
        else if (!list_empty(&member->waiters) && all)
            admit_all(membership, member);
        else
            more = more || !list_empty(&member->waiters);
        if (!more)
            list_remove(&member->changed);
    }
}

void membership_stats(const struct membership *membership, struct membership_stats *stats)
{
    size_t cursor = 0, right_cursor;
    const struct member *member;
    const struct right *right;
    *stats = membership->stats;
    stats->members = membership->members.count;
    while ((member = table_next(&membership->members, &cursor))) {
        stats->pending += member->state == MEMBER_PENDING;
        stats->suspended += member->state == MEMBER_SUSPENDED;
        right_cursor = 0;
        while ((right = table_next(&member->rights, &right_cursor)))
            stats->rights += right->now == STANDS;
    }
}
