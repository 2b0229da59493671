#include "loop.h"

#include <time.h>
#include <unistd.h>

enum { EVENTS = 1024 };

bool loop_open(struct loop *loop)
{
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll >= 0;
}

void loop_close(struct loop *loop)
{
    close(loop->epoll);
}

bool loop_watch(struct loop *loop, int fd, uint32_t events, struct watched *watched)
{
    struct epoll_event event = {.events = events, .data.ptr = watched};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void loop_change(struct loop *loop, int fd, uint32_t events, struct watched *watched)
{
    struct epoll_event event = {.events = events, .data.ptr = watched};
    epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event);
}

void loop_turn(struct loop *loop, uint64_t wait_ns)
{
    struct epoll_event events[EVENTS];
    const struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000U),
                                  .tv_nsec = (long)(wait_ns % 1000000000U)};
    int n = epoll_pwait2(loop->epoll, events, EVENTS, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct watched *watched = events[i].data.ptr;
        watched->ready(watched, events[i].events);
    }
}

uint64_t loop_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
