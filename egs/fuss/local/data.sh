#!/usr/bin/env bash
# FUSS -> OUT/events.tsv, the table of its sources that stage 0 reads, with the labels that FSD50K has for them. Called
# by run.sh: local/data.sh --db DB --out OUT
set -euo pipefail
. utils/log.sh
# shellcheck source=../db.sh
. ./db.sh

db=
out=
fsd50k=${FSD50K}

help_message=$(
    cat <<EOF
Usage: $0 --db DIR --out DIR [options]

Options [default]
    --db DIR      folder of FUSS, with fsd_data/ [${db}]
    --out DIR     where events.tsv goes [${out}]
    --fsd50k DIR  folder of FSD50K, of which FSD50K.ground_truth/ is enough [${fsd50k}]
    --help
EOF
)
. utils/parse_options.sh
[ -n "${db}" ] || die "no folder for FUSS: set FUSS= in db.sh or give --db DIR"
[ -d "${db}/fsd_data" ] || die "${db}: holds no fsd_data; expected the folder with FUSS_fsd_data.tar.gz unpacked"
[ -n "${fsd50k}" ] || die "no folder for FSD50K, whose labels are needed: set FSD50K= in db.sh"
[ -n "${out}" ] || die "no folder to write: give --out DIR"
mkdir -p "${out}"
python local/fuss_table.py "${db}" "${fsd50k}" "${out}/events.tsv"
