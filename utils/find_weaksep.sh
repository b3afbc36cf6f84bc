# Sourced, after utils/log.sh, by recipes (path.sh) and by the scripts in utils/ that call weaksep from any folder.
# shellcheck shell=bash

# find_weaksep FOLDER: put weaksep on PATH: tools/venv of the repository in which FOLDER lies, if it lies in one that has
# it, otherwise the environment that is active. Its python is needed too: a recipe's local/ may hold Python scripts.
find_weaksep() {
    local above=$1
    until [ -z "${above}" ] || [ -e "${above}/tools/venv/.complete" ]; do
        above=${above%/*}
    done
    if [ -n "${above}" ]; then
        export PATH="${above}/tools/venv/bin:${PATH}"
    elif ! { command -v weaksep && python -c 'import weaksep'; } >/dev/null 2>&1; then
        die "weaksep is not installed: activate the environment that has it, or run tools/install.sh in its repository"
    fi
    # A worker process computes with one thread; --nj says how many workers.
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
}
