# Sourced by the recipes: log lines as `2026-11-22T18:00:00 (run.sh:57:main) text`.
# shellcheck shell=bash

# log TEXT...: print one line with the calling file, line and function.
log() {
    printf '%s (%s:%s:%s) %s\n' "$(date '+%Y-%m-%dT%H:%M:%S')" \
        "${BASH_SOURCE[1]##*/}" "${BASH_LINENO[0]}" "${FUNCNAME[1]:-main}" "$*"
}

# die TEXT...: print one line on stderr and end the script with status 2 (a mistake on the command line).
die() {
    printf '%s: error: %s\n' "${0##*/}" "$*" >&2
    exit 2
}
