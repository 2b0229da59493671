#include "base/hash.h"

static inline uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline void round_once(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

uint64_t hash_bytes(struct hash_seed seed, struct str bytes)
{
    struct state s = {
        .v0 = seed.k0 ^ 0x736f6d6570736575U,
        .v1 = seed.k1 ^ 0x646f72616e646f6dU,
        .v2 = seed.k0 ^ 0x6c7967656e657261U,
        .v3 = seed.k1 ^ 0x7465646279746573U,
    };
    size_t i = 0;
    for (; i + 8 <= bytes.n; i += 8) {
        uint64_t word;
        memcpy(&word, bytes.p + i, 8);
        s.v3 ^= word;
        round_once(&s);
        s.v0 ^= word;
    }
    uint64_t last = (uint64_t)bytes.n << 56;
    for (int shift = 0; i < bytes.n; i++, shift += 8)
        last |= (uint64_t)(unsigned char)bytes.p[i] << shift;
    s.v3 ^= last;
    round_once(&s);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    round_once(&s);
    round_once(&s);
    round_once(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
