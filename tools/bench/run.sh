#!/usr/bin/env bash
# All benchmarks, one after the other, and their page: tools/bench/RESULTS.md and RESULTS.json.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. utils/log.sh

all="mixing features reads remixed loop weak_step si_sdr bss_eval scoring separate streaming export nets to_10_db"
all+=" startup memory gpu"
rows=${all}
quick=false
busy=false
out=tools/bench/RESULTS.md

help_message=$(
    cat <<EOF
Usage: $0 [options]

Measures each row against a peer or a limit, in turns, and writes the page. An hour or so, on a machine that does
nothing else. The peers' environments are made first (tools/bench/setup.sh). Rows that are not measured keep what
the page has of them.

Options [default]
    --rows "A B"   what to measure, of: ${all} [all]
    --quick BOOL   tiny sizes, to see that everything runs; goes to the screen alone [${quick}]
    --busy BOOL    measure although other work runs here; the page will say so [${busy}]
    --out FILE     the page; the records go beside it [${out}]
    --help
EOF
)
. utils/parse_options.sh
[ $# -eq 0 ] || die "this script takes options only, not '$1'"
for row in ${rows}; do
    [[ " ${all} " == *" ${row} "* ]] || die "--rows ${row}: no such row; there are: ${all}"
done
[ -e tools/venv/.complete ] && export PATH="${PWD}/tools/venv/bin:${PATH}"
command -v weaksep >/dev/null || die "no program 'weaksep': run tools/install.sh first"
load=$(cut -d ' ' -f 1 /proc/loadavg)
if ! "${quick}" && ! "${busy}" && awk -v load="${load}" 'BEGIN { exit !(load > 0.5) }'; then
    die "other work runs here (load ${load}): wait until it is done, or give --busy true"
fi

unset PYTHONDONTWRITEBYTECODE  # a user's second start finds compiled modules
tools/bench/setup.sh || log "without peers: what needs one of them is left out, see above"
records=$(mktemp)
trap 'rm -f "${records}"' EXIT
failed=
for row in ${rows}; do
    log "${row}"
    WEAKSEP_BENCH_OUT=${records} OMP_NUM_THREADS=1 python "tools/bench/${row}.py" --quick "${quick}" \
        || failed+=" ${row}"
done
if ! "${quick}"; then
    python tools/bench/page.py "${records}" --out "${out}" --load "${load}"
    log "page: ${out}"
fi
[ -z "${failed}" ] || die "failed:${failed}; see above"
