/* What the configuration says, read back in a table: a person sees at once which line is told whom
 * about what, without knowing YAML's ways of quoting and nesting. */
#include "auth/loopback.h"
#include "base/jsontext.h"
#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/loaded.h"
#include "config/units.h"
#include "delivery/dialects.h"
#include "model/scope.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct args_option OPTIONS[] = {
    CLI_CONFIG_OPTION,
    {.name = "print-dialect",
     .value = "NAME",
     .help = "print a dialect that is built in; - lists them"},
    {0},
};

enum { CELL_MAX = 64 * 1024, TOKEN_SHORT = 16 };

/* ---- cells --------------------------------------------------------------------------------- */

/* As JSON, the columns still in it. */
static void write_part(struct buf *out, const struct spec_node *node)
{
    switch (node->kind) {
    case SPEC_TEMPLATE:
        jsontext_string(out, node->text);
        return;
    case SPEC_LITERAL:
        buf_str(out, node->text);
        return;
    case SPEC_ARRAY:
    case SPEC_OBJECT:
        break;
    }
    buf_byte(out, node->kind == SPEC_ARRAY ? '[' : '{');
    for (const struct spec_node *child = node->child; child; child = child->next) {
        if (child != node->child)
            buf_byte(out, ',');
        if (node->kind == SPEC_OBJECT) {
            jsontext_string(out, child->name);
            buf_byte(out, ':');
        }
        write_part(out, child);
    }
    buf_byte(out, node->kind == SPEC_ARRAY ? ']' : '}');
}

static void write_texts(struct buf *out, const struct spec_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++) {
        if (i)
            buf_text(out, ", ");
        buf_str(out, texts->items[i].text);
    }
}

/* "on created, deleted, or when title changed; at most every 5s" */
static void write_when(struct buf *out, const struct spec_stale *stale)
{
    char every[UNITS_TEXT_MAX];
    if (stale->on.n) {
        buf_text(out, "on ");
        write_texts(out, &stale->on);
    }
    if (stale->or_changed.n) {
        buf_text(out, stale->on.n ? ", or when " : "when ");
        write_texts(out, &stale->or_changed);
        buf_text(out, " changed");
    }
    if (stale->at_most_ms) {
        units_write_duration(stale->at_most_ms, every);
        buf_printf(out, "%sat most every %s", out->len ? "; " : "", every);
    }
}

static void cell_of(struct grid *grid, struct buf *text)
{
    grid_cell(grid, text->overflow ? STR("...") : buf_slice(text));
    buf_clear(text);
}

static void cell_of_line(struct grid *grid, struct place at)
{
    char line[16];
    snprintf(line, sizeof line, "%u", at.line);
    grid_cell(grid, at.line ? str_of(line) : STR(""));
}

/* ---- the tables ---------------------------------------------------------------------------- */

static void print_sources(const struct config *config)
{
    struct grid grid;
    char poll[UNITS_TEXT_MAX];
    grid_init(&grid, 3);
    grid_cell(&grid, STR("line"));
    grid_cell(&grid, STR("source"));
    grid_cell(&grid, STR(""));
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *source = &config->sources[i];
        char how[UNITS_TEXT_MAX + 16];
        cell_of_line(&grid, source->at);
        if (source->kind == CONFIG_SQLITE) {
            char text[1024];
            snprintf(text, sizeof text, "sqlite %s", source->path);
            units_write_duration(source->poll_ms, poll);
            snprintf(how, sizeof how, "asked every %s", poll);
            grid_cell(&grid, str_of(text));
            grid_cell(&grid, str_of(how));
        } else if (source->kind == CONFIG_POSTGRES) {
            char text[1024];
            snprintf(text, sizeof text, "postgres %s", source->shown);
            grid_cell(&grid, str_of(text));
            if (source->capture == CONFIG_NOTIFY)
                grid_cell(&grid, STR("by triggers and NOTIFY"));
            else if (source->permanent)
                grid_cell(&grid, STR("logical replication, a permanent slot"));
            else
                grid_cell(&grid, STR("logical replication, a temporary slot"));
        } else {
            grid_cell(&grid, STR("publish"));
            grid_cell(&grid, source->open ? STR("open to everybody here") : STR("with the token"));
        }
    }
    grid_print(&grid, "", stdout);
    grid_free(&grid);
}

/* A row for as many scopes as there are keys, whichever are more: they stand side by side and have
 * nothing to do with each other, since every key is told to every scope. */
static void add_rule(struct grid *grid, const struct spec_rule *rule, struct buf *text)
{
    size_t rows = rule->scope.n > rule->n_stale ? rule->scope.n : rule->n_stale;
    for (size_t i = 0; i < rows; i++) {
        const struct spec_stale *stale = i < rule->n_stale ? &rule->stale[i] : NULL;
        cell_of_line(grid, stale ? stale->at : rule->scope.items[i].at);
        grid_cell(grid, i == 0 ? rule->resource.text : STR(""));
        grid_cell(grid, i < rule->scope.n ? rule->scope.items[i].text : STR(""));
        if (stale)
            write_part(text, stale->key);
        cell_of(grid, text);
        if (stale)
            write_when(text, stale);
        cell_of(grid, text);
    }
}

/* What a rule has besides: its name on the wire, actions of its own, data. */
static void add_extras(struct grid *grid, const struct spec_rule *rule, struct buf *text)
{
    for (size_t i = 0; i < rule->n_actions; i++) {
        cell_of_line(grid, rule->actions[i].name.at);
        grid_cell(grid, rule->resource.text);
        buf_printf(text, "action %.*s when ", STR_ARG(rule->actions[i].name.text));
        write_texts(text, &rule->actions[i].changed);
        buf_text(text, " changed");
        cell_of(grid, text);
    }
    for (size_t i = 0; i < rule->n_data; i++) {
        cell_of_line(grid, rule->data[i].name.at);
        grid_cell(grid, rule->resource.text);
        buf_printf(text, "sends %.*s", STR_ARG(rule->data[i].column.text));
        if (!str_equal(rule->data[i].column.text, rule->data[i].name.text))
            buf_printf(text, " as %.*s", STR_ARG(rule->data[i].name.text));
        cell_of(grid, text);
    }
    if (rule->name.text.n && !str_equal(rule->name.text, rule->resource.text)) {
        cell_of_line(grid, rule->name.at);
        grid_cell(grid, rule->resource.text);
        buf_printf(text, "is called %.*s on the wire", STR_ARG(rule->name.text));
        cell_of(grid, text);
    }
}

static void print_rules(const struct rules_spec *spec)
{
    static const char *const heads[] = {"line", "rule", "scope", "stale key", "when"};
    struct grid grid, extras;
    struct buf text = BUF_INIT(CELL_MAX);
    grid_init(&grid, 5);
    grid_init(&extras, 3);
    for (size_t i = 0; i < 5; i++)
        grid_cell(&grid, str_of(heads[i]));
    for (size_t i = 0; i < spec->n; i++) {
        add_rule(&grid, &spec->rules[i], &text);
        add_extras(&extras, &spec->rules[i], &text);
    }
    grid_print(&grid, "", stdout);
    if (extras.n) {
        fputc('\n', stdout);
        grid_print(&extras, "", stdout);
    }
    grid_free(&grid);
    grid_free(&extras);
    buf_free(&text);
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_endpoints(const struct config *config)
{
    struct grid grid;
    if (config->n_endpoints == 0)
        return;
    fputc('\n', stdout);
    grid_init(&grid, 4);
    grid_cell(&grid, STR("line"));
    grid_cell(&grid, STR("endpoint"));
    grid_cell(&grid, STR(""));
    grid_cell(&grid, STR("tells of"));
    for (size_t i = 0; i < config->n_endpoints; i++) {
        const struct endpoint_wanted *wanted = &config->endpoints[i];
        struct buf told = BUF_INIT(CELL_MAX);
        for (size_t r = 0; r < wanted->n; r++)
            buf_printf(&told, "%s%.*s", r ? ", " : "", STR_ARG(wanted->resources[r].name));
        cell_of_line(&grid, config->endpoints_at[i].at);
        grid_cell(&grid, wanted->endpoint->path);
        grid_cell(&grid, wanted->endpoint->dialect.websocket ? STR("ws") : STR("sse"));
        grid_cell(&grid,
                  told.len ? buf_slice(&told) : STR("notices alone: no rule has its scopes"));
        buf_free(&told);
    }
    grid_print(&grid, "", stdout);
    grid_free(&grid);
}

/* May the template of a rule give this scope? By what stands before and behind its columns. */
static bool may_give(struct str text, struct str scope)
{
    size_t before = str_index(text, '{'), behind = 0;
    while (behind < text.n && text.p[text.n - 1 - behind] != '}')
        behind++;
    return before < text.n && scope.n > before + behind && memcmp(scope.p, text.p, before) == 0 &&
           memcmp(scope.p + scope.n - behind, text.p + text.n - behind, behind) == 0;
}

/* Of what this template of a rule gives, what whoever is signed in may read: the template itself,
 * or one scope of it; .n 0: nothing. */
static struct str everybody_reads(const struct auth_spec *auth, struct str scope)
{
    struct str one = {0};
    if (auth->none)
        return scope;
    for (size_t i = 0; i < auth->n_scopes; i++) {
        struct str grant = auth->scopes[i].text;
        if (auth->scopes[i].n_when || str_index(grant, '{') < grant.n)
            continue;
        if (str_equal(grant, scope) ||
            (scope_is_family(grant) && str_starts(scope, scope_stem(grant))))
            return scope;
        if (!one.n && may_give(scope, grant))
            one = grant;
    }
    return one;
}

/* Does it leave the machine in the clear? */
static bool in_the_clear(const char *url)
{
    struct str plain = STR("http://");
    if (!url || strncasecmp(url, plain.p, plain.n) != 0)
        return false;
    const char *host = url + plain.n;
    return !loopback_host((struct str){.p = host, .n = strcspn(host, "/?#")});
}

static void note_sign_in(const struct config *config)
{
    const struct auth_spec *auth = &config->auth;
    bool publish = false;
    if (in_the_clear(auth->jwt.jwks_url))
        cli_note("%s: jwks_url: keys that come by http can be replaced on their way; use https",
                 config->file);
    if (in_the_clear(auth->callback.url))
        cli_note("%s: callback: cookies that go by http can be read on their way; use https",
                 config->file);
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *source = &config->sources[i];
        publish = publish || source->kind == CONFIG_PUBLISH;
        if (source->token && strlen(source->token) < TOKEN_SHORT)
            cli_note("%s: publish: a token of %zu characters can be guessed; make one with "
                     "openssl rand -base64 32",
                     config->file, strlen(source->token));
    }
    if (auth->tickets.on && !publish)
        cli_note("%s: tickets are issued to who may publish, and there is no publish source",
                 config->file);
}

/* Who has a token and no scope from it is let in nowhere. */
static void note_nothing_to_read(const struct config *config)
{
    const struct auth_spec *auth = &config->auth;
    if (!auth->none && !auth->callback.on && !auth->tickets.on && auth->n_scopes == 0 &&
        auth->membership.n == 0)
        cli_note("%s: auth says by no scopes and no membership what may be read: every stream will "
                 "be refused (403)",
                 config->file);
}

/* Marks tell nobody what is in a row; data does. */
static void note_public_data(const struct config *config)
{
    for (size_t i = 0; i < config->rules.n; i++) {
        const struct spec_rule *rule = &config->rules.rules[i];
        for (size_t k = 0; rule->n_data && k < rule->scope.n; k++) {
            const struct spec_text *scope = &rule->scope.items[k];
            struct str read = everybody_reads(&config->auth, scope->text);
            if (!read.n)
                continue;
            cli_note("%s:%u:%u: data: of %.*s (%.*s%s) goes to the scope %.*s, which everybody%s "
                     "may read",
                     config->file, scope->at.line, scope->at.column, STR_ARG(rule->resource.text),
                     STR_ARG(rule->data[0].column.text), rule->n_data > 1 ? " and others" : "",
                     STR_ARG(read),
                     config->auth.none ? " who reaches the listener" : " who is signed in");
        }
    }
}

static void print_auth(const struct auth_spec *auth)
{
    if (auth->none) {
        printf("everyone there may read every scope\n");
        return;
    }
    printf("signed in by%s%s%s; what may be read:", auth->jwt.on ? " token" : "",
           auth->callback.on ? (auth->jwt.on ? ", callback" : " callback") : "",
           auth->tickets.on ? (auth->jwt.on || auth->callback.on ? ", ticket" : " ticket") : "");
    for (size_t i = 0; i < auth->n_scopes; i++)
        printf(" %.*s%s", STR_ARG(auth->scopes[i].text),
               auth->scopes[i].n_when ? " (when ...)" : "");
    bool named = auth->callback.on || auth->tickets.on;
    printf("%s\n", auth->n_scopes ? "" : named ? " what the sign-in names" : " nothing by claims");
    for (size_t i = 0; i < auth->membership.n; i++) {
        const struct roll *roll = &auth->membership.items[i];
        printf("and what the database says: %.*s to each %.*s of %.*s%s\n", STR_ARG(roll->text),
               STR_ARG(roll->columns[0].name), STR_ARG(roll->table),
               roll->n_where ? " (where ...)" : "");
    }
}

static void print_config(const struct config *config)
{
    printf("%s is right: %zu source%s, %zu rule%s.\n\n", config->file, config->n_sources,
           plural(config->n_sources), config->rules.n, plural(config->rules.n));
    printf("listens on %s, ", config->listen);
    print_auth(&config->auth);
    if (config->admin)
        printf("metrics and health on %s\n", config->admin);
    printf("keeps its state in %s\n\n", config->state);
    print_sources(config);
    print_endpoints(config);
    if (config->rules.n) {
        fputc('\n', stdout);
        print_rules(&config->rules);
    }
    note_public_data(config);
    note_nothing_to_read(config);
    note_sign_in(config);
}

static void note(void *ctx, const char *path, enum databases_finding finding, struct place at,
                 const char *sentence)
{
    const struct config *config = ctx;
    if (finding == DATABASE_NO_TABLE)
        cli_note("%s:%u:%u: %s; its changes have to come from elsewhere", config->file, at.line,
                 at.column, sentence);
    else
        cli_note("%s: %s; its tables and columns were not checked", path, sentence);
}

static enum cli_exit print_dialect(const char *name)
{
    const struct dialect_file *file = dialects_find(str_of(name));
    if (file) {
        fputs(file->text, stdout);
        return CLI_OK;
    }
    if (strcmp(name, "-") != 0)
        return cli_fail(CLI_USAGE,
                        "there is no dialect \"%s\"; unstale check --print-dialect - "
                        "lists them",
                        name);
    for (size_t i = 0; i < dialects_count(); i++)
        puts(dialects_at(i)->name);
    return CLI_OK;
}

static enum cli_exit run(const struct args *args)
{
    struct loaded loaded;
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_OK;
    if (args->n_words)
        return cli_misused(&cli_check);
    if (args_value(args, "print-dialect"))
        return print_dialect(args_value(args, "print-dialect"));
    if (!loaded_open(&loaded, cli_config_file(args), &err) ||
        !databases_check(loaded.config, loaded.watch, note, loaded.config, &err))
        exit = cli_fail(CLI_USAGE, "%s", err.text);
    else
        print_config(loaded.config);
    loaded_close(&loaded);
    return exit;
}

const struct cli_command cli_check = {
    .name = "check",
    .usage = "[-c FILE] [--print-dialect NAME]",
    .summary = "say what is wrong in the configuration, or show what it means",
    .help = "Reads the configuration, compiles the rules and looks up their tables and columns in "
            "the databases\n"
            "that exist. Prints the rules as a table; the first mistake is one line with file, "
            "line and column,\n"
            "and exit code 2.",
    .options = OPTIONS,
    .run = run,
};
