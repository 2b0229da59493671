#include "faults.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct faults {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool released;
    int delay_ms;
    int fail_writes;
    int held;
};

static bool init_sync(struct faults *faults)
{
    pthread_condattr_t attributes;
    bool ok;

    if (pthread_mutex_init(&faults->lock, NULL) != 0)
        return false;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    ok = pthread_cond_init(&faults->woken, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (!ok)
        pthread_mutex_destroy(&faults->lock);
    return ok;
}

struct faults *faults_new(int delay_ms)
{
    struct faults *faults = calloc(1, sizeof *faults);

    if (faults == NULL || !init_sync(faults)) {
        free(faults);
        return NULL;
    }
    faults->delay_ms = delay_ms;
    return faults;
}

void faults_free(struct faults *faults)
{
    if (faults == NULL)
        return;
    pthread_cond_destroy(&faults->woken);
    pthread_mutex_destroy(&faults->lock);
    free(faults);
}

static bool setting(json_t *body, const char *name, int most, int *value, struct problem *problem)
{
    json_t *field = json_object_get(body, name);

    if (field == NULL)
        return true;
    if (!json_is_integer(field) || json_integer_value(field) < 0 ||
        json_integer_value(field) > most)
        return problem_set(problem, 400, "%s must be an integer from 0 to %d", name, most);
    *value = (int)json_integer_value(field);
    return true;
}

bool faults_set(struct faults *faults, json_t *body, struct problem *problem)
{
    int delay_ms, fail_writes;
    bool ok;

    pthread_mutex_lock(&faults->lock);
    delay_ms = faults->delay_ms;
    fail_writes = faults->fail_writes;
    ok = setting(body, "delayMs", FAULTS_MAX_DELAY_MS, &delay_ms, problem) &&
         setting(body, "failWrites", FAULTS_MAX_FAILURES, &fail_writes, problem);
    if (ok) {
        faults->delay_ms = delay_ms;
        faults->fail_writes = fail_writes;
        pthread_cond_broadcast(&faults->woken);
    }
    pthread_mutex_unlock(&faults->lock);
    return ok;
}

json_t *faults_json(struct faults *faults)
{
    json_t *settings;

    pthread_mutex_lock(&faults->lock);
    settings = json_pack("{s:i, s:i, s:i}", "delayMs", faults->delay_ms, "failWrites",
                         faults->fail_writes, "held", faults->held);
    pthread_mutex_unlock(&faults->lock);
    return settings;
}

bool faults_fail_write(struct faults *faults)
{
    bool fail;

    pthread_mutex_lock(&faults->lock);
    fail = faults->fail_writes > 0;
    if (fail)
        faults->fail_writes--;
    pthread_mutex_unlock(&faults->lock);
    return fail;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* When an answer that began to wait at `start` may go, by the present setting. */
static struct timespec end_of_delay(const struct faults *faults, const struct timespec *start)
{
    long nanoseconds = start->tv_nsec + (long)(faults->delay_ms % 1000) * 1000000L;

    return (struct timespec){.tv_sec = start->tv_sec + faults->delay_ms / 1000 +
                                       nanoseconds / 1000000000L,
                             .tv_nsec = nanoseconds % 1000000000L};
}

void faults_wait(struct faults *faults)
{
    struct timespec start, now, end;

    clock_gettime(CLOCK_MONOTONIC, &start);
    pthread_mutex_lock(&faults->lock);
    faults->held++;
    now = start;
    while (!faults->released) {
        end = end_of_delay(faults, &start);
        if (!is_before(&now, &end))
            break;
        pthread_cond_timedwait(&faults->woken, &faults->lock, &end);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    faults->held--;
    pthread_mutex_unlock(&faults->lock);
}

void faults_release(struct faults *faults)
{
    pthread_mutex_lock(&faults->lock);
    faults->released = true;
    pthread_cond_broadcast(&faults->woken);
    pthread_mutex_unlock(&faults->lock);
}
