/* Documents that nobody would write, and values that nobody would store.
 *
 * The input is a document, a NUL, and the JSON of what {data} stands for. What a document with
 * braces says is JSON again in one line, and it is the same for the same values; what cannot be
 * said leaves nothing behind. */
#include "base/check.h"
#include "wire/phrase.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

enum { DATA, TEXT, GONE, NAMES };

static const struct phrase_name ITEMS[NAMES] = {
    [DATA] = {"data", PHRASE_NAMED}, [TEXT] = {"t", PHRASE_NUMBERED}, [GONE] = {"g", PHRASE_WHOLE}};
static const struct phrase_names KNOWN = {ITEMS, NAMES, (1 << NAMES) - 1};

static struct phrase_value look_up(void *ctx, size_t name, struct str part)
{
    const struct str *data = ctx;
    CHECK(name < NAMES);
    if (name == DATA && part.n == 0 && data->n)
        return (struct phrase_value){PHRASE_JSON, *data};
    if (name == GONE || (name == DATA && part.n == 0))
        return (struct phrase_value){0};
    return (struct phrase_value){PHRASE_TEXT, part.n ? part : STR("\"\n\xff")};
}

static void check_json(struct str text)
{
    CHECK(!text.n || !memchr(text.p, '\n', text.n));
    json_t *json = json_loadb(text.p, text.n,
                              JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    CHECK(json);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct str document = {.p = (const char *)bytes, .n = n};
    document.n = str_index(document, '\0');
    struct str data = str_from((struct str){.p = (const char *)bytes, .n = n}, document.n + 1);
    json_t *json = json_loadb(data.p, data.n,
                              JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    char *one_line = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    data = str_of(one_line ? one_line : "");
    json_decref(json);

    struct arena arena;
    struct err err = ERR_INIT;
    arena_init(&arena, 1 << 20);
    const struct phrase *phrase = phrase_parse(document, &KNOWN, &arena, &err);
    CHECK(phrase || err.text[0]);
    struct buf out = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
    if (phrase) {
        bool said = phrase_write(phrase, &out, look_up, &data);
        CHECK(phrase_write(phrase, &again, look_up, &data) == said);
        CHECK(out.overflow || str_equal(buf_slice(&out), buf_slice(&again)));
        CHECK(said || out.len == 0 || out.overflow);
        CHECK(said || phrase_needs(phrase, GONE) || phrase_needs(phrase, DATA));
        if (said && !out.overflow && !phrase_is_text(phrase))
            check_json(buf_slice(&out));
    }
    buf_free(&out);
    buf_free(&again);
    arena_free(&arena);
    free(one_line);
    return 0;
}
