#include "cli/findings.h"

#include "base/jsontext.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdlib.h>

enum { MEMORY = 64 << 20, SENTENCE_MAX = 2048, LINE_MAX_BYTES = 1 << 20 };

static const char *const level_names[] = {"ok", "warning", "problem"};

void findings_init(struct findings *findings)
{
    *findings = (struct findings){0};
    arena_init(&findings->_arena, MEMORY);
}

void findings_free(struct findings *findings)
{
    free(findings->items);
    arena_free(&findings->_arena);
}

void findings_add(struct findings *findings, const char *source, const char *check,
                  enum finding_level level, struct str mend, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    findings->counts[level]++;
    if (findings->n == FINDINGS_MAX)
        return;
    if (!findings->items)
        findings->items = mem_array(FINDINGS_MAX, sizeof *findings->items);
    findings->items[findings->n++] =
        (struct finding){.source = source,
                         .check = check,
                         .level = level,
                         .sentence = arena_copy(&findings->_arena, str_of(sentence)),
                         .mend = arena_copy(&findings->_arena, mend)};
}

/* ---- text ---- */

/* What came from a database shall not steer a terminal. */
static void print_line(struct str line, FILE *out)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
    }
    fputc('\n', out);
}

static void print_indented(struct str text, FILE *out)
{
    while (text.n) {
        size_t n = str_index(text, '\n');
        fputs("             ", out);
        print_line((struct str){.p = text.p, .n = n}, out);
        text = str_from(text, n + 1);
    }
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

void findings_print(const struct findings *findings, FILE *out)
{
    const char *source = NULL;
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->items[i];
        if (!source || strcmp(source, finding->source) != 0) {
            fprintf(out, "%s", source ? "\n" : "");
            print_line(str_of(finding->source), out);
        }
        source = finding->source;
        fprintf(out, "  %-9s  %s: ", level_names[finding->level], finding->check);
        print_line(finding->sentence, out);
        print_indented(finding->mend, out);
    }
    size_t problems = findings->counts[FINDING_PROBLEM],
           warnings = findings->counts[FINDING_WARNING];
    fprintf(out, "%s%zu problem%s, %zu warning%s\n", findings->n ? "\n" : "", problems,
            plural(problems), warnings, plural(warnings));
}

/* ---- JSON ---- */

static void write_member(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, "\"%s\":", name);
    if (text.n)
        jsontext_string(out, text);
    else
        buf_text(out, "null");
}

void findings_print_json(const struct findings *findings, FILE *out)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    fprintf(out, "{\"problems\":%zu,\"warnings\":%zu,\"checks\":[",
            findings->counts[FINDING_PROBLEM], findings->counts[FINDING_WARNING]);
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *finding = &findings->items[i];
        buf_clear(&line);
        buf_text(&line, i ? ",\n{" : "\n{");
        write_member(&line, "source", str_of(finding->source));
        buf_byte(&line, ',');
        write_member(&line, "check", str_of(finding->check));
        buf_byte(&line, ',');
        write_member(&line, "level", str_of(level_names[finding->level]));
        buf_byte(&line, ',');
        write_member(&line, "sentence", finding->sentence);
        buf_byte(&line, ',');
        write_member(&line, "mend", finding->mend);
        buf_byte(&line, '}');
        (void)fwrite(line.data, 1, line.len, out); /* cli_main asks whether it came out */
    }
    fputs("\n]}\n", out);
    buf_free(&line);
}
