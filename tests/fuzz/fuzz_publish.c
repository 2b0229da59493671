/* Publish bodies: what is taken is whole and well-formed, what is refused has a sentence. The first
 * byte says which body it is, and how much memory there is. */
#include "base/check.h"
#include "base/utf8.h"
#include "model/key.h"
#include "model/scope.h"
#include "wire/json_quick.h"
#include "wire/publish.h"

static void check_item(const struct publish_item *item)
{
    const struct change *change = &item->change;
    switch (item->kind) {
    case PUBLISH_CHANGE:
        CHECK(change->sparse && change->resource.n && change->action_name.n);
        CHECK(change->action == change_action_of(change->action_name));
        for (size_t i = 0; i < change->n_fields; i++)
            CHECK(change_field(change, change->fields[i].column) == &change->fields[i]);
        break;
    case PUBLISH_MARKS:
        CHECK(scope_is_family(item->marks.scope) || scope_check(item->marks.scope, NULL));
        for (size_t i = 0; i < item->marks.n; i++)
            CHECK(key_check(item->marks.keys[i]));
        break;
    case PUBLISH_NOTICE:
        CHECK(scope_check(item->notice.scope, NULL));
        CHECK(item->notice.type.n && item->notice.data.n && utf8_check(item->notice.data));
        break;
    }
}

/* What is read quickly is what jansson reads. */
static void check_quick(struct str json)
{
    size_t used = 0;
    json_error_t why;
    json_t *quick = json_quick(json, &used);
    if (!quick)
        return;
    json_t *slow = json_loadb(
        json.p, json.n,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &why);
    CHECK(slow && json_equal(quick, slow) && used == (size_t)why.position);
    json_decref(quick);
    json_decref(slow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena;
    struct publish publish;
    struct err err = ERR_INIT;
    struct str json = {.p = (const char *)data + 1, .n = size - 1};
    enum publish_body body = data[0] & 1 ? PUBLISH_NOTICES : PUBLISH_CHANGES;
    check_quick(json);
    arena_init(&arena, data[0] & 2 ? 2000 : 1 << 20);
    if (publish_parse(body, json, &arena, &publish, &err)) {
        for (size_t i = 0; i < publish.n; i++)
            check_item(&publish.items[i]);
    } else {
        CHECK(err.text[0] && utf8_check(str_of(err.text)));
    }
    arena_free(&arena);
    return 0;
}
