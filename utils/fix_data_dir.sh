#!/usr/bin/env bash
# Repair the tables of a data folder: utils/fix_data_dir.sh DIR [options]; --help lists them. It is `weaksep fix`.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where
# -P: in a recipe, utils is a link.
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && cd .. && pwd)
. "${root}/utils/log.sh"
. "${root}/utils/find_weaksep.sh"
find_weaksep "${root}"
exec weaksep fix "$@"
