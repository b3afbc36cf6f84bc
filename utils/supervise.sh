# Sourced by run.sh: run commands so that signals to this script reach them and their end is waited for.
# shellcheck shell=bash

supervised_pid=
interrupted=0

# supervised COMMAND...: run it and return its status. It runs in the background, since bash holds back a signal until a
# foreground command has ended, which may take hours. After a signal: 130, 143 or 138, however the command ended.
supervised() {
    local status=0
    supervised_pid=none-yet
    "$@" &
    supervised_pid=$!
    # A signal that came before there was a process to pass it on to.
    [ "${interrupted}" -eq 0 ] || kill -s TERM "${supervised_pid}" 2>/dev/null || true
    wait "${supervised_pid}" || status=$?
    # A trapped signal ends the wait, not the command: it is saving what it has.
    while kill -0 "${supervised_pid}" 2>/dev/null; do
        wait "${supervised_pid}" || status=$?
    done
    supervised_pid=
    [ "${interrupted}" -eq 0 ] || status=${interrupted}
    return "${status}"
}

# pass_signals_on: from now on SIGINT, SIGTERM, and SIGUSR1 (sbatch --signal), go to the running command; when there is
# none they end the script.
pass_signals_on() {
    trap 'pass_on 130' INT
    trap 'pass_on 143' TERM
    trap 'pass_on 138' USR1
}

pass_on() {
    interrupted=$1
    [ -n "${supervised_pid}" ] || exit "$1"
    # TERM for all: bash starts commands in the background with SIGINT ignored.
    [ "${supervised_pid}" = none-yet ] || kill -s TERM "${supervised_pid}" 2>/dev/null || true
}
