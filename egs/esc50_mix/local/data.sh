#!/usr/bin/env bash
# ESC-50 -> OUT/events.tsv, the table of its clips that stage 0 reads. Called by run.sh: local/data.sh --db DB --out OUT
set -euo pipefail
. utils/log.sh

db=
out=

help_message=$(
    cat <<EOF
Usage: $0 --db DIR --out DIR

Options [default]
    --db DIR   folder of ESC-50, with audio/ and meta/esc50.csv [${db}]
    --out DIR  where events.tsv goes [${out}]
    --help
EOF
)
. utils/parse_options.sh
[ -n "${db}" ] || die "no folder for ESC-50: set ESC50= in db.sh or give --db DIR"
[ -f "${db}/meta/esc50.csv" ] || die "${db}: holds no meta/esc50.csv; expected the folder of ESC-50"
[ -n "${out}" ] || die "no folder to write: give --out DIR"
mkdir -p "${out}"
python local/esc50_table.py "${db}" "${out}/events.tsv"
