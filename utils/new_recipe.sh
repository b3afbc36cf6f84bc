#!/usr/bin/env bash
# Start a recipe for another corpus: links to the shared scripts, a copy of another recipe's settings to edit, and a
# local/data.sh to adapt.
set -euo pipefail
# In two steps: utils may be a recipe's link, and ".." after a link leads elsewhere.
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && cd .. && pwd)
. "${root}/utils/log.sh"

name=
from=mini_urban

help_message=$(
    cat <<EOF
Usage: $0 [options] NAME

Makes egs/NAME: run.sh, path.sh, cmd.sh and utils are links; local/data.sh, db.sh and conf/ are yours to edit. Nothing
else in the project needs editing.

Options [default]
    --name NAME    the same as NAME: small letters, digits and _
    --from RECIPE  the recipe whose conf/ is copied [${from}]
    --help
EOF
)
. "${root}/utils/parse_options.sh"
[ $# -eq 0 ] || [ -n "${name}" ] || { name=$1 && shift; }
[ $# -eq 0 ] || die "this script takes one name, not '$1' too (--help)"
[[ ${name} =~ ^[a-z][a-z0-9_]*$ ]] || die "--name takes small letters, digits and _, not '${name}'"
[ -d "${root}/egs/${from}/conf" ] || die "no recipe '${from}' in ${root}/egs"
[ -e "${root}/egs/${from}/conf/mix.yaml" ] || die "egs/${from}/conf has no mix.yaml: take another, like mini_urban"
recipe=${root}/egs/${name}
[ ! -e "${recipe}" ] || die "${recipe} is there already"

mkdir "${recipe}"
for script in run.sh path.sh cmd.sh; do
    ln -s "../urbansound_mix/${script}" "${recipe}/${script}"
done
ln -s ../../utils "${recipe}/utils"
mkdir "${recipe}/conf" "${recipe}/local"
# Only the systems: no other configuration folders, and nothing that is specific to that recipe.
find "${root}/egs/${from}/conf" -maxdepth 1 -name '*.yaml' -type f -exec cp {} "${recipe}/conf/" \;
cat >"${recipe}/db.sh" <<'EOF'
# Sourced by run.sh: where the corpus is on this machine. Edit, or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

CORPUS=${CORPUS:-}
EOF
cat >"${recipe}/conf/defaults.sh" <<'EOF'
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf      # configuration folder
db=${CORPUS}     # corpus folder, from db.sh
note="Where the sounds come from, and their licence."
EOF
cat >"${recipe}/conf/data.yaml" <<'EOF'
corpus: table            # of events, written by local/data.sh
sample_rate: 8000        # all audio is brought to this rate
classes: [car_horn, dog_bark, gun_shot, jackhammer, siren]   # the ones you want of those in the table
EOF
cp "${root}/utils/local_data.sh" "${recipe}/local/data.sh"
log "made ${recipe}: now edit local/data.sh, conf/data.yaml and conf/defaults.sh (egs/README.md says how)"
