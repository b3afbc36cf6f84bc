#!/usr/bin/env bash
# A corpus -> OUT/events.tsv, the table of its events that stage 0 reads. run.sh calls: local/data.sh --db DB --out OUT
#
# The table has a line an event, its cells parted by tabs: filename, class, set (train, valid or test) and, where it
# matters, recording (what was recorded together must be in one set), onset and offset in seconds (where a file holds
# several events). As it is, this script takes files that lie in DB/<set>/<class>/. Edit it for other corpora; it may
# call other programs, such as a Python script beside it (egs/esc50_mix/local), and fetch the corpus first.
set -euo pipefail
. utils/log.sh

db=
out=

help_message=$(
    cat <<EOF
Usage: $0 --db DIR --out DIR

Options [default]
    --db DIR   folder of the corpus [${db}]
    --out DIR  where events.tsv goes [${out}]
    --help
EOF
)
. utils/parse_options.sh
[ -n "${db}" ] || die "no folder of the corpus: name it in db.sh or give --db DIR"
[ -d "${db}" ] || die "${db}: no such folder"
mkdir -p "${out}"

folder=$(cd "${db}" && pwd)
{
    printf 'filename\tclass\tset\n'
    for set in train valid test; do
        find "${folder}/${set}" -mindepth 2 -maxdepth 2 -type f | LC_ALL=C sort | while IFS= read -r file; do
            printf '%s\t%s\t%s\n' "${file}" "$(basename "$(dirname "${file}")")" "${set}"
        done
    done
} >"${out}/.events.$$.tmp"
mv "${out}/.events.$$.tmp" "${out}/events.tsv"
