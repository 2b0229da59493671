#include "source/pg_survey.h"

#include "base/mem.h"

#include <stdlib.h>

enum { SERVER_MEMORY = 64 * 1024, NAMES_MAX = 4 << 20, MEND_MAX = 1 << 20 };

struct facts {
    struct arena arena;
    struct pg_server server;
    struct pg_catalog *catalog;
    struct pg_verdicts *verdicts;
};

struct pg_survey {
    struct pg_survey_options options;
    struct buf names;
    bool under_way, wal_moved;
    struct facts *now, *next;
};

static void facts_free(struct facts *facts)
{
    if (!facts)
        return;
    pg_verdicts_free(facts->verdicts);
    pg_catalog_free(facts->catalog);
    arena_free(&facts->arena);
    free(facts);
}

struct pg_survey *pg_survey_new(const struct pg_survey_options *options)
{
    struct pg_survey *survey = mem_new(sizeof *survey);
    survey->options = *options;
    survey->names = BUF_INIT(NAMES_MAX);
    pg_catalog_names(options->watch, &survey->names);
    buf_byte(&survey->names, '\0');
    return survey;
}

void pg_survey_free(struct pg_survey *survey)
{
    if (!survey)
        return;
    facts_free(survey->now);
    facts_free(survey->next);
    buf_free(&survey->names);
    free(survey);
}

/* ---- what became of the tables ---- */

static bool is_captured(const struct pg_verdict *verdict)
{
    return verdict && pg_finding_is_captured(verdict->finding);
}

static void compare(struct pg_survey *survey, const struct pg_verdicts *old,
                    const struct pg_verdicts *new)
{
    for (size_t i = 0; i < new->n; i++) {
        const struct pg_verdict *verdict = &new->items[i];
        const struct pg_verdict *before = pg_verdicts_find(old, verdict->resource);
        const char *reason = NULL;
        if (is_captured(verdict) && !is_captured(before))
            reason = "it is captured from now on";
        else if (!is_captured(verdict) && is_captured(before))
            reason = "it is not captured any more";
        else if (is_captured(verdict) && before->mark != verdict->mark)
            reason = "the table, its partitions or its place in the publication are others";
        if (reason)
            survey->options.missed(survey->options.ctx, verdict->resource, reason);
    }
    for (size_t i = 0; i < old->n; i++)
        if (is_captured(&old->items[i]) && !pg_verdicts_find(new, old->items[i].resource))
            survey->options.missed(survey->options.ctx, old->items[i].resource,
                                   "the table is gone");
}

/* "; run: SQL" on one line; nothing where there is none. To be freed. */
static struct buf what_mends(const struct pg_verdict *verdict)
{
    struct buf text = BUF_INIT(MEND_MAX);
    if (verdict->sql.n)
        buf_text(&text, "; run: ");
    for (size_t i = 0; i < verdict->sql.n; i++)
        buf_byte(&text, verdict->sql.p[i] == '\n' ? ' ' : verdict->sql.p[i]);
    return text;
}

static void say_found(const struct pg_survey *survey, const struct pg_verdict *verdict)
{
    const struct pg_survey_options *options = &survey->options;
    struct buf mend = what_mends(verdict);
    if (verdict->finding == PG_COVERED)
        log_info(options->log, "postgres", "%s: table %.*s is captured", options->name,
                 STR_ARG(verdict->resource));
    else if (verdict->finding != PG_MISSING || options->alone)
        log_warn(
            options->log, "postgres", "%s: %.*s%s%.*s", options->name, STR_ARG(verdict->problem),
            verdict->finding == PG_COLUMN
                ? ": what its rule marks is wider than it has to be until one of them is mended"
                : "",
            STR_ARG(buf_slice(&mend)));
    buf_free(&mend);
}

static void tell_found(const struct pg_survey *survey, const struct pg_verdicts *old,
                       const struct pg_verdicts *new)
{
    for (size_t i = 0; i < new->n; i++) {
        const struct pg_verdict *verdict = &new->items[i];
        const struct pg_verdict *before = old ? pg_verdicts_find(old, verdict->resource) : NULL;
        enum pg_finding last = before ? before->finding : PG_COVERED;
        if (last != verdict->finding || (before && !str_equal(before->problem, verdict->problem)))
            say_found(survey, verdict);
    }
}

/* ---- asking ---- */

static void end(struct pg_survey *survey, const char *why)
{
    survey->under_way = false;
    facts_free(survey->next);
    survey->next = NULL;
    survey->options.done(survey->options.ctx, why);
}

static void on_tables(void *ctx, const PGresult *result)
{
    struct pg_survey *survey = ctx;
    struct facts *next = survey->next, *old = survey->now;
    struct err err = ERR_INIT;
    next->catalog = result ? pg_catalog_read(result, &err) : NULL;
    if (next->catalog)
        next->verdicts =
            pg_catalog_judge(next->catalog, survey->options.watch, survey->options.publication);
    if (!next->verdicts) {
        end(survey, err.text[0] ? err.text : "the connection was lost");
        return;
    }
    survey->wal_moved = old && !str_equal(old->server.wal, next->server.wal);
    if (old)
        compare(survey, old->verdicts, next->verdicts);
    tell_found(survey, old ? old->verdicts : NULL, next->verdicts);
    survey->now = next;
    survey->next = NULL;
    facts_free(old);
    end(survey, NULL);
}

static void on_server(void *ctx, const PGresult *result)
{
    struct pg_survey *survey = ctx;
    struct err err = ERR_INIT;
    if (!result || !pg_catalog_server(result, &survey->next->arena, &survey->next->server, &err)) {
        end(survey, err.text[0] ? err.text : "the connection was lost");
        return;
    }
    const char *const values[] = {survey->options.publication, survey->names.data,
                                  survey->options.watch->every_table ? "t" : "f"};
    pg_side_ask(survey->options.side, pg_catalog_tables_sql, 3, values, on_tables, survey);
}

bool pg_survey_begin(struct pg_survey *survey)
{
    if (survey->under_way)
        return true;
    if (!pg_side_ready(survey->options.side))
        return false;
    survey->under_way = true;
    survey->next = mem_new(sizeof *survey->next);
    arena_init(&survey->next->arena, SERVER_MEMORY);
    const char *const values[] = {survey->options.publication};
    pg_side_ask(survey->options.side, pg_catalog_server_sql, 1, values, on_server, survey);
    return true;
}

const struct pg_server *pg_survey_server(const struct pg_survey *survey)
{
    return survey->now ? &survey->now->server : NULL;
}

const struct pg_catalog *pg_survey_catalog(const struct pg_survey *survey)
{
    return survey->now ? survey->now->catalog : NULL;
}

const struct pg_verdicts *pg_survey_verdicts(const struct pg_survey *survey)
{
    return survey->now ? survey->now->verdicts : NULL;
}

void pg_survey_teach(const struct pg_survey *survey, struct pg_relations *relations, uint32_t oid)
{
    const struct pg_catalog *catalog = pg_survey_catalog(survey);
    const struct pg_table *table = pg_catalog_find(catalog, oid);
    const struct pg_table *root = table ? pg_catalog_find(catalog, table->root) : NULL;
    size_t n = 0;
    if (!root)
        return;
    if (root != table)
        pg_relations_set_root(relations, oid, root->schema, root->name);
    struct str *key = mem_array(table->n_columns + 1, sizeof *key);
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].key)
            key[n++] = table->columns[i].name;
    pg_relations_set_key(relations, oid, key, n);
    free(key);
}

bool pg_survey_wal_moved(const struct pg_survey *survey)
{
    return survey->wal_moved;
}

bool pg_survey_is_trouble(const struct pg_survey *survey, const struct pg_verdict *verdict)
{
    if (pg_finding_is_captured(verdict->finding))
        return false;
    return verdict->finding != PG_MISSING || survey->options.alone;
}

size_t pg_survey_trouble(const struct pg_survey *survey, struct err *sentence)
{
    const struct pg_verdicts *verdicts = pg_survey_verdicts(survey);
    const struct pg_verdict *first = NULL;
    size_t n = 0;
    for (size_t i = 0; verdicts && i < verdicts->n; i++) {
        if (!pg_survey_is_trouble(survey, &verdicts->items[i]))
            continue;
        n++;
        first = first ? first : &verdicts->items[i];
    }
    if (first) {
        struct buf mend = what_mends(first);
        err_set(sentence, "%.*s%s%.*s", STR_ARG(first->problem),
                n > 1 ? " (and there is more of that kind)" : "", STR_ARG(buf_slice(&mend)));
        buf_free(&mend);
    }
    return n;
}

size_t pg_survey_wide(const struct pg_survey *survey)
{
    const struct pg_verdicts *verdicts = pg_survey_verdicts(survey);
    size_t n = 0;
    for (size_t i = 0; verdicts && i < verdicts->n; i++)
        n += verdicts->items[i].finding == PG_WIDE || verdicts->items[i].finding == PG_COLUMN;
    return n;
}
