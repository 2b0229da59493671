#include "delivery/look.h"

#include "base/jsontext.h"

#include <stdio.h>

static const char *const state_names[SUBSCRIBER_STATES] = {[SUBSCRIBER_OPENING] = "opening",
                                                           [SUBSCRIBER_ASKING] = "asking",
                                                           [SUBSCRIBER_SENDING] = "sending",
                                                           [SUBSCRIBER_LIVE] = "live",
                                                           [SUBSCRIBER_CUT] = "cut"};

void look_add(struct mail_look *look, const struct subscriber *subscriber,
              const struct endpoint *endpoint, const char *client, struct position position,
              uint32_t age_s)
{
    enum format format = (enum format)subscriber->format;
    char name[32], peer[64];
    look->total++;
    if (look->shown == look->limit)
        return;
    conn_name(subscriber->conn, name);
    if (client)
        snprintf(peer, sizeof peer, "%s", client);
    else
        conn_peer(subscriber->conn, peer);
    buf_printf(&look->rows, "%s{\"id\":\"%s\",\"peer\":\"%s\",\"transport\":\"%s\",",
               look->shown++ ? "," : "", name, peer,
               format_is_websocket(format) ? "websocket" : "sse");
    if (endpoint) {
        buf_text(&look->rows, "\"endpoint\":");
        jsontext_string(&look->rows, endpoint->path);
        buf_byte(&look->rows, ',');
    }
    buf_printf(&look->rows,
               "\"changes\":%s,\"state\":\"%s\",\"scopes\":%u,\"age\":%u,\"position\":\"",
               format_reads_entities(format) ? "true" : "false", state_names[subscriber->state],
               subscriber->n_places, age_s);
    position_write(&look->rows, position);
    buf_text(&look->rows, "\"}");
}
