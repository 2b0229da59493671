/* frames: walks over the WebSocket frames that a server sends, to find its pings.
 *
 * What is in the data frames is none of its business. The server is trusted. */
#pragma once

#include "base/buf.h"

enum { FRAMES_CONTROL = 125 };

enum frames_opcode { FRAMES_TEXT = 0x1, FRAMES_CLOSE = 0x8, FRAMES_PING = 0x9, FRAMES_PONG = 0xa };

struct frames {
    uint64_t left; /* bytes of the frame's payload that have not come */
    uint8_t have;  /* bytes of the head that have come */
    uint8_t head[10];
    uint8_t payload; /* bytes in `control` */
    char control[FRAMES_CONTROL];
};

/* Walks over `bytes`, of which it consumes some. True: a ping is whole, its payload in `control`.
 */
bool frames_next_ping(struct frames *frames, struct str *bytes);
/* A masked frame of at most 65,535 bytes, as clients have to send it. */
void frames_write(struct buf *out, enum frames_opcode opcode, struct str payload);
