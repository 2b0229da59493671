/* The state file: any bytes, as they are and with their checksum put right. What is taken in
 * can be asked, can go on, and can be saved and loaded again with the same answers. */
#include "base/check.h"
#include "base/mem.h"
#include "hub/hub.h"
#include "model/key.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hub_options options = {
    .limits = {.index_memory = 1 << 20,
               .notice_memory = 1 << 20,
               .max_keys = 30,
               .max_entities = 30,
               .notices = 30,
               .families_max = 4},
    .epoch = 1,
    .seed = {.k0 = 3, .k1 = 4},
};

struct summary {
    uint64_t asked, answers;
};

static void take_key(void *ctx, struct str key)
{
    struct summary *summary = ctx;
    CHECK(key_check(key) && key.n <= KEY_MAX);
    summary->answers += key.n;
}

static void take_entity(void *ctx, const struct hub_entity *entity)
{
    struct summary *summary = ctx;
    summary->answers +=
        entity->name.n + entity->id.n * 3 + entity->action.n * 5 + entity->data.n * 7;
}

static bool take_notice(void *ctx, const struct hub_notice *notice)
{
    struct summary *summary = ctx;
    summary->answers += notice->number + notice->data.n;
    return true;
}

struct walk {
    struct hub *hub;
    struct summary summary;
};

static void each(void *ctx, struct str scope, size_t marks, uint64_t floor, uint64_t newest)
{
    struct walk *walk = ctx;
    const struct hub_reader reader = {.ctx = &walk->summary,
                                      .key = take_key,
                                      .entity = take_entity,
                                      .notice = take_notice,
                                      .entities = true};
    walk->summary.asked++;
    for (uint64_t P = floor > 2 ? floor - 1 : 0; P < floor + 3; P++)
        walk->summary.answers += 11 * (uint64_t)hub_since(walk->hub, scope, P, &reader);
    walk->summary.answers += marks + newest;
}

static struct summary summarise(struct hub *hub)
{
    struct walk walk = {.hub = hub};
    hub_each_scope(hub, each, &walk);
    return walk.summary;
}

static void use(struct str bytes)
{
    struct err err = ERR_INIT;
    struct hub *hub = hub_load(&options, bytes, &err);
    if (!hub) {
        CHECK(err.text[0]);
        return;
    }
    summarise(hub);
    hub_tick(hub, 1000, NULL, NULL);
    struct buf saved = BUF_INIT(4 << 20);
    CHECK(hub_save(hub, &saved, &err));
    struct hub *again = hub_load(&options, buf_slice(&saved), &err);
    CHECK(again);
    struct summary a = summarise(hub), b = summarise(again);
    CHECK(hub_sequence(hub) == hub_sequence(again) && a.asked == b.asked && a.answers == b.answers);
    hub_begin(again, 2000);
    hub_mark(again, STR("a:1"), STR("[\"x\"]"), 0);
    hub_notice(again, STR("a:1"), STR("n"), STR("{}"), NULL);
    hub_commit(again);
    summarise(again);
    hub_free(again);
    hub_free(hub);
    buf_free(&saved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = mem_try(size ? size : 1);
    CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    struct str bytes = {.p = copy, .n = size};
    use(bytes);
    if (size >= 8) {
        const struct hash_seed checksum = {.k0 = 0x68756273, .k1 = 0x74617465};
        uint64_t sum = hash_bytes(checksum, (struct str){.p = copy, .n = size - 8});
        for (size_t i = 0; i < 8; i++)
            copy[size - 8 + i] = (char)(sum >> (8 * i));
        use(bytes);
    }
    free(copy);
    return 0;
}
