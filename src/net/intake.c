#include "net/intake.h"

#include "base/mem.h"
#include "net/conn.h"

#include <stdlib.h>

enum { SPARE_MAX = 32 };

static void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    http_reader_free(intake->reader);
    free(intake->rest);
    free(intake);
}

struct intake *intake_take(struct conn_host *host)
{
    struct intake *intake = host->spare;
    if (intake) {
        host->spare = intake->next;
        host->n_spare--;
        http_reader_clear(intake->reader, &host->limits.http);
        return intake;
    }
    intake = mem_try(sizeof *intake);
    if (!intake)
        return NULL;
    *intake = (struct intake){.reader = http_reader_new(&host->limits.http)};
    if (intake->reader)
        return intake;
    free(intake);
    return NULL;
}

void intake_give(struct conn_host *host, struct intake *intake)
{
    if (!intake || host->n_spare == SPARE_MAX) {
        intake_free(intake);
        return;
    }
    free(intake->rest);
    intake->rest = NULL;
    http_reader_clear(intake->reader, &host->limits.http);
    intake->next = host->spare;
    host->spare = intake;
    host->n_spare++;
}

void intake_free_spare(struct conn_host *host)
{
    while (host->spare) {
        struct intake *next = host->spare->next;
        intake_free(host->spare);
        host->spare = next;
    }
}
