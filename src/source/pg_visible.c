#include "source/pg_visible.h"

#include "base/mem.h"

#include <stdlib.h>

struct entry {
    uint64_t end;
    uint32_t xid;
    bool running;
};

struct pg_visible {
    struct entry entries[PG_VISIBLE_MAX];
    size_t n;
    bool crowded; /* all that were there when there was no room, as one */
    struct entry crowd;
};

struct pg_visible *pg_visible_new(void)
{
    return mem_new(sizeof(struct pg_visible));
}

void pg_visible_free(struct pg_visible *visible)
{
    free(visible);
}

/* Is `a` the later number, in the circle of 32 bits? */
static bool is_later(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(0x80000000);
}

static void join_crowd(struct pg_visible *visible, const struct entry *entry)
{
    struct entry *crowd = &visible->crowd;
    if (!visible->crowded)
        *crowd = *entry;
    visible->crowded = true;
    if (is_later(entry->xid, crowd->xid))
        crowd->xid = entry->xid;
    if (entry->end > crowd->end)
        crowd->end = entry->end;
}

void pg_visible_add(struct pg_visible *visible, uint32_t xid, uint64_t end)
{
    if (visible->n == PG_VISIBLE_MAX) {
        for (size_t i = 0; i < visible->n; i++)
            join_crowd(visible, &visible->entries[i]);
        visible->n = 0;
    }
    visible->entries[visible->n++] = (struct entry){.xid = xid, .end = end};
}

void pg_visible_move(struct pg_visible *into, struct pg_visible *from)
{
    if (from->crowded)
        join_crowd(into, &from->crowd);
    for (size_t i = 0; i < from->n; i++)
        pg_visible_add(into, from->entries[i].xid, from->entries[i].end);
    pg_visible_clear(from);
}

size_t pg_visible_left(const struct pg_visible *visible)
{
    return visible->n + visible->crowded;
}

void pg_visible_clear(struct pg_visible *visible)
{
    visible->n = 0;
    visible->crowded = false;
}

/* ---- snapshots ---- */

/* A decimal number off the front of `rest`; false when there is none, or it is too large. */
static bool take_number(struct str *rest, uint64_t *number)
{
    size_t n = 0;
    *number = 0;
    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9') {
        uint64_t digit = (uint64_t)(rest->p[n] - '0');
        if (*number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
        n++;
    }
    *rest = str_from(*rest, n);
    return n > 0;
}

static bool take_byte(struct str *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = str_from(*rest, 1);
    return true;
}

/* The running transactions come after the two bounds; `rest` is left at the first of them. */
static bool take_bounds(struct str *rest, uint64_t *xmin, uint64_t *xmax)
{
    return take_number(rest, xmin) && take_byte(rest, ':') && take_number(rest, xmax) &&
           take_byte(rest, ':');
}

static bool take_running(struct str *rest, uint64_t *xid)
{
    if (!take_number(rest, xid))
        return false;
    return rest->n == 0 || take_byte(rest, ',');
}

static bool is_snapshot(struct str text)
{
    uint64_t number;
    if (!take_bounds(&text, &number, &number))
        return false;
    while (text.n)
        if (!take_running(&text, &number))
            return false;
    return true;
}

/* Transactions are numbered with 32 bits in the WAL: the 64-bit number that is nearest to xmax. */
static uint64_t widen(uint32_t xid, uint64_t xmax)
{
    uint64_t wide = (xmax & ~UINT64_C(0xffffffff)) | xid;
    if (wide > xmax && wide - xmax > UINT64_C(0x80000000) && wide > UINT64_C(0xffffffff))
        return wide - UINT64_C(0x100000000);
    if (wide < xmax && xmax - wide > UINT64_C(0x80000000))
        return wide + UINT64_C(0x100000000);
    return wide;
}

bool pg_visible_see(struct pg_visible *visible, struct str snapshot, uint64_t replayed)
{
    uint64_t xmin = 0, xmax = 0, xid = 0;
    size_t left = 0;
    if (!is_snapshot(snapshot))
        return false;
    struct str rest = snapshot;
    take_bounds(&rest, &xmin, &xmax);
    if (visible->crowded && widen(visible->crowd.xid, xmax) < xmin &&
        visible->crowd.end <= replayed)
        visible->crowded = false;
    for (size_t i = 0; i < visible->n; i++) {
        struct entry *entry = &visible->entries[i];
        bool ended = entry->xid == 0 || widen(entry->xid, xmax) < xmax;
        entry->running = !ended || entry->end > replayed;
    }
    while (rest.n && take_running(&rest, &xid))
        for (size_t i = 0; i < visible->n; i++)
            if (widen(visible->entries[i].xid, xmax) == xid)
                visible->entries[i].running = true;
    for (size_t i = 0; i < visible->n; i++)
        if (visible->entries[i].running)
            visible->entries[left++] = visible->entries[i];
    visible->n = left;
    return true;
}

bool pg_visible_add_running(struct pg_visible *visible, struct str snapshot)
{
    uint64_t xmin = 0, xmax = 0, xid = 0;
    if (!is_snapshot(snapshot))
        return false;
    take_bounds(&snapshot, &xmin, &xmax);
    while (snapshot.n && take_running(&snapshot, &xid))
        pg_visible_add(visible, (uint32_t)xid, 0);
    return true;
}
