# Sourced by run.sh: find the Python that has weaksep. tools/venv first, then the environment that is active.
# shellcheck shell=bash

weaksep_root=$(cd ../.. && pwd)
if [ -e "${weaksep_root}/tools/venv/.complete" ]; then
    export PATH="${weaksep_root}/tools/venv/bin:${PATH}"
elif ! { command -v weaksep && python -c 'import weaksep'; } >/dev/null 2>&1; then
    die "weaksep is not installed: run ${weaksep_root}/tools/install.sh (or activate an environment that has it)"
fi

# Tables are sorted by bytes, whatever the user's language.
export LC_ALL=C
# A worker process computes with one thread; --nj says how many workers.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# Log lines and progress appear when they happen, also through a pipe.
export PYTHONUNBUFFERED=1
