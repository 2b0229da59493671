#include "frames.h"

static unsigned head_length(const struct frames *frames)
{
    if (frames->have < 2)
        return 2;
    switch (frames->head[1] & 0x7f) {
    case 126:
        return 4;
    case 127:
        return 10;
    default:
        return 2;
    }
}

static uint64_t payload_length(const struct frames *frames)
{
    unsigned n = head_length(frames);
    uint64_t length = n == 2 ? frames->head[1] & 0x7f : 0;
    for (unsigned i = 2; i < n; i++)
        length = length << 8 | frames->head[i];
    return length;
}

static bool is_ping(const struct frames *frames)
{
    return (frames->head[0] & 0xf) == FRAMES_PING;
}

bool frames_next_ping(struct frames *frames, struct str *bytes)
{
    while (bytes->n > 0) {
        if (frames->left == 0 && frames->have < head_length(frames)) {
            frames->head[frames->have++] = (uint8_t)bytes->p[0];
            *bytes = str_from(*bytes, 1);
            if (frames->have < head_length(frames))
                continue;
            frames->left = payload_length(frames);
            frames->payload = 0;
        }
        size_t n = frames->left < bytes->n ? (size_t)frames->left : bytes->n;
        if (is_ping(frames) && n <= (size_t)(FRAMES_CONTROL - frames->payload)) {
            memcpy(frames->control + frames->payload, bytes->p, n);
            frames->payload = (uint8_t)(frames->payload + n);
        }
        frames->left -= n;
        *bytes = str_from(*bytes, n);
        if (frames->left > 0)
            continue;
        frames->have = 0;
        if (is_ping(frames))
            return true;
    }
    return false;
}

void frames_write(struct buf *out, enum frames_opcode opcode, struct str payload)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    buf_byte(out, (char)(0x80 | opcode));
    if (payload.n < 126) {
        buf_byte(out, (char)(0x80 | payload.n));
    } else {
        buf_byte(out, (char)(0x80 | 126));
        buf_byte(out, (char)(payload.n >> 8));
        buf_byte(out, (char)(payload.n & 0xff));
    }
    buf_add(out, mask, sizeof mask);
    for (size_t i = 0; i < payload.n; i++)
        buf_byte(out, (char)(payload.p[i] ^ mask[i & 3]));
}
