/* app: an application from files, for examples without C of their own.
 *
 *   FOLDER/app.json     name, session, resources, routes; see README.md
 *   FOLDER/schema.sql   may be run again
 *   FOLDER/sample.sql   run by --init, once, in the transaction that makes the schema
 *
 * What is wrong in app.json stops the start with its place. All that the application points at
 * lives until app_free. */
#ifndef EXAMPLE_APP_H
#define EXAMPLE_APP_H

#include "backend.h"

struct app;

struct app *app_load(const char *folder, struct problem *problem);
void app_free(struct app *app);
const struct backend_app *app_backend(const struct app *app);

#endif
