#include "probe.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return 0;
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static void add_memory(pid_t pid, struct probe_processes *into)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        long kb;
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            into->rss_kb += (double)kb;
        else if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            into->anon_kb += (double)kb;
    }
    fclose(file);
}

struct probe_processes probe_processes(const struct probe_pids *pids)
{
    struct probe_processes all = {0};
    for (unsigned i = 0; i < pids->n; i++) {
        all.cpu_s += cpu_of(pids->pid[i]);
        add_memory(pids->pid[i], &all);
    }
    return all;
}

double probe_tcp_kb(void)
{
    char line[256];
    long pages = 0;
    FILE *file = fopen("/proc/net/sockstat", "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "TCP: inuse %*d orphan %*d tw %*d alloc %*d mem %ld", &pages) == 1)
            break;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}
