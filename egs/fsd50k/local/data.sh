#!/usr/bin/env bash
# FSD50K -> OUT/events.tsv, the table of the sounds that stage 0 reads; with --recordings true the label files of its
# recordings instead. Called by run.sh: local/data.sh --db DB --out OUT
set -euo pipefail
. utils/log.sh

db=
out=
recordings=false

help_message=$(
    cat <<EOF
Usage: $0 --db DIR --out DIR [options]

Options [default]
    --db DIR           folder of FSD50K, with FSD50K.ground_truth/ and so on [${db}]
    --out DIR          where the tables go [${out}]
    --recordings BOOL  the labels of recordings, for CONFIG/prepare.yaml, instead of sounds to mix [${recordings}]
    --help
EOF
)
. utils/parse_options.sh
[ -n "${db}" ] || die "no folder for FSD50K: set FSD50K= in db.sh or give --db DIR"
[ -d "${db}/FSD50K.ground_truth" ] || die "${db}: holds no FSD50K.ground_truth; expected the folder of FSD50K, with FSD50K.ground_truth/ and so on"
[ -n "${out}" ] || die "no folder to write: give --out DIR"
mkdir -p "${out}"
if "${recordings}"; then  # they are found in OUT/audio
    [ ! -e "${out}/audio" ] || [ -L "${out}/audio" ] || die "${out}/audio: is there and no link; move it away"
    ln -sfn "$(cd "${db}" && pwd)" "${out}/audio"
    python local/fsd50k_tables.py recordings "${db}" "${out}"
else
    python local/fsd50k_tables.py events "${db}" "${out}"
fi
