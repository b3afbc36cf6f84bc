#!/usr/bin/env bash
# Begin a recipe for another corpus: links to the shared scripts, and copies of another recipe's settings to edit.
set -euo pipefail
# In two steps: utils may be a recipe's link, and ".." after a link leads elsewhere.
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && cd .. && pwd)
. "${root}/utils/log.sh"

name=
from=mini_urban

help_message=$(
    cat <<EOF
Usage: $0 --name NAME [options]

Makes egs/NAME: run.sh, path.sh, cmd.sh and utils are links; db.sh and conf/ are yours to edit.

Options [default]
    --name NAME    the new recipe: small letters, digits and _
    --from RECIPE  the recipe whose db.sh and conf/ are copied [${from}]
    --help
EOF
)
. "${root}/utils/parse_options.sh"
[ $# -eq 0 ] || die "this script takes options only, not '$1' (--help lists them)"
[[ ${name} =~ ^[a-z][a-z0-9_]*$ ]] || die "--name takes small letters, digits and _, not '${name}'"
[ -d "${root}/egs/${from}/conf" ] || die "no recipe '${from}' in ${root}/egs"
recipe=${root}/egs/${name}
[ ! -e "${recipe}" ] || die "${recipe} is there already"

mkdir "${recipe}"
for script in run.sh path.sh cmd.sh; do
    ln -s "../urbansound_mix/${script}" "${recipe}/${script}"
done
ln -s ../../utils "${recipe}/utils"
cp "${root}/egs/${from}/db.sh" "${recipe}/db.sh"
cp -R "${root}/egs/${from}/conf" "${recipe}/conf"
log "made ${recipe}: now edit db.sh, conf/defaults.sh and conf/data.yaml (egs/README.md says how)"
