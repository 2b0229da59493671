#include "admin/metrics.h"

void metrics_family(struct buf *out, const char *name, enum metrics_type type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
               type == METRICS_COUNTER ? "counter" : "gauge");
}

void metrics_sample(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

void metrics_labelled(struct buf *out, const char *name, const char *label, struct str label_value,
                      uint64_t value)
{
    buf_printf(out, "%s{%s=\"", name, label);
    for (size_t i = 0; i < label_value.n; i++) {
        char c = label_value.p[i];
        if (c == '\n') {
            buf_text(out, "\\n");
            continue;
        }
        if (c == '"' || c == '\\')
            buf_byte(out, '\\');
        buf_byte(out, c);
    }
    buf_printf(out, "\"} %llu\n", (unsigned long long)value);
}

void metrics_rows(struct buf *out, const struct metrics_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        metrics_family(out, rows[i].name, rows[i].type, rows[i].help);
        metrics_sample(out, rows[i].name, rows[i].value);
    }
}
