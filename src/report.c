#include "report.h"

#include "admin/metrics.h"
#include "base/jsontext.h"
#include "delivery/endpoints.h"

#include <stdio.h>

bool report_ready(const struct report *report, struct buf *json)
{
    struct engine_stats stats;
    engine_stats(report->engine, &stats);
    bool ready = stats.ready && !report->stopping;
    buf_printf(json, "{\"ready\":%s,\"stopping\":%s,\"sources\":[", ready ? "true" : "false",
               report->stopping ? "true" : "false");
    for (size_t i = 0; i < stats.n_sources; i++) {
        struct engine_source_state source = engine_source(report->engine, i);
        buf_text(json, i ? ",{\"name\":" : "{\"name\":");
        jsontext_string(json, str_of(source.name));
        buf_printf(json, ",\"current\":%s,\"why\":", source.current ? "true" : "false");
        jsontext_string(json, str_of(source.why));
        buf_byte(json, '}');
    }
    buf_text(json, "]}\n");
    return ready;
}

/* One family over all sources; `value` picks what it says of each. */
static void write_per_source(const struct report *report, size_t n, struct buf *out,
                             const char *name, enum metrics_type type, const char *help,
                             uint64_t (*value)(const struct engine_source_state *source))
{
    metrics_family(out, name, type, help);
    for (size_t i = 0; i < n; i++) {
        struct engine_source_state source = engine_source(report->engine, i);
        metrics_labelled(out, name, "source", str_of(source.name), value(&source));
    }
}

static uint64_t current_of(const struct engine_source_state *source)
{
    return source->current;
}

static uint64_t changes_of(const struct engine_source_state *source)
{
    return source->changes;
}

static uint64_t gaps_of(const struct engine_source_state *source)
{
    return source->gaps;
}

static uint64_t unseen_of(const struct engine_source_state *source)
{
    return source->unseen;
}

static uint64_t told_late_of(const struct engine_source_state *source)
{
    return source->told_late;
}

static const struct source_number *find_number(const struct engine_source_state *source,
                                               const char *name)
{
    for (size_t i = 0; i < source->n_numbers; i++)
        if (strcmp(source->numbers[i].name, name) == 0)
            return &source->numbers[i];
    return NULL;
}

/* What one source has of its own, with the samples of all that have it too; said before where an
 * earlier one has it. */
static void write_own_number(const struct report *report, size_t i, size_t n,
                             const struct source_number *number, struct buf *out)
{
    for (size_t k = 0; k < n; k++) {
        struct engine_source_state source = engine_source(report->engine, k);
        const struct source_number *same = find_number(&source, number->name);
        if (same && k < i)
            return;
        if (k == i)
            metrics_family(out, number->name, number->counter ? METRICS_COUNTER : METRICS_GAUGE,
                           number->help);
        if (same)
            metrics_labelled(out, number->name, "source", str_of(source.name), same->value);
    }
}

static void write_source_metrics(const struct report *report, struct buf *out)
{
    struct engine_stats stats;
    engine_stats(report->engine, &stats);
    const struct metrics_row rows[] = {
        {"unstale_current", METRICS_GAUGE, stats.current, "1 while every source captures changes."},
        {"unstale_publishes_total", METRICS_COUNTER, stats.publishes, "Accepted publish bodies."},
        {"unstale_publish_refused_total", METRICS_COUNTER, stats.publish_errors,
         "Publish bodies that named a resource without a rule."},
        {"unstale_published_notices_total", METRICS_COUNTER, stats.published_notices,
         "Notices that were published."},
        {"unstale_changes_unmatched_total", METRICS_COUNTER, stats.unmatched,
         "Changes of resources that no rule knows."},
    };
    metrics_rows(out, rows, sizeof rows / sizeof rows[0]);
    write_per_source(report, stats.n_sources, out, "unstale_source_current", METRICS_GAUGE,
                     "1 while this source captures changes.", current_of);
    write_per_source(report, stats.n_sources, out, "unstale_source_changes_total", METRICS_COUNTER,
                     "Changes that this source handed on.", changes_of);
    write_per_source(
        report, stats.n_sources, out, "unstale_source_gaps_total", METRICS_COUNTER,
        "Times that this source could not prove that it missed nothing; each is a reset.", gaps_of);
    write_per_source(report, stats.n_sources, out, "unstale_source_unseen_marks", METRICS_GAUGE,
                     "Marks told before readers could see their commit, not told again yet.",
                     unseen_of);
    write_per_source(report, stats.n_sources, out, "unstale_source_told_late_total",
                     METRICS_COUNTER,
                     "Ticks that left before readers could see all commits in them.", told_late_of);
    for (size_t i = 0; i < stats.n_sources; i++) {
        struct engine_source_state source = engine_source(report->engine, i);
        for (size_t k = 0; k < source.n_numbers; k++)
            write_own_number(report, i, stats.n_sources, &source.numbers[k], out);
    }
}

static void write_hub_metrics(const struct report *report, struct buf *out)
{
    struct hub_stats hub;
    hub_stats(report->hub, &hub);
    struct exchange_stats exchange;
    exchange_stats(report->exchange, &exchange);
    const struct metrics_row rows[] = {
        {"unstale_sequence", METRICS_GAUGE, hub_sequence(report->hub),
         "Position of the newest transaction."},
        {"unstale_ticks_total", METRICS_COUNTER, hub.ticks, "Delivery rounds."},
        {"unstale_transactions_total", METRICS_COUNTER, hub.transactions,
         "Transactions that laid a mark or a notice."},
        {"unstale_marks_laid_total", METRICS_COUNTER, hub.laid, "Marks laid, repeats included."},
        {"unstale_index_scopes", METRICS_GAUGE, hub.scopes, "Scopes with an entry in the index."},
        {"unstale_index_families", METRICS_GAUGE, hub.families,
         "Families with an entry in the index."},
        {"unstale_index_marks", METRICS_GAUGE, hub.marks, "Key marks in the index."},
        {"unstale_index_entities", METRICS_GAUGE, hub.entities, "Entity marks in the index."},
        {"unstale_index_held", METRICS_GAUGE, hub.held, "Keys that wait for their at_most."},
        {"unstale_index_bytes", METRICS_GAUGE, hub.index_memory,
         "Memory of the index (limits: index_memory)."},
        {"unstale_index_bytes_max", METRICS_GAUGE, report->config->limits.index_memory,
         "Bound of unstale_index_bytes."},
        {"unstale_index_evicted_total", METRICS_COUNTER, hub.evicted,
         "Marks given up for memory; rising fast: raise index_memory."},
        {"unstale_index_widened_total", METRICS_COUNTER, hub.widened,
         "Marks replaced by a wider one; rising fast: raise max_keys."},
        {"unstale_notices", METRICS_GAUGE, hub.notices, "Notices that are kept."},
        {"unstale_notice_bytes", METRICS_GAUGE, hub.notice_memory,
         "Memory of the notices (limits: notice_memory)."},
        {"unstale_notices_dropped_total", METRICS_COUNTER, hub.notices_dropped,
         "Notices that left their ring; who was behind them is reset."},
        {"unstale_resets_laid_total", METRICS_COUNTER, hub.resets, "[] marks laid."},
        {"unstale_audience_scopes", METRICS_GAUGE, exchange.audience,
         "Scopes and families that somebody listens to."},
        {"unstale_answers_total", METRICS_COUNTER, exchange.answers,
         "Steps of catch-up rounds answered."},
        {"unstale_ready_total", METRICS_COUNTER, exchange.hellos,
         "Subscriptions greeted with `ready`."},
        {"unstale_ready_reset_total", METRICS_COUNTER, exchange.resets_told,
         "Of those, with a scope that was reset."},
        {"unstale_tick_scopes_left_total", METRICS_COUNTER, exchange.left_to_rounds,
         "Scopes that had no room in a tick (16 MiB): their subscribers ask, each for himself."},
        {"unstale_blobs_total", METRICS_COUNTER, exchange.blobs,
         "Messages encoded, one for all who get it."},
        {"unstale_blob_bytes_total", METRICS_COUNTER, exchange.blob_bytes, "Bytes of those."},
    };
    metrics_rows(out, rows, sizeof rows / sizeof rows[0]);
}

/* A label that is a number; 0 is "other". */
static void write_numbered(struct buf *out, const char *name, const char *label, unsigned number,
                           uint64_t value)
{
    char text[16] = "other";
    if (number > 0)
        snprintf(text, sizeof text, "%u", number);
    metrics_labelled(out, name, label, str_of(text), value);
}

static void write_delivery_metrics(const struct report *report, struct buf *out)
{
    struct mail_stats all = {0};
    for (unsigned i = 0; i < report->n_workers; i++) {
        const struct mail_stats *one = &report->workers[i];
        all.server.open += one->server.open;
        all.server.accepted += one->server.accepted;
        all.server.refused += one->server.refused;
        all.server.requests += one->server.requests;
        all.server.bytes_in += one->server.bytes_in;
        all.server.bytes_out += one->server.bytes_out;
        all.server.sends += one->server.sends;
        all.server.pauses += one->server.pauses;
        for (size_t r = 0; r < CLOSE_REASON_COUNT; r++)
            all.server.closed[r] += one->server.closed[r];
        for (size_t s = 0; s < SERVER_STATUSES; s++)
            all.server.responses[s] += one->server.responses[s];
        for (size_t c = 0; c < CLOSE_CODE_COUNT; c++)
            all.close_codes[c] += one->close_codes[c];
        all.subscribers += one->subscribers;
        all.behind += one->behind;
        all.scopes += one->scopes;
        all.deliveries += one->deliveries;
        all.cuts += one->cuts;
        all.rounds += one->rounds;
        all.heartbeats += one->heartbeats;
        all.guests.expired += one->guests.expired;
        all.guests.unknown += one->guests.unknown;
        all.guests.renewed += one->guests.renewed;
        all.guests.revoked += one->guests.revoked;
        all.guests.granted += one->guests.granted;
        all.guests.forbidden += one->guests.forbidden;
    }
    const struct metrics_row rows[] = {
        {"unstale_connections", METRICS_GAUGE, all.server.open, "Open connections."},
        {"unstale_connections_max", METRICS_GAUGE, report->connections_max,
         "Bound of unstale_connections."},
        {"unstale_connections_accepted_total", METRICS_COUNTER, all.server.accepted,
         "Connections accepted."},
        {"unstale_connections_refused_total", METRICS_COUNTER, all.server.refused,
         "Connections over the limit, refused."},
        {"unstale_accept_pauses_total", METRICS_COUNTER, all.server.pauses,
         "Times that accepting paused for want of descriptors or memory; raise LimitNOFILE."},
        {"unstale_requests_total", METRICS_COUNTER, all.server.requests, "HTTP requests."},
        {"unstale_bytes_in_total", METRICS_COUNTER, all.server.bytes_in, "Bytes received."},
        {"unstale_bytes_out_total", METRICS_COUNTER, all.server.bytes_out, "Bytes sent."},
        {"unstale_sends_total", METRICS_COUNTER, all.server.sends, "Writes to sockets."},
        {"unstale_subscribers", METRICS_GAUGE, all.subscribers, "Open streams."},
        {"unstale_subscribers_behind", METRICS_GAUGE, all.behind,
         "Of those, not at the last tick."},
        {"unstale_subscribed_scopes", METRICS_GAUGE, all.scopes,
         "Scopes with a subscriber, summed over threads."},
        {"unstale_deliveries_total", METRICS_COUNTER, all.deliveries,
         "Ticks written to subscribers."},
        {"unstale_cuts_total", METRICS_COUNTER, all.cuts,
         "Writes that a socket did not take whole."},
        {"unstale_rounds_total", METRICS_COUNTER, all.rounds, "Catch-up rounds after a cut."},
        {"unstale_heartbeats_total", METRICS_COUNTER, all.heartbeats, "Heartbeats sent."},
        {"unstale_auth_expired_total", METRICS_COUNTER, all.guests.expired,
         "Streams that ended with their token or session: 4401."},
        {"unstale_auth_unknown_total", METRICS_COUNTER, all.guests.unknown,
         "WebSockets that did not say in time who they are: 4401."},
        {"unstale_auth_renewed_total", METRICS_COUNTER, all.guests.renewed,
         "Streams that go on with a new token, or under new settings."},
        {"unstale_auth_revoked_total", METRICS_COUNTER, all.guests.revoked,
         "Scopes taken from open streams."},
        {"unstale_auth_granted_total", METRICS_COUNTER, all.guests.granted,
         "Scopes added to open streams that follow their family."},
        {"unstale_auth_forbidden_total", METRICS_COUNTER, all.guests.forbidden,
         "Streams that ended since no scope was left: 4403."},
    };
    metrics_rows(out, rows, sizeof rows / sizeof rows[0]);
    metrics_family(out, "unstale_connections_closed_total", METRICS_COUNTER,
                   "Connections closed, by reason.");
    for (size_t r = 0; r < CLOSE_REASON_COUNT; r++)
        metrics_labelled(out, "unstale_connections_closed_total", "reason",
                         str_of(close_reason_label((enum close_reason)r)), all.server.closed[r]);
    metrics_family(out, "unstale_responses_total", METRICS_COUNTER,
                   "HTTP responses by status; streams that opened are not among them.");
    for (size_t s = 0; s < SERVER_STATUSES; s++)
        write_numbered(out, "unstale_responses_total", "status", server_status(s),
                       all.server.responses[s]);
    metrics_family(out, "unstale_websocket_closes_total", METRICS_COUNTER,
                   "Close frames sent, by code (docs/protocol.md).");
    for (size_t c = 0; c < CLOSE_CODE_COUNT; c++)
        write_numbered(out, "unstale_websocket_closes_total", "code", close_code_at(c),
                       all.close_codes[c]);
}

static uint64_t endpoint_open(const struct mail_endpoint *endpoint)
{
    return endpoint->open;
}

static uint64_t endpoint_opened(const struct mail_endpoint *endpoint)
{
    return endpoint->opened;
}

static uint64_t endpoint_refused(const struct mail_endpoint *endpoint)
{
    return endpoint->refused;
}

/* One family over all endpoints; `value` picks what it says of each. */
static void write_per_endpoint(const struct report *report, struct buf *out, const char *name,
                               enum metrics_type type, const char *help,
                               uint64_t (*value)(const struct mail_endpoint *endpoint))
{
    metrics_family(out, name, type, help);
    for (unsigned f = FORMAT_NATIVE; f < FORMAT_COUNT; f++) {
        uint64_t sum = 0;
        if (!endpoints_serves(report->endpoints, (enum format)f))
            continue;
        for (unsigned w = 0; w < report->n_workers; w++)
            sum += value(&report->workers[w].endpoints[f - FORMAT_NATIVE]);
        metrics_labelled(out, name, "endpoint",
                         endpoints_at(report->endpoints, (enum format)f)->path, sum);
    }
}

static void write_endpoint_metrics(const struct report *report, struct buf *out)
{
    write_per_endpoint(report, out, "unstale_endpoint_subscribers", METRICS_GAUGE,
                       "Open streams of this endpoint.", endpoint_open);
    write_per_endpoint(report, out, "unstale_endpoint_opened_total", METRICS_COUNTER,
                       "Streams that this endpoint opened.", endpoint_opened);
    write_per_endpoint(report, out, "unstale_endpoint_refused_total", METRICS_COUNTER,
                       "Clients that this endpoint turned away.", endpoint_refused);
}

static void write_reload_metrics(const struct report *report, struct buf *out)
{
    const char *name = "unstale_reloads_total";
    metrics_family(out, name, METRICS_COUNTER,
                   "Reloads by SIGHUP; refused: the file is wrong, and the old one stays in use.");
    metrics_labelled(out, name, "result", STR("applied"), report->reloads_applied);
    metrics_labelled(out, name, "result", STR("refused"), report->reloads_refused);
}

void report_metrics(const struct report *report, struct buf *text)
{
    write_reload_metrics(report, text);
    write_source_metrics(report, text);
    write_hub_metrics(report, text);
    write_delivery_metrics(report, text);
    write_endpoint_metrics(report, text);
}
