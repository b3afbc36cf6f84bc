#!/usr/bin/env bash
# A corpus -> OUT/events.tsv, the table of its events that stage 0 reads. run.sh calls: local/data.sh --db DB --out OUT
#
# The table has one line per event, with tabs between the cells: filename, class, set (train, valid or test) and, where
# needed, recording (what was recorded together must be in one set), onset and offset in seconds (where a file holds
# several events). As it is, this script takes the files in DB/<set>/<class>/. Edit it for other corpora; it may call
# other programs, such as a Python script beside it (egs/esc50_mix/local), and fetch the corpus first.
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
[ -n "${out}" ] || die "no folder to write: give --out DIR"
mkdir -p "${out}"

folder=$(cd "${db}" && pwd)
for set in train valid test; do
    [ -d "${folder}/${set}" ] || die "${folder}/${set}: no such folder; expected DB/<train|valid|test>/<class>/"
done
trap 'rm -f "${out}/.events.$$.tmp"' EXIT
{
    printf 'filename\tclass\tset\trecording\n'
    for set in train valid test; do
        find "${folder}/${set}" -mindepth 2 -maxdepth 2 -type f | LC_ALL=C sort | while IFS= read -r file; do
            class=$(basename "$(dirname "${file}")")
            name=$(basename "${file}")
            # Every file is its own recording; files with the same name in two sets are two recordings.
            printf '%s\t%s\t%s\t%s\n' "${file}" "${class}" "${set}" "${set}_${class}_${name%.*}"
        done
    done
} >"${out}/.events.$$.tmp"
mv "${out}/.events.$$.tmp" "${out}/events.tsv"
