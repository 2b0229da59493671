/* hub_probe: what a hub answers, as text that a test can compare. */
#pragma once

#include "hub/hub.h"

/* Generous bounds, no batch window, families_max 4. */
struct hub_options probe_options(void);
struct hub *probe_new(void);

/* One transaction with one mark; its position. Keys are written with ' for ". */
uint64_t probe_mark(struct hub *hub, const char *scope, const char *key);
void probe_tick(struct hub *hub);

/* "nothing", "reset", or the keys newest first, with ' for ", separated by blanks; then the
 * notices' types in <>. Valid until the next call. */
const char *probe_since(struct hub *hub, const char *scope, uint64_t P);
/* As since, for a reader of all entity marks: each as name/id/action=data, oldest first. */
const char *probe_entities(struct hub *hub, const char *scope, uint64_t P);
/* For one that takes only those with has_data. */
const char *probe_data(struct hub *hub, const char *scope, uint64_t P);
struct hub_stats probe_stats(const struct hub *hub);

/* The text with ' turned into "; valid until the fourth call after this one. */
struct str probe_key(const char *key);
