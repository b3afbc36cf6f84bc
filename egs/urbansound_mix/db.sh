# Sourced by run.sh: where the corpora are on this machine. Edit, or set the variable in the environment,
# or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

# The folder that holds audio/fold1 ... audio/fold10 and metadata/UrbanSound8K.csv (6 GB, CC BY-NC).
# Not there yet? `./run.sh --db DIR --download true` fetches it into DIR.
URBANSOUND8K=${URBANSOUND8K:-}
