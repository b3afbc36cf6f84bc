# Sourced by run.sh: the table of how long each stage took.
# shellcheck shell=bash

# record_stage_time FILE STAGE NAME SECONDS: write a row to FILE (columns stage name seconds finished_at), replacing the
# stage's earlier row. The new table is written beside the old one and renamed over it.
record_stage_time() {
    local file=$1 stage=$2 name=$3 seconds=$4 temporary
    mkdir -p "$(dirname "${file}")"
    rm -f "$(dirname "${file}")"/.stage_times.*.tmp.tsv # left by a run that was killed here
    temporary=$(dirname "${file}")/.stage_times.$$.tmp.tsv
    {
        printf 'stage\tname\tseconds\tfinished_at\n'
        {
            if [ -e "${file}" ]; then
                awk -F '\t' -v stage="${stage}" 'NR > 1 && $1 != stage' "${file}"
            fi
            printf '%s\t%s\t%s\t%s\n' "${stage}" "${name}" "${seconds}" "$(date '+%Y-%m-%dT%H:%M:%S')"
        } | LC_ALL=C sort -n
    } >"${temporary}"
    sync "${temporary}"
    mv "${temporary}" "${file}"
}
