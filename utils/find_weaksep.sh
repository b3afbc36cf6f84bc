# Sourced, after utils/log.sh, by the scripts in utils/ that call weaksep from any folder.
# shellcheck shell=bash

# find_weaksep ROOT: put weaksep on PATH: ROOT/tools/venv first, then the environment that is active.
find_weaksep() {
    if [ -e "$1/tools/venv/.complete" ]; then
        export PATH="$1/tools/venv/bin:${PATH}"
    elif ! command -v weaksep >/dev/null; then
        die "weaksep is not installed: run $1/tools/install.sh (or activate an environment that has it)"
    fi
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
}
