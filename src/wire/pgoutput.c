#include "wire/pgoutput.h"

#include <inttypes.h>
#include <stdio.h>

enum { TRUNCATE_CASCADE = 1, TRUNCATE_RESTART = 2, MESSAGE_TRANSACTIONAL = 1, IS_IDENTITY = 1 };

/* From 1970-01-01 to 2000-01-01. */
static const int64_t EPOCH_US = INT64_C(946684800) * 1000000;

/* ---- fields; what is not there reads as zero and sets `bad` ---- */

struct reader {
    struct str rest;
    bool bad;
};

static struct str take(struct reader *reader, size_t n)
{
    if (reader->bad || n > reader->rest.n) {
        reader->bad = true;
        return (struct str){0};
    }
    struct str bytes = {.p = reader->rest.p, .n = n};
    reader->rest = str_from(reader->rest, n);
    return bytes;
}

static uint64_t take_number(struct reader *reader, size_t n)
{
    struct str bytes = take(reader, n);
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.n; i++)
        number = number << 8 | (uint8_t)bytes.p[i];
    return number;
}

static uint8_t take_u8(struct reader *reader)
{
    return (uint8_t)take_number(reader, 1);
}

static uint16_t take_u16(struct reader *reader)
{
    return (uint16_t)take_number(reader, 2);
}

static uint32_t take_u32(struct reader *reader)
{
    return (uint32_t)take_number(reader, 4);
}

static uint64_t take_u64(struct reader *reader)
{
    return take_number(reader, 8);
}

static struct str take_text(struct reader *reader)
{
    size_t n = str_index(reader->rest, '\0');
    if (n == reader->rest.n)
        reader->bad = true;
    struct str text = take(reader, n);
    take(reader, 1);
    return text;
}

/* ---- frames ---- */

bool pgoutput_frame(struct str bytes, struct pgoutput_frame *frame, struct err *err)
{
    struct reader reader = {.rest = bytes};
    char kind = (char)take_u8(&reader);
    if (reader.bad)
        return err_set(err, "the server sent an empty replication message");
    switch (kind) {
    case 'w':
        *frame = (struct pgoutput_frame){.start = take_u64(&reader)};
        frame->end = take_u64(&reader);
        frame->sent_us = (int64_t)take_u64(&reader);
        frame->data = reader.rest;
        break;
    case 'k':
        *frame = (struct pgoutput_frame){.keepalive = true, .end = take_u64(&reader)};
        frame->sent_us = (int64_t)take_u64(&reader);
        frame->reply = take_u8(&reader) != 0;
        reader.bad = reader.bad || reader.rest.n > 0;
        break;
    default:
        return err_set(err, "the server sent a replication message of the unknown kind 0x%02x",
                       (unsigned)(uint8_t)kind);
    }
    if (reader.bad)
        return err_set(err, "the server sent a %s of %zu bytes, which is not its length",
                       frame->keepalive ? "keepalive" : "piece of WAL", bytes.n);
    return true;
}

static char *put(char *out, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        *out++ = (char)(uint8_t)(number >> shift);
    return out;
}

void pgoutput_status(const struct pgoutput_status *status, char out[PGOUTPUT_STATUS_BYTES])
{
    *out++ = 'r';
    out = put(out, status->written);
    out = put(out, status->flushed);
    out = put(out, status->applied);
    out = put(out, (uint64_t)status->now_us);
    *out = status->reply ? 1 : 0;
}

uint64_t pgoutput_unix_ms(int64_t us)
{
    return us < -EPOCH_US ? 0 : ((uint64_t)us + (uint64_t)EPOCH_US) / 1000;
}

int64_t pgoutput_time_us(uint64_t unix_us)
{
    return (int64_t)(unix_us - (uint64_t)EPOCH_US);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_half(struct str text, uint64_t *half)
{
    *half = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_digit(text.p[i]);
        if (digit < 0)
            return false;
        *half = *half << 4 | (uint64_t)digit;
    }
    return text.n > 0 && text.n <= 8;
}

bool pgoutput_parse_lsn(struct str text, uint64_t *lsn)
{
    size_t slash = str_index(text, '/');
    uint64_t high, low;
    if (!hex_half((struct str){.p = text.p, .n = slash}, &high) ||
        !hex_half(str_from(text, slash + 1), &low))
        return false;
    *lsn = high << 32 | low;
    return true;
}

void pgoutput_format_lsn(uint64_t lsn, char out[PGOUTPUT_LSN_TEXT])
{
    snprintf(out, PGOUTPUT_LSN_TEXT, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
}

/* ---- rows ---- */

/* Looks at every column, so that reading them later cannot fail. */
static struct pgoutput_tuple take_tuple(struct reader *reader)
{
    struct pgoutput_tuple tuple = {.n = take_u16(reader)};
    tuple._rest = reader->rest;
    if (tuple.n > PGOUTPUT_COLUMNS_MAX)
        reader->bad = true;
    for (size_t i = 0; i < tuple.n && !reader->bad; i++) {
        char datum = (char)take_u8(reader);
        if (datum == 't' || datum == 'b')
            take(reader, take_u32(reader));
        else if (datum != 'n' && datum != 'u')
            reader->bad = true;
    }
    if (reader->bad)
        return (struct pgoutput_tuple){0};
    tuple._rest.n -= reader->rest.n;
    return tuple;
}

bool pgoutput_next(struct pgoutput_tuple *tuple, struct pgoutput_column *column)
{
    if (tuple->n == 0)
        return false;
    struct reader reader = {.rest = tuple->_rest};
    *column = (struct pgoutput_column){.datum = PGOUTPUT_NULL};
    char datum = (char)take_u8(&reader);
    if (datum == 'u')
        column->datum = PGOUTPUT_UNCHANGED;
    if (datum == 't' || datum == 'b') {
        column->datum = datum == 't' ? PGOUTPUT_TEXT : PGOUTPUT_BINARY;
        column->bytes = take(&reader, take_u32(&reader));
    }
    tuple->_rest = reader.rest;
    tuple->n--;
    return true;
}

static bool take_old(struct reader *reader, char kind, struct pgoutput_row *row)
{
    if (kind != 'K' && kind != 'O')
        return false;
    row->old_kind = kind == 'K' ? PGOUTPUT_OLD_KEY : PGOUTPUT_OLD_ROW;
    row->before = take_tuple(reader);
    return true;
}

static struct pgoutput_row take_row(struct reader *reader, enum pgoutput_kind kind)
{
    struct pgoutput_row row = {.relation = take_u32(reader)};
    char part = (char)take_u8(reader);
    if (kind != PGOUTPUT_INSERT && take_old(reader, part, &row) && kind == PGOUTPUT_UPDATE)
        part = (char)take_u8(reader);
    if (kind == PGOUTPUT_DELETE) {
        reader->bad = reader->bad || row.old_kind == PGOUTPUT_OLD_NONE;
        return row;
    }
    if (part != 'N')
        reader->bad = true;
    row.after = take_tuple(reader);
    return row;
}

/* ---- relations ---- */

static struct str take_schema(struct reader *reader)
{
    struct str schema = take_text(reader);
    return schema.n > 0 ? schema : STR("pg_catalog");
}

static struct pgoutput_attribute take_attribute(struct reader *reader)
{
    struct pgoutput_attribute attribute = {.identity = take_u8(reader) & IS_IDENTITY};
    attribute.name = take_text(reader);
    attribute.type = take_u32(reader);
    attribute.modifier = (int32_t)take_u32(reader);
    return attribute;
}

static struct pgoutput_relation take_relation(struct reader *reader)
{
    struct pgoutput_relation relation = {.oid = take_u32(reader)};
    relation.schema = take_schema(reader);
    relation.name = take_text(reader);
    relation.identity = (char)take_u8(reader);
    relation.n = take_u16(reader);
    relation.bytes = reader->rest;
    if (relation.n > PGOUTPUT_COLUMNS_MAX || !relation.identity ||
        !strchr("dnfi", relation.identity))
        reader->bad = true;
    for (size_t i = 0; i < relation.n && !reader->bad; i++)
        take_attribute(reader);
    return relation;
}

bool pgoutput_next_attribute(struct pgoutput_relation *relation,
                             struct pgoutput_attribute *attribute)
{
    if (relation->n == 0)
        return false;
    struct reader reader = {.rest = relation->bytes};
    *attribute = take_attribute(&reader);
    relation->bytes = reader.rest;
    relation->n--;
    return true;
}

static struct pgoutput_truncate take_truncate(struct reader *reader)
{
    struct pgoutput_truncate truncate = {.n = take_u32(reader)};
    uint8_t options = take_u8(reader);
    truncate.cascade = options & TRUNCATE_CASCADE;
    truncate.restart_identity = options & TRUNCATE_RESTART;
    truncate._rest = reader->rest;
    if (truncate.n != reader->rest.n / 4)
        reader->bad = true;
    take(reader, reader->rest.n / 4 * 4);
    return truncate;
}

bool pgoutput_next_relation(struct pgoutput_truncate *truncate, uint32_t *oid)
{
    if (truncate->n == 0)
        return false;
    struct reader reader = {.rest = truncate->_rest};
    *oid = take_u32(&reader);
    truncate->_rest = reader.rest;
    truncate->n--;
    return true;
}

/* ---- messages ---- */

static const struct {
    char byte;
    const char *name;
} kinds[] = {
    [PGOUTPUT_BEGIN] = {'B', "BEGIN"},       [PGOUTPUT_COMMIT] = {'C', "COMMIT"},
    [PGOUTPUT_ORIGIN] = {'O', "ORIGIN"},     [PGOUTPUT_RELATION] = {'R', "RELATION"},
    [PGOUTPUT_TYPE] = {'Y', "TYPE"},         [PGOUTPUT_INSERT] = {'I', "INSERT"},
    [PGOUTPUT_UPDATE] = {'U', "UPDATE"},     [PGOUTPUT_DELETE] = {'D', "DELETE"},
    [PGOUTPUT_TRUNCATE] = {'T', "TRUNCATE"}, [PGOUTPUT_MESSAGE] = {'M', "MESSAGE"},
};

enum { KINDS = sizeof kinds / sizeof *kinds, STANDS = PGOUTPUT_WITHIN + 1, REFUSED = -1 };

/* What may follow what, and where the stream stands then. */
static const int follows[STANDS][KINDS] = {
    [PGOUTPUT_BETWEEN] =
        {
            [PGOUTPUT_BEGIN] = PGOUTPUT_OPENED,
            [PGOUTPUT_COMMIT] = REFUSED,
            [PGOUTPUT_ORIGIN] = REFUSED,
            [PGOUTPUT_RELATION] = REFUSED,
            [PGOUTPUT_TYPE] = REFUSED,
            [PGOUTPUT_INSERT] = REFUSED,
            [PGOUTPUT_UPDATE] = REFUSED,
            [PGOUTPUT_DELETE] = REFUSED,
            [PGOUTPUT_TRUNCATE] = REFUSED,
            [PGOUTPUT_MESSAGE] = REFUSED,
        },
    [PGOUTPUT_OPENED] =
        {
            [PGOUTPUT_BEGIN] = REFUSED,
            [PGOUTPUT_COMMIT] = PGOUTPUT_BETWEEN,
            [PGOUTPUT_ORIGIN] = PGOUTPUT_WITHIN,
            [PGOUTPUT_RELATION] = PGOUTPUT_WITHIN,
            [PGOUTPUT_TYPE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_INSERT] = PGOUTPUT_WITHIN,
            [PGOUTPUT_UPDATE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_DELETE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_TRUNCATE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_MESSAGE] = PGOUTPUT_WITHIN,
        },
    [PGOUTPUT_WITHIN] =
        {
            [PGOUTPUT_BEGIN] = REFUSED,
            [PGOUTPUT_COMMIT] = PGOUTPUT_BETWEEN,
            [PGOUTPUT_ORIGIN] = REFUSED,
            [PGOUTPUT_RELATION] = PGOUTPUT_WITHIN,
            [PGOUTPUT_TYPE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_INSERT] = PGOUTPUT_WITHIN,
            [PGOUTPUT_UPDATE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_DELETE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_TRUNCATE] = PGOUTPUT_WITHIN,
            [PGOUTPUT_MESSAGE] = PGOUTPUT_WITHIN,
        },
};

static bool find_kind(char byte, enum pgoutput_kind *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].byte == byte) {
            *kind = (enum pgoutput_kind)i;
            return true;
        }
    return false;
}

static void take_message(struct reader *reader, struct pgoutput_message *message)
{
    switch (message->kind) {
    case PGOUTPUT_BEGIN:
        message->begin.commit_lsn = take_u64(reader);
        message->begin.commit_us = (int64_t)take_u64(reader);
        message->begin.xid = take_u32(reader);
        break;
    case PGOUTPUT_COMMIT:
        take_u8(reader); /* flags, none is used */
        message->commit.commit_lsn = take_u64(reader);
        message->commit.end_lsn = take_u64(reader);
        message->commit.commit_us = (int64_t)take_u64(reader);
        break;
    case PGOUTPUT_ORIGIN:
        message->origin.lsn = take_u64(reader);
        message->origin.name = take_text(reader);
        break;
    case PGOUTPUT_RELATION:
        message->relation = take_relation(reader);
        break;
    case PGOUTPUT_TYPE:
        message->type.oid = take_u32(reader);
        message->type.schema = take_schema(reader);
        message->type.name = take_text(reader);
        break;
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        message->row = take_row(reader, message->kind);
        break;
    case PGOUTPUT_TRUNCATE:
        message->truncate = take_truncate(reader);
        break;
    case PGOUTPUT_MESSAGE:
        message->emitted.transactional = take_u8(reader) & MESSAGE_TRANSACTIONAL;
        message->emitted.lsn = take_u64(reader);
        message->emitted.prefix = take_text(reader);
        message->emitted.content = take(reader, take_u32(reader));
        break;
    }
}

static bool move(struct pgoutput *pgoutput, const struct pgoutput_message *message, struct err *err)
{
    static const char *const stands[] = {
        [PGOUTPUT_BETWEEN] = "between two transactions",
        [PGOUTPUT_OPENED] = "at the begin of a transaction",
        [PGOUTPUT_WITHIN] = "within a transaction",
    };
    if (message->kind == PGOUTPUT_MESSAGE && !message->emitted.transactional)
        return true;
    int next = follows[pgoutput->stand][message->kind];
    if (next == REFUSED)
        return err_set(err, "pgoutput: the server sent %s %s", kinds[message->kind].name,
                       stands[pgoutput->stand]);
    if (message->kind == PGOUTPUT_COMMIT && message->commit.commit_lsn != pgoutput->commit_lsn)
        return err_set(err, "pgoutput: the server sent the COMMIT of another transaction");
    if (message->kind == PGOUTPUT_BEGIN)
        pgoutput->commit_lsn = message->begin.commit_lsn;
    pgoutput->stand = (enum pgoutput_stand)next;
    return true;
}

bool pgoutput_decode(struct pgoutput *pgoutput, struct str bytes, struct pgoutput_message *message,
                     struct err *err)
{
    struct reader reader = {.rest = bytes};
    char byte = (char)take_u8(&reader);
    if (reader.bad)
        return err_set(err, "pgoutput: the server sent an empty message");
    *message = (struct pgoutput_message){.kind = PGOUTPUT_BEGIN};
    if (!find_kind(byte, &message->kind))
        return err_set(err, "pgoutput: the server sent a message of the unknown kind 0x%02x",
                       (unsigned)(uint8_t)byte);
    take_message(&reader, message);
    if (reader.bad || reader.rest.n > 0)
        return err_set(err, "pgoutput: the server sent %s in %zu bytes, which cannot be read",
                       kinds[message->kind].name, bytes.n);
    return move(pgoutput, message, err);
}
