#include "cli/grid.h"

#include "base/check.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

/* Characters, not bytes; wide ones count as one, which is right for the names that stand here. */
static size_t width_of(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

void grid_init(struct grid *grid, size_t columns)
{
    CHECK(columns > 0 && columns <= GRID_COLUMNS);
    *grid = (struct grid){.text = BUF_INIT(TEXT_MAX), .columns = columns};
}

void grid_cell(struct grid *grid, struct str cell)
{
    size_t start = grid->text.len;
    if (!buf_str(&grid->text, cell) || !buf_byte(&grid->text, '\0')) {
        buf_cut(&grid->text, start);
        if (!buf_byte(&grid->text, '\0'))
            return;
    }
    for (size_t i = start; i + 1 < grid->text.len; i++) {
        unsigned char c = (unsigned char)grid->text.data[i];
        bool c1 = c == 0xc2 && (unsigned char)grid->text.data[i + 1] < 0xa0;
        if (c < 0x20 || c == 0x7f)
            grid->text.data[i] = '?';
        else if (c1)
            memcpy(grid->text.data + i, "??", 2);
    }
    size_t width =
        width_of((struct str){.p = grid->text.data + start, .n = grid->text.len - start - 1});
    size_t column = grid->n++ % grid->columns;
    if (width > grid->width[column])
        grid->width[column] = width;
}

void grid_print(const struct grid *grid, const char *indent, FILE *out)
{
    const char *cell = grid->text.data ? grid->text.data : "";
    for (size_t i = 0; i < grid->n; i++) {
        size_t column = i % grid->columns;
        struct str text = str_of(cell);
        cell += text.n + 1;
        if (column == 0)
            fputs(indent, out);
        /* Blanks only in front of something that still comes in this row. */
        bool more = false;
        const char *next = cell;
        for (size_t k = column + 1; k < grid->columns && i + (k - column) < grid->n; k++) {
            more = more || *next;
            next += strlen(next) + 1;
        }
        size_t pad = more ? grid->width[column] - width_of(text) + 2 : 0;
        fprintf(out, "%s%*s", text.p, (int)pad, "");
        if (column + 1 == grid->columns)
            fputc('\n', out);
    }
}

void grid_free(struct grid *grid)
{
    buf_free(&grid->text);
}
