/* A replication stream: messages with their lengths (two bytes) in front, told to tables that
 * somebody watches. The first byte says whether all tables are watched. Each message is also read
 * as a frame. What is decoded twice gives the same. */
#include "pg_rig.h"

#include "base/check.h"

#include <stdlib.h>

static void look_at_frame(struct str bytes)
{
    struct pgoutput_frame frame;
    struct err err = ERR_INIT;
    uint64_t lsn;
    if (!pgoutput_frame(bytes, &frame, &err))
        CHECK(err.text[0]);
    else if (frame.data.n > 0)
        CHECK(frame.data.p >= bytes.p && frame.data.p + frame.data.n == bytes.p + bytes.n);
    pgoutput_parse_lsn(bytes, &lsn);
}

static void run(struct str stream, bool every_table, struct buf *out)
{
    struct pg_rig rig;
    pg_rig_open(&rig, every_table, out);
    while (stream.n >= 2) {
        size_t n = (size_t)(uint8_t)stream.p[0] << 8 | (uint8_t)stream.p[1];
        stream = str_from(stream, 2);
        n = n < stream.n ? n : stream.n;
        /* Of exactly its length, so that the sanitizer sees what reads behind it. */
        char *exact = malloc(n ? n : 1);
        CHECK(exact);
        if (n > 0)
            memcpy(exact, stream.p, n);
        struct str message = {.p = exact, .n = n};
        look_at_frame(message);
        pg_rig_message(&rig, message);
        free(exact);
        stream = str_from(stream, n);
    }
    pg_rig_close(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str stream = {.p = (const char *)data + 1, .n = size - 1};
    struct buf once = BUF_INIT(PG_RIG_TEXT), again = BUF_INIT(PG_RIG_TEXT);
    run(stream, data[0] & 1, &once);
    run(stream, data[0] & 1, &again);
    CHECK(str_equal(buf_slice(&once), buf_slice(&again)));
    buf_free(&once);
    buf_free(&again);
    return 0;
}
