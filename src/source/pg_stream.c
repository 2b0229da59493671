#include "source/pg_stream.h"

#include "base/mem.h"

#include <stdlib.h>

struct pg_stream {
    const struct watch *watch;
    const struct pg_stream_ops *ops;
    void *ctx;
    struct pgoutput decoder;
    struct pg_relations *relations;
    struct pg_stand stand;
    bool wants_reply;
    /* The transaction that the server is sending. */
    uint32_t xid;
    uint64_t commit_lsn, time_ms;
    int64_t time_us;
    bool skip;     /* handed on before */
    bool open;     /* to the sink */
    bool unproven; /* the last transaction of before has to come again */
};

struct pg_stream *pg_stream_new(const struct watch *watch, uint64_t from,
                                const struct pg_stand *before, const struct pg_stream_ops *ops,
                                void *ctx)
{
    struct pg_stream *stream = mem_new(sizeof *stream);
    stream->watch = watch;
    stream->ops = ops;
    stream->ctx = ctx;
    stream->stand = *before;
    stream->unproven = before->last.lsn != 0 && before->last.lsn >= from;
    stream->relations = pg_relations_new(watch);
    return stream;
}

void pg_stream_free(struct pg_stream *stream)
{
    if (!stream)
        return;
    pg_relations_free(stream->relations);
    free(stream);
}

uint64_t pg_stream_applied(const struct pg_stream *stream)
{
    return stream->stand.applied;
}

struct pg_stand pg_stream_stand(const struct pg_stream *stream)
{
    return stream->stand;
}

bool pg_stream_is_open(const struct pg_stream *stream)
{
    return stream->open;
}

struct pg_relations *pg_stream_relations(struct pg_stream *stream)
{
    return stream->relations;
}

bool pg_stream_wants_reply(struct pg_stream *stream)
{
    bool wants = stream->wants_reply;
    stream->wants_reply = false;
    return wants;
}

static void reach(struct pg_stream *stream, uint64_t lsn)
{
    if (lsn > stream->stand.applied)
        stream->stand.applied = lsn;
}

static void end_open(struct pg_stream *stream, uint64_t end)
{
    if (!stream->open)
        return;
    stream->open = false;
    stream->ops->commit(stream->ctx, stream->xid, end);
}

void pg_stream_break(struct pg_stream *stream)
{
    end_open(stream, stream->commit_lsn);
}

static bool open_it(struct pg_stream *stream)
{
    if (!stream->open)
        stream->open = stream->ops->begin(stream->ctx);
    return stream->open;
}

static bool matters(const struct pg_stream *stream, const struct pgoutput_message *message)
{
    if (stream->skip)
        return false;
    if (message->kind == PGOUTPUT_TRUNCATE || stream->watch->every_table)
        return true;
    const struct pg_relation *relation =
        pg_relations_find(stream->relations, message->row.relation);
    return !relation ||
           relation->watched; /* one that was never described is an error, said below */
}

static enum pg_stream_taken take_row(struct pg_stream *stream,
                                     const struct pgoutput_message *message, struct err *err)
{
    const struct pg_relations_sink sink = {.ctx = stream->ctx, .change = stream->ops->change};
    if (!matters(stream, message))
        return PG_STREAM_TAKEN;
    if (!open_it(stream))
        return PG_STREAM_LATER;
    return pg_relations_apply(stream->relations, message, stream->time_ms, &sink, err)
               ? PG_STREAM_TAKEN
               : PG_STREAM_BROKEN;
}

static enum pg_stream_taken
take_description(struct pg_stream *stream, const struct pgoutput_message *message, struct err *err)
{
    enum pg_learned learned;
    const struct pg_relation *relation = NULL;
    if (message->kind == PGOUTPUT_RELATION &&
        !stream->ops->described(stream->ctx, &message->relation))
        return PG_STREAM_LATER;
    if (!pg_relations_learn(stream->relations, message, &learned, &relation, err))
        return PG_STREAM_BROKEN;
    if (message->kind == PGOUTPUT_RELATION && relation)
        stream->ops->learned(stream->ctx, relation, learned);
    return PG_STREAM_TAKEN;
}

static enum pg_stream_taken take_emitted(struct pg_stream *stream,
                                         const struct pgoutput_emitted *emitted)
{
    bool within = stream->decoder.stand != PGOUTPUT_BETWEEN;
    bool done = emitted->transactional ? stream->skip : emitted->lsn < stream->stand.applied;
    if (!str_is(emitted->prefix, "unstale") || done)
        return PG_STREAM_TAKEN;
    if (!within) {
        stream->xid = 0;
        stream->commit_lsn = emitted->lsn;
    }
    if (!open_it(stream))
        return PG_STREAM_LATER;
    stream->ops->emitted(stream->ctx, emitted->content);
    if (!within) {
        end_open(stream, emitted->lsn);
        reach(stream, emitted->lsn);
    }
    return PG_STREAM_TAKEN;
}

/* What begins now was sent before, as it is, or is new and what was sent before came again. */
static bool is_known(struct pg_stream *stream)
{
    const struct pg_commit *last = &stream->stand.last;
    if (!stream->skip)
        return !stream->unproven;
    if (stream->commit_lsn != last->lsn)
        return stream->commit_lsn < last->lsn;
    stream->unproven = false;
    return stream->xid == last->xid && stream->time_us == last->time_us;
}

static enum pg_stream_taken take_message(struct pg_stream *stream,
                                         const struct pgoutput_message *message, struct err *err)
{
    switch (message->kind) {
    case PGOUTPUT_BEGIN:
        stream->xid = message->begin.xid;
        stream->commit_lsn = message->begin.commit_lsn;
        stream->time_us = message->begin.commit_us;
        stream->time_ms = pgoutput_unix_ms(message->begin.commit_us);
        stream->skip = message->begin.commit_lsn < stream->stand.applied;
        return is_known(stream) ? PG_STREAM_TAKEN : PG_STREAM_OTHER;
    case PGOUTPUT_COMMIT:
        end_open(stream, message->commit.end_lsn);
        if (!stream->skip)
            stream->stand.last = (struct pg_commit){
                .lsn = stream->commit_lsn, .xid = stream->xid, .time_us = stream->time_us};
        stream->skip = false;
        reach(stream, message->commit.end_lsn);
        return PG_STREAM_TAKEN;
    case PGOUTPUT_ORIGIN:
        return PG_STREAM_TAKEN;
    case PGOUTPUT_RELATION:
    case PGOUTPUT_TYPE:
        return take_description(stream, message, err);
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
    case PGOUTPUT_TRUNCATE:
        return take_row(stream, message, err);
    case PGOUTPUT_MESSAGE:
        return take_emitted(stream, &message->emitted);
    }
    return PG_STREAM_TAKEN;
}

enum pg_stream_taken pg_stream_take(struct pg_stream *stream, struct str bytes, struct err *err)
{
    struct pgoutput_frame frame;
    struct pgoutput_message message;
    const struct pgoutput before = stream->decoder;
    if (!pgoutput_frame(bytes, &frame, err))
        return PG_STREAM_BROKEN;
    if (frame.keepalive) {
        stream->wants_reply = stream->wants_reply || frame.reply;
        /* The server has read so far and had nothing for us: an idle publication pins no WAL. */
        if (stream->decoder.stand != PGOUTPUT_BETWEEN)
            return PG_STREAM_TAKEN;
        if (stream->unproven && frame.end > stream->stand.last.lsn)
            return PG_STREAM_OTHER;
        reach(stream, frame.end);
        return PG_STREAM_TAKEN;
    }
    if (!pgoutput_decode(&stream->decoder, frame.data, &message, err))
        return PG_STREAM_BROKEN;
    enum pg_stream_taken taken = take_message(stream, &message, err);
    if (taken == PG_STREAM_LATER)
        stream->decoder = before;
    return taken;
}
