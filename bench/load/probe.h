/* probe: what a set of processes, and the machine, have used up to now; read from /proc. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum { PROBE_PIDS = 64 };

struct probe_pids {
    pid_t pid[PROBE_PIDS];
    unsigned n;
};

struct probe_processes {
    double cpu_s;           /* user and system, all threads */
    double rss_kb, anon_kb; /* resident; of that, memory of its own */
};

/* A process that has ended counts as nothing. */
struct probe_processes probe_processes(const struct probe_pids *pids);
/* Bytes of socket buffers, both ends of each connection of this machine. */
double probe_tcp_kb(void);
