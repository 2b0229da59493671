# Counting tests. Each stage of scripts/check runs in a process of its own and adds what it counted
# to the file that TALLY names, one line "PASSED FAILED" a call.

tally() { printf '%d %d\n' "$1" "$2" >>"$TALLY"; }

# tally_one COMMAND… — the command is one test.
tally_one() {
    if "$@"; then tally 1 0; else
        tally 0 1
        return 1
    fi
}

# tally_meson BUILD_DIR STATUS — counts the tests inside the programs that the last `meson test`
# ran, from the log that it left. cmocka says "[ RUN ]" before a test and "[ OK ]" after it, so one
# that crashed, hung or was skipped is one that ran and never was OK. A program without such lines
# is one test. STATUS is what meson ended with.
tally_meson() {
    local log=$1/meson-logs/testlog.txt passed=0 failed=0
    [[ -f $log ]] && read -r passed failed < <(awk '
        function close_program() {
            if (!program) return
            if (run == 0) { run = 1; ok = fine }
            else if (!fine && ok == run) run++
            passed += ok
            failed += run - ok
            program = 0
        }
        /^=+ [0-9]+\/[0-9]+ =+$/ { close_program(); program = 1; run = ok = fine = 0 }
        /^result: +exit status 0$/ { fine = 1 }
        /^\[ RUN +\]/ { run++ }
        /^\[ +OK \]/ { ok++ }
        END { close_program(); print passed + 0, failed + 0 }' "$log")
    (($2 == 0 || failed > 0)) || failed=1
    ((passed + failed > 0)) || failed=1
    tally "$passed" "$failed"
    ((failed == 0))
}

# tally_node TAP STATUS — from what Node's test runner wrote. A test that was skipped did not run.
tally_node() {
    local passed=0 failed=0
    [[ -f $1 ]] && read -r passed failed < <(awk '
        /^# pass [0-9]+$/ { passed = $3 }
        /^# (fail|cancelled|skipped|todo) [0-9]+$/ { failed += $3 }
        END { print passed + 0, failed + 0 }' "$1")
    (($2 == 0 || failed > 0)) || failed=1
    ((passed + failed > 0)) || failed=1
    tally "$passed" "$failed"
    ((failed == 0))
}

# tally_vitest JSON STATUS
tally_vitest() {
    local passed=0 failed=0
    [[ -s $1 ]] && read -r passed failed < <(node -e '
        const r = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
        console.log(r.numPassedTests, r.numTotalTests - r.numPassedTests);' "$1")
    (($2 == 0 || failed > 0)) || failed=1
    ((passed + failed > 0)) || failed=1
    tally "$passed" "$failed"
    ((failed == 0))
}
