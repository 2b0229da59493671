/* A configuration of any bytes is either taken, and then its rules compile, or refused with a
 * sentence that begins with the file. Variables and files are made up here: nothing outside is
 * touched. */
#include "base/check.h"
#include "config/config.h"
#include "config/watch_of.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *variable(void *ctx, const char *name)
{
    static const char *const values[] = {NULL, "", "8080", "a: [b]\n- c", "{id}", "${A}", "\"\xff"};
    return values[(unsigned char)name[0] % (sizeof values / sizeof *values)];
}

static bool read_file(void *ctx, const char *path, struct buf *out, struct err *err)
{
    return strlen(path) % 2 ? buf_text(out, "token\n") : err_set(err, "no such file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_outside outside = {.variable = variable, .read = read_file};
    struct err err = ERR_INIT;
    struct config *config =
        config_parse("u.yaml", (struct str){.p = (const char *)data, .n = size}, &outside, &err);
    if (!config) {
        CHECK(str_starts(str_of(err.text), STR("u.yaml:")));
        return 0;
    }
    struct place at = {0};
    struct arena arena;
    struct rules *rules = rules_compile(&config->rules, &at, &err);
    CHECK(rules);
    arena_init(&arena, 64 * 1024 * 1024);
    CHECK(watch_from_rules(rules, &arena));
    CHECK((!config->auth.none || config_is_loopback(config->listen)) && config->n_sources > 0 &&
          config->state);
    arena_free(&arena);
    rules_free(rules);
    config_free(config);
    return 0;
}
