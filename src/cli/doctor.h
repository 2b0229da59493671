/* doctor: the checks of `unstale doctor`, one function a kind of database.
 *
 * Each looks at one source of the configuration, writes nothing to it, and adds what it finds; what
 * it cannot find out is a finding too. Blocking, bounded by the time-outs of pg_shell.h. No
 * password is ever in a finding. */
#pragma once

#include "cli/findings.h"
#include "cli/loaded.h"

struct doctor {
    const struct loaded *loaded;
    const struct config_source *source;
    const char *name; /* of the source, in findings */
    bool alone;       /* a table that is missing here can be nowhere else */
    struct findings *findings;
};

void doctor_sqlite(const struct doctor *doctor);
void doctor_postgres(const struct doctor *doctor);

/* Adds a finding of this source. */
#define doctor_ok(doctor, check, ...)                                                    \
    findings_add((doctor)->findings, (doctor)->name, check, FINDING_OK, (struct str){0}, \
                 __VA_ARGS__)
#define doctor_warn(doctor, check, mend, ...) \
    findings_add((doctor)->findings, (doctor)->name, check, FINDING_WARNING, (mend), __VA_ARGS__)
#define doctor_wrong(doctor, check, mend, ...) \
    findings_add((doctor)->findings, (doctor)->name, check, FINDING_PROBLEM, (mend), __VA_ARGS__)
#define DOCTOR_NOTHING ((struct str){0})
