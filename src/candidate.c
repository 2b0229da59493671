#include "candidate.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/databases.h"
#include "config/watch_of.h"

#include <stdlib.h>

enum { WATCH_MAX = 16 * 1024 * 1024 };

struct job {
    uv_work_t work;
    struct candidate *candidate;
    char *file;
    const struct log *log;
    void (*done)(void *ctx, struct candidate *candidate);
    void *ctx;
};

/* As at the start: what a database that is absent says, its source says itself. */
static void note(void *ctx, const char *path, enum databases_finding finding, struct place at,
                 const char *sentence)
{
    const struct log *log = ctx;
    if (finding == DATABASE_NO_TABLE)
        log_warn(log, "config", "line %u: %s; its changes have to come from elsewhere", at.line,
                 sentence);
}

static bool load(struct candidate *candidate, const char *file, const struct log *log)
{
    struct place at = {0};
    struct err *err = &candidate->err;
    candidate->config = config_load(file, err);
    if (!candidate->config)
        return false;
    candidate->rules = rules_compile(&candidate->config->rules, &at, err);
    if (!candidate->rules)
        return config_wrong(candidate->config, at, err);
    candidate->watch = watch_of(candidate->config, candidate->rules, &candidate->_arena);
    if (!candidate->watch)
        return err_set(err, "%s: the rules name too many columns", file);
    return databases_check(candidate->config, candidate->watch, note, (void *)(uintptr_t)log, err);
}

static void drop(struct candidate *candidate)
{
    rules_free(candidate->rules);
    config_free(candidate->config);
    candidate->rules = NULL;
    candidate->config = NULL;
    candidate->watch = NULL;
}

static void on_work(uv_work_t *work)
{
    struct job *job = work->data;
    if (!load(job->candidate, job->file, job->log))
        drop(job->candidate);
}

static void on_done(uv_work_t *work, int status)
{
    struct job *job = work->data;
    job->done(job->ctx, job->candidate);
    free(job->file);
    free(job);
}

void candidate_load(uv_loop_t *loop, const char *file, const struct log *log,
                    void (*done)(void *ctx, struct candidate *candidate), void *ctx)
{
    struct job *job = mem_new(sizeof *job);
    struct candidate *candidate = mem_new(sizeof *candidate);
    *candidate = (struct candidate){.err = ERR_INIT};
    arena_init(&candidate->_arena, WATCH_MAX);
    *job = (struct job){.candidate = candidate,
                        .file = mem_copy(file, strlen(file)),
                        .log = log,
                        .done = done,
                        .ctx = ctx};
    job->work.data = job;
    CHECK(uv_queue_work(loop, &job->work, on_work, on_done) == 0);
}

void candidate_free(struct candidate *candidate)
{
    if (!candidate)
        return;
    drop(candidate);
    arena_free(&candidate->_arena);
    free(candidate);
}
