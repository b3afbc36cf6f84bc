#!/usr/bin/env bash
# All checks: ruff, mypy, shellcheck, the site's links and anchors, pytest. The last line is pytest's count.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. utils/log.sh

recipe=false
nj=$(nproc)

help_message=$(
    cat <<EOF
Usage: $0 [options]

Options [default]
    --recipe BOOL  also run all stages of the small recipe, with a short budget (minutes) [${recipe}]
    --nj N         tests at a time, one thread each [${nj}]
    --help
EOF
)
. utils/parse_options.sh
[ $# -eq 0 ] || die "this script takes options only, not '$1' (for single tests call pytest itself)"

[ -e tools/venv/.complete ] && export PATH="${PWD}/tools/venv/bin:${PATH}"
for program in ruff mypy shellcheck pytest weaksep; do
    command -v "${program}" >/dev/null || die "no program '${program}': run tools/install.sh first"
done

log "ruff"
ruff check .
log "mypy"
mypy
log "shellcheck"
find .ci/run tools utils egs test -name "venv*" -prune -o -type f \( -name '*.sh' -o -path .ci/run \) -print0 \
    | xargs -0 shellcheck --external-sources --source-path=SCRIPTDIR
if command -v mkdocs >/dev/null; then
    log "mkdocs"
    # Not with --quiet, which keeps --strict from counting warnings.
    NO_MKDOCS_2_WARNING=1 mkdocs build --strict
else
    log "no mkdocs (the extra docs): the site is not built"
fi
log "pytest"
# Thousands of small files that are forced to the disk: in memory, where there is room, they cost no time.
if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt 4000000 ]; then
    export PYTEST_DEBUG_TEMPROOT=${PYTEST_DEBUG_TEMPROOT:-/dev/shm}
fi
marks='not recipe'
"${recipe}" && marks='recipe or not recipe'
# Tests of one file may share what one of them has made in minutes, and so a worker.
OMP_NUM_THREADS=1 pytest -o tmp_path_retention_policy=failed -n "${nj}" --dist loadfile --no-loadscope-reorder -m "${marks}"
