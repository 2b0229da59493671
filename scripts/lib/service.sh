# Servers that a script starts and must stop.

# Names, pids and logs of what runs, in the order of the start.
SERVICE_NAMES=()
SERVICE_PIDS=()
SERVICE_LOGS=()

# service_start NAME LOG COMMAND…
service_start() {
    local name=$1 log=$2
    shift 2
    "$@" >"$log" 2>&1 </dev/null &
    SERVICE_NAMES+=("$name")
    SERVICE_PIDS+=($!)
    SERVICE_LOGS+=("$log")
}

# service_address LOG — the first host:port in the log's line that says that it listens; empty as
# long as there is none.
service_address() {
    sed -nE 's/.*listen(ing|s)?( on)?[^0-9[]*(http:\/\/)?((\[[0-9a-f:]+\]|[0-9]+(\.[0-9]+){3}):[0-9]+).*/\4/p' \
        "$1" 2>/dev/null | head -n 1
}

# service_wait NAME — waits until the service has said where it listens; sets ADDRESS.
service_wait() {
    local index log pid began=$SECONDS
    for index in "${!SERVICE_NAMES[@]}"; do
        [[ ${SERVICE_NAMES[index]} == "$1" ]] && break
    done
    log=${SERVICE_LOGS[index]} pid=${SERVICE_PIDS[index]}
    # The log itself may not be there yet.
    while ! ADDRESS=$(service_address "$log") || [[ -z $ADDRESS ]]; do
        if ! kill -0 "$pid" 2>/dev/null; then
            cat "$log" >&2
            die "$1 did not start; its output is above"
        fi
        if ((SECONDS - began > 20)); then
            cat "$log" >&2
            die "$1 has not said where it listens for 20 s; its output is above"
        fi
        sleep 0.05
    done
}

# service_first_dead — the index of a service that is no longer running; fails when all run.
service_first_dead() {
    local index
    for index in "${!SERVICE_PIDS[@]}"; do
        if ! kill -0 "${SERVICE_PIDS[index]}" 2>/dev/null; then
            printf '%s\n' "$index"
            return 0
        fi
    done
    return 1
}

# service_stop_all — asks each to end, the last one first, and after 10 s ends it. Returns 1 if one
# had to be forced or ended with an error.
service_stop_all() {
    local index pid tries status fine=0
    for ((index = ${#SERVICE_PIDS[@]} - 1; index >= 0; index--)); do
        pid=${SERVICE_PIDS[index]}
        kill -TERM "$pid" 2>/dev/null
        for ((tries = 0; tries < 200; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
        if kill -KILL "$pid" 2>/dev/null; then
            say "${SERVICE_NAMES[index]} did not end within 10 s and was killed"
            fine=1
        fi
        status=0
        wait "$pid" 2>/dev/null || status=$?
        # 143 is a process that has no handler for the signal that it was asked with.
        if ((status != 0 && status != 143)); then
            say "${SERVICE_NAMES[index]} ended with status $status; its last lines:"
            tail -n 20 "${SERVICE_LOGS[index]}"
            fine=1
        fi
    done
    SERVICE_NAMES=() SERVICE_PIDS=() SERVICE_LOGS=()
    return "$fine"
}
