/* files: the built page from a folder.
 *
 * A path that names no file and has no extension is a route of the page, so it
 * gets index.html. Names that begin with a dot are never served, so no path
 * leaves the folder. Files below assets/ carry a hash in their names and may be
 * kept for ever; everything else is asked for again. */
#ifndef EXAMPLE_FILES_H
#define EXAMPLE_FILES_H

#include "http.h"

struct files;

/* NULL with a problem when `folder` cannot be opened. */
struct files *files_open(const char *folder, struct problem *problem);
void files_close(struct files *files);

/* The fallback of the server; its context is a struct files, or NULL when no
 * folder was given. Safe from many threads. */
http_handler files_handle;

#endif
