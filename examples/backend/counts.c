#include "counts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct counts {
    pthread_mutex_t lock;
    json_t *lines;
};

struct counts *counts_new(void)
{
    struct counts *counts = calloc(1, sizeof *counts);

    if (counts == NULL)
        return NULL;
    counts->lines = json_object();
    if (counts->lines == NULL || pthread_mutex_init(&counts->lock, NULL) != 0) {
        json_decref(counts->lines);
        free(counts);
        return NULL;
    }
    return counts;
}

void counts_free(struct counts *counts)
{
    if (counts == NULL)
        return;
    pthread_mutex_destroy(&counts->lock);
    json_decref(counts->lines);
    free(counts);
}

void counts_add(struct counts *counts, const char *method, const char *target)
{
    char line[1024];
    const char *key = line;
    json_t *count;

    snprintf(line, sizeof line, "%s %s", method, target);
    pthread_mutex_lock(&counts->lock);
    count = json_object_get(counts->lines, key);
    if (count == NULL && json_object_size(counts->lines) >= COUNTS_MAX) {
        key = "(other)";
        count = json_object_get(counts->lines, key);
    }
    json_object_set_new(counts->lines, key, json_integer(json_integer_value(count) + 1));
    pthread_mutex_unlock(&counts->lock);
}

void counts_clear(struct counts *counts)
{
    pthread_mutex_lock(&counts->lock);
    json_object_clear(counts->lines);
    pthread_mutex_unlock(&counts->lock);
}

json_t *counts_json(struct counts *counts)
{
    json_t *copy;

    pthread_mutex_lock(&counts->lock);
    copy = json_deep_copy(counts->lines);
    pthread_mutex_unlock(&counts->lock);
    return copy;
}
