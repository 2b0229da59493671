/* grid: rows of cells whose columns stand under each other.
 *
 * The width of a column is that of its widest cell, in characters; the last cell of a row is not
 * padded. Control characters in a cell become "?", so that no value can steer a terminal. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdio.h>

enum { GRID_COLUMNS = 6 };

struct grid {
    struct buf text; /* cells, each followed by a NUL */
    size_t n;        /* cells */
    size_t columns;
    size_t width[GRID_COLUMNS];
};

void grid_init(struct grid *grid, size_t columns);
/* Cells come row by row. */
void grid_cell(struct grid *grid, struct str cell);
void grid_print(const struct grid *grid, const char *indent, FILE *out);
void grid_free(struct grid *grid);
