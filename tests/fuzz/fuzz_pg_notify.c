/* Payloads of NOTIFY: what is taken is well-formed, what is refused has a sentence. The first byte
 * says whose trigger it is, and how much memory there is. */
#include "base/check.h"
#include "base/utf8.h"
#include "wire/pg_notify.h"

static void check_notify(const struct pg_notify *notify)
{
    if (notify->kind == PG_NOTIFY_CANARY) {
        CHECK(notify->canary.n > 0 && notify->n == 0);
        return;
    }
    CHECK(notify->table.n > 0);
    CHECK(notify->kind != PG_NOTIFY_OVERFLOW || notify->n == 1);
    for (size_t i = 0; i < notify->n; i++) {
        const struct change *change = &notify->changes[i];
        CHECK(str_equal(change->resource, notify->table));
        CHECK(change->action == change_action_of(change->action_name));
        for (size_t k = 0; k < change->n_fields; k++) {
            const struct change_field *field = &change->fields[k];
            CHECK(change->action != CHANGE_CREATED || field->before.type == VALUE_ABSENT);
            CHECK(change->action != CHANGE_DELETED || field->after.type == VALUE_ABSENT);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena;
    struct pg_notify notify;
    struct err err = ERR_INIT;
    struct str payload = {.p = (const char *)data + 1, .n = size - 1};
    arena_init(&arena, data[0] & 2 ? 2000 : 1 << 20);
    if (data[0] & 1 ? pg_notify_parse_foreign(payload, &arena, &notify, &err)
                    : pg_notify_parse(payload, &arena, &notify, &err))
        check_notify(&notify);
    else
        CHECK(err.text[0]);
    arena_free(&arena);
    return 0;
}
