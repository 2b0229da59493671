#include "cli/hardening.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

bool hardening_apply(bool core_dumps, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(err, "no_new_privs cannot be set: %s", strerror(errno));
    if (!core_dumps && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set(err, "core dumps cannot be switched off: %s", strerror(errno));
    return true;
}
