# What every script here stands on: a sane environment, words about what is going on, and leaving
# nothing behind. Sourced first; it moves to the top of the repository, so that a script works from
# any directory.
#
# Locale, time zone and HOME may all be unset (a container, cron, `env -i`): they are given values
# here, once, so that no tool has to guess.

set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$REPO"

export LC_ALL=C.UTF-8
export TZ=${TZ:-UTC}
export PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
if [[ ! -d ${HOME:-} ]]; then
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6) || HOME=
    [[ -d $HOME ]] || HOME=${TMPDIR:-/tmp}
fi
export HOME

# How many jobs a build or a check runs side by side.
JOBS=${JOBS:-$(nproc)}

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# ---- leaving -----------------------------------------------------------------------------------

# at_exit COMMAND… — run when the script ends, however it ends, the last one first. Commands run
# with errexit off: each must be attempted.
AT_EXIT=()
at_exit() { AT_EXIT=("$(printf '%q ' "$@")" "${AT_EXIT[@]}"); }

run_at_exit() {
    local status=$? each
    trap '' INT TERM HUP
    set +e
    for each in "${AT_EXIT[@]}"; do eval "$each"; done
    exit "$status"
}
trap run_at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

SCRATCH=
# A directory of this run's own, gone with it. Sets SCRATCH; call it before the first subshell that
# needs it.
need_scratch() {
    [[ -z $SCRATCH ]] || return 0
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/unstale-script.XXXXXX")
    at_exit rm -rf "$SCRATCH"
}

# ---- long steps --------------------------------------------------------------------------------

# 75 → "1 min 15 s"
duration() {
    if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

# The process group that long_job is waiting for, so that Ctrl-C ends it with all its children.
LONG_JOB=
end_long_job() {
    [[ -n $LONG_JOB ]] || return 0
    kill -TERM -- "-$LONG_JOB" 2>/dev/null && sleep 0.5
    kill -KILL -- "-$LONG_JOB" 2>/dev/null
    LONG_JOB=
}
at_exit end_long_job

# long_job LOG WHAT COMMAND… — runs the command with its output in the file LOG and nothing on its
# standard input, saying every 15 s that it is still at it. Returns the command's status.
#
# The command is a process group of its own (hence `set -m`): a script that is stopped must take
# the compilers and servers that it started along, and a signal to one pid would not.
long_job() {
    local log=$1 what=$2 began=$SECONDS next=15 status=0
    shift 2
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    LONG_JOB=$!
    set +m
    while kill -0 "$LONG_JOB" 2>/dev/null; do
        sleep 0.1
        if ((SECONDS - began >= next)); then
            say "  … still $what ($(duration $((SECONDS - began))))"
            next=$((next + 15))
        fi
    done
    wait "$LONG_JOB" || status=$?
    LONG_JOB=
    return "$status"
}

# long_step WHAT COMMAND… — long_job with its log shown only when it fails. Ends the script then:
# nothing that follows could work.
long_step() {
    local what=$1 log status=0
    shift
    need_scratch
    log=$SCRATCH/step.log
    say "· $what"
    long_job "$log" "$what" "$@" || status=$?
    ((status == 0)) && return 0
    cat "$log" >&2
    die "$what failed (status $status); its output is above"
}
