/* loop: one epoll set and the clock. Everything in bench/load runs in its one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* First in whatever is watched. */
struct watched {
    void (*ready)(struct watched *watched, uint32_t events);
};

struct loop {
    int epoll;
};

bool loop_open(struct loop *loop);
void loop_close(struct loop *loop);
bool loop_watch(struct loop *loop, int fd, uint32_t events, struct watched *watched);
/* Other events of a descriptor that is watched. */
void loop_change(struct loop *loop, int fd, uint32_t events, struct watched *watched);
/* Waits for events, not longer than `wait_ns`, and has them handled. */
void loop_turn(struct loop *loop, uint64_t wait_ns);

uint64_t loop_now(void);
static inline uint64_t loop_seconds(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}
