#!/usr/bin/env bash
# DESED -> OUT/events.tsv, the table of the sounds that stage 0 reads; with --recordings true the label files of its
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
    --db DIR           folder of DESED, with audio/ and metadata/ [${db}]
    --out DIR          where the tables go [${out}]
    --recordings BOOL  the labels of recordings, for CONFIG/prepare.yaml, instead of sounds to mix [${recordings}]
    --help
EOF
)
. utils/parse_options.sh
[ -n "${db}" ] || die "no folder for DESED: set DESED= in db.sh or give --db DIR"
[ -d "${db}/audio" ] || die "${db}: holds no audio; expected the folder of DESED, with audio/ and metadata/"
[ -n "${out}" ] || die "no folder to write: give --out DIR"
mkdir -p "${out}"
if "${recordings}"; then  # they are found in OUT/audio
    [ ! -e "${out}/audio" ] || [ -L "${out}/audio" ] || die "${out}/audio: is there and no link; move it away"
    ln -sfn "$(cd "${db}/audio" && pwd)" "${out}/audio"
    python local/desed_tables.py recordings "${db}" "${out}"
else
    python local/desed_tables.py events "${db}" "${out}"
fi
